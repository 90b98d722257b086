"""A whole corner filled, on a truth that is known everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from synthetic import ANCHORS, TARGET, anchors_of, build, measure, perturbed, points_of, template_of

from eda_plugin.config import FillSettings, NullProgress, Stage
from eda_plugin.domain import Corner, Library, Origin, Points, Table, TableKey, blank
from eda_plugin.domain.quantity import TIMING, group_of
from eda_plugin.errors import TableError, UserError
from eda_plugin.farm import Here, Lost, Processes, at_work
from eda_plugin.hooks.manager import Plugins
from eda_plugin.hooks.testing import Case, check_model, same_library
from eda_plugin.models import experts, fewshot, pseudo, timing
from eda_plugin.models.diffusion import DiffusionSettings
from eda_plugin.models.engine import Filled, fill_library
from eda_plugin.models.gp import GPSettings
from eda_plugin.models.network import NetworkSettings

Floats = NDArray[np.float64]
MODELS = Plugins().load().models.names
SOME = ANCHORS[:6]
SPEED_NETWORKS = fewshot.SPEED_NETWORKS


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same steps, fewer of them."""
    monkeypatch.setattr(experts, "DRAWS", 24)
    monkeypatch.setattr(fewshot, "FOLDS", 2)
    monkeypatch.setattr(fewshot, "SPEED_NETWORKS", NetworkSettings(folds=3, width=16, steps=40, batch=64))
    monkeypatch.setattr(timing, "STAND_INS", 2)
    monkeypatch.setattr(timing, "DiffusionSettings", lambda: DiffusionSettings(steps=40, batch=64, levels=5))
    monkeypatch.setattr(timing, "GPSettings", lambda: GPSettings(steps=12))
    monkeypatch.setattr(timing, "NetworkSettings", lambda: NetworkSettings(folds=3, width=16, steps=40, batch=64))


@pytest.fixture(scope="module")
def truth() -> Library:
    return perturbed(build(TARGET, cells=6), 0.006, 99)


@pytest.fixture(scope="module")
def anchors() -> list[Library]:
    return [perturbed(library, 0.003, seed) for seed, library in enumerate(anchors_of(SOME, cells=6))]


@pytest.fixture(scope="module")
def measured(truth: Library, anchors: list[Library]) -> Points:
    return measure(truth, 48)  # two a table: enough for the process and for intervals of the target's own


def run(anchors: list[Library], template: Library, measured: Points | None, model: str = "gp", **settings: object) -> Filled:
    return fill_library(anchors, template, TARGET, measured, FillSettings(model=model, **settings), NullProgress())  # type: ignore[arg-type]


def timing_of(library: Library) -> NDArray[np.bool_]:
    return np.repeat([key.quantity in TIMING for key in library.keys], np.diff(library.start))


def error(library: Library, truth: Library, group: str = "timing") -> float:
    """Mean relative error of what was not measured."""
    own = np.repeat([group_of(key.quantity) == group for key in library.keys], np.diff(library.start))
    own &= library.origin != Origin.MEASURED
    return float(np.abs(library.values[own] / truth.values[own] - 1).mean())


@pytest.mark.parametrize("name", MODELS)
def test_every_model_keeps_the_contract(name: str, anchors: list[Library], truth: Library, measured: Points) -> None:
    model = Plugins().load().models.get(name)
    case = Case(anchors[:4], template_of(truth), TARGET, measured, FillSettings(model=name))
    library = check_model(model.fill, case)
    assert {Origin(code).name for code in np.unique(library.origin)} >= {"MEASURED", "PREDICTED"}
    limits = [key for key in library.keys if group_of(key.quantity) == "limit"]
    assert all(np.array_equal(library[key].values, truth[key].values) for key in limits)


def test_a_few_simulations_beat_the_nearest_corner_and_interpolation(
    anchors: list[Library], truth: Library, measured: Points, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fewshot, "SPEED_NETWORKS", SPEED_NETWORKS)
    monkeypatch.setattr(timing, "NetworkSettings", lambda: NetworkSettings(folds=5, width=32, steps=200, batch=64))
    found = {name: error(run(anchors, template_of(truth), measured, name).library, truth) for name in MODELS}
    lookups = min(found["nearest"], found["interpolation"])
    assert max(found["ridge"], found["gbr"]) < lookups
    assert found["gp"] < 0.75 * lookups
    assert found["auto"] < 1.05 * found["gp"]  # networks get no weight where they do not help


