"""Run folders: what they hold, that a run can be done again from them, and that two can be compared."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import liberty_text

from eda_plugin import flow
from eda_plugin.cli.app import app, run
from eda_plugin.domain import Corner
from eda_plugin.errors import UserError
from eda_plugin.flow.runs.files import below, timeless
from eda_plugin.flow.runs.log import read_log, timings
from eda_plugin.flow.runs.place import next_folder

Run = Callable[..., "Ended"]
ROOT = Path(__file__).resolve().parent.parent


def load(path: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return found


@dataclass
class Ended:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line in ``tmp_path``, within this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(ROOT)))))

    def call(*words: object) -> Ended:
        capsys.readouterr()
        status = run(list(map(str, words)))
        told = capsys.readouterr()
        return Ended(status, told.out, told.err)

    return call


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fill of two inverters, its anchors given by relative paths and a folder; what stands there stays as it is."""
    place = tmp_path_factory.mktemp("first")
    (place / "lib").mkdir()
    for corner in ("ss,1.80,100", "ss,1.80,25", "tt,1.80,25", "tt,1.60,100", "ff,1.95,25", "ss,1.40,100"):
        (place / "lib" / f"demo_{Corner.parse(corner).name}.lib").write_text(liberty_text(corner, ("INV_1", "INV_2"), "1ns", 20.0))
    (place / "demo_ss_025C_1v60.lib").write_text(liberty_text("ss,1.60,25", ("INV_1", "INV_2"), "1ns", 20.0))
    words = [
        "fill",
        "demo_ss_025C_1v60.lib",
        "lib",
        "--target",
        "ss,1.60,100",
        "--model",
        "nearest",
        "-o",
        "out.lib",
        "--report",
        "out.json",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        for name, value in (("EDA_PLUGIN_FILL_SEED", "7"), ("SECRET_TOKEN", "hush"), ("OMP_NUM_THREADS", "1")):
            patch.setenv(name, value)
        assert run([*words, "--run-folder", "first", "--quiet"]) == 0
    return place / "first"


@pytest.fixture
def filled(first: Path, tmp_path: Path) -> Path:
    """The same in a place of its own, with its working folder."""
    place = tmp_path / "work"
    shutil.copytree(first.parent, place)
    request = (place / "first" / "run.json").read_text(encoding="utf-8")
    (place / "first" / "run.json").write_text(request.replace(str(first.parent), str(place)), encoding="utf-8")
    return place / "first"


def test_folder_tells_what_was_asked_and_what_came_out(first: Path) -> None:
    asked, result = load(first / "run.json"), load(first / "result.json")
    request = asked["request"]
    assert isinstance(request, dict)
    line = (
        "eda-plugin fill --quiet --seed 7 --target ss,1.60,100 --output out.lib --report out.json --model nearest demo_ss_025C_1v60.lib lib"
    )
    assert request["line"] == line
    sources = {one["name"]: one["source"] for one in request["arguments"]}
    assert (sources["seed"], sources["target"], sources["interval"]) == ("variable", "command line", "default")
    inputs = {one["path"]: one for one in asked["inputs"]}  # type: ignore[attr-defined]
    assert len(inputs) == 7
    assert "lib/demo_ss_100C_1v80.lib" in inputs
    expected = subprocess.run(["sha256sum", "demo_ss_025C_1v60.lib"], cwd=first.parent, capture_output=True, text=True, check=True)
    assert inputs["demo_ss_025C_1v60.lib"]["sha256"] == expected.stdout.split()[0]
    assert inputs["demo_ss_025C_1v60.lib"]["role"] == "paths"
    versions = asked["versions"]
    assert isinstance(versions, dict)
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"numpy", "torch", "click"} <= set(versions["packages"])
    assert isinstance(versions["plugins"], dict)
    outputs = {one["role"]: one["path"] for one in result["outputs"]}  # type: ignore[attr-defined]
    assert outputs == {
        "output": "out.lib",
        "output.origin.parquet": "out.lib.origin.parquet",
        "output.origin.csv.gz": "out.lib.origin.csv.gz",
        "report": "out.json",
    }
    assert (result["status"], result["error"]) == (0, "")
    figures = result["figures"]
    assert isinstance(figures, dict)
    assert figures["seed"] == 7
    assert figures["anchors.0"] == "ff_025C_1v95"
    assert not [name for name in figures if "seconds" in name]


def test_no_variable_of_others_is_kept(first: Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in first.iterdir()]
    assert not any("hush" in text or "SECRET" in text for text in texts)
    environment = load(first / "run.json")["environment"]
    assert isinstance(environment, dict)
    assert environment["EDA_PLUGIN_FILL_SEED"] == "7"
    assert all(name.startswith("EDA_PLUGIN_") or name == "OMP_NUM_THREADS" for name in environment)


def test_log_holds_stages_outputs_and_the_end(first: Path) -> None:
    lines = read_log(first)
    assert [line["event"] for line in lines][:2] == ["begin", "stage"]
    assert lines[-1]["event"] == "end"
    assert [line["after"] for line in lines] == sorted(line["after"] for line in lines)
    reading = timings(lines)["reading"]
    assert (reading["times"], reading["steps"]) == (1, 7)


