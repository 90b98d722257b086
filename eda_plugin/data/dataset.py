"""Anchors on the target's own points: the arrays that every model works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eda_plugin.data.interpolate import axis_operators, overshoot
from eda_plugin.domain import Corner, Library, Origin, Points, TableKey, answer_quantities
from eda_plugin.domain.quantity import group_of
from eda_plugin.errors import TableError, UserError

__all__ = ["Aligned", "Block", "align", "alike", "along", "complete_template", "look_up", "reveal"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Block:
    """Tables of one group and one shape. n tables, P points a table (P = n1 * n2 * n3), A anchors.

    ``rows`` (n,) positions in the library; ``flat`` (n, P) positions of the values; ``anchors`` (n, P, A) in SI, NaN where an anchor has no
    such table; ``beyond`` (n, P, A) how far a point lies outside the anchor's axes (0 inside); ``axes``: the coordinates of each table, one
    (n, length) array an axis.
    """

    rows: NDArray[np.int64]
    flat: NDArray[np.int64]
    shape: tuple[int, ...]
    anchors: Array
    beyond: Array
    axes: tuple[Array, ...]


@dataclass(frozen=True, eq=False)
class Aligned:
    """``template`` (complete: every table that is to be filled), the anchors' corners in the order of the columns, the target's corner.

    ``anchors`` (m, A) and ``beyond`` (m, A, float32): each anchor at each of the template's m values. ``known`` (m,): what is measured or
    given at the target, NaN elsewhere. ``libraries``: the anchors themselves.
    """

    template: Library
    libraries: tuple[Library, ...]
    corners: tuple[Corner, ...]
    target: Corner
    anchors: Array
    beyond: NDArray[np.float32]
    known: Array

    @cached_property
    def group(self) -> NDArray[np.str_]:
        """(n,) group of each table."""
        return np.array([group_of(key.quantity) for key in self.template.keys])

    @cached_property
    def table_of(self) -> NDArray[np.int64]:
        """(m,) row of the table that each value belongs to."""
        return np.repeat(np.arange(len(self.template)), np.diff(self.template.start))

    def rows_of(self, group: str) -> NDArray[np.int64]:
        return np.flatnonzero(self.group == group)

    def blocks(self, rows: NDArray[np.int64]) -> list[Block]:
        """The tables in ``rows``, sorted into blocks of one shape; the largest block first."""
        library = self.template
        found = []
        shapes, kind = np.unique(library.shape[rows], axis=0, return_inverse=True)
        for place in np.argsort(-np.bincount(kind.ravel()), kind="stable"):
            chosen = rows[kind.ravel() == place]
            shape = tuple(int(length) for length in shapes[place])
            flat = library.start[chosen][:, None] + np.arange(int(np.prod(shape)))
            axes = tuple(
                np.stack([library.axes[a].values if a >= 0 else np.ones(1) for a in library.axis[chosen, rank]]) for rank in range(3)
            )
            found.append(Block(chosen, flat, shape, self.anchors[flat], self.beyond[flat].astype(np.float64), axes))
        return found


def complete_template(template: Library, anchors: Sequence[Library]) -> Library:
    """The template, and the single numbers (leakage, capacitances) that every anchor has and it lacks.

    A template in which the numbers of a corner were blanked keeps its tables' groups, but a number that was an attribute left no trace.
    """
    have = set(template.keys)
    cells = {key.cell for key in template.keys} | {cell.name for cell in template.cells}
    tables = []
    for key in anchors[0].keys if anchors else ():
        wanted = group_of(key.quantity) in ("leakage", "capacitance") and key.cell in cells and key not in have
        if wanted and all(key in anchor for anchor in anchors):
            table = anchors[0][key]
            if not table.axes:
                tables.append(type(table)(key, (), np.full((), np.nan), np.full((), Origin.MISSING, dtype=np.uint8)))
    if not tables:
        return template
    return Library.from_tables(
        [*template, *tables],
        name=template.name,
        corner=template.corner,
        header=template.header,
        cells=template.cells,
        source=template.source,
    )


def align(anchors: Sequence[Library], template: Library, target: Corner, measured: Points | None = None) -> Aligned:
    """Look every anchor up at the template's points.

    What the template itself holds (limits, say) counts as known. Raises ``TableError`` where no anchor has a table that the template asks
    for, ``UserError`` for a measured point that no table answers to.
    """
    library = complete_template(template, anchors)
    values, beyond = look_up(library, anchors)
    known = library.values.copy()
    reveal(library, measured, known)
    alone = np.isnan(values).all(axis=1)
    values[alone] = known[alone, None]  # given at the target and nowhere else: it stands for all, since nothing is to be learnt from it
    lost = alone & np.isnan(known)
    if lost.any():
        row = int(np.searchsorted(library.start, np.flatnonzero(lost)[0], side="right")) - 1
        key = library.keys[row]
        raise TableError("no anchor has this table; add one that has, or take the arc out of the template",
                         corner=target, arc=key.arc, quantity=key.quantity)  # fmt: skip
    return Aligned(library, tuple(anchors), tuple(anchor.corner for anchor in anchors), target, values, beyond, known)


def look_up(library: Library, anchors: Sequence[Library]) -> tuple[Array, NDArray[np.float32]]:
    """(m, A) each anchor at each of the library's m points, NaN where it has no such table, and how far the point lies beyond its axes.

    Raises ``UserError`` for an anchor that shares no table, ``TableError`` for tables of one name with other kinds of axes.
    """
    m = int(library.start[-1])
    values = np.full((m, len(anchors)), np.nan)
    beyond = np.zeros((m, len(anchors)), dtype=np.float32)
    for column, anchor in enumerate(anchors):
        _look_up(library, anchor, values[:, column], beyond[:, column])
    return values, beyond


def _look_up(library: Library, anchor: Library, values: Array, beyond: NDArray[np.float32]) -> None:
    """Fill one column: all tables of one pair of shapes at once, each with the matrices of its own axes."""
    found = np.fromiter(map(anchor.position.get, library.keys, repeat(-1)), dtype=np.int64, count=len(library))
    rows = np.flatnonzero(found >= 0)
    if not len(rows):
        raise UserError(f"anchor {anchor.name} ({anchor.corner}) has no table of the template {library.name}; are they of one library?")
    _check_axes(library, anchor, rows, found[rows])
    form = np.hstack([anchor.shape[found[rows]], library.shape[rows], library.axis[rows] >= 0])
    for part in alike(form):
        chosen = rows[part]
        shape = tuple(int(length) for length in form[part[0], :3])
        flat = anchor.start[found[chosen]][:, None] + np.arange(int(np.prod(shape)))
        block = anchor.values[flat].reshape(len(chosen), *shape)
        far = np.zeros((len(chosen), 1, 1, 1))
        for rank in range(3):
            if library.axis[chosen[0], rank] < 0:
                continue
            block, out = along(block, library, anchor, library.axis[chosen, rank], anchor.axis[found[chosen], rank], rank + 1)
            far = far + out.reshape([len(chosen), *(-1 if axis == rank else 1 for axis in range(3))])
        place = library.start[chosen][:, None] + np.arange(int(block[0].size))
        values[place] = block.reshape(len(chosen), -1)
        beyond[place] = np.broadcast_to(far, block.shape).reshape(len(chosen), -1)


def alike(form: NDArray[Any]) -> list[NDArray[np.int64]]:
    """Positions of equal rows of ``form`` (n, f), together, each part ascending."""
    order = np.lexsort(form.T)
    return np.split(order, np.flatnonzero((form[order[1:]] != form[order[:-1]]).any(axis=1)) + 1)


def along(
    block: Array, library: Library, anchor: Library, ours: NDArray[np.int32], theirs: NDArray[np.int32], axis: int
) -> tuple[Array, Array]:
    """Tables (n, ...) looked up along one axis, and (n, points) how far each point lies beyond the anchor's ends."""
    _, first, pair = np.unique(ours.astype(np.int64) * len(anchor.axes) + theirs, return_index=True, return_inverse=True)
    targets, sources = [library.axes[a] for a in ours[first]], [anchor.axes[a] for a in theirs[first]]
    W, same = axis_operators(sources, targets)
    moved = np.flatnonzero(~same[pair])  # equal axes leave a table as it is: a hole in it stays a hole of one value
    if len(moved):
        turned = np.moveaxis(block[moved], axis, -1)
        lines = turned.reshape(len(moved), -1, turned.shape[-1]) @ np.swapaxes(W[pair[moved]], 1, 2)
        looked = np.moveaxis(lines.reshape(*turned.shape[:-1], -1), -1, axis)
        if len(moved) == len(block):
            block = looked
        else:
            block[moved] = looked
    return block, overshoot(sources, targets)[pair]


