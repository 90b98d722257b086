"""A predictor as one Tcl file that OpenSTA and other Tcl shells source: data, and one procedure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from eda_plugin.adapters.predictor.baked import Baked, paired
from eda_plugin.domain.predictor import LEAST, UNIT
from eda_plugin.errors import UserError
from eda_plugin.files import replace_atomically

__all__ = ["write_tcl"]

_CODE = """
# @NAME@::predict TABLE CORNER SLEW LOAD: {value lower upper status} in SI units. TABLE and CORNER by name or number; slew in s, load
# in F (of constraints: slews of the related and of the constrained pin). status: 0, or the sum of 1 slew or load outside the table
# trained on, 2 corner not trained on, 4 completed from other corners. A query that has no answer is an error.
proc @NAME@::walk {name x} {
    variable $name
    upvar 0 $name trees
    lassign $trees depth total roots nodes
    foreach at $roots {
        for {set step 0} {$step < $depth} {incr step} {
            lassign [lindex $nodes $at] threshold left feature value
            if {$left == $at} { break }
            set at [expr {$left + ([lindex $x $feature] > $threshold)}]
        }
        set total [expr {$total + [lindex $nodes $at 3]}]
    }
    return $total
}

proc @NAME@::number {names word what} {
    if {[string is integer -strict $word] && $word >= 0 && $word < [llength $names]} { return $word }
    set found [lsearch -exact $names $word]
    if {$found < 0} { error "@NAME@::predict: no $what '$word'; @NAME@::tables and @NAME@::corners list those that are known" }
    return $found
}

