"""The benchmark's driver, with stand-ins for the command line and for the neutral scripts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = """
import json, pathlib, sys
name, arguments = sys.argv[1], sys.argv[2:]
given = lambda option: arguments[arguments.index(option) + 1]
with open(pathlib.Path(__file__).parent / "calls.txt", "a") as calls:
    calls.write(name + " " + (given("--model") if name == "fill" else "") + "\\n")
if name == "plugins":
    print(json.dumps({"models": [{"name": "near"}, {"name": "broken"}]}))
elif name == "plan":
    assert given("--target") == "ss,1.6,100" and given("--budget") == "2%"
    pathlib.Path(given("-o")).write_text("cell\\ninv\\n")
elif given("--model") == "broken":
    sys.exit("error: no such thing")
else:
    assert sum(argument.endswith(".lib") and "own" in argument for argument in arguments) == 2
    pathlib.Path(given("-o")).write_text("filled")
    pathlib.Path(given("--intervals")).write_text("intervals")
"""
COPY = "import shutil, sys\nshutil.copy(sys.argv[1], sys.argv[-1])\n"
SCORE = """
import json, sys
score = {"timing": {"mape_pct": 0.5, "p99_pct": 2.0, "ok_pct": 96.0, "bias_pct": 0.1}, "missing_tables": 0}
json.dump(score, open(sys.argv[sys.argv.index("--json") + 1], "w"))
"""


@pytest.fixture
def setting(tmp_path: Path) -> Path:
    bench, data = tmp_path / "bench", tmp_path / "data"
    bench.mkdir()
    data.mkdir()
    (tmp_path / "command.py").write_text(COMMAND)
    for name, text in (("blank_lib", COPY), ("oracle", COPY), ("score_lib", SCORE)):
        (bench / f"{name}.py").write_text(text)
    for corner in ("ss_100C_1v60", "tt_025C_1v80", "ff_n40C_1v95"):
        (data / f"own__{corner}.lib").write_text("library")
    return tmp_path


def _run(repository: Path, setting: Path, *more: str) -> subprocess.CompletedProcess[str]:
    script = repository / "benchmarks" / "sparse_corner.py"
    command = [
        sys.executable,
        str(script),
        "--bench",
        str(setting / "bench"),
        "--data",
        str(setting / "data"),
        "--out",
        str(setting / "out"),
    ]
    command += ["--command", f"{sys.executable} {setting / 'command.py'}", *more]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_results_resume_and_failures(repository: Path, setting: Path) -> None:
    done = _run(repository, setting, "--target", "ss_100C_1v60")
    assert done.returncode == 1, done.stderr
    out = setting / "out" / "case_A"
    near, broken = json.loads((out / "results.json").read_text())["runs"]
    assert (near["model"], near["status"], near["simulations"], near["score"]["timing"]["mape_pct"]) == ("near", 0, 1, 0.5)
    assert near["peak_mb"] > 0
    assert broken["status"] == 1
    assert "no such thing" in broken["failure"]
    text = (out / "results.md").read_text()
    assert "| ss_100C_1v60 | 2% | near | 0.500 | 2.000 | 96.000 |" in text
    assert "broken failed with status 1" in text
    assert not (out / "ss_100C_1v60" / "2pct" / "near" / "filled.lib").exists()
    # again: what was finished is not run again, what failed is
    assert _run(repository, setting, "--target", "ss_100C_1v60", "--model", "near").returncode == 0
    assert _run(repository, setting, "--target", "ss_100C_1v60", "--model", "broken").returncode == 1
    calls = (setting / "calls.txt").read_text().split("\n")
    assert [calls.count(call) for call in ("plan ", "fill near", "fill broken")] == [1, 1, 2]


def test_unknown_targets_and_empty_folders_are_said(repository: Path, setting: Path) -> None:
    done = _run(repository, setting, "--target", "ss_0C_9v99")
    assert done.returncode == 1
    assert "unknown target 'ss_0C_9v99'; known are ff_n40C_1v95" in done.stderr
    for library in (setting / "data").iterdir():
        library.unlink()
    assert "0 libraries with a corner in their name" in _run(repository, setting).stderr
