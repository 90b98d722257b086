"""Comparison, metrics and report, against slow twins."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from eda_plugin.domain import Axis, Corner, Library, Table, TableKey
from eda_plugin.errors import UserError
from eda_plugin.qa.compare import compare
from eda_plugin.qa.findings import Finding, Severity
from eda_plugin.qa.metrics import TIME_FLOOR, coverage, crps, floor_of, interval_width, relative_error
from eda_plugin.qa.report import render_json, render_markdown
from eda_plugin.qa.subject import View, resample

KEY = TableKey("inv", "Y", "A", "combinational", "", "", "cell_rise")
CORNER = Corner("tt", 0.8, 25)


def _axes(slews: list[float], loads: list[float]) -> tuple[Axis, Axis]:
    return Axis("input_net_transition", np.array(slews)), Axis("total_output_net_capacitance", np.array(loads))


def _library(tables: list[tuple[TableKey, tuple[Axis, ...], object]]) -> Library:
    built = []
    for key, axes, values in tables:
        numbers = np.array(values, dtype=float)
        built.append(Table(key, axes, numbers, np.ones(numbers.shape, dtype=np.uint8)))
    return Library.from_tables(built, name="lib", corner=CORNER)


GRID = _axes([1e-11, 4e-11, 9e-11], [1e-15, 3e-15])
VALUES = np.array([[1e-10, 2e-10], [1.2e-10, 2.4e-10], [1.5e-10, 3e-10]])
POWER = KEY._replace(quantity="rise_power", timing_type="internal_power")
LEAK = TableKey("inv", "", "", "leakage", "", "", "cell_leakage_power")


def test_a_library_equals_itself() -> None:
    library = _library([(KEY, GRID, VALUES), (LEAK, (), 1e-9)])
    found = compare(library, library)
    assert found.passed
    assert found.offenders == ()
    assert found.groups["timing"].mape_pct == 0
    assert found.groups["leakage"].ok_pct == 100


def test_the_worst_comes_first_with_its_numbers() -> None:
    other = KEY._replace(pin="Z")
    reference = _library([(KEY, GRID, VALUES), (other, GRID, VALUES), (LEAK, (), 1e-9)])
    worse = VALUES.copy()
    worse[2, 1] = 6e-10
    found = compare(_library([(KEY, GRID, VALUES * 1.1), (other, GRID, worse), (LEAK, (), 1e-9)]), reference)
    assert not found.passed
    assert [offender.key for offender in found.offenders] == [other, KEY]
    first = found.offenders[0]
    assert (first.index, first.found, first.expected, first.outside) == ((2, 1), 6e-10, 3e-10, 1)
    assert first.worst_pct == pytest.approx(100)
    assert found.outside == 7
    stats = found.groups["timing"]
    errors = np.concatenate([np.full(6, 10.0), [0, 0, 0, 0, 0, 100.0]])
    assert stats.mape_pct == pytest.approx(errors.mean())
    assert stats.median_pct == pytest.approx(np.median(errors))
    assert stats.bias_pct == pytest.approx(errors.mean())
    assert stats.ok_pct == pytest.approx(100 * 5 / 12)


def test_small_times_pass_by_the_absolute_tolerance() -> None:
    reference = _library([(KEY, GRID, VALUES)])
    assert compare(_library([(KEY, GRID, VALUES + 1.9e-12)]), reference).passed
    assert compare(_library([(KEY, GRID, VALUES * 1.5)]), reference, rtol=0.6).passed
    assert not compare(_library([(KEY, GRID, VALUES + 2.1e-12)]), reference, rtol=0.001).passed


def test_unmatched_and_unknown_tables_fail() -> None:
    other = KEY._replace(pin="Z")
    a, b = _library([(KEY, GRID, VALUES), (LEAK, (), 1e-9)]), _library([(KEY, GRID, VALUES), (other, GRID, VALUES)])
    found = compare(a, b)
    assert (found.only_in_a, found.only_in_b, found.passed) == ((LEAK,), (other,), False)
    hole = _library([(KEY, GRID, np.where(VALUES > 2.9e-10, np.nan, VALUES))])
    found = compare(hole, _library([(KEY, GRID, VALUES)]))
    assert (found.unknown, found.passed) == ((KEY,), False)
    assert found.groups["timing"].values == 5
    text = json.dumps(found.to_dict())
    assert json.loads(text)["unknown_count"] == 1


def _bilinear(table: Table, slew: float, load: float) -> float:
    """The slow twin: one point of one table, with the linear extrapolation that timers use."""
    (x, y), v = (axis.values for axis in table.axes), table.values
    i = min(max(int(np.searchsorted(x, slew, "right")) - 1, 0), len(x) - 2)
    j = min(max(int(np.searchsorted(y, load, "right")) - 1, 0), len(y) - 2)
    s, t = (slew - x[i]) / (x[i + 1] - x[i]), (load - y[j]) / (y[j + 1] - y[j])
    return float((1 - s) * ((1 - t) * v[i, j] + t * v[i, j + 1]) + s * ((1 - t) * v[i + 1, j] + t * v[i + 1, j + 1]))


def test_other_grids_are_looked_up_as_timers_do() -> None:
    rng = np.random.default_rng(3)
    keys = [KEY._replace(cell=f"c{n}") for n in range(5)]
    known = _library([(key, GRID, rng.normal(size=(3, 2))) for key in keys])
    asked = _axes([5e-12, 2e-11, 9e-11, 2e-10], [5e-16, 2e-15, 3e-15])
    grid = _library([(key, asked, np.zeros((4, 3))) for key in keys])
    rows = np.arange(5)
    found = resample(View(grid), View(known), rows, rows).reshape(5, 4, 3)
    slow = [[[_bilinear(known[key], x, y) for y in asked[1].values] for x in asked[0].values] for key in keys]
    assert np.allclose(found, slow, rtol=1e-12)
    inside = resample(View(grid), View(known), rows, rows, extrapolate=False).reshape(5, 4, 3)
    outside = np.ones((4, 3), dtype=bool)
    outside[1:3, 1:] = False
    assert np.isnan(inside[:, outside]).all()
    assert np.array_equal(inside[:, ~outside], found[:, ~outside])


def test_three_axes_are_looked_up_too() -> None:
    def library(slews: list[float], loads: list[float], others: list[float]) -> Library:
        x, y, z = np.array(slews)[:, None, None], np.array(loads)[:, None], np.array(others)
        third = Axis("related_out_total_output_net_capacitance", np.array(others))
        return _library([(KEY, (*_axes(slews, loads), third), (1 + x) * (2 - y) * (3 + z))])

    known, grid = library([1.0, 2.0, 4.0], [1.0, 3.0], [1.0, 5.0, 6.0]), library([0.5, 3.0], [0.0, 2.0, 9.0], [2.0, 7.0])
    row = np.zeros(1, dtype=np.int64)
    # linear in each axis, so that the look-up is exact
    assert np.allclose(resample(View(grid), View(known), row, row), grid.values)


def test_axes_meet_by_kind_and_scalars_hold_everywhere() -> None:
    swapped = _library([(KEY, GRID[::-1], VALUES.T), (POWER, (), 3e-15)])
    grid = _library([(KEY, GRID, VALUES), (POWER, GRID, VALUES)])
    found = resample(View(grid), View(swapped), np.array([0, 1]), np.array([0, 1]))
    assert np.allclose(found[:6], VALUES.ravel())
    assert (found[6:] == 3e-15).all()
    # a table with an axis that the grid lacks cannot be looked up
    assert np.isnan(resample(View(swapped), View(grid), np.array([1]), np.array([1]))[6:]).all()


def test_floors() -> None:
    assert floor_of("timing", np.array([1.0])) == TIME_FLOOR
    assert floor_of("power", np.array([1.0, -3.0, 5.0, np.nan])) == pytest.approx(0.3)
    assert floor_of("leakage", np.array([1.0, 3.0, 5.0])) == pytest.approx(0.003)
    assert 0 < floor_of("limit", np.array([])) < 1e-300
    assert relative_error(np.array([2.0, 0.5]), np.array([1.0, 0.0]), 0.1).tolist() == [1.0, 5.0]


def test_coverage_and_width_count_the_known() -> None:
    truth = np.array([1.0, 2.0, 3.0, 4.0])
    lower, upper = np.array([0.5, 2.5, 3.0, np.nan]), np.array([1.5, 3.5, 3.0, 9.0])
    assert coverage(lower, upper, truth) == pytest.approx(2 / 3)
    assert interval_width(lower, upper, truth, 2.0) == pytest.approx((1 / 2 + 1 / 2 + 0) / 3)
    assert np.isnan(coverage(lower[3:], upper[3:], truth[3:]))
    assert np.isnan(interval_width(lower[3:], upper[3:], truth[3:], 1.0))


def test_crps_is_its_definition() -> None:
    rng = np.random.default_rng(0)
    samples, truth = rng.normal(size=(7, 4, 3)), rng.normal(size=(4, 3))
    slow = np.zeros((4, 3))
    for i in range(4):
        for j in range(3):
            x = samples[:, i, j]
            pairs = [abs(a - b) for p, a in enumerate(x) for q, b in enumerate(x) if p != q]
            slow[i, j] = np.mean(np.abs(x - truth[i, j])) - np.mean(pairs) / 2
    assert np.allclose(crps(samples, truth), slow)
    assert crps(np.zeros((3, 1)), np.ones(1)).tolist() == [1.0]
    with pytest.raises(UserError, match="takes two or more"):
        crps(samples[:1], truth)


def test_report_says_what_was_done_and_found() -> None:
    findings = [
        Finding("positive", Severity.REPAIRED, "raised | to 1", CORNER, KEY),
        Finding("finite", Severity.ERROR, "1 of 6 values are missing", CORNER, KEY),
    ]
    library = _library([(KEY, GRID, VALUES)])
    facts = {"model": "ridge", "seconds": {"read": 1.25}, "scores": [1, 2]}
    text = render_markdown(library, facts, findings)
    assert text.startswith("# tt_025C_0v80")
    assert "| measured | 6 |" in text
    assert text.index("finite") < text.index("positive")
    assert "raised \\| to 1" in text
    assert "- seconds\n  - read: 1.25" in text
    data = json.loads(render_json(library, facts, findings))
    assert data["findings"][0]["rule"] == "finite"
    assert data["origins"] == {"measured": 6}
    assert data["counts"] == {"error": 1, "warning": 0, "repaired": 1, "info": 0}
    assert "No findings." in render_markdown(replace(library, name="x"), {}, [])


Command = Callable[..., CompletedProcess[str]]
Make = Callable[..., Path]


def test_the_command_writes_what_differs_worst_first(make_library: Make, command: Command, tmp_path: Path) -> None:
    reference = make_library("tt,1.80,25")
    text = reference.read_text()
    other = tmp_path / "other.lib"
    changed = re.sub(r'values \("([0-9.]+)', lambda found: f'values ("{float(found[1]) * 1.5:.7g}', text, count=2)
    other.write_text(changed)
    done = command("compare", other, reference, "--csv", "out.csv")
    assert done.returncode == 1
    assert "2 values differ" in done.stdout
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    assert [row["what"] for row in rows] == ["differs"] * 2
    errors = [float(row["mean_pct"]) for row in rows]
    assert errors == sorted(errors, reverse=True)
    for row in rows:
        assert float(row["found"]) == pytest.approx(1.5 * float(row["expected"]), rel=1e-6)
        assert (row["index"], row["unit"], row["outside"]) == ("0 0", "s", "1")
    assert command("compare", other, reference, "--rtol", "0.6").returncode == 0
    assert command("compare", other, reference, "--rtol", "0", "--atol", "1e-9").returncode == 0
    same = command("compare", reference, reference, "--csv", "same.csv")
    assert same.returncode == 0
    assert len((tmp_path / "same.csv").read_text().splitlines()) == 1
    less = tmp_path / "less.lib"
    less.write_text(text.replace("leakage_power : ", "leakage_gone : "))
    assert command("compare", less, reference, "--csv", "less.csv", "--quiet").returncode == 1
    assert "only in the reference,INV_1,,,leakage,,,cell_leakage_power,0,W" in (tmp_path / "less.csv").read_text()


def test_the_command_shows_what_changed_in_the_text(make_library: Make, command: Command, tmp_path: Path) -> None:
    reference = make_library("tt,1.80,25")
    other = tmp_path / "other.lib.gz"
    text = reference.read_text()
    area = text[: text.index("area : 1;")].count("\n") + 1
    other.write_bytes(
        gzip.compress(text.replace("area : 1;", "area : 2;").replace("cell_leakage_power : 1.", "cell_leakage_power : 7.", 1).encode())
    )
    done = command("compare", "--bytes", other, reference, "--csv", "out.csv")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "2 statements or gaps differ: 1 number, 1 table",
        "outside the numbers of tables, line (line of the reference):",
        f"  {area} ({area}) number library / cell INV_1 / area: 'area : 1;' -> 'area : 2;'",
        "numbers of tables, line (line of the reference):",
        f"  {area + 1} ({area + 1}) table library / cell INV_1 / cell_leakage_power: "
        "'cell_leakage_power : 1.8;' -> 'cell_leakage_power : 7.8;'",
    ]
    assert (tmp_path / "out.csv").read_text().splitlines()[1] == f"number,library / cell INV_1 / area,{area},{area},area : 1;,area : 2;"
    told = json.loads(command("compare", "--bytes", other, reference, "--json").stdout)
    assert (told["same"], told["counts"], len(told["changes"])) == (False, {"number": 1, "table": 1}, 2)
    same = command("compare", "--bytes", reference, reference)
    assert (same.returncode, same.stdout) == (0, "the same bytes\n")
    refused = command("compare", "--bytes", reference, tmp_path / "none.lib")
    assert refused.returncode == 2
    assert "none.lib" in refused.stderr


def test_inspect_lists_what_is_carried_through(make_library: Make, command: Command) -> None:
    path = make_library("tt,1.80,25")
    path.write_text(
        path.read_text().replace("area : 1;", 'area : 1; vendor_grade : "A";').replace("delay_model", "date : now; delay_model")
    )
    done = command("inspect", path)
    assert "not interpreted, carried through as they stand: " in done.stdout
    assert "1 vendor_grade" in command("inspect", path, "--carried").stdout
    [told] = json.loads(command("inspect", path, "--json").stdout)["libraries"]
    assert told["uninterpreted"]["vendor_grade"] == 1
