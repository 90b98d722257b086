"""Look-up tables on other axes: cubic splines along slew^(1/4) and load^(1/2), straight beyond the ends.

Delay and transition are close to polynomials of low order in these coordinates: on a foundry's 7x7 tables of which every second point was
dropped, the error is about half that of bilinear look-up. An interpolation is a linear map of the table's values, so one small matrix for
each pair of axes serves every table that has them; a library has thousands of pairs, so the matrices are made many at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain import Axis

__all__ = ["axis_operators", "beyond_ends", "exponent", "overshoot", "spline_operators"]

Array = NDArray[np.float64]


def exponent(axis: Axis) -> float:
    """Power of the coordinate in which tables are interpolated along this axis; 1 where the axis has a value that is not positive."""
    if not len(axis) or axis.values.min() <= 0:
        return 1.0
    return 0.5 if axis.is_load else 0.25


def spline_operators(x: Array, t: Array) -> tuple[Array, Array]:
    """Cubic not-a-knot splines as matrices, N at a time.

    ``x`` (N, k) ascending nodes, ``t`` (N, m) queries between the first and the last. Returns W (N, m, k) with ``s(t) = W @ y`` and
    D (N, k, k) with the slopes at the nodes, ``s'(x) = D @ y``. Two nodes give the straight line, three the parabola.
    """
    k = x.shape[1]
    h = np.diff(x, axis=1)
    if k == 2:
        D: Array = np.array([[-1.0, 1.0], [-1.0, 1.0]]) / h[:, :, None]
    else:
        A, B = np.zeros((len(x), k, k)), np.zeros((len(x), k, k))
        for i in range(1, k - 1):  # continuous second derivative, in terms of the slopes
            before, after = h[:, i - 1], h[:, i]
            A[:, i, i - 1], A[:, i, i], A[:, i, i + 1] = after, 2 * (before + after), before
            left, right = 3 * after / before, 3 * before / after
            B[:, i, i - 1], B[:, i, i], B[:, i, i + 1] = -left, left - right, right
        if k == 3:  # one parabola: the slope of the middle chord is the mean of the slopes at its ends
            for row, (i, j) in ((0, (0, 1)), (2, (1, 2))):
                A[:, row, i] = A[:, row, j] = 1.0
                B[:, row, i], B[:, row, j] = -2 / h[:, i], 2 / h[:, i]
        else:  # not a knot: one cubic over the first two and over the last two intervals
            for row, i in ((0, 0), (k - 1, k - 3)):
                p, q = h[:, i], h[:, i + 1]
                A[:, row, i], A[:, row, i + 1], A[:, row, i + 2] = 1 / p**2, 1 / p**2 - 1 / q**2, -1 / q**2
                B[:, row, i], B[:, row, i + 1], B[:, row, i + 2] = -2 / p**3, 2 / p**3 + 2 / q**3, -2 / q**3
        D = np.asarray(np.linalg.solve(A, B), dtype=np.float64)
    i = np.clip((x[:, None, :] <= t[:, :, None]).sum(axis=2) - 1, 0, k - 2)
    low, width = np.take_along_axis(x, i, 1), np.take_along_axis(h, i, 1)
    u = (t - low) / width
    n, rows = np.arange(len(x))[:, None], np.arange(t.shape[1])
    W = ((u**3 - 2 * u**2 + u) * width)[:, :, None] * D[n, i] + ((u**3 - u**2) * width)[:, :, None] * D[n, i + 1]
    W[n, rows, i] += 2 * u**3 - 3 * u**2 + 1
    W[n, rows, i + 1] += 3 * u**2 - 2 * u**3
    return W, D


def axis_operators(sources: Sequence[Axis], targets: Sequence[Axis]) -> tuple[Array, NDArray[np.bool_]]:
    """Matrices that look tables up along one axis, N at a time: all sources have k points, all targets m.

    Returns W (N, m, k), and which of them (N,) are the identity because source and target are equal. Inside the source's range W is the
    spline; outside, the straight line (in the axis's own unit) with the slope at the end, as timers do.
    """
    x, t = (np.stack([axis.values for axis in axes]) for axes in (sources, targets))
    k, m = x.shape[1], t.shape[1]
    if k == 1:
        return np.ones((len(x), m, 1)), np.full(len(x), m == 1)
    same = np.zeros(len(x), dtype=np.bool_)
    if k == m:
        same |= np.isclose(x, t, rtol=1e-9, atol=0.0).all(axis=1)
    W = np.zeros((len(x), m, k))
    W[same] = np.eye(m, k)
    powers = np.array([max(exponent(source), exponent(target)) for source, target in zip(sources, targets, strict=True)])
    for power in np.unique(powers[~same]):
        part = np.flatnonzero((powers == power) & ~same)
        W[part] = _with_ends(x[part], t[part], float(power))
    return W, same


def _with_ends(x: Array, t: Array, power: float) -> Array:
    inside = np.clip(t, x[:, :1], x[:, -1:])
    W, D = spline_operators(x**power, inside**power)
    for end, beyond in ((0, t < x[:, :1]), (-1, t > x[:, -1:])):
        slope = power * x[:, end, None] ** (power - 1) * D[:, end]
        W += ((t - inside) * beyond)[:, :, None] * slope[:, None, :]
    return W


def overshoot(sources: Sequence[Axis], targets: Sequence[Axis]) -> Array:
    """(N, m) how far target points lie beyond their sources' ends (``beyond_ends``). All sources have one length, all targets another."""
    return beyond_ends(*(np.stack([axis.values for axis in axes]) for axes in (sources, targets)))


def beyond_ends(x: Array, t: Array) -> Array:
    """(N, m) how far the points t (N, m) lie beyond the ends of x (N, k), as a natural logarithm of the ratio; 0 inside.

    Where x begins at zero or below, in widths of its range.
    """
    if x.shape[1] == 1:
        return np.zeros(t.shape)
    first, last = x[:, :1], x[:, -1:]
    plain = np.maximum(np.maximum(first - t, t - last), 0.0) / np.maximum(last - first, 1e-300)
    positive = first > 0
    low, high = np.where(positive, first, 1.0), np.where(positive, last, 1.0)
    safe = np.maximum(t, low * 1e-3)
    ratio = np.maximum(np.maximum(np.log(low / safe), np.log(safe / high)), 0.0)
    return np.where(positive, ratio, plain)
