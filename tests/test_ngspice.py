"""Adapter ngspice: logic, decks, logs, runs that go wrong (with stand-ins for the simulator), and real simulations."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eda_plugin.adapters.ngspice import (
    Bench,
    NgspiceSettings,
    Row,
    Simulated,
    at_rest,
    evaluate,
    read_log,
    read_ports,
    sensitise,
    simulate,
    static_deck,
    transient_deck,
)
from eda_plugin.adapters.ngspice.log import parse_rows
from eda_plugin.domain import Arc, Cell, Corner, Pin, Points
from eda_plugin.errors import ParseError, UserError

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "hkmg22"
TYPICAL = Corner("tt", 0.8, 25)
NOT = Cell("NOT", pins=(Pin("A", "input"), Pin("Y", "output", "!A")))
NAND2 = Cell("NAND2", pins=(Pin("A", "input"), Pin("B", "input"), Pin("Y", "output", "!(A&B)")))
XOR2 = Cell("XOR2", pins=(Pin("A", "input"), Pin("B", "input"), Pin("Y", "output", "A^B")))


def plan(cells: Sequence[str], edges: Sequence[str], slews: Sequence[float], loads: Sequence[float]) -> Points:
    rows = list(itertools.product(cells, edges, slews, loads))
    arcs = tuple(Arc(cell, "Y", "A", "combinational", "negative_unate") for cell, *_ in rows)
    return Points.plan(arcs, tuple(row[1] for row in rows), np.array([row[2:] for row in rows], dtype=float))


def run(points: Points, settings: NgspiceSettings | None = None, workers: int = 1, corner: Corner = TYPICAL) -> Simulated:
    netlists, models = EXAMPLE / "cells.sp", EXAMPLE / "models.sp"
    return simulate(points, corner=corner, netlists=netlists, models=models, cells=(NOT, NAND2, XOR2), settings=settings, workers=workers)


def bench(settings: NgspiceSettings | None = None) -> Bench:
    netlists = EXAMPLE / "cells.sp"
    return Bench(TYPICAL, netlists, EXAMPLE / "models.sp", read_ports(netlists), settings or NgspiceSettings())


# Boolean functions


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("!(A&B)", lambda a, b, c: not (a and b)),
        ("A B + C'", lambda a, b, c: (a and b) or not c),
        ("A^B^C", lambda a, b, c: (a != b) != c),
        ("(A*B) | (C (A+B))", lambda a, b, c: (a and b) or (c and (a or b))),
        ("!A !B' 1", lambda a, b, c: not a and b),
        ("A & B ^ C | 0", lambda a, b, c: (a and b) != c),
        ("(A+B)'C", lambda a, b, c: not (a or b) and c),
    ],
)
def test_functions_agree_with_python(text: str, python: Callable[[bool, bool, bool], bool]) -> None:
    for a, b, c in itertools.product((False, True), repeat=3):
        assert evaluate(text, {"A": a, "B": b, "C": c}) is bool(python(a, b, c))


@pytest.mark.parametrize("text", ["", "A &", "(A", "A)", "A = B", "Q", "& A"])
def test_unreadable_functions_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="function"):
        evaluate(text, {"A": True, "B": True})


def test_side_inputs_let_the_arc_switch() -> None:
    found = sensitise(NAND2, Arc("NAND2", "Y", "A", "combinational", "negative_unate"))
    assert (found.side, found.inverting, found.other_edge("rise")) == ((("B", True),), True, "fall")
    positive = sensitise(XOR2, Arc("XOR2", "Y", "B", "combinational", "positive_unate"))
    assert (positive.side, positive.inverting) == ((("A", False),), False)
    assert sensitise(XOR2, Arc("XOR2", "Y", "B", "combinational", "", "A")).inverting


@pytest.mark.parametrize(
    ("arc", "words"),
    [
        (Arc("NAND2", "Y", "A", when="!B"), "no state"),
        (Arc("NAND2", "Y", "A", timing_sense="positive_unate"), "as positive_unate"),
        (Arc("NAND2", "Z", "A"), "functions for"),
        (Arc("NAND2", "Y", "C"), "inputs"),
        (Arc("NAND2", "Y", "A", when="B&Q"), "names 'Q'"),
    ],
)
def test_arcs_that_cannot_switch_are_refused(arc: Arc, words: str) -> None:
    with pytest.raises(UserError, match=words):
        sensitise(NAND2, arc)


# Netlists and decks


def test_ports_are_read_across_continuations_and_parameters(tmp_path: Path) -> None:
    path = tmp_path / "n.sp"
    path.write_text("* t\n.SUBCKT Nand2 A B ; inputs\n+ Y vdd\n* between\n+ vss w = 1u l=2u\n.ends\n.subckt inv a y params: w=1\n.ends\n")
    assert read_ports(path) == {"nand2": ("A", "B", "Y", "vdd", "vss"), "inv": ("a", "y")}
    (tmp_path / "empty.sp").write_text("r1 a b 1k\n")
    with pytest.raises(ParseError, match=r"no \.subckt"):
        read_ports(tmp_path / "empty.sp")
    with pytest.raises(UserError, match="cannot read"):
        read_ports(tmp_path / "none.sp")


def test_a_deck_is_the_same_each_time_and_uses_the_thresholds() -> None:
    halved = NgspiceSettings(lower=0.3, upper=0.7, derate=0.5)
    stimulus = sensitise(NAND2, Arc("NAND2", "Y", "A"))
    rows = [Row(1e-11, 1e-15, "rise", 1e-10), Row(2e-11, 2e-15, "fall", 1e-10)]
    text = transient_deck(bench(halved), NAND2, stimulus, rows, charge=True)
    assert text == transient_deck(bench(halved), NAND2, stimulus, rows, charge=True)
    # A slew of 10 ps between 30 and 70 %, doubled by the derate, is a ramp of 12.5 ps.
    assert "alter @vdrive[pwl] = [ 0 0 1.25e-12 0 1.375e-11 0.8 ]" in text
    assert "transition trig v(sense) val=0.56 td=1.25e-12 fall=1 targ v(sense) val=0.24 " in text
    assert "xcell drive supply sense supply 0 NAND2" in text
    assert text.count("meas tran supply ") == 2


def test_decks_name_what_is_missing() -> None:
    stimulus = sensitise(NAND2, Arc("NAND2", "Y", "A"))
    row = [Row(1e-11, 1e-15, "rise", 1e-10)]
    with pytest.raises(UserError, match=r"no \.subckt MUX"):
        static_deck(bench(), replace(NOT, name="MUX"), [{"A": True}])
    with pytest.raises(UserError, match="pins b"):
        static_deck(bench(), replace(NOT, name="NAND2"), [{"A": True}])
    with pytest.raises(UserError, match="process 't"):
        transient_deck(replace(bench(), corner=Corner("t\nquit", 0.8, 25)), NAND2, stimulus, row, charge=False)
    with pytest.raises(UserError, match="no model file for process 'tt'"):
        transient_deck(replace(bench(), models={"ss": EXAMPLE / "models.sp"}), NAND2, stimulus, row, charge=False)


def test_settings_are_checked() -> None:
    with pytest.raises(UserError, match="thresholds"):
        NgspiceSettings(lower=0.8, upper=0.2)
    with pytest.raises(UserError, match="positive"):
        NgspiceSettings(timeout=0)


# Logs


def test_logs_tell_values_misses_and_garbage() -> None:
    text = "noise = 3\nrow 0\nd_rise  =  1.5e-12 targ=  2e-12 trig=  0.5e-12\n"
    text += " meas tran x trig v(a) failed!\ny = failed\ni(v1) = -2e-9\ndone 0\n"
    rows = parse_rows(text + "row 1\nd_rise = 1e-1x targ= 1\ndone 1\nrow 2\nd_rise = 3\n")
    assert rows[0].values == {"d_rise": 1.5e-12, "i(v1)": -2e-9}
    assert rows[0].failed == ["x", "y"]
    assert rows[1].garbled == {"d_rise": "1e-1x"}
    assert [row.done for row in rows.values()] == [True, True, False]


def test_a_foreign_log_is_read_by_name(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_text("Circuit: x\ntphl  =  2.0e-11 targ= 3e-11 trig= 1e-11\n meas tran tplh trig v(a) failed!\n")
    found = read_log(path)
    assert found["tphl"] == 2e-11
    assert math.isnan(found["tplh"])
    path.write_text("tphl  =  oops targ= 3e-11 trig= 1e-11\n")
    with pytest.raises(ParseError, match=r"run\.log:1:\d+: measure tphl"):
        read_log(path)
    path.write_text("nothing here\n")
    with pytest.raises(ParseError, match="no measure"):
        read_log(path)
    with pytest.raises(UserError, match="cannot read"):
        read_log(tmp_path / "none.log")


# A simulator that goes wrong


@pytest.fixture
def stand_in(tmp_path: Path) -> Callable[[str], str]:
    """A program that answers each row of a deck as ngspice would (delay 10 ps, transition 20 ps), after ``trouble(load)``."""

    def make(trouble: str) -> str:
        program = tmp_path / "fakespice"
        program.write_text(
            f"#!{sys.executable}\n"
            "import os, re, sys, time\n"
            f"def trouble(load):\n    {trouble}\n"
            "text = open(sys.argv[2]).read()\n"
            "for number, block in re.findall(r'echo row (\\d+)\\n(.*?)destroy all', text, re.S):\n"
            "    print('row', number)\n"
            "    sys.stdout.flush()\n"
            "    trouble(float(re.search(r'cload = (\\S+)', block)[1]))\n"
            "    end = 0.8 if 'rise=1\\n' in block else 0.0\n"
            "    for name, value in dict(delay=1e-11, transition=2e-11, end=end).items():\n"
            "        print(f'{name} = {value} targ= 1 trig= 1')\n"
            "    print('done', number)\n"
            "    sys.stdout.flush()\n"
        )
        program.chmod(0o755)
        return str(program)

    return make


PLAN = plan(["NOT"], ["rise", "fall"], [1e-11], [1e-16, 1e-15, 2e-15, 1e-14])


def test_a_good_stand_in_answers_everything(stand_in: Callable[[str], str]) -> None:
    found = run(PLAN, NgspiceSettings(program=stand_in("pass")))
    assert not found.failures
    assert np.allclose(found.points.delay, 1e-11)
    assert np.allclose(found.points.transition, 2e-11)
    assert np.isnan(PLAN.delay).all()


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("if load == 1e-15: os.abort()", "signal 6"),
        ("if load == 1e-15: sys.exit('singular matrix')", "exit status 1: singular matrix"),
        ("if load == 1e-15: time.sleep(60)", "did not end within 2 s"),
        ("if load == 1e-15: print('delay = 1.2.3 targ= 1 trig= 1')", "'1.2.3' for delay"),
    ],
)
def test_one_bad_row_costs_only_its_points(stand_in: Callable[[str], str], trouble: str, reason: str) -> None:
    found = run(PLAN, NgspiceSettings(program=stand_in(trouble), timeout=2, retries=0))
    bad = PLAN.index[:, 1] == 1e-15
    assert np.isnan(found.points.delay[bad]).all()
    assert np.isfinite(found.points.delay[~bad]).all()
    assert len(found.failures) == 2
    assert all(reason in str(failure) and "load 1e-15" in str(failure) for failure in found.failures)


def test_a_crash_that_does_not_come_back_is_forgotten(stand_in: Callable[[str], str], tmp_path: Path) -> None:
    once = (
        f"\n    if load == 1e-15 and not os.path.exists({str(tmp_path / 'x')!r}):\n        open({str(tmp_path / 'x')!r}, 'w'); os.abort()"
    )
    assert not run(PLAN, NgspiceSettings(program=stand_in(once))).failures


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("os.abort()", "signal 6"),
        ("sys.exit(0)", "no result"),
        ("time.sleep(60)", "did not end within"),
        ("print('\\x00\\xff garbage'); os._exit(0)", "no result"),
    ],
)
def test_no_answer_at_all_is_an_error(stand_in: Callable[[str], str], trouble: str, reason: str) -> None:
    with pytest.raises(UserError, match=f"none of the 8 points.*{reason}"):
        run(PLAN, NgspiceSettings(program=stand_in(trouble), timeout=0.5, retries=0))


def test_an_absent_simulator_is_named() -> None:
    with pytest.raises(UserError, match="cannot start the simulator 'nospice'"):
        run(PLAN, NgspiceSettings(program="nospice"))


def test_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "full"))
    with pytest.raises(UserError, match=r"cannot write a deck into .*full"):
        run(PLAN)


def test_requests_are_checked_first(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cell MUX is unknown"):
        run(plan(["MUX"], ["rise"], [1e-11], [1e-15]))
    with pytest.raises(UserError, match="positive slew"):
        run(plan(["NOT"], ["rise"], [0.0], [1e-15]))
    with pytest.raises(UserError, match="no model file"):
        simulate(PLAN, corner=TYPICAL, netlists=EXAMPLE / "cells.sp", models=tmp_path / "none.sp", cells=(NOT,))


# The real thing


def test_more_workers_and_another_order_change_nothing(needs_tool: Callable[[str], str]) -> None:
    settings = NgspiceSettings(program=needs_tool("ngspice"), rows=2)
    points = plan(["NOT", "NAND2"], ["rise", "fall"], [5e-12, 5e-11], [2e-16, 2e-15])
    turned = Points.plan(points.arcs[::-1], points.edges[::-1], points.index[::-1].copy())
    one, two = run(points, settings), run(turned, settings, workers=2)
    assert not one.failures
    assert np.array_equal(one.points.delay, two.points.delay[::-1])
    assert np.array_equal(one.points.transition, two.points.transition[::-1])
    assert (one.points.transition > 0).all()


def test_an_answer_does_not_depend_on_what_else_is_asked(needs_tool: Callable[[str], str]) -> None:
    settings = NgspiceSettings(program=needs_tool("ngspice"))
    many = run(plan(["NAND2"], ["rise", "fall"], [2e-11, 5e-11], [1e-15, 4e-15]), settings).points
    for place, (edge, index) in enumerate(zip(many.edges, many.index, strict=True)):
        one = run(plan(["NAND2"], [edge], [index[0]], [index[1]]), settings).points
        assert np.allclose([one.delay[0], one.transition[0]], [many.delay[place], many.transition[place]], rtol=2e-3)


def test_files_may_lie_anywhere_and_models_be_a_file_a_process(needs_tool: Callable[[str], str], tmp_path: Path) -> None:
    folder = tmp_path / "My Models, v2"
    folder.mkdir()
    section = (EXAMPLE / "models.sp").read_text().split(".lib devices\n")[1].split(".endl")[0]
    (folder / "Typical.sp").write_text("* typical\n.param slow_n=0 slow_p=0\n" + section)
    (folder / "Cells.sp").write_bytes((EXAMPLE / "cells.sp").read_bytes())
    points, settings = plan(["NOT"], ["rise"], [2e-11], [1e-15]), NgspiceSettings(program=needs_tool("ngspice"))
    models = {"tt": folder / "Typical.sp"}
    found = simulate(points, corner=TYPICAL, netlists=folder / "Cells.sp", models=models, cells=(NOT,), settings=settings)
    assert np.array_equal(found.points.delay, run(points, settings).points.delay)


def test_leakage_grows_with_temperature_and_knows_the_state(needs_tool: Callable[[str], str]) -> None:
    program = needs_tool("ngspice")
    cold, hot = (
        at_rest(replace(bench(NgspiceSettings(program=program)), corner=Corner("tt", 0.8, degrees)), NAND2) for degrees in (-40, 125)
    )
    assert all(0 < low.power < high.power for low, high in zip(cold, hot, strict=True))
    stacked, single = hot[0].power, hot[1].power
    assert stacked < single / 2  # two transistors off in series leak less than one
