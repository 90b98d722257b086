"""Which simulations to buy at the target.

Tables get simulations in proportion to how wrong they are expected to be (models/foreseen.py), mostly one or none of a small budget: that
beats whole cells at the same cost. Inside the tables every place of the grid is asked equally often (models/spread.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain import Corner, Library, Points, TableKey, edge_of, timing_quantities
from eda_plugin.domain.quantity import DELAY, TRANSITION
from eda_plugin.errors import UserError
from eda_plugin.models.foreseen import foreseen
from eda_plugin.models.spread import places_of, turns_of

__all__ = ["even_points", "grids", "places_asked", "plan_points", "points_at"]

Array = NDArray[np.float64]


def plan_points(anchors: Sequence[Library], template: Library, target: Corner, count: int, seed: int) -> Points:
    """``count`` simulations on the template's axes: each one arc, one edge, one place of the grid, none twice.

    Raises ``UserError`` where the template has fewer places than ``count``. The same seed gives the same plan, whatever the order of the
    anchors.
    """
    rows = grids(template)
    _check(template, rows, count)
    return points_at(template, _spread(template, rows, foreseen(anchors, template, target, rows, count, seed), count, seed))


def even_points(template: Library, asked: Points | None, count: int, seed: int) -> Points:
    """The same without a look at the anchors, or as many as are left: in each table as many, or one more. None that was ``asked`` for."""
    rows = grids(template)
    if asked is None:
        _check(template, rows, count)
    done = places_asked(template, rows, asked)
    total = min(count + sum(map(len, done.values())), int(template.shape[rows].prod(axis=1).sum()))
    spread = _spread(template, rows, np.ones(len(rows)), total, seed)
    return points_at(template, [(row, place) for row, place in spread if place not in done.get(row, ())][:count])


def _check(template: Library, rows: NDArray[np.int64], count: int) -> None:
    places = int(template.shape[rows].prod(axis=1).sum())
    if count > places:
        raise UserError(f"{count} simulations were asked for, and the template has {places} places")


def _spread(template: Library, rows: NDArray[np.int64], expected: Array, count: int, seed: int) -> list[tuple[int, int]]:
    """Row and place of each simulation."""
    shapes, rng = template.shape[rows], np.random.default_rng(seed)
    tables, places = places_of(shapes, turns_of(expected, shapes.prod(axis=1), count, rng), rng)
    return list(zip(rows[tables].tolist(), places.tolist(), strict=True))


def points_at(template: Library, chosen: Sequence[tuple[int, int]]) -> Points:
    """Simulations by their table's row and their place in its grid."""
    keys = [template.keys[row] for row, _ in chosen]
    index = [_coordinates(template, row, place) for row, place in chosen]
    edges = tuple(edge_of(key.quantity) for key in keys)
    return Points.plan(tuple(key.arc for key in keys), edges, np.array(index, dtype=np.float64).reshape(len(keys), 2))


def grids(template: Library) -> NDArray[np.int64]:
    """Rows of the tables that stand for an arc's edge: the delay, else the transition. The first of equal arcs only."""
    found = []
    for row, key in enumerate(template.keys):
        if key.nth or len([a for a in template.axis[row] if a >= 0]) > 2:
            continue
        delay = TableKey(*key.arc, timing_quantities(edge_of(key.quantity))[0], 0) if key.quantity in TRANSITION else None
        if key.quantity in DELAY or (delay is not None and delay not in template):
            found.append(row)
    return np.array(found, dtype=np.int64)


def _coordinates(template: Library, row: int, place: int) -> list[float]:
    """Where the ``place``-th value of a table lies along its first two axes (SI), 0 along an axis that it has not."""
    axes = [template.axes[a].values for a in template.axis[row] if a >= 0]
    at = np.unravel_index(place, [len(axis) for axis in axes]) if axes else ()
    return [*(float(axis[i]) for axis, i in zip(axes, at, strict=True)), 0.0, 0.0][:2]


def places_asked(template: Library, rows: NDArray[np.int64], asked: Points | None) -> dict[int, list[int]]:
    """Places of the grids, by row, that were asked for."""
    at: dict[int, list[int]] = {}
    if asked is None:
        return at
    known = {(template.keys[row].arc, edge_of(template.keys[row].quantity)): int(row) for row in rows}
    for arc, edge, index in zip(asked.arcs, asked.edges, asked.index, strict=True):
        row = known.get((arc, edge))
        if row is not None:
            axes = [template.axes[a].values for a in template.axis[row] if a >= 0]
            places = [int(np.abs(axis - x).argmin()) for axis, x in zip(axes, index, strict=False)]
            at.setdefault(row, []).append(int(np.ravel_multi_index(places, [len(axis) for axis in axes])) if axes else 0)
    return at
