"""Plan, simulate, fill in rounds: where more is bought, when it stops, what it says it cost."""

from __future__ import annotations

import csv
import itertools
import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from test_characterize import EXAMPLE, log, settings

import eda_plugin as ep
from eda_plugin.config import FillSettings, Progress
from eda_plugin.domain import Corner, Library, Origin, Points, TableKey, edge_of, timing_quantities
from eda_plugin.domain.quantity import DELAY, TIMING
from eda_plugin.errors import UserError
from eda_plugin.flow.closing import Round, close, half_widths, read_until
from eda_plugin.flow.session import Session
from eda_plugin.hooks import hookimpl
from eda_plugin.hooks.manager import Plugins
from eda_plugin.hooks.registries import Model, ModelRegistry
from eda_plugin.models.refine import NEXT_LOAD, NEXT_SLEW, plan_more

TARGET = Corner.parse("tt_025C_0v80")
ANCHORS = ("ss_n40C_0v72", "ff_125C_0v88", "tt_125C_0v80")
CELLS = ("NOT", "NAND2")


def part(name: str) -> Library:
    library = ep.read(EXAMPLE / "lib" / f"hkmg22_{name}.lib")[0]
    return library.take([row for row, key in enumerate(library.keys) if key.cell in CELLS and key.timing_type == "combinational"])


@pytest.fixture(scope="module")
def anchors() -> list[Library]:
    return [part(name) for name in ANCHORS]


@pytest.fixture(scope="module")
def template() -> Library:
    return part(TARGET.name)


@dataclass(frozen=True)
class _Filled:
    library: Library
    report: dict[str, object]

    def save(self, folder: Path) -> None: ...


class Toy:
    """The model ``toy``: the stand-in's own law with intervals of 10 %, of 1 % in tables where something was measured."""

    def __init__(self, *, intervals: bool = True, forgetful: bool = False) -> None:
        self.intervals, self.forgetful = intervals, forgetful
        self.asked: list[int] = []

    @hookimpl
    def register_models(self, registry: ModelRegistry) -> None:
        registry.add(Model("toy", "for tests", self.fill))

    @hookimpl
    def choose_simulations(self, template: Library, count: int) -> Points | None:
        if not self.forgetful:
            return None
        key = next(key for key in template.keys if key.quantity == "cell_rise")
        places = itertools.product(template[key].axes[0].values, template[key].axes[1].values)
        index = np.array(list(itertools.islice(places, min(count, 3))))
        return Points.plan((key.arc,) * len(index), ("rise",) * len(index), index)

    def fill(
        self,
        anchors: Sequence[Library],
        template: Library,
        target: Corner,
        measured: Points | None,
        settings: FillSettings,
        progress: Progress,
    ) -> _Filled:
        values, origin, width = template.values.copy(), template.origin.copy(), np.full(len(template.values), 0.1)
        for row, key in enumerate(template.keys):
            part = slice(template.start[row], template.start[row + 1])
            if key.quantity in TIMING:
                slews, loads = (axis.values for axis in template.table(row).axes)
                law = (1e-12 + 0.1 * slews[:, None] / 0.6 + 2e3 * loads) / target.voltage
                values[part] = (law * (1 if key.quantity in DELAY else 2)).ravel()
            else:
                values[part] = anchors[0][key].values.ravel()
            origin[part] = Origin.PREDICTED
        for i in range(0 if measured is None else len(measured)):
            assert measured is not None
            for quantity, value in zip(timing_quantities(measured.edges[i]), (measured.delay[i], measured.transition[i]), strict=True):
                row = template.position[TableKey(*measured.arcs[i], quantity)]
                axes = template.table(row).axes
                at = np.ravel_multi_index(
                    [int(np.abs(axis.values - x).argmin()) for axis, x in zip(axes, measured.index[i], strict=True)], [len(a) for a in axes]
                )
                width[template.start[row] : template.start[row + 1]] = 0.01
                values[template.start[row] + at], origin[template.start[row] + at] = value, Origin.MEASURED
        self.asked.append(0 if measured is None else len(measured))
        size = np.maximum(np.abs(values), 20e-12)
        lower, upper = (values - width * size, values + width * size) if self.intervals else (None, None)
        return _Filled(replace(template, values=values, origin=origin, lower=lower, upper=upper), {"model": "toy"})


def session(toy: Toy) -> Session:
    plugins = Plugins()
    plugins.register(toy, "toy")
    return Session(plugins)


def simulated(points: Points) -> set[tuple[object, ...]]:
    return {(arc, edge, *index) for arc, edge, index in zip(points.arcs, points.edges, points.index.tolist(), strict=True)}


TOY = FillSettings(model="toy")
TABLES = 2 * 3  # edges of the arcs of NOT and NAND2
TOTAL = TABLES * 49


# Until when


def test_tolerances_are_read() -> None:
    assert read_until("p99=2%") == {"p99": 0.02}
    assert read_until(" MAX = .1 , mean=0.5% ") == {"max": 0.1, "mean": 0.005}
    for text in ("", "2%", "p95=2%", "p99=0", "p99=2%,", "p99=-1"):
        with pytest.raises(UserError, match="unreadable tolerance"):
            read_until(text)


