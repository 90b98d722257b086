"""A timer's path report: read as it is printed, and weighed in the plan."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from eda_plugin.adapters.sta import Use, read_report
from eda_plugin.domain import Header, Points
from eda_plugin.errors import ParseError, UserError
from eda_plugin.hooks.testing import sample_case
from eda_plugin.models.plan import plan_points
from eda_plugin.models.used import places_used, plan_used

Command = Callable[..., subprocess.CompletedProcess[str]]

REPORT = """Startpoint: _1_ (rising edge-triggered flip-flop clocked by clock)
Endpoint: out (output port clocked by clock)

       Cap       Slew      Delay       Time   Description
-----------------------------------------------------------------------------------
              0.00000    0.00000    0.00000   clock clock (rise edge)
              0.10000    0.00000    0.00000 ^ _1_/CLK (DFF)
   0.00744    0.08318    0.33036    0.33036 ^ _1_/Q (DFF)
              0.08318    0.00000    0.33036 ^ top/_2_/A (INV_1)
   0.02500    0.50396    0.41720    0.74756 v top/_2_/Y (INV_1)
              0.50396    0.00000    0.74756 v _3_/A (INV_2)
   0.00100    0.05000    0.10000    0.84756 ^ _3_/Y (INV_2)
              0.05000    0.00000    0.84756 ^ out (out)
                                    0.84756   data arrival time
"""
USES = [
    Use("DFF", "CLK", "Q", "rise", "rise", 1e-10, 7.44e-15),
    Use("INV_1", "A", "Y", "rise", "fall", 8.318e-11, 2.5e-14),
    Use("INV_2", "A", "Y", "fall", "rise", 5.0396e-10, 1e-15),
]


def close(one: Use, two: Use) -> bool:
    names = (one.cell, one.related_pin, one.pin, one.edge, one.out_edge) == (two.cell, two.related_pin, two.pin, two.edge, two.out_edge)
    return names and (one.slew, one.load) == pytest.approx((two.slew, two.load), rel=1e-12)


def test_uses_of_arcs_are_read(tmp_path: Path) -> None:
    path = tmp_path / "paths.rpt"
    path.write_text(REPORT)
    found = read_report(path, header=Header())
    assert len(found) == len(USES)
    assert all(close(one, two) for one, two in zip(found, USES, strict=True))
    path.write_text(REPORT * 2)
    assert len(read_report(path, header=Header())) == 2 * len(USES)
    shifted = REPORT.replace("       Cap", "Fanout     Cap").splitlines()
    path.write_text("\n".join(f"    {line}" if line.startswith("  ") else line for line in shifted))
    found = read_report(path, header=Header(time=1e-12, capacitance=1e-15))
    assert found[1].slew == pytest.approx(8.318e-14)
    assert found[1].load == pytest.approx(2.5e-17)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "the timing report has no path through the pins of a cell; expected the output of report_checks -fields"),
        (REPORT.replace("       Cap ", "           "), r"paths.rpt:4: the path has no Cap; report report_checks"),
        (REPORT.replace("       Cap       Slew", "                     "), r"paths.rpt:4: the path has no Slew"),
        ("\n".join(line for line in REPORT.splitlines() if "/A (" not in line and "/CLK (" not in line), "no path through"),
    ],
)
def test_reports_that_lack_something_say_so(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / "paths.rpt"
    path.write_text(text)
    with pytest.raises(ParseError, match=match):
        read_report(path, header=Header())
    with pytest.raises(UserError, match="cannot read the timing report"):
        read_report(tmp_path / "absent.rpt", header=Header())


def test_places_beside_the_use_are_weighed() -> None:
    """By hand: slew 0.55 ns lies half way between 0.1 and 1 ns, load 2.5 fF a sixth of the way from 1 to 10 fF."""
    template = sample_case().template
    weights = places_used([Use("INV_1", "A", "Y", "rise", "fall", 5.5e-10, 2.5e-15)], template)
    (row,) = weights
    assert template.keys[row].quantity == "cell_fall"
    expected = np.outer([0, 0.5, 0.5], [5 / 6, 1 / 6, 0])
    np.testing.assert_allclose(weights[row].reshape(3, 3), expected)
    beyond = places_used([Use("INV_1", "A", "Y", "rise", "fall", 9e-9, 1e-18)], template)
    assert np.argmax(beyond[row]) == 6
    assert beyond[row].sum() == 1
    assert places_used([Use("INV_1", "A", "Y", "fall", "fall", 1e-10, 1e-15)], template) == {}, "no inverter does that"
    assert places_used([Use("NAND9", "A", "Y", "rise", "fall", 1e-10, 1e-15)], template) == {}


def test_the_plan_buys_what_paths_use_first() -> None:
    case = sample_case()
    general = plan_points(case.anchors, case.template, case.target, 12, 0)
    made = plan_used([USES[1]] * 3 + [USES[2]], case.template, 12, general)
    asked = list(zip(made.arcs, made.edges, made.index.tolist(), strict=True))
    assert len(asked) == 12
    assert len({(arc, edge, tuple(at)) for arc, edge, at in asked}) == 12
    assert (asked[0][0].cell, asked[0][1]) == ("INV_1", "fall"), "the table that is used most comes first"
    assert (asked[1][0].cell, asked[1][1]) == ("INV_2", "rise"), "each used table once before any twice"
    np.testing.assert_allclose(asked[0][2], [1e-10, 1e-14])
    few = plan_used([USES[1]] * 3 + [USES[2]], case.template, 2, plan_points(case.anchors, case.template, case.target, 2, 0))
    assert len(few) == 2
    assert Points.plan((), (), np.zeros((0, 2))).arcs == plan_used(USES, case.template, 0, Points.plan((), (), np.zeros((0, 2)))).arcs


def test_the_command_weighs_the_plan(anchors: list[Path], tmp_path: Path, command: Command) -> None:
    report = tmp_path / "paths.rpt"
    report.write_text(REPORT)
    options = ("--target", "ss,1.60,100", "--budget", "4", "--from-sta", report, "-o", "plan.csv")
    made = command("plan", *anchors, *options, "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["simulations"] == 4
    rows = (tmp_path / "plan.csv").read_text().splitlines()[1:]
    assert sum("INV_1,Y,A,combinational,negative_unate,,fall" in row for row in rows) >= 1
    report.write_text(REPORT.replace("INV_", "OTHER_"))
    refused = command("plan", *anchors, *options)
    assert refused.returncode == 2
    assert "is it another library's?" in refused.stderr
