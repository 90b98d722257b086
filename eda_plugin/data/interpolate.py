"""Look-up tables on other axes: cubic splines along slew^(1/4) and load^(1/2), straight beyond the ends.

Delay and transition are close to polynomials of low order in these coordinates: on a foundry's 7x7 tables of which every second point was
dropped, the error is about half that of bilinear look-up. An interpolation is a linear map of the table's values, so one small matrix for
each pair of axes serves every table that has them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain import Axis

__all__ = ["axis_operator", "exponent", "overshoot", "spline_operator"]

Array = NDArray[np.float64]


def exponent(axis: Axis) -> float:
    """Power of the coordinate in which tables are interpolated along this axis; 1 where the axis has a value that is not positive."""
    if not len(axis) or axis.values.min() <= 0:
        return 1.0
    return 0.5 if axis.is_load else 0.25


def spline_operator(x: Array, t: Array) -> tuple[Array, Array]:
    """Cubic not-a-knot spline as matrices.

    ``x`` (k,) ascending nodes, ``t`` (m,) queries between the first and the last. Returns W (m, k) with ``s(t) = W @ y`` and D (k, k) with
    the slopes at the nodes, ``s'(x) = D @ y``. Two nodes give the straight line, three the parabola.
    """
    k = len(x)
    h = np.diff(x)
    if k == 2:
        D = np.array([[-1.0, 1.0], [-1.0, 1.0]]) / h[0]
    else:
        A, B = np.zeros((k, k)), np.zeros((k, k))
        for i in range(1, k - 1):  # continuous second derivative, in terms of the slopes
            A[i, i - 1 : i + 2] = h[i], 2 * (h[i - 1] + h[i]), h[i - 1]
            left, right = 3 * h[i] / h[i - 1], 3 * h[i - 1] / h[i]
            B[i, i - 1 : i + 2] = -left, left - right, right
        if k == 3:  # one parabola: the slope of the middle chord is the mean of the slopes at its ends
            for row, (i, j) in ((0, (0, 1)), (2, (1, 2))):
                A[row, [i, j]] = 1.0
                B[row, [i, j]] = -2 / h[i], 2 / h[i]
        else:  # not a knot: one cubic over the first two and over the last two intervals
            for row, i in ((0, 0), (k - 1, k - 3)):
                p, q = h[i], h[i + 1]
                A[row, i : i + 3] = 1 / p**2, 1 / p**2 - 1 / q**2, -1 / q**2
                B[row, i : i + 3] = -2 / p**3, 2 / p**3 + 2 / q**3, -2 / q**3
        D = np.linalg.solve(A, B)
    i = np.clip(np.searchsorted(x, t, side="right") - 1, 0, k - 2)
    u = (t - x[i]) / h[i]
    rows = np.arange(len(t))
    W = (u**3 - 2 * u**2 + u)[:, None] * h[i][:, None] * D[i] + (u**3 - u**2)[:, None] * h[i][:, None] * D[i + 1]
    W[rows, i] += 2 * u**3 - 3 * u**2 + 1
    W[rows, i + 1] += 3 * u**2 - 2 * u**3
    return W, D


def axis_operator(source: Axis, target: Axis) -> Array:
    """(len(target), len(source)) matrix that looks a table up along one axis.

    Inside the source's range the spline; outside, the straight line (in the axis's own unit) with the slope at the end, as timers do.
    """
    x, t = source.values, target.values
    if len(x) == 1:
        return np.ones((len(t), 1))
    if len(x) == len(t) and np.allclose(x, t, rtol=1e-9, atol=0.0):
        return np.eye(len(x))
    power = min(exponent(source), exponent(target))
    inside = np.clip(t, x[0], x[-1])
    W, D = spline_operator(x**power, inside**power)
    for end in (0, -1):
        slope = power * x[end] ** (power - 1) * D[end]
        W += (t - inside)[:, None] * ((t < x[0]) if end == 0 else (t > x[-1]))[:, None] * slope
    return W


def overshoot(source: Axis, target: Axis) -> Array:
    """(len(target),) how far each target point lies beyond the source's ends, as a natural logarithm of the ratio; 0 inside."""
    x, t = source.values, target.values
    if len(x) == 1 or x[0] <= 0:
        span = max(float(x[-1] - x[0]), 1e-300)
        return np.maximum(np.maximum(x[0] - t, t - x[-1]), 0.0) / span if len(x) > 1 else np.zeros(len(t))
    safe = np.maximum(t, x[0] * 1e-3)
    return np.maximum(np.maximum(np.log(x[0] / safe), np.log(safe / x[-1])), 0.0)
