"""What a template holds for its own corner and this package does not fill: kept with that corner, never passed on as another's.

When the numbers of another corner are written into a template, then by default

- models and tables are dropped: current-source models of timing, receivers, noise and power, LVF tables that nobody filled, retain times,
  delay degradation, electromigration;
- so are ranges of pin capacitances (a tool then takes the capacitance), k-factors other than zero (the slopes around the template's
  corner; without them a tool does not scale), and scaled cells for the conditions that the target takes the place of;
- delays in another form than NLDM tables (propagation tables, linear models) are refused: nothing would take their place;
- scaled cells for other conditions stay: they are those conditions' own;
- single numbers stay (default limits, minimum periods, voltage ranges, fan-out loads), and are counted in what writing reports.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from eda_plugin.adapters.liberty.document import Document
from eda_plugin.adapters.liberty.edit import Edits
from eda_plugin.adapters.liberty.header import conditions_row
from eda_plugin.adapters.liberty.scan import COMPLEX, GROUP, SIMPLE
from eda_plugin.domain.quantity import VARIATION, group_of
from eda_plugin.errors import UserError

__all__ = ["UNFILLED", "carried_numbers", "drop_unfilled"]

UNFILLED = (
    "output_current_rise", "output_current_fall", "compact_ccs_rise", "compact_ccs_fall", "ccs_retain_rise", "ccs_retain_fall",
    "receiver_capacitance", "receiver_capacitance1_rise", "receiver_capacitance1_fall", "receiver_capacitance2_rise",
    "receiver_capacitance2_fall", "receiver_capacitance_rise", "receiver_capacitance_fall", "ccsn_first_stage", "ccsn_last_stage",
    "input_ccb", "output_ccb", "dc_current", "output_voltage_rise", "output_voltage_fall", "propagated_noise_high", "propagated_noise_low",
    "propagation_noise_high", "propagation_noise_low", "noise_immunity_above_high", "noise_immunity_below_low", "noise_immunity_high",
    "noise_immunity_low", "steady_state_current_high", "steady_state_current_low", "steady_state_current_tristate",
    "dynamic_current", "leakage_current", "gate_leakage", "intrinsic_parasitic", "retaining_rise", "retaining_fall", "retain_rise_slew",
    "retain_fall_slew", "cell_degradation", "electromigration",
)  # fmt: skip
_OTHER_DELAYS = ("rise_propagation", "fall_propagation", "intrinsic_rise", "intrinsic_fall")
_REFERENCES = ("active_input_ccb", "active_output_ccb", "propagating_ccb")
_RANGES = ("rise_capacitance_range", "fall_capacitance_range")
_FACTOR = re.compile(r"k_(process|volt|temp)_\w+$")
_EVERYWHERE = ("nom_process", "process", "revision", "pg_pin", "test_cell", "type")  # the same at every corner of a library
_ZERO = re.compile(rb'[\s"]*+[-+]?(?:0++\.?+0*+|\.0++)(?:[eE][-+]?\d++)?[\s"]*+$')
_NUMBER = re.compile(rb'[\s"(,]*+[-+]?(?:\d++\.?+\d*+|\.\d++)(?:[eE][-+]?\d++)?[\s",)]*+$')


def drop_unfilled(document: Document, edits: Edits, placed: set[int], *, keep: bool) -> list[int]:
    """Take out what holds for the template's corner only, all but unfilled LVF tables unless ``keep``. Gives the rows taken out.

    Raises ``UserError`` for delays in a form that is not filled.
    """
    index = document.index
    last = int(np.searchsorted(index.start, index.end[document.row]))
    entries = document.entries
    owners = zip(entries.owner.tolist(), entries.keys, strict=True)
    rows = {owner for owner, key in owners if group_of(key.quantity) == "variation"} - placed
    if not keep:
        _refuse_other_delays(document, last)
        lvf = [name for name in index.names if name.startswith("ocv_") and name not in VARIATION and not name.endswith("_template")]
        rows |= {row for row in index.rows((*UNFILLED, *lvf), GROUP).tolist() if index.name_of(int(index.parent[row])) != "library"}
        rows |= {row for name in _REFERENCES for row in index.by_parent(name).values()}
        rows |= set(index.rows(_RANGES, COMPLEX).tolist())
        factors = index.rows([name for name in index.names if _FACTOR.match(name)], SIMPLE).tolist()
        rows |= {row for row in factors if not _ZERO.match(index.raw(row))}
        own = conditions_row(index, document.row)
        replaced = None if own is None else index.argument(own)
        stays = []
        for row in index.rows(["scaled_cell"], GROUP).tolist():
            if replaced in (None, index.raw(row).decode("latin-1").rpartition(",")[2].strip(' "\t\r\n')):
                rows.add(row)
            else:
                stays.append((int(index.start[row]), int(index.end[row])))
        rows = {row for row in rows if not any(begin < index.start[row] < end for begin, end in stays)}
    dropped = []
    gone = 0
    for row in sorted(rows):
        if document.row < row < last and index.start[row] >= gone:
            edits.drop(row)
            dropped.append(row)
            gone = int(index.end[row])
    return dropped


def _refuse_other_delays(document: Document, last: int) -> None:
    index = document.index
    for kind in (GROUP, SIMPLE):
        for row in index.rows(_OTHER_DELAYS, kind).tolist():
            if document.row < row < last and index.name_of(int(index.parent[row])) == "timing":
                path, line = document.source.line(int(index.start[row]))
                raise UserError(
                    f"{path}:{line}: {index.name_of(row)} states a delay of the template's corner and is not filled; take a template with "
                    "cell_rise and cell_fall tables"
                )


def carried_numbers(document: Document, dropped: Sequence[int]) -> dict[str, int]:
    """What is not interpreted, was not dropped and holds numbers, by name: the template's still."""
    index = document.index
    rows = np.setdiff1d(document.uninterpreted_rows(), dropped)
    groups = index.kind[rows] == GROUP
    counts: Counter[str] = Counter()
    for row, group in zip(rows.tolist(), groups.tolist(), strict=True):
        if index.name_of(row) not in _EVERYWHERE and (group or any(map(_NUMBER.match, index.raw(row).split(b",")))):
            counts[index.name_of(row)] += 1
    return dict(counts.most_common())
