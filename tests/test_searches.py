"""Constraints that a search did not find."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from eda_plugin.models.searches import within_reach

Floats = NDArray[np.float64]
TABLES = np.arange(200) // 10


def constraints(rows: int = 200, corners: int = 15) -> Floats:
    """Setup and hold times (s) that grow with how slow a corner is, of both signs."""
    rng = np.random.default_rng(0)
    slow = np.geomspace(0.5, 6.0, corners)
    return 1e-10 * (rng.standard_normal((rows, 1)) + rng.random((rows, 1)) * slow)


def test_what_moves_with_the_corners_is_left_alone() -> None:
    values = constraints()
    np.testing.assert_array_equal(within_reach(values, TABLES), values)


@pytest.mark.parametrize("wrong", [-87e-9, 24e-9])
def test_a_value_far_out_is_brought_in_and_nothing_else(wrong: float) -> None:
    values = constraints()
    values[3, 7] = wrong
    found = within_reach(values, TABLES)
    assert abs(found[3, 7]) < 0.1 * abs(wrong)
    assert np.sign(found[3, 7]) == np.sign(wrong)
    found[3, 7] = wrong
    np.testing.assert_array_equal(found, values)


def test_where_most_corners_failed_the_other_rows_tell_what_is_far_out() -> None:
    values = constraints()
    good = values[:10].copy()
    values[8:10, 3:12] += 1e-8 * np.resize([1, -1], 9)  # the table's last two points, a line away from what was found
    found = within_reach(values, TABLES)
    np.testing.assert_array_equal(found[:8], values[:8])
    assert np.abs(found[8:10]).max() < 5 * np.abs(good).max() < np.abs(values[8:10]).max()


def test_a_slow_corner_is_not_far_out() -> None:
    values = constraints()
    values[:, 3] *= 40.0
    np.testing.assert_array_equal(within_reach(values, TABLES), values)


def test_the_order_of_corners_and_rows_does_not_matter() -> None:
    values = constraints()
    values[5, 2] = 1e-7
    rng = np.random.default_rng(1)
    rows, corners = rng.permutation(len(values)), rng.permutation(values.shape[1])
    np.testing.assert_array_equal(within_reach(values[rows][:, corners], TABLES[rows]), within_reach(values, TABLES)[rows][:, corners])


def test_zero_at_most_corners_is_no_reason_to_call_the_rest_zero() -> None:
    values = constraints()
    values[4] = 0.0
    values[4, 0] = 1e-11
    assert within_reach(values, TABLES)[4, 0] > 0


@pytest.mark.parametrize("values", [constraints(corners=7), constraints(rows=0)], ids=["few corners", "no rows"])
def test_where_nothing_says_what_is_far_out_all_stays(values: Floats) -> None:
    if len(values):
        values[0, 0] = 1e-6
    assert within_reach(values, TABLES[: len(values)]) is values
