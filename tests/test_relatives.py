"""Kriging among a table's own points and its relatives'."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic import ANCHORS, TARGET, anchors_of, build, points_of

from eda_plugin.models import relatives
from eda_plugin.models.features import PointTable
from eda_plugin.models.relatives import START, Kinship, among_relatives, learn_kinship

Floats = NDArray[np.float64]
Index = NDArray[np.int64]


@pytest.fixture(scope="module")
def points() -> PointTable:
    """Tables of one quantity are related in fours, two and two of them by the same arc."""
    found, _ = points_of(anchors_of(ANCHORS[:4], rest=False), build(TARGET, rest=False))
    kind = found.kind[found.first[:-1]]
    place = np.array([int((kind[:n] == code).sum()) for n, code in enumerate(kind)])
    return replace(found, arc=kind + 10 * (place // 2), kin=kind + 10 * (place // 4))


def columns(points: PointTable) -> Index:
    return np.arange(points.anchors.shape[1])


def kinship(points: PointTable) -> Kinship:
    return Kinship(np.tile([0.4, 0.5, 0.3, 0.2, 1.5, 5.0, 2.0, 3.0, 0.3, 0.6], (int(points.kind.max()) + 1, 1)))


def brute(points: PointTable, a: int, b: int) -> float:
    """The covariance of two points by the formula."""
    own, arc, like, _, s1, l1, s2, l2, near, far = kinship(points).parts[0]
    t, u = points.table[a], points.table[b]
    if points.kin[t] != points.kin[u]:
        return 0.0
    steps = np.abs(points.rank[a] - points.rank[b]) * (points.shape[t, :2] - 1)
    shapes = points.shapes - points.shapes.mean(axis=1, keepdims=True)
    D = float(np.sqrt(((shapes[t] - shapes[u]) ** 2).mean()))
    mine = own * np.exp(-steps[0] / s1 - steps[1] / l1) * (t == u)
    theirs = arc * np.exp(-D / near) * (points.arc[t] == points.arc[u]) + like * np.exp(-D / far)
    return float(mine + theirs * np.exp(-steps[0] / s2 - steps[1] / l2))


def test_it_is_plain_kriging_group_by_group_and_what_is_left_is_what_refits_give(points: PointTable) -> None:
    rng = np.random.default_rng(0)
    known = np.concatenate([points.first[:-1] + 3, points.first[:6] + 11])
    residual, noise = rng.standard_normal(len(known)), rng.uniform(0.5, 2.0, len(known))
    where = rng.permutation(len(points))[:300]
    added, left = among_relatives(points, columns(points), known, residual, noise, where, kinship(points))
    level = np.array([noise[points.kind[known] == code].mean() for code in range(int(points.kind.max()) + 1)])
    certain = 0.2 * noise / level[points.kind[known]] + relatives.FAINT

    def by_hand(at: int, rows: Index) -> float:
        K = np.array([[brute(points, a, b) for b in known[rows]] for a in known[rows]]) + np.diag(certain[rows])
        return float(np.array([brute(points, at, b) for b in known[rows]]) @ np.linalg.solve(K, residual[rows]))

    def of(at: int) -> Index:
        return np.flatnonzero(points.kin[points.table[known]] == points.kin[points.table[at]])

    for n in range(0, 300, 23):
        assert added[n] == pytest.approx(by_hand(where[n], of(where[n])), abs=1e-9)
    for n in range(0, len(known), 9):
        rest = of(known[n])
        assert left[n] == pytest.approx(residual[n] - by_hand(known[n], rest[rest != n]), abs=1e-9)


def test_a_table_without_measured_relatives_gets_nothing(points: PointTable) -> None:
    known = points.first[:1] + 2
    where = np.arange(len(points))
    added, left = among_relatives(points, columns(points), known, np.ones(1), np.ones(1), where, kinship(points))
    related = points.kin[points.table[where]] == points.kin[points.table[known[0]]]
    assert (added[related] > 0).all()
    assert not added[~related].any()
    assert left[0] == 1.0


def test_what_relatives_share_is_learnt_from_the_residuals_and_little_from_few(points: PointTable) -> None:
    rng = np.random.default_rng(1)
    tables = len(points.rows)
    known = np.concatenate([points.first[:-1] + place for place in (2, 9, 17)])
    noise = np.ones(len(known))
    shared = rng.standard_normal(int(points.arc.max()) + 1)[points.arc[points.table[known]]]
    by_arc = learn_kinship(points, columns(points), known, shared + 0.1 * rng.standard_normal(len(known)), noise, 0).parts
    alone = np.tile(rng.standard_normal(tables), 3) + 0.1 * rng.standard_normal(len(known))
    by_table = learn_kinship(points, columns(points), known, alone, noise, 0).parts
    assert (by_arc[:, 1] > 2 * by_table[:, 1]).all()
    assert (by_table[:, 0] > 2 * by_arc[:, 0]).all()
    few = learn_kinship(points, columns(points), known[:2], np.array([1.0, -1.0]), noise[:2], 0).parts
    assert np.abs(np.log(few / START)).max() < np.log(3.0)


def test_a_large_group_is_taken_apart_by_arcs_and_then_by_neighbours(points: PointTable, monkeypatch: pytest.MonkeyPatch) -> None:
    known = np.concatenate([points.first[:-1] + place for place in (2, 9, 17)])
    numbers = {}
    for most in (1000, 7, 4, 2):
        monkeypatch.setattr(relatives, "MOST", most)
        numbers[most] = relatives._groups(points, known)
    assert [len(np.unique(group)) for group in numbers.values()] == [
        len(np.unique(points.kin)),
        len(np.unique(points.arc)),
        len(points.rows),
        len(points.rows),
    ]
