"""The scikit-learn estimators: their conventions, what the smooth mean is worth, calibrated intervals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks
from test_gbr import CORNERS, SMALL, libraries

from eda_plugin.errors import UserError
from eda_plugin.models.estimator import LibraryRegressor, ResidualBoostingRegressor
from eda_plugin.models.gbr import train_predictor


@parametrize_with_checks([ResidualBoostingRegressor(trees=5)])  # type: ignore[untyped-decorator]
def test_scikit_learns_conventions(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def rows(count: int, seed: int) -> tuple[Any, Any]:
    """A delay of supply, threshold and load, with scatter that grows with the load."""
    rng = np.random.default_rng(seed)
    supply, threshold, load = rng.uniform(0.7, 0.9, count), rng.normal(0.3, 0.01, count), rng.uniform(0, 5, count)
    delay = (1 + load) / (supply - threshold) ** 1.3 * (1 + 0.02 * np.sin(6 * load))
    return np.stack([supply, threshold, load], axis=1), delay * (1 + 0.002 * (1 + load) * rng.normal(size=count))


def test_the_smooth_mean_lifts_the_floor_of_trees() -> None:
    X, y = rows(400, 0)
    unseen, true = rows(1000, 1)
    made = ResidualBoostingRegressor(random_state=0).fit(X, y)
    plain = HistGradientBoostingRegressor(random_state=0).fit(X, y)
    ours, theirs = (np.mean(np.abs(model.predict(unseen) / true - 1)) for model in (made, plain))
    assert ours < theirs / 2
    np.testing.assert_array_equal(ResidualBoostingRegressor(random_state=0).fit(X, y).predict(unseen), made.predict(unseen))


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_intervals_hold_what_they_say(coverage: float) -> None:
    X, y = rows(1500, 2)
    unseen, true = rows(3000, 3)
    lower, upper = ResidualBoostingRegressor(trees=60, coverage=coverage, random_state=0).fit(X, y).predict_interval(unseen)
    assert np.mean((lower <= true) & (true <= upper)) == pytest.approx(coverage, abs=0.04)
    heavy, light = unseen[:, 2] > 4, unseen[:, 2] < 1
    assert np.median((upper - lower)[heavy]) > np.median((upper - lower)[light])


def test_a_library_predictor_is_an_estimator_that_skops_keeps(tmp_path: Path) -> None:
    skops = pytest.importorskip("skops.io")
    model = train_predictor(libraries(cells=3), settings=SMALL)
    estimator = LibraryRegressor(*model.to_arrays())
    skops.dump(estimator, tmp_path / "p.skops")
    again = skops.load(tmp_path / "p.skops", trusted=skops.get_untrusted_types(file=tmp_path / "p.skops"))
    X = np.array([[2, -1, -1, 0.72, 125, 5e-11, 4e-15], [1, 0, 0, 0.8, 25, 6e-11, 3e-15]])
    for row, corner in zip(X, (CORNERS[0], CORNERS[2]), strict=True):
        value, lower, upper, _ = model.evaluate(row[:1].astype(np.int64), row[5:6], row[6:7], corner)
        assert again.predict(row[None])[0] == pytest.approx(value[0], rel=1e-12)
        assert [bound[0] for bound in again.predict_interval(row[None])] == pytest.approx([lower[0], upper[0]], rel=1e-12)
    with pytest.raises(UserError, match="rows of 7 numbers"):
        again.predict(X[:, :3])
    with pytest.raises(UserError, match="a table beyond the 12 known"):
        again.predict(X + np.array([50, 0, 0, 0, 0, 0, 0]))
    with pytest.raises(UserError, match=r"device speeds -0.5, -1; expected"):
        again.predict(X + np.array([0, 0.5, 0, 0, 0, 0, 0]))
