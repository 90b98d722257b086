"""The study of process variation: its rows, the models that invent more, and the short form of the command."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eda_plugin.adapters.ngspice.variation import output_names, simulate_rows
from eda_plugin.domain.variation import InputLaw, Parameter
from eda_plugin.errors import UserError
from eda_plugin.flow.study_case import StudySettings
from eda_plugin.flow.study_rows import UNSEEN, RowStore, read_measured_rows, read_rows, write_measured_rows, write_rows
from eda_plugin.flow.studying import study
from eda_plugin.models.rows.boosted import BoostingSettings, boosted_scores, scores
from eda_plugin.models.rows.conditional import fit_conditional
from eda_plugin.models.rows.generators import SCHEDULES, GeneratorSettings, betas, generate
from eda_plugin.models.rows.kernel import KernelSettings, fit_process
from eda_plugin.models.rows.plain import BASELINES

LAW = InputLaw(
    (Parameter("toxe", 6e-10, 2e-11, (("nmos", "toxe", 6e-10),)), Parameter("ndep", 1e19, 3e17, (("nmos", "ndep", 1e19),))),
    ((0.7, 0.9), (-50.0, 120.0), (1e-17, 5e-15), (2e-12, 6e-11)),
)


@pytest.fixture(scope="module")
def store(repository: Path) -> RowStore:
    return RowStore(repository / "examples" / "process_variation")


def delays(inputs: np.ndarray) -> np.ndarray:
    """(n, 2) a delay law of our own, with load, supply, slew and both parameters in it."""
    z = LAW.scaled(inputs)
    drive = (inputs[:, 2] - 0.3) * np.exp(-0.03 * z[:, 0] - 0.02 * z[:, 1])
    first = 1e-11 * (0.3 + inputs[:, 4] / 1e-15) / drive / 2 + 0.1 * inputs[:, 5]
    return np.stack([first, 1.3 * first * (1 + 1e-3 * inputs[:, 3] / 100)], axis=1)


def test_rows_do_not_depend_on_what_else_is_asked_for() -> None:
    alone = LAW.rows("NOT", [7], seed=3)
    np.testing.assert_array_equal(LAW.rows("NOT", [2, 7, 9], seed=3)[1:2], alone)
    assert not np.array_equal(LAW.rows("BUF", [7], seed=3), alone)
    assert not np.array_equal(LAW.rows("NOT", [7], seed=4), alone)


def test_inputs_follow_their_law() -> None:
    inputs = LAW.rows("NOT", range(4000))
    z = LAW.scaled(inputs)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.06)
    np.testing.assert_allclose(z.std(axis=0), 1, atol=0.04)
    assert inputs[:, 2].min() >= 0.7
    assert inputs[:, 2].max() <= 0.9
    np.testing.assert_allclose(LAW.unscaled(z), inputs, rtol=1e-9)
    np.testing.assert_allclose(LAW.from_unit(np.full((1, 6), 0.5)), [[6e-10, 1e19, 0.8, 35.0, 2.505e-15, 3.1e-11]], rtol=1e-6)


@pytest.mark.parametrize(("ranges", "sigma"), [(((0.7, 0.9),), 1.0), (((0.9, 0.7), (0, 1), (0, 1), (0, 1)), 1.0), (LAW.ranges, 0.0)])
def test_a_law_that_makes_no_sense_is_refused(ranges: tuple[tuple[float, float], ...], sigma: float) -> None:
    with pytest.raises(UserError):
        InputLaw((Parameter("x", 1.0, sigma, ()),), ranges)


def test_outputs_are_named_by_edge_pin_and_state(store: RowStore) -> None:
    names = output_names(store.bench("NAND2").cell)
    assert names[:4] == ("delay_fall_a_y", "delay_rise_a_y", "delay_fall_b_y", "delay_rise_b_y")
    assert names[-4:] == ("leakage_00", "leakage_01", "leakage_10", "leakage_11")
    adder = output_names(store.bench("FA").cell)
    assert {"delay_rise_ci_co", "delay_fall_ci_s", "transition_rise_a_s"} <= set(adder)  # both outputs, in the state where both move
    assert len(adder) == 2 * 12 + 8


def test_rows_that_came_with_the_study_are_of_its_law(store: RowStore) -> None:
    for cell in ("NOT", "NAND2"):
        rows = store.present(cell)
        numbers = rows.numbers[[0, 3, -1]].tolist()
        np.testing.assert_allclose(
            rows.taken(np.searchsorted(rows.numbers, numbers)).inputs, store.law.rows(cell, numbers, store.seed), rtol=1e-6
        )
        assert (rows.numbers >= UNSEEN).sum() >= 300
        assert np.isfinite(rows.outputs).all()
        assert (rows.outputs > 0).all()


def test_simulated_rows_are_those_that_came_with_the_study(store: RowStore, needs_tool: Callable[[str], str]) -> None:
    needs_tool("ngspice")
    rows = store.present("NAND2")
    again, reasons = simulate_rows(store.bench("NAND2"), store.law.rows("NAND2", [1, 0], store.seed), workers=2)
    assert reasons == []
    np.testing.assert_allclose(again, rows.outputs[[1, 0]], rtol=2e-6)


@pytest.mark.parametrize("cell", ["NOT", "AOI21"])
def test_few_steps_are_as_good_as_fine_ones(cell: str, store: RowStore, needs_tool: Callable[[str], str]) -> None:
    needs_tool("ngspice")
    rows = store.present(cell).taken(slice(0, 3))
    fine, _ = simulate_rows(store.bench(cell).fine(), store.law.rows(cell, [0, 1, 2], store.seed))
    own = rows.columns("delay_")
    np.testing.assert_allclose(rows.outputs[:, own], fine[:, own], rtol=1.5e-3)
    assert np.abs(rows.outputs[:, own] / fine[:, own] - 1).mean() < 1e-3
    np.testing.assert_allclose(rows.outputs[:, rows.columns("leakage_")], fine[:, rows.columns("leakage_")], rtol=1e-3)


def test_moved_models_are_those_of_a_card_written_so(store: RowStore, needs_tool: Callable[[str], str], tmp_path: Path) -> None:
    """What altermod does to a row is what a fresh card with the row's parameters does."""
    needs_tool("ngspice")
    bench = store.bench("NOT")
    row = store.law.rows("NOT", [0], store.seed)
    moved, _ = simulate_rows(bench, row)
    text = bench.models.read_text(encoding="utf-8")
    for one, value in zip(bench.law.parameters, row[0], strict=False):
        for model, name, at_mean in one.sets:
            head, card = text.split(f".model {model} ", 1)
            card, tail = card.split(".model" if model == "nmos" else ".endl", 1)
            words = card.split()
            found = [place for place, word in enumerate(words) if word.startswith(f"{name}=")]
            assert len(found) <= 1
            if found:
                words[found[0]] = f"{name}={at_mean + value - one.mean:.9g}"
            else:
                words.append(f"{name}={at_mean + value - one.mean:.9g}")
            plain = " ".join(word for word in words if word not in ("+", "*") and ("=" in word or word == "nmos" or word == "pmos"))
            text = f"{head}.model {model} {model} {plain}\n{'.model' if model == 'nmos' else '.endl'}{tail}"
    (tmp_path / "models.sp").write_text(text, encoding="utf-8")
    still = tuple(replace(one, sets=()) for one in bench.law.parameters)
    fresh, _ = simulate_rows(replace(bench, models=tmp_path / "models.sp", law=replace(bench.law, parameters=still)), row)
    np.testing.assert_allclose(moved, fresh, rtol=1e-3)
    nominal, _ = simulate_rows(replace(bench, law=replace(bench.law, parameters=still)), row)
    assert np.abs(moved / nominal - 1).max() > 0.01  # the row's parameters do matter


