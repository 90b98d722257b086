"""Flip-flops: delays from clock, clear or preset to an output, edges of inputs that move no output, and the cell at rest."""

from __future__ import annotations

import math
from collections.abc import Sequence

from eda_plugin.adapters.ngspice.deck import Bench
from eda_plugin.adapters.ngspice.energy import Rest, read_rest
from eda_plugin.adapters.ngspice.flipflop import Case, stored_states
from eda_plugin.adapters.ngspice.log import LogRow
from eda_plugin.adapters.ngspice.run import answer_rows
from eda_plugin.adapters.ngspice.scene import Shot, prepare, rest_deck, scene_deck
from eda_plugin.adapters.ngspice.settle import SETTLED, Edge, settled_rows, unreadable
from eda_plugin.domain import Cell
from eda_plugin.errors import UserError

__all__ = ["clocked_sweep", "idle_sweep", "stored_at_rest"]


def clocked_sweep(bench: Bench, cell: Cell, case: Case, rows: Sequence[tuple[float, float]], *, charge: bool = False) -> list[Edge | str]:
    """Simulate rows (slew in s, load in F) of one case of a delay: for each the edge, or the reason why there is no answer."""
    nodes = prepare(bench, cell, [case])[case.key]
    if isinstance(nodes, str):
        return [nodes] * len(rows)

    def deck_of(chosen: Sequence[tuple[int, float]]) -> str:
        return scene_deck(bench, cell, [Shot(case, *rows[place], window) for place, window in chosen], nodes, charge=charge)

    edge = "rise" if case.last else "fall"
    return settled_rows(bench, [(slew, load, edge) for slew, load in rows], deck_of)


def idle_sweep(bench: Bench, cell: Cell, case: Case, slews: Sequence[float], load: float) -> list[Edge | str]:
    """Charges of an input's edge that moves no output, by its slew (s): edges without delay and transition (NaN); or why there is none."""
    nodes = prepare(bench, cell, [case])[case.key]
    if isinstance(nodes, str):
        return [nodes] * len(slews)
    shots = [Shot(case, slew, load, bench.settings.window) for slew in slews]

    def deck_of(chosen: Sequence[int]) -> str:
        return scene_deck(bench, cell, [shots[place] for place in chosen], nodes, charge=True)

    answers = answer_rows(len(shots), deck_of, bench.settings)
    return [_idle(found, shot, bench) for shot, found in zip(shots, answers, strict=True)]


def _idle(found: LogRow | str, shot: Shot, bench: Bench) -> Edge | str:
    if isinstance(found, str):
        return found
    if reason := unreadable(found):
        return reason
    rail = bench.corner.voltage * shot.case.first
    supply, taken, begin, end = (found.values.get(name, math.nan) for name in ("supply", "input", "begin", "end"))
    if not max(abs(begin - rail), abs(end - rail)) <= SETTLED * bench.corner.voltage:
        return f"{shot.case.output} stood at {begin:g} V and then at {end:g} V; expected {rail:g} V"
    if math.isnan(supply + taken):
        return f"no charge for {', '.join(found.failed) or 'supply or input'}"
    return Edge.within(math.nan, math.nan, (-supply, -taken), shot.slew, shot.window, bench.settings.edge)


def stored_at_rest(bench: Bench, cell: Cell) -> list[Rest]:
    """Operating points of all states of the inputs with each value that can be stored; ``state`` names the output as well.

    Raises ``UserError`` where ngspice gives none.
    """
    cases = stored_states(cell)
    prepared = prepare(bench, cell, cases)
    result = []
    for case in cases:
        nodes = prepared[case.key]
        if isinstance(nodes, str):
            raise UserError(f"cell {cell.name} at rest at {bench.corner}: {nodes}")
        deck = rest_deck(bench, cell, case, nodes)
        row = answer_rows(1, lambda _, deck=deck: deck, bench.settings)[0]  # type: ignore[misc]
        rail = bench.corner.voltage * case.first
        if not isinstance(row, str) and not abs(row.values.get("v(sense)", math.nan) - rail) <= SETTLED * bench.corner.voltage:
            row = f"no operating point with {case.output}={int(case.first)}"
        result.append(read_rest(bench, cell, {**dict(case.ready), case.output: case.first}, row))
    return result
