"""The columns of a batch placed: which are parameters, which are measures, of which arc and quantity, and which nobody can tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from eda_plugin.adapters.hspice.schema import FIELDS
from eda_plugin.adapters.runs.deck import Block, Deck
from eda_plugin.adapters.runs.facts import GIVEN, Facts, arc_of
from eda_plugin.adapters.runs.naming import Named, Namer
from eda_plugin.adapters.runs.rules import QUANTITIES, ParameterRule
from eda_plugin.errors import UserError

__all__ = ["Measure", "Parameter", "Placed", "place_columns"]

_TIMING = ("delay", "transition")


@dataclass(frozen=True)
class Parameter:
    """A column that conditions the others; ``rule`` None: of no known meaning, kept by its name."""

    column: int
    name: str
    rule: ParameterRule | None


@dataclass(frozen=True)
class Measure:
    """A column of results. ``quantity`` is empty where nothing tells what it is; ``lacking``: what an arc's measure should have and
    nothing tells."""

    column: int
    name: str
    quantity: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    factor: float = 1.0
    lacking: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        return QUANTITIES.get(self.quantity, "")


@dataclass(frozen=True)
class Placed:
    parameters: tuple[Parameter, ...]
    measures: tuple[Measure, ...]


def place_columns(
    names: Sequence[str], swept: frozenset[str], namer: Namer, facts: Facts, deck: Deck | None, block: Block | None
) -> Placed:
    """Every column of a file. A user's rule is believed first, then the deck's ``.measure`` statement, then the look of the name."""
    parameters: list[Parameter] = []
    measures: list[Measure] = []
    for column, name in enumerate(names):
        statement = deck.statements.get(name.lower()) if deck else None
        told = namer.measure(name, facts.values, user=True)
        rule = _parameter(name, namer, deck)
        if told is None and (name in swept or (rule is not None and (statement is None or not statement.targ))):
            given = rule is not None and facts.sources.get(rule.meaning, "").startswith(GIVEN)
            parameters.append(Parameter(column, name, None if given else rule))
            continue
        stated = arc_of(namer, deck, block, statement) if deck and block and statement else {}
        measures.append(_measure(column, name, told, stated, namer, facts))
    return Placed(tuple(parameters), tuple(_completed(measures)))


def _parameter(name: str, namer: Namer, deck: Deck | None) -> ParameterRule | None:
    """By its own name, by the part before a colon (Xyce steps CLOAD:C), or by the element that takes its value from it."""
    for text in (name, name.partition(":")[0], deck.aliases.get(name.lower(), "") if deck else ""):
        if text and (rule := namer.parameter(text)):
            return rule
    return None


def _measure(column: int, name: str, told: Named | None, stated: Mapping[str, str], namer: Namer, facts: Facts) -> Measure:
    looks = namer.measure(name, facts.values, user=False)
    quantity = told.quantity if told else stated.get("quantity", "")
    if looks and not told and (not quantity or (looks.quantity not in _TIMING and looks.unit == QUANTITIES[quantity])):
        quantity = looks.quantity  # a name says setup, or leakage, of what the statement shows as a time or a power only
    if not quantity:
        return Measure(column, name)
    by_look = {field: namer.spelled(field, text) for field, text in looks.fields.items()} if looks and looks.quantity == quantity else {}
    fields: dict[str, str] = {}
    for source in (told.fields if told else {}, stated, by_look, facts.values):
        for key, value in source.items():
            if key in FIELDS and value != "":
                fields.setdefault(key, str(value))
    if quantity in _TIMING and not any("timing_type" in source for source in (told.fields if told else {}, by_look)):
        fields.setdefault("timing_type", "combinational")
    numbers, columns = (told.numbers, told.columns) if told else ({}, {})
    return Measure(column, name, quantity, fields, numbers, columns, told.factor if told else 1.0)


def _completed(measures: Sequence[Measure]) -> list[Measure]:
    """A transition is of the delay's arc beside it where there is one only; then what is lacking is told."""
    delays = [measure for measure in measures if measure.quantity == "delay"]
    done = []
    for measure in measures:
        fields = dict(measure.fields)
        if measure.quantity == "transition" and "related_pin" not in fields:
            mates = [
                delay.fields for delay in delays
                if all(delay.fields.get(name) == fields[name] for name in ("cell", "pin", "edge") if name in fields)
            ]  # fmt: skip
            if mates and all(mate == mates[0] for mate in mates):
                fields = {**mates[0], **fields}
        needed = ("cell", "pin", "related_pin", "edge") if measure.quantity in _TIMING else ()
        lacking = tuple(name for name in needed if not fields.get(name))
        done.append(replace(measure, fields=fields, lacking=lacking))
    return done


def check_columns(placed: Placed, names: Sequence[str], where: str) -> None:
    """Raises ``UserError`` where a rule takes slew or load from a column that the file hasn't."""
    known = {name.lower() for name in names}
    for measure in placed.measures:
        for meaning, column in measure.columns.items():
            if column.lower() not in known:
                raise UserError(f"{where}: {meaning} of {measure.name} is to come from column {column!r}; the file has {', '.join(names)}")
