"""Runs on the examples are recorded, repeated, and give the same bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
LIBRARIES = EXAMPLES / "hkmg22" / "lib"
ANCHORS = [LIBRARIES / f"hkmg22_{name}.lib" for name in ("ss_n40C_0v72", "ss_125C_0v72", "tt_025C_0v80")]
MEASURES = EXAMPLES / "hkmg22" / "hspice" / "tt_025C_0v80"
Command = Callable[..., subprocess.CompletedProcess[str]]

CASES: dict[str, tuple[list[object], list[str]]] = {
    "hkmg22, plan": (["plan", *ANCHORS, "--target", "ss,0.72,25", "--budget", "1%", "-o", "plan.csv"], ["plan.csv"]),
    "hkmg22, fill": (
        ["fill", *ANCHORS, "--target", "ss,0.72,25", "--model", "nearest", "-o", "filled.lib", "--report", "filled.json"],
        ["filled.lib", "filled.lib.origin.parquet", "filled.lib.origin.csv.gz"],
    ),
    "hkmg22, ingest": (["ingest", MEASURES, "-o", "results.parquet"], ["results.parquet"]),
    "minimal_host, run": (
        ["run", "minichar", "lib", "--target", "ss,1.60,100", "--budget", "10%", "--model", "ridge", "-o", "filled.lib"],
        ["filled.lib"],
    ),
}


@pytest.fixture
def minichar(tmp_path: Path) -> dict[str, str]:
    """The example's host as if installed, and its characterized corners in ``lib``; the environment in which it is found."""
    info = tmp_path / "site" / "eda_plugin_minichar-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: eda-plugin-minichar\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[eda_plugin]\nminichar = minichar_host\n")
    corners = ["ss,1.60,25", "ss,1.80,25", "ss,1.80,100", "tt,1.60,25", "tt,1.80,25", "tt,1.80,100", "ff,1.95,25"]
    made = subprocess.run([sys.executable, EXAMPLES / "minimal_host" / "minichar.py", tmp_path / "lib", *corners], check=False)
    assert made.returncode == 0
    return {"PYTHONPATH": os.pathsep.join(map(str, (tmp_path / "site", EXAMPLES / "minimal_host", EXAMPLES.parent)))}


@pytest.mark.parametrize("case", CASES)
def test_rerun_gives_the_same_bytes(case: str, command: Command, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    asked, outputs = CASES[case]
    where = request.getfixturevalue("minichar") if "minimal_host" in case else {}
    ran = command(*asked, "--run-folder", "run", **where)
    assert ran.returncode in (0, 1), ran.stderr
    again = command("rerun", "run", "--json", **where)
    assert again.returncode == 0, again.stdout + again.stderr
    told = json.loads(again.stdout)
    assert told["same"]
    found = {one["name"] for one in told["outputs"]}
    assert len(found) >= len(outputs)
    for name in outputs:
        (second,) = (tmp_path / told["folder"]).rglob(name)
        assert second.read_bytes() == (tmp_path / name).read_bytes(), name
