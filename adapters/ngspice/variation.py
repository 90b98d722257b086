"""Rows of process variation: one process of ngspice simulates many rows of a cell, each with its own models, supply, temperature, load
and slew.

The circuit is read once. ``altermod`` moves the models' parameters, so no row pays for reading the netlist again. Each edge starts from
the operating point. Steps are few (about a hundred a transient), chosen so that a delay is within 0.1 % of a run of fine steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters.ngspice.deck import Bench
from eda_plugin.adapters.ngspice.log import LogRow
from eda_plugin.adapters.ngspice.logic import evaluate, input_states
from eda_plugin.adapters.ngspice.netlist import read_ports
from eda_plugin.adapters.ngspice.run import answer_rows, in_parallel
from eda_plugin.adapters.ngspice.settings import NgspiceSettings
from eda_plugin.domain import Cell, Corner
from eda_plugin.domain.variation import InputLaw
from eda_plugin.errors import UserError

__all__ = ["FAST", "FINE", "RowBench", "output_names", "simulate_rows"]

Floats = NDArray[np.float64]

FAST = NgspiceSettings(options=("reltol=1e-3", "trtol=0.2", "chgtol=1e-17"), rows=200)
FINE = NgspiceSettings(options=("reltol=2e-5", "trtol=0.1", "chgtol=1e-19"), rows=200)
STEP, FINE_STEP = 1e-12, 2e-13  # s: the longest time step
LONGEST = 4e-9
_LOOK = 3e-10


@dataclass(frozen=True)
class RowBench:
    """A cell among its netlists and models. ``section``: of the models' file; ``step`` in s: the longest time step."""

    cell: Cell
    netlists: Path
    models: Path
    section: str
    law: InputLaw
    settings: NgspiceSettings = FAST
    step: float = STEP

    def fine(self) -> RowBench:
        """The same with fine steps: what the fast rows are judged by."""
        return replace(self, settings=FINE, step=FINE_STEP)


@dataclass(frozen=True)
class _Edge:
    """One transient: the pin that moves, its edge, the levels of all inputs before, and the edge of each output that answers."""

    pin: str
    edge: str
    before: tuple[tuple[str, bool], ...]
    answers: tuple[tuple[str, str], ...]


def _edges(cell: Cell) -> list[_Edge]:
    """A rise and a fall of each input, in the state of the others in which most outputs answer (the first of them)."""
    functions = {pin.name: pin.function for pin in cell.pins if pin.direction == "output"}
    found = []
    for pin in (pin.name for pin in cell.pins if pin.direction == "input"):
        best: tuple[int, dict[str, bool], dict[str, bool]] | None = None
        for state in input_states(cell):
            if state[pin]:
                continue
            values = {name: tuple(evaluate(text, {**state, pin: level}) for level in (False, True)) for name, text in functions.items()}
            moved = {name: after for name, (first, after) in values.items() if first != after}
            if moved and (best is None or len(moved) > best[0]):
                best = (len(moved), state, moved)
        if best is None:
            raise UserError(f"cell {cell.name}: no state of the other inputs lets {pin} switch an output")
        for edge in ("rise", "fall"):
            before = tuple((name, level if name != pin else edge == "fall") for name, level in best[1].items())
            answers = tuple((name, "rise" if high == (edge == "rise") else "fall") for name, high in best[2].items())
            found.append(_Edge(pin, edge, before, answers))
    return found


def _names(edge: _Edge) -> list[tuple[str, str, str]]:
    """Output, its edge, and the end of its measures' names."""
    return [(output, way, f"{way}_{edge.pin}_{output}".lower()) for output, way in edge.answers]


def output_names(cell: Cell) -> tuple[str, ...]:
    """Columns of a cell's outputs: delays and transitions (s) by output edge, input and output; leakage (W) by levels of the inputs."""
    ends = [end for edge in _edges(cell) for _, _, end in _names(edge)]
    states = ["".join(str(int(level)) for level in state.values()) for state in input_states(cell)]
    return (*(f"delay_{end}" for end in ends), *(f"transition_{end}" for end in ends), *(f"leakage_{state}" for state in states))


def simulate_rows(bench: RowBench, inputs: Floats, *, workers: int = 1) -> tuple[Floats, list[str]]:
    """Outputs (n, outputs) of ``inputs`` (n, inputs of the law), NaN where there is none, and the reasons for these.

    How long a transient runs is found from four rows at the ends of load and temperature; a row that has not ended then is run again
    for longer. The result depends neither on ``workers`` nor on the order of the rows. Raises ``UserError`` where a file or ngspice is
    missing.
    """
    for path in (bench.netlists, bench.models):
        if not path.is_file():
            raise UserError(f"no file {path}; the study's netlists and models are named in its study.toml")
    names = output_names(bench.cell)
    looks = _looks(bench)
    seen, _ = _answered(bench, looks, np.full(len(looks), _LOOK), names)
    ends = np.nanmax(_ends(seen, names), axis=1)
    if not np.isfinite(ends).all():
        raise UserError(f"cell {bench.cell.name} does not switch within {_LOOK:g} s at the ends of load and temperature")
    least, most = ends.reshape(2, 2).max(axis=1)
    low, high = bench.law.ranges[2]
    windows = 1.35 * (least + (most - least) * (inputs[:, -2] - low) / (high - low)) + 2e-12
    out = np.full((len(inputs), len(names)), np.nan)
    reasons: dict[int, str] = {}
    left = np.arange(len(inputs))
    while len(left):
        parts = [left[begin : begin + bench.settings.rows] for begin in range(0, len(left), bench.settings.rows)]
        answered = in_parallel(lambda part: _answered(bench, inputs[part], windows[part], names), parts, workers)
        for part, (values, why) in zip(parts, answered, strict=True):
            out[part] = values
            reasons |= {int(part[place]): text for place, text in why.items()}
        left = np.flatnonzero(np.isnan(out).any(axis=1) & (windows * 3 <= LONGEST))
        windows[left] *= 3
    return out, [f"row {place}: {text}" for place, text in sorted(reasons.items()) if np.isnan(out[place]).any()]


