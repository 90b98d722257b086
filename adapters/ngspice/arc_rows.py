"""Monte Carlo rows of an edge of an arc at a corner: each row has its own process parameters, slew and load, and one short transient.

As in ``variation`` a process of ngspice reads the circuit once and simulates many rows; but only the arc's own edge is simulated, and a
transient ends soon after the output is through: how soon, a row of the nominal process at the same slew and load tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters.ngspice.deck import Bench
from eda_plugin.adapters.ngspice.log import LogRow, parse_rows
from eda_plugin.adapters.ngspice.logic import Stimulus, sensitise
from eda_plugin.adapters.ngspice.netlist import read_ports
from eda_plugin.adapters.ngspice.run import answer_rows, in_parallel, run_deck
from eda_plugin.adapters.ngspice.variation import LONGEST, RowBench
from eda_plugin.domain import Arc, Corner
from eda_plugin.domain.variation import Parameter
from eda_plugin.errors import UserError

__all__ = ["ArcBench", "simulate_arc"]

Floats = NDArray[np.float64]
_ROOM = 1.5
"""A transient runs this much longer than delay and transition of the nominal process: 0.1 to 2.5 % of the rows need a second one."""
_FIRST = 2e-10  # s after the ramp, of a first look


@dataclass(frozen=True)
class ArcBench:
    """An edge of an arc's output at a corner. ``rows.section`` and the law's ranges don't count: the corner names both."""

    rows: RowBench
    arc: Arc
    edge: str
    corner: Corner

    @property
    def stimulus(self) -> Stimulus:
        return sensitise(self.rows.cell, self.arc)


def simulate_arc(bench: ArcBench, parameters: Floats, points: Floats, *, workers: int = 1) -> Floats:
    """Delay and transition (n, 2) in s of rows: ``parameters`` (n, p) of the law, ``points`` (n, 2) slew in s and load in F.

    NaN where ngspice found no crossing. Rows of equal parameters that follow each other are cheaper. The result depends neither on
    ``workers`` nor on the order. Raises ``UserError`` where a file or ngspice is missing or the nominal cell does not switch.
    """
    for path in (bench.rows.netlists, bench.rows.models):
        if not path.is_file():
            raise UserError(f"no file {path}; netlists and models are named in study.toml")
    law = replace(bench.rows.law, parameters=_at_section(bench))
    bench = replace(bench, rows=replace(bench.rows, law=law))
    places, inverse = np.unique(points, axis=0, return_inverse=True)
    means = np.tile([one.mean for one in law.parameters], (len(places), 1))
    nominal = _answered(bench, means, places, np.full(len(places), _FIRST), workers)
    lost = np.flatnonzero(np.isnan(nominal).any(axis=1))
    if len(lost):
        slew, load = places[lost[0]]
        raise UserError(f"{bench.arc} at {bench.corner}: no {bench.edge} at slew {slew:g} s and load {load:g} F with the nominal process")
    ends = _ROOM * (np.maximum(nominal[:, 0], 0.0) + nominal[:, 1]) + 2e-12
    return _answered(bench, parameters, points, ends[inverse.ravel()], workers)


def _answered(bench: ArcBench, parameters: Floats, points: Floats, ends: Floats, workers: int) -> Floats:
    """Rows with a first end of the transient (s after the ramp's middle); those without an answer again with ends three times later."""
    out = np.full((len(points), 2), np.nan)
    left = np.arange(len(points))
    ends = ends.copy()
    while len(left):
        parts = [left[begin : begin + bench.rows.settings.rows] for begin in range(0, len(left), bench.rows.settings.rows)]
        found = in_parallel(lambda part: _one_process(bench, parameters[part], points[part], ends[part]), parts, workers)
        for part, values in zip(parts, found, strict=True):
            out[part] = values
        left = np.flatnonzero(np.isnan(out).any(axis=1) & (ends * 3 <= LONGEST))
        ends[left] *= 3
    return out


