"""Anchors looked up at the target's own speed.

A gate whose drive is r times weaker answers an edge that is r times slower with r times the delay, at the same load:
y(r s, l) = r y_a(s, l). That holds for a transistor that is a current source above its threshold (alpha-power law: Sakurai and Newton,
JSSC 1990), slews being counted in the gate's own time constant, and is near enough for real ones to take most of the difference between a
slow corner and a fast one away. It also finds the part of a fast corner's table that tells of a slow corner's slowest slews, which lie
outside the fast one's axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from eda_plugin.data.dataset import Aligned, alike, along
from eda_plugin.data.interpolate import beyond_ends, exponent, spline_operators
from eda_plugin.domain import Axis, Library

__all__ = ["AnchorTables", "anchor_tables"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Part:
    """Tables of one form in one anchor, looked up at the target's other axes already.

    n tables with k slews in the anchor and m in the target, q places along the other axes. ``tables`` (n,) numbers; ``points`` (n, m, q)
    positions; ``values`` and ``slopes`` (n, k, q) of the spline along slew^``power``; ``slews`` (n, k) of the anchor, ``wanted`` (n, m) of
    the target; ``beyond`` (n, q) outside the other axes. Tables without slews have k = m = 1.
    """

    tables: Index
    points: Index
    values: Array
    slopes: Array
    slews: Array
    wanted: Array
    power: float
    beyond: Array

    def at(self, ratio: Array) -> tuple[Array, Array]:
        """``ratio`` (n,): r times the values at the slews over r, and how far they were extrapolated, both (n, m, q)."""
        n, k, q = self.values.shape
        r = ratio[:, None, None]
        if k == 1:
            form = (n, self.wanted.shape[1], q)
            return np.broadcast_to(r * self.values, form), np.broadcast_to(self.beyond[:, None], form)
        slew = self.wanted / ratio[:, None]
        first, last = self.slews[:, :1], self.slews[:, -1:]
        inside = np.clip(slew, first, last)
        nodes, t = self.slews**self.power, inside**self.power
        i = np.clip((nodes[:, None, :] <= t[:, :, None]).sum(axis=2) - 1, 0, k - 2)
        low = np.take_along_axis(nodes, i, 1)
        width = (np.take_along_axis(nodes, i + 1, 1) - low)[:, :, None]
        u = (t - low)[:, :, None] / width
        rows = np.arange(n)[:, None]
        begin, end = self.values[rows, i], self.values[rows, i + 1]
        leave, enter = self.slopes[rows, i] * width, self.slopes[rows, i + 1] * width
        found = begin + (end - begin) * u * u * (3 - 2 * u) + u * (1 - u) * (leave * (1 - u) - enter * u)  # cubic Hermite
        out = slew - inside
        if out.any():  # a straight line in the slew itself, as in ``interpolate``
            chain = self.power * inside ** (self.power - 1)
            steep = np.where((slew < first)[:, :, None], self.slopes[:, :1], self.slopes[:, -1:])
            found += (out * chain)[:, :, None] * steep
        return r * found, self.beyond[:, None] + beyond_ends(self.slews, slew)[:, :, None]


@dataclass(frozen=True, eq=False)
class AnchorTables:
    """The anchors' own tables, ready to be looked up at any speed: T tables of M points in all, A anchors."""

    size: int
    parts: tuple[tuple[_Part, ...], ...]

    def at(self, anchor: int, ratio: Array) -> tuple[Array, Array]:
        """One anchor's tables at ``ratio`` (T,) times their slews and values: (M,) SI, NaN where it has none, and (M,) how far beyond."""
        values, beyond = np.full(self.size, np.nan), np.zeros(self.size)
        for part in self.parts[anchor]:
            values[part.points], beyond[part.points] = part.at(ratio[part.tables])
        return values, beyond


def anchor_tables(aligned: Aligned, rows: Index, first: Index) -> AnchorTables:
    """Tables of the template's ``rows`` (T,), whose points begin at ``first`` (T + 1,)."""
    return AnchorTables(int(first[-1]), tuple(tuple(_parts(aligned.template, anchor, rows, first)) for anchor in aligned.libraries))


def _parts(library: Library, anchor: Library, rows: Index, first: Index) -> list[_Part]:
    keys = [library.keys[row] for row in rows.tolist()]
    position = np.fromiter(map(anchor.position.get, keys, repeat(-1)), dtype=np.int64, count=len(rows))
    there = np.flatnonzero(position >= 0)
    if not len(there):
        return []
    slewed = np.array([*(not axis.is_load for axis in library.axes), False])  # the last for tables that lack an axis
    powers, theirs = (np.array([*map(exponent, one.axes), 1.0]) for one in (library, anchor))
    ours, other = library.axis[rows[there]], anchor.axis[position[there]]
    rank = np.where(slewed[ours].any(axis=1), slewed[ours].argmax(axis=1), -1)
    place = np.arange(len(there)), np.maximum(rank, 0)
    power = np.where(rank >= 0, np.maximum(powers[ours[place]], theirs[other[place]]), 1.0)
    form = np.column_stack([anchor.shape[position[there]], library.shape[rows[there]], ours >= 0, rank, power])
    found = []
    for chosen in alike(form):
        tables = there[chosen]
        found.append(_part(library, anchor, tables, rows[tables], position[tables], first, int(rank[chosen[0]]), float(power[chosen[0]])))
    return found


def _part(library: Library, anchor: Library, tables: Index, rows: Index, position: Index, first: Index, rank: int, power: float) -> _Part:
    shape = tuple(int(length) for length in anchor.shape[position[0]])
    values = anchor.values[anchor.start[position][:, None] + np.arange(int(np.prod(shape)))].reshape(len(rows), *shape)
    wanted_shape = tuple(int(length) for length in library.shape[rows[0]])
    beyond: Array = np.zeros((len(rows), 1, 1, 1))
    for r in range(3):
        if r != rank and library.axis[rows[0], r] >= 0:
            values, out = along(values, library, anchor, library.axis[rows, r], anchor.axis[position, r], r + 1)
            beyond = beyond + out.reshape([len(rows), *(-1 if axis == r else 1 for axis in range(3))])
    places = first[tables][:, None] + np.arange(int(np.prod(wanted_shape)))
    lead = max(rank, 0) + 1
    points = np.moveaxis(places.reshape(len(rows), *wanted_shape), lead, 1).reshape(len(rows), wanted_shape[lead - 1], -1)
    flat = list(wanted_shape)
    flat[lead - 1] = 1
    far: Array = np.broadcast_to(beyond, (len(rows), *flat)).reshape(len(rows), -1)
    if rank < 0:
        values, one = values.reshape(len(rows), 1, -1), np.ones((len(rows), 1))
        return _Part(tables, places[:, None], values, np.zeros_like(values), one, one, power, far)
    values = np.moveaxis(values, lead, 1).reshape(len(rows), shape[rank], -1)
    slews, wanted = _axes(anchor.axes, anchor.axis[position, rank]), _axes(library.axes, library.axis[rows, rank])
    nodes, which = np.unique(slews, axis=0, return_inverse=True)
    slopes = np.zeros_like(values)
    if slews.shape[1] > 1:
        slopes = spline_operators(nodes**power, nodes**power)[1][which.ravel()] @ values
    return _Part(tables, points, values, slopes, slews, wanted, power, far)


def _axes(axes: Sequence[Axis], numbers: NDArray[np.int32]) -> Array:
    """(n, length) values of the axes by number, all of one length."""
    distinct, which = np.unique(numbers, return_inverse=True)
    return np.stack([axes[a].values for a in distinct])[which.ravel()]