def _looks(bench: RowBench) -> Floats:
    """Least supply and longest ramp at the ends of load and temperature, in this order."""
    means = [one.mean for one in bench.law.parameters]
    (vdd, _), temperatures, loads, (_, slew) = bench.law.ranges
    return np.array([[*means, vdd, temperature, load, slew] for load in loads for temperature in temperatures])


def _ends(values: Floats, names: Sequence[str]) -> Floats:
    """(n, edges) s after the ramp's middle at which each output has passed its last threshold, about."""
    delay = [place for place, name in enumerate(names) if name.startswith("delay_")]
    return np.asarray(values[:, delay] + values[:, [place + len(delay) for place in delay]])


def _answered(bench: RowBench, inputs: Floats, windows: Floats, names: Sequence[str]) -> tuple[Floats, dict[int, str]]:
    """Outputs of a few rows by one process, and reasons by row."""
    found = answer_rows(len(inputs), lambda rows: _deck(bench, inputs[list(rows)], windows[list(rows)]), bench.settings)
    out = np.full((len(inputs), len(names)), np.nan)
    reasons: dict[int, str] = {}
    for place, row in enumerate(found):
        if isinstance(row, LogRow):
            out[place] = [row.values.get(name, np.nan) for name in names]
            bad = [name for name, value in zip(names, out[place], strict=True) if name.startswith("transition") and not value > 0]
            out[place, [names.index(name) for name in bad]] = np.nan
            if np.isnan(out[place]).any():
                reasons[place] = f"no value for {', '.join(name for name, v in zip(names, out[place], strict=True) if np.isnan(v))}"
        else:
            reasons[place] = row
    return out, reasons


def _deck(bench: RowBench, inputs: Floats, windows: Floats) -> str:
    cell, law = bench.cell, bench.law
    ins = [pin.name for pin in cell.pins if pin.direction == "input"]
    outs = [pin.name for pin in cell.pins if pin.direction == "output"]
    corner = Corner(bench.section, float(np.mean(law.ranges[0])), 25.0)
    shared = Bench(corner, bench.netlists, bench.models, read_ports(bench.netlists), bench.settings)
    lines = shared.head(f"{cell.name}: rows of process variation")
    lines += [f"v{name} in_{name} 0 dc 0 pwl(0 0 1n 0)".lower() for name in ins]
    lines += [shared.instance(cell.name, {**{n.lower(): f"in_{n}".lower() for n in ins}, **{n.lower(): f"out_{n}".lower() for n in outs}})]
    lines += [f"c{name} out_{name} 0 1f".lower() for name in outs]
    saved = " ".join([*(f"v(in_{name})" for name in ins), *(f"v(out_{name})" for name in outs)]).lower()
    lines += [f".save {saved} i(vsupply)", ".control"]
    edges = _edges(cell)
    for number, (row, window) in enumerate(zip(inputs, windows, strict=True)):
        lines += [f"echo row {number}", *_altered(law, row), *(f"alter c{name.lower()} = {row[-2]:.9g}" for name in outs)]
        for edge in edges:
            lines += _transient(edge, float(row[-4]), float(row[-1]), float(window), bench)
        lines += _at_rest(cell, float(row[-4]))
        lines += [f"echo done {number}", "destroy all"]
    return "\n".join([*lines, "quit", ".endc", ".end", ""])


def _altered(law: InputLaw, row: Floats) -> list[str]:
    """Models, supply and temperature of a row."""
    lines = []
    for one, value in zip(law.parameters, row[: len(law.parameters)], strict=True):
        lines += [f"altermod {model} {name} = {at_mean + value - one.mean:.9g}" for model, name, at_mean in one.sets]
    return [*lines, f"option temp = {row[-3]:.9g}", f"alter vsupply dc = {row[-4]:.9g}"]


def _transient(edge: _Edge, volts: float, slew: float, window: float, bench: RowBench) -> list[str]:
    settings = bench.settings
    full = slew * settings.ramp
    start = full / 10
    stop = start + full + window
    lines = []
    for name, high in edge.before:
        first = volts * high
        then = volts - first if name == edge.pin else first
        lines += [
            f"alter @v{name.lower()}[pwl] = [ {settings.driven(slew, start, first, then)} ]",
            f"alter v{name.lower()} dc = {first:.9g}",
        ]
    step = min(stop / 40, bench.step)
    lines.append(f"tran {step:.9g} {stop:.9g} 0 {step:.9g}")
    middle = settings.threshold * volts
    for output, way, end in _names(edge):
        here, there = f"v(in_{edge.pin})".lower(), f"v(out_{output})".lower()
        limits = (settings.lower * volts, settings.upper * volts)
        first, last = limits if way == "rise" else limits[::-1]
        lines.append(f"meas tran delay_{end} trig {here} val={middle:.9g} {edge.edge}=1 targ {there} val={middle:.9g} {way}=last")
        lines.append(f"meas tran transition_{end} trig {there} val={first:.9g} {way}=last targ {there} val={last:.9g} {way}=last")
    return lines


def _at_rest(cell: Cell, volts: float) -> list[str]:
    lines = []
    for state in input_states(cell):
        lines += [f"alter v{name.lower()} dc = {volts * level:.9g}" for name, level in state.items()]
        name = "leakage_" + "".join(str(int(level)) for level in state.values())
        lines += ["op", f"let {name} = {-volts:.9g} * i(vsupply)", f"print {name}"]
    return lines