def test_diffusion_is_of_the_joint_samples_not_of_the_mean(anchors: list[Library], truth: Library, measured: Points) -> None:
    one, two = (run(anchors, template_of(truth), measured, "auto", diffusion=diffusion).library for diffusion in (True, False))
    assert same_library(one, two)


def test_origins_and_intervals_of_the_filled_values(anchors: list[Library], truth: Library, measured: Points) -> None:
    library = run(anchors, template_of(truth), measured).library
    own = timing_of(library)
    assert set(np.unique(library.origin[own])) == {Origin.MEASURED, Origin.FILLED}
    assert (library.origin == Origin.MEASURED).sum() == 2 * len(measured) + sum(group_of(key.quantity) == "limit" for key in library.keys)
    narrow = run(anchors, template_of(truth), measured, interval=0.5).library
    filled = library.origin == Origin.FILLED
    assert widths(library)[filled].mean() > 1.3 * widths(narrow)[filled].mean()


def test_rehearsals_are_the_same_wherever_they_are_done(
    anchors: list[Library], truth: Library, measured: Points, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fewshot, "SPEED_NETWORKS", SPEED_NETWORKS)  # a worker knows nothing of what is set here
    one = run(anchors, template_of(truth), measured).library
    monkeypatch.setattr(pseudo, "LARGE", 0)
    farm, asked, call = Processes(2), [], Processes.call

    def counted(self: Processes, work: Callable[[object], object], task: object, name: str) -> object:
        asked.append(name)
        return call(self, work, task, name)

    monkeypatch.setattr(Processes, "call", counted)
    with at_work(farm):
        two = run(anchors, template_of(truth), measured).library
    farm.close()
    assert same_library(one, two)
    assert len(asked) == timing.STAND_INS - 1  # the one that teaches is rehearsed before
    assert all(name.startswith("rehearsal on ") for name in asked)


def test_the_steps_of_a_prediction_without_simulations_are_told(anchors: list[Library], truth: Library) -> None:
    class Told(NullProgress):
        def __init__(self) -> None:
            self.total: dict[str, int | None] = {}
            self.steps: dict[str, int] = {}

        @contextmanager
        def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
            self.total[name], self.steps[name], outer = total, 0, self

            class Counted(NullProgress):
                def advance(self, n: int = 1) -> None:
                    outer.steps[name] += n

            yield Counted()

    told = Told()
    fill_library(anchors, template_of(truth), TARGET, None, FillSettings(model="gp"), told)
    name = "predicting without simulations"
    assert told.total[name] == told.steps[name] == 2 * experts.DRAWS


def test_a_rehearsal_whose_workers_die_is_named(
    anchors: list[Library], truth: Library, measured: Points, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pseudo, "LARGE", 0)
    farm = Here()
    monkeypatch.setattr(farm, "call", lambda _work, _task, name: Lost(name, 4))
    with at_work(farm), pytest.raises(UserError, match=r"rehearsal on .*: its worker died 4 times in a row .* more memory"):
        run(anchors, template_of(truth), measured)


# Calibrated on the anchors from so few, of which left-out points tell little; from 150 values on at the target itself.
def test_intervals_hold_the_truth(anchors: list[Library], truth: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "CALIBRATE", 150)
    held = []
    for count in (24, 48, 96):
        library = run(anchors, template_of(truth), measure(truth, count)).library
        held.append(float((np.abs(library.values - truth.values) <= widths(library))[library.origin == Origin.FILLED].mean()))
    assert 0.83 < np.mean(held) < 0.97
    assert 0.75 < min(held) <= max(held) < 0.98


def widths(library: Library) -> Floats:
    assert library.upper is not None
    return np.asarray(library.upper - library.values, dtype=np.float64)


def test_other_quantities_are_predicted_better_than_by_the_nearest_corner(anchors: list[Library], truth: Library, measured: Points) -> None:
    whole = run(anchors, template_of(truth), measured).library
    nearest = run(anchors, template_of(truth), measured, "nearest").library
    for group in ("constraint", "power", "leakage", "capacitance"):
        assert error(whole, truth, group) < error(nearest, truth, group), group


def test_the_report_tells_model_errors_and_seconds(anchors: list[Library], truth: Library, measured: Points) -> None:
    report = run(anchors, template_of(truth), measured, "gbr").report
    told = report["timing"]
    assert isinstance(told, dict)
    assert told["model"] == "ridge, boosted trees"
    assert told["left_out_error_pct"] < 5
    assert {"timing", "power", "leakage", "seconds_by_stage"} <= set(report)


