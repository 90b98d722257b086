"""Values that are left to simulation: their interval is wider than the user accepts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eda_plugin.data.columnar import coordinates
from eda_plugin.domain import Arc, Library, Points, TableKey, edge_of, timing_quantities
from eda_plugin.domain.quantity import TIMING
from eda_plugin.qa.metrics import TIME_FLOOR
from eda_plugin.qa.repair import movable

__all__ = ["refused_points", "refused_values"]


def refused_values(library: Library, tolerance: float) -> NDArray[np.bool_]:
    """(m,) delays and transitions of a model whose interval, upper - lower, is wider than ``tolerance`` times max(|value|, 20 ps).

    Only what a plan can ask for: tables of at most two axes, the first of equal arcs, with a delay.
    """
    if library.lower is None or library.upper is None:
        return np.zeros(len(library.values), dtype=bool)
    asked = np.zeros(len(library), dtype=bool)
    for row, key in enumerate(library.keys):
        if key.quantity in TIMING and not key.nth and library.axis[row, 2] < 0:
            asked[row] = TableKey(*key.arc, timing_quantities(edge_of(key.quantity))[0]) in library
    width = library.upper - library.lower
    wide = width > tolerance * np.maximum(np.abs(library.values), TIME_FLOOR)
    refused: NDArray[np.bool_] = wide & movable(library) & np.repeat(asked, np.diff(library.start))
    return refused


def refused_points(library: Library, refused: NDArray[np.bool_]) -> Points:
    """The simulations that give the values ``refused`` (m,): each once, though it gives a delay and a transition."""
    table_of, index = coordinates(library)
    found: dict[tuple[Arc, str, float, float], None] = {}
    for place in np.flatnonzero(refused).tolist():
        key = library.keys[table_of[place]]
        x, y = np.nan_to_num(index[place, :2]).tolist()
        found[key.arc, edge_of(key.quantity), x, y] = None
    rows = sorted(found)
    points = np.array([row[2:] for row in rows], dtype=np.float64).reshape(len(rows), 2)
    return Points.plan(tuple(row[0] for row in rows), tuple(row[1] for row in rows), points, source="refused")
