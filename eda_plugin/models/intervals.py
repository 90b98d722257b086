"""How wrong a filled value may be: an error scale for each value, and the factor that makes an interval of it.

The scale is learnt on anchors that played the target, where every point's error is known (models/pseudo.py). The factor is split conformal
prediction (Lei et al., JASA 2018, algorithm 2, on residuals divided by a scale; Mondrian groups by quantity and by scale): over the
measured points of the target, each predicted without itself, where there are enough of them, else over the anchors held out whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eda_plugin.models.features import PointTable
from eda_plugin.models.fewshot import FewShot

__all__ = ["ENOUGH", "Factors", "Scale", "conformal", "error_features", "fit_scale"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]

SMALLEST = 1e-4
"""Errors below this share of a value are taken as this share: the tables themselves are not smoother."""
ENOUGH = 60
"""Scores that a group needs for a factor of its own."""


@dataclass(frozen=True, eq=False)
class Scale:
    """A fitted error scale: gradient boosting on the logarithm of the absolute error as a share of the value."""

    model: object

    def predict(self, features: Array) -> Array:
        """(E,) scale, in the unit of ``FewShot.unit``."""
        return np.asarray(np.exp(self.model.predict(features)), dtype=np.float64)  # type: ignore[attr-defined]


@dataclass(frozen=True, eq=False)
class Factors:
    """Conformal factors: ``edges`` of the scale's classes, ``value`` (K, classes) by kind and class."""

    edges: Array
    value: Array

    def of(self, kind: Index, scale: Array) -> Array:
        return self.value[kind, np.searchsorted(self.edges, scale)]

    def wider(self, factor: float) -> Factors:
        """All factors times one."""
        return Factors(self.edges, self.value * factor)

    def at_least(self, error: Array, scale: Array, coverage: float) -> Factors:
        """All factors larger by one share, if errors (n,) of another kind, too few for factors of their own, would not be covered so; the
        fewer, the less they count against the errors that the factors are of."""
        if not len(error):
            return self
        own = conformal(error, scale, np.zeros(len(error), dtype=np.int64), 1, coverage, classes=1).value[0, 0]
        lacking = max(1.0, own / float(np.median(self.value)))
        return self.wider(lacking ** (len(error) / (len(error) + ENOUGH)))


def error_features(points: PointTable, columns: Index, fit: FewShot, at_known: bool = False) -> Array:
    """(E, 13) what tells how wrong a prediction is: the process's own spread, the size of the correction, the anchors' disagreement and
    extrapolation, the place in the table, and what the table's own measured points showed.

    ``at_known``: for the N measured points, each as if it had not been measured, instead of the points ``fit.where``.
    """
    at = fit.known if at_known else fit.where
    Z = points.anchors[at][:, columns] / points.scale[at, None]
    spread = np.sqrt(np.maximum(fit.variance, 0.0)) if at_known else fit.spread
    moved = np.full(len(at), np.nan) if at_known else np.abs(fit.mean - fit.base[at]) / fit.unit[at]
    far = np.sort(points.beyond[at][:, columns], axis=1)
    number, size, apart = _own_table(points, fit, at, leave_out=at_known)
    disagreement = Z.std(axis=1)
    return np.column_stack(
        [
            np.log(np.maximum(spread, 1e-6)),
            np.log(np.maximum(moved, 1e-6)),
            disagreement,
            far.mean(axis=1),
            points.rank[at],
            np.log(points.scale[at]),
            np.log(fit.unit[at] / points.scale[at]),
            points.kind[at],
            number,
            np.log(np.maximum(size, 1e-5)),
            apart,
        ]
    )


def _own_table(points: PointTable, fit: FewShot, at: Index, *, leave_out: bool) -> tuple[Array, Array, Array]:
    """What its table's measured points tell of each point ``at`` (E,): (E,) how many they are, (E,) mean size of their left-out residuals,
    NaN where there are none, and (E, 2) how far the nearest is along slew and load. ``leave_out``: ``at`` are the measured points in their
    order, each told by the others."""
    tables, measured, table = len(points.first) - 1, points.table[fit.known], points.table[at]
    share = np.abs(fit.left_out / fit.unit[fit.known])
    number = np.bincount(measured, minlength=tables)[table].astype(np.float64)
    total = np.bincount(measured, weights=share, minlength=tables)[table]
    if leave_out:
        number, total = number - 1.0, total - share
    size = np.divide(total, number, out=np.full(len(at), np.nan), where=number > 0)
    order = np.argsort(measured, kind="stable")
    nth = np.arange(len(order)) - np.searchsorted(measured[order], measured[order])
    apart, nearest = np.full((len(at), 2), np.nan), np.full(len(at), np.inf)
    for turn in range(int(nth.max(initial=-1)) + 1):  # the first measured point of each table, the second ...
        own = np.full(tables, -1)
        these = order[nth == turn]
        own[measured[these]] = these
        other = own[table]
        rows = np.flatnonzero((other >= 0) & ~(leave_out & (other == np.arange(len(at)))))
        steps = np.abs(points.rank[at[rows]] - points.rank[fit.known[other[rows]]])
        far = steps.sum(axis=1)
        nearer = far < nearest[rows]
        apart[rows[nearer]], nearest[rows[nearer]] = steps[nearer], far[nearer]
    return number, size, apart


def fit_scale(features: Array, error: Array, seed: int) -> Scale:
    """Fit on ``error`` (E,) as shares of ``FewShot.unit``."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        max_iter=120,
        learning_rate=0.08,
        max_leaf_nodes=24,
        min_samples_leaf=60,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    unknown = np.isnan(features).all(axis=0)  # every point of the rehearsals was given: nothing tells what a table's own points show
    model.fit(np.where(unknown, 0.0, features), np.log(np.maximum(np.abs(error), SMALLEST)))
    return Scale(model)


def conformal(error: Array, scale: Array, kind: Index, kinds: int, coverage: float, classes: int = 3) -> Factors:
    """Factors for which a share ``coverage`` of the errors (N,) is at most factor x scale, by quantity and by class of the scale.

    With the finite-sample correction; a group of few scores takes its class's factor, or that of all.
    """
    score = np.abs(error) / np.maximum(scale, 1e-30)
    edges = np.quantile(scale, np.linspace(0, 1, classes + 1)[1:-1]) if len(scale) >= classes * ENOUGH else np.zeros(0)
    place = np.searchsorted(edges, scale)
    value = np.empty((kinds, len(edges) + 1))
    for code in range(kinds):
        for number in range(len(edges) + 1):
            group = score[(kind == code) & (place == number)]
            if len(group) < ENOUGH:
                group = score[place == number] if (place == number).sum() >= ENOUGH else score
            level = min(np.ceil((len(group) + 1) * coverage) / max(len(group), 1), 1.0)
            value[code, number] = np.quantile(group, level) if len(group) else np.nan
    return Factors(edges, value)
