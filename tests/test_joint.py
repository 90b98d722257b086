"""Samples of whole tables: exact coverage for draws of the truth's own kind, and the score that tells a good law from a bad one."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic import TARGET, build

from eda_plugin.domain import Library
from eda_plugin.domain.quantity import TIMING
from eda_plugin.errors import UserError
from eda_plugin.qa.joint import SAMPLES, joint_scores

MEAN = build(TARGET, cells=60, rest=False)


def draws(count: int, spread: float, seed: int, bend: float = 1.0) -> list[Library]:
    """Each table times its own level (``spread``) and slope along the load (``bend`` times ``spread``)."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        values = MEAN.values.reshape(len(MEAN), 5, 5)
        level, slope = spread * rng.standard_normal((2, len(MEAN), 1, 1))
        moved = values * (1 + level + bend * slope * np.linspace(-1, 1, 5))
        found.append(MEAN.with_values(moved.ravel(), MEAN.origin))
    return found


def sampled(spread: float, seed: int, bend: float = 1.0) -> dict[object, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    libraries = draws(SAMPLES, spread, seed, bend)
    return {key: np.stack([library[key].values for library in libraries]) for key in MEAN.keys if key.quantity in TIMING}


def test_draws_of_the_truths_own_kind_cover_nine_of_ten() -> None:
    (truth,) = draws(1, 0.03, 99)
    found = joint_scores(sampled(0.03, 1), MEAN, truth)  # type: ignore[arg-type]
    assert {name: figures["count"] for name, figures in found.items()} == {"largest": 480, "slope": 480, "rise_fall": 120, "path": 400}
    for name, figures in found.items():
        assert 82 < figures["coverage_pct"] < 96, name
    narrow = joint_scores(sampled(0.01, 1), MEAN, truth)  # type: ignore[arg-type]
    wide = joint_scores(sampled(0.12, 1), MEAN, truth)  # type: ignore[arg-type]
    for name, figures in found.items():
        assert narrow[name]["coverage_pct"] < 75
        assert figures["crps_pct"] < min(narrow[name]["crps_pct"], wide[name]["crps_pct"]), name


def test_only_the_slope_tells_a_law_without_slopes() -> None:
    (truth,) = draws(1, 0.03, 99)
    found = joint_scores(sampled(0.03, 1, bend=0.0), MEAN, truth)  # type: ignore[arg-type]
    right = joint_scores(sampled(0.03, 1), MEAN, truth)  # type: ignore[arg-type]
    assert found["slope"]["crps_pct"] > right["slope"]["crps_pct"]


def test_tables_without_spread_and_wrong_counts() -> None:
    (truth,) = draws(1, 0.03, 99)
    key = next(key for key in MEAN.keys if key.quantity == "cell_rise")
    assert joint_scores({key: np.repeat(MEAN[key].values[None], SAMPLES, 0)}, MEAN, truth) == {}
    with pytest.raises(UserError, match=f"5 draws of .*; expected {SAMPLES}"):
        joint_scores({key: np.random.default_rng(0).random((5, 5, 5))}, MEAN, truth)
