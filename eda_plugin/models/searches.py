"""Constraints that a search did not find: values at single corners that no other corner's come near.

Setup and hold times are found by bisection, and where it fails a library states what it ended at, or extends what it found by a line: in
a public one at 180 nm, tables that run between -1 and 1 ns at one corner reach -119 ns at another. Corners are averaged linearly, so one
such value spoils what its row says of every other corner. What is far out by the quartiles of corners made equally large is brought in
(Tukey, 1977: fences, far wider ones here). Where many corners failed, their own spread says nothing: the table's other rows do.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eda_plugin.models.features import TINY

__all__ = ["within_reach"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]

REACH = 6.0
"""How far from a row's median a value may lie, in units of the distance between its quartiles or of its size, whichever is larger."""
FEWEST = 8
"""Corners whose quartiles say what is far out."""
SMALLEST = 0.1
"""Share of the median row's, or corner's, size that every one is taken to have at least."""


def within_reach(values: Array, table: Index) -> Array:
    """``values`` (m, A) of constraints at A corners, each no further out than its row, or most rows of its ``table`` (m,), allow; from few
    corners as they are."""
    m, A = values.shape
    if A < FEWEST or not m:
        return values
    corner = np.median(np.abs(values), axis=0)
    corner = np.maximum(corner, max(SMALLEST * float(np.median(corner)), TINY))
    corner /= np.median(corner)
    alike = values / corner
    low, middle, high = np.quantile(alike, [0.25, 0.5, 0.75], axis=1)
    size = np.median(np.abs(alike), axis=1)
    spread = np.maximum(high - low, size)
    usual = pd.Series(spread).groupby(table).transform("median").to_numpy()
    room = REACH * np.maximum(np.minimum(spread, usual), SMALLEST * float(np.median(size)))
    return np.asarray(np.clip(values, (middle - room)[:, None] * corner, (middle + room)[:, None] * corner), dtype=np.float64)