def test_rerun_gives_the_same_bytes_and_touches_nothing(filled: Path, command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path: path.read_bytes() for path in below(filled.parent)}
    monkeypatch.setenv("EDA_PLUGIN_FILL_SEED", "8")  # what variables say now is of no account
    ran = command("rerun", filled, "--json")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["same"] is True
    assert {one["name"]: one["note"] for one in told["outputs"]} == {
        "output": "same bytes",
        "output.origin.parquet": "same bytes",
        "output.origin.csv.gz": "same bytes",
        "report": "same but for times",
    }
    again = filled / "reruns" / "0001-fill" / "outputs" / "0" / "out.lib"
    assert again.read_bytes() == before[filled.parent / "out.lib"]
    assert {path: path.read_bytes() for path in before} == before


def test_rerun_of_a_stranger_result_is_told(filled: Path, command: Run) -> None:
    result = load(filled / "result.json")
    outputs = result["outputs"]
    assert isinstance(outputs, list)
    outputs[0]["sha256"] = "0" * 64
    (filled / "result.json").write_text(json.dumps(result), encoding="utf-8")
    ran = command("rerun", filled)
    assert ran.returncode == 1
    assert "other bytes: output" in ran.stderr
    assert "not the same came out" in ran.stdout


def test_rerun_names_changed_and_missing_inputs(filled: Path, command: Run, make_library: Callable[..., Path]) -> None:
    path = filled.parent / "demo_ss_025C_1v60.lib"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("area : 1;", "area : 3;"), encoding="utf-8")
    make_library("ff,1.80,100", name="work/lib/demo_ff_100C_1v80.lib")
    ran = command("rerun", filled)
    assert ran.returncode == 2
    assert "changed since: demo_ss_025C_1v60.lib" in ran.stderr
    assert "demo_ff_100C_1v80.lib (new)" in ran.stderr
    ran = command("rerun", filled, "--changed")
    assert "warning: the input demo_ss_025C_1v60.lib is not what it was" in ran.stderr
    assert ran.returncode == 1  # another anchor came in
    path.unlink()
    ran = command("rerun", filled, "--changed")
    assert ran.returncode == 2
    assert "inputs are missing: demo_ss_025C_1v60.lib" in ran.stderr


def test_command_file_repeats_the_run(first: Path) -> None:
    text = (first / "command.sh").read_text(encoding="utf-8")
    assert f"cd {first.parent}" in text
    assert "exec eda-plugin fill --quiet --seed 7" in text
    assert (first / "command.sh").stat().st_mode & stat.S_IRUSR


