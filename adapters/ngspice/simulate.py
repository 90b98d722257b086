"""Plans answered by ngspice: delay and transition of points, and with them, where asked, the charge that the supply and the input gave."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from eda_plugin.adapters.ngspice.deck import Bench, Row, transient_deck
from eda_plugin.adapters.ngspice.log import LogRow
from eda_plugin.adapters.ngspice.logic import Stimulus, sensitise
from eda_plugin.adapters.ngspice.netlist import read_ports
from eda_plugin.adapters.ngspice.run import Failure, answer_rows, in_parallel
from eda_plugin.adapters.ngspice.settings import NgspiceSettings
from eda_plugin.domain import Arc, Cell, Corner, Points
from eda_plugin.errors import UserError

__all__ = ["Edge", "Simulated", "Sweep", "simulate", "sweep"]

SETTLED = 0.02  # of the supply: how close an output must have come to its rail
LONGEST = 1e-5  # s: an output that has not settled by then does not switch


@dataclass(frozen=True)
class Edge:
    """One edge of an output. ``delay`` and ``transition`` in s; ``supply`` and ``input`` the charge in C that the supply and the driver of
    the related pin gave from the start of the input's ramp (0 to 100 % in ``ramp``, s) until ``window`` after its end (NaN where not
    asked for)."""

    delay: float
    transition: float
    supply: float
    input: float
    ramp: float
    window: float


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
    """Simulate the rows of one arc: for each the edge, or the reason why there is no answer.

    The rows of the least and the largest load are looked at first: they tell how long an output takes to settle, so that no transient
    runs much longer than it must; where none of them has an answer, the others are not tried. A row that had not settled is simulated
    again with four times the time.
    """
    answers: dict[int, Edge | str] = {}
    windows = dict.fromkeys(_first_looks(job.rows), bench.settings.window)
    while windows:
        places = sorted(windows)
        longer: dict[int, float] = {}
        for begin in range(0, len(places), bench.settings.rows):
            part = places[begin : begin + bench.settings.rows]
            rows = [Row(*job.rows[place][:2], job.stimulus.other_edge(job.rows[place][2]), windows[place]) for place in part]

            def deck_of(chosen: Sequence[int], rows: Sequence[Row] = rows) -> str:
                return transient_deck(bench, job.cell, job.stimulus, [rows[place] for place in chosen], charge=charge)

            for place, row, found in zip(part, rows, answer_rows(len(rows), deck_of, bench.settings), strict=True):
                answers[place], more_time = _judge(found, row, job.stimulus, bench)
                if more_time and row.window * 4 <= LONGEST:
                    longer[place] = row.window * 4
        if not longer and not any(isinstance(answer, Edge) for answer in answers.values()):
            return [answers.get(place, answers[min(answers)]) for place in range(len(job.rows))]
        windows = longer or _windows(job.rows, answers, bench.settings.window)
    return [answers[place] for place in range(len(job.rows))]


def _first_looks(rows: Sequence[tuple[float, float, str]]) -> set[int]:
    """Of each edge the least and the largest load, the slowest input first."""
    order = sorted(range(len(rows)), key=lambda place: (rows[place][2], rows[place][1], -rows[place][0]))
    looks: dict[tuple[str, str], int] = {}
    for place in order:
        looks.setdefault((rows[place][2], "least"), place)
    for place in reversed(order):
        looks.setdefault((rows[place][2], "largest"), place)
    return set(looks.values())


def _windows(rows: Sequence[tuple[float, float, str]], answers: Mapping[int, Edge | str], default: float) -> dict[int, float]:
    """Time to settle for the rows that have no answer yet: three times what the loads looked at first need, and what lies in between."""
    needed: dict[str, dict[float, float]] = {}
    for place, answer in sorted(answers.items()):
        if isinstance(answer, Edge):
            needed.setdefault(rows[place][2], {})[rows[place][1]] = max(answer.delay, 0.0) + 2 * answer.transition
    windows = {}
    for place, (_, load, edge) in enumerate(rows):
        if place not in answers:
            known = sorted(needed.get(edge, {}))
            windows[place] = 3 * float(np.interp(load, known, [needed[edge][at] for at in known])) + 2e-12 if known else default
    return windows


def _judge(found: LogRow | str, row: Row, stimulus: Stimulus, bench: Bench) -> tuple[Edge | str, bool]:
    """The edge of a row or the reason why not, and whether more time would help."""
    if isinstance(found, str):
        return found, False
    if found.garbled:
        name, text = next(iter(found.garbled.items()))
        return f"ngspice gave {text!r} for {name}; expected a number", False
    volts = bench.corner.voltage
    end = found.values.get("end", math.nan)
    rail = volts if stimulus.other_edge(row.edge) == "rise" else 0.0
    if not abs(end - rail) <= SETTLED * volts:
        return f"the output stood at {end:g} V, not at its rail, {row.window:g} s after the input's {row.edge}", True
    delay, transition = (found.values.get(name, math.nan) for name in ("delay", "transition"))
    if not math.isfinite(delay) or not transition > 0:
        return f"no crossing for {', '.join(found.failed) or 'delay or transition'}", True
    supply, taken = (-found.values.get(name, math.nan) for name in ("supply", "input"))
    ramp = row.slew * bench.settings.ramp
    return Edge(delay, transition / bench.settings.derate, supply, taken, ramp, row.window), False


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
    say pins and functions, so that side inputs can be set; ``points.index`` is slew, load. The answer does not depend on ``workers``,
    nor on the order of the points. A point that fails is NaN and listed; the others are kept.

    Raises ``UserError`` where a file, a cell or ngspice itself is missing, an arc cannot switch, or not one point could be simulated.
    """
    settings = settings or NgspiceSettings()
    bench = Bench(corner, Path(netlists), models, read_ports(netlists), settings)
    for path in models.values() if isinstance(models, Mapping) else (models,):
        if not Path(path).is_file():
            raise UserError(f"no model file {path}; name a SPICE file with the transistors' models")
    by_name = {cell.name: cell for cell in cells}
    asked: dict[Arc, set[tuple[float, float, str]]] = {}
    for arc, edge, (slew, load) in zip(points.arcs, points.edges, points.index, strict=True):
        if arc.cell not in by_name:
            raise UserError(f"arc {arc}: cell {arc.cell} is unknown; known are {', '.join(sorted(by_name))}")
        if not (slew > 0 and load >= 0):
            raise UserError(f"arc {arc}: slew {slew:g} s and load {load:g} F; expected a positive slew and a load of 0 or more")
        asked.setdefault(arc, set()).add((float(slew), float(load), edge))
    jobs = [Sweep(sensitise(by_name[arc.cell], arc), by_name[arc.cell], tuple(sorted(rows))) for arc, rows in sorted(asked.items())]
    answers = in_parallel(lambda job: sweep(bench, job), jobs, workers)
    found: dict[tuple[object, ...], Edge | str] = {}
    for job, answered in zip(jobs, answers, strict=True):
        found |= {(job.stimulus.arc, *row): answer for row, answer in zip(job.rows, answered, strict=True)}
    delay, transition = np.full((2, len(points)), np.nan)
    failures: list[Failure] = []
    for place, (arc, edge, (slew, load)) in enumerate(zip(points.arcs, points.edges, points.index, strict=True)):
        answer = found[arc, float(slew), float(load), edge]
        if isinstance(answer, str):
            failures.append(Failure(f"{arc} {edge} at slew {slew:g} s, load {load:g} F", answer))
        else:
            delay[place], transition[place] = answer.delay, answer.transition
    if len(points) and len(failures) == len(points):
        raise UserError(f"ngspice answered none of the {len(points)} points; the first: {failures[0]}")
    return Simulated(replace(points, delay=delay, transition=transition, source="ngspice"), tuple(failures))
