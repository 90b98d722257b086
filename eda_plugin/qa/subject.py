"""Libraries as checks look at them: tables of equal shape side by side, lines along an axis, one table looked up on another's grid.

Everything here is an index into a library's flat arrays, made once and used by many rules, so that a rule over ten thousand tables
is a handful of array operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain.library import Library
from eda_plugin.domain.quantity import group_of

__all__ = ["Block", "Floats", "Ints", "Lines", "Subject", "View", "align", "resample"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Block:
    """k tables of one shape, load axes last.

    ``row`` (k,); ``flat`` (k, a, b, c) into the values; ``axis`` (k, 3) into the axes, -1 where there is none.
    """

    row: Ints
    flat: Ints
    axis: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Lines:
    """n lines of L values along one axis. ``row`` (n,): their tables; ``flat`` (n, L) into the values; ``at`` (n, L): axis values, SI."""

    row: Ints
    flat: Ints
    at: Floats


class View:
    """One library, indexed. ``quantity`` and ``group``: (n,) texts."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.quantity = np.array([key.quantity for key in library.keys], dtype=np.str_)
        names, inverse = np.unique(self.quantity, return_inverse=True)
        self.group = np.array([group_of(str(name)) for name in names], dtype=np.str_)[inverse] if len(names) else names
        loads = np.array([axis.is_load for axis in library.axes] + [False])
        slews = np.array(["transition" in axis.variable for axis in library.axes] + [False])
        self._load, self._slew = loads[library.axis], slews[library.axis]

    @cached_property
    def row_of_value(self) -> Ints:
        """(m,) the table of each value."""
        return np.repeat(np.arange(len(self.library)), np.diff(self.library.start))

    @cached_property
    def timing_type(self) -> NDArray[np.str_]:
        return np.array([key.timing_type for key in self.library.keys], dtype=np.str_)

    def rows(self, *quantities: str) -> Ints:
        """Rows of the tables of these quantities."""
        return np.flatnonzero(np.isin(self.quantity, quantities))

    def blocks(self, rows: Ints) -> list[Block]:
        """The tables of ``rows``, grouped by shape."""
        return [self.block(rows[part]) for part in _groups(self.form[rows])]

    @cached_property
    def form(self) -> Ints:
        """(n,) one number for each shape and order of axes: equal where tables can stand in one block."""
        columns = np.hstack([self.library.shape, self._load]).astype(np.int64)
        return columns @ np.array([1 << 44, 1 << 24, 1 << 4, 4, 2, 1], dtype=np.int64)

    def block(self, rows: Ints) -> Block:
        """Tables of one form."""
        shape, order = self.library.shape[rows[0]], np.argsort(self._load[rows[0]], kind="stable")
        inside = np.arange(int(shape.prod())).reshape(tuple(shape)).transpose(tuple(order))
        return Block(rows, self.library.start[rows][:, None, None, None] + inside, self.library.axis[rows][:, order])

    def lines(self, rows: Ints, *, load: bool) -> list[Lines]:
        """Every line of ``rows`` along the first load axis (or, with ``load=False``, along the first slew axis), two values or more."""
        if not len(rows):
            return []
        which = (self._load if load else self._slew)[rows]
        place = np.where(which.any(axis=1), which.argmax(axis=1), -1)
        found = []
        for group in _groups(self.form[rows] * 4 + place + 1):
            part, axis = rows[group], int(place[group[0]])
            shape = tuple(self.library.shape[part[0]].tolist())
            if axis < 0 or shape[axis] < 2:
                continue
            inside = np.moveaxis(np.arange(np.prod(shape)).reshape(shape), axis, -1).reshape(-1, shape[axis])
            flat = (self.library.start[part][:, None, None] + inside).reshape(-1, shape[axis])
            at = self.axis_values(self.library.axis[part, axis], shape[axis])
            found.append(Lines(np.repeat(part, len(inside)), flat, np.repeat(at, len(inside), axis=0)))
        return found

    @cached_property
    def _axis_table(self) -> Floats:
        longest = max((len(axis) for axis in self.library.axes), default=1)
        table = np.zeros((len(self.library.axes) + 1, max(longest, 1)))
        for number, axis in enumerate(self.library.axes):
            table[number, : len(axis)] = axis.values
        return table

    def axis_values(self, numbers: NDArray[np.int32], length: int) -> Floats:
        """(k, length) the values of k axes of one length; zero where there is no axis."""
        picked: Floats = self._axis_table[numbers, :length]
        return picked


