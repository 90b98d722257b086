"""``lookup``: a plan's points out of a library that a characterizer wrote, whatever its units, axes and spelling."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from eda_plugin.cli.app import run

Capture = pytest.CaptureFixture[str]
Make = Callable[..., Path]
HEAD = "cell,pin,related_pin,timing_type,timing_sense,when,edge,index_1,index_2\n"
K = 1.25 * (1.8 / 1.6) ** 1.5 * 1.075
"""The law of conftest's libraries at ss, 1.60 V, 100 degrees."""


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., Path]:
    """A plan of rows, in ns and pF."""

    def make(*rows: str) -> Path:
        path = tmp_path / "plan.csv"
        path.write_text(HEAD + "".join(f"{row}\n" for row in rows))
        return path

    return make


def told(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_points_come_in_the_plans_order_and_its_templates_units(make_library: Make, plan: Callable[..., Path], tmp_path: Path) -> None:
    """The library counts in ps; the plan, and so the answer, in its template's ns."""
    library, template = make_library("ss,1.60,100", time_unit="1ps", name="host.lib"), make_library("tt,1.80,25")
    asked = plan("INV_1,Y,A,combinational,negative_unate,,rise,0.1,0.01", "inv_1,y,a,,,,fall,1,0.05", "INV_2,Y,A,,,,fall,0.01,0.001")
    out = tmp_path / "measured.csv"
    assert run(["lookup", str(asked), str(library), "--template", str(template), "--quiet", "-o", str(out)]) == 0
    rows = told(out)
    assert [(row["cell"], row["edge"], row["index_1"], row["index_2"]) for row in rows] == [
        ("INV_1", "rise", "0.1", "0.01"),
        ("INV_1", "fall", "1", "0.05"),
        ("INV_2", "fall", "0.01", "0.001"),
    ]
    assert float(rows[1]["delay"]) == pytest.approx(K * (0.015 + 0.2 * 1 + 2 * 0.05), rel=1e-6)
    assert float(rows[1]["transition"]) == pytest.approx(K * (0.025 + 0.2 * 1 + 2 * 0.05), rel=1e-6)
    assert float(rows[2]["delay"]) == pytest.approx(K * (0.015 + 0.2 * 0.01 + 2 * 0.001 / 2), rel=1e-6)


def test_what_comes_out_is_what_fill_takes(make_library: Make, plan: Callable[..., Path], anchors: list[Path], tmp_path: Path) -> None:
    library, asked = make_library("ss,1.60,100", name="host.lib"), plan("INV_1,Y,A,,,,rise,0.1,0.01", "INV_2,Y,A,,,,fall,1,0.001")
    measured, out, report = (tmp_path / name for name in ("measured.csv", "out.lib", "report.json"))
    assert run(["lookup", str(asked), str(library), "--quiet", "-o", str(measured)]) == 0
    words = ["--target", "ss,1.60,100", "--model", "ridge", "--measured", str(measured), "--report", str(report), "--quiet", "-o", str(out)]
    assert run(["fill", *map(str, anchors), *words]) == 0
    assert json.loads(report.read_text())["fill"]["origins"]["measured"] == 4


def test_arcs_that_the_library_lacks_are_told_and_left_out(
    make_library: Make, plan: Callable[..., Path], tmp_path: Path, capsys: Capture
) -> None:
    library, asked = str(make_library("ss,1.60,100")), plan("INV_1,Y,A,,,,rise,0.1,0.01", "INV_9,Y,A,,,,rise,0.1,0.01")
    out = tmp_path / "measured.csv"
    assert run(["lookup", str(asked), library, "--json", "-o", str(out)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["points"], said["measured"], len(told(out))) == (1, str(out), 1)
    assert "INV_9" in said["left_out"][0]
    assert "the library has no such arc" in said["left_out"][0]
    assert run(["lookup", str(asked), library, "-o", str(out)]) == 0
    assert "left out: rise of" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("row", "match"),
    [
        ("INV_1,Y,A,,,,rise,0.2,0.01", "2e-10 is not on the axis"),
        ("INV_9,Y,A,,,,rise,0.1,0.01", "no row's arc is in"),
    ],
)
def test_without_an_answer_nothing_is_written(
    row: str, match: str, make_library: Make, plan: Callable[..., Path], tmp_path: Path, capsys: Capture
) -> None:
    """A point off the grid is no answer: nothing is interpolated."""
    out = tmp_path / "measured.csv"
    assert run(["lookup", str(plan(row)), str(make_library("ss,1.60,100")), "-o", str(out)]) == 2
    assert match in capsys.readouterr().err
    assert not out.exists()


def test_a_tolerance_takes_indices_that_the_library_rounds(make_library: Make, plan: Callable[..., Path], tmp_path: Path) -> None:
    library, out = str(make_library("ss,1.60,100")), tmp_path / "measured.csv"
    asked = str(plan("INV_1,Y,A,,,,rise,0.1004,0.01"))
    assert run(["lookup", asked, library, "-o", str(out)]) == 2
    assert run(["lookup", asked, library, "--tolerance", "1%", "--quiet", "-o", str(out)]) == 0
    assert told(out)[0]["index_1"] == "0.1004", "the plan's own number, so that its rows can be told apart"


def test_what_is_read_is_not_overwritten(make_library: Make, plan: Callable[..., Path], capsys: Capture) -> None:
    asked = plan("INV_1,Y,A,,,,rise,0.1,0.01")
    before = asked.read_bytes()
    assert run(["lookup", str(asked), str(make_library("ss,1.60,100")), "-o", str(asked)]) == 2
    assert "is read in this run; name another output" in capsys.readouterr().err
    assert asked.read_bytes() == before
