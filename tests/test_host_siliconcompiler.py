"""SiliconCompiler as it comes from the registry: a filled corner is one more data root of its flow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from foundry import cut_libraries, simulate

THERE = ("tt_025C_1v80", "tt_100C_1v80", "ff_n40C_1v95", "ff_100C_1v95", "ss_n40C_1v60", "ss_100C_1v40", "ss_n40C_1v40")
MISSING = "ss_100C_1v60"
Script = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def work(sky130: Path, needs_host: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs_host("siliconcompiler")
    folder = tmp_path_factory.mktemp("siliconcompiler")
    cut_libraries(sky130, folder / "lib", THERE)
    cut_libraries(sky130, folder / "true", [MISSING])
    cut_libraries(sky130, folder / "few", THERE[-3:], ["inv_1", "nand2_1"])
    return folder


@pytest.fixture(scope="module")
def script(work: Path, installed: Path, needs_host: Callable[[str], Path]) -> Script:
    """Run a Python program in the host's environment."""
    python = needs_host("siliconcompiler") / "python"
    (work / "home").mkdir()
    environment = {
        **os.environ,
        "HOME": str(work / "home"),
        "PYTHONPATH": str(installed),
        "EDA_PLUGIN_COMMAND": f"{sys.executable} -m eda_plugin",
    }

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [str(python), *map(str, arguments)]
        return subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)

    return run


def test_a_flow_times_a_filled_corner(script: Script, work: Path, repository: Path, needs_tool: Callable[[str], str]) -> None:
    """The same flow with the true corner: their worst slacks are near, by a twentieth of the corner's simulations."""
    needs_tool("yosys")
    needs_tool("opensta")

    def slack(*more: object) -> dict[str, Any]:
        example = repository / "examples" / "siliconcompiler" / "timing.py"
        ran = script(example, work / "lib", MISSING, "--model", "ridge", "--rule", "arc-missing", *more)
        assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-2000:]
        told: dict[str, Any] = json.loads((work / "timing.json").read_text())
        return told

    truth = next((work / "true").glob("*.lib"))
    measured = simulate(sorted((work / "lib").glob("*.lib")), truth, work / "measured.csv", "5%")
    filled, true = slack("--measured", measured, "--template", truth), slack("--true", truth)
    assert "/edafill-" in filled["library"]
    assert "filled by eda-plugin" in Path(filled["library"]).read_text()[:3000]
    assert filled["errors"] == 0
    assert filled["setupslack"] == pytest.approx(true["setupslack"], rel=0.02)
    assert filled["setupslack"] != true["setupslack"]


RESOLVE = """
import sys
from siliconcompiler import Design
design = Design("d")
design.set_dataroot("filled", sys.argv[1])
with design.active_dataroot("filled"), design.active_fileset("lib"):
    design.add_file(sys.argv[2], filetype="liberty")
try:
    print(design.get_file(fileset="lib", filetype="liberty")[0])
except Exception as error:
    print(type(error).__name__, error)
"""


def test_the_resolver_keeps_corners_where_it_is_told(script: Script, work: Path) -> None:
    place = f"edafill://few?corner={MISSING},ss_025C_1v60&folder=kept&model=nearest"
    for corner in (MISSING, "ss_025C_1v60"):
        ran = script("-c", RESOLVE, place, f"{corner}.lib")
        assert ran.stdout.splitlines()[-1] == str(work / "kept" / f"{corner}.lib"), ran.stdout + ran.stderr
        assert json.loads((work / "kept" / f"{corner}.json").read_text())["fill"]["target"] == corner


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("edafill://lib", "no corner; expected edafill://FOLDER?corner=ss_100C_1v60"),
        ("edafill://absent?corner=ss_100C_1v60", "no such library or folder"),
        ("edafill://few?corner=nonsense", "unreadable corner 'nonsense'"),
        ("edafill://few?corner=ss_100C_1v60&model=nosuch", "unknown model 'nosuch'"),
        ("edafill://few?corner=ss_100C_1v60&colour=red", "No such option '--colour'"),
    ],
)
def test_the_resolver_says_what_is_wrong(script: Script, place: str, text: str) -> None:
    ran = script("-c", RESOLVE, place, "x.lib")
    assert text in ran.stdout + ran.stderr
    assert ran.returncode == 0


FILL = """
import sys
from siliconcompiler import Design, Flowgraph, Project
from eda_plugin.hooks.hosts.siliconcompiler import FillTask
design = Design("d")
with design.active_fileset("rtl"):
    design.set_topmodule("d")
project = Project(design)
project.add_fileset("rtl")
flow = Flowgraph("fill")
flow.node("fill", FillTask())
project.set_flow(flow)
task = FillTask.find_task(project)
task.set("var", "corners", [sys.argv[1]])
task.set("var", "anchors", sys.argv[2:])
task.set("var", "options", ["--model", "nearest"])
project.option.set_nodashboard(True)
project.run()
"""


def test_the_fill_task_gives_a_file_a_corner(script: Script, work: Path) -> None:
    anchors = sorted((work / "few").glob("*.lib"))
    ran = script("-c", FILL, MISSING, *anchors)
    made = work / "build" / "d" / "job0" / "fill" / "0" / "outputs" / f"{MISSING}.lib"
    assert made.is_file(), ran.stdout[-3000:] + ran.stderr[-2000:]
    assert "filled by eda-plugin" in made.read_text()[:3000]
    refused = script("-c", FILL, "nonsense", *anchors)
    assert refused.returncode != 0
    assert "unreadable corner 'nonsense'" in refused.stdout + refused.stderr
