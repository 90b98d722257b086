"""Which simulations to buy once a corner has been filled: where they narrow the intervals most.

Within a table errors move together (measured on a foundry library's tables: correlation 0.82 to the next load, 0.50 to the next slew),
between tables hardly. So each table is a small Gaussian whose spread the intervals give; a simulation at one place takes from every place
the part of its variance that the two share. They are taken one by one, always where most variance goes; so a table is asked twice only
where what is left of it is more than what others have.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain import Library, Origin, Points, TableKey, edge_of, timing_quantities
from eda_plugin.errors import UserError
from eda_plugin.models.plan import grids, places_asked, points_at

__all__ = ["plan_more"]

NEXT_LOAD, NEXT_SLEW = 0.82, 0.50
FLOOR = 20e-12  # s: below it a relative width of a delay says nothing

Array = NDArray[np.float64]


@dataclass(eq=False)
class _Grid:
    """One arc's edge: relative spread of delay and of transition (k, size), correlation of places (size, size), those not yet asked.

    The covariance (k, size, size) is made when the table is first asked: most tables never are.
    """

    row: int
    spread: Array
    near: Array
    free: NDArray[np.bool_]
    covariance: Array | None = None

    def best(self) -> tuple[float, int]:
        """The place that takes most variance away, and how much; less than nothing where every place was asked."""
        if self.covariance is None:
            taken = self.spread**2 @ self.near**2
            taken = np.where(self.spread > 0, taken, 0.0)
        else:
            own = np.diagonal(self.covariance, axis1=1, axis2=2)
            taken = (self.covariance**2).sum(axis=1) / np.where(own > 0, own, 1.0)
        gain = np.where(self.free, taken.sum(axis=0), -1.0)
        place = int(gain.argmax())
        return float(gain[place]), place

    def ask(self, place: int) -> None:
        """What is left when ``place`` is known."""
        full = self.spread[:, :, None] * self.near * self.spread[:, None, :] if self.covariance is None else self.covariance
        column = full[:, :, place]
        own = column[:, place]
        self.covariance = full - column[:, :, None] * column[:, None, :] / np.where(own > 0, own, 1.0)[:, None, None]
        self.free[place] = False


def plan_more(filled: Library, template: Library, asked: Points | None, count: int) -> Points:
    """``count`` simulations on the template's axes, or as many as are left, none of which was ``asked`` for or is measured.

    ``filled``: the corner as it was filled last, with intervals, on the template's tables. Raises ``UserError`` where it has none.
    """
    if filled.lower is None or filled.upper is None:
        raise UserError("the model gives no intervals, so there is nothing to say where the next simulations teach most; choose another")
    rows = grids(template)
    done = places_asked(template, rows, asked)
    near: dict[tuple[int, ...], Array] = {}
    tables = [_grid(filled, template, int(row), done.get(int(row), []), near) for row in rows]
    heap = [(-gain, n, place) for n, (gain, place) in enumerate(table.best() for table in tables) if gain >= 0]
    heapq.heapify(heap)
    chosen: list[tuple[int, int]] = []
    while heap and len(chosen) < count:
        _, n, place = heapq.heappop(heap)
        table = tables[n]
        chosen.append((table.row, place))
        table.ask(place)
        gain, place = table.best()
        if gain >= 0:
            heapq.heappush(heap, (-gain, n, place))
    return points_at(template, chosen)


def _grid(filled: Library, template: Library, row: int, done: Sequence[int], near: dict[tuple[int, ...], Array]) -> _Grid:
    """The grid of a table; ``near`` keeps the correlations by the table's axes."""
    key = template.keys[row]
    axes = tuple(int(a) for a in template.axis[row] if a >= 0)
    if axes not in near:
        near[axes] = np.ones((1, 1))
        for axis in (template.axes[a] for a in axes):
            steps = np.arange(len(axis))
            near[axes] = np.kron(near[axes], (NEXT_LOAD if axis.is_load else NEXT_SLEW) ** np.abs(steps[:, None] - steps))
    size = len(near[axes])
    spreads = []
    free = np.ones(size, dtype=bool)
    free[list(done)] = False
    for quantity in timing_quantities(edge_of(key.quantity)):
        partner = TableKey(*key.arc, quantity, key.nth)
        if partner not in filled or filled[partner].values.size != size:
            continue
        table = filled[partner]
        half = np.zeros(size)
        if table.lower is not None and table.upper is not None:
            half = (table.upper - table.lower).ravel() / 2 / np.maximum(np.abs(table.values.ravel()), FLOOR)
        measured = table.origin.ravel() == Origin.MEASURED
        spreads.append(np.where(np.isfinite(half) & ~measured, half, 0.0))
        free &= ~measured
    return _Grid(row, np.array(spreads).reshape(-1, size), near[axes], free)
