"""The cross-fitted ensemble of networks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eda_plugin.models.network import NetworkSettings, fit_ensemble

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
FEW = NetworkSettings(folds=3, width=32, steps=200, batch=64)


def data(n: int, seed: int = 0) -> tuple[NDArray[np.float32], Floats, Index]:
    rng = np.random.default_rng(seed)
    x, kind = rng.uniform(-1, 1, (n, 3)).astype(np.float32), rng.integers(0, 2, n)
    return x, np.sin(2 * x[:, 0].astype(float)) * np.where(kind == 1, 1.0, -0.5), kind


def test_it_learns_a_law_that_differs_by_kind() -> None:
    x, y, kind = data(400)
    found = fit_ensemble(x, y, kind, np.arange(400), 2, seed=0, settings=FEW)
    at, truth, code = data(200, seed=1)
    error = np.abs(found.predict(at, code) - truth).mean()
    assert error < 0.3 * np.abs(truth).mean()
    assert 0.5 < np.abs(found.left_out).mean() / error < 4.0
    np.testing.assert_allclose(found.predict(at, code, batch=7), found.predict(at, code), atol=1e-6)


def test_a_left_out_residual_has_not_seen_its_group() -> None:
    """Labels that are noise, the same for a whole group: who saw one point of the group would know them all."""
    rng = np.random.default_rng(2)
    group = np.repeat(np.arange(60), 4)
    x, y = rng.standard_normal((60, 6)).astype(np.float32)[group], rng.standard_normal(60)[group]
    kind = np.zeros(len(group), dtype=np.int64)
    found = fit_ensemble(x, y, kind, group, 1, seed=0, settings=FEW)
    assert np.abs(found.left_out).mean() > 0.8 * np.abs(y).mean()
    seen = fit_ensemble(x, y, kind, np.arange(len(group)), 1, seed=0, settings=FEW)
    assert np.abs(seen.left_out).mean() < 0.75 * np.abs(found.left_out).mean()


def test_the_seed_decides() -> None:
    x, y, kind = data(100)
    one, two, other = (
        fit_ensemble(x, y, kind, np.arange(100), 2, seed=seed, settings=NetworkSettings(steps=5, width=16)).predict(x, kind)
        for seed in (1, 1, 2)
    )
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_many_points_are_passed_through_as_often_as_few() -> None:
    settings = NetworkSettings(folds=5, steps=10, batch=100, passes=20, most=60)
    assert [settings.steps_for(count) for count in (10, 125, 250, 10_000)] == [10, 20, 40, 60]
