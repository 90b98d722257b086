"""The regressor of the study: boosted trees from a row's inputs to one delay, with and without invented rows; and how it is scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BoostingSettings", "boosted_scores", "scores", "shipped_scores"]

Floats = NDArray[np.float64]
Rows = tuple[Floats, Floats]
_LEAST = 0.1
"""A made delay below this share of the least real one, which may be negative, is put there: a logarithm is learnt."""


@dataclass(frozen=True)
class BoostingSettings:
    """Of scikit-learn's histogram gradient boosting; the same for every way to make rows."""

    trees: int = 1000
    depth: int = 3
    rate: float = 0.1
    least: int = 5


def scores(truth: Floats, guess: Floats) -> dict[str, float]:
    """R2, MSE (s^2), RMSE (s), MAE (s), MAPE (%)."""
    off = guess - truth
    mse = float((off**2).mean())
    return {
        "R2": 1.0 - mse / float(truth.var()),
        "MSE": mse,
        "RMSE": mse**0.5,
        "MAE": float(np.abs(off).mean()),
        "MAPE": float(100.0 * np.abs(off / truth).mean()),
    }


def boosted_scores(train: Rows, made: Rows | None, unseen: Rows, settings: BoostingSettings | None = None) -> dict[str, float]:
    """Mean over the output columns of the scores on ``unseen``, trained on ``train`` and, of equal weight, ``made``: (inputs, outputs)
    each, positive outputs in ``train``.

    The trees learn a delay's logarithm: relative errors are what is scored. Inputs are to be scaled by the caller; trees don't mind, but
    bins of single precision do.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    settings = settings or BoostingSettings()

    def fitted(x: Floats, y: Floats) -> Callable[[Floats], Floats]:
        model = HistGradientBoostingRegressor(
            max_iter=settings.trees,
            max_depth=settings.depth,
            learning_rate=settings.rate,
            min_samples_leaf=settings.least,
            early_stopping=False,
            random_state=0,
        )
        predict: Callable[[Floats], Floats] = model.fit(x, y).predict
        return predict

    return _scored(train, made, unseen, fitted)


def shipped_scores(train: Rows, made: Rows | None, unseen: Rows, *, seed: int = 0) -> dict[str, float]:
    """``boosted_scores`` of the shipped estimator: trees on what a smooth mean leaves over."""
    from eda_plugin.models.estimator import ResidualBoostingRegressor

    return _scored(train, made, unseen, lambda x, y: ResidualBoostingRegressor(random_state=seed).fit(x, y).predict)


def _scored(
    train: Rows, made: Rows | None, unseen: Rows, fitted: Callable[[Floats, Floats], Callable[[Floats], Floats]]
) -> dict[str, float]:
    x, y = train if made is None else (np.vstack([train[0], made[0]]), np.vstack([train[1], made[1]]))
    y = np.log(np.maximum(y, _LEAST * train[1].min(axis=0)))
    found = []
    for column in range(y.shape[1]):
        predict = fitted(x, y[:, column])
        found.append(scores(unseen[1][:, column], np.exp(predict(unseen[0]))))
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}
