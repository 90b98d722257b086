"""What a check found, and the rules that find it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING

from eda_plugin.domain.arc import TableKey
from eda_plugin.domain.corner import Corner
from eda_plugin.domain.library import Library
from eda_plugin.errors import UserError

if TYPE_CHECKING:
    from eda_plugin.qa.subject import Subject

__all__ = ["Finding", "Rule", "RuleRegistry", "Severity", "count_findings", "finding"]


class Severity(StrEnum):
    """``error``: not usable as it stands; ``warning``: look at it; ``repaired``: was a fault, the gate moved it; ``info``: no fault."""

    ERROR = "error"
    WARNING = "warning"
    REPAIRED = "repaired"
    INFO = "info"


@dataclass(frozen=True)
class Finding:
    """One fault of one table or library. ``values`` are the numbers that the message speaks of, SI units; ``line`` counts from 1.

    ``place`` says what it is about where that is no table (``key``): ``library``, an attribute or group of the library, a cell, or
    ``cell/pin``.
    """

    rule: str
    severity: Severity
    message: str
    corner: Corner | None = None
    key: TableKey | None = None
    file: str = ""
    line: int | None = None
    values: tuple[float, ...] = ()
    place: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.file and self.line else self.file
        parts = [place, f"{self.severity} [{self.rule}]", str(self.corner or ""), "" if self.key is None else f"{self.key}:", self.message]
        return " ".join(part for part in parts if part)

    def to_dict(self) -> dict[str, object]:
        """JSON-able form."""
        return {
            "rule": self.rule,
            "severity": str(self.severity),
            "message": self.message,
            "corner": None if self.corner is None else self.corner.name,
            "key": None if self.key is None else dict(self.key._asdict()),
            "file": self.file,
            "line": self.line,
            "values": [value if isfinite(value) else None for value in self.values],  # JSON has no NaN
            "place": self.place,
        }


def finding(
    rule: str,
    severity: Severity,
    message: str,
    library: Library,
    key: TableKey | None = None,
    values: Iterable[float] = (),
    place: str = "",
) -> Finding:
    """A finding in ``library``, with its corner and file."""
    numbers = tuple(float(value) for value in values)
    return Finding(rule, severity, message, library.corner, key, library.source, None, numbers, place)


def count_findings(findings: Iterable[Finding]) -> dict[str, int]:
    """How many of each severity, every severity named."""
    counts = Counter(str(found.severity) for found in findings)
    return {str(severity): counts[str(severity)] for severity in Severity}


@dataclass(frozen=True)
class Rule:
    """A named check. ``reason`` says in one sentence what goes wrong downstream where it is broken; ``check`` yields what it finds."""

    name: str
    reason: str
    check: Callable[[Subject], Iterable[Finding]] = field(compare=False)


class RuleRegistry:
    """The rules of one run, by name, in the order in which they were added; plugins add theirs through ``register_checks``."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._rules: dict[str, Rule] = {}
        for rule in rules:
            self.add(rule)

    def add(self, rule: Rule) -> None:
        """Raises ``UserError`` where the name is taken."""
        if rule.name in self._rules:
            raise UserError(f"a rule named {rule.name!r} is registered already; give the new one a name of its own")
        self._rules[rule.name] = rule

    def select(self, names: Iterable[str]) -> tuple[Rule, ...]:
        """The rules of these names. Raises ``UserError`` for an unknown one."""
        wanted = list(names)
        unknown = [name for name in wanted if name not in self._rules]
        if unknown:
            raise UserError(f"unknown rule {unknown[0]!r}; known are {', '.join(sorted(self._rules))}")
        return tuple(self._rules[name] for name in wanted)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules.values())

    def __len__(self) -> int:
        return len(self._rules)

    def __contains__(self, name: object) -> bool:
        return name in self._rules
