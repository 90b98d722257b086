"""Work done elsewhere: the same bytes wherever it is done, errors as they were raised, and what a dead worker or client costs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from clusters import dask_cluster, slurm
from distributed.comm.core import CommClosedError
from test_characterize import CORNER, EXAMPLE, settings
from test_characterize import plan as simulations

import eda_plugin as ep
from eda_plugin.cli.app import run
from eda_plugin.errors import ParseError, UserError
from eda_plugin.farm import LOSSES, Farm, Here, Lost, Processes, all_of, cluster, each, local, open_farm
from eda_plugin.flow import blocks, quality
from eda_plugin.flow.characterizing import characterize

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "farm.md"
DEATH = "__import__('os').kill(__import__('os').getpid(), 9)"
KILLS = 20
RESTARTS = 10
Make = Callable[..., Path]


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A scheduler and two workers, each a process of its own."""
    with dask_cluster(tmp_path_factory.mktemp("dask")) as cluster:
        yield cluster


@pytest.fixture(params=["here", "processes", "dask"])
def farm(request: pytest.FixtureRequest) -> Iterator[Farm]:
    made = open_farm(request.getfixturevalue("dask")) if request.param == "dask" else Processes(2) if request.param != "here" else Here()
    yield made
    made.close()


# The protocol


def test_answers_come_in_the_order_of_the_tasks(farm: Farm) -> None:
    told: list[int] = []
    words = ["__import__('time').sleep(0.3) or 0", "1", "2", "3"]
    assert each(farm, eval, words, words, lambda number, _: told.append(number)) == [0, 1, 2, 3]
    assert sorted(told) == [0, 1, 2, 3]


def test_an_error_arrives_as_it_was_raised(farm: Farm) -> None:
    code = "(_ for _ in ()).throw(__import__('eda_plugin.errors').errors.ParseError('odd', path='a.lib', line=3, token='{'))"
    with pytest.raises(ParseError, match="odd") as caught:
        each(farm, eval, ["1", code], ["well", "ill"])
    assert (caught.value.line, caught.value.token) == (3, "{")


@pytest.mark.parametrize("where", ["processes", "dask"])
def test_a_task_that_kills_its_workers_is_named_and_the_others_are_done(where: str, request: pytest.FixtureRequest) -> None:
    made = Processes(2) if where == "processes" else open_farm(request.getfixturevalue("dask"))
    try:
        answers = each(made, eval, ["1", DEATH, "2"], ["one", "the deadly one", "two"])
    finally:
        made.close()
    assert answers == [1, Lost("the deadly one", LOSSES + 1), 2]
    assert "the deadly one: its worker died 4 times" in str(answers[1])


def test_a_worker_that_dies_while_it_answers_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "BEAT", 0.3)
    said = f"{str(tmp_path / 'tried')!r}"
    send = f"lambda pipe, data: (__import__('os').write(pipe._handle, bytes([0, 0, 16, 0, 1, 2, 3])), {DEATH})"
    half = f"setattr(__import__('multiprocessing.connection').connection.Connection, '_send_bytes', {send})"
    words = f"__import__('os').path.exists({said}) or (open({said}, 'w').close(), {half})"
    with contextlib.closing(Processes(1)) as made:
        assert made.call(eval, words, "half an answer") is True
        assert made.call(eval, "7", "the next") == 7


class Scripted:
    """A scheduler's client and its only future, which gives what it is told to, in turn."""

    def __init__(self, status: str, *answers: object) -> None:
        self.status, self._answers = status, list(answers)
        self.scheduler = SimpleNamespace(address="tcp://head:8786")

    def submit(self, *_: object, **__: object) -> Scripted:
        return self

    def nthreads(self) -> dict[str, int]:
        return {"worker": 1}

    def result(self, timeout: float) -> object:
        answer = self._answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def release(self) -> None:
        assert not self._answers


def test_an_answer_lost_on_its_way_is_waited_for_again_and_the_works_own_timeout_is_not() -> None:
    lost = Scripted("finished", TimeoutError(), TimeoutError(), 7)  # its worker died while it sent it
    assert cluster.Dask(lost, 1).call(abs, -7, "abs") == 7
    with pytest.raises(TimeoutError, match="its own"):
        cluster.Dask(Scripted("error", TimeoutError("its own")), 1).call(abs, -7, "abs")


