"""How much slower the target is than each anchor, table by table, and the anchors looked up accordingly (data/speed.py)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eda_plugin.models.features import AtSpeed, PointTable

__all__ = ["at_own_speed"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]

ROUNDS = 3
LARGEST = 30.0
"""Slower or faster than this is taken as this."""
OUTSIDE = 1e-3
"""Points further beyond an anchor's axes, as a natural logarithm, say nothing of its speed."""


def at_own_speed(points: PointTable, columns: Index, estimate: Array) -> AtSpeed:
    """The anchors in ``columns`` (C,) at the speed of a target of which ``estimate`` (M,) SI is known.

    A table's ratio is the median of estimate over anchor, found together with the slews at which the two are compared; nothing but these
    ratios comes from the estimate. What an anchor lacks is made up as in ``points.anchors``.
    """
    M, T, C = len(points), len(points.rows), len(columns)
    values, beyond, ratios = np.empty((M, C)), np.empty((M, C)), np.empty((T, C))
    floor = 1e-2 * points.scale
    for c, anchor in enumerate(columns.tolist()):
        speed, before = np.zeros(T), np.zeros(T)
        for _ in range(ROUNDS):
            found, far = points.sources.at(anchor, np.exp(speed))
            with np.errstate(invalid="ignore"):
                sound = (far <= OUTSIDE) & (found > floor) & (estimate > floor)
            logs = np.full(M, np.nan)
            logs[sound] = np.log(estimate[sound] / found[sound])
            step = _medians(points, logs)
            share = np.divide(step, before, out=np.zeros(T), where=before != 0)  # steps shrink by about this share each (Aitken)
            speed = np.clip(speed + step / (1 - np.clip(share, 0.0, 0.7)), -np.log(LARGEST), np.log(LARGEST))
            before = step
        found, far = points.sources.at(anchor, np.exp(speed))
        hole = np.isnan(found)
        values[:, c] = np.where(hole, points.anchors[:, anchor], found)
        beyond[:, c] = np.where(hole, points.beyond[:, anchor], far)
        ratios[:, c] = np.exp(speed)
    return AtSpeed(values, beyond, ratios)


def _medians(points: PointTable, values: Array) -> Array:
    """(T,) median of each table's known ``values`` (M,), 0 where it has none."""
    out = np.zeros(len(points.rows))
    lengths = np.diff(points.first)
    for length in np.unique(lengths):
        tables = np.flatnonzero(lengths == length)
        whole = values[points.first[tables][:, None] + np.arange(length)]
        some = np.isfinite(whole).any(axis=1)
        out[tables[some]] = np.nanmedian(whole[some], axis=1)
    return out
