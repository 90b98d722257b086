"""``characterize`` killed in the midst of its work, at random, again and again: nothing that was finished is lost or done twice."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from eda_plugin.adapters.simulators import Run, adopt
from eda_plugin.errors import ParseError
from eda_plugin.flow.journal import Journal

ROOT = Path(__file__).resolve().parent.parent
KILLS = 20

# Imports once; each attempt is a fork of it, so that twenty kills take seconds.
DRIVER = """
import contextlib, os, random, signal, sys, time
from dataclasses import replace
from pathlib import Path
import eda_plugin as ep
from eda_plugin.flow.characterizing import characterize
sys.path.insert(0, {tests!r})
from test_characterize import CORNER, EXAMPLE, plan, settings

place, everything, kills = Path({place!r}), {everything!r}, {kills!r}
template = ep.read(EXAMPLE / "lib" / f"hkmg22_{{CORNER}}.lib")[0]
points = plan(slews=[x * 1e-12 for x in range(2, 17)])
own = settings(place, "0.1", batch=4, jobs=2, version="stand-in")
draw = random.Random(3)

def attempt():
    pid = os.fork()
    if pid:
        return pid
    try:
        done = characterize(points, CORNER, own, template=template)
        done.write(place / "measured.csv")
    finally:
        os._exit(0)

killed = 0
while killed < kills:
    pid = attempt()
    time.sleep(draw.uniform(0.01, 0.25))
    ended, _ = os.waitpid(pid, os.WNOHANG)
    if ended:
        break
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    killed += 1
    if everything:  # as when the machine goes down
        for note in (place / "work" / "runs").glob("*/pid"):
            with contextlib.suppress(OSError, ValueError):
                os.killpg(int(note.read_text()), signal.SIGKILL)
os.waitpid(attempt(), 0)
final = characterize(points, CORNER, own, template=template)
own = replace(own, work=place / "other", command=own.command.replace(str(place / "log"), str(place / "unheard")).replace("'0.1'", "''"))
characterize(points, CORNER, own, template=template).write(place / "undisturbed.csv")
print(killed, final.journal_calls, final.simulated, len(points))
"""


@pytest.mark.parametrize("everything", [False, True], ids=["us alone", "the simulators too"])
def test_killed_twenty_times_nothing_finished_is_lost_or_done_twice(tmp_path: Path, everything: bool) -> None:
    script = DRIVER.format(tests=str(ROOT / "tests"), place=str(tmp_path), everything=everything, kills=KILLS)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    killed, calls, simulated, wanted = map(int, done.stdout.split())
    assert killed == KILLS
    assert simulated == 0, "the attempt before had answered all"
    lines = (tmp_path / "log").read_text().splitlines()
    rows = [line for line in lines if line.startswith("row ")]
    assert len(rows) == len(set(rows)), "a finished simulation was done twice"
    if not everything:
        assert calls == lines.count("call"), "the journal knows of every call and of no other"
        assert len(rows) == wanted, "a simulation that was under way at the kill is waited for, not done again"
    else:
        assert calls >= lines.count("call")
    assert (tmp_path / "measured.csv").read_bytes() == (tmp_path / "undisturbed.csv").read_bytes()


def test_a_simulation_that_outlived_us_and_its_time_is_ended(tmp_path: Path) -> None:
    run = Run.make(tmp_path, {"deck.sp": "* deck\n"}, {"simulator": "ngspice", "keys": ["a"]})
    with (run.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        left = subprocess.Popen(["sleep", "300"], start_new_session=True, pass_fds=[lock.fileno()])
    (run.folder / "pid").write_text(str(left.pid))
    os.utime(run.folder / "lock", (0, time.time() - 60))
    try:
        adopt([run], timeout=1)
        assert left.wait(timeout=30) == -signal.SIGKILL
    finally:
        left.kill()


# The journal


def test_a_journal_keeps_numbers_bit_for_bit(tmp_path: Path) -> None:
    values = {f"k{place}": {"delay": float(x)} for place, x in enumerate(np.random.default_rng(0).normal(size=50) * 1e-11)}
    with Journal(tmp_path / "j") as journal:
        assert journal.record("run-1", {"asked": 50}, values) == ""
        assert journal.record("run-1", {"asked": 50}, {"other": {"delay": 1.0}}) == "", "a call is recorded once"
    with Journal(tmp_path / "j") as journal:
        assert journal.rows == values
        assert (journal.calls, journal.runs["run-1"]) == (1, {"asked": 50})


def test_a_torn_end_is_taken_off_wherever_it_is_torn(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal(path) as journal:
        journal.record("run-1", {"asked": 1}, {"a": {"delay": 1e-12}})
        journal.record("run-2", {"asked": 1}, {"b": {"delay": 2e-12}})
    whole = path.read_bytes()
    ends = list(itertools.accumulate(len(line) for line in whole.splitlines(keepends=True)))
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with Journal(path) as journal:
            kept = sum(end <= cut for end in ends)
            assert (len(journal.rows), journal.calls) == ((kept > 1) + (kept > 3), (kept > 2) + (kept > 4))
            journal.record("run-3", {"asked": 1}, {"c": {"delay": 3e-12}})
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert lines[0]["version"] == 1
        assert lines[-1] == {"run": "run-3", "asked": 1}


@pytest.mark.parametrize(("line", "place"), [("garbage\n", 2), ('{"row": "x", "values": 3}\n', 2), ('{"what": 1}\n', 2)])
def test_a_damaged_line_in_the_midst_is_named(tmp_path: Path, line: str, place: int) -> None:
    path = tmp_path / "j"
    with Journal(path) as journal:
        journal.record("run-1", {"asked": 1}, {"a": {"delay": 1e-12}})
    head, *rest = path.read_text().splitlines(keepends=True)
    path.write_text("".join([head, line, *rest]))
    with pytest.raises(ParseError, match=rf"j:{place}: damaged journal; take the line out"):
        Journal(path)


def test_another_file_is_no_journal(tmp_path: Path) -> None:
    (tmp_path / "j").write_text("cell,pin\nINV,A\n")
    with pytest.raises(ParseError, match="j:1: damaged journal; expected the line"):
        Journal(tmp_path / "j")
    assert (tmp_path / "j").read_text() == "cell,pin\nINV,A\n"
