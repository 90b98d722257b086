"""Constraints that a search did not find: values at single corners that no other corner's come near.

Setup and hold times are found by bisection, and where it fails a library states what it ended at: in a public one at 180 nm a removal
time of -87 ns among others between -7 and 24 ns. Corners are averaged linearly, so one such value spoils what its row says of every other
corner. What is far out by the row's own quartiles is brought in (Tukey, 1977: fences, far wider ones here).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["within_reach"]

Array = NDArray[np.float64]

REACH = 6.0
"""How far beyond a row's quartiles a value may lie, in units of the distance between them, or of the row's own size if that is larger."""
FEWEST = 8
"""Corners whose quartiles say what is far out."""
SMALLEST = 0.1
"""Share of the median row's size that every row is taken to have at least."""


def within_reach(values: Array) -> Array:
    """``values`` (m, A) of constraints at A corners, each no further out than its row's quartiles allow; from few corners as they are."""
    m, A = values.shape
    if A < FEWEST or not m:
        return values
    low, high = np.quantile(values, [0.25, 0.75], axis=1)
    size = np.median(np.abs(values), axis=1)
    room = REACH * np.maximum(np.maximum(high - low, size), SMALLEST * float(np.median(size)))
    return np.asarray(np.clip(values, (low - room)[:, None], (high + room)[:, None]), dtype=np.float64)
