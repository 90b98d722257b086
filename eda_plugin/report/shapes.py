"""What the drawings of the page and those for slides share: the hull, steps of colour, spans of axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["STEPS", "hull", "is_geometric", "span", "steps"]

Floats = NDArray[np.float64]
STEPS = 7
"""Steps of a heat map's colour: more are not told apart."""


def hull(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The convex hull, counter-clockwise (Andrew's monotone chain, IPL 9, 1979); the points themselves where they are fewer than three.

    >>> hull([(0, 0), (2, 0), (1, 1), (2, 2), (0, 2)])
    [(0, 0), (2, 0), (2, 2), (0, 2)]
    """
    ordered = sorted(set(points))
    if len(ordered) < 3:
        return ordered

    def side(part: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        chain: list[tuple[float, float]] = []
        for point in part:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        return chain[:-1]

    return side(ordered) + side(ordered[::-1])


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def steps(values: Floats) -> NDArray[np.int64]:
    """A step of colour for each value, 0 to ``STEPS`` - 1, -1 where there is none: by the values' own quantiles' range, on a logarithm
    where they span decades. Any shape."""
    known = values[np.isfinite(values)]
    if not len(known):
        return np.full(values.shape, -1, dtype=np.int64)
    low, high = (float(edge) for edge in np.quantile(known, [0.02, 0.98]))
    scaled = values
    if low > 0 and high / low > 20:
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = np.log(np.maximum(values, low))
        low, high = float(np.log(low)), float(np.log(high))
    share = np.clip((scaled - low) / (high - low), 0, 1) if high > low else np.where(scaled > 0, 0.5, 0.0)
    step = np.minimum(np.nan_to_num(share) * STEPS, STEPS - 1).astype(np.int64)
    return np.where(np.isfinite(values), step, -1)


def is_geometric(x: Floats) -> bool:
    """Whether an axis reads better on a logarithm: positive, and its ends far apart."""
    return bool(len(x) > 2 and x[0] > 0 and x[-1] / x[0] > 8)


def span(*arrays: Floats, room: float = 0.05) -> tuple[float, float]:
    """Least and largest of all numbers, with some room around them."""
    known = np.concatenate([array[np.isfinite(array)].ravel() for array in arrays])
    if not len(known):
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    pad = (high - low) * room or abs(high) * room or 1.0
    return low - pad, high + pad
