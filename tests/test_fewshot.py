"""The mean of a corner of which a few points were simulated."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic import ANCHORS, TARGET, anchors_of, build, perturbed, points_of

from eda_plugin.config import NullProgress
from eda_plugin.domain.quantity import TIMING
from eda_plugin.models.features import PointTable, point_features, without_holes
from eda_plugin.models.fewshot import FewShot, Layer, Learnt, fit_few_shot, ridge
from eda_plugin.models.gp import GPSettings
from eda_plugin.models.network import NetworkSettings
from eda_plugin.models.others import TELLING, delays_foretold, delays_taught, latent_coordinates
from eda_plugin.models.pseudo import Cast, learn_from
from eda_plugin.models.residual import correlation
from eda_plugin.models.speed import at_own_speed
from eda_plugin.models.zeroshot import ZeroShot

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
FLOOR = 1e-12


@pytest.fixture(scope="module")
def case() -> tuple[PointTable, Floats, Index]:
    """Points, the truth, and one measured point a table."""
    anchors = [perturbed(library, 0.004, seed) for seed, library in enumerate(anchors_of(ANCHORS[:6], rest=False))]
    points, truth = points_of(anchors, perturbed(build(TARGET, rest=False), 0.01, 99))
    rng = np.random.default_rng(0)
    known = points.first[:-1] + rng.integers(0, np.diff(points.first))
    return points, truth, known


def fit(case: tuple[PointTable, Floats, Index], layer: Layer = "process", networks: NetworkSettings | None = None) -> FewShot:
    points, truth, known = case
    columns, where = np.arange(points.anchors.shape[1]), np.arange(len(points))
    zero = points.anchors.mean(axis=1)
    settings = GPSettings(steps=15)
    return fit_few_shot(
        points, columns, zero, known, truth[known], FLOOR, where=where, seed=0, settings=settings, layer=layer, networks=networks
    )


def test_the_edge_of_a_point_is_its_quantity_s(case: tuple[PointTable, Floats, Index]) -> None:
    points, falls = case[0], [name in ("cell_fall", "fall_transition") for name in TIMING]
    assert points.edge.tolist() == np.array(falls)[points.kind].astype(int).tolist()
    assert set(points.kind.tolist()) == {0, 1, 2, 3}


def test_ridge_leave_one_out_is_what_refits_give() -> None:
    """The strength is chosen once; with it, each point is predicted by a fit that never saw it."""
    rng = np.random.default_rng(1)
    Z, kind, known = rng.random((60, 4)) + 0.5, np.zeros(60, dtype=np.int64), np.arange(40)
    zero = Z.mean(axis=1)
    y = Z[:40] @ np.array([0.4, 0.1, 0.7, -0.2]) + 0.02 * rng.standard_normal(40)
    _, left = ridge(Z, zero, y, kind, known, np.full(40, 0.1))
    weight = 1 / np.maximum(np.abs(y), 0.1)
    X, t = np.column_stack([Z[:40], zero[:40]]) * weight[:, None], (y - zero[:40]) * weight
    top = np.linalg.svd(X, compute_uv=False)[0] ** 2

    def brute(strength: float) -> Floats:
        out = np.empty(40)
        for n in range(40):
            rest = np.delete(np.arange(40), n)
            w = np.linalg.solve(X[rest].T @ X[rest] + strength * top * np.eye(5), X[rest].T @ t[rest])
            out[n] = (t[n] - X[n] @ w) / weight[n]
        return out

    errors = [float(np.abs(left - brute(10.0**power)).max()) for power in range(-7, 2)]
    assert min(errors) < 1e-6


def test_ridge_finds_the_mixture_and_keeps_to_the_prior_of_quantities_that_nobody_measured() -> None:
    rng = np.random.default_rng(2)
    Z, kind = rng.random((100, 3)) + 0.5, np.repeat([0, 1], 50)
    truth, zero = Z @ np.array([0.2, 0.3, 0.5]), Z[:, 0]
    out, left = ridge(Z, zero, truth[:40], kind, np.arange(40), np.full(40, 0.1))
    np.testing.assert_allclose(out[:50], truth[:50], rtol=1e-3)
    assert np.abs(left).max() < 1e-2
    np.testing.assert_array_equal(out[50:], zero[50:])


def test_correlation_falls_with_distance_and_is_a_covariance(case: tuple[PointTable, Floats, Index]) -> None:
    points = case[0]
    grid = points.of_tables(np.array([3]))
    K = correlation(points, grid, grid)
    np.testing.assert_allclose(np.diag(K), 1.0)
    assert np.linalg.eigvalsh(K).min() > 0
    assert K[0, 1] > K[0, 2] > K[0, 3]  # along the load
    assert K[0, 1] > K[0, 5]  # the next load is nearer than the next slew


@pytest.mark.parametrize("layer", get_args(Layer))
def test_each_layer_improves_on_no_simulations_and_knows_its_error(case: tuple[PointTable, Floats, Index], layer: Layer) -> None:
    points, truth, known = case
    found = fit(case, layer)
    rest = np.setdiff1d(np.arange(len(points)), known)

    def error(values: Floats) -> float:
        return float(np.abs(values[rest] / truth[rest] - 1).mean())

    assert error(found.mean) < 0.2 * error(points.anchors.mean(axis=1))
    told = float(np.abs(found.left_out / truth[known]).mean())
    assert 0.5 < told / error(found.mean) < 2.0
    assert np.array_equal(found.mean, fit(case, layer).mean)


def test_the_tables_own_points_help(case: tuple[PointTable, Floats, Index]) -> None:
    points, truth, known = case
    found, plain = fit(case), fit(case, "none")
    rest = np.setdiff1d(np.arange(len(points)), known)
    own, none, ridge_alone = (
        float(np.abs(mean[rest] / truth[rest] - 1).mean()) for mean in (found.mean, found.mean - found.own, plain.mean)
    )
    assert own < none
    assert own < 0.9 * ridge_alone


def test_networks_are_blended_in_by_their_left_out_error(case: tuple[PointTable, Floats, Index]) -> None:
    points, truth, known = case
    settings = NetworkSettings(folds=3, width=24, steps=150, batch=64)
    alone, blended = fit(case), fit(case, networks=settings)
    assert blended.blend in (0.0, 0.15, 0.3, 0.5)
    assert alone.blend == 0.0
    rest = np.setdiff1d(np.arange(len(points)), known)
    errors = [float(np.abs(one.mean[rest] / truth[rest] - 1).mean()) for one in (blended, alone)]
    assert errors[0] < 1.15 * errors[1]
    assert np.array_equal(blended.mean, fit(case, networks=settings).mean)


def test_an_anchor_teaches_what_few_simulations_cannot(case: tuple[PointTable, Floats, Index]) -> None:
    """Hyper-parameters of the process from an anchor that plays the target: of one feature less, and close to what all values say."""
    points, truth, known = case
    few = known[:: max(len(known) // 45, 1)]
    gp, columns, where = GPSettings(steps=60), np.arange(points.anchors.shape[1]), np.arange(len(points))
    cast = Cast(points, tuple(ANCHORS[:6]), few, FLOOR, points.of_tables(np.array([0])), 0, gp, "process", None, "cpu")
    taught = learn_from(cast, 2, points.anchors[:, 0], NullProgress()).fit.learnt
    assert taught is not None

    def one(start: Learnt | None, **more: object) -> FewShot:
        zero = points.anchors.mean(axis=1)
        return fit_few_shot(points, columns, zero, few, truth[few], FLOOR, where=where, seed=0, settings=gp, start=start, **more)  # type: ignore[arg-type]

    mine, known_all = one(taught), one(None, taught=(where, truth))
    assert known_all.learnt is not None
    assert mine.learnt is taught
    assert known_all.learnt.process.groups != taught.process.groups
    rest = np.setdiff1d(where, few)
    by_heart = one(None)

    def honest(fit: FewShot) -> float:
        """Left-out residuals over the errors that there are."""
        errors = np.abs(fit.mean[rest] / truth[rest] - 1).mean()
        return float(np.abs(fit.left_out / truth[few]).mean() / errors)

    assert honest(by_heart) < 0.8 < honest(mine) < 2.5
    assert learn_from(replace(cast, known=few[:10]), 2, points.anchors[:, 0], NullProgress()).fit.learnt is None


def test_few_points_leave_the_ridge_alone(case: tuple[PointTable, Floats, Index]) -> None:
    points, truth, known = case
    found = fit((points, truth, known[:20]))
    assert found.learnt is None
    np.testing.assert_array_equal(found.mean, found.base)


def test_features_are_finite_standard_and_of_the_chosen_anchors(case: tuple[PointTable, Floats, Index]) -> None:
    points = case[0]
    columns = np.array([0, 2, 3])
    base = points.anchors.mean(axis=1)
    X, groups = point_features(points, columns, base, at_own_speed(points, columns, base))
    assert sum(groups) == X.shape[1]
    assert np.isfinite(X).all()
    assert np.abs(X).max() <= 6.0
    assert np.abs(X.mean(axis=0)).max() < 0.1
    other = points.anchors.copy()
    other[:, 1] *= 7.0  # an anchor that is left out must not tell
    again = replace(points, anchors=other)
    np.testing.assert_array_equal(point_features(again, columns, base, at_own_speed(again, columns, base))[0], X)


def test_a_hole_is_the_anchors_usual_ratio_times_the_others() -> None:
    rng = np.random.default_rng(0)
    size = rng.random(50) + 0.1
    whole = size[:, None] * np.array([1.0, 0.5, 2.0])
    holed = whole.copy()
    holed[3, 1] = holed[4, 2] = np.nan
    filled = without_holes(holed)
    np.testing.assert_array_equal(filled[~np.isnan(holed)], whole[~np.isnan(holed)])
    assert filled[3, 1] == pytest.approx(whole[3, 1], rel=0.35)
    assert filled[4, 2] == pytest.approx(whole[4, 2], rel=0.9)
    assert np.isfinite(without_holes(np.array([[np.nan, 0.0], [np.nan, 1.0]]))).all()


def test_measured_delays_say_where_the_target_lies(case: tuple[PointTable, Floats, Index]) -> None:
    points, _, known = case
    anchors = points.anchors[known]
    latent = latent_coordinates(points, known, anchors[:, 2])
    np.testing.assert_allclose(latent[-1], latent[2], atol=1e-9)


def test_quantities_of_some_cells_are_told_by_their_own_filled_delays_and_by_all_simulated(case: tuple[PointTable, Floats, Index]) -> None:
    points, truth, known = case
    cell = np.array(["flop" if n % 3 == 0 else "gate" for n in range(len(points.rows))])
    taught = delays_taught(points, known, truth[known], 2.0 * truth, cell)
    simulated, own = taught.of({"flop", "not timed"})
    np.testing.assert_allclose(simulated.shown[:, -1] * points.scale[known], truth[known])
    np.testing.assert_allclose(simulated.anchors * points.scale[known, None], points.anchors[known])
    of_flop = np.flatnonzero(cell[points.table] == "flop")
    filled = np.where(np.isin(of_flop, known), 1.0, 2.0) * truth[of_flop]  # what was simulated stands as it is
    np.testing.assert_allclose(own.shown[:, -1] * points.scale[of_flop], filled)
    assert [len(part.anchors) for part in taught.of({"flop", "gate"})] == [len(known)]
    assert [len(part.anchors) for part in taught.of({"not timed"})] == [len(known)]


def test_without_simulations_delays_tell_as_predicted_the_anchors_too(case: tuple[PointTable, Floats, Index]) -> None:
    points, truth, _ = case
    A = points.anchors.shape[1]
    held, ones = 1.1 * points.anchors, np.ones(A)
    zero = ZeroShot(truth, points.scale, 0.1, held, np.zeros_like(held), ones, ones, {}, {})
    (told,) = delays_foretold(points, zero, np.full(len(points.rows), "gate")).of({"gate"})
    assert len(told.anchors) == min(len(points), TELLING)
    np.testing.assert_allclose(told.shown[:, :-1], 1.1 * told.anchors)
