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
from eda_plugin.domain import Cell, Corner, Points
from eda_plugin.errors import UserError

__all__ = ["Edge", "Simulated", "Sweep", "simulate", "sweep"]

SETTLED = 0.02  # of the supply: how close an output must have come to its rail
LONGEST = 1e-5  # s: an output that has not settled by then does not switch


@dataclass(frozen=True)
class Edge:
    """One edge of an output. ``delay`` and ``transition`` in s; ``supply`` and ``input`` the charge in C that the supply and the driver of
    the related pin gave from the start of the input's ramp to its end plus ``window`` (NaN where not asked for)."""

    delay: float
    transition: float
    supply: float
    input: float
    ramp: float
    window: float


@dataclass(frozen=True)
class Sweep:
    """Rows to simulate of one arc: ``slew`` (s), ``load`` (F), edges of the output."""

    stimulus: Stimulus
    cell: Cell
    rows: tuple[tuple[float, float, tuple[str, ...]], ...]


@dataclass(frozen=True, eq=False)
class Simulated:
    """``points``: the plan with delay and transition, NaN where a simulation failed; ``failures`` says which and why."""

    points: Points
    failures: tuple[Failure, ...]


def sweep(bench: Bench, job: Sweep, *, charge: bool = False) -> list[dict[str, Edge] | str]:
    """Simulate the rows of one arc: for each row its edges by name, or the reason why there is no answer.

    The rows of the least and the largest load are looked at first: they tell how long an output takes to settle, so that no transient
    runs much longer than it must. A row that had not settled is simulated again with four times the time.
    """
    settings = bench.settings
    answers: list[dict[str, Edge] | str] = [""] * len(job.rows)
    loads = [row[1] for row in job.rows]
    order = sorted(range(len(job.rows)), key=lambda place: (job.rows[place][1], -job.rows[place][0]))
    windows = dict.fromkeys((order[0], order[-1]), settings.window)
    needed: dict[float, float] = {}
    reasons: dict[int, str] = {}
    while windows:
        places = sorted(windows)
        rows = [_row(job, place, windows[place]) for place in places]
        again: dict[int, float] = {}
        for begin in range(0, len(rows), settings.rows):
            part = rows[begin : begin + settings.rows]

            def deck_of(chosen: Sequence[int], part: Sequence[Row] = part) -> str:
                return transient_deck(bench, job.cell, job.stimulus, [part[place] for place in chosen], charge=charge)

            for place, row, found in zip(places[begin:], part, answer_rows(len(part), deck_of, settings), strict=False):
                answer, longer = _judge(found, row, job.stimulus, bench)
                answers[place] = answer
                if longer and row.window * 4 <= LONGEST:
                    again[place] = row.window * 4
                elif isinstance(answer, str):
                    reasons[place] = answer
                else:
                    needed[loads[place]] = max(max(edge.delay, 0.0) + 2 * edge.transition for edge in answer.values())
        if again:
            windows = again
            continue
        windows = {place: _window(loads[place], needed, settings) for place in order if not answers[place]}
    return answers


def _row(job: Sweep, place: int, window: float) -> Row:
    slew, load, edges = job.rows[place]
    wanted = {job.stimulus.input_edge(edge) for edge in edges}
    return Row(slew, load, tuple(edge for edge in ("rise", "fall") if edge in wanted), window)


def _window(load: float, needed: Mapping[float, float], settings: NgspiceSettings) -> float:
    """Time to settle at a load, three times what the known loads, least and largest among them, need in between."""
    if not needed:
        return settings.window
    known = sorted(needed)
    return 3 * float(np.interp(load, known, [needed[load] for load in known])) + 2e-12


def _judge(found: LogRow | str, row: Row, stimulus: Stimulus, bench: Bench) -> tuple[dict[str, Edge] | str, bool]:
    """The edges of a row or the reason why not, and whether more time would help."""
    if isinstance(found, str):
        return found, False
    if found.garbled:
        name, text = next(iter(found.garbled.items()))
        return f"ngspice gave {text!r} for {name}; expected a number", False
    volts = bench.corner.voltage
    edges: dict[str, Edge] = {}
    for direction in row.edges:
        out = stimulus.input_edge(direction)
        end = found.values.get(f"end_{out}", math.nan)
        if abs(end - (volts if out == "rise" else 0.0)) > SETTLED * volts:
            return f"the output stood at {end:g} V, not at its rail, {row.window:g} s after the input's {direction}", True
        delay, transition = (found.values.get(f"{name}_{out}", math.nan) for name in ("delay", "transition"))
        if not math.isfinite(delay) or not transition > 0:
            missed = ", ".join(found.failed) or "delay or transition"
            return f"no crossing for {missed}", True
        supply, taken = (-found.values.get(f"{name}_{out}", math.nan) for name in ("supply", "input"))
        ramp = row.slew * bench.settings.ramp
        edges[out] = Edge(delay, transition / bench.settings.derate, supply, taken, ramp, row.window)
    return edges, False


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
    wanted: dict[object, dict[tuple[float, float], set[str]]] = {}
    for arc, edge, (slew, load) in zip(points.arcs, points.edges, points.index, strict=True):
        if arc.cell not in by_name:
            raise UserError(f"arc {arc}: cell {arc.cell} is unknown; known are {', '.join(sorted(by_name))}")
        if not (slew > 0 and load >= 0):
            raise UserError(f"arc {arc}: slew {slew:g} s and load {load:g} F; expected a positive slew and a load of 0 or more")
        wanted.setdefault(arc, {}).setdefault((float(slew), float(load)), set()).add(edge)
    jobs = []
    for arc in sorted(set(points.arcs)):
        cell = by_name[arc.cell]
        rows = tuple((slew, load, tuple(sorted(edges))) for (slew, load), edges in sorted(wanted[arc].items()))
        jobs.append(Sweep(sensitise(cell, arc), cell, rows))
    answers = in_parallel(lambda job: sweep(bench, job), jobs, workers)
    found: dict[tuple[object, float, float], dict[str, Edge] | str] = {}
    for job, answered in zip(jobs, answers, strict=True):
        for (slew, load, _), answer in zip(job.rows, answered, strict=True):
            found[job.stimulus.arc, slew, load] = answer
    delay, transition = np.full((2, len(points)), np.nan)
    failures: list[Failure] = []
    for place, (arc, edge, (slew, load)) in enumerate(zip(points.arcs, points.edges, points.index, strict=True)):
        answer = found[arc, float(slew), float(load)]
        if isinstance(answer, str):
            failures.append(Failure(f"{arc} {edge} at slew {slew:g} s, load {load:g} F", answer))
        else:
            delay[place], transition[place] = answer[edge].delay, answer[edge].transition
    if len(points) and len(failures) == len(points):
        raise UserError(f"ngspice answered none of the {len(points)} points; the first: {failures[0]}")
    return Simulated(replace(points, delay=delay, transition=transition, source="ngspice"), tuple(failures))