def test_widths_are_relative_with_a_floor_and_nothing_where_measured(template: Library) -> None:
    values, origin = template.values.copy(), template.origin.copy()
    row = template.position[next(key for key in template.keys if key.quantity == "cell_rise")]
    first = int(template.start[row])
    values[first : first + 3] = 50e-12, 2e-12, 70e-12
    origin[:] = Origin.FILLED
    origin[first + 2] = Origin.MEASURED
    made = template.with_values(values, origin, values - 1e-12, values + 3e-12)
    width, row_of = half_widths(made)
    assert width[row_of == row][:3] == pytest.approx([2 / 50, 2 / 20, 0.0])
    with pytest.raises(UserError, match="not every timing value has an interval"):
        half_widths(template.with_values(values, origin))


# Where more is asked


def refined(template: Library, widths: dict[int, np.ndarray]) -> Library:
    """Filled with the relative half-widths of some tables' values (7, 7), 0.1 % elsewhere; values of 1 ns."""
    values = np.full(len(template.values), 1e-9)
    half = np.full(len(values), 1e-12)
    for row, width in widths.items():
        half[template.start[row] : template.start[row + 1]] = width.ravel() * 1e-9
    return template.with_values(values, np.full(len(values), Origin.FILLED, dtype=np.uint8), values - half, values + half)


