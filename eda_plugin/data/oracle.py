"""A stand-in for the simulator: a plan's answers, looked up in a characterized library."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain import Library, Points, TableKey, timing_quantities
from eda_plugin.errors import UserError

__all__ = ["answer"]


def answer(plan: Points, truth: Library, *, tolerance: float = 1e-6) -> Points:
    """``plan`` with the delay and transition (s) that ``truth`` holds at its points; NaN where the arc has no such table.

    ``tolerance``: how far off the grid a point may be, as a share. Raises ``UserError`` for an arc that the library does not have and for a
    point that is not on its grid.
    """
    found = np.full((2, len(plan)), np.nan)
    for n, (arc, edge) in enumerate(zip(plan.arcs, plan.edges, strict=True)):
        rows = [truth.position.get(TableKey(*arc, quantity)) for quantity in timing_quantities(edge)]
        if rows == [None, None]:
            raise UserError(f"simulation {n + 1}: {truth.name} has no {edge} delay of {arc}")
        for place, row in enumerate(rows):
            if row is not None:
                found[place, n] = truth.values[_place(truth, row, plan.index[n], n, tolerance)]
    return replace(plan, delay=found[0], transition=found[1], source=truth.source)


def _place(truth: Library, row: int, point: NDArray[np.float64], n: int, tolerance: float) -> int:
    """Position of a point's value in the flat arrays."""
    place = 0
    for a, x in zip(truth.axis[row, :2].tolist(), point.tolist(), strict=True):
        if a < 0:
            continue
        axis = truth.axes[a].values
        hit = int(np.abs(axis - x).argmin())
        if not np.isclose(axis[hit], x, rtol=tolerance, atol=0.0):
            raise UserError(
                f"simulation {n + 1}: {x:.6g} is not on the axis {', '.join(f'{value:.6g}' for value in axis)} (SI) of {truth.keys[row]}"
            )
        place = place * len(axis) + hit
    return int(truth.start[row]) + place
