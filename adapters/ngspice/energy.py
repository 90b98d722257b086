"""What a library says besides delay: leakage, internal energy, input capacitance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eda_plugin.adapters.ngspice.deck import Bench, static_deck
from eda_plugin.adapters.ngspice.flipflop import Case
from eda_plugin.adapters.ngspice.log import LogRow
from eda_plugin.adapters.ngspice.logic import Stimulus, input_states
from eda_plugin.adapters.ngspice.run import answer_rows
from eda_plugin.adapters.ngspice.settle import Edge
from eda_plugin.domain import Cell
from eda_plugin.errors import UserError

__all__ = ["Rest", "at_rest", "input_capacitance", "internal_energy", "read_rest"]


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

    def deck_of(chosen: Sequence[int]) -> str:
        return static_deck(bench, cell, [states[place] for place in chosen])

    answers = answer_rows(len(states), deck_of, bench.settings)
    return [read_rest(bench, cell, state, row) for state, row in zip(states, answers, strict=True)]


def read_rest(bench: Bench, cell: Cell, state: Mapping[str, bool], row: LogRow | str) -> Rest:
    """The cell at rest as a row printed it: ``i(vsupply)`` and ``i(vin0)``, ``i(vin1)``, ... of the inputs in the order of the pins.

    Raises ``UserError`` where there is no operating point.
    """
    if isinstance(row, str):
        raise UserError(f"cell {cell.name} at rest at {bench.corner}: {row}")
    names = [pin.name for pin in cell.pins if pin.direction == "input"]
    currents = [-row.values.get(name, math.nan) for name in ("i(vsupply)", *(f"i(vin{place})" for place in range(len(names))))]
    if not all(math.isfinite(current) for current in currents):
        raise UserError(f"cell {cell.name} at rest at {bench.corner}: ngspice found no operating point for the inputs {dict(state)}")
    driven = sum(current for current, name in zip(currents[1:], names, strict=True) if state[name])
    power = bench.corner.voltage * (currents[0] + driven)
    return Rest(state, currents[0], dict(zip(names, currents[1:], strict=True)), power)


def _around(stimulus: Stimulus | Case, edge: str, rests: Sequence[Rest]) -> tuple[Rest, Rest]:
    """The states before and after the input's edge that gives ``edge`` at the output."""
    if isinstance(stimulus, Case):
        ready = dict(stimulus.ready)
        before = {**ready, stimulus.output: stimulus.first}
        after = {**ready, stimulus.trigger: not ready[stimulus.trigger], stimulus.output: stimulus.last}
    else:
        rises = stimulus.other_edge(edge) == "rise"
        before, after = ({**dict(stimulus.side), stimulus.arc.related_pin: level} for level in (not rises, rises))
    first, last = (next(rest for rest in rests if state.items() <= rest.state.items()) for state in (before, after))
    return first, last


def internal_energy(result: Edge, stimulus: Stimulus | Case, edge: str, load: float, rests: Sequence[Rest], volts: float) -> float:
    """Energy in J that the cell itself takes from the supply in one edge of its output.

    The supply's energy less what leakage takes in the same time, and, in a rise, less ``load * volts**2``, half of which charges the load
    and half of which heats the transistors on its behalf: a power tool counts it with the net. Rise and fall sum to the cell's own
    energy in a cycle.
    """
    before, after = _around(stimulus, edge, rests)
    leaked = before.supply * result.before + after.supply * result.after
    moved = load * volts if edge == "rise" else 0.0
    return volts * (result.supply - leaked - moved)


def input_capacitance(result: Edge, stimulus: Stimulus | Case, edge: str, rests: Sequence[Rest], volts: float) -> float:
    """Charge that the related pin took in a full swing, less its leakage, by the supply (F): an input's rise where ``result`` is of one."""
    before, after = (rest.inputs[stimulus.arc.related_pin] for rest in _around(stimulus, edge, rests))
    leaked = before * result.before + after * result.after
    rises = not dict(stimulus.ready)[stimulus.trigger] if isinstance(stimulus, Case) else stimulus.other_edge(edge) == "rise"
    sign = 1.0 if rises else -1.0
    return sign * (result.input - leaked) / volts
