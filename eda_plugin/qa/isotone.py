"""Isotonic regression of many short lines at once, with values that may not move.

The solution is the min-max formula (Barlow et al., Statistical Inference under Order Restrictions, 1972, theorem 1.4): the i-th value is
the maximum over j <= i of the minimum over k >= i of the mean of y[j..k]. Between fixed values the solution is the free one of that
stretch, clipped to the fixed values around it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["isotonic"]


def isotonic(values: NDArray[np.float64], fixed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The non-decreasing lines nearest to ``values`` (n, L) in the sum of squares; those of ``fixed`` (n, L) stay as they are.

    Where fixed values themselves decrease, no such line exists: the free ones are then clipped to the later fixed value.

    >>> isotonic(np.array([[1.0, 3.0, 2.0, 4.0]]), np.array([[False, False, False, False]])).tolist()
    [[1.0, 2.5, 2.5, 4.0]]
    >>> isotonic(np.array([[1.0, 3.0, 2.0, 4.0]]), np.array([[False, False, True, False]])).tolist()
    [[1.0, 2.0, 2.0, 4.0]]
    """
    n, length = values.shape
    # a fixed value is a stretch of its own; free values between two fixed ones are one stretch
    stretch = 2 * np.cumsum(fixed, axis=1) - fixed
    total = np.concatenate([np.zeros((n, 1)), np.cumsum(values, axis=1)], axis=1)
    j, k = np.arange(length)[:, None], np.arange(length)[None, :]
    means = (total[:, None, 1:] - total[:, :-1, None]) / np.maximum(k - j + 1, 1)
    together = (stretch[:, :, None] == stretch[:, None, :]) & (j <= k)
    means = np.where(together, means, np.inf)
    lowest = np.minimum.accumulate(means[:, :, ::-1], axis=2)[:, :, ::-1]
    free = np.where(together, lowest, -np.inf).max(axis=1)
    floor = np.maximum.accumulate(np.where(fixed, values, -np.inf), axis=1)
    ceiling = np.minimum.accumulate(np.where(fixed, values, np.inf)[:, ::-1], axis=1)[:, ::-1]
    result: NDArray[np.float64] = np.where(fixed, values, np.minimum(np.maximum(free, floor), ceiling))
    return result
