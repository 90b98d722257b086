"""Plans answered by the user's own simulator: decks, commands, failures, and the real thing. Stand-ins lie in tests/data/simulators."""

from __future__ import annotations

import csv
import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import eda_plugin as ep
from eda_plugin.adapters.simulators import Command, Run, Thresholds, find_netlists, read_models
from eda_plugin.domain import Arc, Header, Library, Points, TableKey
from eda_plugin.errors import ParseError, UserError
from eda_plugin.flow.characterizing import Characterized, SimulationSettings, characterize

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "hkmg22"
CORNER = "tt_025C_0v80"
STAND_INS = ROOT / "tests" / "data" / "simulators"
LOADS = (1e-16, 1e-15, 2e-15, 4e-15)


@pytest.fixture(scope="module")
def template() -> Library:
    return ep.read(EXAMPLE / "lib" / f"hkmg22_{CORNER}.lib")[0]


def plan(cells: Sequence[str] = ("NOT", "NAND2"), slews: Sequence[float] = (1e-11, 4e-11), loads: Sequence[float] = LOADS) -> Points:
    rows = list(itertools.product(cells, ("rise", "fall"), slews, loads))
    arcs = tuple(Arc(cell, "Y", "A", "combinational", "negative_unate") for cell, *_ in rows)
    return Points.plan(arcs, tuple(row[1] for row in rows), np.array([row[2:] for row in rows], dtype=float))


def settings(tmp_path: Path, trouble: str = "", **changes: object) -> SimulationSettings:
    """The stand-in for ngspice; its log is ``tmp_path/log``."""
    command = f"{sys.executable} -I -S {STAND_INS / 'ngspice.py'} {tmp_path / 'log'} '{trouble}' {{deck}}"
    usual = SimulationSettings(EXAMPLE / "cells.sp", EXAMPLE / "models.sp", command=command, jobs=2, batch=8, work=tmp_path / "work")
    return replace(usual, **changes)  # type: ignore[arg-type]


def log(tmp_path: Path, word: str) -> list[str]:
    return [line for line in (tmp_path / "log").read_text().splitlines() if line.split()[0] == word]


def expected(points: Points) -> np.ndarray:
    """The stand-ins' formula; hkmg22's slews run from 20 to 80 %."""
    return (1e-12 + 0.1 * points.index[:, 0] / 0.6 + 2e3 * points.index[:, 1]) / 0.8


# What goes in


def test_thresholds_follow_the_library_and_have_libertys_defaults() -> None:
    usual = Thresholds.of(Header())
    assert (usual.input["rise"], usual.lower["fall"], usual.upper["rise"], usual.derate) == (0.5, 0.2, 0.8, 1.0)
    stated = {"slew_lower_threshold_pct_rise": 0.3, "slew_upper_threshold_pct_rise": 0.7, "slew_derate_from_library": 0.5}
    own = Thresholds.of(Header(thresholds=stated))
    assert (own.lower["rise"], own.lower["fall"], own.derate) == (0.3, 0.2, 0.5)
    with pytest.raises(UserError, match="make no sense"):
        Thresholds.of(Header(thresholds={"slew_lower_threshold_pct_rise": 0.9}))


