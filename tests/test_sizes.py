"""Sizes of tables' errors."""

from __future__ import annotations

import numpy as np
import pytest

from eda_plugin.models.sizes import fit_sizes, log_size, of_size_one


def test_sizes_follow_their_law_and_keep_what_it_leaves_over() -> None:
    rng = np.random.default_rng(0)
    features = rng.standard_normal((3000, 3))
    sizes = fit_sizes(features, -1.0 + features @ np.array([0.5, 0.0, -0.2]) + 0.4 * rng.standard_normal(3000), np.arange(3000) % 2)
    new = rng.standard_normal((200, 3))
    drawn = np.log(sizes.draw(new, 400, seed=1))[..., 0]
    assert drawn.shape == (400, 200)
    np.testing.assert_allclose(drawn.mean(axis=0), -1.0 + new @ np.array([0.5, 0.0, -0.2]), atol=0.12)
    assert drawn.std(axis=0).mean() == pytest.approx(0.4, rel=0.1)
    assert np.array_equal(drawn, np.log(sizes.draw(new, 400, seed=1))[..., 0])


def test_what_is_left_over_is_not_what_a_table_of_its_own_was_fitted_with() -> None:
    rng = np.random.default_rng(0)
    features, noise = rng.standard_normal((30, 20)), rng.standard_normal(30)
    left = fit_sizes(features, noise, np.zeros(30, dtype=np.int64)).left
    assert left.std() > 0.9 * noise.std()  # 20 features follow 30 numbers of pure noise: residuals alone would be far smaller


def test_by_how_much_corners_differ_is_left_over_too() -> None:
    rng = np.random.default_rng(0)
    features, rehearsal = rng.standard_normal((900, 3)), np.repeat([0, 1, 2], 300)
    sizes = 0.3 * rng.standard_normal(900) + np.array([-0.5, 0.0, 0.5])[rehearsal]
    left = fit_sizes(features, sizes, rehearsal).left
    assert left.std() == pytest.approx(np.hypot(0.3, np.std([-0.75, 0.0, 0.75])), rel=0.1)  # each against the mean of the other two


def test_a_vector_of_nothing_stays_nothing() -> None:
    vectors = np.array([[3.0, -3.0], [0.0, 0.0]])
    assert of_size_one(vectors).tolist() == [[1.0, -1.0], [0.0, 0.0]]
    assert log_size(vectors)[0] == pytest.approx(np.log(3.0))
