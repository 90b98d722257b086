"""What a library says besides delay: leakage, internal energy, input capacitance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eda_plugin.adapters.ngspice.deck import Bench, static_deck
from eda_plugin.adapters.ngspice.logic import Stimulus, input_states
from eda_plugin.adapters.ngspice.run import answer_rows
from eda_plugin.adapters.ngspice.simulate import Edge
from eda_plugin.domain import Cell
from eda_plugin.errors import UserError

__all__ = ["Rest", "at_rest", "input_capacitance", "internal_energy"]


@dataclass(frozen=True)
class Rest:
    """A cell at rest in one state of its inputs: currents in A that the supply and each input's driver give, and the power in W."""

    state: Mapping[str, bool]
    supply: float
    inputs: Mapping[str, float]
    power: float


def at_rest(bench: Bench, cell: Cell) -> list[Rest]:
    """Operating points of all states of the inputs, in the order of ``input_states``. Raises ``UserError`` where ngspice gives none."""
    states = input_states(cell)
    names = list(states[0])

    def deck_of(chosen: Sequence[int]) -> str:
        return static_deck(bench, cell, [states[place] for place in chosen])

    result = []
    for state, row in zip(states, answer_rows(len(states), deck_of, bench.settings), strict=True):
        if isinstance(row, str):
            raise UserError(f"cell {cell.name} at rest at {bench.corner}: {row}")
        currents = [-row.values.get(name, math.nan) for name in ("i(vsupply)", *(f"i(vin{place})" for place in range(len(names))))]
        if not all(math.isfinite(current) for current in currents):
            raise UserError(f"cell {cell.name} at rest at {bench.corner}: ngspice found no operating point for the inputs {state}")
        driven = sum(current for current, name in zip(currents[1:], names, strict=True) if state[name])
        power = bench.corner.voltage * (currents[0] + driven)
        result.append(Rest(state, currents[0], dict(zip(names, currents[1:], strict=True)), power))
    return result


def _around(stimulus: Stimulus, edge: str, rests: Sequence[Rest]) -> tuple[Rest, Rest]:
    """The states before and after the input's edge that gives ``edge`` at the output."""
    after = stimulus.other_edge(edge) == "rise"
    side = dict(stimulus.side)
    pin = stimulus.arc.related_pin
    found = {rest.state[pin]: rest for rest in rests if all(rest.state[name] == level for name, level in side.items())}
    return found[not after], found[after]


def internal_energy(result: Edge, stimulus: Stimulus, edge: str, load: float, rests: Sequence[Rest], volts: float) -> float:
    """Energy in J that the cell itself takes from the supply in one edge of its output.

    The supply's energy less what leakage takes in the same time, and, in a rise, less ``load * volts**2``, half of which charges the load
    and half of which heats the transistors on its behalf: a power tool counts it with the net. Rise and fall sum to the cell's own
    energy in a cycle.
    """
    before, after = _around(stimulus, edge, rests)
    leaked = before.supply * result.ramp / 2 + after.supply * (result.ramp / 2 + result.window)
    moved = load * volts if edge == "rise" else 0.0
    return volts * (result.supply - leaked - moved)


def input_capacitance(result: Edge, stimulus: Stimulus, edge: str, rests: Sequence[Rest], volts: float) -> float:
    """Charge that the related pin took in a full swing, less its leakage, by the supply (F): an input's rise where ``result`` is of one."""
    before, after = (rest.inputs[stimulus.arc.related_pin] for rest in _around(stimulus, edge, rests))
    leaked = before * result.ramp / 2 + after * (result.ramp / 2 + result.window)
    sign = 1.0 if stimulus.other_edge(edge) == "rise" else -1.0
    return sign * (result.input - leaked) / volts