def test_models_are_a_section_a_card_or_what_a_toml_file_says(tmp_path: Path) -> None:
    models = (EXAMPLE / "models.sp").resolve()
    assert read_models(models, "ss").statements() == [f'.lib "{models}" ss']
    with pytest.raises(UserError, match=r"no section 'slow'; it has .*ss.*TOML"):
        read_models(models, "slow")
    card = tmp_path / "card.sp"
    card.write_text(".model nmos nmos level=54\n")
    assert read_models(card, "tt").statements("'") == [f".include '{card}'"]
    table = tmp_path / "models.toml"
    table.write_text(
        f'power = ["VPWR"]\nidle_load = 1e-15\n[process.slow]\nfile = "{models}"\nsections = ["SS"]\ninclude = ["card.sp"]\n'
        "parameters = { mc = 1, shift = 2.5e-2 }\n"
    )
    told = read_models(table, "Slow")
    assert told.statements() == [".param mc=1", ".param shift=0.025", f'.lib "{models}" ss', f'.include "{card}"']
    assert (told.power, told.idle_load) == (("vpwr",), 1e-15)
    with pytest.raises(UserError, match=r"no table \[process.ff\]; there are slow"):
        read_models(table, "ff")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[process.tt]\nfiles = 'x'\n", "'files', which means nothing"),
        ("[process.tt]\n", "names no file"),
        ("x = 1\n", "'x', which means nothing"),
        ("", "no table"),
        ("[process.tt]\nfile = 'none.sp'\n", "no model file"),
        ("[process.tt]\nfile = 3\n", "no file's name"),
        ("[process.tt]\nfile = 'card.sp'\nparameters = { a = 'x' }\n", "expected a name and a number"),
        ("options = 'x'\n[process.tt]\nfile = 'card.sp'\n", "expected a list of texts"),
        ("idle_load = -1\n[process.tt]\nfile = 'card.sp'\n", "expected a capacitance"),
        ("[process.tt\n", "unreadable as TOML"),
    ],
)
def test_a_toml_file_that_says_something_else_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "card.sp").write_text(".model nmos nmos\n")
    (tmp_path / "models.toml").write_text(text)
    with pytest.raises(UserError, match=message):
        read_models(tmp_path / "models.toml", "tt")


