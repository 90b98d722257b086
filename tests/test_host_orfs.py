"""OpenROAD-flow-scripts' seams, tried with GNU make and tclsh on a stand-in that includes a design's config.mk as the flow does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

FLOW = """
include $(DESIGN_CONFIG)
export OBJECTS_DIR = objects
.PHONY: all
all: synth
synth: results/1_synth.v
results/1_synth.v: $(LIB_FILES)
\tmkdir -p results
\techo $(LIB_FILES) > $@
"""
CONFIG = """
export CORNERS = tt ss_100C_1v60
export EDA_PLUGIN_CORNERS = ss_100C_1v60 ss_025C_1v40
export EDA_PLUGIN_ANCHORS = $(wildcard lib/*.lib)
export EDA_PLUGIN_DIR = filled
export EDA_PLUGIN_OPTIONS = --model toy
include {folder}/eda_plugin.mk
"""
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def flow(tmp_path: Path, repository: Path, anchors: list[Path], toy_model: str) -> Path:
    """A tree with the flow's stand-in, a design and libraries."""
    (tmp_path / "lib").mkdir()
    for anchor in anchors:
        anchor.rename(tmp_path / "lib" / anchor.name)
    (tmp_path / "Makefile").write_text(FLOW)
    (tmp_path / "config.mk").write_text(CONFIG.format(folder=repository / "hooks" / "hosts" / "orfs"))
    return tmp_path


@pytest.fixture
def make(flow: Path, needs_tool: Callable[[str], str]) -> Run:
    program = needs_tool("make")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [program, "DESIGN_CONFIG=config.mk", f"EDA_PLUGIN={sys.executable} -m eda_plugin", *arguments]
        return subprocess.run(command, cwd=flow, env={**os.environ, "MAKEFLAGS": ""}, capture_output=True, text=True, check=False)

    return run


def test_the_flows_own_goal_stays(make: Run, flow: Path) -> None:
    ran = make()
    assert ran.returncode == 0, ran.stderr
    assert (flow / "results" / "1_synth.v").is_file()
    assert not (flow / "filled").exists(), "nothing needs a filled corner"


def test_corners_are_made_once_and_named_for_the_flow(make: Run, flow: Path) -> None:
    with (flow / "config.mk").open("a") as config:
        config.write("$(info SS $(SS_100C_1V60_LIB_FILES) $(SS_025C_1V40_LIB_FILES))\n")
    ran = make("eda_plugin_corners")
    assert ran.returncode == 0, ran.stderr
    assert "SS filled/ss_100C_1v60.lib filled/ss_025C_1v40.lib" in ran.stdout
    assert sorted(path.name for path in (flow / "filled").glob("*.lib")) == ["ss_025C_1v40.lib", "ss_100C_1v60.lib"]
    assert "Nothing to be done" in make("eda_plugin_corners").stdout
    own = make("-n", "eda_plugin_corners", "SS_100C_1V60_LIB_FILES=own.lib")
    assert "SS own.lib filled/ss_025C_1v40.lib" in own.stdout, "what a design sets wins"


def test_a_filled_corner_in_lib_files_is_made_when_the_flow_needs_it(make: Run, flow: Path) -> None:
    ran = make("LIB_FILES=filled/ss_100C_1v60.lib")
    assert ran.returncode == 0, ran.stderr
    assert (flow / "results" / "1_synth.v").read_text().strip() == "filled/ss_100C_1v60.lib"
    assert [path.name for path in (flow / "filled").glob("*.lib")] == ["ss_100C_1v60.lib"]


def test_the_script_before_a_step_fills_what_lacks(flow: Path, repository: Path, needs_tool: Callable[[str], str]) -> None:
    script = repository / "hooks" / "hosts" / "orfs" / "pre_step.tcl"
    environment = {
        **os.environ,
        "EDA_PLUGIN_COMMAND": f"{sys.executable} -m eda_plugin",
        "EDA_PLUGIN_CORNERS": "ss_100C_1v60",
        "EDA_PLUGIN_ANCHORS": " ".join(str(path) for path in sorted((flow / "lib").glob("*.lib"))),
        "EDA_PLUGIN_DIR": "filled",
        "EDA_PLUGIN_OPTIONS": "--model toy",
    }
    command = [needs_tool("tclsh"), str(script)]
    first, second = (subprocess.run(command, cwd=flow, env=environment, capture_output=True, text=True, check=False) for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert (first.stdout.strip(), second.stdout.strip()) == ("eda-plugin: filling ss_100C_1v60", "")
    assert (flow / "filled" / "ss_100C_1v60.lib").stat().st_size