def _one_process(bench: ArcBench, parameters: Floats, points: Floats, ends: Floats) -> Floats:
    def deck(rows: Sequence[int]) -> str:
        return _deck(bench, parameters[list(rows)], points[list(rows)], ends[list(rows)])

    found = answer_rows(len(points), deck, bench.rows.settings)
    values = [
        (row.values.get("delay", np.nan), row.values.get("transition", np.nan)) if isinstance(row, LogRow) else (np.nan, np.nan)
        for row in found
    ]
    out = np.array(values, dtype=np.float64).reshape(len(points), 2)
    out[~(out[:, 1] > 0)] = np.nan
    return out


def _head(bench: ArcBench) -> list[str]:
    rows, stimulus = bench.rows, bench.stimulus
    shared = Bench(bench.corner, rows.netlists, rows.models, read_ports(rows.netlists), rows.settings)
    nodes = {bench.arc.related_pin.lower(): "drive", bench.arc.pin.lower(): "sense"}
    nodes |= {name.lower(): "supply" if level else "0" for name, level in stimulus.side}
    idle = [pin.name.lower() for pin in rows.cell.pins if pin.direction == "output" and pin.name != bench.arc.pin]
    nodes |= {name: f"idle{place}" for place, name in enumerate(idle)}
    lines = [*shared.head(f"{bench.arc} {bench.edge} at {bench.corner}"), "vdrive drive 0 dc 0 pwl(0 0 1n 0)"]
    return [*lines, shared.instance(rows.cell.name, nodes), "cload sense 0 1f", ".save v(drive) v(sense)", ".control"]


def _at_section(bench: ArcBench) -> tuple[Parameter, ...]:
    """The law's parameters with what they set as the corner's models have it (a slow corner's oxide is thicker)."""
    wanted = [(model, name) for one in bench.rows.law.parameters for model, name, _ in one.sets]
    lines = [*_head(bench), "echo row 0", "op"]
    lines += [f"let set{place} = @{model}[{name}]\nprint set{place}" for place, (model, name) in enumerate(wanted)]
    output, problem = run_deck("\n".join([*lines, "echo done 0", "quit", ".endc", ".end", ""]), bench.rows.settings)
    row = parse_rows(output).get(0)
    values = {} if row is None else row.values
    lacking = [f"{model} {name}" for place, (model, name) in enumerate(wanted) if f"set{place}" not in values]
    if lacking:
        raise UserError(f"{bench.rows.models}: ngspice finds no model parameter {lacking[0]} in section {bench.corner.process} ({problem})")
    found = iter([values[f"set{place}"] for place in range(len(wanted))])
    return tuple(replace(one, sets=tuple((m, p, next(found)) for m, p, _ in one.sets)) for one in bench.rows.law.parameters)


def _deck(bench: ArcBench, parameters: Floats, points: Floats, ends: Floats) -> str:
    settings, volts = bench.rows.settings, bench.corner.voltage
    edge = bench.stimulus.other_edge(bench.edge)
    high = volts * (edge == "fall")
    limits = (settings.lower * volts, settings.upper * volts)
    first, last = limits if bench.edge == "rise" else limits[::-1]
    middle = settings.threshold * volts
    lines = [*_head(bench), f"alter vdrive dc = {high:.9g}"]
    before: Floats | None = None
    for number, (row, (slew, load), end) in enumerate(zip(parameters, points, ends, strict=True)):
        start = slew * settings.ramp / 10
        stop = start + slew * settings.edge.half + end
        step = min(stop / 40, bench.rows.step)
        lines.append(f"echo row {number}")
        if before is None or not np.array_equal(row, before):
            for one, value in zip(bench.rows.law.parameters, row, strict=True):
                lines += [f"altermod {model} {name} = {at_mean + value - one.mean:.9g}" for model, name, at_mean in one.sets]
        before = row
        lines += [
            f"alter @vdrive[pwl] = [ {settings.driven(slew, start, high, volts - high)} ]",
            f"alter cload = {load:.9g}",
            f"tran {step:.9g} {stop:.9g} 0 {step:.9g}",
            f"meas tran delay trig v(drive) val={middle:.9g} {edge}=1 targ v(sense) val={middle:.9g} {bench.edge}=last",
            f"meas tran transition trig v(sense) val={first:.9g} {bench.edge}=last targ v(sense) val={last:.9g} {bench.edge}=last",
            f"echo done {number}",
            "destroy all",
        ]
    return "\n".join([*lines, "quit", ".endc", ".end", ""])
