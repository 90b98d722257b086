"""Variation tables: laws whose moments are known, slow twins, and the command itself on an inverter."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from eda_plugin.adapters import liberty
from eda_plugin.adapters.ngspice.arc_rows import ArcBench, simulate_arc
from eda_plugin.cli.app import app
from eda_plugin.domain import Arc, Axis, Corner, TableKey
from eda_plugin.domain.moments import Moments
from eda_plugin.errors import UserError
from eda_plugin.flow.study_rows import RowStore
from eda_plugin.flow.variation import Variation, VariationSettings, add_variation, arc_table
from eda_plugin.flow.variation_rows import judging, learning
from eda_plugin.models.rows.moment_baselines import BASELINES
from eda_plugin.models.rows.sensitivity import SensitivitySettings, fit_sensitivities
from eda_plugin.models.rows.variation import TableRows, VariationModel, corrected, fit_variation, virtual_parameters

Floats = NDArray[np.float64]
QUICK = SensitivitySettings(subset=120, steps=60)
PARAMETERS = 4


def grid(count: int) -> Floats:
    axis = np.linspace(-1.2, 1.2, count)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def nominal_of(conditions: Floats) -> Floats:
    return np.stack([1e-11 * np.exp(conditions.sum(axis=1)), 8e-12 * np.exp(conditions[:, 1])], axis=1)


def coefficients(conditions: Floats) -> Floats:
    """(n, k): smooth in the conditions."""
    return np.stack(
        [0.06 + 0.02 * conditions[:, 0], 0.03 * np.cos(conditions[:, 1]), 0.02 + 0 * conditions[:, 0], -0.01 * conditions[:, 1]], axis=1
    )


def lognormal_rows(count: int, seed: int, conditions: Floats | None = None) -> TableRows:
    """Times whose logarithms are linear in normal parameters: the moments are those of the lognormal law."""
    here = np.repeat(grid(3) if conditions is None else conditions, count, axis=0)
    p = np.random.default_rng(seed).standard_normal((len(here), PARAMETERS))
    log = (coefficients(here) * p).sum(axis=1)
    nominal = nominal_of(here)
    return TableRows(p, here, nominal * np.exp(log[:, None] * [1.0, 1.5]), nominal, np.zeros_like(nominal))


def lognormal_moments(condition: Floats) -> tuple[Floats, Floats]:
    """Deviation and skewness (2,)."""
    spread = np.sqrt((coefficients(condition[None]) ** 2).sum()) * np.array([1.0, 1.5])
    wide = np.exp(spread**2)
    deviation = nominal_of(condition[None])[0] * np.sqrt(wide) * np.sqrt(wide - 1)
    return deviation, (wide + 2) * np.sqrt(wide - 1)


@pytest.fixture(scope="module")
def model() -> VariationModel:
    return fit_variation(lognormal_rows(15, 1), seed=0, settings=QUICK)


def test_moments_of_a_known_law(model: VariationModel) -> None:
    virtual = virtual_parameters(4096, PARAMETERS, 0)
    for condition in grid(3):
        found = model.moments(condition, nominal_of(condition[None])[0], np.zeros(2), virtual=virtual)
        deviation, skewness = lognormal_moments(condition)
        assert found.deviation == pytest.approx(deviation, rel=0.01)
        assert found.skewness == pytest.approx(skewness, abs=0.03)
        assert found.late == pytest.approx(
            (found.nominal * np.exp(3 * np.log1p((found.deviation / found.mean) ** 2) ** 0.5) - found.nominal) / 3, rel=0.05
        )
        assert (found.late > found.early).all()


def test_a_point_and_a_corner_without_rows(model: VariationModel) -> None:
    virtual = virtual_parameters(4096, PARAMETERS, 0)
    between = np.array([0.5, -0.4])
    found = model.moments(between, nominal_of(between[None])[0], np.zeros(2), virtual=virtual)
    assert found.deviation == pytest.approx(lognormal_moments(between)[0], rel=0.02)
    assert np.isnan(model.corrections(between)).all()


def test_few_rows_beat_plain_moments(model: VariationModel) -> None:
    """Fifteen rows a point: plain moments are off by a fifth, the model by less than a hundredth."""
    virtual = virtual_parameters(2048, PARAMETERS, 0)
    plain, ours = [], []
    for condition in grid(3):
        nominal = nominal_of(condition[None])[0]
        truth = lognormal_moments(condition)[0]
        plain.append(Moments.of(model.rows.at(condition).times, nominal).deviation / truth - 1)
        ours.append(model.moments(condition, nominal, np.zeros(2), virtual=virtual).deviation / truth - 1)
    assert np.abs(ours).mean() < np.abs(plain).mean() / 10


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda one: one.name)
def test_baselines_know_a_law_that_is_linear(baseline, model: VariationModel) -> None:  # type: ignore[no-untyped-def]
    condition = grid(3)[4]
    rows = lognormal_rows(50, 2)
    own = rows if baseline.across else rows.at(condition)
    virtual = virtual_parameters(2048, PARAMETERS, 0)
    times = nominal_of(condition[None])[0] * np.exp(baseline.fit(own, 0)(virtual, condition))
    assert Moments.of(times, nominal_of(condition[None])[0]).deviation == pytest.approx(lognormal_moments(condition)[0], rel=0.06)


def test_the_process_is_its_slow_twin() -> None:
    rows = lognormal_rows(4, 3)
    fitted = fit_sensitivities(rows.parameters, rows.conditions, rows.relative, seed=0, settings=QUICK)
    parts = {name: value.numpy() for name, value in fitted.parameters.items()}

    def kernel(p: Floats, c: Floats, q: Floats, d: Floats) -> float:
        near = (1 + (((c - d) / np.exp(parts["length"])) ** 2).sum() / 4) ** -2
        first = sum(np.exp(2 * w) * a * b for w, a, b in zip(parts["linear"], p, q, strict=True))
        second = sum(np.exp(2 * w) * a * b for w, a, b in zip(parts["square"], p, q, strict=True))
        orders = [first, second**2, np.exp(2 * parts["cube"]) * second**3]
        return float(sum(order * (1 + np.exp(2 * v) * near) for order, v in zip(orders, parts["varies"], strict=True)))

    p, c = rows.parameters, rows.conditions
    K = np.array([[kernel(p[i], c[i], p[j], c[j]) for j in range(len(p))] for i in range(len(p))])
    noise = np.exp(parts["noise"]) + 1e-8
    y = rows.relative / fitted.scale
    here = np.array([0.3, -1.0, 0.5, 0.2]), np.array([0.1, 0.7])
    k = np.array([kernel(*here, p[j], c[j]) for j in range(len(p))])
    solved = np.linalg.solve(K + noise * np.eye(len(K)), np.column_stack([y, k]))
    assert fitted.mean(here[0][None], here[1][None])[0] == pytest.approx(k @ solved[:, :2] * fitted.scale, rel=1e-5)
    left = kernel(*here, *here) + np.exp(parts["noise"]) - k @ solved[:, 2]
    assert fitted.deviation(here[0][None], here[1][None])[0] == pytest.approx(np.sqrt(max(left, 1e-14)) * fitted.scale, rel=1e-2)
    others = np.arange(len(p)) != 7
    alone = np.linalg.solve((K + noise * np.eye(len(K)))[np.ix_(others, others)], y[others])
    assert fitted.left_out[7] == pytest.approx((y[7] - K[7, others] @ alone) * fitted.scale, rel=1e-3, abs=1e-9)


def flat(shape: tuple[int, ...]) -> Moments:
    one = np.ones(shape)
    return Moments(10 * one, 10.1 * one, one, 0.2 * one, 0.95 * one, 1.1 * one)


def test_corrections_count_as_far_as_they_exceed_their_error() -> None:
    found = [flat((2,)) for _ in range(9)]
    rng = np.random.default_rng(0)
    noise = [(0.1 * rng.standard_normal((3, 2)), np.full((3, 2), 0.1)) for _ in found]
    still = corrected(found, noise)
    assert np.mean([np.abs(one.deviation - 1).mean() for one in still]) < 0.02, "what is noise moves little"
    sure = [(np.array([[0.0, 0.0], [0.44, 0.44], [0.0, 0.0]]), np.full((3, 2), 1e-3)) for _ in found]
    moved = corrected(found, sure)
    assert moved[0].deviation == pytest.approx(np.full(2, np.sqrt(1.44)), rel=1e-3)
    assert (moved[0].late > found[0].late).all()
    nothing = corrected(found, [(np.zeros((3, 2)), np.zeros((3, 2)))] * 9)
    for name in ("mean", "deviation", "third", "early", "late"):
        assert getattr(nothing[0], name) == pytest.approx(getattr(found[0], name))


def test_tables_say_what_liberty_means() -> None:
    draws = np.random.default_rng(0).gamma(4.0, 1e-12, (4000, 2, 3))
    found = Moments.of(draws, np.full((2, 3), 3.8e-12))
    key = TableKey("INV", "Y", "A", "combinational", "negative_unate", "", "cell_rise")
    axes = (Axis("input_net_transition", np.arange(2.0)), Axis("total_output_net_capacitance", np.arange(3.0)))
    by = {table.key.quantity: table.values for table in found.tables(key, axes)}
    assert by["ocv_mean_shift_cell_rise"] == pytest.approx(draws.mean(axis=0) - 3.8e-12)
    assert by["ocv_std_dev_cell_rise"] == pytest.approx(draws.std(axis=0))
    assert by["ocv_skewness_cell_rise"] ** 3 == pytest.approx(((draws - draws.mean(axis=0)) ** 3).mean(axis=0))
    low, high = np.quantile(draws, [0.00134990, 0.99865010], axis=0)
    assert 3.8e-12 + 3 * by["ocv_sigma_cell_rise:late"] == pytest.approx(high, rel=1e-4)
    assert 3.8e-12 - 3 * by["ocv_sigma_cell_rise:early"] == pytest.approx(low, rel=1e-4)
    assert np.isnan(Moments.of(draws[:50], np.zeros((2, 3))).late).all(), "fifty rows have no quantile of three sigma"


def test_draws_do_not_depend_on_the_grid() -> None:
    points = np.array([[1e-11, 1e-15], [2e-11, 2e-15], [3e-11, 1e-15]])
    corner = Corner("tt", 0.8, 25)
    whole, part = learning(corner, points, 5), learning(corner, points[1:2], 5)
    assert whole.numbers[5:10].tolist() == part.numbers.tolist()
    assert not set(whole.numbers[:5]) & set(part.numbers)
    assert not set(learning(Corner("tt", 0.8, 85), points, 5).numbers) & set(whole.numbers)
    both = judging(points, 4)
    assert both.numbers.reshape(4, 3)[:, 0].tolist() == both.numbers.reshape(4, 3)[:, 2].tolist()


@pytest.fixture
def study(repository: Path) -> Path:
    return repository / "examples" / "process_variation"


@pytest.fixture
def typical(repository: Path) -> Path:
    return repository / "examples" / "hkmg22" / "lib" / "hkmg22_tt_025C_0v80.lib"


def test_points_are_the_tables_own(typical: Path) -> None:
    library = liberty.read(typical, cache=False)
    key = next(key for key in library.keys if key.quantity == "cell_rise")
    table = arc_table(library, key, 3)
    delay = library[key]
    assert [axis.values.tolist() for axis in table.axes] == [axis.values[[1, 3, 5]].tolist() for axis in delay.axes]
    assert table.points[1].tolist() == [delay.axes[0].values[1], delay.axes[1].values[3]]
    assert table.nominal[1].tolist() == [delay.values[1, 3], library[table.transition].values[1, 3]]
    with pytest.raises(UserError, match="not one of slew and load"):
        arc_table(library, next(key for key in library.keys if key.timing_type == "setup_rising"), 3)


def test_rows_depend_on_nothing_but_themselves(study: Path, needs_tool: Callable[[str], str]) -> None:
    needs_tool("ngspice")
    store = RowStore(study)
    bench = ArcBench(store.bench("NAND2"), Arc("NAND2", "Y", "B", "combinational", "negative_unate"), "fall", Corner("ss", 0.72, 125))
    parameters = store.law.rows("NAND2", range(4), 0)[:, :12]
    points = np.array([[2e-11, 1e-15], [2e-11, 1e-15], [1e-10, 3e-16], [5e-12, 4e-15]])
    whole = simulate_arc(bench, parameters, points)
    order = np.array([3, 1, 0, 2])
    assert simulate_arc(bench, parameters[order], points[order]).tolist() == whole[order].tolist()
    assert simulate_arc(bench, parameters[2:3], points[2:3]).tolist() == whole[2:3].tolist()


def test_at_their_means_the_parameters_leave_a_corner_as_it_is(repository: Path, study: Path, needs_tool: Callable[[str], str]) -> None:
    """The oxide of a slow corner is thicker: what moves it starts from there."""
    needs_tool("ngspice")
    store = RowStore(study)
    library = liberty.read(repository / "examples" / "hkmg22" / "lib" / "hkmg22_ss_125C_0v72.lib", cache=False)
    key = next(key for key in library.keys if key.quantity == "cell_fall" and key.cell == "NOR2")
    table = arc_table(library, key, 2)
    means = np.tile([one.mean for one in store.law.parameters], (len(table.points), 1))
    times = simulate_arc(ArcBench(store.bench("NOR2"), key.arc, "fall", library.corner), means, table.points)
    assert times[:, 0] == pytest.approx(table.nominal[:, 0], rel=0.003)


def test_what_does_not_fit_is_refused(study: Path, typical: Path, tmp_path: Path) -> None:
    library = liberty.read(typical, cache=False)
    with pytest.raises(UserError, match="no cell 'NAND9'"):
        Variation(RowStore(study), library, VariationSettings(cells=("NAND9",)), kept=tmp_path)
    with pytest.raises(UserError, match="the library itself"):
        add_variation(study, typical, typical, kept=tmp_path)


def test_the_command(study: Path, typical: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needs_tool: Callable[[str], str]) -> None:
    """An inverter: tables at its own corner and, from there, at a corner without rows; again nothing is simulated; judged."""
    needs_tool("ngspice")
    monkeypatch.chdir(tmp_path)

    def command(*words: object) -> str:
        done = CliRunner().invoke(
            app, ["variation", str(study), *map(str, words), "--rows", "12", "--grid", "2", "--cells", "NOT", "--kept", "rows"]
        )
        assert done.exit_code == 0, done.output
        return done.stdout

    def kept() -> dict[str, int]:
        return {file.name: file.stat().st_mtime_ns for file in (tmp_path / "rows").iterdir()}

    command(typical, "--out", "own")
    library = liberty.read(tmp_path / "own" / typical.name, cache=False)
    tables = {key.quantity: library[key] for key in library.keys if key.quantity.startswith("ocv_")}
    assert len(tables) == 20
    assert tables["ocv_std_dev_cell_rise"].values.shape == (2, 2)
    nominal = library[next(key for key in library.keys if key.cell == "NOT" and key.quantity == "cell_rise")].values
    share = tables["ocv_std_dev_cell_rise"].values / nominal[np.ix_([1, 5], [1, 5])]
    assert ((share > 0.05) & (share < 0.6)).all()
    before = kept()
    command(typical, "--out", "again")
    assert kept() == before
    assert (tmp_path / "again" / typical.name).read_bytes() == (tmp_path / "own" / typical.name).read_bytes()
    other = typical.with_name("hkmg22_tt_n40C_0v80.lib")
    assert json.loads(command(other, "--out", "far", "--from", typical, "--json"))["tables"] == 20
    assert kept() == before, "none is simulated there"
    found = json.loads(command(typical, "--out", "judged", "--judge", "100", "--json"))["judged"]["common"]
    assert found["conditional model"]["delay"]["sigma_pct"] < found["plain moments"]["delay"]["sigma_pct"] / 3
    part = tmp_path / "judged" / "parts" / "NOT.json"
    made = part.stat().st_mtime_ns
    assert json.loads(command(typical, "--out", "judged", "--judge", "100", "--json"))["judged"]["common"] == found
    assert part.stat().st_mtime_ns == made, "a cell that is finished is not judged again"
    assert "sign right" in (tmp_path / "judged" / "variation.md").read_text()
