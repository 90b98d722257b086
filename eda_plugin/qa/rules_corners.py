"""Rules on what all corners of one library must have in common."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain.corner import Corner
from eda_plugin.domain.library import Library
from eda_plugin.domain.quantity import group_of
from eda_plugin.qa.findings import Finding, Rule, Severity, finding
from eda_plugin.qa.subject import Ints, Subject

__all__ = ["corner_rules"]

_UNITS = {  # and the attribute that states each; an energy is that of V x V x C
    "time": "time_unit", "capacitance": "capacitive_load_unit", "voltage": "voltage_unit", "current": "current_unit",
    "leakage": "leakage_power_unit", "energy": "capacitive_load_unit",
}  # fmt: skip
SHOWN = 10  # values of a table that a finding carries


def corner_rules() -> tuple[Rule, ...]:
    """The rules of this module."""
    return (
        Rule("corner-twice", "two libraries of one corner: one of them is stale", _corner_twice),
        Rule("corner-repeats", "two corners with equal numbers: one is a stale copy of the other", _corner_repeats),
        Rule("table-repeats", "a table that is equal, digit for digit, at two corners was not run again", _table_repeats),
        Rule("cell-missing", "a cell that other corners have cannot be signed off at this one", _cell_missing),
        Rule("arc-missing", "an arc that other corners have is untimed at this one", _arc_missing),
        Rule("shape-differs", "a table with fewer points than at the other corners was characterized by another recipe", _shape_differs),
        Rule("units-differ", "corners in other units are off by powers of ten where a tool takes one library's for all", _units),
        Rule("thresholds-differ", "delays and slews between other thresholds cannot be mixed or compared", _thresholds),
        Rule("unit-size", "delays, loads or leakages of impossible size are numbers in the wrong unit", _unit_size),
        Rule("area-differs", "a cell has one area; another at one corner is another cell version", _area),
        Rule("function-differs", "a pin has one function; another at one corner is another cell version", _function),
        Rule("direction-differs", "a pin has one direction; another at one corner is another cell version", _direction),
    )


def _corner_twice(subject: Subject) -> Iterator[Finding]:
    seen: dict[Corner, Library] = {}
    for library in subject.libraries:
        first = seen.setdefault(library.corner, library)
        if first is not library:
            text = f"{first.source or first.name} holds this corner already"
            yield finding("corner-twice", Severity.ERROR, text, library, place="library")


def _corner_repeats(subject: Subject) -> Iterator[Finding]:
    """Two corners of which more than half of the tables are equal."""
    for one, two in _different(subject):
        rows, equal = _equal_tables(subject, one, two)
        if equal.sum() > len(rows) / 2:
            text = f"{int(equal.sum())} of {len(rows)} tables repeat those of {two.corner.name}, digit for digit"
            yield finding("corner-repeats", Severity.ERROR, text, one, None, [int(equal.sum()), len(rows)], "library")


def _table_repeats(subject: Subject) -> Iterator[Finding]:
    """Single tables, where the corner as a whole is not a copy."""
    for one, two in _different(subject):
        rows, equal = _equal_tables(subject, one, two)
        for row in rows[equal] if equal.sum() <= len(rows) / 2 else ():
            if group_of(one.keys[row].quantity) == "timing":
                text = f"repeats {two.corner.name}, digit for digit"
                yield finding("table-repeats", Severity.WARNING, text, one, one.keys[row], one.table(int(row)).values.ravel()[:SHOWN])


def _different(subject: Subject) -> Iterator[tuple[Library, Library]]:
    return ((one, two) for one, two in combinations(subject.libraries, 2) if one.corner != two.corner)


def _equal_tables(subject: Subject, one: Library, two: Library) -> tuple[Ints, NDArray[np.bool_]]:
    """Rows of ``one`` with a table of four values or more in both, and which of them hold equal values, not all the same."""
    at = subject.align(one, two)
    size = np.diff(one.start)
    rows = np.flatnonzero((at >= 0) & (size > 3) & (size == np.diff(two.start)[at]))
    equal = one.values[one.start[rows]] == two.values[two.start[at[rows]]]
    for place in np.flatnonzero(equal):
        a, b = one.table(int(rows[place])).values, two.table(int(at[rows[place]])).values
        equal[place] = np.array_equal(a.ravel(), b.ravel()) and np.ptp(a) > 0
    return rows, equal


def _cells(library: Library) -> set[str]:
    return {key.cell for key in library.keys} | {cell.name for cell in library.cells}


def _cell_missing(subject: Subject) -> Iterator[Finding]:
    have = [_cells(library) for library in subject.libraries]
    count = Counter(cell for cells in have for cell in cells)
    for library, cells in zip(subject.libraries, have, strict=True):
        for cell in sorted(set(count) - cells):
            text = f"cell {cell} is in {count[cell]} of {len(have)} corners and not in this one"
            yield finding("cell-missing", Severity.ERROR, text, library, None, [count[cell], len(have)], "library")


def _arc_missing(subject: Subject) -> Iterator[Finding]:
    have = [set(library.keys) for library in subject.libraries]
    count = Counter(key for keys in have for key in keys)
    if len(set(count.values())) <= 1:
        return
    for library, keys in zip(subject.libraries, have, strict=True):
        cells = _cells(library)
        for key in sorted(set(count) - keys):
            if key.cell in cells:
                text = f"is in {count[key]} of {len(have)} corners and not in this one"
                yield finding("arc-missing", Severity.ERROR, text, library, key, [count[key], len(have)])


def _shape_differs(subject: Subject) -> Iterator[Finding]:
    if len(subject.libraries) < 2:
        return
    first = subject.libraries[0]
    for library in subject.libraries[1:]:
        at = subject.align(library, first)
        differs = (at >= 0) & (library.shape != first.shape[at]).any(axis=1)
        for row in np.flatnonzero(differs):
            here, there = (" x ".join(str(n) for n in shape if n > 1) or "1" for shape in (library.shape[row], first.shape[at[row]]))
            text = f"has {here} values, {there} at {first.corner.name}"
            yield finding("shape-differs", Severity.WARNING, text, library, library.keys[row], [*library.shape[row], *first.shape[at[row]]])


def _units(subject: Subject) -> Iterator[Finding]:
    for name in _UNITS:
        votes = Counter(float(getattr(library.header, name)) for library in subject.libraries)
        for library in subject.libraries if len(votes) > 1 else ():
            factor, usual = float(getattr(library.header, name)), votes.most_common(1)[0][0]
            if factor != usual:
                text = f"the {name} unit is {factor:g} (SI), {usual:g} at most other corners"
                yield finding("units-differ", Severity.WARNING, text, library, None, [factor, usual], _UNITS[name])


def _thresholds(subject: Subject) -> Iterator[Finding]:
    votes: dict[str, Counter[float]] = defaultdict(Counter)
    for library in subject.libraries:
        for name, value in library.header.thresholds.items():
            votes[name][value] += 1
    usual = {name: counter.most_common(1)[0][0] for name, counter in votes.items()}
    for library in subject.libraries:
        for name, value in usual.items():
            own = library.header.thresholds.get(name)
            if own != value:
                text = f"{name} is {'not stated' if own is None else own}, {value} at most other corners"
                values = [value] if own is None else [own, value]
                yield finding("thresholds-differ", Severity.ERROR, text, library, None, values, name)


_SIZES: Mapping[str, tuple[float, float, str]] = {
    "timing": (1e-14, 1e-6, "s"),
    "capacitance": (1e-18, 1e-10, "F"),
    "leakage": (1e-18, 1e-3, "W"),
    "power": (1e-20, 1e-9, "J"),
}


_UNIT_OF = {"timing": "time_unit", "capacitance": "capacitive_load_unit", "leakage": "leakage_power_unit", "power": "capacitive_load_unit"}


def _unit_size(subject: Subject) -> Iterator[Finding]:
    """Median magnitudes of a group, far outside what CMOS of any node has."""
    for view in subject.views:
        group = view.group[view.row_of_value]
        for name, (low, high, unit) in _SIZES.items():
            magnitude = np.abs(view.library.values[group == name])
            magnitude = magnitude[np.isfinite(magnitude) & (magnitude > 0)]
            median = float(np.median(magnitude)) if len(magnitude) else low
            if not low <= median <= high:
                text = f"half of the {name} numbers are beyond {median:.3g} {unit}; expected {low:g} to {high:g}"
                yield finding("unit-size", Severity.ERROR, text, view.library, None, [median], _UNIT_OF[name])


def _differs(subject: Subject, rule: str, stated: list[dict[str, object]], what: str) -> Iterator[Finding]:
    """``stated``: by library, a property by the name of its cell or pin; the odd ones out are found."""
    votes: dict[str, Counter[object]] = defaultdict(Counter)
    for properties in stated:
        for name, value in properties.items():
            votes[name][value] += 1
    for name, counter in votes.items():
        if len(counter) < 2:
            continue
        usual, _ = counter.most_common(1)[0]
        for library, properties in zip(subject.libraries, stated, strict=True):
            value = properties.get(name, usual)
            if value != usual:
                numbers = [number for number in (value, usual) if isinstance(number, float)]
                text = f"{what} of {name} is {value!r}, {usual!r} at most other corners"
                yield finding(rule, Severity.ERROR, text, library, None, numbers, name)


def _area(subject: Subject) -> Iterator[Finding]:
    stated: list[dict[str, object]] = [
        {cell.name: cell.area for cell in library.cells if np.isfinite(cell.area)} for library in subject.libraries
    ]
    yield from _differs(subject, "area-differs", stated, "area")


def _pins(subject: Subject, attribute: str) -> list[dict[str, object]]:
    return [
        {f"{cell.name}/{pin.name}": getattr(pin, attribute) for cell in library.cells for pin in cell.pins if getattr(pin, attribute)}
        for library in subject.libraries
    ]


def _function(subject: Subject) -> Iterator[Finding]:
    yield from _differs(subject, "function-differs", _pins(subject, "function"), "function")


def _direction(subject: Subject) -> Iterator[Finding]:
    yield from _differs(subject, "direction-differs", _pins(subject, "direction"), "direction")
