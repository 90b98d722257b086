"""Outside tools read what is written with the same messages as the library that it was made from."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from eda_plugin.adapters import liberty
from eda_plugin.domain import Corner

_NAMES = re.compile(r"\S*(\.lib|plain_|sky130_fd_sc_hd__|after_)\S*|line \d+")
PLAIN = """library ("plain_tt_1v80_025C") {
  delay_model : table_lookup;
  time_unit : "1ns";
  voltage_unit : "1V";
  current_unit : "1mA";
  leakage_power_unit : "1nW";
  pulling_resistance_unit : "1kohm";
  capacitive_load_unit (1, pf);
  input_threshold_pct_rise : 50; input_threshold_pct_fall : 50;
  output_threshold_pct_rise : 50; output_threshold_pct_fall : 50;
  slew_lower_threshold_pct_rise : 20; slew_lower_threshold_pct_fall : 20;
  slew_upper_threshold_pct_rise : 80; slew_upper_threshold_pct_fall : 80;
  nom_process : 1; nom_voltage : 1.8; nom_temperature : 25;
  operating_conditions (typical) { process : 1; voltage : 1.8; temperature : 25; }
  default_operating_conditions : typical;
  lu_table_template (grid) {
    variable_1 : input_net_transition; variable_2 : total_output_net_capacitance;
    index_1 ("0.1, 0.2"); index_2 ("0.01, 0.02");
  }
  cell (INV) {
    area : 1;
    cell_leakage_power : 0.5;
    pin (A) { direction : input; capacitance : 0.002; }
    pin (Y) {
      direction : output; function : "!A"; max_capacitance : 0.2;
      timing () {
        related_pin : "A"; timing_sense : negative_unate;
        cell_rise (grid) { values ("0.1, 0.2", "0.3, 0.4"); }
        cell_fall (grid) { values ("0.1, 0.2", "0.3, 0.4"); }
        rise_transition (grid) { values ("0.1, 0.2", "0.3, 0.4"); }
        fall_transition (grid) { values ("0.1, 0.2", "0.3, 0.4"); }
      }
    }
  }
}
"""


def messages(program: str, script: str, folder: Path) -> list[str]:
    """What a tool says of a library, sorted, without the names of file and library and without line numbers."""
    (folder / "script").write_text(script)
    arguments = ["-no_splash", "-exit", "script"] if "sta" in Path(program).name else ["-Q", "-T", "-s", "script"]
    done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if "arning" in line or "rror" in line]
    return [
        f"exit {done.returncode}",
        *sorted(re.sub(r"\S*(\.lib|plain_|sky130_fd_sc_hd__|after_)\S*|line \d+", "", line) for line in lines),
    ]


@pytest.fixture(params=["plain", "sky130", "sky130 with current-source models"])
def trio(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with ``before.lib``, ``same.lib`` (read and written) and ``after.lib``: its numbers changed, another corner, a note."""
    if request.param == "plain":
        text = PLAIN.encode()
    else:
        sky130: Path = request.getfixturevalue("sky130")
        corner = "tt_025C_1v80" if request.param == "sky130" else "ss_n40C_1v60"
        text = liberty.open_document(sky130 / f"sky130_fd_sc_hd__{corner}.lib.gz").text
    before = tmp_path / "before.lib"
    before.write_bytes(text)
    document = liberty.open_document(before)
    library = document.library()
    liberty.write(library, tmp_path / "same.lib", template=document)
    target = replace(library.with_values(library.values * 1.0123, library.origin), corner=Corner("ss", 1.6, 100), name="after_ss_100C_1v60")
    liberty.write(target, tmp_path / "after.lib", template=document, note="filled; see after.parquet")
    return tmp_path


def test_opensta_reads_what_is_written(trio: Path, needs_tool: Callable[[str], str]) -> None:
    program = needs_tool("opensta")
    script = 'read_liberty {}.lib\nputs "warning: [llength [get_lib_cells */*]] cells"\n'  # so that the count is compared too
    before, same, after = (messages(program, script.format(name), trio) for name in ("before", "same", "after"))
    assert before == same == after
    assert before[0] == "exit 0"
    assert any(line.endswith("cells") and " 0 " not in line for line in before)


def test_yosys_reads_what_is_written(trio: Path, needs_tool: Callable[[str], str]) -> None:
    program = needs_tool("yosys")
    script = "read_liberty -lib {0}.lib\nstat -liberty {0}.lib\n"
    before, same, after = (messages(program, script.format(name), trio) for name in ("before", "same", "after"))
    assert before == same == after
    assert before[0] == "exit 0"
