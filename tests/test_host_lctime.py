"""lctime as a host: the plan's cells on the grid that the plan asks, and the points out of its library."""

from __future__ import annotations

import csv
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import eda_plugin as ep
from eda_plugin.errors import UserError
from eda_plugin.hooks.hosts.lctime import lctime_host, template_at
from eda_plugin.hooks.hosts.lctime_text import ramp_share, with_liberty_slews

HEAD = "cell,pin,related_pin,timing_type,timing_sense,when,edge,index_1,index_2\n"
STAND_IN = """#!{python}
import shutil, sys
words = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(" ".join(words) + "\\n")
shutil.copy({library!r}, words[words.index("-o") + 1])
"""


def test_a_template_moves_to_the_corner(make_library: Callable[..., Path]) -> None:
    moved = template_at(make_library("ss,1.60,100").read_text(), "0.66", "-40")
    expected = make_library("ss,0.66,-40", name="expected.lib").read_text()
    heads = [[line.strip() for line in text.splitlines() if "voltage :" in line or "temperature :" in line] for text in (moved, expected)]
    assert [line.replace("0.66;", "0.66;").replace("-40;", "-40.0;") for line in heads[0]] == heads[1]
    with pytest.raises(UserError, match="no nom_voltage"):
        template_at("library (x) { }", "1", "25")


WRITTEN = """library (demo) {
  time_unit : "1ns";
  slew_lower_threshold_pct_rise : 20;
  slew_upper_threshold_pct_rise : 80;
  slew_lower_threshold_pct_fall : 20;
  slew_upper_threshold_pct_fall : 80;
  lu_table_template (delay_template_1x1) {
    variable_1 : total_output_net_capacitance;
    index_1 ( \\
      "1000.000000" \\
    );
  }
  lu_table_template (delay_2) {
    variable_1 : input_net_transition;
    index_1 ("1, 2");
  }
  cell (NOT) {
    pin (Y) {
      timing () {
        related_pin : "A";
        cell_rise (delay_template_1x1) {
          index_1 ( \\
            "0.002000" \\
          );
          index_2 ( \\
            "0.100000" \\
          );
          values ( \\
            "0.054052" \\
          );
        }
        cell_fall (delay_2) {
          index_1 ("0.1, 0.2");
          values ("1, 2");
        }
      }
    }
  }
}
"""


def test_what_lctime_writes_is_put_right() -> None:
    """Ramps of its own tables become slews, the second variable of a single column is named; what it took from its template stays."""
    text = with_liberty_slews(WRITTEN, ramp_share(WRITTEN))
    assert [line for line in text.splitlines() if line not in WRITTEN.splitlines()] == [
        "    variable_2 : input_net_transition;",
        '            "0.06" \\',
    ]
    assert '"1000.000000" \\' in text
    assert 'index_1 ("0.1, 0.2");' in text


def test_thresholds_that_lctime_cannot_serve_are_told() -> None:
    for old, new, told in (
        ("slew_upper_threshold_pct_fall : 80", "slew_upper_threshold_pct_fall : 70", "span 60 % of a rising and 50 % of a falling edge"),
        ("slew_lower_threshold_pct_rise : 20;", "", "no slew_lower_threshold_pct_rise"),
        ("slew_upper_threshold_pct_rise : 80;", "slew_upper_threshold_pct_rise : 80; slew_derate_from_library : 0.5;", "slew_derate"),
    ):
        with pytest.raises(UserError, match=told):
            ramp_share(WRITTEN.replace(old, new))