def test_the_next_simulations_take_most_variance_away(template: Library) -> None:
    """The slow twin: the covariance given a set of places by one inversion, the best next place by trying all."""
    rng = np.random.default_rng(5)
    rows = [row for row, key in enumerate(template.keys) if key.quantity == "cell_fall"][:2]
    widths = {row: rng.uniform(0.01, 0.2, (7, 7)) for row in rows}
    filled = refined(template, widths)
    steps = np.array(list(itertools.product(range(7), range(7))))
    apart = np.abs(steps[:, None] - steps[None])
    near = NEXT_SLEW ** apart[..., 0] * NEXT_LOAD ** apart[..., 1]
    covariance = {}
    for row in rows:
        width = widths[row].ravel()
        covariance[row] = [width[:, None] * near * width, 1e-6 * near]  # delay, and transition at 0.1 %

    def left(row: int, places: list[int]) -> float:
        total = 0.0
        for full in covariance[row]:
            known = full[:, places]
            rest = full - known @ np.linalg.solve(full[np.ix_(places, places)], known.T) if places else full
            total += float(np.trace(rest))
        return total

    chosen: dict[int, list[int]] = {row: [] for row in rows}
    order = []
    for _ in range(6):
        gains = {
            (row, place): left(row, chosen[row]) - left(row, [*chosen[row], place])
            for row in rows
            for place in range(49)
            if place not in chosen[row]
        }
        row, place = max(gains, key=lambda one: gains[one])
        chosen[row].append(place)
        axes = template.table(row).axes
        order.append((template.keys[row].arc, "fall", axes[0].values[place // 7], axes[1].values[place % 7]))
    points = plan_more(filled, template, None, 6)
    assert [(arc, edge, *index) for arc, edge, index in zip(points.arcs, points.edges, points.index.tolist(), strict=True)] == order


def test_what_was_asked_or_measured_is_not_asked_again(template: Library) -> None:
    filled = refined(template, {})
    first = plan_more(filled, template, None, 20)
    second = plan_more(filled, template, first, 1000)
    assert len(first) == 20
    assert len(second) == TOTAL - 20
    assert simulated(first).isdisjoint(simulated(second))
    origin = filled.origin.copy()
    origin[:] = Origin.MEASURED
    assert len(plan_more(replace(filled, origin=origin), template, None, 5)) == 0
    with pytest.raises(UserError, match="gives no intervals"):
        plan_more(replace(filled, lower=None), template, None, 5)


# Rounds


def test_it_ends_when_the_intervals_are_narrow_enough(anchors: list[Library], template: Library, tmp_path: Path) -> None:
    told: list[Round] = []
    own = settings(tmp_path)
    closed = close(
        anchors,
        TARGET,
        own,
        template=template,
        budget="9",
        rounds=3,
        until="p99=2%",
        settings=TOY,
        tell=told.append,
        session=session(Toy()),
    )
    assert closed.met
    assert [one.spent for one in told] == [3, 6], "three tables of six in each round, and the last round is not needed"
    assert [one.met for one in told] == [False, True]
    assert told == list(closed.rounds)
    first, last = told
    assert (first.widths["p99"], first.widths["max"]) == pytest.approx((0.1, 0.1))
    assert first.open_share == pytest.approx(0.5)
    assert last.widths["mean"] == pytest.approx(0.01 * (1 - 6 / TOTAL))
    asked = set(zip(closed.measured.arcs[:3], closed.measured.edges[:3], strict=True))
    assert asked.isdisjoint((one.key.arc, edge_of(one.key.quantity)) for one in first.worst)
    assert last.journal_calls == sum(one.calls for one in told) == len(log(tmp_path, "call"))
    assert len(log(tmp_path, "row")) == sum(one.simulated for one in told) == 6
    measured = closed.result.library.origin == Origin.MEASURED
    assert measured.sum() == 2 * 6


def test_it_ends_when_the_budget_is_spent_and_does_nothing_twice(anchors: list[Library], template: Library, tmp_path: Path) -> None:
    def run() -> ep.Closed:
        return close(
            anchors,
            TARGET,
            settings(tmp_path),
            template=template,
            budget="20",
            rounds=3,
            until="max=0.1%",
            settings=TOY,
            session=session(toy),
        )

    toy = Toy()
    closed = run()
    assert not closed.met
    assert [one.spent for one in closed.rounds] == toy.asked == [6, 13, 20]
    assert len(simulated(closed.measured)) == len(closed.measured) == 20
    rows = len(log(tmp_path, "row"))
    again = run()
    assert len(log(tmp_path, "row")) == rows == 20
    assert [one.reused for one in again.rounds] == [6, 7, 7]
    assert np.array_equal(again.result.library.values, closed.result.library.values)


def test_no_budget_is_a_fill_without_simulations(anchors: list[Library], template: Library, tmp_path: Path) -> None:
    closed = close(
        anchors, TARGET, settings(tmp_path), template=template, budget="0", until="p99=11%", settings=TOY, session=session(Toy())
    )
    assert closed.met
    assert [(one.asked, one.calls) for one in closed.rounds] == [(0, 0)]
    assert not (tmp_path / "log").exists()


def test_failed_simulations_are_left_out_and_not_asked_again(anchors: list[Library], template: Library, tmp_path: Path) -> None:
    key = next(key for key in template.keys if key.quantity == "cell_rise")
    load = float(template[key].axes[1].values[3])
    own = settings(tmp_path, f"complain@{load:.9g}", retries=0)
    closed = close(
        anchors, TARGET, own, template=template, budget="100%", rounds=3, until="max=0.01%", settings=TOY, session=session(Toy())
    )
    failed = ~np.isfinite(closed.measured.delay)
    assert len(simulated(closed.measured)) == len(closed.measured) == TOTAL
    assert len(closed.failures) == failed.sum() == sum(one.failed for one in closed.rounds) > 0
    assert [one.row for one in closed.failures] == (np.flatnonzero(failed) + 1).tolist()
    assert set(closed.measured.index[failed, 1]) == {load}
    assert (closed.result.library.origin == Origin.MEASURED).sum() == 2 * (~failed).sum()


def test_a_plan_of_somebody_elses_that_repeats_itself_is_not_paid_twice(anchors: list[Library], template: Library, tmp_path: Path) -> None:
    toy = Toy(forgetful=True)
    closed = close(anchors, TARGET, settings(tmp_path), template=template, budget="30", settings=TOY, session=session(toy))
    assert [one.spent for one in closed.rounds] == [3]
    assert len(log(tmp_path, "row")) == 3


def test_a_model_without_intervals_is_refused(anchors: list[Library], template: Library, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="choose a model that gives them"):
        close(anchors, TARGET, settings(tmp_path), template=template, settings=TOY, session=session(Toy(intervals=False)))
    with pytest.raises(UserError, match="0 rounds"):
        close(anchors, TARGET, settings(tmp_path), template=template, rounds=0, session=session(Toy()))


# The command


def test_the_command_closes_a_corner(command: Callable[..., subprocess.CompletedProcess[str]], toy_model: str, tmp_path: Path) -> None:
    library = EXAMPLE / "lib" / f"hkmg22_{TARGET.name}.lib"
    run = ["close", *(EXAMPLE / "lib" / f"hkmg22_{name}.lib" for name in ANCHORS), "--template", library, "--target", TARGET.name,
           "--model", toy_model, "--netlists", EXAMPLE / "cells.sp", "--models", EXAMPLE / "models.sp", "-o", "filled.lib", "--budget", 6,
           "--rounds", 2]  # fmt: skip
    good = command(*run, "--command", settings(tmp_path).command, "--until", "p99=1%")
    assert good.returncode == 0, good.stderr
    assert "round 1: 3 simulations in 2 calls" in good.stdout
    assert "half-widths of the intervals: p99" in good.stdout
    assert "the budget or the rounds are spent before the intervals meet p99=1%: 3 of" in good.stdout
    assert (tmp_path / "filled.lib").is_file()
    with (tmp_path / "filled.lib.measured.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3, "the plugin's plan knows nothing of earlier rounds, so the second had nothing new"
    assert all(float(row["delay"]) > 0 for row in rows)
    again = command(*run, "--command", settings(tmp_path).command, "--until", "p99=30%", "--json")
    told = json.loads(again.stdout)
    assert (told["met"], [one["reused"] for one in told["rounds"]]) == (True, [3])
    bad = command(*run, "--command", settings(tmp_path).command, "--until", "p95=30%")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "unreadable tolerance" in bad.stderr