def test_netlists_are_a_file_or_a_folder_in_which_each_cell_stands_once(tmp_path: Path) -> None:
    (tmp_path / "inv.sp").write_text(".subckt INV A Y vdd vss\n.ends\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "nand.CDL").write_text(".subckt nand2 A B Y\n+ vdd vss\n.ends\n.subckt INV2 A Y vdd vss\n.ends\n")
    (tmp_path / "bench.sp").write_text("* a deck\nv1 1 0 1\n.end\n")
    (tmp_path / "two.spice").write_text(".subckt inv2 A Y vdd vss\n.ends\n")
    found = find_netlists(tmp_path, ["INV", "NAND2", "INV2", "MUX"])
    assert getattr(found["NAND2"], "ports", ()) == ("A", "B", "Y", "vdd", "vss")
    assert getattr(found["INV"], "path", "") == str(tmp_path / "inv.sp")
    assert "two netlists" in str(found["INV2"])
    assert "no .subckt MUX" in str(found["MUX"])
    with pytest.raises(UserError, match=r"no \.subckt MUX"):
        find_netlists(tmp_path, ["MUX"])
    with pytest.raises(UserError, match="no such file"):
        find_netlists(tmp_path / "none", ["INV"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no netlist"):
        find_netlists(tmp_path / "empty", ["INV"])
    with pytest.raises(ParseError, match=r"no \.subckt"):
        find_netlists(tmp_path / "bench.sp", ["INV"])


def test_a_command_is_a_template() -> None:
    deck = Path("/run/a b/deck.sp")
    assert Command("bsub -K -o '{folder}/out file' ngspice -b {deck}").words(deck)[-3:] == ["ngspice", "-b", "/run/a b/deck.sp"]
    assert Command('sbatch --wait --wrap "ngspice -b {deck}"').words(deck)[-1] == "ngspice -b '/run/a b/deck.sp'"
    for template, message in (("ngspice -b", "lacks {deck}"), ("x {deck} {what}", "{what} means nothing"), ("x '{deck}", "unreadable")):
        with pytest.raises(UserError, match=message):
            Command(template)


# Answers


def check_answers(done: Characterized, points: Points) -> None:
    assert not done.failures
    assert done.points.arcs == points.arcs
    assert np.allclose(done.points.delay, expected(points), rtol=1e-6, atol=0)
    assert np.allclose(done.points.transition, 2 * expected(points), rtol=1e-6, atol=0)


def test_all_rows_are_answered_in_the_order_of_the_plan(template: Library, tmp_path: Path) -> None:
    points = plan()
    done = characterize(points, CORNER, settings(tmp_path), template=template)
    check_answers(done, points)
    assert np.isnan(points.delay).all()
    assert (done.simulated, done.reused, done.version) == (32, 0, "ngspice-stand-in")
    assert done.calls == done.journal_calls == len(log(tmp_path, "call")) == 1 + 4
    assert not list((tmp_path / "work" / "runs").iterdir())


def test_jobs_batches_and_the_order_of_rows_change_nothing(template: Library, tmp_path: Path) -> None:
    points = plan(slews=(1e-11,), loads=LOADS[:2])
    turned = Points.plan(points.arcs[::-1], points.edges[::-1], points.index[::-1].copy())
    one = characterize(points, CORNER, settings(tmp_path, work=None, jobs=1, batch=1), template=template)
    two = characterize(turned, CORNER, settings(tmp_path, work=None, jobs=4, batch=100), template=template)
    assert np.array_equal(one.points.delay, two.points.delay[::-1])
    assert np.array_equal(one.points.transition, two.points.transition[::-1])


def test_finished_simulations_are_used_again_but_never_at_another_corner(template: Library, tmp_path: Path) -> None:
    points = plan()
    first = characterize(points, CORNER, settings(tmp_path), template=template)
    more = plan(loads=(*LOADS, 6e-15))
    again = characterize(more, CORNER, settings(tmp_path, batch=3), template=template)
    assert (again.reused, again.simulated) == (32, 8)
    assert np.array_equal(characterize(points, CORNER, settings(tmp_path), template=template).points.delay, first.points.delay)
    seen = len(log(tmp_path, "row"))
    for corner in ("tt,0.81,25", "tt,0.8,26", "ss,0.8,25"):
        other = characterize(points, corner, settings(tmp_path), template=template)
        assert (other.reused, other.simulated) == (0, 32)
    assert len(log(tmp_path, "row")) == seen + 3 * 32 == len({*log(tmp_path, "row")})
    newer = characterize(points, CORNER, settings(tmp_path, version="ngspice-99"), template=template)
    assert (newer.reused, newer.simulated) == (0, 32)


def test_another_netlist_or_model_is_another_simulation_wherever_the_files_lie(template: Library, tmp_path: Path) -> None:
    points = plan(cells=("NOT",))
    characterize(points, CORNER, settings(tmp_path), template=template)
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("cells.sp", "models.sp"):
        (moved / name).write_bytes((EXAMPLE / name).read_bytes())
    own = settings(tmp_path, netlists=moved, models=moved / "models.sp")
    assert characterize(points, CORNER, replace(own, netlists=moved / "cells.sp"), template=template).reused == len(points)
    (moved / "inner.sp").write_text("* nothing\n")
    (moved / "models.sp").write_text('.include "inner.sp"\n' + (EXAMPLE / "models.sp").read_text())
    assert characterize(points, CORNER, replace(own, netlists=moved / "cells.sp"), template=template).reused == 0
    (moved / "inner.sp").write_text("* something\n")
    assert characterize(points, CORNER, replace(own, netlists=moved / "cells.sp"), template=template).reused == 0


def test_an_output_that_settles_late_gets_more_time(template: Library, tmp_path: Path) -> None:
    points = plan(cells=("NOT",), slews=(1e-11,))
    done = characterize(points, CORNER, settings(tmp_path, "late@1e-15"), template=template)
    assert [one.row for one in done.failures] == [2, 6]
    assert "stood at 0.3 V, not at its rail, 7.86432e-06 s after" in done.failures[0].reason
    assert done.simulated == 8 + 2 * 7  # four times the time until 10 us are passed


# What goes wrong


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("crash", "signal 6"),
        ("complain", "exit status 1: Error: singular matrix"),
        ("hang", "did not end within 3 s"),
        ("full", "No space left on device"),
        ("garbage", "'1.2.3' for delay; expected a number"),
        ("leave", "ended well and left no result"),
    ],
)
def test_one_bad_simulation_costs_only_itself(template: Library, tmp_path: Path, trouble: str, reason: str) -> None:
    points = plan(cells=("NOT",), slews=(1e-11,))
    limit = 3 if trouble == "hang" else 300
    done = characterize(points, CORNER, settings(tmp_path, f"{trouble}@1e-15", timeout=limit, batch=4, retries=0), template=template)
    bad = points.index[:, 1] == 1e-15
    assert np.isnan(done.points.delay[bad]).all()
    assert np.allclose(done.points.delay[~bad], expected(points)[~bad], rtol=1e-6, atol=0)
    assert [one.row for one in done.failures] == [2, 6]
    for one in done.failures:
        assert reason in one.reason
        assert "slew 1e-11 s, load 1e-15 F" in one.what
        assert (Path(one.folder) / "deck.sp").is_file()
    assert len(log(tmp_path, "row")) == len({*log(tmp_path, "row")}) == 6, "no finished simulation is done twice"
    for line in log(tmp_path, "child"):
        deadline = time.monotonic() + 10
        while alive(int(line.split()[1])) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not alive(int(line.split()[1])), "a hanging simulator is ended with its children"


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]
    except OSError:
        return False


