"""Names to meanings: what the rules make of a path, a title, a measure or a parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from eda_plugin.adapters.hspice.schema import EDGES
from eda_plugin.adapters.runs.rules import NUMBERS, QUANTITIES, ParameterRule, Rules, TextRule, builtin_rules
from eda_plugin.errors import UserError
from eda_plugin.units import named_number

__all__ = ["Named", "Namer", "Value"]

Value = str | float


@dataclass(frozen=True)
class Named:
    """What a measure's name says. ``numbers``: slew and load stated; ``columns``: those in columns; ``factor`` to SI."""

    quantity: str
    fields: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    factor: float = 1.0

    @property
    def unit(self) -> str:
        return QUANTITIES[self.quantity]


@dataclass(frozen=True)
class Namer:
    """The user's rules, if any, before the built-in ones."""

    user: Rules | None = None

    @cached_property
    def builtin(self) -> Rules | None:
        return builtin_rules() if self.user is None or self.user.builtin else None

    def text(self, kind: str, text: str, *, user: bool) -> dict[str, Value]:
        """Fields that the rules of one side find in a text: ``kind`` is path, title or models.

        Raises ``UserError`` where a user's rule finds something that is no number where one is expected.
        """
        rules = self.user if user else self.builtin
        found: dict[str, Value] = {}
        for rule in rules.texts[kind] if rules and text else ():
            matches = list(rule.pattern.finditer(text))
            for name, word in matches[-1].groupdict().items() if matches else ():
                if word is not None and name not in found:
                    value = _value(rule, name, word, kind, text, strict=user)
                    if value is not None:
                        found[name] = value
        return found

    def measure(self, name: str, stated: Mapping[str, Value], *, user: bool) -> Named | None:
        """What the first fitting rule says of a measure. A rule that states another cell (say) than the path did (``stated``) fits not."""
        rules = self.user if user else self.builtin
        for rule in rules.measures if rules else ():
            if any(str(stated[field]).lower() != text.lower() for field, text in rule.fields.items() if field in stated):
                continue
            match = rule.pattern.fullmatch(name)
            if match and rules is not None:
                groups = {group: text for group, text in match.groupdict().items() if text is not None}
                texts = {group: rule.words.get(group, {}).get(text.lower(), text) for group, text in groups.items()}
                quantity = rule.quantity or texts.pop("quantity", "").lower()
                if quantity not in QUANTITIES:
                    continue
                plain = {
                    group: rules.spelled(group, text) if text == groups[group] else text
                    for group, text in texts.items()
                    if group != "quantity"
                }
                fields = {**plain, **rule.fields}
                if "edge" in fields:
                    if fields["edge"].lower() not in EDGES:
                        raise UserError(
                            f"rules {rules.path}: edge {fields['edge']!r} of measure {name}; map it by values.edge to rise or fall"
                        )
                    fields["edge"] = EDGES[fields["edge"].lower()]
                if rule.negated and "when" in groups and groups["when"] == texts["when"]:
                    fields["when"] = _state(fields["when"], rule.negated)
                return Named(quantity, fields, rule.numbers, rule.columns, rule.factor * rules.factors.get(name.lower(), 1.0))
        return None

    def parameter(self, name: str) -> ParameterRule | None:
        """The first rule that fits a parameter's or column's name."""
        for rules in (self.user, self.builtin):
            for rule in rules.parameters if rules else ():
                if rule.pattern.fullmatch(name):
                    return rule
        return None

    def spelled(self, name: str, text: str) -> str:
        """As the user's rules want cells and pins spelled."""
        return self.user.spelled(name, text) if self.user else text


def _value(rule: TextRule, name: str, word: str, kind: str, text: str, *, strict: bool) -> Value | None:
    meant = rule.words.get(name, {}).get(word.lower(), word)
    if name == "edge":
        return EDGES.get(meant.lower())
    if name not in NUMBERS:
        return meant.lower() if name == "process" else meant
    number = named_number(meant)
    if number is None:
        if strict:
            raise UserError(f"{name} {word!r} in the {kind} {text!r} is no number; expected such as 0v80, n40C, 10ps or 2fF")
        return None
    return number if meant[-2:].isalpha() else number * rule.factors.get(name, 1.0)


def _state(text: str, negated: str) -> str:
    """A state as names spell it, ``nb_ci``, as Liberty does: ``!B&CI``, in the letters' own case."""
    parts = [part for part in text.split("_") if part]
    low = negated.lower()
    return "&".join(f"!{part[len(low) :]}" if len(part) > len(low) and part.lower().startswith(low) else part for part in parts)
