"""Naming rules: a TOML file of regular expressions with named groups over path, title, model section, measure and parameter names.

A mapping for measure files (``--mapping``) is a set of rules too; it is taken as one, so that nobody writes the same names twice.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from eda_plugin.adapters.hspice.schema import CORNER, EDGES, FIELDS, POINT, SPELLINGS, Checker, Mapping, read_mapping
from eda_plugin.adapters.runs.builtin import BUILTIN
from eda_plugin.errors import ParseError, UserError

__all__ = ["NUMBERS", "QUANTITIES", "WORDS", "MeasureRule", "ParameterRule", "Rules", "TextRule", "builtin_rules", "read_rules"]

NUMBERS = ("voltage", "temperature", *POINT)
WORDS = (*FIELDS, "process")
QUANTITIES = {
    "delay": "s", "transition": "s", "setup": "s", "hold": "s", "recovery": "s", "removal": "s", "min_pulse_width": "s", "energy": "J",
    "power": "W", "leakage": "W", "leakage_current": "A", "capacitance": "F", "charge": "C", "current": "A", "voltage": "V",
}  # fmt: skip
_ALL = (*FIELDS, *CORNER, *POINT)
_TEXTS = ("path", "title", "models")
_PLACE = Path("the built-in rules")


@dataclass(frozen=True)
class TextRule:
    """Searched in a text; the last place that it fits counts (of a path the deepest folder). ``words`` translate what groups found,
    ``factors`` are of numbers that state no unit."""

    pattern: re.Pattern[str]
    words: Dict[str, Dict[str, str]] = field(default_factory=dict)
    factors: Dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class MeasureRule:
    """For a whole measure name. ``fields`` are stated; ``numbers`` (slew, load) and ``columns`` (slew, load from this column) too;
    ``factor``: the value's unit in SI. ``negated``: what a low input begins with in the group ``when``,
    where inputs are joined by ``_``."""

    pattern: re.Pattern[str]
    quantity: str = ""
    fields: Dict[str, str] = field(default_factory=dict)
    numbers: Dict[str, float] = field(default_factory=dict)
    columns: Dict[str, str] = field(default_factory=dict)
    words: Dict[str, Dict[str, str]] = field(default_factory=dict)
    factor: float = 1.0
    negated: str = ""


@dataclass(frozen=True)
class ParameterRule:
    """For a whole name of a parameter or column: it is ``meaning``, in units of ``factor``; ``values`` say what its numbers mean."""

    pattern: re.Pattern[str]
    meaning: str
    factor: float = 1.0
    values: Dict[float, float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rules:
    """All rules of one file, in its order: the first that fits gives a field. ``given`` holds for every file."""

    path: Path
    texts: Dict[str, tuple[TextRule, ...]]
    measures: tuple[MeasureRule, ...] = ()
    parameters: tuple[ParameterRule, ...] = ()
    given: Dict[str, str | float] = field(default_factory=dict)
    factors: Dict[str, float] = field(default_factory=dict)
    case: str = "keep"
    builtin: bool = True
    ignore: tuple[str, ...] = ()

    def spelled(self, name: str, text: str) -> str:
        """``text`` in the ``case`` of cells and pins."""
        return SPELLINGS[self.case](text) if name in ("cell", "pin", "related_pin", "when") else text


@cache
def builtin_rules() -> Rules:
    """Those of ``builtin.py``."""
    return _rules(tomllib.loads(BUILTIN), _PLACE)


def read_rules(path: str | Path) -> Rules:
    """Read and check a rules file, or a mapping for measure files.

    Raises ``ParseError`` or ``UserError`` naming the entry that is wrong.
    """
    path = Path(path)
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read the rules {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ParseError("not UTF-8 text; expected TOML", path=path) from error
    except tomllib.TOMLDecodeError as error:
        raise ParseError(f"not valid TOML: {error}", path=path) from error
    return _from_mapping(read_mapping(path)) if "arc" in tree or "family" in tree else _rules(tree, path)


def _rules(tree: Dict[str, Any], path: Path) -> Rules:
    check = Checker(path, "rules")
    check.known(tree, ("case", "builtin", "ignore", "given", "units", *_TEXTS, "measure", "parameter"), "the file")
    case = tree.get("case", "keep")
    if case not in SPELLINGS:
        raise check.wrong("case", f"{case!r}; expected {', '.join(SPELLINGS)}")
    builtin, ignore = tree.get("builtin", True), tree.get("ignore", [])
    if not isinstance(builtin, bool):
        raise check.wrong("builtin", f"{builtin!r}; expected true or false")
    if not isinstance(ignore, list) or not all(isinstance(text, str) for text in ignore):
        raise check.wrong("ignore", f"{ignore!r}; expected a list of patterns such as 'scratch/*'")
    given = check.table(tree, "given", _ALL)
    for name, value in given.items():
        _constant(check, "given", name, value)
    units = {name.lower(): check.factor(name, value) for name, value in check.table(tree, "units", None).items()}
    texts: dict[str, tuple[TextRule, ...]] = {}
    for kind in _TEXTS:
        rules = []
        for place, entry in enumerate(check.entries(tree, kind), start=1):
            check.known(entry, ("pattern", "values"), f"[[{kind}]] {place}")
            pattern = check.pattern(entry.get("pattern"), f"{kind} {place}.pattern", _ALL)
            rules.append(TextRule(pattern, _words(check, entry, kind, _ALL), units))
        texts[kind] = tuple(rules)
    measures = [_measure(check, entry, f"measure {place}") for place, entry in enumerate(check.entries(tree, "measure"), start=1)]
    parameters = [_parameter(check, entry, f"parameter {place}") for place, entry in enumerate(check.entries(tree, "parameter"), start=1)]
    return Rules(path, texts, tuple(measures), tuple(parameters), given, units, case, builtin, tuple(ignore))


def _constant(check: Checker, place: str, name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, str if name in WORDS else (int, float)):
        raise check.wrong(f"{place}.{name}", f"{value!r}; expected {'a text' if name in WORDS else 'a number in SI units'}")
    if name == "edge" and str(value).lower() not in EDGES:
        raise check.wrong(f"{place}.{name}", f"{value!r}; expected rise or fall")


def _words(check: Checker, entry: Dict[str, Any], place: str, names: tuple[str, ...]) -> dict[str, dict[str, str]]:
    found = check.table(entry, "values", names)
    for name, table in found.items():
        if not isinstance(table, dict) or not all(isinstance(word, str) for word in table.values()):
            raise check.wrong(f"{place}.values.{name}", "expected texts to their meanings, such as { lh = 'rise' }")
    return {name: {text.lower(): word for text, word in table.items()} for name, table in found.items()}


def _measure(check: Checker, entry: Dict[str, Any], place: str) -> MeasureRule:
    known = (*FIELDS, *POINT, "quantity")
    check.known(entry, ("pattern", "unit", "values", "negated", *known), f"[[measure]] {place.split()[1]}")
    pattern = check.pattern(entry.get("pattern"), f"{place}.pattern", known)
    quantity = entry.get("quantity", "")
    if (quantity or "quantity" not in pattern.groupindex) and quantity not in QUANTITIES:
        raise check.wrong(f"{place}.quantity", f"{quantity!r}; expected one of {', '.join(QUANTITIES)}, or a group of that name")
    fields = {name: entry[name] for name in FIELDS if name in entry}
    for name, value in fields.items():
        _constant(check, place, name, value)
    numbers, columns = {}, {}
    for name in POINT:
        if name in entry and isinstance(entry[name], str):
            columns[name] = entry[name]
        elif name in entry:
            _constant(check, place, name, entry[name])
            numbers[name] = float(entry[name])
    factor = check.factor(f"{place}.unit", entry["unit"]) if "unit" in entry else 1.0
    negated = entry.get("negated", "")
    if not isinstance(negated, str):
        raise check.wrong(f"{place}.negated", f"{negated!r}; expected what a low input begins with, such as 'n'")
    return MeasureRule(pattern, quantity, fields, numbers, columns, _words(check, entry, place, known), factor, negated)


def _parameter(check: Checker, entry: Dict[str, Any], place: str) -> ParameterRule:
    check.known(entry, ("pattern", "field", "unit", "values"), f"[[parameter]] {place.split()[1]}")
    pattern = check.pattern(entry.get("pattern"), f"{place}.pattern", ())
    name = entry.get("field")
    if name not in (*CORNER, *POINT, "other"):
        raise check.wrong(f"{place}.field", f"{name!r}; expected one of {', '.join((*CORNER, *POINT))}, or other")
    source = check.source({"column": "x", "values": entry["values"]}, place, name) if "values" in entry else None
    if name == "process" and source is None:
        raise check.wrong(place, "a parameter is a number; say which process each is: values = { 1 = 'tt', 2 = 'ss' }")
    factor = check.factor(f"{place}.unit", entry["unit"]) if "unit" in entry else 1.0
    return ParameterRule(pattern, name, factor, source.values if source else {})


def _from_mapping(mapping: Mapping) -> Rules:
    """The same statements as rules; what a mapping states as constant is given."""
    path = (TextRule(mapping.pattern, {}, mapping.factors),) if mapping.pattern else ()
    given: dict[str, str | float] = {}
    parameters = []
    for name, source in mapping.corner.items():
        if source.column:
            parameters.append(_column(source.column, name, mapping, source.values))
        elif source.constant is not None:
            given[name] = source.constant
    measures = []
    for rule in mapping.rules:
        numbers = {name: float(source.constant) for name, source in rule.sources.items() if source.constant is not None}
        columns = {name: source.column for name, source in rule.sources.items() if source.column}
        parameters += [_column(source.column, name, mapping, source.values) for name, source in rule.sources.items() if source.column]
        words = {name: {text.lower(): word for text, word in table.items()} for name, table in rule.words.items()}
        for quantity, pattern in (("delay", rule.delay), ("transition", rule.transition)):
            if pattern is not None:
                measures.append(MeasureRule(pattern, quantity, rule.fields, numbers, columns, words))
    texts = {"path": path, "title": (), "models": ()}
    return Rules(mapping.path, texts, tuple(measures), tuple(parameters), given, mapping.factors, mapping.case)


def _column(name: str, meaning: str, mapping: Mapping, values: Dict[float, float | str]) -> ParameterRule:
    return ParameterRule(re.compile(re.escape(name), re.IGNORECASE), meaning, mapping.factors.get(name.lower(), 1.0), values)