def test_a_connection_that_breaks_is_not_taken_for_the_works_own_error() -> None:
    with pytest.raises(UserError, match=r"abs: the connection to tcp://head:8786 broke \(reset\); run the same again"):
        cluster.Dask(Scripted("finished", CommClosedError("reset")), 1).call(abs, -7, "abs")
    with pytest.raises(CommClosedError, match="its own"):
        cluster.Dask(Scripted("error", CommClosedError("its own")), 1).call(abs, -7, "abs")


def test_where_all_answers_are_needed_one_that_lacks_is_an_error_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all_of(Here(), eval, ["1", "2"], ["one", "two"]) == [1, 2]
    monkeypatch.setattr(Here, "call", lambda _self, _work, _task, name: Lost(name, LOSSES + 1))
    with pytest.raises(UserError, match=r"one: its worker died 4 times in a row .*; give up sleep"):
        all_of(Here(), eval, ["1", "2"], ["one", "two"], advice="give up sleep")


# Names and options


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # dask-jobqueue leaves what it had begun open
@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("condor", {}, "no cluster 'condor'; expected local, tcp://"),
        ("tcp://nowhere", {}, "no cluster"),
        ("slurm", {}, r"how many jobs of slurm shall be started\? \[cluster\] jobs must say so, and it is missing"),
        ("lsf", {"jobs": 0}, "it is 0"),
        ("pbs", {"jobs": 1, "start_timeout": "soon"}, "start_timeout is 'soon'; expected seconds"),
        ("sge", {"jobs": 1, "qeue": "x"}, "don't suit sge"),
    ],
)
def test_a_cluster_that_cannot_be_is_refused(
    name: str, options: dict[str, Any], match: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=match):
        open_farm(name, options=options)


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "eda_plugin.farm.cluster", raising=False)
    with pytest.raises(UserError, match=r"needs the package distributed .*; install eda-plugin\[farm\]"):
        open_farm("tcp://127.0.0.1:1")