@pytest.mark.parametrize("count", [None, 0, 3])
def test_without_simulations_or_with_a_handful_everything_is_predicted(anchors: list[Library], truth: Library, count: int | None) -> None:
    points = None if count is None else measure(truth, count)
    library = check_model(fill_library, Case(anchors[:4], template_of(truth), TARGET, points))
    own = timing_of(library)
    assert set(np.unique(library.origin[own])) <= {Origin.MEASURED, Origin.PREDICTED}
    assert (library.origin[own] == Origin.MEASURED).sum() == 2 * (count or 0)
    assert error(library, truth) < 0.22


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 48])
def test_few_anchors_do(truth: Library, number: int, count: int) -> None:
    few = anchors_of((Corner("ss", 0.9, 100), Corner("ss", 0.8, -40), Corner("tt", 0.9, 25))[:number], cells=6)
    library = check_model(fill_library, Case(few, template_of(truth), TARGET, measure(truth, count), FillSettings(model="gp")))
    assert error(library, truth) < (0.1 if count else 0.5)


def test_one_anchor_and_no_simulation_is_the_anchor_with_wide_intervals(truth: Library) -> None:
    one = anchors_of([Corner("ss", 0.9, 100)], cells=6)
    library = run(one, template_of(truth), None).library
    np.testing.assert_allclose(library.values, one[0].values, rtol=1e-12)
    own = timing_of(library)
    assert library.upper is not None
    assert ((library.upper - library.values)[own] >= 0.5 * library.values[own]).all()


@pytest.mark.parametrize("count", [0, 60])
def test_tables_of_all_shapes(count: int) -> None:
    anchors, truth = anchors_of(SOME, odd=True), build(TARGET, odd=True)
    filled = fill_library(anchors, template_of(truth), TARGET, measure(truth, count), FillSettings(), NullProgress())
    library = filled.library
    assert np.isfinite(library.values).all()
    assert error(library, truth) < 0.1
    samples = filled.sampler.sample(3)
    for key, drawn in samples.items():
        assert drawn.shape == (3, *truth[key].values.shape)
    assert set(samples) == {key for key in library.keys if key.quantity in TIMING}


def without(library: Library, wanted: Callable[[TableKey], bool]) -> Library:
    return library.take([row for row, key in enumerate(library.keys) if not wanted(key)])


def test_an_anchor_that_lacks_a_table_is_of_use_all_the_same(anchors: list[Library], truth: Library, measured: Points) -> None:
    holed = [without(anchors[0], lambda key: key.cell == "cell2"), *anchors[1:]]
    library = check_model(fill_library, Case(holed, template_of(truth), TARGET, measured, FillSettings(model="gp")))
    lost = [key for key in library.keys if key.cell == "cell2" and key.quantity in TIMING]
    assert lost
    assert max(float(np.abs(library[key].values / truth[key].values - 1).max()) for key in lost) < 0.25
    with pytest.raises(TableError, match=r"cell2 .*: no anchor has this table"):
        run([without(anchor, lambda key: key.cell == "cell2") for anchor in anchors], template_of(truth), measured)


def test_anchors_with_holes_serve_and_what_was_made_up_is_no_truth(anchors: list[Library], truth: Library, measured: Points) -> None:
    rng = np.random.default_rng(0)
    holed = []
    for anchor in anchors:
        gone = timing_of(anchor) & (rng.random(len(anchor.values)) < 0.2)
        values, origin = np.where(gone, np.nan, anchor.values), np.where(gone, Origin.MISSING, anchor.origin).astype(np.uint8)
        holed.append(anchor.with_values(values, origin))
    points, _ = points_of(holed, truth)
    lost = np.stack([np.isnan(anchor.values[points.flat]) for anchor in holed], axis=1)
    assert (points.beyond[lost] > 0).all()
    assert not points.beyond[~lost].any()
    library = check_model(fill_library, Case(holed, template_of(truth), TARGET, measured, FillSettings(model="gp")))
    assert error(library, truth) < 0.05


def test_a_value_that_only_the_template_has_is_kept_and_spoils_nothing(anchors: list[Library], truth: Library, measured: Points) -> None:
    own = [key for key in truth.keys if key.cell == "cell2"]
    template = Library.from_tables(
        [table if table.key in own else blank(table) for table in truth], name=truth.name, corner=TARGET, header=truth.header
    )
    rows = [row for row, arc in enumerate(measured.arcs) if arc.cell != "cell2"]
    elsewhere = Points(
        tuple(measured.arcs[row] for row in rows),
        tuple(measured.edges[row] for row in rows),
        measured.index[rows],
        measured.delay[rows],
        measured.transition[rows],
    )
    bare = [without(anchor, lambda key: key.cell == "cell2") for anchor in anchors]
    library = check_model(fill_library, Case(bare, template, TARGET, elsewhere, FillSettings(model="gp")))
    assert error(library, truth) < 0.02


