"""Boosted trees on the residual of a smooth mean as scikit-learn estimators.

``ResidualBoostingRegressor`` learns any rows (process parameters, voltage, temperature, load, slew to a delay); ``LibraryRegressor`` is a
trained predictor of library tables behind the same methods, such as skops can keep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from eda_plugin.domain import Corner
from eda_plugin.domain.corner import process_axes
from eda_plugin.domain.predictor import TreePredictor
from eda_plugin.errors import UserError

__all__ = ["LibraryRegressor", "ResidualBoostingRegressor"]

Floats = NDArray[np.float64]
_PENALTIES = 10.0 ** np.arange(-8, 3)
_WIDEST = 40
"""Inputs beyond which the smooth mean is linear: squares and products of more would outnumber the rows of any study."""
_FOLDS = 5


class ResidualBoostingRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A quadratic surface by ridge (penalty by leave-one-out), then boosted trees on what it leaves over where it did not see a row.

    ``trees``, ``leaves``, ``learning_rate`` of each ensemble; ``monotonic_cst`` (features,) 1, 0 or -1 for the trees: the sum follows
    where the surface does; ``coverage`` of ``predict_interval``: trees of two quantiles, made wider or narrower by as much as rows that
    they did not see ask for (Romano et al. 2019); ``random_state``: the same number gives the same estimator.
    """

    def __init__(
        self,
        *,
        trees: int = 200,
        leaves: int = 15,
        learning_rate: float = 0.08,
        monotonic_cst: Sequence[int] | None = None,
        coverage: float = 0.9,
        random_state: int | None = None,
    ) -> None:
        self.trees = trees
        self.leaves = leaves
        self.learning_rate = learning_rate
        self.monotonic_cst = monotonic_cst
        self.coverage = coverage
        self.random_state = random_state

    def fit(self, X: object, y: object) -> Self:
        """X (rows, features), y (rows,), finite numbers; at least two rows. Raises ``ValueError`` as scikit-learn's estimators do."""
        rows, values = validate_data(self, X, y, y_numeric=True, dtype=np.float64, ensure_min_samples=2)
        return self._fit(np.asarray(rows), np.asarray(values, dtype=np.float64))

    def _fit(self, X: Floats, y: Floats) -> Self:
        random = check_random_state(self.random_state)
        self.centre_, self.deviation_ = X.mean(axis=0), X.std(axis=0)
        self.deviation_ = np.where(self.deviation_ > 0, self.deviation_, 1.0)
        self.offset_ = float(y.mean())
        self.scale_ = float(y.std()) or 1.0
        design = self._design(X)
        target = (y - self.offset_) / self.scale_
        self.coefficients_, without = _ridge(design, target)
        rest = target - without
        fold = random.permutation(len(y)) % _FOLDS
        unseen = np.zeros(len(y))
        for number in range(_FOLDS if len(y) >= 4 * _FOLDS else 0):
            held = fold == number
            unseen[held] = self._trees(random).fit(X[~held], rest[~held]).predict(X[held])
        # Rows too few or too even for trees: what they foretell of rows that they did not see must be better than nothing.
        self.residual_ = self._trees(random).fit(X, rest) if ((rest - unseen) ** 2).sum() < (rest**2).sum() else None
        off = rest - unseen if self.residual_ is not None else rest
        self._widen(X, off, random)
        return self

    def _widen(self, X: Floats, off: Floats, random: np.random.RandomState) -> None:
        """Quantiles from half of the rows, calibrated on the other half; of few rows, one width for all."""
        tail = (1 - self.coverage) / 2
        self.low_ = self.high_ = None
        judged = np.ones(len(off), dtype=bool)
        if len(off) >= 200:
            judged = random.permutation(len(off)) % 2 == 0
            self.low_, self.high_ = (self._trees(random, q).fit(X[~judged], off[~judged]) for q in (tail, 1 - tail))
        self.width_ = 1.0
        down, up = self._reach(X[judged])
        ratio = np.where(off[judged] < 0, -off[judged] / down, off[judged] / up)
        self.width_ = float(np.quantile(ratio, min(1.0, self.coverage * (1 + 1 / len(ratio)))))

    def _reach(self, X: Floats) -> tuple[Floats, Floats]:
        """How far the interval reaches down and up, in units of ``scale_``."""
        if self.low_ is None or self.high_ is None:
            return np.full(len(X), self.width_), np.full(len(X), self.width_)
        down, up = -self.low_.predict(X), self.high_.predict(X)
        return np.maximum(down, 1e-6) * self.width_, np.maximum(up, 1e-6) * self.width_

    def _trees(self, random: np.random.RandomState, quantile: float | None = None) -> HistGradientBoostingRegressor:
        return HistGradientBoostingRegressor(
            loss="squared_error" if quantile is None else "quantile",
            quantile=quantile,
            max_iter=self.trees if quantile is None else max(self.trees // 4, 1),
            max_leaf_nodes=self.leaves,
            learning_rate=self.learning_rate,
            monotonic_cst=self.monotonic_cst if quantile is None else None,
            early_stopping=False,
            random_state=random.randint(2**31 - 1),
        )

    def _design(self, X: Floats) -> Floats:
        """(rows, K): one, inputs, and of not too many inputs their squares and products."""
        z = (X - self.centre_) / self.deviation_
        parts = [np.ones((len(z), 1)), z]
        if z.shape[1] <= _WIDEST:
            i, j = np.triu_indices(z.shape[1])
            parts.append(z[:, i] * z[:, j])
        return np.concatenate(parts, axis=1)

    def _checked(self, X: object) -> Floats:
        check_is_fitted(self)
        return np.asarray(validate_data(self, X, dtype=np.float64, reset=False))

    def _value(self, X: Floats) -> Floats:
        value = self._design(X) @ self.coefficients_
        if self.residual_ is not None:
            value = value + self.residual_.predict(X)
        return np.asarray(value * self.scale_ + self.offset_)

    def predict(self, X: object) -> Floats:
        """(rows, features) to (rows,)."""
        return self._value(self._checked(X))

    def predict_interval(self, X: object) -> tuple[Floats, Floats]:
        """Lower and upper bound (rows,) that hold ``coverage`` of the values."""
        rows = self._checked(X)
        value, (down, up) = self._value(rows), self._reach(rows)
        return value - down * self.scale_, value + up * self.scale_


def _ridge(design: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Coefficients (K,) of the penalty that foretells best, and what each row would be without itself (rows,)."""
    left, size, right = np.linalg.svd(design, full_matrices=False)
    inner = left.T @ target
    best = (np.inf, np.zeros(design.shape[1]), np.zeros(len(target)))
    for penalty in _PENALTIES * len(target):
        shrink = size**2 / (size**2 + penalty)
        rest = (target - left @ (shrink * inner)) / np.maximum(1 - (left**2) @ shrink, 1e-6)
        error = float((rest**2).sum())
        if error < best[0]:
            best = (error, right.T @ (size / (size**2 + penalty) * inner), target - rest)
    return best[1], best[2]


class LibraryRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A trained predictor: columns of X are table (its number), NMOS and PMOS speed, voltage (V), temperature (C), slew (s), load (F).

    Speeds are -1 slow, 0 typical, 1 fast. ``arrays`` and ``rest`` are what ``TreePredictor.to_arrays`` gives.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]] | None = None, rest: Mapping[str, Any] | None = None) -> None:
        self.arrays = arrays
        self.rest = rest

    @property
    def predictor(self) -> TreePredictor:
        """The predictor itself. Raises ``UserError`` where there is none."""
        if self.arrays is None or self.rest is None:
            raise UserError("the estimator has no predictor; give it the arrays of one")
        return TreePredictor.from_arrays(dict(self.arrays), dict(self.rest))

    def fit(self, X: object = None, y: object = None) -> Self:  # noqa: ARG002 - as scikit-learn calls it
        """Nothing: a library's predictor is trained by ``eda-plugin train-predictor``."""
        return self

    def predict(self, X: object) -> Floats:
        """(rows, 7) to (rows,) in SI units."""
        return self._answers(X)[0]

    def predict_interval(self, X: object) -> tuple[Floats, Floats]:
        """Lower and upper bound (rows,)."""
        _, lower, upper = self._answers(X)
        return lower, upper

    def _answers(self, X: object) -> tuple[Floats, Floats, Floats]:
        rows = np.asarray(X, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != 7 or not np.isfinite(rows).all():
            raise UserError("expected rows of 7 numbers: table, NMOS and PMOS speed, voltage, temperature, slew, load")
        model = self.predictor
        if not ((rows[:, 0] >= 0) & (rows[:, 0] < len(model.keys))).all() or (rows[:, 5:] < 0).any():
            raise UserError(f"a table beyond the {len(model.keys)} known, or a negative slew or load")
        answers = np.empty((3, len(rows)))
        conditions, place = np.unique(rows[:, 1:5], axis=0, return_inverse=True)
        letters = {-1.0: "s", 0.0: "t", 1.0: "f"}
        for number, (nmos, pmos, voltage, temperature) in enumerate(conditions.tolist()):
            if nmos not in letters or pmos not in letters:
                raise UserError(f"device speeds {nmos:g}, {pmos:g}; expected -1, 0 or 1")
            at = np.flatnonzero(place.ravel() == number)
            speeds = Corner(letters[nmos] + letters[pmos], voltage, temperature)
            corner = next((known for known in model.corners if _same(known, speeds)), speeds)
            answers[:, at] = model.evaluate(rows[at, 0].astype(np.int64), rows[at, 5], rows[at, 6], corner)[:3]
        return answers[0], answers[1], answers[2]


def _same(known: Corner, asked: Corner) -> bool:
    alike = process_axes(known.process) == process_axes(asked.process)
    return alike and (known.voltage, known.temperature) == (asked.voltage, asked.temperature)
