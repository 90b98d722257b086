"""What a library says of a flip-flop, simulated: delays, energies, capacitances, leakage and constraints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from designs import EDGES, ArcResult, CellResult, Constraint, ConstraintResult, Design, PinResult, grids
from numpy.typing import NDArray

from eda_plugin.adapters.ngspice import (
    Ask,
    Bench,
    Rest,
    clocked_sweep,
    find_cases,
    find_constraints,
    idle_case,
    idle_sweep,
    in_parallel,
    input_capacitance,
    internal_energy,
    stored_at_rest,
)
from eda_plugin.domain import Arc
from eda_plugin.errors import UserError

__all__ = ["characterize_flipflop"]

COARSE = ("reltol=1e-3", "trtol=1", "chgtol=1e-17")  # three times as fast; moves a constraint by 0.3 ps at most
EVERY = 3  # of a corner's slews, the first and each third make the grid of its constraints

Answer = TypeVar("Answer")


def _all(answers: Sequence[Answer | str], what: object) -> list[Answer]:
    wrong = [answer for answer in answers if isinstance(answer, str)]
    if wrong:
        raise UserError(f"{what}: {wrong[0]}")
    return [answer for answer in answers if not isinstance(answer, str)]


def _pin(bench: Bench, design: Design, rests: list[Rest], pin: str) -> PinResult:
    slews, loads = grids(bench.corner, design.load_max)
    energy, capacitance = {}, {}
    for edge in EDGES:
        case = idle_case(design.cell, pin, edge == "rise")
        edges = _all(idle_sweep(bench, design.cell, case, list(slews), loads[0]), f"{bench.corner}: {design.cell.name} {pin} {edge}")
        energy[edge] = np.array([internal_energy(e, case, edge, 0.0, rests, bench.corner.voltage) for e in edges])
        capacitance[edge] = float(np.mean([input_capacitance(e, case, edge, rests, bench.corner.voltage) for e in edges]))
    return PinResult(pin, slews, energy, capacitance)


def _arc(bench: Bench, design: Design, rests: list[Rest], pins: dict[str, PinResult], arc: Arc) -> ArcResult:
    """Energy is that of the output's edge beyond the input's own, which stands at the input."""
    slews, loads = grids(bench.corner, design.load_max)
    rows = [(slew, load) for slew in slews for load in loads]
    delay: dict[str, NDArray[np.float64]] = {}
    transition, energy = dict(delay), dict(delay)
    for edge in ("fall",) if arc.timing_type == "clear" else EDGES:
        case = find_cases(design.cell, arc, edge)[0]
        edges = _all(clocked_sweep(bench, design.cell, case, rows, charge=True), f"{bench.corner}: {arc} {edge}")
        shape = (len(slews), len(loads))
        delay[edge] = np.array([e.delay for e in edges]).reshape(shape)
        transition[edge] = np.array([e.transition for e in edges]).reshape(shape)
        taken = [internal_energy(e, case, edge, load, rests, bench.corner.voltage) for (_, load), e in zip(rows, edges, strict=True)]
        own = pins[case.trigger].energy["fall" if dict(case.ready)[case.trigger] else "rise"]
        energy[edge] = np.array(taken).reshape(shape) - own[:, None]
    return ArcResult(arc, slews, loads, delay, transition, energy, pins[arc.related_pin].capacitance)


def _constraint(bench: Bench, design: Design, constraint: Constraint) -> ConstraintResult:
    slews = grids(bench.corner, design.load_max)[0][::EVERY]
    pulse = constraint.arc.timing_type == "min_pulse_width"
    pairs = [(slew, slew) for slew in slews] if pulse else [(related, other) for related in slews for other in slews]
    values = {}
    for edge in constraint.edges:
        cases = find_cases(design.cell, constraint.arc, edge)
        found = find_constraints(bench, design.cell, [Ask(cases, *pair) for pair in pairs])
        values[edge] = np.array(_all(found, f"{bench.corner}: {constraint.arc} {edge}"))
        if not pulse:
            values[edge] = values[edge].reshape(len(slews), len(slews))
    return ConstraintResult(constraint.arc, slews, values)


def characterize_flipflop(bench: Bench, design: Design, workers: int) -> CellResult:
    """Simulate all of one flip-flop. Raises ``UserError`` for the first value that has no answer."""
    rests = stored_at_rest(bench, design.cell)
    inputs = [pin.name for pin in design.cell.pins if pin.direction == "input"]
    pins = {result.pin: result for result in in_parallel(lambda pin: _pin(bench, design, rests, pin), inputs, workers)}
    coarse = replace(bench, settings=replace(bench.settings, options=COARSE))
    jobs: list[Callable[[], ArcResult | ConstraintResult]] = [
        *((lambda constraint=constraint: _constraint(coarse, design, constraint)) for constraint in design.constraints),  # type: ignore[misc]
        *((lambda arc=arc: _arc(bench, design, rests, pins, arc)) for arc in design.arcs),  # type: ignore[misc]
    ]
    results = in_parallel(lambda job: job(), jobs, workers)
    arcs = [result for result in results if isinstance(result, ArcResult)]
    return CellResult(design, rests, arcs, [result for result in results if isinstance(result, ConstraintResult)], list(pins.values()))
