"""The TOML mapping that says which measure is which arc's delay or transition, and what the swept parameters mean.

::

    case = "upper"                 # HSPICE prints names in lower case: cell and pin names in upper case, "lower", or "keep" (default)

    [files]                        # optional: named groups found in a file's path give what nothing else states
    pattern = '(?P<process>tt|ss|ff)/(?P<cell>\\w+)\\.mt'

    [corner]                       # process by name, volts, degrees Celsius: a constant, or from a column
    process = { column = "alter#", values = { 1 = "tt", 2 = "ss" } }
    voltage = { column = "vdd" }
    temperature = { column = "temper" }   # the default

    [units]                        # optional: what one unit of a column or of a group of files.pattern is; plain SI unless stated
    tin = "1ps"
    cl = 1e-15

    [[arc]]                        # one arc and edge; a text in slew or load is a column's name
    cell = "NAND2"
    pin = "Y"
    related_pin = "A"
    timing_sense = "negative_unate"
    when = "B"
    edge = "rise"
    delay = "tplh_a"
    transition = "tr_a"
    slew = { column = "tin" }
    load = 2e-15

    [[family]]                     # many arcs: regular expressions for whole measure names, whose named groups fill the arc's fields
    delay = 'tp(?P<edge>lh|hl)_(?P<related_pin>[a-z]+\\d*)_(?P<pin>[a-z]+)'
    transition = 'tr(?P<edge>lh|hl)_(?P<related_pin>[a-z]+\\d*)_(?P<pin>[a-z]+)'
    slew = { column = "tin" }
    load = { column = "cl" }
    values = { edge = { lh = "rise", hl = "fall" } }
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eda_plugin.errors import ParseError, UserError
from eda_plugin.units import unit_factor

__all__ = ["CORNER", "EDGES", "FIELDS", "POINT", "SPELLINGS", "Checker", "Mapping", "Rule", "Source", "read_mapping"]

FIELDS = ("cell", "pin", "related_pin", "timing_type", "timing_sense", "when", "edge")
EDGES = {"rise": "rise", "fall": "fall", "r": "rise", "f": "fall", "lh": "rise", "hl": "fall", "01": "rise", "10": "fall"}
CORNER = ("process", "voltage", "temperature")
POINT = ("slew", "load")
_RULE = (*FIELDS, "delay", "transition", *POINT)
SPELLINGS: dict[str, Callable[[str], str]] = {"upper": str.upper, "lower": str.lower, "keep": str}


@dataclass(frozen=True)
class Source:
    """Where a number or a name comes from: a constant, or a column, whose numbers ``values`` may turn into others or into names."""

    constant: float | str | None = None
    column: str = ""
    values: Dict[float, float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """One ``[[arc]]`` or ``[[family]]``.

    ``delay`` and ``transition`` match whole measure names, None where unmapped; ``words`` translate what their groups found.
    """

    place: str
    fields: Dict[str, str]
    delay: re.Pattern[str] | None
    transition: re.Pattern[str] | None
    sources: Dict[str, Source]
    words: Dict[str, Dict[str, str]]


@dataclass(frozen=True)
class Mapping:
    """A whole mapping file. ``corner`` and each rule's ``sources`` hold what is stated; the rest must come from the file's path."""

    path: Path
    corner: Dict[str, Source]
    rules: tuple[Rule, ...]
    factors: Dict[str, float]
    pattern: re.Pattern[str] | None
    case: str

    def spelled(self, name: str, text: str) -> str:
        """``text`` as the library spells it: the ``case`` of cells and pins."""
        return SPELLINGS[self.case](text) if name in ("cell", "pin", "related_pin", "when") else text


def read_mapping(path: str | Path) -> Mapping:
    """Read and check a mapping file. Raises ``ParseError`` or ``UserError`` naming the entry that is wrong and what is known."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        tree = tomllib.loads(text)
    except OSError as error:
        raise UserError(f"cannot read the mapping {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ParseError("not UTF-8 text; expected TOML", path=path) from error
    except tomllib.TOMLDecodeError as error:
        raise ParseError(f"not valid TOML: {error}", path=path) from error
    check = Checker(path)
    check.known(tree, ("case", "files", "corner", "units", "arc", "family"), "the file")
    case = tree.get("case", "keep")
    if case not in SPELLINGS:
        raise check.wrong("case", f"{case!r}; expected {', '.join(SPELLINGS)}")
    files = check.table(tree, "files", ("pattern",))
    corner = check.table(tree, "corner", CORNER)
    units = check.table(tree, "units", None)
    rules = [check.rule(entry, f"arc {place}", family=False) for place, entry in enumerate(check.entries(tree, "arc"), start=1)]
    rules += [check.rule(entry, f"family {place}", family=True) for place, entry in enumerate(check.entries(tree, "family"), start=1)]
    if not rules:
        raise check.wrong("the file", "no [[arc]] and no [[family]]; a mapping names at least one delay or transition")
    sources = {name: check.source(value, f"corner.{name}", name) for name, value in corner.items()}
    pattern = check.pattern(files["pattern"], "files.pattern", (*FIELDS, *CORNER, *POINT)) if "pattern" in files else None
    stated = pattern.groupindex if pattern else {}
    if "temperature" not in sources and "temperature" not in stated:
        sources["temperature"] = Source(column="temper")
    for name in ("process", "voltage"):
        if name not in sources and name not in stated:
            raise check.wrong("corner", f"no {name}; state it, name its column, or give files.pattern a group {name}")
    for rule in rules:
        for name in ("cell", "pin", "related_pin", "edge", *POINT):
            groups = [found.groupindex for found in (rule.delay, rule.transition) if found]
            if name not in rule.fields and name not in rule.sources and name not in stated and not all(name in part for part in groups):
                raise check.wrong(rule.place, f"no {name}; state it, or give files.pattern or the family's patterns a group {name}")
    return Mapping(path, sources, tuple(rules), {name.lower(): check.factor(name, value) for name, value in units.items()}, pattern, case)


class Checker:
    """Checks of one file's entries; each refusal names the file and the entry."""

    def __init__(self, path: Path, what: str = "mapping") -> None:
        self.path = path
        self.what = what

    def wrong(self, place: str, message: str) -> UserError:
        return UserError(f"{self.what} {self.path}: {place}: {message}")

    def known(self, table: Dict[str, Any], names: tuple[str, ...], place: str) -> None:
        strange = [name for name in table if name not in names]
        if strange:
            raise self.wrong(place, f"unknown entry {strange[0]!r}; known are {', '.join(names)}")

    def table(self, tree: Dict[str, Any], name: str, names: tuple[str, ...] | None) -> Dict[str, Any]:
        found = tree.get(name, {})
        if not isinstance(found, dict):
            raise self.wrong(name, f"expected a table [{name}], found {found!r}")
        if names:
            self.known(found, names, f"[{name}]")
        return found

    def entries(self, tree: Dict[str, Any], name: str) -> list[Dict[str, Any]]:
        found = tree.get(name, [])
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            raise self.wrong(name, f"expected [[{name}]] entries")
        return found

    def factor(self, name: str, value: object) -> float:
        if isinstance(value, str):
            return unit_factor(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
            return float(value)
        raise self.wrong(f"units.{name}", f"{value!r}; expected a unit such as '1ps' or a factor to SI such as 1e-12")

    def pattern(self, text: object, place: str, groups: tuple[str, ...]) -> re.Pattern[str]:
        if not isinstance(text, str):
            raise self.wrong(place, f"{text!r}; expected a regular expression")
        try:
            found = re.compile(text, re.IGNORECASE)
        except re.error as error:
            raise self.wrong(place, f"{text!r} is no regular expression: {error}") from None
        strange = [name for name in found.groupindex if name not in groups]
        if strange:
            raise self.wrong(place, f"unknown group {strange[0]!r}; known are {', '.join(groups)}")
        return found

    def source(self, value: object, place: str, name: str) -> Source:
        if isinstance(value, str) and name in POINT:
            return Source(column=value)
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            if isinstance(value, str) != (name == "process"):
                raise self.wrong(place, f"{value!r}; expected {'a name' if name == 'process' else 'a number or a column'}")
            return Source(constant=value if isinstance(value, str) else float(value))
        if not isinstance(value, dict) or not isinstance(value.get("column"), str):
            raise self.wrong(place, f"{value!r}; expected a constant or {{ column = NAME }}")
        self.known(value, ("column", "values"), place)
        if name == "process" and not value.get("values"):
            raise self.wrong(place, "a column holds numbers; say which process each is: values = { 1 = 'tt', 2 = 'ss' }")
        values: dict[float, float | str] = {}
        for number, meaning in self.table(value, "values", None).items():
            try:
                values[float(number)] = meaning if name == "process" else float(meaning)
            except (TypeError, ValueError):
                raise self.wrong(place, f"values: {number!r} = {meaning!r}; expected a number of the column and what it means") from None
        return Source(column=value["column"], values=values)

    def rule(self, entry: Dict[str, Any], place: str, *, family: bool) -> Rule:
        self.known(entry, (*_RULE, "values") if family else _RULE, f"[[{place.split()[0]}]] {place.split()[1]}")
        fields = {name: entry[name] for name in FIELDS if name in entry}
        for name, text in fields.items():
            if not isinstance(text, str):
                raise self.wrong(place, f"{name} is {text!r}; expected text")
        patterns: dict[str, re.Pattern[str] | None] = {"delay": None, "transition": None}
        for name in patterns:
            if name in entry:
                text = entry[name] if family else re.escape(str(entry[name]))
                patterns[name] = self.pattern(text, f"{place}.{name}", FIELDS)
        both = [found for found in patterns.values() if found]
        if not both:
            raise self.wrong(place, "neither delay nor transition; name the measure of one of them")
        if len({frozenset(found.groupindex) for found in both}) > 1:
            raise self.wrong(place, "the patterns of delay and transition have different groups; arcs are paired by them")
        words = self.table(entry, "values", FIELDS)
        for name, table in words.items():
            if not isinstance(table, dict) or not all(isinstance(word, str) for word in table.values()):
                raise self.wrong(f"{place}.values.{name}", "expected texts to their meanings, such as { lh = 'rise' }")
        if fields.get("edge", "rise") not in EDGES:
            raise self.wrong(place, f"edge is {fields['edge']!r}; expected rise or fall")
        sources = {name: self.source(entry[name], f"{place}.{name}", name) for name in POINT if name in entry}
        return Rule(place, fields, patterns["delay"], patterns["transition"], sources, words)
