"""LibreLane as it comes from the registry: its checks and its timing analysis use corners that were filled for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from foundry import cut_libraries

THERE = ("tt_025C_1v80", "tt_100C_1v80", "ff_n40C_1v95", "ff_100C_1v95", "ss_n40C_1v60", "ss_100C_1v40", "ss_n40C_1v40")
MISSING = "ss_100C_1v60"
STEPS = ["EdaPlugin.CheckLibraries", "Yosys.Synthesis", "OpenROAD.CheckSDCFiles", "OpenROAD.STAPrePNR"]
Run = Callable[..., subprocess.CompletedProcess[str]]


class Host:
    """LibreLane in its own environment, on a design, with the tools that are there."""

    def __init__(self, folder: Path, programs: Path, environment: Mapping[str, str]) -> None:
        self.folder, self._programs, self._environment = folder, programs, environment
        self.pdk = ["--pdk-root", str(folder / "pdk"), "--pdk", "mini"]

    def call(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        program, *rest = map(str, arguments)
        command = [str(self._programs / program), *rest]
        return subprocess.run(
            command, cwd=self.folder / "design", env={**self._environment, **environment}, capture_output=True, text=True, check=False
        )

    def run(self, *configs: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.call("librelane", "--manual-pdk", *self.pdk, "--run-tag", "run", "--overwrite", *configs, **environment)

    def config(self, name: str = "config.json", /, **values: Any) -> Path:
        base = {"DESIGN_NAME": "mac", "VERILOG_FILES": ["dir::mac.v"], "CLOCK_PORT": "clock", "CLOCK_PERIOD": 20}
        path = self.folder / "design" / name
        path.write_text(json.dumps({"meta": {"version": 3, "flow": STEPS}, **base, **values}))
        return path

    def metrics(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "design" / "runs" / "run" / "final" / "metrics.json").read_text())
        return found


@pytest.fixture(scope="module")
def host(
    repository: Path,
    sky130: Path,
    installed: Path,
    needs_host: Callable[[str], Path],
    needs_tool: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Host:
    programs = needs_host("librelane")
    needs_host("pyosys")
    needs_tool("opensta")
    folder, data = tmp_path_factory.mktemp("librelane"), repository / "tests" / "data" / "hosts"
    pdk = folder / "pdk" / "mini"
    shutil.copytree(data / "librelane", pdk / "libs.tech" / "librelane")
    for name in ("empty.lef", "empty.gds", "empty.txt"):
        (pdk / name).touch()
    cut_libraries(sky130, pdk / "lib", THERE)
    cut_libraries(sky130, folder / "true", [MISSING])
    (folder / "design").mkdir()
    shutil.copy(repository / "examples" / "timing" / "mac.v", folder / "design")
    home = folder / "home"
    home.mkdir()
    shutil.copy(data / "sta_of_2019.tcl", home / ".sta")
    yosys = folder / "yosys"
    yosys.write_text(f'#!/bin/sh\nexec "{programs / "python"}" "{data / "yosys_of_pyosys.py"}" "$@"\n')
    yosys.chmod(0o755)
    environment = {
        **os.environ,
        "HOME": str(home),
        "COLUMNS": "200",
        "PYTHONPATH": str(installed),
        "EDA_PLUGIN_COMMAND": f"{sys.executable} -m eda_plugin",
        "EDA_PLUGIN_FILL_MODEL": "ridge",
        "_LLN_OVERRIDE_YOSYS": str(yosys),
    }
    return Host(folder, programs, environment)


def test_the_plugin_is_found(host: Host) -> None:
    assert "librelane_plugin_eda_plugin -> 0.1.0" in host.call("librelane", "--version").stdout
    code = (
        "import librelane.__main__; from librelane.flows import Flow; from librelane.steps import Step;"
        "print([step.id for step in Flow.factory.get('EdaPlugin.Classic').Steps][:2], Step.factory.get('edaplugin.checklibraries').id)"
    )
    told = host.call("python", "-c", code)
    assert told.stdout.strip() == "['EdaPlugin.CheckLibraries', 'Verilator.Lint'] EdaPlugin.CheckLibraries", told.stderr


def test_an_unmodified_flow_times_a_filled_corner(host: Host) -> None:
    """Once with the corner filled for it, once with the true one: LibreLane's own worst slack of both."""
    corners = ["nom_tt_025C_1v80", f"nom_{MISSING}"]
    config = host.config(STA_CORNERS=corners, ERROR_ON_LIBRARY_FINDINGS=False)
    anchors = host.folder / "pdk" / "mini" / "lib"
    arguments = ("-m", "eda_plugin.hooks.hosts.librelane_config", *host.pdk, "--anchors", anchors, config, "-o", "filled.json")
    made = host.call("python", *arguments)
    assert made.returncode == 0, made.stderr
    assert made.stdout.splitlines()[-1].strip() == f"filled.json: filled nom_{MISSING}"
    filled = host.folder / "design" / "filled.json"
    library = Path(json.loads(filled.read_text())["LIB"][f"*_{MISSING}"][0])
    assert "filled by eda-plugin" in library.read_text()[:3000]
    made_at = library.stat().st_mtime_ns
    assert host.call("python", *arguments).returncode == 0
    assert library.stat().st_mtime_ns == made_at, "the same input is not filled twice"

    ran = host.run(config, filled)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-2000:]
    metrics = host.metrics()
    assert "library__check_error__count" in metrics
    true = host.config("true.json", LIB={f"*_{MISSING}": [str(next((host.folder / "true").glob("*.lib")))], "*_tt_025C_1v80": [
        str(anchors / "sky130_fd_sc_hd__tt_025C_1v80.lib")]})  # fmt: skip
    ran = host.run(config, true)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-2000:]
    reference = host.metrics()
    key = "timing__setup__ws__corner:nom_"
    assert metrics[f"{key}tt_025C_1v80"] == reference[f"{key}tt_025C_1v80"], "the same netlist in both runs"
    period = 20.0
    longest, expected = (period - found[f"{key}{MISSING}"] for found in (metrics, reference))
    assert longest == pytest.approx(expected, rel=0.15), "without a single simulation, from cells cut down to a few"
    assert longest != expected