def _check_axes(library: Library, anchor: Library, rows: NDArray[np.int64], found: NDArray[np.int64]) -> None:
    """Raises ``TableError`` where a table has other kinds of axes in the anchor than in the template."""
    ours, theirs = library.axis[rows], anchor.axis[found]
    for place in np.flatnonzero(((ours >= 0) != (theirs >= 0)).any(axis=1)):
        key = library.keys[rows[place]]
        raise TableError(f"has {int((theirs[place] >= 0).sum())} axes in anchor {anchor.name} and {int((ours[place] >= 0).sum())} in the "
                         "template", corner=anchor.corner, arc=key.arc, quantity=key.quantity)  # fmt: skip
    mine, others = (np.array([*(axis.is_load for axis in one.axes), False]) for one in (library, anchor))
    for place, rank in np.argwhere(mine[ours] != others[theirs]):
        key = library.keys[rows[place]]
        other, axis = anchor.axes[theirs[place, rank]], library.axes[ours[place, rank]]
        raise TableError(f"axis {rank + 1} is {other.variable} in anchor {anchor.name} and {axis.variable} in the template",
                         corner=anchor.corner, arc=key.arc, quantity=key.quantity)  # fmt: skip


def reveal(library: Library, measured: Points | None, known: Array) -> None:
    """Put the answers of simulated points into the flat array ``known`` of ``library``.

    Raises ``UserError`` for a point whose arc or place in the grid the library doesn't have.
    """
    if measured is None:
        return
    for n, (arc, edge) in enumerate(zip(measured.arcs, measured.edges, strict=True)):
        found = False
        for quantity, value in zip(answer_quantities(arc, edge), (measured.delay[n], measured.transition[n]), strict=False):
            row = library.position.get(TableKey(*arc, quantity, 0))
            if row is None:
                continue
            found = True
            if not np.isfinite(value):
                continue
            place = 0
            for rank in range(2):
                a = library.axis[row, rank]
                if a < 0:
                    continue
                axis = library.axes[a].values
                hit = np.flatnonzero(np.isclose(axis, measured.index[n, rank], rtol=1e-6, atol=0.0))
                if not len(hit):
                    raise UserError(
                        f"measured point {n + 1} ({arc} {edge}): {measured.index[n, rank]:.6g} is not on the template's axis "
                        f"{', '.join(f'{x:.6g}' for x in axis)} (SI units)"
                    )
                place = place * len(axis) + int(hit[0])
            known[library.start[row] + place] = value
        if not found:
            raise UserError(f"measured point {n + 1}: the template has no arc {arc} with a {edge} edge")