def test_rows_survive_parquet_and_the_measure_format(store: RowStore, tmp_path: Path) -> None:
    rows = store.present("NOT").taken(slice(0, 5))
    write_rows(rows, tmp_path / "rows.parquet")
    write_measured_rows(rows, tmp_path / "not.mt0.gz", "NOT")
    for found in (read_rows(tmp_path / "rows.parquet", rows.names), read_measured_rows(tmp_path / "not.mt0.gz", rows.names)):
        np.testing.assert_allclose(found.inputs, rows.inputs, rtol=1e-6)
        np.testing.assert_allclose(found.outputs, rows.outputs, rtol=1e-6)
    with pytest.raises(UserError, match="no column"):
        read_rows(tmp_path / "rows.parquet", (("other",), ()))


@pytest.mark.parametrize(("text", "told"), [("", "KeyError"), ("[simulation]\n[", "no TOML")])
def test_a_study_that_cannot_be_read_is_told(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*study\.toml"):
        RowStore(tmp_path)
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(UserError, match=told):
        RowStore(tmp_path)


@pytest.mark.parametrize("polynomial", [True, False])
def test_the_process_is_the_textbook_formula(polynomial: bool) -> None:
    """Mean and leave-one-out residuals against a slow twin: the process solved anew without each row."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((24, 3))
    y = np.stack([np.sin(x[:, 0]) + x[:, 1], x[:, 2] ** 2], axis=1)
    settings = KernelSettings(polynomial=polynomial, directions=1 if polynomial else 0, steps=20)
    process = fit_process(x, y, seed=0, settings=settings)
    from eda_plugin.models.rows.kernel import _kernel

    K = _kernel(process.parameters, process.x, process.x, polynomial=polynomial).numpy()
    K = K + (float(process.parameters["noise"].exp()) + 1e-7) * np.eye(24)
    Y = (y - process.centre) / process.scale
    for place in (0, 11):
        rest = np.delete(np.arange(24), place)
        guess = K[place, rest] @ np.linalg.solve(K[np.ix_(rest, rest)], Y[rest])
        np.testing.assert_allclose(process.left_out[place], Y[place] - guess, rtol=1e-4, atol=1e-7)
    mean, deviation = process.predict(x)
    np.testing.assert_allclose(mean, y, atol=0.2)
    assert (deviation > 0).all()


def test_ours_knows_a_delay_law() -> None:
    inputs, new = LAW.rows("A", range(80)), LAW.rows("A", range(1000, 1100))
    model = fit_conditional(LAW, inputs, delays(inputs), seed=0, diffusion=False)
    assert np.abs(model.mean(new) / delays(new) - 1).mean() < 0.005
    assert model.draw(new, 1, 2).shape == (2, 100, 2)


def test_ours_is_closer_to_simulated_rows_than_the_plain_process(store: RowStore) -> None:
    rows = store.present("NOT")
    learnt, unseen = rows.taken(slice(0, 100)), rows.taken(rows.numbers >= UNSEEN)
    own = [*rows.columns("delay_"), *rows.columns("transition_")]
    truth = unseen.outputs[:, own]
    ours = fit_conditional(store.law, learnt.inputs, learnt.outputs[:, own], seed=0, diffusion=False).mean(unseen.inputs)
    x, new = store.law.scaled(learnt.inputs), store.law.scaled(unseen.inputs)
    plain = fit_process(x, learnt.outputs[:, own], seed=0, settings=KernelSettings(polynomial=False, directions=0)).predict(new)[0]
    assert np.abs(ours / truth - 1).mean() < 0.7 * np.abs(plain / truth - 1).mean()


def test_the_diffused_residual_is_as_wide_as_what_was_left_out() -> None:
    inputs = LAW.rows("A", range(60))
    noisy = delays(inputs) * np.exp(0.03 * np.random.default_rng(1).standard_normal((60, 2)))
    model = fit_conditional(LAW, inputs, noisy, seed=0)
    new = LAW.rows("A", range(1000, 1040))
    again = model.draw(new, 5, 8)
    np.testing.assert_array_equal(again, model.draw(new, 5, 8))
    assert 0.01 < (again / model.mean(new) - 1).std() < 0.15


@pytest.mark.parametrize("name", sorted(BASELINES))
def test_baselines_make_rows_within_reach_of_the_real_ones(name: str) -> None:
    inputs = LAW.rows("A", range(60))
    outputs = delays(inputs)
    x, y = BASELINES[name](LAW, inputs, outputs, 50, 3)
    assert x.shape == (50, 6)
    assert y.shape == (50, 2)
    assert np.isfinite(x).all()
    np.testing.assert_array_equal(x, BASELINES[name](LAW, inputs, outputs, 50, 3)[0])
    assert np.abs(LAW.scaled(x)).max() < 8
    assert np.abs(LAW.scaled(x).mean(axis=0)).max() < 1


@pytest.mark.parametrize(
    "settings", [GeneratorSettings(), GeneratorSettings(kind="gan"), GeneratorSettings(kind="vae"), GeneratorSettings(unet=True, layers=3)]
)
def test_generators_learn_where_rows_lie(settings: GeneratorSettings) -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(3.0, 0.5, (200, 2))
    settings = replace(settings, updates=150, steps=60)
    x, y = generate(inputs, 2 * inputs[:, :1], 100, 1, settings)
    np.testing.assert_array_equal(x, generate(inputs, 2 * inputs[:, :1], 100, 1, settings)[0])
    assert abs(float(x.mean()) - 3.0) < 0.8
    assert y.shape == (100, 1)
    with pytest.raises(UserError, match="no generator"):
        generate(inputs, inputs, 5, 0, GeneratorSettings(kind="flow"))


def test_schedules_end_in_noise() -> None:
    first = betas("linear 0.001-0.02", 500)
    assert float(first[0]) == pytest.approx(0.001)
    assert float(first[-1]) == pytest.approx(0.02)
    for name in SCHEDULES:
        assert float((1 - betas(name, 500)).prod()) < 0.01
    with pytest.raises(UserError, match="no schedule"):
        betas("steep", 10)


def test_scores_are_the_textbook_ones() -> None:
    found = scores(np.array([1.0, 2.0, 4.0]), np.array([1.1, 1.8, 4.0]))
    assert found["MAE"] == pytest.approx(0.1)
    assert found["MSE"] == pytest.approx(0.05 / 3)
    assert found["RMSE"] == pytest.approx((0.05 / 3) ** 0.5)
    assert found["MAPE"] == pytest.approx(100 * (0.1 + 0.1) / 3)
    assert found["R2"] == pytest.approx(1 - 0.05 / (1 + 4 + 16 - 49 / 3))


def test_true_rows_help_the_regressor() -> None:
    few, many, unseen = (LAW.rows("A", numbers) for numbers in (range(60), range(100, 900), range(2000, 2200)))
    train, rest = ((LAW.scaled(part), delays(part)) for part in (few, unseen))
    settings = BoostingSettings(trees=60)
    alone = boosted_scores(train, None, rest, settings)
    helped = boosted_scores(train, (LAW.scaled(many), delays(many)), rest, settings)
    assert helped["MAPE"] < 0.7 * alone["MAPE"]


def test_study_in_its_short_form(command: Callable[..., subprocess.CompletedProcess[str]], repository: Path, tmp_path: Path) -> None:
    arguments = ("study", repository / "examples" / "process_variation", "--out", "s", "--quick", "--cells", "NOT")
    done = command(*arguments)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "s" / "study.json").read_text())
    methods = found["cells"]["NOT"]["regressor"]["100"]
    assert methods["ours"][0]["MAPE"] < methods["real-only"][0]["MAPE"]
    assert "ours" in (tmp_path / "s" / "study.md").read_text()
    assert "eda-plugin study" in (tmp_path / "s" / "study.html").read_text()
    again = command(*arguments)
    assert again.returncode == 0
    assert "NOT, seed 0: regressor" in done.stdout
    assert "NOT, seed 0: regressor" not in again.stdout  # what is finished is not run again
    wrong = command("study", repository / "examples" / "process_variation", "--out", "s", "--cells", "NAND9")
    assert wrong.returncode == 2
    assert "NAND9" in wrong.stderr


def test_study_goes_on_seed_by_seed_and_cell_beside_cell(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    folder = repository / "examples" / "process_variation"
    small = StudySettings(
        ("NOT", "BUF"), (40, 9000), real=40, added=60, ratios=(1,), ratio_size=40, detailed=1, seeds=1, updates=3, trees=4
    )
    told: list[str] = []
    first = study(folder, tmp_path / "a", small, told=told.append)
    assert "The shipped estimator" in (tmp_path / "a" / "study.md").read_text()
    assert set(first.cells["NOT"]) == {"rows", "unseen", "regressor", "rivals", "ratios", "estimator"}
    assert set(first.cells["BUF"]) == {"rows", "unseen", "regressor"}
    assert any("9,000 real rows of NOT, BUF" in note for note in first.notes)
    assert any("ngspice" in note for note in first.notes)
    again = len(told)
    more = study(folder, tmp_path / "a", replace(small, seeds=2, detailed=0), told=told.append)
    assert told[again:] == ["NOT, seed 1: regressor", "BUF, seed 1: regressor"]  # the first seed is not measured again
    scores = more.cells["NOT"]["regressor"]["40"]["ours"]  # type: ignore[index]
    assert len(scores) == 2
    assert scores[0] == first.cells["NOT"]["regressor"]["40"]["ours"][0]  # type: ignore[index]
    assert "means over 2 seeds" in (tmp_path / "a" / "study.md").read_text()
    beside = study(folder, tmp_path / "b", replace(small, workers=2, detailed=0))
    assert beside.cells["BUF"] == first.cells["BUF"]