def test_nothing_of_a_cluster_is_imported_before_it_is_asked_for() -> None:
    code = (
        "import sys, eda_plugin.cli.app as a; a.run(['fill', '--help']); print({'dask', 'distributed', 'loky', 'numpy'} & set(sys.modules))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert said.stdout.splitlines()[-1] == "set()"


def test_an_interrupt_stays_an_interrupt_where_a_batch_system_is_used(tmp_path: Path) -> None:
    code = (
        "import signal; before = signal.getsignal(signal.SIGINT); from eda_plugin.farm import cluster; "
        f"cluster.batch('slurm', {{'log_directory': {str(tmp_path / 'log')!r}}}).close(); print(signal.getsignal(signal.SIGINT) is before)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert said.stdout.splitlines()[-1:] == ["True"], said.stderr


# The same bytes


def filled(folder: Path, libraries: list[Path], *options: str) -> dict[str, bytes]:
    """What `fill` writes."""
    out = folder / "filled.lib"
    words = [
        "fill",
        *map(str, libraries),
        "--target",
        "ss,1.60,100",
        "--model",
        "nearest",
        "--no-cache",
        "--quiet",
        "-o",
        str(out),
        *options,
    ]
    assert run(words) == 0
    found = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    for path in folder.iterdir():
        path.unlink()
    return found


def test_a_fill_in_blocks_is_the_same_with_any_workers(
    make_library: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dask: str
) -> None:
    cells = tuple(f"INV_{size}" for size in (1, 2, 4, 8))
    corners = ("ss,1.60,25", "ss,1.80,100", "ss,1.80,25", "tt,1.80,25")
    libraries = [make_library(corner, cells=cells) for corner in corners]
    out = tmp_path / "out"
    out.mkdir()
    whole = filled(out, libraries, "--workers", "1")
    monkeypatch.setattr(blocks, "VALUES", 120)
    one = filled(out, libraries, "--workers", "1")
    assert sorted(one) == ["filled.lib", "filled.lib.origin.csv.gz", "filled.lib.origin.parquet"]
    numbers = [ep.read(write(tmp_path / name, found["filled.lib"]))[0] for name, found in (("whole.lib", whole), ("blocks.lib", one))]
    assert numbers[0].keys == numbers[1].keys
    np.testing.assert_array_equal(numbers[0].values, numbers[1].values)  # each value hangs on its own cell's anchors alone in this model
    for options in (("--workers", "2"), ("--workers", "4"), ("--cluster", dask)):
        assert filled(out, libraries, *options) == one, options


def test_rules_are_the_same_with_any_workers(
    make_library: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], dask: str
) -> None:
    libraries = [str(make_library(corner)) for corner in ("ss,1.60,25", "ss,1.80,100", "tt,1.80,25")]
    monkeypatch.setattr(quality, "LARGE", 0)
    said = []
    for options in (("--workers", "1"), ("--workers", "2"), ("--cluster", dask)):
        status = run(["check", *libraries, "--json", *options])
        said.append((status, capsys.readouterr().out))
    assert json.loads(said[0][1])["findings"]
    assert said[0] == said[1] == said[2]


def test_the_pages_options_make_scripts_of_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The farm page's settings are taken by the batch systems that it names them for."""
    monkeypatch.chdir(tmp_path)
    tables = [tomllib.loads(text) for text in re.findall(r"^```toml\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)]
    seen = []
    for name, table in zip(("slurm", "lsf"), tables, strict=True):
        jobs, _, options = cluster.job_options(name, table["cluster"])
        made = cluster.batch(name, options)
        seen.append((jobs, made.job_script()))
        made.close()
    assert [jobs for jobs, _ in seen] == [20, 50]
    assert "#SBATCH -p normal" in seen[0][1]
    assert "source /proj/tools/eda/bin/activate" in seen[0][1]
    assert "#BSUB -q regress" in seen[1][1]
    assert '#BSUB -R "select[type==X86_64]"' in seen[1][1]


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def characterized(tmp_path: Path, name: str, farm: Farm) -> bytes:
    """What `characterize` writes, with the stand-in for ngspice; each with a journal of its own."""
    place = tmp_path / name
    place.mkdir()
    session = replace(ep.Session.load(), farm=farm)
    template = ep.read(EXAMPLE / "lib" / f"hkmg22_{CORNER}.lib")[0]
    done = characterize(simulations(), CORNER, settings(place, jobs=0, batch=4), template=template, session=session)
    assert not done.failures
    assert (place / "log").read_text().splitlines().count("call") == done.calls
    done.write(place / "measured.csv")
    return (place / "measured.csv").read_bytes()


def test_simulations_are_the_same_on_a_cluster(tmp_path: Path, dask: str) -> None:
    here = characterized(tmp_path, "here", Here())
    far = open_farm(dask)
    try:
        assert characterized(tmp_path, "dask", far) == here
    finally:
        far.close()


def test_bench_is_the_same_on_a_cluster(make_library: Make, tmp_path: Path, dask: str) -> None:
    folder = tmp_path / "libraries"
    folder.mkdir()
    for corner in ("ss,1.60,100", "ss,1.80,100", "tt,1.80,25"):
        place = make_library(corner)
        place.rename(folder / place.name)
    found = []
    for name, options in (("here", ["--jobs", "1"]), ("dask", ["--cluster", dask])):
        words = ["bench", str(folder), "--case", "B", "--target", "ss,1.60,100", "--target", "tt,1.80,25", "--model", "nearest"]
        assert run([*words, "--out", str(tmp_path / name), "--quiet", *options]) == 0
        rows = json.loads((tmp_path / name / "results.json").read_text())["runs"]
        found.append([{key: row[key] for key in ("target", "model", "score", "anchors")} for row in rows])
    assert found[0] == found[1]
    assert len(found[0]) == 2


def test_slurm_of_one_node_does_it_all(
    make_library: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needs_tool: Callable[[str], str]
) -> None:
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/usr/sbin:/sbin")
    libraries = [make_library(corner) for corner in ("ss,1.60,25", "ss,1.80,100", "tt,1.80,25")]
    out, place = tmp_path / "out", tmp_path / "slurm"
    out.mkdir()
    monkeypatch.setattr(blocks, "VALUES", 60)
    alone = filled(out, libraries, "--workers", "1")
    here = characterized(tmp_path, "here", Here())
    options = {
        "jobs": 2, "memory": "1GB", "walltime": "00:20:00", "job_directives_skip": ["--mem"], "log_directory": str(place / "logs"),
        "scheduler_options": {"host": "127.0.0.1"}, "job_script_prologue": [f"export PYTHONPATH={ROOT}"],
    }  # fmt: skip
    (tmp_path / "run.toml").write_text("[cluster]\n" + "".join(f"{name} = {toml(value)}\n" for name, value in options.items()))
    with slurm(place, needs_tool) as environment:
        monkeypatch.setenv("SLURM_CONF", environment["SLURM_CONF"])
        monkeypatch.setenv("EDA_PLUGIN_CONFIG", str(tmp_path / "run.toml"))
        assert filled(out, libraries, "--cluster", "slurm") == alone
        far = open_farm("slurm", options=options)
        try:
            assert characterized(tmp_path, "slurm_run", far) == here
        finally:
            far.close()


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(item)}" for name, item in value.items()) + " }"
    return json.dumps(value)


# Killed


DRIVER = """
import os, random, signal, sys, threading, time
from dataclasses import replace
from pathlib import Path
from distributed import Client
import eda_plugin as ep
from eda_plugin.farm import open_farm
from eda_plugin.flow import Session
from eda_plugin.flow.characterizing import characterize
sys.path.insert(0, {tests!r})
from test_characterize import CORNER, EXAMPLE, plan, settings

place, address = Path({place!r}), {address!r}
template = ep.read(EXAMPLE / "lib" / f"hkmg22_{{CORNER}}.lib")[0]
points = plan(slews=[x * 1e-12 for x in range(2, 26)])
own = settings(place, "0.1", batch=4, jobs=2, version="stand-in")
draw = random.Random(5)

def attempt():
    farm = open_farm(address)
    done = characterize(points, CORNER, own, template=template, session=replace(Session.load(), farm=farm))
    done.write(place / "measured.csv")
    farm.close()
    return done

def kill_workers():
    global killed
    client = Client(address, set_as_default=False)
    while killed < {kills} and not over:
        time.sleep(draw.uniform(0.05, 0.3))
        there = client.run(os.getpid, on_error="ignore")  # of those that have come up again
        if there:
            os.kill(draw.choice(sorted(there.values())), signal.SIGKILL)
            killed += 1
    client.close()

killed, over = 0, False
if {who!r} == "workers":
    killer = threading.Thread(target=kill_workers)
    killer.start()
    final = attempt()
    over = True
    killer.join()
else:
    while killed < {kills}:
        pid = os.fork()
        if not pid:
            try:
                attempt()
            finally:
                os._exit(0)
        time.sleep(draw.uniform(0.2, 1.2))
        ended, _ = os.waitpid(pid, os.WNOHANG)
        if ended:
            break
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        killed += 1
    final = attempt()
other = replace(own, work=place / "other", command=own.command.replace(str(place / "log"), str(place / "unheard")).replace("'0.1'", "''"))
characterize(points, CORNER, other, template=template).write(place / "undisturbed.csv")
print(killed, len(final.failures), len(points))
"""


@pytest.mark.parametrize(("who", "kills"), [("workers", KILLS), ("client", RESTARTS)])
def test_killed_again_and_again_nothing_is_lost_or_done_twice(who: str, kills: int, tmp_path: Path, dask: str) -> None:
    script = DRIVER.format(tests=str(ROOT / "tests"), place=str(tmp_path), address=dask, who=who, kills=kills)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=400, env=environment)
    assert done.returncode == 0, done.stderr
    killed, failed, wanted = map(int, done.stdout.split())
    assert (killed, failed) == (kills, 0)
    rows = [line for line in (tmp_path / "log").read_text().splitlines() if line.startswith("row ")]
    assert len(rows) == len(set(rows)) == wanted, "a simulation outlives its worker and its client, and is waited for"
    assert (tmp_path / "measured.csv").read_bytes() == (tmp_path / "undisturbed.csv").read_bytes()
