"""Error scales and conformal factors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic import ANCHORS, TARGET, anchors_of, build, perturbed, points_of

from eda_plugin.models.features import PointTable
from eda_plugin.models.fewshot import fit_few_shot
from eda_plugin.models.gp import GPSettings
from eda_plugin.models.intervals import Factors, conformal, error_features, fit_scale
from eda_plugin.models.pseudo import Cast, Rehearsal, choose_stand_ins, rehearse
from eda_plugin.models.timing import mended, scales


def cast(points: PointTable, known: NDArray[np.int64], where: NDArray[np.int64]) -> Cast:
    return Cast(points, tuple(ANCHORS), known, 1e-12, where, 0, GPSettings(), "none", None, "cpu")


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_exchangeable_scores_are_covered_in_every_group(coverage: float) -> None:
    rng = np.random.default_rng(0)
    scale = np.exp(rng.normal(size=12_000))
    kind = rng.integers(0, 3, len(scale))
    error = scale * rng.standard_t(4, len(scale)) * np.array([1.0, 2.0, 0.5])[kind]
    own, new = slice(0, 6_000), slice(6_000, None)
    factors = conformal(error[own], scale[own], kind[own], 3, coverage)
    held = np.abs(error[new]) <= factors.of(kind[new], scale[new]) * scale[new]
    assert held.mean() == pytest.approx(coverage, abs=0.02)
    for code in range(3):
        assert held[kind[new] == code].mean() == pytest.approx(coverage, abs=0.035)


def test_the_guarantee_holds_on_average_over_small_calibrations() -> None:
    rng = np.random.default_rng(1)
    held = []
    for _ in range(300):
        score = rng.exponential(size=80)
        factors = conformal(score[:79], np.ones(79), np.zeros(79, dtype=np.int64), 1, 0.9)
        held.append(score[79] <= factors.value[0, 0])
    assert 0.86 <= np.mean(held) <= 0.96


def test_a_group_of_few_takes_the_factor_of_all() -> None:
    rng = np.random.default_rng(2)
    kind = np.array([0] * 100 + [1] * 5)
    factors = conformal(rng.standard_normal(105), np.ones(105), kind, 3, 0.9)
    assert factors.value[1] == factors.value[2]
    assert np.isfinite(factors.value).all()


def test_factors_are_looked_up_by_kind_and_class() -> None:
    factors = Factors(np.array([1.0, 2.0]), np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    found = factors.of(np.array([0, 0, 1, 1]), np.array([0.5, 1.5, 1.5, 9.0]))
    assert found.tolist() == [1.0, 2.0, 5.0, 6.0]


def test_the_scale_follows_the_errors() -> None:
    rng = np.random.default_rng(3)
    features = rng.random((4_000, 2))
    error = np.where(features[:, 0] > 0.5, 0.1, 0.001) * rng.standard_normal(4_000)
    scale = fit_scale(features, error, 0).predict(np.array([[0.25, 0.5], [0.75, 0.5]]))
    assert scale[1] > 30 * scale[0]
    assert np.array_equal(scale, fit_scale(features, error, 0).predict(np.array([[0.25, 0.5], [0.75, 0.5]])))


def test_what_is_known_of_a_measured_point_leaves_out_its_own_answer() -> None:
    points, truth = points_of(anchors_of(ANCHORS[:5], rest=False, cells=4), perturbed(build(TARGET, rest=False, cells=4), 0.01, 9))
    known = points.first[:-1] + 3
    columns, where = np.arange(5), np.arange(len(points))
    fit = fit_few_shot(
        points, columns, points.anchors[:, 0], known, truth[known], 1e-12, where=where, seed=0, settings=GPSettings(), layer="none"
    )
    inside, outside = error_features(points, columns, fit, at_known=True), error_features(points, columns, fit)
    assert inside.shape == (len(known), 13)
    assert outside.shape == (len(points), 13)
    assert np.isnan(inside[:, [1, 10, 11, 12]]).all()
    assert (inside[:, 9] == 0).all()
    assert np.isfinite(outside).all()


def test_of_several_measured_points_of_a_table_the_nearest_and_their_mean_error_tell() -> None:
    points, truth = points_of(anchors_of(ANCHORS[:5], rest=False, cells=4), perturbed(build(TARGET, rest=False, cells=4), 0.01, 9))
    first, alone = int(points.first[0]), int(points.first[1]) + 3
    corner, other = first, first + int(np.prod(points.shape[0])) - 1  # of the first table: its opposite ends
    known, columns, where = np.array([alone, corner, other]), np.arange(5), np.arange(len(points))
    fit = fit_few_shot(
        points, columns, points.anchors[:, 0], known, truth[known], 1e-12, where=where, seed=0, settings=GPSettings(), layer="none"
    )
    size = np.abs(fit.left_out / fit.unit[known])
    found, at_known = error_features(points, columns, fit)[:, 9:], error_features(points, columns, fit, at_known=True)[:, 9:]
    beside = first + 1  # nearer to the corner than to the other end
    steps = np.abs(points.rank[beside] - points.rank[corner])
    np.testing.assert_allclose(found[beside], [2, np.log(size[1:].mean()), *steps])
    np.testing.assert_allclose(found[alone + 1, :2], [1, np.log(size[0])])
    far = np.abs(points.rank[corner] - points.rank[other])
    np.testing.assert_allclose(at_known, [[0, np.nan, np.nan, np.nan], [1, np.log(size[2]), *far], [1, np.log(size[1]), *far]])
    assert (found[points.first[2] :, 0] == 0).all()
    assert np.isnan(found[points.first[2] :, 1:]).all()


def test_a_stand_in_is_like_the_target_and_is_judged_where_its_truth_is_known() -> None:
    chosen = choose_stand_ins(ANCHORS, TARGET, np.zeros(len(ANCHORS)), 3)
    assert {ANCHORS[a].process for a in chosen} == {"ss"}
    assert choose_stand_ins(ANCHORS, TARGET, np.eye(len(ANCHORS))[chosen[0]], 1) != chosen[:1]  # its axes end too early
    points, _ = points_of(anchors_of(ANCHORS[:5], rest=False, cells=4), build(TARGET, rest=False, cells=4))
    known = points.first[:-1] + 3
    found = rehearse(cast(points, known, points.of_tables(np.array([0, 5]))), 4, points.anchors[:, 0])
    assert found.columns.tolist() == [0, 1, 2, 3]
    assert np.isnan(found.error).sum() == 2  # what was given
    share = (points.anchors[found.fit.where, 4] - found.fit.mean) / found.fit.unit[found.fit.where]
    np.testing.assert_array_equal(found.error[np.isfinite(found.error)], share[np.isfinite(found.error)])


def test_a_rehearsal_is_judged_by_a_scale_that_never_saw_its_errors() -> None:
    points, truth = points_of(anchors_of(ANCHORS[:5], rest=False, cells=4), perturbed(build(TARGET, rest=False, cells=4), 0.01, 9))
    known, tables = points.first[:-1] + 3, np.arange(len(points.rows))

    def fitted(number: int) -> Rehearsal:
        return rehearse(cast(points, known, points.of_tables(tables)), number, points.anchors[:, 0])

    where = np.arange(len(points))
    fit = fit_few_shot(
        points, np.arange(5), points.anchors[:, 0], known, truth[known], 1e-12,
        where=where, seed=0, settings=GPSettings(), layer="none",
    )  # fmt: skip
    one = [fitted(number) for number in (2, 3, 4)]
    worse = [*one[:2], replace(one[2], error=50 * one[2].error)]
    (scale, _, rehearsed), (wider, _, again) = (scales(points, fit, found, 0) for found in (one, worse))
    assert wider.mean() > 1.5 * scale.mean()
    np.testing.assert_array_equal(rehearsed[2][1], again[2][1])
    assert again[0][1].mean() > 1.5 * rehearsed[0][1].mean()


def test_intervals_are_wider_by_what_those_of_like_rehearsals_lacked() -> None:
    points, _ = points_of(anchors_of(ANCHORS[:5], rest=False, cells=4), build(TARGET, rest=False, cells=4))
    known, tables = points.first[:-1] + 3, np.arange(len(points.rows))
    found = rehearse(cast(points, known, points.of_tables(tables)), 4, points.anchors[:, 0])
    rng, unit = np.random.default_rng(0), found.fit.unit[known]
    left = rng.standard_normal(len(known))
    fit = replace(found.fit, left_out=left * unit)
    rehearsals = [replace(found, fit=fit, error=size * rng.standard_normal(len(found.error))) for size in (1.0, 1.5)]
    both = [(r, np.ones(len(r.error)), np.ones(len(known))) for r in rehearsals]
    near, far, even = (mended(points, both, np.array(widen), 0.9)[0] for widen in ([1.0, 20.0], [0.05, 1.0], [1.0, 1.0]))
    assert 1.0 < near < 2.0
    assert 2 * far - 1 == pytest.approx(1.5 * (2 * near - 1), rel=0.1)  # the mean with one that lacked nothing
    assert even == pytest.approx((2 * near + 2 * far - 1) / 3, rel=1e-3)
    assert (
        mended(points, [(replace(found, fit=fit, error=0.1 * both[0][0].error), *both[0][1:])], np.ones(1), 0.9).max() == 1.0
    )  # never narrower
    assert mended(points, [], np.ones(0), 0.9).tolist() == [1.0, 1.0, 1.0]


def test_tables_with_several_simulations_are_mended_by_their_like() -> None:
    truth = build(TARGET)
    points, _ = points_of(anchors_of(), truth)
    several = np.arange(0, len(points.rows), 3)
    known = np.unique(np.concatenate([points.first[:-1], points.first[several] + 7]))
    found = rehearse(cast(points, known, np.arange(len(points))), 4, points.anchors[:, 0])
    unit = found.fit.unit[found.fit.known]
    fit = replace(found.fit, left_out=np.random.default_rng(2).standard_normal(len(known)) * unit)
    hard = np.isin(points.table, several)
    error = np.where(hard, 3.0, 1.0) * np.random.default_rng(3).standard_normal(len(points))
    error[known] = np.nan
    factor = mended(points, [(replace(found, fit=fit, error=error), np.ones(len(points)), np.ones(len(known)))], np.ones(1), 0.9)
    assert factor[1] < 1.2 < factor[0] < 1.6 < factor[2]  # of tables without simulations nothing is known here: as of all


def test_what_nobody_knows_of_any_point_is_left_out_of_the_scale() -> None:
    rng = np.random.default_rng(4)
    features = rng.random((500, 3))
    features[:, 1] = np.nan
    scale = fit_scale(features, 0.01 * rng.standard_normal(500), 0).predict(np.array([[0.5, np.nan, 0.5], [0.5, 0.7, 0.5]]))
    assert np.isfinite(scale).all()
