"""Constraint rows of a plan: how they are read and written, searched for in the journal's regime, and put into a library."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import eda_plugin as ep
from eda_plugin.adapters.points import read, write
from eda_plugin.data.dataset import reveal
from eda_plugin.domain import Arc, Axis, Library, Origin, Points, Table, TableKey
from eda_plugin.errors import ParseError, UserError
from eda_plugin.flow.characterizing import SimulationSettings, characterize
from eda_plugin.flow.inputs import check_measured

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "hkmg22"
CORNER = "tt_025C_0v80"
STAND_INS = ROOT / "tests" / "data" / "simulators"
SETUP = Arc("DFFR", "D", "CK", "setup_rising")
PULSE = Arc("DFFR", "CK", "CK", "min_pulse_width")
INVERTER = Arc("NOT", "Y", "A", "combinational", "negative_unate")


@pytest.fixture(scope="module")
def template() -> Library:
    return ep.read(EXAMPLE / "lib" / f"hkmg22_{CORNER}.lib")[0]


def axes(template: Library, arc: Arc, edge: str) -> list[np.ndarray]:
    return [axis.values for axis in template[TableKey(*arc, f"{edge}_constraint")].axes]


def plan(template: Library) -> Points:
    related, constrained = axes(template, SETUP, "rise")
    (width,) = axes(template, PULSE, "fall")
    slew, load = (axis.values for axis in template[TableKey(*INVERTER, "cell_rise")].axes)
    index = np.array([[slew[2], load[3]], [related[1], constrained[1]], [width[1], np.nan]])
    return Points.plan((INVERTER, SETUP, PULSE), ("rise", "rise", "fall"), index)


def settings(tmp_path: Path, **changes: object) -> SimulationSettings:
    command = f"{sys.executable} -I -S {STAND_INS / 'search.py'} {tmp_path / 'log'} {{deck}}"
    usual = SimulationSettings(EXAMPLE / "cells.sp", EXAMPLE / "models.sp", command=command, jobs=2, batch=8, work=tmp_path / "work")
    return replace(usual, **changes)  # type: ignore[arg-type]


def truth(template: Library, points: Points, row: int) -> tuple[float, tuple[int, ...]]:
    table = template[TableKey(*points.arcs[row], f"{points.edges[row]}_constraint")]
    at = tuple(int(np.abs(axis.values - x).argmin()) for axis, x in zip(table.axes, points.index[row], strict=False))
    return float(table.values[at]), at


# Files


@pytest.mark.parametrize("name", ["plan.csv", "plan.parquet"])
@pytest.mark.parametrize("load_first", [False, True])
def test_both_indices_of_a_constraint_are_times_in_a_file(template: Library, tmp_path: Path, name: str, load_first: bool) -> None:
    points = plan(template)
    points = replace(points, delay=np.array([1e-11, -2e-12, np.nan]))
    write(points, tmp_path / name, header=template.header, answered=True, load_first=load_first)
    again = read(tmp_path / name, header=template.header, load_first=load_first)
    assert again.arcs == points.arcs
    assert np.array_equal(again.index, points.index, equal_nan=True)
    assert np.allclose(again.delay, points.delay, rtol=1e-15, atol=0, equal_nan=True)


def test_a_constraint_in_a_file_is_in_the_librarys_time(template: Library, tmp_path: Path) -> None:
    head = "cell,pin,related_pin,timing_type,timing_sense,when,edge,index_1,index_2,delay,transition\n"
    (tmp_path / "m.csv").write_text(head + "DFFR,D,CK,setup_rising,,,rise,0.002,0.003,0.004,\nDFFR,CK,CK,min_pulse_width,,,fall,0.002,,,\n")
    found = read(tmp_path / "m.csv", header=template.header)
    assert found.index[0].tolist() == pytest.approx([2e-12, 3e-12])
    assert found.delay[0] == pytest.approx(4e-12)
    assert np.isnan(found.index[1, 1])
    (tmp_path / "m.csv").write_text(head + "DFFR,D,CK,setup_rising,,,rise,0.002,,,\n")
    with pytest.raises(ParseError, match="column index_2: expected a finite number"):
        read(tmp_path / "m.csv", header=template.header)


# Into a library


def test_a_measured_constraint_stands_in_its_own_table(template: Library) -> None:
    points = replace(plan(template), delay=np.array([np.nan, 1.25e-11, 2.5e-11]))
    check_measured(points, template)
    known = np.full(len(template.values), np.nan)
    reveal(template, points, known)
    assert np.isfinite(known).sum() == 2
    for row in (1, 2):
        key = TableKey(*points.arcs[row], f"{points.edges[row]}_constraint")
        begin = template.start[template.position[key]]
        shape = template[key].values.shape
        assert known[begin + np.ravel_multi_index(truth(template, points, row)[1], shape)] == points.delay[row]
    with pytest.raises(UserError, match="the template has no rise constraint of DFFR CK -> Q setup_rising"):
        check_measured(replace(points, arcs=(INVERTER, Arc("DFFR", "Q", "CK", "setup_rising"), PULSE)), template)


def test_fill_keeps_measured_constraints(tmp_path: Path, template: Library) -> None:
    anchors = [ep.read(EXAMPLE / "lib" / f"hkmg22_{name}.lib")[0] for name in ("ss_n40C_0v72", "tt_085C_0v72", "ff_025C_0v80")]
    points = replace(plan(template), delay=np.array([1.234e-11, 1.5e-11, 2.5e-11]), transition=np.array([8e-12, np.nan, np.nan]))
    filled = ep.fill(anchors, CORNER, template=template, measured=points, settings=ep.FillSettings(model="ridge"), extrapolate=True).library
    for row in (1, 2):
        table = filled[TableKey(*points.arcs[row], f"{points.edges[row]}_constraint")]
        at = truth(template, points, row)[1]
        assert table.values[at] == points.delay[row]
        assert table.origin[at] == Origin.MEASURED


# Searched for


def test_constraints_are_searched_for_beside_delays(template: Library, tmp_path: Path) -> None:
    """The stand-in stores the right value where the edges are at least 7 ps apart, or the pulse 11 ps wide."""
    points = plan(template)
    done = characterize(points, CORNER, settings(tmp_path), template=template)
    assert not done.failures
    assert 7e-12 <= done.points.delay[1] <= 7e-12 + 1e-13
    assert 11e-12 <= done.points.delay[2] <= 11e-12 + 1e-13
    assert np.isnan(done.points.transition[1:]).all()
    assert np.isfinite(done.points.transition[0])
    again = characterize(points, CORNER, settings(tmp_path, jobs=1, batch=1), template=template)
    assert again.simulated == 0
    assert again.reused == done.simulated
    assert np.array_equal(again.points.delay, done.points.delay)


def test_a_search_that_was_broken_off_goes_on_where_it_was(template: Library, tmp_path: Path) -> None:
    points = plan(template)
    whole = characterize(points, CORNER, settings(tmp_path), template=template)
    journal = tmp_path / "work" / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[: len(lines) // 2]))
    rest = characterize(points, CORNER, settings(tmp_path), template=template)
    assert np.array_equal(rest.points.delay, whole.points.delay, equal_nan=True)
    assert 0 < rest.simulated < whole.simulated
    assert rest.simulated + rest.reused == whole.simulated


def test_a_search_that_fails_costs_its_row_only(template: Library, tmp_path: Path) -> None:
    own = settings(tmp_path, retries=0)
    done = characterize(plan(template), CORNER, replace(own, command=own.command.replace("{deck}", "{deck} crash")), template=template)
    assert [one.row for one in done.failures] == [2, 3]
    assert np.isfinite(done.points.delay[0])
    assert "exit status 3" in done.failures[0].reason
    slews = ", ".join(f"{x:g} s" for x in plan(template).index[1])
    assert done.failures[0].what == f"{SETUP} rise at slews {slews}"
    assert Path(done.failures[0].folder).is_dir()


@pytest.mark.parametrize("name", ["hspice", "xyce"])
def test_other_simulators_do_not_search_and_say_so(template: Library, tmp_path: Path, name: str) -> None:
    points = plan(template)
    command = f"{sys.executable} {STAND_INS / f'{name}.py'} " + ("-i {deck} -o {folder}/deck" if name == "hspice" else "{deck}")
    done = characterize(points, CORNER, settings(tmp_path, simulator=name, command=command), template=template)
    assert [one.row for one in done.failures] == [2, 3]
    assert {one.reason for one in done.failures} == {"not simulated: constraints are searched for with --simulator ngspice only"}
    assert np.isfinite(done.points.delay[0])


def test_what_cannot_be_searched_for_is_told_by_the_row(template: Library, tmp_path: Path) -> None:
    points = plan(template)
    flat = replace(points, index=np.array([[1e-11, 1e-15], [0.0, 1e-11], [-1e-11, np.nan]]))
    done = characterize(flat, CORNER, settings(tmp_path), template=template)
    assert {one.row: one.reason.partition(";")[0] for one in done.failures} == {2: "slews 0 s, 1e-11 s", 3: "slews -1e-11 s, -1e-11 s"}
    stated = {**template.header.thresholds, "input_threshold_pct_rise": 0.4}
    other = replace(template, header=replace(template.header, thresholds=stated))
    done = characterize(points, CORNER, settings(tmp_path), template=other)
    assert [one.row for one in done.failures] == [2, 3]
    assert "thresholds are the same for both edges" in done.failures[0].reason
    key = TableKey(*SETUP, "rise_constraint")
    load = Axis("related_out_total_output_net_capacitance", np.array([1e-15, 2e-15]))
    strange = Table(key, (load,), np.zeros(2), np.zeros(2, dtype=np.uint8))
    tables = [strange if table.key == key else table for table in template]
    odd = Library.from_tables(tables, name="odd", corner=template.corner, header=template.header, cells=template.cells)
    done = characterize(points, CORNER, settings(tmp_path), template=odd)
    assert "expected related_pin_transition and constrained_pin_transition" in done.failures[0].reason


def test_ngspice_finds_the_librarys_setup(needs_tool: Callable[[str], str], template: Library, tmp_path: Path) -> None:
    points = plan(template)
    one = Points.plan(points.arcs[1:2], points.edges[1:2], points.index[1:2])
    own = settings(tmp_path, command=f"{needs_tool('ngspice')} -b {{deck}}")
    done = characterize(one, CORNER, own, template=template)
    assert not done.failures
    assert done.points.delay[0] == pytest.approx(truth(template, points, 1)[0], abs=4e-13)  # the library's steps are coarser