def test_a_crash_that_does_not_come_back_is_forgotten(template: Library, tmp_path: Path) -> None:
    flag = tmp_path / "once"
    wrapper = tmp_path / "wrapper"
    inner = settings(tmp_path).command.replace("{deck}", '"$1"')
    wrapper.write_text(f"#!/bin/sh\nif grep -q 'source row1' \"$1\" && [ ! -e {flag} ]; then : >{flag}; exit 3; fi\nexec {inner}\n")
    wrapper.chmod(0o755)
    points = plan()
    done = characterize(points, CORNER, settings(tmp_path, command=f"{wrapper} {{deck}}", jobs=1), template=template)
    assert flag.exists()
    check_answers(done, points)


def test_a_simulator_that_never_answers_is_not_called_for_ever(template: Library, tmp_path: Path) -> None:
    points = plan(slews=[x * 1e-12 for x in range(2, 30)])
    done = characterize(points, CORNER, settings(tmp_path, command="false {deck}", version="1", batch=50, jobs=1), template=template)
    assert len(done.failures) == len(points) == 448
    assert done.calls == 8
    assert any("exit status 1" in one.reason for one in done.failures)
    assert "8 calls of the simulator in a row gave no answer" in done.failures[-1].reason


def test_a_simulator_that_is_not_there_is_an_error_of_the_users(template: Library, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot start the simulator 'nospice {deck}'.*127.*not found"):
        characterize(plan(), CORNER, settings(tmp_path, command="nospice {deck}"), template=template)
    with pytest.raises(UserError, match="told no version of ngspice"):
        characterize(plan(), CORNER, settings(tmp_path, command="true {deck}"), template=template)
    with pytest.raises(UserError, match="least of decks"):
        characterize(plan(), CORNER, settings(tmp_path, command="false {deck}"), template=template)


def test_a_full_disk_on_our_side_costs_what_it_hits(template: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = plan(cells=("NOT",), slews=(1e-11,))
    make = Run.make

    def fails(place: Path, files: dict[str, str], note: dict[str, object]) -> Run:
        if "cload sense 0 2e-15" in files.get("row0.cir", ""):
            raise OSError(28, "No space left on device")
        return make(place, files, note)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "make", staticmethod(fails))
        done = characterize(points, CORNER, settings(tmp_path, batch=1, retries=0), template=template)
    assert [one.row for one in done.failures] == [3, 7]
    assert "No space left on device; make room" in done.failures[0].reason
    again = characterize(points, CORNER, settings(tmp_path), template=template)
    assert (again.reused, again.simulated) == (6, 2)


def test_a_journal_that_cannot_be_written_is_told_and_loses_nothing(
    template: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = plan(cells=("NOT",))
    write, full = os.write, [False]

    def half(handle: int, data: bytes) -> int:
        if b'"row"' in data:
            full[0] = True
            return write(handle, data[: len(data) // 2])
        return write(handle, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        with pytest.warns(UserWarning, match=r"cannot write the journal .*: no space left"):
            done = characterize(points, CORNER, settings(tmp_path), template=template)
    assert full[0]
    check_answers(done, points)
    again = characterize(points, CORNER, settings(tmp_path), template=template)
    check_answers(again, points)
    assert (again.reused, again.simulated) == (16, 0), "the folders of the runs still held the results"


def test_what_cannot_be_simulated_is_a_failure_of_its_rows_only(template: Library, tmp_path: Path) -> None:
    netlists = tmp_path / "cells.sp"
    netlists.write_text((EXAMPLE / "cells.sp").read_text().replace(".subckt NAND2 A B Y", ".subckt NAND2 A C Y"))
    points = plan(cells=("NOT", "NAND2"), slews=(1e-11, -1.0), loads=(1e-15,))
    done = characterize(points, CORNER, settings(tmp_path, netlists=netlists), template=template)
    reasons = {one.row: one.reason for one in done.failures}
    assert sorted(reasons) == [2, 4, 5, 6, 7, 8]
    assert "positive slew" in reasons[2]
    assert "pins c, b stand in the netlist or in the library, not in both" in reasons[5]


def test_a_work_folder_that_cannot_be_made_is_named(template: Library, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot make the work folder .*file"):
        characterize(plan(), CORNER, settings(tmp_path, work=tmp_path / "file" / "work"), template=template)


def test_two_runs_do_not_share_a_work_folder(template: Library, tmp_path: Path) -> None:
    from eda_plugin.flow.journal import Journal

    (tmp_path / "work").mkdir()
    with Journal(tmp_path / "work" / "journal.jsonl"), pytest.raises(UserError, match="another run has this journal open"):
        characterize(plan(), CORNER, settings(tmp_path), template=template)


# The other simulators


@pytest.mark.parametrize(("name", "calls"), [("hspice", 1 + 2), ("xyce", 1 + 8)])
def test_decks_of_other_simulators_pass_their_stand_ins(template: Library, tmp_path: Path, name: str, calls: int) -> None:
    points = plan()
    script = f"{sys.executable} {STAND_INS / f'{name}.py'}"
    command = f"{script} -i {{deck}} -o {{folder}}/deck" if name == "hspice" else f"{script} {{deck}}"
    own = settings(tmp_path, simulator=name, command=command, batch=32)
    done = characterize(points, CORNER, own, template=template)
    check_answers(done, points)
    assert done.calls == calls
    assert done.version == {"hspice": "HSPICE S-2021.09 stand-in", "xyce": "Xyce 7.8-stand-in"}[name]
    assert characterize(points, CORNER, own, template=template).simulated == 0


def test_a_fault_in_a_deck_is_seen_by_the_stand_in(template: Library, tmp_path: Path) -> None:
    table = tmp_path / "models.toml"
    table.write_text(f'options = ["runlvl=5)"]\n[process.tt]\nfile = "{EXAMPLE / "models.sp"}"\n')
    command = f"{sys.executable} {STAND_INS / 'hspice.py'} -i {{deck}} -o {{folder}}/deck"
    own = settings(tmp_path, simulator="hspice", command=command, models=table, retries=0)
    done = characterize(plan(cells=("NOT",), slews=(1e-11,), loads=(1e-15,)), CORNER, own, template=template)
    assert [one.reason for one in done.failures] == [
        "the simulator ended with exit status 1: **error** unknown or malformed: .option runlvl=5)"
    ] * 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("$DATA1 SOURCE='HSPICE'\n.TITLE 'x'\n delay transition final alter#\n 1e-12 2e-12 0.8 1\n 1e-12", "ends inside a row"),
        ("$DATA1 SOURCE='HSPICE'\n.TITLE 'x'\n delay transition final alter#\n" + " 1e-12 2e-12 0.8 1\n" * 3, "3 rows for"),
        ("$DATA1 SOURCE='HSPICE'\n.TITLE 'x'\n tpd alter#\n" + " 1e-12 1\n", "no measure 'delay'|rows for"),
        ("\x00\x01 garbage", "no measure header"),
    ],
)
def test_a_measure_file_that_is_not_what_was_asked_for_is_refused(template: Library, tmp_path: Path, text: str, reason: str) -> None:
    answer = tmp_path / "answer"
    answer.write_text(text)
    own = settings(tmp_path, simulator="hspice", command=f'sh -c "cp {answer} deck.mt0" {{deck}}', version="1", retries=0)
    done = characterize(plan(cells=("NOT",), slews=(1e-11,), loads=(1e-15, 2e-15)), CORNER, own, template=template)
    assert len(done.failures) == 4
    assert all("can't be read" in one.reason for one in done.failures)
    assert any(re.search(reason, one.reason) for one in done.failures)


# The real thing


def real(tmp_path: Path, program: str) -> SimulationSettings:
    return SimulationSettings(EXAMPLE / "cells.sp", EXAMPLE / "models.sp", command=f"{program} -b {{deck}}", jobs=2, work=tmp_path / "real")


def known(template: Library, points: Points, row: int) -> tuple[float, float]:
    tables = [template[TableKey(*points.arcs[row], name)] for name in ({"rise": ("cell_rise", "rise_transition"),
              "fall": ("cell_fall", "fall_transition")}[points.edges[row]])]  # fmt: skip
    at = tuple(int(np.abs(axis.values - x).argmin()) for axis, x in zip(tables[0].axes, points.index[row], strict=True))
    return tables[0].values[at], tables[1].values[at]


def test_ngspice_gives_what_the_library_says(needs_tool: Callable[[str], str], template: Library, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    keys = [key for key in template.keys if key.quantity in ("cell_rise", "cell_fall") and key.timing_type == "combinational"]
    chosen = [keys[place] for place in rng.choice(len(keys), 12, replace=False)]
    index = np.array([[float(rng.choice(axis.values)) for axis in template[key].axes] for key in chosen])
    points = Points.plan(tuple(key.arc for key in chosen), tuple(key.quantity[5:] for key in chosen), index)
    done = characterize(points, CORNER, real(tmp_path, needs_tool("ngspice")), template=template)
    assert not done.failures
    for row in range(len(points)):
        delay, transition = known(template, points, row)
        assert done.points.delay[row] == pytest.approx(delay, rel=2e-3, abs=2e-14)
        assert done.points.transition[row] == pytest.approx(transition, rel=5e-3, abs=2e-14)


def test_three_languages_say_the_same_circuit(needs_tool: Callable[[str], str], template: Library, tmp_path: Path) -> None:
    """The decks of HSPICE and Xyce, their numbers put into ngspice, give what ngspice's own deck gives."""
    program = needs_tool("ngspice")
    points = plan(slews=(1e-11, 1e-10), loads=(1e-15,))
    own = characterize(points, CORNER, real(tmp_path, program), template=template).points
    for name, rest in (("hspice", "-i {deck} -o {folder}/deck"), ("xyce", "{deck}")):
        command = f"{sys.executable} {STAND_INS / f'{name}.py'} --by ngspice {rest}"
        done = characterize(points, CORNER, settings(tmp_path, simulator=name, command=command), template=template)
        assert not done.failures
        assert np.allclose(done.points.delay, own.delay, rtol=2e-3, atol=0)
        assert np.allclose(done.points.transition, own.transition, rtol=2e-3, atol=0)


def test_a_flip_flops_delays_in_three_languages_are_the_librarys(
    needs_tool: Callable[[str], str], template: Library, tmp_path: Path
) -> None:
    program = needs_tool("ngspice")
    clock, reset = (Arc("DFFR", "Q", *rest) for rest in (("CK", "rising_edge", "non_unate"), ("RN", "clear", "positive_unate")))
    rows = [(clock, "rise"), (clock, "fall"), (reset, "fall")]
    axes = template[TableKey(*clock, "cell_rise")].axes
    index = np.array([[axes[0].values[3], axes[1].values[3]]] * len(rows))
    points = Points.plan(tuple(row[0] for row in rows), tuple(row[1] for row in rows), index)
    found = [characterize(points, CORNER, real(tmp_path, program), template=template)]
    for name, rest in (("hspice", "-i {deck} -o {folder}/deck"), ("xyce", "{deck}")):
        command = f"{sys.executable} {STAND_INS / f'{name}.py'} --by ngspice {rest}"
        found.append(characterize(points, CORNER, settings(tmp_path, simulator=name, command=command), template=template))
    for done in found:
        assert not done.failures
        for row in range(len(points)):
            delay, transition = known(template, points, row)
            assert done.points.delay[row] == pytest.approx(delay, rel=2e-3)
            assert done.points.transition[row] == pytest.approx(transition, rel=1e-2)


def test_thresholds_and_derate_of_the_template_are_those_of_the_answer(
    needs_tool: Callable[[str], str], template: Library, tmp_path: Path
) -> None:
    points = plan(cells=("NOT",), slews=(4e-11,), loads=(2e-15,))
    stated = {f"slew_{side}_threshold_pct_{edge}": value for side, value in (("lower", 0.3), ("upper", 0.7)) for edge in ("rise", "fall")}
    header = replace(template.header, thresholds={**template.header.thresholds, **stated, "slew_derate_from_library": 2 / 3})
    other = replace(template, header=header)
    one = characterize(points, CORNER, real(tmp_path, needs_tool("ngspice")), template=template).points
    two = characterize(points, CORNER, real(tmp_path, needs_tool("ngspice")), template=other).points
    assert np.allclose(one.delay, two.delay, rtol=1e-3, atol=0), "0.4 of the swing in 2/3 of the slew is the same ramp"
    assert not np.allclose(one.transition, two.transition, rtol=1e-4, atol=0)
    assert np.allclose(one.transition, two.transition, rtol=0.1, atol=0)


def test_a_circuit_that_ngspice_cannot_read_is_told_with_its_words(
    needs_tool: Callable[[str], str], template: Library, tmp_path: Path
) -> None:
    netlists = tmp_path / "cells.sp"
    netlists.write_text(
        (EXAMPLE / "cells.sp").read_text().replace("xp1 Y A vdd vdd pfet\nxn1 Y A vss vss nfet\n.ends NOT", "xp1 Y A nope\n.ends")
    )
    own = replace(real(tmp_path, needs_tool("ngspice")), netlists=netlists, retries=0)
    done = characterize(plan(slews=(1e-11,), loads=(1e-15,)), CORNER, own, template=template)
    assert [one.row for one in done.failures] == [1, 2]
    assert "nope" in done.failures[0].reason


# The command


def test_the_command_writes_measured_points_and_failures(
    command: Callable[..., subprocess.CompletedProcess[str]], template: Library, tmp_path: Path
) -> None:
    points = plan(cells=("NOT",), slews=(1e-11,))
    ep.Plan(points, template.corner, template, 1).write(tmp_path / "plan.csv")
    run = ["characterize", "--plan", "plan.csv", "--netlists", EXAMPLE / "cells.sp", "--models", EXAMPLE / "models.sp", "--template",
           template.source, "--target", CORNER, "-o", "measured.csv"]  # fmt: skip
    bad = command(*run, "--command", settings(tmp_path, "complain@1e-15").command, "--retries", 0)
    assert bad.returncode == 1
    assert "6 simulations of tt_025C_0v80 by ngspice-stand-in" in bad.stdout
    assert "2 simulations have no answer; measured.csv.failures.csv lists them" in bad.stderr
    assert "singular matrix" in bad.stderr
    with (tmp_path / "measured.csv.failures.csv").open(newline="") as file:
        assert [row["row"] for row in csv.DictReader(file)] == ["2", "6"]
    good = command(*run, "--command", settings(tmp_path).command, "--json")
    assert good.returncode == 0
    told = json.loads(good.stdout)
    assert (told["simulated"], told["reused"], told["failed"]) == (2, 6, 0)
    assert (tmp_path / "measured.csv.failures.csv").read_text() == "row,what,reason,folder\n"
    with (tmp_path / "measured.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["index_2"]) for row in rows[:4]] == pytest.approx([load * 1e12 for load in LOADS])
    assert np.allclose([float(row["delay"]) * 1e-9 for row in rows], expected(points), rtol=1e-6, atol=0)
    strange = command(*run, "--command", "ngspice -b")
    assert (strange.returncode, strange.stdout) == (2, "")
    assert "lacks {deck}" in strange.stderr
