"""How simulations are spread over tables and places."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from eda_plugin.models.spread import LEAST, MOST, places_of, turns_of


def turns(expected: list[float], sizes: list[int], count: int, seed: int = 0) -> list[int]:
    found = turns_of(np.array(expected), np.array(sizes, dtype=np.int64), count, np.random.default_rng(seed))
    return [int(n) for n in found]


@pytest.mark.parametrize("count", [0, 1, 7, 40, 99, 100])
def test_all_are_spent_and_none_beyond_a_table(count: int) -> None:
    sizes = [1, 4, 25, 25, 45]
    found = turns([5.0, 0.0, 1.0, 2.0, 1e-9], sizes, count)
    assert sum(found) == count
    assert all(0 <= n <= size for n, size in zip(found, sizes, strict=True))


def test_tables_get_in_proportion_to_their_error() -> None:
    assert turns([1.0, 2.0, 1.0], [99] * 3, 40) == [10, 20, 10]
    assert turns([1.0, 2.0, 1.0], [99, 12, 99], 40) == [14, 12, 14]  # what a full table can't take goes to the others


def test_an_error_counts_within_bounds() -> None:
    found = turns([100.0, *[1.0] * 98, 0.0], [1000] * 100, 10_000)
    assert found[0] / (sum(found) / 100) == pytest.approx(MOST * 100 / (MOST + 98 * 100 / 198 + LEAST), rel=0.02)
    assert found[-1] > 0


def test_shares_below_one_are_drawn_in_proportion() -> None:
    drawn = np.sum([turns([1.0, 2.0, 3.0, 2.0], [25] * 4, 2, seed) for seed in range(400)], axis=0)
    assert drawn / 400 == pytest.approx([0.25, 0.5, 0.75, 0.5], abs=0.06)


def test_every_table_has_its_first_before_any_has_its_second() -> None:
    tables, places = places_of(np.array([[5, 5]] * 4), np.array([3, 0, 1, 2]), np.random.default_rng(0))
    assert sorted(tables[:3].tolist()) == [0, 2, 3]
    assert sorted(tables[3:5].tolist()) == [0, 3]
    assert tables[5] == 0
    assert len(set(zip(tables.tolist(), places.tolist(), strict=True))) == 6


def test_all_places_of_the_grid_are_asked_equally_often() -> None:
    _, places = places_of(np.array([[5, 5]] * 40), np.array([0, 1] * 20), np.random.default_rng(0))
    assert max(Counter(places.tolist()).values()) == 1
    _, places = places_of(np.array([[5, 5]] * 50), np.full(50, 25), np.random.default_rng(0))
    assert set(Counter(places.tolist()).values()) == {50}
