"""Leakage states that settle on a higher branch at some corners are put back on the lower one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from eda_plugin.models.branches import lower_branch

Floats = NDArray[np.float64]


def currents(rows: int = 600, corners: int = 9, seed: int = 2) -> Floats:
    """(rows, corners) leakage that follows one law: a level and two slopes a state, over voltage and temperature."""
    rng = np.random.default_rng(seed)
    volts = rng.uniform(0.6, 1.0, corners)
    hot = rng.uniform(0.0, 1.0, corners)
    level = rng.normal(-25.0, 1.0, (rows, 1))
    slopes = np.array([3.0, 8.0]) + rng.normal(0.0, 0.4, (rows, 2))
    return np.asarray(np.exp(level + slopes @ np.stack([volts, hot]) + rng.normal(0.0, 0.01, (rows, corners))))


def test_entries_on_a_higher_branch_come_back_to_the_law() -> None:
    truth = currents()
    rng = np.random.default_rng(3)
    jumped = rng.random(truth.shape) < np.where(np.arange(len(truth)) < 40, 0.35, 0.0)[:, None]  # a few per cent of the states
    seen = np.where(jumped, truth * 10 ** rng.uniform(1.0, 3.0, truth.shape), truth)
    found, kept = lower_branch(seen)
    whole = jumped.sum(axis=1) < truth.shape[1]
    assert (~kept[whole] == jumped[whole]).mean() > 0.995
    assert np.median(np.abs(np.log(found / truth))[jumped & whole[:, None]]) < 0.3
    np.testing.assert_array_equal(found[kept], seen[kept])


def test_a_state_with_one_low_entry_is_low_throughout() -> None:
    truth = currents()
    seen = truth.copy()
    seen[0, 1:] *= 300.0
    found, kept = lower_branch(seen)
    assert kept[0].tolist() == [True] + [False] * (truth.shape[1] - 1)
    assert np.abs(np.log(found[0] / truth[0])).max() < 1.5


def test_a_law_that_all_states_follow_is_left_alone() -> None:
    values = currents()
    found, kept = lower_branch(values)
    assert kept.all()
    assert found is values or np.array_equal(found, values)


def test_low_entries_are_never_raised() -> None:
    values = currents()
    values[5, 3] /= 200.0
    found, _ = lower_branch(values)
    assert found[5, 3] == values[5, 3]


@pytest.mark.parametrize("values", [currents(rows=20), np.zeros((500, 4)), currents(corners=2)], ids=["few rows", "zeros", "two corners"])
def test_without_a_law_all_stays(values: Floats) -> None:
    found, kept = lower_branch(values)
    assert found is values
    assert kept.all()


def test_the_order_of_rows_does_not_matter() -> None:
    values = currents()
    values[:30, 2] *= 100.0
    order = np.random.default_rng(0).permutation(len(values))
    straight, shuffled = lower_branch(values)[0], lower_branch(values[order])[0]
    np.testing.assert_allclose(shuffled, straight[order], rtol=1e-9)
