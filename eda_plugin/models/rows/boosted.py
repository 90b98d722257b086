"""The regressor of the study: boosted trees from a row's inputs to one delay, with and without invented rows; and how it is scored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BoostingSettings", "boosted_scores", "scores"]

Floats = NDArray[np.float64]


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


def boosted_scores(
    train: tuple[Floats, Floats],
    made: tuple[Floats, Floats] | None,
    unseen: tuple[Floats, Floats],
    settings: BoostingSettings | None = None,
) -> dict[str, float]:
    """Mean over the output columns of the scores on ``unseen``, trained on ``train`` and, of equal weight, ``made``: (inputs, outputs)
    each.

    Inputs are to be scaled by the caller; trees don't mind, but bins of single precision do.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    settings = settings or BoostingSettings()
    x, y = train if made is None else (np.vstack([train[0], made[0]]), np.vstack([train[1], made[1]]))
    found = []
    for column in range(y.shape[1]):
        model = HistGradientBoostingRegressor(
            max_iter=settings.trees,
            max_depth=settings.depth,
            learning_rate=settings.rate,
            min_samples_leaf=settings.least,
            early_stopping=False,
            random_state=0,
        )
        scale = float(np.abs(train[1][:, column]).mean())  # the loss of delays in s would vanish beside the trees' own tolerances
        model.fit(x, y[:, column] / scale)
        found.append(scores(unseen[1][:, column], model.predict(unseen[0]) * scale))
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}
