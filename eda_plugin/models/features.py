"""What the few-shot model sees of a point: how the anchors behave there, and what table the point lies in.

Nothing here names a cell, a vendor or a corner: all of it is computed from the anchors' tables on the target's axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eda_plugin.data.dataset import Aligned
from eda_plugin.data.speed import AnchorTables, anchor_tables
from eda_plugin.domain.families import families
from eda_plugin.domain.quantity import TIMING

__all__ = ["AtSpeed", "PointTable", "gather", "point_features", "timing_points", "without_holes"]

Array = NDArray[np.float64]

FLOOR = 0.1
"""Errors of delays below this share of the median delay count as errors of that size."""
GRADIENTS = 14
SHAPES = 14
SPEEDS = 6
FAR = 3
"""Principal components kept of the anchors' slopes at a point, of whole tables, of the anchors' speeds and of how far they end early."""
TINY = 1e-15  # s
FAINT = 1e-2
APART = 2.0
"""Ratios to the base prediction: it counts as at least this share of the magnitude, logarithms are cut at this."""
GRID = 7
CLIP = 6.0
MADE_UP = 1.0
"""How far beyond its axes a value counts that an anchor does not have."""


@dataclass(frozen=True, eq=False)
class PointTable:
    """All points of the tables that a model works on. M points, A anchors, T tables.

    ``flat`` (M,) positions in the library; ``table`` (M,) number of the table, 0 to T - 1; ``kind`` (M,) code of the quantity; ``anchors``
    (M, A) SI, no NaN; ``scale`` (M,) magnitude; ``beyond`` (M, A) how far outside its axes; ``place`` (M, 2) logarithms of the first
    and second axis value; ``rank`` (M, 2) the same as positions in the grid, 0 to 1; ``slopes`` (M, 2 A) of the anchors along both axes as
    shares of the magnitude; ``shapes`` (T, 49 A) the anchors' whole tables; ``first`` (T + 1,) where each begins; ``rows`` (T,) of the
    library and ``shape`` (T, 3) of each table. ``sources``: the anchors' own tables. ``arc``, ``kin`` (T,): the same number for tables of
    the same arc, and of the same pin, in cells that are alike but for their size.
    """

    flat: NDArray[np.int64]
    table: NDArray[np.int64]
    kind: NDArray[np.int64]
    anchors: Array
    scale: Array
    beyond: Array
    place: Array
    rank: Array
    slopes: Array
    shapes: Array
    first: NDArray[np.int64]
    rows: NDArray[np.int64]
    shape: NDArray[np.int64]
    sources: AnchorTables
    arc: NDArray[np.int64]
    kin: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.flat)

    @property
    def edge(self) -> NDArray[np.int64]:
        """(M,) 0 where the output rises, 1 where it falls: what the two kinds of devices do."""
        return self.kind % 2  # by the order of `TIMING`

    def of_tables(self, tables: NDArray[np.int64]) -> NDArray[np.int64]:
        """Positions of the points of some tables, table after table."""
        return np.concatenate([np.arange(self.first[t], self.first[t + 1]) for t in tables]) if len(tables) else np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class AtSpeed:
    """Some anchors at the target's speed (data/speed.py).

    ``values`` (M, C) SI of the C anchors, ``beyond`` (M, C) how far extrapolated, ``ratio`` (T, C) how much slower the target's tables are.
    """

    values: Array
    beyond: Array
    ratio: Array


def _principal(X: Array, count: int) -> Array:
    """Scores of the first principal components of the standardized columns, each with unit variance."""
    Z = (X - X.mean(axis=0)) / (X.std(axis=0) + 1e-9)
    values, vectors = np.linalg.eigh(Z.T @ Z / len(Z))
    keep = min(count, int((values > 1e-9 * max(values[-1], 1e-30)).sum()))
    scores = Z @ vectors[:, ::-1][:, :keep]
    largest = np.abs(vectors[:, ::-1][:, :keep]).argmax(axis=0)
    signs = np.sign(vectors[:, ::-1][largest, np.arange(keep)])  # the sign of an eigenvector is arbitrary: the same on every machine
    return np.asarray(scores * signs / (scores.std(axis=0) + 1e-12), dtype=np.float64)


def _slope(X: Array, axis: Array, rank: int) -> Array:
    """dX / d log(axis) along ``rank`` (1, 2 or 3) of X (n, n1, n2, n3, A); 0 along an axis of one value."""
    if X.shape[rank] == 1:
        return np.zeros_like(X)
    step = np.diff(np.log(np.maximum(axis, 1e-18)), axis=1)
    shape = [len(X), 1, 1, 1, 1]
    shape[rank] = step.shape[1]
    chords = np.diff(X, axis=rank) / np.maximum(step, 1e-9).reshape(shape)
    ends = [np.take(chords, [place], axis=rank) for place in (0, -1)]
    inner = (np.delete(chords, 0, axis=rank) + np.delete(chords, -1, axis=rank)) / 2
    return np.concatenate([ends[0], inner, ends[1]], axis=rank)


def _to_grid(X: Array) -> Array:
    """(n, n1, n2, A) tables on a 7 x 7 grid of positions, so that tables of any shape can be compared."""
    for rank in (1, 2):
        at = np.linspace(0, X.shape[rank] - 1, GRID)
        low = np.minimum(at.astype(int), max(X.shape[rank] - 2, 0))
        high = np.minimum(low + 1, X.shape[rank] - 1)
        part = (at - low).reshape([-1 if r == rank else 1 for r in range(4)])
        X = np.take(X, low, axis=rank) * (1 - part) + np.take(X, high, axis=rank) * part
    return X


def without_holes(anchors: Array, floor: float = 0.0) -> Array:
    """(m, A) ``anchors``; a hole takes the others' mean magnitude there, at least ``floor``, times that anchor's usual ratio to it."""
    holes = np.isnan(anchors)
    size = np.where(holes, 0.0, np.abs(anchors)).sum(axis=1) / np.maximum((~holes).sum(axis=1), 1)
    size = np.maximum(size, floor)
    ratio = np.ones(anchors.shape[1])
    for a in range(len(ratio)):
        sound = ~holes[:, a] & (size > 0)
        if sound.any():
            ratio[a] = np.median(anchors[sound, a] / size[sound])
    return np.where(holes, size[:, None] * ratio, anchors)


def timing_points(aligned: Aligned) -> tuple[PointTable, float]:
    """All delays and transitions, and the size (s) that errors of smaller ones count as errors of; of a library that has some."""
    rows = aligned.rows_of("timing")
    kinds = np.array([TIMING.index(key.quantity) if key.quantity in TIMING else -1 for key in aligned.template.keys])
    floor = FLOOR * float(np.nanmedian(np.abs(aligned.anchors[np.isin(aligned.table_of, rows)])))
    return gather(aligned, rows, kinds, floor), floor


def gather(aligned: Aligned, rows: NDArray[np.int64], kinds: NDArray[np.int64], floor: float) -> PointTable:
    """Lay the tables in ``rows`` out point by point. ``kinds``: quantity of each library row, by code; ``floor`` (s): smallest magnitude.

    What an anchor lacks is made up (``without_holes``) and counts as beyond its axes: no truth to learn from.
    """
    parts: dict[str, list[Array]] = {name: [] for name in ("anchors", "beyond", "place", "rank", "slopes", "scale")}
    flat, numbers, lengths, grids, shape = [], [], [], [], []
    for block in aligned.blocks(rows):
        n, P, A = block.anchors.shape
        X = block.anchors
        holes = np.isnan(X)
        if holes.any():
            X = without_holes(X.reshape(-1, A), floor).reshape(n, P, A)
        scale = np.maximum(np.abs(X).mean(axis=-1), floor)
        full = X.reshape(n, *block.shape, A)
        slopes = [(_slope(full, block.axes[r], r + 1).reshape(n, P, A) / scale[..., None]) for r in range(2)]
        logs, ranks = [], []
        for r in range(2):
            values = np.log(np.maximum(block.axes[r], 1e-18))
            form = [n if axis == 0 else (block.shape[r] if axis == r + 1 else 1) for axis in range(4)]
            logs.append(np.broadcast_to(values.reshape(form), (n, *block.shape)).reshape(n, P))
            steps = np.linspace(0, 1, block.shape[r]) if block.shape[r] > 1 else np.zeros(1)
            form[0] = 1
            ranks.append(np.broadcast_to(steps.reshape(form), (n, *block.shape)).reshape(n, P))
        parts["anchors"].append(X.reshape(n * P, A))
        parts["scale"].append(scale.reshape(-1))
        parts["beyond"].append(np.where(holes, MADE_UP, block.beyond).reshape(n * P, A))
        parts["place"].append(np.stack(logs, axis=-1).reshape(n * P, 2))
        parts["rank"].append(np.stack(ranks, axis=-1).reshape(n * P, 2))
        parts["slopes"].append(np.concatenate(slopes, axis=-1).reshape(n * P, 2 * A))
        grids.append(_to_grid(np.log(np.maximum(np.abs(full[:, :, :, 0]), 0.05 * floor))).reshape(n, -1))
        flat.append(block.flat.reshape(-1))
        numbers.append(block.rows)
        lengths.append(np.full(n, P))
        shape.append(np.tile(block.shape, (n, 1)))
    length = np.concatenate(lengths)
    table = np.repeat(np.arange(len(length)), length)
    row = np.concatenate(numbers)
    first = np.concatenate([[0], np.cumsum(length)])
    joined = {name: np.concatenate(part) for name, part in parts.items()}
    alike, keys = families([aligned.template]), [aligned.template.keys[number] for number in row]
    arc = _numbers([(alike[key.cell], *key.arc[1:], key.quantity, key.nth) for key in keys])
    kin = _numbers([(alike[key.cell], key.pin, key.timing_type, key.quantity) for key in keys])
    return PointTable(
        flat=np.concatenate(flat),
        table=table,
        kind=kinds[row][table],
        shapes=np.concatenate(grids),
        first=first,
        rows=row,
        shape=np.concatenate(shape),
        sources=anchor_tables(aligned, row, first),
        arc=arc,
        kin=kin,
        **joined,
    )


def _numbers(names: Sequence[tuple[object, ...]]) -> NDArray[np.int64]:
    """Equal numbers for equal names."""
    number = {name: n for n, name in enumerate(sorted(set(names), key=repr))}
    return np.array([number[name] for name in names], dtype=np.int64)


def point_features(
    points: PointTable, columns: NDArray[np.int64], base: Array, speed: AtSpeed
) -> tuple[NDArray[np.float32], tuple[int, ...]]:
    """(M, F) standardized features of every point from the anchors in ``columns`` (C,), and how many each of their groups has.

    Magnitude, slew, load; principal components of the anchors' slopes here, of their tables, and of what they say at the target's speed
    (``speed``, of the same anchors) as logarithms of ratios to the base prediction, here and over the whole table; the speeds themselves;
    how far each anchor had to be extrapolated.
    """
    A = points.anchors.shape[1]
    every = np.concatenate([columns, columns + A])
    grid = points.shapes.reshape(len(points.shapes), -1, A)[:, :, columns].reshape(len(points.shapes), -1)
    ratio = np.clip(np.log(np.maximum(speed.values, TINY) / np.maximum(np.abs(base), FAINT * points.scale)[:, None]), -APART, APART)
    tables = [_principal(grid, SHAPES), _principal(_tables(points, ratio), SHAPES), _principal(np.log(speed.ratio), SPEEDS)]
    parts = [np.log(points.scale)[:, None], points.place, _principal(points.slopes[:, every], GRADIENTS)]
    parts += [part[points.table] for part in tables]
    parts += [_principal(speed.beyond, FAR), _principal(ratio, len(columns))]
    X = np.concatenate(parts, axis=1)
    X = (X - X.mean(axis=0)) / (X.std(axis=0) + 1e-9)
    return np.asarray(np.clip(X, -CLIP, CLIP), dtype=np.float32), tuple(part.shape[1] for part in parts)


def _tables(points: PointTable, values: Array) -> Array:
    """(T, 49 C) whole tables of ``values`` (M, C), those of any shape on a grid of positions."""
    out = np.empty((len(points.rows), GRID * GRID * values.shape[1]))
    shapes, which = np.unique(points.shape, axis=0, return_inverse=True)
    for number, shape in enumerate(shapes):
        tables = np.flatnonzero(which.ravel() == number)
        flat = points.first[tables][:, None] + np.arange(int(np.prod(shape)))
        full = values[flat].reshape(len(tables), *shape, -1)
        out[tables] = _to_grid(full[:, :, :, 0]).reshape(len(tables), -1)
    return out
