"""Boolean functions as Liberty writes them, and the side inputs that let an arc switch."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from eda_plugin.domain import Arc, Cell
from eda_plugin.errors import UserError

__all__ = ["Stimulus", "evaluate", "input_states", "sensitise"]

_TOKEN = re.compile(r"\s*(?:([A-Za-z_][\w\[\].]*)|([01])|([!'&*|+^()]))")


@dataclass(frozen=True)
class Stimulus:
    """An arc that can be simulated: its side inputs at fixed levels, and whether the output falls when the related pin rises."""

    arc: Arc
    side: tuple[tuple[str, bool], ...]
    inverting: bool

    def other_edge(self, edge: str) -> str:
        """Edge of the related pin that gives ``edge`` at the output, and as well the edge of the output that ``edge`` of that pin gives."""
        return {"rise": "fall", "fall": "rise"}[edge] if self.inverting else edge


def evaluate(expression: str, values: Mapping[str, bool]) -> bool:
    """Value of a Liberty function: ``! '`` not, ``& *`` and side by side and, ``^`` exclusive or, ``| +`` or; binding in this order.

    Raises ``UserError`` for a text that is no such function, or names a pin that has no value.

    >>> evaluate("!(A B + C')", {"A": True, "B": False, "C": True})
    True
    """
    tokens: list[str] = []
    place = 0
    text = expression.strip()
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise UserError(f"unreadable function {expression!r} at {text[place:][:20]!r}; expected pins, ! ' & * ^ | + and brackets")
        tokens.append(found[0].strip())
        place = found.end()
    result, rest = _either(tokens, values, expression)
    if rest:
        raise UserError(f"unreadable function {expression!r}: {rest[0]!r} stands where nothing can follow")
    return result


_Step = tuple[bool, list[str]]


def _chain(
    operators: str, below: Callable[[list[str], Mapping[str, bool], str], _Step], tokens: list[str], values: Mapping[str, bool], whole: str
) -> _Step:
    result, tokens = below(tokens, values, whole)
    while tokens and tokens[0] in operators:
        operator = tokens[0]
        other, tokens = below(tokens[1:], values, whole)
        result = result != other if operator == "^" else result or other
    return result, tokens


def _either(tokens: list[str], values: Mapping[str, bool], whole: str) -> _Step:
    return _chain("|+", _exclusive, tokens, values, whole)


def _exclusive(tokens: list[str], values: Mapping[str, bool], whole: str) -> _Step:
    return _chain("^", _both, tokens, values, whole)


def _both(tokens: list[str], values: Mapping[str, bool], whole: str) -> _Step:
    result, tokens = _factor(tokens, values, whole)
    while tokens and tokens[0] not in "|+^)":
        other, tokens = _factor(tokens[1:] if tokens[0] in "&*" else tokens, values, whole)
        result = result and other
    return result, tokens


def _factor(tokens: list[str], values: Mapping[str, bool], whole: str) -> _Step:
    if not tokens:
        raise UserError(f"unreadable function {whole!r}: it ends where a pin is expected")
    head, tokens = tokens[0], tokens[1:]
    if head == "!":
        result, tokens = _factor(tokens, values, whole)
        return not result, tokens
    if head == "(":
        result, tokens = _either(tokens, values, whole)
        if not tokens or tokens[0] != ")":
            raise UserError(f"unreadable function {whole!r}: a bracket is not closed")
        tokens = tokens[1:]
    elif head in "01":
        result = head == "1"
    elif head in values:
        result = values[head]
    else:
        raise UserError(f"function {whole!r} names {head!r}; the cell's inputs are {', '.join(sorted(values)) or 'none'}")
    while tokens and tokens[0] == "'":
        result, tokens = not result, tokens[1:]
    return result, tokens


def input_states(cell: Cell) -> list[dict[str, bool]]:
    """Every state of a cell's inputs, counting up with the last input as the lowest bit."""
    names = [pin.name for pin in cell.pins if pin.direction == "input"]
    return [dict(zip(names, levels, strict=True)) for levels in itertools.product((False, True), repeat=len(names))]


def sensitise(cell: Cell, arc: Arc) -> Stimulus:
    """Side inputs with which the related pin of ``arc`` switches its output.

    They meet ``when`` and give the arc's sense; where several do, the first in the order of ``input_states``, so that the choice never
    depends on the run. Raises ``UserError`` where the pins are unknown, the output has no function or no state will do.
    """
    functions = {pin.name: pin.function for pin in cell.pins if pin.direction == "output"}
    inputs = [pin.name for pin in cell.pins if pin.direction == "input"]
    if not functions.get(arc.pin) or arc.related_pin not in inputs:
        raise UserError(
            f"arc {arc}: cell {cell.name} has the inputs {inputs} and functions for {sorted(k for k, v in functions.items() if v)}"
        )
    for state in input_states(cell):
        if state[arc.related_pin] or (arc.when and not evaluate(arc.when, state)):
            continue
        low, high = (evaluate(functions[arc.pin], {**state, arc.related_pin: level}) for level in (False, True))
        if low == high or (arc.timing_sense == "positive_unate" and low) or (arc.timing_sense == "negative_unate" and high):
            continue
        return Stimulus(arc, tuple((name, level) for name, level in state.items() if name != arc.related_pin), low)
    sense = f" as {arc.timing_sense}" if arc.timing_sense else ""
    raise UserError(f"arc {arc}: no state of the other inputs lets {arc.related_pin} switch {arc.pin} = {functions[arc.pin]}{sense}")