def test_two_runs_compare(first: Path, command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(first.parent)
    second = tmp_path / "second"
    options = ("--target", "ss,1.60,90", "--model", "nearest", "-o", tmp_path / "other.lib", "--run-folder", second, "--quiet")
    assert command("fill", "demo_ss_025C_1v60.lib", "lib", *options).returncode == 0
    found = {(one.section, one.name): one for one in flow.compare_runs(first, second)}
    assert (found["settings", "target"].first, found["settings", "target"].second) == ("ss,1.60,100", "ss,1.60,90")
    assert found["settings", "model"].same
    assert [one for (section, _), one in found.items() if section == "inputs" and not one.same] == []
    assert found["outputs", "output"].note == "other bytes"
    assert found["outputs", "report"].note == "only in one"
    assert found["figures", "target"].second == "ss_090C_1v60"
    assert found["timings", "reading"].ratio > 0
    ran = command("compare-runs", first, second)
    assert ran.returncode == 0, ran.stderr
    assert "ss,1.60,90" in ran.stdout
    assert "inputs: 7 the same, no difference" in ran.stdout
    told = json.loads(command("compare-runs", first, second, "--json").stdout)
    assert {one["section"] for one in told["differences"]} == {"settings", "versions", "inputs", "outputs", "figures", "timings"}


def test_failed_run_is_recorded_too(command: Run, make_library: Callable[..., Path], tmp_path: Path) -> None:
    make_library("ss,1.60,25")
    ran = command("fill", ".", "--target", "ss,9.60,100", "-o", "out.lib", "--run-folder", "bad")
    assert ran.returncode == 2
    result = load(tmp_path / "bad" / "result.json")
    assert result["status"] == 2
    assert str(result["error"]) in ran.stderr
    assert result["outputs"] == []
    assert read_log(tmp_path / "bad")[-2]["event"] == "error"


def test_killed_run_keeps_its_log_and_can_be_begun_again(
    install: Callable[..., Path], anchors: list[Path], command: Run, tmp_path: Path
) -> None:
    install(
        "slow",
        "import pathlib, time\nfrom eda_plugin.hooks import hookimpl\n\n@hookimpl\ndef before_fit():\n"
        "    while pathlib.Path('wait').exists():\n        time.sleep(0.02)\n",
    )
    (tmp_path / "wait").touch()
    words = ["fill", *map(str, anchors), "--target", "ss,1.60,100", "--model", "nearest", "-o", "out.lib", "--run-folder", "run", "--quiet"]
    process = subprocess.Popen([sys.executable, "-m", "eda_plugin", *words], cwd=tmp_path, env=os.environ.copy())
    try:
        while "reading" not in timings(read_log(tmp_path / "run")):
            assert process.poll() is None
            time.sleep(0.05)
        with pytest.raises(UserError, match="still under way"):
            flow.rerun(tmp_path / "run", flow.Session.load().plugins)
        ran = command(*words)
        assert ran.returncode == 2
        assert "another run writes this folder" in ran.stderr
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    stored = flow.compare_runs(tmp_path / "run", tmp_path / "run")
    assert {one.name for one in stored if one.section == "timings"} >= {"reading"}
    with (tmp_path / "run" / "log.jsonl").open("a") as log:
        log.write('{"event": "cut sh')
    (tmp_path / "wait").unlink()
    assert command(*words).returncode == 0
    lines = read_log(tmp_path / "run")
    assert [line["event"] for line in lines].count("begin") == 2
    assert lines[-1]["event"] == "end"
    ran = command(*words)
    assert ran.returncode == 2
    assert "holds a finished run" in ran.stderr


def test_folder_of_others_is_left_alone(command: Run, make_library: Callable[..., Path], tmp_path: Path) -> None:
    make_library("ss,1.60,25")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    ran = command("plan", ".", "--anchors-only", "1", "--run-folder", "mine")
    assert ran.returncode == 2
    assert "notes.txt" in ran.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_runs_are_numbered_and_asked_for_by_the_settings_file(command: Run, anchors: list[Path], tmp_path: Path) -> None:
    (tmp_path / "eda_plugin.toml").write_text('[defaults]\nruns = "runs"\n', encoding="utf-8")
    for _ in range(2):
        assert command("plan", *anchors, "--target", "ss,1.60,100", "-o", "plan.csv", "--budget", "5", "--quiet").returncode == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["0001-plan", "0002-plan"]
    found = [one for one in flow.compare_runs(tmp_path / "runs" / "0001-plan", tmp_path / "runs" / "0002-plan") if not one.same]
    assert {one.section for one in found} <= {"timings"}
    figures = load(tmp_path / "runs" / "0001-plan" / "result.json")["figures"]
    assert isinstance(figures, dict)
    assert figures["simulations"] == 5


def test_numbers_go_on(tmp_path: Path) -> None:
    assert [next_folder(tmp_path, name).name for name in ("fill", "plan")] == ["0001-fill", "0002-plan"]
    (tmp_path / "0017-close").mkdir()
    assert next_folder(tmp_path, "fill").name == "0018-fill"


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("run.json", None, "is no run folder"),
        ("run.json", "{", "no JSON"),
        ("run.json", '{"form": 9}', "form 9"),
        ("result.json", "{}", "damaged"),
    ],
)
def test_damaged_folder_is_told(filled: Path, capsys: pytest.CaptureFixture[str], name: str, text: str | None, problem: str) -> None:
    if text is None:
        (filled / name).unlink()
    else:
        (filled / name).write_text(text, encoding="utf-8")
    assert run(["compare-runs", str(filled), str(filled)]) == 2
    assert problem in capsys.readouterr().err


def test_reports_are_held_against_each_other_without_their_times() -> None:
    one = "# ss\n\n- seed: 3\n- seconds\n  - reading: 2\n- model: gp\n\n| model | ok | s |\n| --- | --- | --- |\n| gp | 9 | 31 |\n"
    two = one.replace("reading: 2", "reading: 5").replace("31", "29")
    assert timeless(one, markdown=True) == timeless(two, markdown=True)
    assert timeless(one, markdown=True) != timeless(one.replace("gp |", "nn |"), markdown=True)
    assert timeless("# no times\n", markdown=True) is None
    assert timeless('{"usage": {"peak_mb": 3}, "a": [{"seconds": 1}]}', markdown=False) == '{"a": [{}]}'


def test_every_command_that_computes_can_be_recorded() -> None:
    for name in ("ingest", "plan", "characterize", "fill", "close", "run", "train-predictor", "predict", "bench", "study", "variation"):
        shown = CliRunner().invoke(app, [name, "--help"]).output
        assert "--run-folder" in shown, name
        assert "--runs" in shown, name


def test_fill_of_the_example_is_the_same_again(repository: Path, command: Run, tmp_path: Path) -> None:
    """With the real model; a handful of corners of hkmg22, as they lie there."""
    folder = repository / "examples" / "hkmg22" / "lib"
    corners = ("ss_n40C_0v72", "ss_125C_0v72", "ss_025C_0v66", "tt_025C_0v80", "tt_025C_0v60")
    paths = [folder / f"hkmg22_{name}.lib" for name in corners]
    options = ("--target", "ss,0.66,85", "--model", "nearest", "-o", "out.lib", "--report", "out.md", "--run-folder", "run", "--quiet")
    ran = command("fill", *paths, *options)
    assert ran.returncode == 0, ran.stderr
    again = command("rerun", "run")
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.count("same bytes") == 3
    assert again.stdout.count("same but for times") == 1
