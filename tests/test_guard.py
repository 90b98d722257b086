"""Guard bands and refusals: a library on one side of what is likely, and values that are left to simulation."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic import ANCHORS, TARGET, anchors_of, build, measure, template_of

import eda_plugin as ep
from eda_plugin.adapters import liberty, points
from eda_plugin.cli.app import run
from eda_plugin.config import FillSettings, GuardBand
from eda_plugin.data.oracle import answer
from eda_plugin.domain import Library, Origin
from eda_plugin.domain.quantity import CONSTRAINT, TIMING, TRANSITION, group_of
from eda_plugin.errors import UserError
from eda_plugin.models.plan import plan_points
from eda_plugin.qa.guard import guard_band
from eda_plugin.qa.refusal import refused_points, refused_values

Capture = pytest.CaptureFixture[str]
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "hkmg22" / "lib"
TRUTH = build(TARGET)


def uncertain(seed: int, fixed: float = 0.1) -> Library:
    """The truth as if a model had given it, with ragged intervals up to 150 % wide; a share ``fixed`` was measured."""
    rng = np.random.default_rng(seed)
    half = np.abs(TRUTH.values) * rng.uniform(0.0, 1.5, len(TRUTH.values))
    measured = rng.random(len(half)) < fixed
    origin = np.where(measured, Origin.MEASURED, Origin.FILLED).astype(np.uint8)
    half[measured] = 0.0
    return TRUTH.with_values(TRUTH.values, origin, TRUTH.values - half, TRUTH.values + half)


def of(library: Library, *quantities: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.repeat(np.array([key.quantity in quantities for key in library.keys]), np.diff(library.start))


# Guard bands


@pytest.mark.parametrize("seed", range(4))
def test_late_above_given_above_early_and_both_in_order(seed: int) -> None:
    given = uncertain(seed)
    late, early = guard_band(given, late=True), guard_band(given, late=False)
    assert (late.values >= given.values).all()
    demanding = of(given, *CONSTRAINT)
    assert (early.values[~demanding] <= given.values[~demanding]).all()
    assert (early.values[demanding] >= given.values[demanding]).all()
    sided, kept = of(given, *TIMING, *CONSTRAINT), given.origin == Origin.MEASURED
    for band in (late, early):
        assert np.array_equal(band.values[kept | ~sided], given.values[kept | ~sided])
        assert (band.values[of(given, *TRANSITION)] > 0).all()
        assert (band.lower <= band.values).all()  # type: ignore[operator]
        assert (band.values <= band.upper).all()  # type: ignore[operator]
        for table in band:
            if group_of(table.key.quantity) == "timing":
                assert (np.diff(table.values, axis=1) >= 0).all(), "falls with the load"
                assert (np.diff(table.values, axis=0) >= 0).all(), "falls with the slew"


def test_constraints_demand_more_on_either_side_and_lone_values_take_the_end_itself() -> None:
    """A timer takes hold times from the early library: there, where data are fast, they must be long."""
    given = uncertain(1, fixed=0.0)
    late, early = guard_band(given, late=True), guard_band(given, late=False)
    demanding = of(given, *CONSTRAINT)
    assert np.array_equal(late.values[demanding], given.upper[demanding])  # type: ignore[index]
    assert np.array_equal(early.values[demanding], given.upper[demanding])  # type: ignore[index]
    timing = of(given, *TIMING)
    assert (late.values[timing] >= given.upper[timing]).all(), "without measured values a late value is only ever raised"  # type: ignore[index]


def test_clocks_that_may_be_apart_may_be_so_by_less_on_either_side() -> None:
    given = uncertain(1, fixed=0.0)
    keys = [key._replace(timing_type="skew_rising") if key.quantity in CONSTRAINT else key for key in given.keys]
    skew = replace(given, keys=tuple(keys))
    apart = of(skew, *CONSTRAINT)
    for late in (True, False):
        assert np.array_equal(guard_band(skew, late=late).values[apart], given.lower[apart])  # type: ignore[index]


def test_a_table_that_falls_is_left_to_fall() -> None:
    row = next(row for row, key in enumerate(TRUTH.keys) if key.quantity == "cell_rise")
    part = slice(int(TRUTH.start[row]), int(TRUTH.start[row + 1]))
    given = uncertain(2, fixed=0.0)
    values = given.values.copy()
    values[part] = values[part][::-1]
    half = 0.1 * np.abs(values)
    falling = given.with_values(values, given.origin, values - half, values + half)
    assert guard_band(falling, late=True).values[part] == pytest.approx(1.1 * values[part])


def test_without_intervals_there_is_no_band() -> None:
    with pytest.raises(UserError, match="its model gives no intervals"):
        guard_band(TRUTH, late=True)


@pytest.mark.parametrize(("side", "quantile", "match"), [("slow", 0.9, "expected late or early"), ("late", 0.4, "between 0.5 and 1")])
def test_bands_that_make_no_sense(side: str, quantile: float, match: str) -> None:
    with pytest.raises(UserError, match=match):
        GuardBand(side, quantile)


def test_the_quantile_holds_for_a_corner_of_the_example_library(tmp_path: Path) -> None:
    names = ("tt_025C_0v80", "ss_n40C_0v72", "ss_125C_0v72", "ff_n40C_0v88", "ff_125C_0v88", "ss_125C_0v60", "ss_125C_0v80", "tt_085C_0v72")
    truth = liberty.read(EXAMPLE / "hkmg22_ss_025C_0v66.lib")
    anchors = ep.read([EXAMPLE / f"hkmg22_{name}.lib" for name in names])
    measured = answer(plan_points(anchors, truth, truth.corner, 400, 0), truth)
    filled = ep.fill(anchors, truth.corner, template=truth, measured=measured, settings=FillSettings(model="ridge", interval=0.9)).library
    late, early = (guard_band(filled, late=side) for side in (True, False))  # ends of a 90 % interval: the 95 % quantiles
    asked = of(truth, *TIMING) & (filled.origin != Origin.MEASURED)
    assert (late.values[asked] >= early.values[asked]).all()
    assert 0.90 < float((late.values >= truth.values)[asked].mean()) < 0.995
    assert 0.90 < float((early.values <= truth.values)[asked].mean()) < 0.995


# Refusals


def test_what_is_wider_than_the_limit_is_refused_and_nothing_else() -> None:
    given = uncertain(3)
    refused = refused_values(given, 0.5)
    assert given.lower is not None
    assert given.upper is not None
    for row, table in enumerate(given):
        part = slice(int(given.start[row]), int(given.start[row + 1]))
        for value, low, high, origin, mine in zip(
            table.values.ravel(),
            given.lower[part],
            given.upper[part],
            table.origin.ravel(),
            refused[part],
            strict=True,
        ):
            wide = high - low > 0.5 * max(abs(value), 20e-12)
            assert mine == (wide and origin == Origin.FILLED and group_of(table.key.quantity) == "timing")


def test_the_simulations_give_exactly_what_was_refused() -> None:
    given = uncertain(3)
    refused = refused_values(given, 1.0)
    plan = refused_points(given, refused)
    assert len({(arc, edge, *place) for arc, edge, place in zip(plan.arcs, plan.edges, plan.index.tolist(), strict=True)}) == len(plan)
    known = np.full(len(given.values), np.nan)
    from eda_plugin.data.dataset import reveal

    reveal(given, answer(plan, TRUTH), known)
    assert (np.isfinite(known) & refused).sum() == refused.sum()
    assert len(plan) >= refused.sum() / 2
    assert len(refused_points(given, np.zeros_like(refused))) == 0


def test_refused_values_go_to_simulation_and_come_back_measured(tmp_path: Path) -> None:
    anchors, blank = anchors_of(ANCHORS), template_of(TRUTH)
    measured = measure(TRUTH, 40)
    settings = FillSettings(model="nearest")
    free = ep.fill(anchors, TARGET, template=blank, measured=measured, settings=settings)
    assert len(free.refused) == 0
    width = (free.library.upper - free.library.lower)[of(TRUTH, *TIMING)]  # type: ignore[operator]
    limit = float(np.quantile(width / np.maximum(free.library.values[of(TRUTH, *TIMING)], 20e-12), 0.9))
    found = ep.fill(anchors, TARGET, template=blank, measured=measured, settings=settings, max_interval=limit)
    count = int((found.library.origin == Origin.REFUSED).sum())
    assert found.report["refused"] == {"max_interval": limit, "values": count, "simulations": len(found.refused)}
    assert found.report["origins"]["refused"] == count > 0  # type: ignore[index]
    assert np.isfinite(found.library.values).all()
    points.write_values(found.library, tmp_path / "values.csv")
    rows = list(csv.DictReader((tmp_path / "values.csv").read_text().splitlines()))
    assert {row["value"] for row in rows if row["origin"] == "refused"} == {""}
    assert all(row["value"] for row in rows if row["origin"] != "refused")
    assert all(row["lower"] for row in rows if row["origin"] == "refused")
    points.write_intervals(found.library, tmp_path / "intervals.csv")
    intervals = len((tmp_path / "intervals.csv").read_text().splitlines())
    points.write_intervals(free.library, tmp_path / "intervals.csv")
    assert len((tmp_path / "intervals.csv").read_text().splitlines()) == intervals + count


@pytest.fixture
def toy_run(anchors: list[Path], toy_model: str, tmp_path: Path) -> Callable[..., int]:
    """The command line with the toy model, whose intervals are a fifth of the value."""

    def call(*arguments: object) -> int:
        given = ("fill", *anchors, "--target", "ss,1.60,100", "--model", "toy", "-o", tmp_path / "o.lib", *arguments)
        return run([str(argument) for argument in given])

    return call


def test_a_refusal_writes_the_plan_and_no_library(toy_run: Callable[..., int], tmp_path: Path, capsys: Capture) -> None:
    plan = tmp_path / "more.csv"
    assert toy_run("--max-interval", "5%") == 1
    assert "--refused FILE lists the 36 simulations" in capsys.readouterr().err
    assert toy_run("--max-interval", "5%", "--refused", plan) == 1
    text = capsys.readouterr().err
    assert "have an interval wider than --max-interval allows and are left to simulation" in text
    assert f"{plan} lists the 36 simulations that give them" in text
    rows = plan.read_text().splitlines()
    assert rows[0] == "cell,pin,related_pin,timing_type,timing_sense,when,edge,index_1,index_2"
    assert len(rows) == 37
    assert not list(tmp_path.glob("o.lib*"))
    assert toy_run("--max-interval", "25%", "--refused", plan, "--json") == 0
    assert json.loads(capsys.readouterr().out)["refused"] == {"max_interval": 0.25, "values": 0, "simulations": 0}
    assert len(plan.read_text().splitlines()) == 1


def test_a_refused_value_may_be_allowed_and_stays_marked(toy_run: Callable[..., int], tmp_path: Path, capsys: Capture) -> None:
    assert toy_run("--max-interval", "5%", "--allow-refused", "--values", tmp_path / "v.csv", "--quiet") == 0
    written = ep.read(tmp_path / "o.lib")[0]
    assert np.isfinite(written.values).all()
    told = points.attach(written, tmp_path / "v.csv")
    assert {key.quantity for key, table in zip(told.keys, told, strict=True) if (table.origin == Origin.REFUSED).any()} == set(TIMING)
    assert "72 refused" in (tmp_path / "o.lib").read_text()


def test_a_guard_band_is_told_in_the_library(toy_run: Callable[..., int], tmp_path: Path, capsys: Capture) -> None:
    assert toy_run("--quiet") == 0
    plain = ep.read(tmp_path / "o.lib")[0]
    assert toy_run("--side", "late", "--quantile", "90%", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["guard_band"] == {"side": "late", "quantile": 0.9, "values": 72}
    assert told["interval"] == pytest.approx(0.8)
    assert "late: delays, transitions at the 0.9 quantile, constraints beyond it" in (tmp_path / "o.lib").read_text()
    late = ep.read(tmp_path / "o.lib")[0]
    timing = of(plain, *TIMING)
    assert late.values[timing] == pytest.approx(1.1 * plain.values[timing], rel=1e-6)
    assert late.values[~timing].tolist() == plain.values[~timing].tolist()
    assert toy_run("--side", "early", "--quiet") == 0
    assert (ep.read(tmp_path / "o.lib")[0].values[timing] < plain.values[timing]).all()


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("--quantile", "0.9"), "--quantile goes with --side"),
        (("--refused", "x.csv"), "go with --max-interval"),
        (("--allow-refused",), "go with --max-interval"),
        (("--side", "late", "--interval", "0.8"), "--interval goes without --side"),
        (("--side", "late", "--quantile", "0.3"), "between 0.5 and 1"),
        (("--max-interval", "wide"), "'wide' is no share"),
    ],
)
def test_options_that_do_not_fit(toy_run: Callable[..., int], capsys: Capture, arguments: tuple[str, ...], match: str) -> None:
    assert toy_run(*arguments) == 2
    assert match in capsys.readouterr().err
