"""Anchors looked up at the target's own speed: equal to the plain look-up at equal speed, exact where the law is, holes left holes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic import ANCHORS, LOAD, SLEW, TARGET, anchors_of, build, library_of, points_of

from eda_plugin.domain import Axis, Library, TableKey
from eda_plugin.models.features import PointTable
from eda_plugin.models.speed import at_own_speed

Floats = NDArray[np.float64]
KEY = TableKey("inv", "Y", "A", "combinational", "negative_unate", "", "cell_rise")


def gate(corner_speed: float, slews: Floats, loads: Floats, *, load_first: bool = False, corner: int = 0) -> Library:
    """One table of a gate that obeys the law: ``corner_speed`` times slower than 1, twenty tables of other strengths."""
    tables = []
    for n in range(20):
        own = corner_speed * (1 + 0.1 * n)
        s, c = slews[:, None], loads[None, :]
        values = own * 1e-11 * (1 + c / 1e-14) * (1 + np.log1p(s / own / 2e-11))
        axes = (Axis(SLEW, slews), Axis(LOAD, loads))
        key = KEY._replace(cell=f"inv_{n:02d}")
        tables.append((key, axes[::-1], values.T) if load_first else (key, axes, values))
    return library_of(tables, ANCHORS[corner])


@pytest.mark.parametrize("odd", [False, True])
def test_at_equal_speed_it_is_the_plain_look_up(odd: bool) -> None:
    coarse = [build(corner, grid=(4, 6), rest=False, odd=odd) for corner in ANCHORS[:2]]
    points, _ = points_of([*coarse, *anchors_of(ANCHORS[2:4], rest=False, odd=odd)], build(TARGET, rest=False, odd=odd))
    for a in range(4):
        values, beyond = points.sources.at(a, np.ones(len(points.rows)))
        np.testing.assert_allclose(values, points.anchors[:, a], rtol=1e-9)
        np.testing.assert_allclose(beyond, points.beyond[:, a], atol=1e-6)  # which is stored in single precision


@pytest.mark.parametrize("load_first", [False, True])
def test_a_gate_that_is_slower_by_a_ratio_is_found_at_that_ratio(load_first: bool) -> None:
    slews, loads = np.geomspace(5e-12, 1e-9, 15), np.geomspace(1e-15, 5e-14, 7)
    anchors = [gate(ratio, slews, loads, load_first=load_first, corner=n) for n, ratio in enumerate((1.0, 0.4, 2.0))]
    slow = gate(3.0, slews * 2, loads, load_first=load_first, corner=4)
    points, truth = points_of(anchors, slow)
    found = at_own_speed(points, np.arange(3), truth)
    np.testing.assert_allclose(found.ratio, np.tile([3.0, 7.5, 1.5], (20, 1)), rtol=5e-3)
    inside = found.beyond == 0
    assert inside.mean() > 0.7
    np.testing.assert_allclose(found.values[inside], np.repeat(truth[:, None], 3, axis=1)[inside], rtol=5e-3)
    plain = np.abs(points.anchors / truth[:, None] - 1)
    assert np.abs(found.values / truth[:, None] - 1).mean() < 0.05 * plain.mean()


def test_only_the_chosen_anchors_tell_and_a_hole_stays_what_was_made_up() -> None:
    slews, loads = np.geomspace(5e-12, 1e-9, 6), np.geomspace(1e-15, 5e-14, 5)
    whole = [gate(ratio, slews, loads, corner=n) for n, ratio in enumerate((1.0, 1.3, 2.0))]
    values = whole[1].values.copy()
    values[: 6 * 5] = np.nan
    anchors = [whole[0], whole[1].with_values(values, whole[1].origin), whole[2]]
    points, truth = points_of(anchors, gate(1.6, slews, loads, corner=4))
    found = at_own_speed(points, np.array([1]), truth)
    hole = points.of_tables(np.flatnonzero(points.rows == 0))
    np.testing.assert_array_equal(found.values[hole, 0], points.anchors[hole, 1])
    assert (found.beyond[hole] > 0).all()
    other = np.setdiff1d(np.arange(len(points)), hole)
    assert np.isfinite(found.values[other]).all()
    again = at_own_speed(_altered(points), np.array([1]), truth)
    np.testing.assert_array_equal(found.values, again.values)


def _altered(points: PointTable) -> PointTable:
    anchors = points.anchors.copy()
    anchors[:, 0] *= 7.0
    return replace(points, anchors=anchors)