proc @NAME@::predict {table corner slew load} {
    variable tables; variable corners; variable shapes; variable log_scales; variable span_of; variable spans; variable levels
    variable widths; variable floors; variable conditions; variable references; variable quantities; variable powers
    variable centre; variable components
    set table [number $tables $table table]
    set corner [number $corners $corner corner]
    foreach {what given} [list slew $slew load $load] {
        if {![string is double -strict $given] || !($given >= 0 && $given <= 1e300)} {
            error "@NAME@::predict: the $what is '$given'; expected a number in SI units, 0 or more"
        }
    }
    set place [expr {$table * [llength $corners] + $corner}]
    set shape [lindex $shapes $place]
    set log_scale [lindex $log_scales $place]
    set scale [expr {exp($log_scale) * @UNIT@}]
    set reference [lindex $references $table]
    lassign [lindex $spans [lindex $span_of $place]] s0 s1 c0 c1
    set is [expr {$slew < $s0 ? $s0 : $slew > $s1 ? $s1 : double($slew)}]
    set ic [expr {$load < $c0 ? $c0 : $load > $c1 ? $c1 : double($load)}]
    set u [expr {2 * (pow($is / @HIGH@, @SLEW_POWER@) - @ZERO@) / @WIDE@ - 1}]
    set v [expr {2 * pow($ic / $reference, @LOAD_POWER@) - 1}]
    foreach {series slope at degree} [list p dp $u @I@ q dq $v @J@] {
        set $series [list 1.0 $at]
        set $slope [list 0.0 1.0]
        for {set i 2} {$i < $degree} {incr i} {
            set a [lindex [set $series] end]; set b [lindex [set $series] end-1]
            set da [lindex [set $slope] end]; set db [lindex [set $slope] end-1]
            lappend $series [expr {2 * $at * $a - $b}]
            lappend $slope [expr {2 * $a + 2 * $at * $da - $db}]
        }
    }
    set mean 0.0; set along_slew 0.0; set along_load 0.0
    foreach k $shape power $powers {
        lassign $power i j
        set mean [expr {$mean + $k * [lindex $p $i] * [lindex $q $j]}]
        set along_slew [expr {$along_slew + $k * [lindex $dp $i] * [lindex $q $j]}]
        set along_load [expr {$along_load + $k * [lindex $p $i] * [lindex $dq $j]}]
    }
    set mean [expr {$mean * $scale}]
    set status [expr {abs($is - $slew) > 1e-6 * $slew || abs($ic - $load) > 1e-6 * $load}]
    if {$status} {
        set du [expr {2 * @SLEW_POWER@ * pow(max($is / @HIGH@, 1e-6), @SLEW_POWER@ - 1) / @HIGH@ / @WIDE@}]
        set dv [expr {2 * @LOAD_POWER@ * pow(max($ic / $reference, 1e-6), @LOAD_POWER@ - 1) / $reference}]
        set mean [expr {$mean + $scale * ($along_slew * $du * ($slew - $is) + $along_load * $dv * ($load - $ic))}]
    }
    set log_slew [expr {log(max($is, 1e-6 * @HIGH@))}]
    set x [list $v [expr {$log_slew - log(@HIGH@)}] [expr {$log_slew - $log_scale}] $log_scale [lindex $quantities $table]]
    lappend x {*}[lindex $conditions $corner]
    foreach column $components {
        set total 0.0
        foreach k $shape c $centre weight $column { set total [expr {$total + ($k * @UNIT@ - $c) * $weight}] }
        lappend x $total
    }
    set size [expr {max(abs($mean), [lindex $floors $corner])}]
    set value [expr {$mean + $size * [walk residual $x]}]
    set level [lindex $levels $place]
    set width [lindex $widths $level]
    if {$width eq "nan"} {
        lassign {nan nan} lower upper
    } else {
        set lower [expr {$value - max(-[walk low $x], @LEAST@) * $width * $size}]
        set upper [expr {$value + max([walk high $x], @LEAST@) * $width * $size}]
    }
    return [list $value $lower $upper [expr {$status + [lindex {0 4 2} $level]}]]
}
"""


def write_tcl(baked: Baked, path: str | Path, name: str) -> None:
    """Write the Tcl file, whole or not at all. ``name`` is that of the namespace: an identifier."""
    if not name.isidentifier() or not name.isascii():
        raise UserError(f"{name!r} is no name of a namespace; use letters, digits and _")
    model = baked.predictor
    low, high = model.slew_range
    first, second = (float(exponent) for exponent in model.exponents)
    zero = float((low / high) ** first)
    lines = [f"# Written by eda-plugin train-predictor: {len(model.keys)} {name} tables at {len(baked.corners)} corners."]
    lines.append(f"namespace eval {name} {{}}")
    data: dict[str, Iterable[object]] = {
        "tables": baked.table_names,
        "corners": [corner.name for corner in baked.corners],
        "shapes": baked.shape.reshape(-1, len(model.powers)).tolist(),
        "log_scales": baked.log_scale.ravel().tolist(),
        "span_of": baked.span.ravel().tolist(),
        "spans": baked.spans.tolist(),
        "levels": baked.level.ravel().tolist(),
        "widths": baked.widths,
        "floors": baked.floor.tolist(),
        "conditions": baked.conditions.tolist(),
        "references": model.load_reference.tolist(),
        "quantities": model.quantity.tolist(),
        "powers": model.powers.tolist(),
        "centre": model.centre.tolist(),
        "components": model.components.T.tolist(),
    }
    for ensemble, trees in (("residual", model.residual), ("low", model.low), ("high", model.high)):
        made = paired(trees)
        threshold = np.where(np.isinf(made.threshold), 0.0, made.threshold)
        nodes = [
            list(node) for node in zip(threshold.tolist(), made.left.tolist(), made.feature.tolist(), made.value.tolist(), strict=True)
        ]
        # One step more than the depth: the walk ends at a leaf by itself.
        data[ensemble] = [made.depth + 1, made.baseline, made.root.tolist(), nodes]
    lines.extend(f"set {name}::{key} {{{_words(values)}}}" for key, values in data.items())
    text = "\n".join(lines) + _CODE
    words = {"NAME": name, "UNIT": repr(UNIT), "HIGH": repr(float(high)), "ZERO": repr(zero), "WIDE": repr(max(1 - zero, 1e-3))}
    words |= {"SLEW_POWER": repr(first), "LOAD_POWER": repr(second), "LEAST": repr(LEAST)}
    words |= {"I": str(max(int(model.powers[:, 0].max()), 1) + 1), "J": str(max(int(model.powers[:, 1].max()), 1) + 1)}
    for word, meant in words.items():
        text = text.replace(f"@{word}@", meant)
    with replace_atomically(Path(path)) as part:
        part.write_text(text, encoding="utf-8")


def _words(values: Iterable[object]) -> str:
    """A Tcl list; numbers with all their digits, texts in braces."""
    return " ".join(
        f"{{{_words(value)}}}" if isinstance(value, list) else (f"{{{value}}}" if isinstance(value, str) else repr(value))
        for value in values
    )
