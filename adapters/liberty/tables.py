"""From the index to the tables and numbers of a library: keys, axes, and the place of each in the text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters.liberty.axes import NO_AXES, Axes
from eda_plugin.adapters.liberty.decode import decode
from eda_plugin.adapters.liberty.header import PINS, names_in
from eda_plugin.adapters.liberty.scan import COMPLEX, GROUP, SIMPLE, Index, unquote
from eda_plugin.adapters.liberty.source import Source
from eda_plugin.domain import Axis, Header, TableKey
from eda_plugin.domain.library import RANK
from eda_plugin.domain.quantity import CAPACITANCE, CONSTRAINT, LIMIT, POWER, TIMING, VARIATION, si_unit

__all__ = ["Entries", "read_entries"]

MAX_TABLES = 1 << 24
MAX_VALUES = 1 << 27
_Base = tuple[str, str, str, str, str, str, str]  # a TableKey without nth
_OF_TIMING = frozenset(TIMING + CONSTRAINT + VARIATION)
_OF_POWER = frozenset(POWER)
_PIN_NUMBERS = CAPACITANCE + LIMIT


@dataclass(frozen=True, eq=False)
class Entries:
    """n tables and numbers in the text's order, as ``domain.Library`` holds them, and where they stand.

    ``owner``: row of the group that the number belongs to (the table's own group, ``leakage_power``, the cell, the pin); ``value``: row of
    the attribute that holds the numbers, -1 where the text has none; ``numbers`` is flat and SI, NaN where missing.
    """

    keys: tuple[TableKey, ...]
    owner: NDArray[np.int64]
    value: NDArray[np.int64]
    axes: tuple[Axis, ...]
    axis: NDArray[np.int32]
    numbers: NDArray[np.float64]
    start: NDArray[np.int64]


@dataclass(frozen=True)
class _Found:
    """One place of the text, and the keys (without ``nth``) of what stands there: several for a list of pins."""

    row: int
    bases: tuple[_Base, ...]
    owner: int
    value: int
    table: bool


def read_entries(source: Source, header: Header, library: int) -> Entries:
    """All tables and numbers of one library group that this package interprets."""
    index = source.index
    last = int(np.searchsorted(index.start, index.end[library]))
    found = sorted(
        (place for place in (*_tables(index), *_leakage(index), *_pin_numbers(index)) if library < place.row < last),
        key=lambda place: place.row,
    )
    keys: list[TableKey] = []
    rows: list[_Found] = []
    seen: dict[_Base, int] = {}
    for place in found:
        for base in place.bases:
            nth = seen[base] = seen.get(base, -1) + 1
            keys.append(TableKey(*base, nth))
            rows.append(place)
        if len(keys) > MAX_TABLES:
            raise source.error(int(index.start[place.row]), f"more than {MAX_TABLES} tables; split the library")
    axes = Axes(source, header, library)
    placed = [axes.of(place.owner, key.quantity) if place.table else NO_AXES for place, key in zip(rows, keys, strict=True)]
    axis = np.array(placed, dtype=np.int32).reshape(len(keys), RANK)
    owner = np.array([place.owner for place in rows], dtype=np.int64)
    value = np.array([place.value for place in rows], dtype=np.int64)
    lengths = np.array([len(one) for one in axes.found] + [1], dtype=np.int64)[axis]
    start = np.concatenate([[0], np.cumsum(lengths.prod(axis=1, dtype=np.float64))])
    if start[-1] > MAX_VALUES:
        large = int(np.searchsorted(start, MAX_VALUES, side="right")) - 1
        raise source.error(int(index.start[owner[large]]), f"the axes ask for more than {MAX_VALUES} values up to here; split the library")
    start = start.astype(np.int64)
    numbers = _numbers(source, keys, value, lengths, start)
    factors = {name: header.factor(si_unit(name)) for name in {key.quantity for key in keys}}
    numbers *= np.repeat(np.array([factors[key.quantity] for key in keys]), np.diff(start))
    return Entries(tuple(keys), owner, value, tuple(axes.found), axis, numbers, start)


def _numbers(
    source: Source, keys: list[TableKey], value: NDArray[np.int64], lengths: NDArray[np.int64], start: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Flat numbers in the library's units, NaN where the text has none."""
    index = source.index
    size = np.diff(start)
    there = np.flatnonzero(value >= 0)
    left, right = index.left[value[there]], index.right[value[there]]
    flat, counts = decode(index.text, left, right, source.error)
    wrong = np.flatnonzero((counts != size[there]) & (counts != 0))
    if len(wrong):
        entry = there[wrong[0]]
        shape = " x ".join(str(n) for n in lengths[entry] if n > 1) or "1"
        message = f"{counts[wrong[0]]} values where the axes of {keys[entry]} ask for {shape}"
        raise source.error(int(left[wrong[0]]), message)
    _refuse_ragged(source, keys, there, lengths, left, right)
    if len(flat) == start[-1]:
        return flat
    numbers = np.full(int(start[-1]), np.nan)
    present = np.zeros(len(size), dtype=bool)
    present[there[counts > 0]] = True
    numbers[np.repeat(present, size)] = flat
    return numbers


def _refuse_ragged(
    source: Source,
    keys: list[TableKey],
    there: NDArray[np.int64],
    lengths: NDArray[np.int64],
    left: NDArray[np.int32],
    right: NDArray[np.int32],
) -> None:
    """The right number of values in rows of different lengths: a value has slipped from one row into another."""
    rows = lengths[there].prod(axis=1) // np.maximum(lengths[there], 1)[np.arange(len(there)), (lengths[there] > 1).sum(axis=1) - 1]
    many = np.flatnonzero((lengths[there] > 1).sum(axis=1) > 1)
    text = source.text
    for place, count, a, b in zip(many.tolist(), rows[many].tolist(), left[many].tolist(), right[many].tolist(), strict=True):
        strings = text[a:b].split(b'"')[1::2]
        if len(strings) == count and len({string.count(b",") for string in strings}) > 1:
            sizes = [len(string.replace(b",", b" ").replace(b"\\", b" ").split()) for string in strings]
            if len(set(sizes)) > 1:
                row = next(k for k, size in enumerate(sizes) if size != sizes[0])
                message = f"rows of different lengths: row {row + 1} of {keys[there[place]]} has {sizes[row]} values, row 1 has {sizes[0]}"
                raise source.error(a, message)


class _Texts:
    """Values of simple attributes by the group that they are in, each distinct text decoded once."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.memo: dict[bytes, str] = {}

    def by_parent(self, name: str) -> dict[int, str]:
        index, memo, text = self.index, self.memo, self.index.text
        rows = index.rows([name], SIMPLE)
        out: dict[int, str] = {}
        for parent, a, b in zip(index.parent[rows].tolist(), index.left[rows].tolist(), index.right[rows].tolist(), strict=True):
            raw = text[a:b]
            value = memo.get(raw)
            out[parent] = memo[raw] = unquote(raw) if value is None else value
        return out


class _Pins:
    """Cell and pins that a group belongs to; ``None`` inside test cells, scaled cells and everything else that is no cell's own."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.memo: dict[int, tuple[str, list[str]] | None] = {}

    def of(self, row: int) -> tuple[str, list[str]] | None:
        if row not in self.memo:
            self.memo[row] = self._find(row)
        return self.memo[row]

    def _find(self, row: int) -> tuple[str, list[str]] | None:
        index = self.index
        around, pins = row, [""]
        if index.name_of(around) in PINS:
            pins = names_in(index.raw(around))
            while around >= 0 and index.name_of(around) in PINS:
                around = int(index.parent[around])
        if (
            around < 0
            or index.name_of(around) != "cell"
            or index.parent[around] < 0
            or index.name_of(int(index.parent[around])) != "library"
        ):
            return None
        return index.argument(around), pins


def _tables(index: Index) -> Iterator[_Found]:
    """Timing, constraint, variation and internal-power tables."""
    texts, pins = _Texts(index), _Pins(index)
    related, timing_type, sense = (texts.by_parent(name) for name in ("related_pin", "timing_type", "timing_sense"))
    when, rail, sigma = (texts.by_parent(name) for name in ("when", "related_pg_pin", "sigma_type"))
    values = index.by_parent("values", COMPLEX)
    rows = index.rows(_OF_TIMING | _OF_POWER, GROUP)
    names = index.names
    for row, name_id, parent in zip(rows.tolist(), index.name[rows].tolist(), index.parent[rows].tolist(), strict=True):
        name = names[name_id]
        around = index.name_of(parent) if parent >= 0 else ""
        if around == "timing" and name in _OF_TIMING:
            kind, second = timing_type.get(parent, "combinational"), sense.get(parent, "")
        elif around == "internal_power" and name in _OF_POWER:
            kind, second = "internal_power", rail.get(parent, "")
        else:
            continue
        context = pins.of(int(index.parent[parent]))
        if context is None:
            continue
        quantity = f"{name}:{sigma[row]}" if sigma.get(row, "") in ("early", "late") else name
        tail = (related.get(parent, ""), kind, second, when.get(parent, ""), quantity)
        yield _Found(row, tuple((context[0], pin, *tail) for pin in context[1]), row, values.get(row, -1), True)


def _leakage(index: Index) -> Iterator[_Found]:
    """``cell_leakage_power`` of cells, and the ``leakage_power`` groups, also those that hold no value."""
    texts, pins = _Texts(index), _Pins(index)
    when, rail, value = texts.by_parent("when"), texts.by_parent("related_pg_pin"), index.by_parent("value")
    for cell, row in index.by_parent("cell_leakage_power").items():
        context = pins.of(cell)
        if context is not None and index.name_of(cell) == "cell":
            yield _Found(row, ((context[0], "", "", "leakage", "", "", "cell_leakage_power"),), cell, row, False)
    for row in index.rows(["leakage_power"], GROUP).tolist():
        context = pins.of(int(index.parent[row]))
        if context is not None:
            base = (context[0], "", rail.get(row, ""), "leakage", "", when.get(row, ""), "leakage_power")
            yield _Found(row, (base,), row, value.get(row, -1), False)


def _pin_numbers(index: Index) -> Iterator[_Found]:
    pins = _Pins(index)
    for name in _PIN_NUMBERS:
        for pin, row in index.by_parent(name).items():
            context = pins.of(pin)
            if context is not None and index.name_of(pin) in PINS:
                yield _Found(row, tuple((context[0], one, "", "pin", "", "", name) for one in context[1]), pin, row, False)