def test_a_flow_fills_before_its_first_step(host: Host) -> None:
    """The flow's own class, as a design's plugin brings it."""
    site = host.folder / "site"
    site.mkdir()
    (site / "librelane_plugin_house.py").write_text(
        "from librelane.flows import Flow\nfrom librelane.steps import Step\n"
        "from eda_plugin.hooks.hosts.librelane import FilledCorners\n"
        "@Flow.factory.register('House.Timing')\nclass Timing(FilledCorners):\n    name = 'Timing'\n"
        f"    Steps = [Step.factory.get(step) for step in {STEPS!r}]\n"
    )
    where = {"PYTHONPATH": os.pathsep.join([str(site), host._environment["PYTHONPATH"]])}
    values: dict[str, Any] = {
        "STA_CORNERS": [f"nom_{MISSING}", f"max_{MISSING}"],
        "EDA_PLUGIN_ANCHORS": [str(host.folder / "pdk" / "mini" / "lib")],
    }
    values["ERROR_ON_LIBRARY_FINDINGS"] = False
    ran = host.run(host.config(meta={"version": 3, "flow": "House.Timing"}, **values), **where)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-2000:]
    run = host.folder / "design" / "runs" / "run"
    used = json.loads((run / "eda_plugin_lib.json").read_text())
    assert used[f"*_{MISSING}"] == [str(host.folder / "design" / "eda_plugin" / f"{MISSING}.lib")]
    assert f"timing__setup__ws__corner:nom_{MISSING}" in host.metrics()
    absent = host.run(host.config(meta={"version": 3, "flow": "House.Timing"}, **values, EDA_PLUGIN_OPTIONS=["--model", "nosuch"]), **where)
    assert absent.returncode == 1
    assert "eda-plugin cannot fill the corners that LIB lacks: unknown model 'nosuch'" in " ".join(absent.stdout.split())


def test_findings_stand_in_the_run_folder_and_fail_the_flow(host: Host) -> None:
    bad = host.folder / "bad.lib"
    good = host.folder / "pdk" / "mini" / "lib" / "sky130_fd_sc_hd__tt_025C_1v80.lib"
    text = good.read_text()
    bad.write_text(text.replace("max_capacitance : ", "max_capacitance : -", 1))
    values: dict[str, Any] = {
        "LIB": {"*": [str(bad)]},
        "STA_CORNERS": ["nom_tt_025C_1v80"],
        "meta": {"version": 3, "flow": ["EdaPlugin.CheckLibraries"]},
    }
    ran = host.run(host.config(**values))
    assert ran.returncode == 2, ran.stdout[-2000:]
    assert "errors in the timing libraries" in " ".join(ran.stdout.split())
    step = host.folder / "design" / "runs" / "run" / "1-edaplugin-checklibraries"
    assert json.loads((step / "findings.json").read_text())["counts"]["error"] >= 1
    assert json.loads((step / "findings.sarif").read_text())["version"] == "2.1.0"
    ran = host.run(host.config(**values, ERROR_ON_LIBRARY_FINDINGS=False))
    assert ran.returncode == 0
    assert host.metrics()["library__check_error__count"] >= 1
