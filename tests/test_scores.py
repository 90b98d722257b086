"""Scores of a filled corner: hand-made values, a slow twin, and the neutral benchmark's own script."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic import ANCHORS, build, measure, perturbed

from eda_plugin.adapters import liberty, points
from eda_plugin.data.oracle import answer
from eda_plugin.domain import Arc, Library, Origin, Points
from eda_plugin.domain.quantity import group_of
from eda_plugin.errors import UserError
from eda_plugin.models.plan import plan_points
from eda_plugin.qa.scores import rank_correlation, score

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "hkmg22" / "lib"
TRUTH = build(ANCHORS[0])


def times(library: Library, factor: float, half: float | None = None) -> Library:
    values = library.values * factor
    return library.with_values(values, library.origin, *((None, None) if half is None else (values * (1 - half), values * (1 + half))))


def of(result: dict[str, object], *path: str) -> Any:
    found: Any = result
    for name in path:
        found = found[name]
    return found


def test_a_library_that_is_too_high_by_one_per_cent_everywhere() -> None:
    big = times(TRUTH, 1e6)  # far above the floors
    result = score(times(big, 1.01), big)
    for group in ("timing", "power", "leakage", "capacitance"):
        assert of(result, group, "mape_pct") == pytest.approx(1.0)
        assert of(result, group, "bias_pct") == pytest.approx(1.0)
        assert of(result, group, "max_pct") == pytest.approx(1.0)
    assert of(result, "timing", "ok_pct") == 100
    assert of(result, "path", "bias_pct") == pytest.approx(1.0)
    assert (result["missing"], result["missing_tables"]) == ({}, 0)
    assert of(score(times(big, 0.97), big), "timing", "ok_pct") == 0
    assert of(score(times(big, 0.97), big), "timing", "bias_pct") == pytest.approx(-3.0)


def test_the_same_as_value_by_value() -> None:
    filled = perturbed(TRUTH, 0.05, 3)
    filled = filled.with_values(filled.values, filled.origin, filled.values * 0.97, filled.values * 1.03)
    measured = measure(TRUTH, 20)
    given = set()
    for arc, edge, place in zip(measured.arcs, measured.edges, measured.index.tolist(), strict=True):
        given |= {(arc, f"cell_{edge}", *place), (arc, f"{edge}_transition", *place)}
    errors, right, widths, covered = [], [], [], []
    for one, two in zip(filled, TRUTH, strict=True):
        if group_of(two.key.quantity) != "timing":
            continue
        for i, slew in enumerate(two.axes[0].values.tolist()):
            for j, load in enumerate(two.axes[1].values.tolist()):
                if (two.key.arc, two.key.quantity, slew, load) in given:
                    continue
                x, y = float(one.values[i, j]), float(two.values[i, j])
                errors.append(abs(x - y) / max(abs(y), 20e-12))
                right.append(abs(x - y) < 0.02 * max(abs(y), 20e-12) or abs(x - y) < 2e-12)
                widths.append(0.06 * x / max(abs(y), 20e-12))
                covered.append(0.97 * x <= y <= 1.03 * x)
    figures = of(score(filled, TRUTH, measured), "timing")
    assert figures["values"] == len(errors) == sum(len(t.values.ravel()) for t in TRUTH if group_of(t.key.quantity) == "timing") - 40
    assert figures["mape_pct"] == pytest.approx(100 * np.mean(errors))
    assert figures["p99_pct"] == pytest.approx(100 * np.quantile(errors, 0.99))
    assert figures["ok_pct"] == pytest.approx(100 * np.mean(right))
    assert figures["interval_90"]["coverage_pct"] == pytest.approx(100 * np.mean(covered))
    assert figures["interval_90"]["mean_width_pct"] == pytest.approx(100 * np.mean(widths))
    thirds = figures["interval_90"]["thirds"]
    assert sum(third["values"] for third in thirds) == len(errors)
    assert np.mean([third["coverage_pct"] for third in thirds]) == pytest.approx(100 * np.mean(covered), abs=0.1)


def test_thirds_go_from_the_narrowest_to_the_widest() -> None:
    half = np.linspace(0.001, 0.2, len(TRUTH.values))
    filled = perturbed(TRUTH, 0.05, 3)
    filled = filled.with_values(filled.values, filled.origin, filled.values * (1 - half), filled.values * (1 + half))
    thirds = of(score(filled, TRUTH), "timing", "interval_90", "thirds")
    assert thirds[0]["mean_width_pct"] < thirds[1]["mean_width_pct"] < thirds[2]["mean_width_pct"]
    assert thirds[0]["coverage_pct"] < thirds[2]["coverage_pct"]


def test_what_is_missing_is_counted_and_does_not_count_as_right() -> None:
    values = TRUTH.values.copy()
    rows = [row for row, key in enumerate(TRUTH.keys) if key.quantity in ("cell_rise", "cell_leakage_power")][:3]
    values[TRUTH.start[rows[0]]] = np.nan
    holed = TRUTH.with_values(values, TRUTH.origin).take([row for row in range(len(TRUTH)) if row != rows[1]])
    result = score(holed, TRUTH)
    assert of(result, "missing_tables") == 2
    assert sum(of(result, "missing").values()) == 2
    assert of(result, "timing", "mape_pct") == 0


def test_rank_correlation() -> None:
    assert rank_correlation([1, 2, 3, 4], [10, 20, 25, 90]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    assert np.isnan(rank_correlation([1, 2], [1, 2]))
    assert np.isnan(rank_correlation([1, 1, 1], [1, 2, 3]))


# The stand-in for the simulator


def test_answers_are_the_tables_own_values() -> None:
    plan = plan_points([build(ANCHORS[1])], TRUTH, TRUTH.corner, 50, 0)
    found, twin = answer(plan, TRUTH), measure(TRUTH, 50)
    assert found.delay.tolist() == twin.delay.tolist()
    assert found.transition.tolist() == twin.transition.tolist()


def test_what_the_truth_does_not_hold_is_refused() -> None:
    plan = plan_points([build(ANCHORS[1])], TRUTH, TRUTH.corner, 2, 0)
    off = Points.plan(plan.arcs, plan.edges, plan.index * 1.01)
    with pytest.raises(UserError, match=r"simulation 1: .* is not on the axis"):
        answer(off, TRUTH)
    with pytest.raises(UserError, match=r"simulation 2: synthetic_tt_025C_1v00 has no rise delay of absent A -> Y"):
        answer(Points.plan((plan.arcs[0], Arc("absent", "Y", "A")), (plan.edges[0], "rise"), plan.index), TRUTH)


# Against the neutral benchmark's own scripts, which share no code with the package


@pytest.fixture(scope="module")
def neutral(repository: Path) -> Path:
    folder = repository.parent / "shared" / "bench"
    if not folder.is_dir():
        pytest.skip("shared data absent: ../shared/bench")
    return folder


def script(path: Path, *arguments: object) -> str:
    done = subprocess.run([sys.executable, str(path), *map(str, arguments)], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_the_template_is_the_one_of_the_neutral_script(neutral: Path, tmp_path: Path) -> None:
    truth = EXAMPLE / "hkmg22_ss_125C_0v60.lib"
    script(neutral / "blank_lib.py", truth, tmp_path / "theirs.lib")
    liberty.write_blank(liberty.open_document(truth), tmp_path / "ours.lib")
    assert (tmp_path / "ours.lib").read_bytes() == (tmp_path / "theirs.lib").read_bytes()
    left = liberty.read(tmp_path / "ours.lib", cache=False)
    assert {group_of(key.quantity) for key, table in zip(left.keys, left, strict=True) if table.known.any()} == {"limit"}


def test_answers_and_scores_are_those_of_the_neutral_scripts(neutral: Path, tmp_path: Path) -> None:
    place = EXAMPLE / "hkmg22_ss_125C_0v60.lib"
    truth = liberty.read(place, cache=False)
    plan = plan_points([truth], truth, truth.corner, 200, 1)
    points.write(plan, tmp_path / "plan.csv", header=truth.header, answered=False)
    script(neutral / "oracle.py", tmp_path / "plan.csv", place, tmp_path / "theirs.csv")
    measured = answer(points.read(tmp_path / "plan.csv", header=truth.header), truth)
    points.write(measured, tmp_path / "ours.csv", header=truth.header, answered=True)
    ours, theirs = (list(csv.DictReader((tmp_path / name).read_text().splitlines())) for name in ("ours.csv", "theirs.csv"))
    assert len(ours) == len(theirs) == 200
    for one, two in zip(ours, theirs, strict=True):
        for name, text in one.items():
            assert text == two[name] or float(text) == pytest.approx(float(two[name]), rel=1e-12)

    rng = np.random.default_rng(5)
    values = truth.values * np.exp(0.03 * rng.standard_normal(len(truth.values)))
    half = 0.03 * np.abs(values)
    filled = truth.with_values(values, np.full(len(values), Origin.FILLED, dtype=np.uint8), values - half, values + half)
    liberty.write(filled, tmp_path / "filled.lib")
    points.write_intervals(filled, tmp_path / "intervals.csv")
    points.write_values(filled, tmp_path / "values.parquet")
    given = ("--measured", tmp_path / "ours.csv", "--intervals", tmp_path / "intervals.csv", "--json", tmp_path / "score.json")
    script(neutral / "score_lib.py", tmp_path / "filled.lib", place, *given)
    written = points.attach(liberty.read(tmp_path / "filled.lib", cache=False), tmp_path / "values.parquet")
    assert (written.origin == Origin.FILLED).all()
    found = score(written, truth, measured)
    expected = json.loads((tmp_path / "score.json").read_text())
    assert set(expected) >= {"timing", "power", "leakage", "capacitance", "interval_90", "missing_tables"}
    assert expected.pop("missing_tables") == found["missing_tables"] == 0
    for group, figures in expected.items():
        mine = of(found, "timing", "interval_90") if group == "interval_90" else of(found, group)
        assert {name: mine[name] for name in figures} == pytest.approx(figures, rel=1e-9)


def test_a_table_of_another_library_is_not_attached(tmp_path: Path) -> None:
    points.write_values(TRUTH, tmp_path / "values.csv")
    with pytest.raises(UserError, match="expected the table that was written beside it"):
        points.attach(TRUTH.take(range(5)), tmp_path / "values.csv")