def test_a_constraint_that_one_anchor_s_search_never_found_spoils_little(truth: Library) -> None:
    sound = anchors_of(ANCHORS, cells=6)
    row = next(row for row, key in enumerate(sound[0].keys) if group_of(key.quantity) == "constraint")
    values, place = sound[0].values.copy(), sound[0].start[row]
    values[place] = -1e-6
    spoilt, without = (run(some, template_of(truth), None, model="gp") for some in ([replace(sound[0], values=values), *sound[1:]], sound))
    assert spoilt.report["constraint"]["entries_out_of_reach"] == 1  # type: ignore[index]
    assert without.report["constraint"]["entries_out_of_reach"] == 0  # type: ignore[index]
    there = truth.values[place]
    assert abs(spoilt.library.values[place] - there) < abs(without.library.values[place] - there) + 0.5 * abs(there)


def test_process_names_without_a_convention(truth: Library) -> None:
    named = anchors_of([Corner(f"lot{c.process}", c.voltage, c.temperature) for c in SOME], cells=6)
    target = Corner("lotss", 0.85, 25)
    there = build(target, cells=6)
    for count in (0, 48):
        case = Case(named, template_of(there), target, measure(there, count), FillSettings(model="gp"))
        assert error(check_model(fill_library, case), there) < 0.2


def test_a_measured_point_off_the_template_is_refused(anchors: list[Library], truth: Library, measured: Points) -> None:
    off = replace(measured, index=measured.index * 1.01)
    with pytest.raises(UserError, match="is not on the template's axis"):
        run(anchors, template_of(truth), off)
    strange = replace(measured, arcs=(measured.arcs[0]._replace(cell="nand9"), *measured.arcs[1:]))
    with pytest.raises(UserError, match=r"measured point 1: the template has no arc nand9"):
        run(anchors, template_of(truth), strange)


@pytest.mark.parametrize("device", ["abacus", "cuda:99", "meta"])
def test_a_device_that_is_not_there_is_refused(anchors: list[Library], truth: Library, device: str) -> None:
    with pytest.raises(UserError, match=rf"the device '{device}'.*; expected cpu"):
        run(anchors, template_of(truth), None, device=device)


def test_a_gpu_gives_the_same(anchors: list[Library], truth: Library, measured: Points) -> None:
    if not torch.cuda.is_available():
        pytest.skip("device absent: cuda")
    one, two = (run(anchors, template_of(truth), measured, "auto", device=device).library for device in ("cpu", "cuda"))
    np.testing.assert_allclose(two.values, one.values, rtol=2e-3)


def test_the_seed_counts(anchors: list[Library], truth: Library, measured: Points) -> None:
    one, two = (run(anchors, template_of(truth), measured, seed=seed).library for seed in (0, 1))
    assert not same_library(one, two)


def test_samples_keep_what_was_measured_and_spread_like_the_intervals(anchors: list[Library], truth: Library, measured: Points) -> None:
    filled = run(anchors, template_of(truth), measured, "auto")
    library, samples = filled.library, filled.sampler.sample(60, seed=3)
    assert library.upper is not None
    ratios: dict[tuple[str, tuple[int, ...]], list[np.ndarray]] = {}
    for key, drawn in samples.items():
        table: Table = library[key]
        fixed = table.origin == Origin.MEASURED
        assert (drawn[:, fixed] == table.values[fixed]).all()
        assert table.upper is not None
        wide = np.quantile(np.abs(drawn - table.values), 0.9, axis=0)
        with np.errstate(invalid="ignore"):
            ratios.setdefault((key.quantity, table.values.shape), []).append(wide / (table.upper - table.values))
    for alike in ratios.values():  # at every place of the grid
        np.testing.assert_allclose(np.nanmean(alike, axis=0), 1.0, atol=0.2)
    assert all(np.array_equal(drawn, filled.sampler.sample(60, seed=3)[key]) for key, drawn in list(samples.items())[:2])
    with pytest.raises(UserError, match="0 samples"):
        filled.sampler.sample(0)


def test_a_template_without_timing_is_filled(anchors: list[Library], truth: Library, tmp_path: Path) -> None:
    template = without(template_of(truth), lambda key: key.quantity in TIMING)
    filled = run(anchors, template, None)
    assert np.isfinite(filled.library.values).all()
    assert not filled.sampler.sample(1)
    filled.save(tmp_path)
