"""Plans answered by ngspice: delay and transition of points, constraints of flip-flops; of sweeps, where asked, the charge that the supply
and the input gave."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from eda_plugin.adapters.ngspice.clocked import clocked_sweep
from eda_plugin.adapters.ngspice.constraint import Ask, find_constraints
from eda_plugin.adapters.ngspice.deck import Bench, Row, transient_deck
from eda_plugin.adapters.ngspice.flipflop import find_cases, is_clocked, is_constraint
from eda_plugin.adapters.ngspice.logic import Stimulus, sensitise
from eda_plugin.adapters.ngspice.netlist import read_ports
from eda_plugin.adapters.ngspice.run import Failure, in_parallel
from eda_plugin.adapters.ngspice.settings import NgspiceSettings
from eda_plugin.adapters.ngspice.settle import Edge, settled_rows
from eda_plugin.domain import Arc, Cell, Corner, Points
from eda_plugin.errors import UserError

__all__ = ["Simulated", "Sweep", "simulate", "sweep"]


@dataclass(frozen=True)
class Sweep:
    """Rows to simulate of one arc: ``slew`` (s), ``load`` (F), edge of the output."""

    stimulus: Stimulus
    cell: Cell
    rows: tuple[tuple[float, float, str], ...]


@dataclass(frozen=True, eq=False)
class Simulated:
    """``points``: the plan with delay and transition, NaN where a simulation failed; ``failures`` says which and why."""

    points: Points
    failures: tuple[Failure, ...]


def sweep(bench: Bench, job: Sweep, *, charge: bool = False) -> list[Edge | str]:
    """Simulate the rows of one arc: for each the edge, or the reason why there is no answer (see ``settled_rows``)."""

    def deck_of(chosen: Sequence[tuple[int, float]]) -> str:
        rows = [Row(*job.rows[place][:2], job.stimulus.other_edge(job.rows[place][2]), window) for place, window in chosen]
        return transient_deck(bench, job.cell, job.stimulus, rows, charge=charge)

    return settled_rows(bench, job.rows, deck_of)


_Row = tuple[float, float, str]
_Work = Callable[[], Sequence[Edge | float | str]]


def _work(
    bench: Bench, cell: Cell, arc: Arc, rows: Sequence[tuple[float, float, str]]
) -> list[tuple[list[tuple[float, float, str]], _Work]]:
    """What there is to run for the rows of one arc, in pieces that need nothing from each other: rows, and what answers them."""
    if not is_clocked(arc.timing_type) and not is_constraint(arc.timing_type):
        job = Sweep(sensitise(cell, arc), cell, tuple(rows))
        return [(list(rows), lambda: sweep(bench, job))]
    pieces: list[tuple[list[_Row], _Work]] = []
    for edge in sorted({row[2] for row in rows}):
        chosen = [row for row in rows if row[2] == edge]
        cases = find_cases(cell, arc, edge)
        if is_clocked(arc.timing_type):
            pieces.append((chosen, partial(clocked_sweep, bench, cell, cases[0], [row[:2] for row in chosen])))
        else:
            pulse = arc.timing_type == "min_pulse_width"
            asks = [Ask(cases, related, related if pulse else constrained) for related, constrained, _ in chosen]
            pieces.append((chosen, partial(find_constraints, bench, cell, asks)))
    return pieces


def _check(arc: Arc, first: float, second: float) -> None:
    if is_constraint(arc.timing_type):
        if not (first > 0 and (second > 0 or arc.timing_type == "min_pulse_width")):
            raise UserError(f"arc {arc}: slews {first:g} s and {second:g} s; expected positive ones")
    elif not (first > 0 and second >= 0):
        raise UserError(f"arc {arc}: slew {first:g} s and load {second:g} F; expected a positive slew and a load of 0 or more")


def simulate(
    points: Points,
    *,
    corner: Corner,
    netlists: Path,
    models: Path | Mapping[str, Path],
    cells: Sequence[Cell],
    settings: NgspiceSettings | None = None,
    workers: int = 1,
) -> Simulated:
    """Answer a plan with ngspice.

    ``netlists`` holds a ``.subckt`` for each cell; ``models`` is a file with a ``.lib`` section a process, or a file a process; ``cells``
    say pins, functions and what is stored, so that side inputs can be set. ``points.index`` is slew, load; for a constraint it is the slew
    of the related pin and that of the constrained pin (of a pulse its slew, and anything), ``edge`` is that of the constrained pin (of
    a high pulse ``rise``), and the answer stands as the delay. The answer does not depend on ``workers``, nor on the order of the
    points. A point that fails is NaN and listed; the others are kept.

    Raises ``UserError`` where a file, a cell or ngspice itself is missing, an arc cannot switch, or not one point could be simulated.
    """
    settings = settings or NgspiceSettings()
    bench = Bench(corner, Path(netlists), models, read_ports(netlists), settings)
    for path in models.values() if isinstance(models, Mapping) else (models,):
        if not Path(path).is_file():
            raise UserError(f"no model file {path}; name a SPICE file with the transistors' models")
    by_name = {cell.name: cell for cell in cells}
    asked: dict[Arc, set[tuple[float, float, str]]] = {}
    for arc, edge, (first, second) in zip(points.arcs, points.edges, points.index, strict=True):
        if arc.cell not in by_name:
            raise UserError(f"arc {arc}: cell {arc.cell} is unknown; known are {', '.join(sorted(by_name))}")
        _check(arc, first, second)
        asked.setdefault(arc, set()).add((float(first), float(second), edge))
    jobs = [(arc, *piece) for arc, rows in sorted(asked.items()) for piece in _work(bench, by_name[arc.cell], arc, sorted(rows))]
    found: dict[tuple[object, ...], Edge | float | str] = {}
    for (arc, rows, _), answered in zip(jobs, in_parallel(lambda job: job[2](), jobs, workers), strict=True):
        found |= {(arc, *row): answer for row, answer in zip(rows, answered, strict=True)}
    delay, transition = np.full((2, len(points)), np.nan)
    failures: list[Failure] = []
    for place, (arc, edge, (first, second)) in enumerate(zip(points.arcs, points.edges, points.index, strict=True)):
        answer = found[arc, float(first), float(second), edge]
        if isinstance(answer, Edge):
            delay[place], transition[place] = answer.delay, answer.transition
        elif isinstance(answer, float):
            delay[place] = answer
        else:
            where = f"slews {first:g} s, {second:g} s" if is_constraint(arc.timing_type) else f"slew {first:g} s, load {second:g} F"
            failures.append(Failure(f"{arc} {edge} at {where}", answer))
    if len(points) and len(failures) == len(points):
        raise UserError(f"ngspice answered none of the {len(points)} points; the first: {failures[0]}")
    return Simulated(replace(points, delay=delay, transition=transition, source="ngspice"), tuple(failures))
