"""A synthesised design, timed by OpenSTA with two libraries: what a filled corner is used for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Compare = Callable[..., tuple[int, dict[str, object]]]


@pytest.fixture
def slack(repository: Path, needs_tool: Callable[[str], str]) -> Compare:
    """Run the example; its exit status and report."""
    needs_tool("yosys")
    needs_tool("opensta")

    def run(*arguments: object) -> tuple[int, dict[str, object]]:
        script = repository / "examples" / "timing" / "slack.py"
        done = subprocess.run(
            [sys.executable, str(script), *map(str, arguments), "--json"], capture_output=True, text=True, check=False, timeout=300
        )
        return done.returncode, json.loads(done.stdout) if done.stdout else {"stderr": done.stderr}

    return run


def _corner(folder: Path, name: str) -> Path:
    return folder / f"sky130_fd_sc_hd__{name}.lib.gz"


def test_a_library_times_as_itself(slack: Compare, sky130: Path) -> None:
    library = _corner(sky130, "ss_100C_1v60")
    status, report = slack(library, library)
    assert status == 0
    assert int(str(report["netlist_cells"])) >= 1000
    assert (report["slack_pct"], report["arrival_worst_pct"], report["new_messages"]) == (0, 0, [])


def test_the_nearest_corner_is_no_stand_in(slack: Compare, sky130: Path) -> None:
    status, report = slack(_corner(sky130, "ss_100C_1v40"), _corner(sky130, "ss_100C_1v60"))
    assert status == 1
    assert float(str(report["longest_pct"])) > 10
    assert float(str(report["arrival_mean_pct"])) > 10
    assert report["new_messages"] == []


def test_the_example_library_is_timed_too(slack: Compare, repository: Path) -> None:
    libraries = sorted((repository / "examples" / "hkmg22" / "lib").glob("*.lib"))
    if len(libraries) < 2:
        pytest.skip("example data absent: examples/hkmg22/lib")
    status, report = slack(libraries[0], libraries[0])
    assert status == 0
    assert int(str(report["netlist_cells"])) >= 1000
    status, report = slack(libraries[0], libraries[1])
    assert status == 1
    assert abs(float(str(report["longest_pct"]))) > 1


def _gate(name: str, inputs: str, function: str) -> str:
    """A cell in Liberty."""
    grid = 'index_1 ("0.01, 1"); index_2 ("0.001, 0.1"); values ("0.02, 0.2", "0.03, 0.3");'
    tables = "".join(f"{table} (grid) {{ {grid} }} " for table in ("cell_rise", "cell_fall", "rise_transition", "fall_transition"))
    pins = "".join(f"pin ({pin}) {{ direction : input; capacitance : 0.001; }} " for pin in inputs.split())
    sense = "negative_unate" if function.startswith("!") else "positive_unate"
    timing = f'timing () {{ related_pin : "{inputs}"; timing_sense : {sense}; {tables} }}'
    return f'cell ({name}) {{ area : 1; {pins} pin (Y) {{ direction : output; function : "{function}"; {timing} }} }} '


def test_a_message_that_the_reference_does_not_draw_is_found(slack: Compare, tmp_path: Path) -> None:
    units = 'delay_model : table_lookup; time_unit : "1ns"; capacitive_load_unit (1, pf); voltage_unit : "1V"; current_unit : "1mA";'
    for edge in ("rise", "fall"):
        units += f" input_threshold_pct_{edge} : 50; output_threshold_pct_{edge} : 50;"
        units += f" slew_lower_threshold_pct_{edge} : 20; slew_upper_threshold_pct_{edge} : 80;"
    template = 'variable_1 : input_net_transition; variable_2 : total_output_net_capacitance; index_1 ("1, 2"); index_2 ("1, 2");'
    units += f" lu_table_template (grid) {{ {template} }}"
    cells = _gate("NAND2", "A B", "!(A&B)") + _gate("INV", "A", "!A") + _gate("BUF", "A", "A")
    for name, extra in (("a", 'default_operating_conditions : "none"; '), ("b", "")):
        # a statement a line: ABC's reader ends the process at anything else
        text = f"library (l) {{ {units} {extra}{cells} }}\n"
        (tmp_path / f"{name}.lib").write_text(text.replace("; ", ";\n").replace("{ ", "{\n").replace("} ", "}\n"))
    status, report = slack(tmp_path / "b.lib", tmp_path / "b.lib")
    assert (status, report["new_messages"]) == (0, [])
    status, report = slack(tmp_path / "a.lib", tmp_path / "b.lib")
    assert status == 1
    assert "default_operating_condition none not found" in str(report["new_messages"])


def test_what_the_tools_cannot_read_is_said(slack: Compare, tmp_path: Path) -> None:
    (tmp_path / "bad.lib").write_text("library (l) { cell (A) {\n")
    status, report = slack(tmp_path / "bad.lib", tmp_path / "bad.lib")
    assert status == 2
    assert "yosys ended with status" in str(report["stderr"])
    status, report = slack(tmp_path / "none.lib", tmp_path / "bad.lib")
    assert status == 2
    assert "no such file" in str(report["stderr"])
