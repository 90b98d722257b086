"""Joint errors of whole tables."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic import ANCHORS, TARGET, anchors_of, build, points_of

from eda_plugin.config import NullProgress
from eda_plugin.models.diffusion import DiffusionSettings, train_denoiser
from eda_plugin.models.features import PointTable
from eda_plugin.models.residual import ResidualModel, TableSet, conditions, correlation, fit_residual_model, table_set

Floats = NDArray[np.float64]
SHAPE = (5, 5, 1)
FEW = DiffusionSettings(steps=60, batch=64, levels=5)


@pytest.fixture(scope="module")
def points() -> PointTable:
    return points_of(anchors_of(ANCHORS[:4], rest=False), build(TARGET, rest=False))[0]


def sets(points: PointTable, repeats: int, seed: int = 0, sizes: float = 0.0) -> list[TableSet]:
    """Tables whose errors are a common offset, heavy tailed, and a little noise; of log sizes with a deviation of ``sizes``."""
    rng = np.random.default_rng(seed)
    T = len(points.rows)
    tables = np.arange(T)
    found = []
    for _ in range(repeats):
        error = np.repeat(rng.standard_t(4, T), 25) + 0.3 * rng.standard_normal(25 * T)
        error *= np.repeat(np.exp(sizes * rng.standard_normal(T)), 25)
        found.append(table_set(points, tables, SHAPE, error, np.ones(25 * T), tables[:0], np.zeros(0)))
    return found


def fit(points: PointTable, parts: list[TableSet], diffusion: bool) -> ResidualModel:
    return fit_residual_model(points, SHAPE, parts, seed=0, diffusion=diffusion, settings=FEW, stage=NullProgress(), device="cpu")


def covariance(samples: Floats) -> Floats:
    flat = samples.reshape(-1, samples.shape[-1])
    return np.asarray(flat.T @ flat / len(flat), dtype=np.float64)


def test_few_tables_are_drawn_by_distance_in_the_grid(points: PointTable) -> None:
    model = fit(points, [], diffusion=True)
    assert model.network is None
    grid = points.of_tables(np.array([0]))
    drawn = model.draw(np.zeros((50, 1)), np.zeros(50, dtype=np.int64), 200, 0)
    assert drawn.shape == (200, 50, 25)
    np.testing.assert_allclose(covariance(drawn), correlation(points, grid, grid), atol=0.06)


def test_many_tables_teach_their_covariance(points: PointTable) -> None:
    parts = sets(points, 8)
    model = fit(points, parts, diffusion=False)
    drawn = covariance(model.draw(parts[0].condition[:50], parts[0].kind[:50], 200, 0))
    assert drawn[0, -1] / drawn[0, 0] > 0.6  # the corners of the grid go together, whatever their distance
    assert model.judged is None


def test_the_network_competes_with_the_gaussian_on_held_out_tables(points: PointTable) -> None:
    model = fit(points, sets(points, 8), diffusion=True)
    assert model.judged is not None
    assert model.judged.tables > 50
    scores = {name: getattr(model.judged, name) for name in ("gaussian", "sized", "diffusion")}
    missed = {
        name: max(abs(s["coverage_largest_pct"] - 90) - 5, 0) + max(abs(s["coverage_mean_pct"] - 90) - 5, 0) for name, s in scores.items()
    }
    sound = {name: s["crps_largest"] + s["crps_mean"] for name, s in scores.items() if missed[name] == min(missed.values())}
    assert sound[model.judged.used] == min(sound.values())
    assert (model.judged.used == "diffusion") == (model.network is not None)
    assert (model.judged.used == "gaussian") == (model.sizes is None)
    for score in scores.values():
        assert 50 < score["coverage_mean_pct"] <= 100


def test_the_largest_error_is_held_where_sizes_are_drawn(points: PointTable) -> None:
    model = fit(points, sets(points, 8, sizes=1.0), diffusion=True)
    assert model.judged is not None
    one, drawn = (getattr(model.judged, name)["coverage_largest_pct"] for name in ("gaussian", "sized"))
    assert one < 82
    assert 84 < drawn < 96


def test_draws_of_a_network_are_around_the_filled_value(points: PointTable) -> None:
    """Errors that are all of one sign in the rehearsals: what the network learnt of the direction doesn't move the mean."""
    part = sets(points, 1)[0]
    rng = np.random.default_rng(0)
    one_sided = np.abs(rng.standard_normal((400, 25)))
    network = train_denoiser(one_sided, np.zeros((400, part.condition.shape[1])), seed=0, settings=FEW, stage=NullProgress())
    model = ResidualModel(SHAPE, dict.fromkeys(range(4), np.eye(25)), None, network, FEW, None)
    drawn = model.draw(np.zeros((1, part.condition.shape[1])), part.kind[:1], 2000, 0)[:, 0]
    assert (np.abs(drawn.mean(axis=1)) > 0.3).mean() > 0.5  # a table's errors go together, up or down
    assert np.abs(drawn.mean(axis=0)).max() < 0.1


def test_a_trained_network_draws_by_its_condition_and_seed(points: PointTable) -> None:
    part = sets(points, 8)
    model = fit(points, part, diffusion=True)
    c, kind = part[0].condition[:6], part[0].kind[:6]
    one, two, other = (model.draw(c, kind, 3, seed) for seed in (1, 1, 2))
    assert one.shape == (3, 6, 25)
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_unknown_errors_are_filled_by_their_neighbours(points: PointTable) -> None:
    T = len(points.rows)
    tables = np.arange(T)
    error = np.repeat(np.arange(float(T)) / T, 25)
    holed = error.copy()
    holed[7::25] = np.nan
    found = table_set(points, tables, SHAPE, holed, np.full(25 * T, 0.5), tables[:0], np.zeros(0))
    np.testing.assert_allclose(found.vector, error.reshape(T, 25) / 0.5, atol=1e-9)
    holed[:20] = np.nan  # most of the first table
    assert 0 not in table_set(points, tables, SHAPE, holed, np.full(25 * T, 0.5), tables[:0], np.zeros(0)).table
    assert not len(table_set(points, tables, (7, 7, 1), error, np.ones(25 * T), tables[:0], np.zeros(0)).table)


def test_the_condition_tells_what_the_measured_point_showed(points: PointTable) -> None:
    tables = np.array([2, 3])
    known = points.first[[2]] + 7
    found = conditions(points, tables, np.ones((2, 25)), known, np.array([3.0]))
    assert np.isfinite(found).all()
    own, place, seen = found[:, -4], found[:, -3:-1], found[:, -1]
    assert own.tolist() == [1.5, 0.0]
    assert seen.tolist() == [1.0, 0.0]
    assert place.tolist() == [[0.25, 0.5], [0.5, 0.5]]
