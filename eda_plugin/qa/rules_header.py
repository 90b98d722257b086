"""Rules on what a library says of its own conditions: nominal values, operating conditions, voltage map, names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from math import isclose
from pathlib import Path

from eda_plugin.domain.corner import Corner
from eda_plugin.domain.library import Library
from eda_plugin.qa.findings import Finding, Rule, Severity, finding
from eda_plugin.qa.subject import Subject

__all__ = ["header_rules"]

_CONDITIONS = "operating_conditions"
_UNITS = {"process": "", "voltage": " V", "temperature": " °C"}
ENOUGH = 3  # corners, below which a rail that follows the supply cannot be told from one that happens to stand there


def header_rules() -> tuple[Rule, ...]:
    """The rules of this module."""
    return (
        Rule("corner-name", "a library whose name says another corner than its header is signed off at the wrong one", _corner_name),
        Rule("corner-file", "a file whose name says another corner than its header is picked for the wrong one", _corner_file),
        Rule(
            "corner-stated", "a library that is taken for another corner than it states brings one corner's numbers into another", _stated
        ),
        Rule(
            "nominal-differs", "nominal values and operating conditions that disagree: tools take either, and derate between them", _nominal
        ),
        Rule(
            "conditions-name", "operating conditions whose name says other values than they hold are chosen by that name", _conditions_name
        ),
        Rule("conditions-default", "without the default operating conditions a tool takes those of the technology or none", _default),
        Rule("rail-supply", "a voltage map without a rail at the corner's supply belongs to another corner", _rail_supply),
        Rule("rail-stale", "a rail that follows the supply at other corners and not at this one was copied", _rail_stale),
    )


def _same(one: float, two: float) -> bool:
    return isclose(one, two, rel_tol=1e-9, abs_tol=1e-9)


def _unlike(said: Mapping[str, float], held: Mapping[str, float]) -> list[str]:
    """What both speak of and one says otherwise."""
    return [name for name in _UNITS if name in said and name in held and not _same(said[name], held[name])]


def _list(names: Iterable[str], said: Mapping[str, float], held: Mapping[str, float]) -> str:
    return " and ".join(f"{name} {said[name]:g}{_UNITS[name]} for {held[name]:g}{_UNITS[name]}" for name in names)


def _says(library: Library, text: str, what: str, rule: str, place: str) -> Iterator[Finding]:
    named, corner = Corner.from_name(text), library.corner
    if named is None or named == corner:
        return
    said, held = _numbers(named), _numbers(corner)
    names = _unlike(said, held)
    wrong = [f"process {named.process} for {corner.process}"] if named.process != corner.process else []
    wrong += [_list([name], said, held) for name in names]
    values = [number for name in names for number in (said[name], held[name])]
    yield finding(rule, Severity.ERROR, f"the {what} {text!r} says {' and '.join(wrong)} of the header", library, None, values, place)


def _numbers(corner: Corner) -> dict[str, float]:
    return {"voltage": corner.voltage, "temperature": corner.temperature}


def _corner_name(subject: Subject) -> Iterator[Finding]:
    for library in subject.libraries:
        yield from _says(library, library.name, "library's name", "corner-name", "library")


def _corner_file(subject: Subject) -> Iterator[Finding]:
    for library in subject.libraries:
        stem = Path(library.source).name
        for suffix in (".gz", ".xz", ".lib", ".liberty"):
            stem = stem.removesuffix(suffix)
        yield from _says(library, stem, "file's name", "corner-file", "library")


def _stated(subject: Subject) -> Iterator[Finding]:
    for library in subject.libraries:
        header, held = library.header, _numbers(library.corner)
        said = header.nominal if {"voltage", "temperature"} & header.nominal.keys() else header.conditions.get(_chosen(library), {})
        if names := _unlike(said, held):
            text = f"states {_list(names, said, held)} of the corner {library.corner.name} that it is taken for"
            values = [number for name in names for number in (said[name], held[name])]
            yield finding("corner-stated", Severity.ERROR, text, library, None, values, f"nom_{names[0]}")


def _chosen(library: Library) -> str:
    """Name of the library's own operating conditions: the default, or the only ones; empty where that is open."""
    header = library.header
    if header.default_conditions in header.conditions:
        return header.default_conditions
    return next(iter(header.conditions)) if len(header.conditions) == 1 else ""


def _nominal(subject: Subject) -> Iterator[Finding]:
    for library in subject.libraries:
        name = _chosen(library)
        said, held = library.header.nominal, library.header.conditions.get(name, {})
        for what in _unlike(said, held):
            text = f"nom_{what} is {said[what]:g}{_UNITS[what]}, the operating conditions {name!r} hold {held[what]:g}{_UNITS[what]}"
            yield finding("nominal-differs", Severity.ERROR, text, library, None, [said[what], held[what]], f"nom_{what}")


def _conditions_name(subject: Subject) -> Iterator[Finding]:
    for library in subject.libraries:
        for name, held in library.header.conditions.items():
            named = Corner.from_name(name)
            if named is None:
                continue
            said = _numbers(named)
            names = _unlike(said, held)
            wrong = [_list([what], said, held) for what in names]
            if name == _chosen(library) and named.process != library.corner.process:
                wrong.insert(0, f"process {named.process} for {library.corner.process}")
            if wrong:
                text = f"the operating conditions {name!r} say {' and '.join(wrong)}"
                values = [number for what in names for number in (said[what], held[what])]
                yield finding("conditions-name", Severity.ERROR, text, library, None, values, _CONDITIONS)


def _default(subject: Subject) -> Iterator[Finding]:
    for library in subject.libraries:
        header = library.header
        known = ", ".join(repr(name) for name in header.conditions) or "none"
        text = ""
        if header.default_conditions and header.default_conditions not in header.conditions:
            text = f"default_operating_conditions names {header.default_conditions!r}; the library has {known}"
        elif not header.default_conditions and len(header.conditions) > 1:
            text = f"no default_operating_conditions; the library has {known}"
        if text:
            place = "default_operating_conditions" if header.default_conditions else _CONDITIONS
            yield finding("conditions-default", Severity.WARNING, text, library, None, (), place)


def _rail_supply(subject: Subject) -> Iterator[Finding]:
    for library in subject.libraries:
        rails, supply = library.header.rails, library.corner.voltage
        if rails and not any(_same(volts, supply) for volts in rails.values()):
            text = f"no rail stands at the supply of {supply:g} V: " + ", ".join(f"{name} {volts:g} V" for name, volts in rails.items())
            yield finding("rail-supply", Severity.ERROR, text, library, None, [supply, *rails.values()], "voltage_map")


def _rail_stale(subject: Subject) -> Iterator[Finding]:
    """Rails that stand at the supply in two thirds or more of the libraries that have them."""
    have = Counter(name for library in subject.libraries for name in library.header.rails)
    follow = Counter(
        name for library in subject.libraries for name, volts in library.header.rails.items() if _same(volts, library.corner.voltage)
    )
    for library in subject.libraries:
        supply = library.corner.voltage
        for name, volts in library.header.rails.items():
            if have[name] >= ENOUGH and 3 * follow[name] >= 2 * have[name] and not _same(volts, supply):
                text = (
                    f"{name} stands at {volts:g} V, the supply is {supply:g} V; they are equal in {follow[name]} of {have[name]} libraries"
                )
                yield finding("rail-stale", Severity.ERROR, text, library, None, [volts, supply], "voltage_map")
