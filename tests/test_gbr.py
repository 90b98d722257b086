"""Delay predictors: surfaces, trees, queries, and the file that holds them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from eda_plugin.adapters import predictor as store
from eda_plugin.domain import Arc, Axis, Corner, Library, Origin, Table, TableKey
from eda_plugin.domain.predictor import TreePredictor, chebyshev, corner_weights
from eda_plugin.domain.quantity import TIMING
from eda_plugin.errors import ParseError, UserError
from eda_plugin.models.gbr import PredictorSettings, flattened, train_predictor
from eda_plugin.models.surface import POWERS, Tables, basis, fit_surfaces, surface_values

Floats = NDArray[np.float64]
CORNERS = (Corner("ss", 0.72, 125), Corner("ss", 0.72, -40), Corner("tt", 0.8, 25), Corner("ff", 0.88, 125), Corner("ff", 0.88, -40))
SLEWS, LOADS = np.geomspace(5e-12, 500e-12, 6), np.geomspace(0.3e-15, 30e-15, 7)
SMALL = PredictorSettings(trees=40, leaves=15, depth=5)


def law(cell: int, place: int, slew: Floats, load: Floats, corner: Corner) -> Floats:
    """A made-up cell: a drive resistance and a part of the slew, both slower at low supply; s."""
    speed = (
        {"ss": 1.25, "tt": 1.0, "ff": 0.8}[corner.process]
        * (0.45 / (corner.voltage - 0.35)) ** 1.3
        * (1 + 4e-4 * (corner.temperature - 25))
    )
    drive = 3e3 * (1 + 0.4 * cell) * (1 + 0.2 * place)
    own = drive * (load + 1e-15) * speed
    return np.asarray((0.15 + 0.02 * cell) * np.sqrt(slew * own) + own + 0.05 * slew * speed)


def libraries(cells: int = 14, corners: tuple[Corner, ...] = CORNERS, hidden: float = 0.0, load_first: bool = False) -> list[Library]:
    rng = np.random.default_rng(5)
    made = []
    for corner in corners:
        tables = []
        for cell in range(cells):
            # Grids differ from corner to corner, as they do in real libraries.
            slew = Axis("input_net_transition", SLEWS * (1.5 if corner.process == "ss" else 1.0))
            load = Axis("total_output_net_capacitance", LOADS * (1 + 0.2 * cell) / corner.voltage)
            for place, quantity in enumerate(TIMING):
                values = law(cell, place, slew.values[:, None], load.values, corner)
                values = np.where(rng.random(values.shape) < hidden, np.nan, values)
                values = values.T.copy() if load_first else values
                origin = np.where(np.isnan(values), Origin.MISSING, Origin.MEASURED).astype(np.uint8)
                axes = (load, slew) if load_first else (slew, load)
                tables.append(Table(TableKey(*arc(cell), quantity), axes, values, origin))
        made.append(Library.from_tables(tables, name=corner.name, corner=corner))
    return made


def arc(cell: int) -> Arc:
    return Arc(f"c{cell}", "Y", "A", "combinational", "negative_unate")


@pytest.fixture(scope="module")
def trained() -> TreePredictor:
    return train_predictor(libraries(hidden=0.2), settings=SMALL)


def test_chebyshev_polynomials_and_slopes_are_numpys() -> None:
    x = np.linspace(-1.2, 1.2, 9)
    values, slopes = chebyshev(x, 4)
    for degree in range(5):
        one = np.polynomial.Chebyshev.basis(degree)
        np.testing.assert_allclose(values[:, degree], one(x), atol=1e-12)
        np.testing.assert_allclose(slopes[:, degree], one.deriv()(x), atol=1e-12)


def test_surfaces_return_what_they_span() -> None:
    rng = np.random.default_rng(2)
    u, v = rng.uniform(-1, 1, (2, 60, 40))
    true = rng.normal(size=(60, len(POWERS))) * 0.1 + np.eye(len(POWERS))[0]
    y = np.einsum("tpk,tk->tp", basis(u, v), true) * 1e-11
    use = rng.random(y.shape) < 0.9
    use[0] = False
    tables = Tables(u, v, np.where(use, y, np.nan), np.full(60, 1e-12))
    found = surface_values(tables, fit_surfaces(tables, use)[0])
    np.testing.assert_allclose(found[1:], y[1:], rtol=0.02, atol=1e-13)
    assert not found[0].any()


def test_trees_in_numpy_are_scikit_learns() -> None:
    from sklearn.ensemble import HistGradientBoostingRegressor

    rng = np.random.default_rng(3)
    X = rng.normal(size=(3000, 5))
    y = np.sin(3 * X[:, 0]) + X[:, 1] * X[:, 2]
    for loss in ("squared_error", "absolute_error"):
        model = HistGradientBoostingRegressor(loss=loss, max_iter=30, max_depth=6, random_state=0).fit(X, y)
        queries = rng.normal(size=(20_000, 5)) * 2
        np.testing.assert_allclose(flattened(model).predict(queries), model.predict(queries), rtol=0, atol=1e-9)


def test_hidden_values_of_known_corners_come_back(trained: TreePredictor) -> None:
    seen, full = libraries(hidden=0.2), libraries()
    errors, inside = [], []
    for part, whole in zip(seen, full, strict=True):
        for masked, true in zip(part, whole, strict=True):
            i, j = np.nonzero(np.isnan(masked.values))
            rows = np.full(len(i), trained.position[true.key])
            slew, load = (axis.values[at] for axis, at in zip(true.axes, (i, j), strict=True))
            value, lower, upper, outside = trained.evaluate(rows, slew, load, whole.corner)
            errors.append(np.abs(value - true.values[i, j]) / true.values[i, j])
            inside.append((lower <= true.values[i, j]) & (true.values[i, j] <= upper))
            assert not outside.any()
    assert np.concatenate(errors).mean() < 0.01
    assert np.concatenate(inside).mean() > 0.8


def test_a_query_gives_delay_and_transition_with_their_interval(trained: TreePredictor) -> None:
    slew, load, corner = 60e-12, 3e-15, CORNERS[2]
    found = trained.predict(arc(2), "fall", slew, load, corner)
    expected = [law(2, place, np.array(slew), np.array(load), corner) for place in (1, 3)]
    np.testing.assert_allclose([found.delay[0], found.transition[0]], expected, rtol=0.03)
    assert found.lower[0, 0] < found.delay[0] < found.upper[0, 0]
    assert found.lower[0, 1] < found.transition[0] < found.upper[0, 1]
    assert not found.outside.any()
    many = trained.predict([arc(2), arc(3)], ["fall", "rise"], [slew, slew], load, corner)
    assert many.delay[0] == pytest.approx(found.delay[0], rel=1e-12)
    assert many.lower.shape == (2, 2)


def test_more_load_is_slower(trained: TreePredictor) -> None:
    load = np.linspace(0.4e-15, 36e-15, 200)
    for cell in range(4):
        found = trained.predict(arc(cell), "rise", 80e-12, load, CORNERS[2])
        assert (np.diff(found.delay) > 0).all()
        assert (np.diff(found.transition) > 0).all()


def test_queries_outside_are_flagged_and_follow_the_tangent(trained: TreePredictor) -> None:
    edge = 30e-15 / 0.8
    found = trained.predict(arc(0), "rise", [50e-12, 50e-12, 50e-12, 900e-12, 1e-12], [edge, 2 * edge, 3 * edge, 1e-15, 1e-15], CORNERS[2])
    assert found.outside.tolist() == [False, True, True, True, True]
    steps = np.diff(found.delay[:3])
    np.testing.assert_allclose(steps[1], steps[0], rtol=0.01)
    np.testing.assert_allclose(found.delay[1], law(0, 0, np.array(50e-12), np.array(2 * edge), CORNERS[2]), rtol=0.1)


def test_a_corner_between_is_interpolated_with_a_wider_interval(trained: TreePredictor) -> None:
    corner = Corner("tt", 0.78, 60)
    found = trained.predict(arc(1), "rise", 60e-12, 4e-15, corner)
    np.testing.assert_allclose(found.delay, law(1, 0, np.array(60e-12), np.array(4e-15), corner), rtol=0.15)
    assert found.outside.all()
    near = trained.predict(arc(1), "rise", 60e-12, 4e-15, CORNERS[2])
    assert found.upper[0, 0] - found.lower[0, 0] > near.upper[0, 0] - near.lower[0, 0]


def test_weights_of_corners() -> None:
    np.testing.assert_array_equal(corner_weights(CORNERS[1], CORNERS), [0, 1, 0, 0, 0])
    weights = corner_weights(Corner("tt", 0.8, 26), CORNERS)
    assert weights.sum() == pytest.approx(1)
    assert weights.argmax() == 2
    own = (Corner("vendor7", 0.8, 25), Corner("vendor8", 0.8, 25))
    np.testing.assert_allclose(corner_weights(Corner("vendor8", 0.81, 25), own), [0, 1], atol=0.05)


def test_an_arc_that_one_corner_lacks_is_kriged_there() -> None:
    given = libraries(cells=6)
    lost = TableKey(*arc(3), "cell_rise")
    given[2] = given[2].take([row for row, key in enumerate(given[2].keys) if key != lost])
    found = train_predictor(given, settings=SMALL).predict(arc(3), "rise", 60e-12, 4e-15, CORNERS[2])
    np.testing.assert_allclose(found.delay, law(3, 0, np.array(60e-12), np.array(4e-15), CORNERS[2]), rtol=0.2)
    assert found.outside.all()


def test_order_of_axes_and_of_libraries_does_not_matter(trained: TreePredictor) -> None:
    again = train_predictor(libraries(hidden=0.2)[::-1], settings=SMALL)
    for name, array in again.to_arrays()[0].items():
        np.testing.assert_array_equal(array, trained.to_arrays()[0][name])
    turned = train_predictor(libraries(4, CORNERS[:2], load_first=True), settings=SMALL)
    straight = train_predictor(libraries(4, CORNERS[:2]), settings=SMALL)
    query = (arc(1), "fall", 33e-12, 5e-15, CORNERS[1])
    np.testing.assert_allclose(turned.predict(*query).delay, straight.predict(*query).delay, rtol=0.01)


def test_few_values_give_a_predictor_without_trees() -> None:
    given = libraries(cells=1, corners=CORNERS[:1])[0]
    one = given.take([0]).with_values(np.where(np.arange(42) % 9 == 0, given.values[:42], np.nan), given.origin[:42])
    found = train_predictor([one], settings=SMALL)
    answer = found.predict(arc(0), "rise", 60e-12, 3e-15, CORNERS[0])
    assert np.isfinite(answer.delay).all()
    assert np.isnan(answer.transition).all()
    assert np.isnan(found.predict(arc(0), "rise", 60e-12, 3e-15, CORNERS[2]).lower).all()


def test_training_refuses_what_it_cannot_learn() -> None:
    given = libraries(cells=2)
    with pytest.raises(UserError, match=r"two libraries of corner tt_025C_0v80"):
        train_predictor([given[2], given[2]])
    with pytest.raises(UserError, match="can't learn 'rise_power'"):
        train_predictor(given, quantities=["rise_power"])
    empty = given[0].with_values(np.full_like(given[0].values, np.nan), np.zeros_like(given[0].origin))
    with pytest.raises(UserError, match="no library has a slew-by-load timing table"):
        train_predictor([empty])
    with pytest.raises(UserError, match="corner ss_125C_0v72 has no timing value"):
        train_predictor([empty, given[2]])


def test_queries_that_make_no_sense_are_refused(trained: TreePredictor) -> None:
    with pytest.raises(UserError, match=r"query 1: .* not trained on c0 A -> Y .*rise; of c0 it knows c0 A -> Y"):
        trained.predict(arc(0)._replace(when="B"), "rise", 1e-11, 1e-15, CORNERS[0])
    with pytest.raises(UserError, match="it knows no cell inv"):
        trained.predict(arc(0)._replace(cell="inv"), "rise", 1e-11, 1e-15, CORNERS[0])
    with pytest.raises(UserError, match="unknown edge 'up'"):
        trained.predict(arc(0), "up", 1e-11, 1e-15, CORNERS[0])
    with pytest.raises(UserError, match="negative or no number"):
        trained.predict(arc(0), "rise", -1e-11, 1e-15, CORNERS[0])
    with pytest.raises(UserError, match="2 arcs, 3 edges"):
        trained.predict([arc(0)] * 2, ["rise"] * 3, 1e-11, 1e-15, CORNERS[0])


def test_a_predictor_survives_its_file(trained: TreePredictor, tmp_path: Path) -> None:
    store.write(trained, tmp_path / "p.safetensors")
    store.write(trained, tmp_path / "q.safetensors")
    assert (tmp_path / "p.safetensors").read_bytes() == (tmp_path / "q.safetensors").read_bytes()
    found = store.read(tmp_path / "p.safetensors")
    assert found.keys == trained.keys
    assert found.corners == trained.corners
    for corner in (CORNERS[1], Corner("tt", 0.83, 0)):
        query = ([arc(cell) for cell in range(5)], "rise", 44e-12, 2e-15, corner)
        for name in ("delay", "transition", "lower", "upper", "outside"):
            np.testing.assert_array_equal(getattr(found.predict(*query), name), getattr(trained.predict(*query), name))
    store.write(replace(trained, width_between=np.nan), tmp_path / "r.safetensors")
    assert np.isnan(store.read(tmp_path / "r.safetensors").width_between)


def test_files_that_are_no_predictor_are_refused(trained: TreePredictor, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    with pytest.raises(UserError, match=r"cannot read the predictor .*No such file"):
        store.read(tmp_path / "absent")
    store.write(trained, tmp_path / "p.safetensors")
    (tmp_path / "cut").write_bytes((tmp_path / "p.safetensors").read_bytes()[:5000])
    with pytest.raises(ParseError, match="not a safetensors file, or cut short"):
        store.read(tmp_path / "cut")
    save_file({"a": np.zeros(3)}, tmp_path / "other")
    with pytest.raises(ParseError, match="no predictor: the metadata does not say"):
        store.read(tmp_path / "other")
    arrays, rest = trained.to_arrays()
    with pytest.raises(UserError, match="'shape' is missing"):
        TreePredictor.from_arrays({name: array for name, array in arrays.items() if name != "shape"}, rest)


def test_on_a_foundry_library(sky130: Path) -> None:
    from eda_plugin.adapters import liberty

    rng = np.random.default_rng(1)
    seen, held = [], []
    for name in ("ss_100C_1v60", "tt_025C_1v80"):
        library = liberty.read(sky130 / f"sky130_fd_sc_hd__{name}.lib.gz")
        rows = [row for row, key in enumerate(library.keys) if key.quantity in TIMING and library.axis[row, 1] >= 0][::20]
        part = library.take(rows)
        hidden = rng.random(len(part.values)) < 0.2
        seen.append(part.with_values(np.where(hidden, np.nan, part.values), part.origin))
        held.append((part, hidden))
    found = train_predictor(seen, settings=SMALL)
    errors = []
    for part, hidden in held:
        for row, table in enumerate(part):
            i, j = np.nonzero(hidden[part.start[row] : part.start[row + 1]].reshape(table.values.shape))
            at = np.full(len(i), found.position[table.key])
            value = found.evaluate(at, table.axes[0].values[i], table.axes[1].values[j], part.corner)[0]
            errors.append(np.abs(value - table.values[i, j]) / np.maximum(np.abs(table.values[i, j]), 20e-12))
    assert np.concatenate(errors).mean() < 0.02