class Subject:
    """What a rule is given: the libraries of one run, and their views, made on first use."""

    def __init__(self, libraries: Sequence[Library]) -> None:
        self.libraries = tuple(libraries)
        self._aligned: dict[tuple[int, int], Ints] = {}

    def align(self, library: Library, other: Library) -> Ints:
        """``align`` of two libraries of the run, remembered: many rules ask."""
        pair = (id(library), id(other))
        if pair not in self._aligned:
            self._aligned[pair] = align(library, other)
        return self._aligned[pair]

    @cached_property
    def views(self) -> tuple[View, ...]:
        return tuple(View(library) for library in self.libraries)


def align(library: Library, other: Library) -> Ints:
    """(n,) the row of ``other`` that holds the same key as each row of ``library``; -1 where it has none."""
    if library.keys == other.keys:
        return np.arange(len(library))
    position = other.position
    return np.fromiter(map(position.get, library.keys, repeat(-1)), dtype=np.int64, count=len(library))


def resample(view: View, other: View, rows: Ints, other_rows: Ints, *, extrapolate: bool = True) -> Floats:
    """Look up tables of ``other`` on the grids of ``view``: flat values, NaN outside ``rows`` and where a table can't be looked up.

    ``rows`` and ``other_rows`` are pairs. Linear along each axis, outside the known range with the linear extrapolation that timers use,
    or NaN there with ``extrapolate=False``. A table without an axis, or with one point on it, holds for every value of it; a table with
    an axis that the grid lacks cannot be looked up. Axes meet by kind, slews before loads.
    """
    result = np.full(len(view.library.values), np.nan)
    for group in _groups(_codes(view.form[rows]) * len(other_rows) + _codes(other.form[other_rows])):
        block, other_block = view.block(rows[group]), other.block(other_rows[group])
        picked = other.library.values[other_block.flat]
        for axis in range(3):
            want = block.axis[:, axis]
            asked = view.axis_values(want, block.flat.shape[axis + 1])
            known = other.axis_values(other_block.axis[:, axis], other_block.flat.shape[axis + 1])
            if known.shape[1] == 1 or (np.array_equal(asked, known) and (want >= 0).all()):
                continue
            picked = _along(picked, known, asked, axis + 1)
            usable = np.broadcast_to((want >= 0)[:, None], asked.shape)
            if not extrapolate:
                slack = 1e-9 * np.abs(known[:, -1:])
                usable = usable & (asked >= known[:, :1] - slack) & (asked <= known[:, -1:] + slack)
            expand = [1] * picked.ndim
            expand[0], expand[axis + 1] = usable.shape
            picked = np.where(usable.reshape(expand), picked, np.nan)
        result[block.flat] = picked
    return result


def _codes(numbers: Ints) -> Ints:
    return np.unique(numbers, return_inverse=True)[1].ravel()


def _groups(numbers: Ints) -> list[Ints]:
    """Positions of each distinct number."""
    if not len(numbers):
        return []
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)


def _along(values: Floats, known: Floats, asked: Floats, axis: int) -> Floats:
    """Linear look-up along one axis of (k, a, b, c); ``known`` (k, L), ``asked`` (k, Q)."""
    place = np.clip((known[:, None, :] <= asked[:, :, None]).sum(axis=2) - 1, 0, known.shape[1] - 2)
    low, high = np.take_along_axis(known, place, 1), np.take_along_axis(known, place + 1, 1)
    share = (asked - low) / (high - low)
    expand = [1] * values.ndim
    expand[0], expand[axis] = place.shape
    at, weight = place.reshape(expand), share.reshape(expand)
    low_values = np.take_along_axis(values, np.broadcast_to(at, _with(values.shape, axis, place.shape[1])), axis)
    high_values = np.take_along_axis(values, np.broadcast_to(at + 1, _with(values.shape, axis, place.shape[1])), axis)
    mixed: Floats = (1 - weight) * low_values + weight * high_values
    return mixed


def _with(shape: tuple[int, ...], axis: int, length: int) -> tuple[int, ...]:
    return (*shape[:axis], length, *shape[axis + 1 :])
