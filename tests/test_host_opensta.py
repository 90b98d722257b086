"""OpenSTA itself, with the Tcl that it sources: slack of a filled corner, its bounds, a predicted delay; a plan weighed by its report."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from foundry import PREFIX, cut_libraries, simulate

import eda_plugin as ep

THERE = ("tt_025C_1v80", "tt_100C_1v80", "ff_n40C_1v95", "ff_100C_1v95", "ss_n40C_1v60", "ss_100C_1v40", "ss_n40C_1v40")
MISSING = "ss_100C_1v60"
PERIOD = 32.0

CONSTRAINTS = """
read_verilog mac.vg
link_design mac
create_clock -name clock -period {period} [get_ports clock]
set inputs {{}}
foreach port [all_inputs] {{ if {{[get_property $port full_name] != "clock"}} {{ lappend inputs $port }} }}
set_input_delay 0 -clock clock $inputs
set_output_delay 0 -clock clock [all_outputs]
set_input_transition 0.05 $inputs
set_load 0.005 [all_outputs]
"""
SLACK = 'puts "@ [worst_slack -max] [worst_slack -min]"\n'
Sta = Callable[[str], str]


@pytest.fixture(scope="module")
def work(sky130: Path, repository: Path, needs_tool: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A design mapped to the cells that are there, and the corner that is missing."""
    yosys = needs_tool("yosys")
    folder = tmp_path_factory.mktemp("opensta")
    cut_libraries(sky130, folder / "lib", THERE)
    cut_libraries(sky130, folder / "true", [MISSING])
    shutil.copy(repository / "examples" / "timing" / "mac.v", folder)
    library = f"lib/{PREFIX}tt_025C_1v80.lib"
    steps = f"read_verilog mac.v; synth -flatten -top mac; dfflibmap -liberty {library}; abc -liberty {library}; opt_clean -purge; "
    subprocess.run([yosys, "-q", "-p", f"{steps} write_verilog -noattr -noexpr mac.vg"], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def sta(work: Path, needs_tool: Callable[[str], str], repository: Path) -> Sta:
    """Run a script in OpenSTA, with the verbs of eda-plugin; what it says."""
    program = needs_tool("opensta")
    environment = {**os.environ, "EDA_PLUGIN_COMMAND": f"{sys.executable} -m eda_plugin", "EDA_PLUGIN_FILL_MODEL": "ridge"}
    environment["PYTHONPATH"] = str(repository)

    def run(script: str) -> str:
        path = work / "script.tcl"
        path.write_text(f"source {repository / 'hooks' / 'hosts' / 'tcl' / 'eda_plugin.tcl'}\n{script}")
        done = subprocess.run(
            [program, "-no_splash", "-exit", path], cwd=work, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return done.stdout

    return run


def slacks(said: str) -> tuple[float, float]:
    """Worst setup and hold slack that a script printed."""
    found = [line.split()[1:] for line in said.splitlines() if line.startswith("@ ")]
    assert found, said[-2000:]
    return float(found[0][0]), float(found[0][1])


@pytest.fixture(scope="module")
def design(work: Path, sta: Sta) -> str:
    """What the timer is told of a design, for a period at which the slack is about half of it."""
    return CONSTRAINTS.format(period=PERIOD)


@pytest.fixture(scope="module")
def measured(work: Path, sta: Sta, design: str) -> Path:
    """Simulations that the design's critical paths, timed with an anchor, ask for: a twentieth of the corner's."""
    report = work / "paths.rpt"
    fields = "report_checks -fields {slew cap input_pin} -digits 5 -format full_clock_expanded -group_count 60 -endpoint_count 1"
    report.write_text(sta(f"read_liberty lib/{PREFIX}tt_025C_1v80.lib\n{design}\n{fields}\n"))
    anchors = sorted((work / "lib").glob("*.lib"))
    return simulate(anchors, next((work / "true").glob("*.lib")), work / "measured.csv", "5%", from_sta=report)


@pytest.fixture(scope="module")
def true(work: Path, sta: Sta, design: str) -> tuple[float, float]:
    return slacks(sta(f"read_liberty true/{PREFIX}{MISSING}.lib\n{design}\n{SLACK}"))


def options(work: Path, measured: Path) -> str:
    return f"-anchors lib -folder filled -measured {measured.name} -template true/{PREFIX}{MISSING}.lib"


def test_slack_with_the_filled_corner_is_within_a_per_cent(
    work: Path, sta: Sta, design: str, measured: Path, true: tuple[float, float]
) -> None:
    script = f"puts [eda::read_filled_corner {MISSING} {options(work, measured)}]\n{design}\n{SLACK}"
    setup, _ = slacks(sta(script))
    assert PERIOD / 4 < true[0] < 3 * PERIOD / 4, "the slack weighs about as much as the longest path"
    assert setup == pytest.approx(true[0], rel=0.01)
    assert setup != true[0]
    library = work / "filled" / f"{MISSING}.lib"
    made = library.stat().st_mtime_ns
    assert slacks(sta(script))[0] == setup
    assert library.stat().st_mtime_ns == made, "the same input is not filled twice"
    assert json.loads((work / "filled" / f"{MISSING}.json").read_text())["fill"]["target"] == MISSING


def test_true_slack_lies_between_early_and_late(work: Path, sta: Sta, design: str, measured: Path, true: tuple[float, float]) -> None:
    """Setup: paths' data by the late library, capture by the early one. Hold: the other way round, with constraints that demand more."""
    said = sta(f"eda::read_corner_bounds {MISSING} -quantile 0.95 {options(work, measured)}\n{design}\n{SLACK}")
    assert slacks(said)[0] <= true[0]
    assert slacks(said)[1] <= true[1]
    single = {}
    for side in ("early", "late"):
        single[side] = slacks(sta(f"read_liberty filled/{MISSING}_{side}.lib\n{design}\n{SLACK}"))
    assert single["late"][0] < true[0] < single["early"][0]


def test_a_predicted_delay_is_the_predictors_own(work: Path, sta: Sta) -> None:
    libraries = ep.read([work / "lib" / f"{PREFIX}{corner}.lib" for corner in THERE[:2]])
    kept = ep.train_predictor(libraries, seed=0).write(work / "p.safetensors")
    cell = f"{PREFIX}inv_1"
    point = f"{{cell {cell} related_pin A pin Y edge fall timing_sense negative_unate slew 0.05 load 0.01}}"
    said = sta(f"puts [eda::predict_delay {kept} tt_025C_1v80 {point}]\n").split()
    delay, transition = map(float, said[-2:])
    key = next(key for key in libraries[0].keys if key.cell == cell and key.quantity == "cell_fall")
    table = next(library for library in libraries if library.corner.name == THERE[0])[key]
    nearest = table.values[abs(table.axes[0].values - 0.05e-9).argmin(), abs(table.axes[1].values - 0.01e-12).argmin()]
    assert delay * 1e-9 == pytest.approx(nearest, rel=0.5)
    assert transition > 0
    assert "the point has no load" in sta("eda::predict_delay p.safetensors tt_025C_1v80 {cell A related_pin A pin Y edge fall slew 1}\n")


def test_mistakes_are_tcl_errors(work: Path, sta: Sta) -> None:
    said = sta(
        "catch {eda::read_filled_corner ss_100C_1v60 -anchors absent} text; puts $text\n"
        "catch {eda::read_filled_corner nonsense -anchors lib} text details; puts $text; puts [dict get $details -errorcode]\n"
        "catch {eda::fill_corner ss_100C_1v60 -colour red} text; puts $text\n"
    )
    assert "eda-plugin: absent: no such library or folder" in said
    assert "eda-plugin: unreadable corner 'nonsense'" in said
    assert "EDA_PLUGIN 2" in said
    assert "unknown option -colour; there are -anchors, -folder" in said
    assert not (work / "eda_plugin" / "nonsense.lib").exists()