def test_each_cell_of_the_plan_is_run_on_its_own_grid(make_library: Callable[..., Path], tmp_path: Path) -> None:
    """lctime's part is played by a program that notes its words and gives the corner's library."""
    true = make_library("ss,1.60,100", time_unit="1ps")
    log, program, plan, measured = (tmp_path / name for name in ("log", "lctime", "plan.csv", "measured.csv"))
    program.write_text(STAND_IN.format(python=sys.executable, log=str(log), library=str(true)))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    template = make_library("tt,1.80,25", time_unit="1ps")
    rows = ["INV_1,Y,A,combinational,negative_unate,,fall,10,0.01", "INV_2,Y,A,,,,rise,1000,0.05", "INV_1,Y,A,,,,rise,100,0.01"]
    plan.write_text(HEAD + "\n".join(rows) + "\n")
    host = lctime_host(template, [tmp_path / "cells.sp"], program=str(program), models="models.sp {process}", options=["-j", "2"])
    host.simulate(plan, measured, "ss,1.6,100")
    first, second = log.read_text().splitlines()
    assert "--cell INV_1 " in first
    assert "-L models.sp ss --slew-times 0.0166666667,0.166666667 --output-loads 0.01 -j 2" in first, "from rail to rail"
    assert "--cell INV_2 " in second
    assert "--slew-times 1.66666667 --output-loads 0.05" in second
    told = {(row["cell"], row["edge"]): row for row in csv.DictReader(measured.read_text().splitlines())}
    assert set(told) == {("INV_1", "fall"), ("INV_1", "rise"), ("INV_2", "rise")}
    k = 1.25 * (1.8 / 1.6) ** 1.5 * 1.075  # the law of conftest's libraries
    assert float(told["INV_1", "fall"]["delay"]) == pytest.approx(1e3 * k * (0.015 + 0.2 * 0.01 + 2 * 0.01), rel=1e-5)
    assert float(told["INV_2", "rise"]["transition"]) == pytest.approx(1e3 * k * (0.03 + 0.2 * 1 + 2 * 0.05 / 2), rel=1e-5)


def test_a_program_that_fails_is_told_of(make_library: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "plan.csv").write_text(HEAD + "INV_1,Y,A,,,,fall,0.01,0.01\n")
    template = make_library("tt,1.80,25")
    for program, text in (("false", "lctime failed at ss,1.6,100 for INV_1, exit status 1"), ("no-such-program", "cannot start no-such")):
        with pytest.raises(UserError, match=text):
            lctime_host(template, [], program=program).simulate(tmp_path / "plan.csv", tmp_path / "m.csv", "ss,1.6,100")


def test_lctime_itself_answers_a_plan(
    needs_host: Callable[[str], Path], needs_tool: Callable[[str], str], repository: Path, tmp_path: Path
) -> None:
    """The example library's own delays and transitions, of the same netlist, models and corner, are met within a per cent."""
    needs_tool("ngspice")
    program = needs_host("lctime") / "lctime"
    example = repository / "examples" / "hkmg22"
    (tmp_path / "plan.csv").write_text(HEAD + "NOT,Y,A,,,,fall,0.04866,0.002433\nNOT,Y,A,,,,rise,0.04866,0.002433\n")
    host = lctime_host(
        example / "lib" / "hkmg22_ss_125C_0v72.lib",
        [example / "cells.sp"],
        program=str(program),
        models=f"{example / 'models.sp'} {{process}}",
        options=["--time-step", "1e-12"],
    )
    host.simulate(tmp_path / "plan.csv", tmp_path / "measured.csv", "ss,0.66,25")
    truth = ep.read(example / "lib" / "hkmg22_ss_025C_0v66.lib")[0]
    rows = list(csv.DictReader((tmp_path / "measured.csv").read_text().splitlines()))
    assert [row["edge"] for row in rows] == ["fall", "rise"]
    for row in rows:
        key = next(key for key in truth.keys if key.cell == "NOT" and key.quantity == f"cell_{row['edge']}")
        table = truth[key]
        place = abs(table.axes[0].values - 0.04866e-9).argmin(), abs(table.axes[1].values - 0.002433e-12).argmin()
        assert float(row["delay"]) == pytest.approx(1e9 * table.values[place], rel=0.01)
        transition = truth[key._replace(quantity=f"{row['edge']}_transition")]
        assert float(row["transition"]) == pytest.approx(1e9 * transition.values[place], rel=0.01)
