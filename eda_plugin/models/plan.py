"""Which simulations to buy at the target.

Spread over all tables before any table gets its second point, and inside the tables so that every place of the grid is asked equally often:
one point in each table beats whole cells at the same cost, and always the same place of the grid teaches nothing about the others.
Where the budget does not reach every table, tables are taken in the order in which the anchors disagree most about them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain import Arc, Corner, Library, Points, TableKey, edge_of, timing_quantities
from eda_plugin.domain.quantity import DELAY, TRANSITION
from eda_plugin.errors import UserError

__all__ = ["coordinates", "grids", "plan_points"]

Array = NDArray[np.float64]


def plan_points(anchors: Sequence[Library], template: Library, target: Corner, count: int, seed: int) -> Points:
    """``count`` simulations on the template's axes: each one arc, one edge, one place of the grid, none twice.

    Raises ``UserError`` where the template has fewer places than ``count``. The same seed gives the same plan, whatever the order of the
    anchors.
    """
    rows = grids(template)
    sizes = template.shape[rows].prod(axis=1)
    if count > int(sizes.sum()):
        raise UserError(f"{count} simulations were asked for, and the template has {int(sizes.sum())} places at the target {target}")
    rng = np.random.default_rng(seed)
    order = _order(anchors, template, rows, rng)
    arcs: list[Arc] = []
    edges: list[str] = []
    index: list[list[float]] = []
    places = {int(size): _even_places(template.shape[rows[sizes == size][0]], rng) for size in np.unique(sizes)}
    turn = np.zeros(len(rows), dtype=np.int64)
    offset = dict.fromkeys(places, 0)
    start = np.empty(len(rows), dtype=np.int64)
    for n in order:  # neighbours in the order begin at different places of the grid
        size = int(sizes[n])
        start[n] = offset[size]
        offset[size] += 1
    while len(arcs) < count:
        for n in order:
            size = int(sizes[n])
            if turn[n] >= size or len(arcs) >= count:
                continue
            place = _place(places[size], int(start[n]), int(turn[n]))
            turn[n] += 1
            key = template.keys[rows[n]]
            arcs.append(key.arc)
            edges.append(edge_of(key.quantity))
            index.append(coordinates(template, int(rows[n]), place))
    return Points.plan(tuple(arcs), tuple(edges), np.array(index, dtype=np.float64).reshape(len(arcs), 2))


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


def coordinates(template: Library, row: int, place: int) -> list[float]:
    """Where the ``place``-th value of a table lies along its first two axes (SI), 0 along an axis that it has not."""
    axes = [template.axes[a].values for a in template.axis[row] if a >= 0]
    at = np.unravel_index(place, [len(axis) for axis in axes]) if axes else ()
    return [*(float(axis[i]) for axis, i in zip(axes, at, strict=True)), 0.0, 0.0][:2]


def _order(anchors: Sequence[Library], template: Library, rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Tables in random order within five classes of how much the anchors disagree about them, the classes that disagree most first."""
    spread = np.zeros(len(rows))
    for n, row in enumerate(rows):
        key = template.keys[row]
        level = [float(np.nanmean(np.abs(anchor[key].values))) for anchor in anchors if key in anchor and anchor[key].values.size]
        level = [value for value in level if value > 0]
        spread[n] = float(np.std(np.log(sorted(level)))) if len(level) > 1 else 0.0
    rank = np.argsort(np.argsort(-spread, kind="stable"), kind="stable") * 5 // max(len(rows), 1)
    shuffled = rng.permutation(len(rows))
    return shuffled[np.argsort(rank[shuffled], kind="stable")]


def _even_places(shape: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Every place of a grid once, in random order."""
    return rng.permutation(int(np.prod(shape)))


def _place(places: NDArray[np.int64], start: int, turn: int) -> int:
    """The place of a table's ``turn``-th simulation.

    Half way round the order each time, so that tables that share one place share no other.
    """
    size = len(places)
    step = next(s for s in range(max(size // 2, 1), size + 1) if np.gcd(s, size) == 1)
    return int(places[(start + turn * step) % size])
