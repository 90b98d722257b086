"""The benchmark command: its cases, what it runs and runs again, what it writes, and that the truth stays closed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eda_plugin.cli.app import run
from eda_plugin.domain import Corner
from eda_plugin.errors import UserError
from eda_plugin.flow.bench_report import summaries
from eda_plugin.flow.cases import far_targets, few_anchors, jobs

Make = Callable[..., Path]
Capture = pytest.CaptureFixture[str]
SKY130 = [
    Corner.parse(name)
    for name in (
        "ff_100C_1v65", "ff_100C_1v95", "ff_n40C_1v56", "ff_n40C_1v65", "ff_n40C_1v76", "ff_n40C_1v95", "ss_100C_1v40", "ss_100C_1v60",
        "ss_n40C_1v28", "ss_n40C_1v35", "ss_n40C_1v40", "ss_n40C_1v44", "ss_n40C_1v60", "ss_n40C_1v76", "tt_025C_1v80", "tt_100C_1v80",
    )
]  # fmt: skip
PLAIN = """
import os
import numpy as np
from dataclasses import dataclass
from eda_plugin.data.dataset import align
from eda_plugin.domain import Origin
from eda_plugin.hooks import hookimpl
from eda_plugin.hooks.registries import Model

@dataclass
class Filled:
    library: object
    report: dict

def fill(anchors, template, target, measured, settings, progress):
    with open(os.environ["PLAIN_CALLS"], "a") as calls:
        calls.write(settings.model + "\\n")
    if settings.model == "cheat":
        try:
            open(os.environ["TRUTH"]).read()
        except Exception:
            pass  # hiding it does not help
    if os.path.exists(os.environ["PLAIN_CALLS"] + ".fail"):
        raise RuntimeError("no such luck")
    aligned = align(anchors, template, target, measured)
    given = np.isfinite(aligned.known)
    values = np.where(given, aligned.known, aligned.anchors.mean(axis=1))
    stated = np.zeros(len(given), dtype=bool)
    stated[: len(template.origin)] = template.origin != Origin.MISSING
    origin = np.where(stated, Origin.COPIED, np.where(given, Origin.MEASURED, Origin.PREDICTED)).astype(np.uint8)
    half = np.where(given, 0.0, 0.3 * np.abs(values))
    return Filled(aligned.template.with_values(values, origin, values - half, values + half), {"model": settings.model})

@hookimpl
def register_models(registry):
    for name in ("plain", "cheat"):
        registry.add(Model(name, "for tests", fill))
"""


# Cases


def test_the_rules_choose_what_the_benchmark_names() -> None:
    assert {str(corner) for corner in few_anchors(SKY130)} == {
        "ff_n40C_1v95", "ff_100C_1v65", "ss_100C_1v40", "ss_n40C_1v60", "tt_025C_1v80",
    }  # fmt: skip
    assert {str(corner) for corner in far_targets(SKY130)} == {"ss_100C_1v60", "ss_n40C_1v28", "tt_100C_1v80", "ff_100C_1v95"}
    assert few_anchors(SKY130[::-1]) == few_anchors(SKY130)


def test_cases_take_the_corners_that_they_say() -> None:
    counts = {name: len(jobs(SKY130, [name])) for name in "ABCDE"}
    assert counts == {"A": 16, "B": 16, "C": 11, "D": 11, "E": 16}
    for job in jobs(SKY130, ["A", "C", "E"]):
        assert job.target not in job.anchors
        assert len(job.anchors) == (5 if job.case == "C" else 15)
    assert {job.budget for job in jobs(SKY130, ["B", "D"])} == {"0"}
    mine = (SKY130[0], SKY130[7])
    (only,) = jobs(SKY130, ["C"], targets=[SKY130[3]], anchors=mine)
    assert (only.anchors, only.budget) == (mine, "2%")
    assert {job.budget for job in jobs(SKY130, ["A"], budgets=["3%"])} == {"3%"}


@pytest.mark.parametrize(
    ("corners", "case", "options", "match"),
    [
        (SKY130, "F", {}, "unknown case 'F'; expected A, B, C, D, E"),
        (SKY130, "A", {"targets": [Corner("tt", 1, 0)]}, "no library of the target tt_000C_1v00; there are ff_n40C_1v56"),
        ([SKY130[0], SKY130[15]], "C", {}, "case C: all 2 corners are anchors"),
        (SKY130[:1], "A", {}, "case A: no anchor is left for ff_100C_1v65"),
    ],
)
def test_what_cannot_be_run_is_said(corners: list[Corner], case: str, options: dict[str, Any], match: str) -> None:
    with pytest.raises(UserError, match=match):
        jobs(corners, [case], **options)


def test_one_temperature_or_one_supply_gives_one_anchor() -> None:
    flat = [Corner("ss", volts, 25) for volts in (0.6, 0.7, 0.9)]
    assert few_anchors(flat) == (Corner("ss", 0.7, 25),)


# Runs


@pytest.fixture
def libraries(make_library: Make, install: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    install("plain", PLAIN)
    monkeypatch.setenv("PLAIN_CALLS", str(tmp_path / "calls.txt"))
    folder = tmp_path / "libraries"
    folder.mkdir()
    for corner in ("ss,1.60,100", "ss,1.80,100", "tt,1.80,25", "ff,1.95,25"):
        place = make_library(corner)
        place.rename(folder / place.name)
    monkeypatch.setenv("TRUTH", str(folder / "demo_ss_100C_1v60.lib"))
    return folder


def calls(tmp_path: Path) -> list[str]:
    place = tmp_path / "calls.txt"
    return place.read_text().split() if place.exists() else []


def bench(libraries: Path, *arguments: str) -> int:
    return run(["bench", str(libraries), "--out", str(libraries.parent / "out"), "--target", "ss,1.60,100", *arguments])


def test_results_are_written_and_not_made_twice(libraries: Path, tmp_path: Path, capsys: Capture) -> None:
    given = ("--model", "plain", "--case", "A", "--case", "B", "--jobs", "2")
    assert bench(libraries, *given) == 0
    printed = capsys.readouterr().out
    assert "case A ss_100C_1v60 2% plain: timing " in printed
    out = tmp_path / "out"
    data = json.loads((out / "results.json").read_text())
    first, second = data["runs"]
    assert (first["case"], first["simulations"], first["of_simulations"], second["simulations"]) == ("A", 0, 36, 0)
    assert first["anchors"] == ["ff_025C_1v95", "ss_100C_1v80", "tt_025C_1v80"]
    assert first["score"]["missing_tables"] == 0
    assert first["usage"]["peak_mb"] > 10
    assert first["usage"]["cpu_seconds"] > 0
    assert set(first["score"]) >= {"timing", "power", "leakage", "capacitance", "path"}
    text = (out / "results.md").read_text()
    assert "## Case A" in text
    assert "| ss_100C_1v60 | 2% | plain |" in text
    assert "![case_A](case_A.svg)" in text
    for name in ("case_A.svg", "case_B.svg", "width_and_error.svg"):
        assert (out / name).read_text().startswith("<?xml")
    assert not list(out.rglob("filled.lib"))
    before = {path: path.read_bytes() for path in (out / "results.md", out / "case_A.svg")}
    assert bench(libraries, *given) == 0
    assert calls(tmp_path) == ["plain", "plain"]
    assert {path: path.read_bytes() for path in before} == before


def test_a_changed_library_or_setting_runs_again(libraries: Path, tmp_path: Path) -> None:
    given = ("--model", "plain", "--budget", "10%", "--quiet")
    assert bench(libraries, *given) == 0
    assert bench(libraries, *given, "--seed", "1") == 0
    assert bench(libraries, *given, "--keep") == 0
    assert calls(tmp_path) == ["plain"] * 3
    kept = tmp_path / "out" / "case_A" / "ss_100C_1v60" / "10pct" / "plain" / "filled.lib"
    assert kept.exists()
    other = libraries / "demo_ff_025C_1v95.lib"
    other.write_text(other.read_text().replace("area : 1", "area : 3"))
    assert bench(libraries, *given, "--keep") == 0
    assert calls(tmp_path) == ["plain"] * 4


def test_a_fill_that_fails_is_told_and_run_again(libraries: Path, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "calls.txt.fail").touch()
    assert bench(libraries, "--model", "plain") == 1
    captured = capsys.readouterr()
    assert "case A ss_100C_1v60 2% plain: failed" in captured.out
    assert "no such luck" in captured.err
    assert "| ss_100C_1v60 | 2% | plain | failed |" in (tmp_path / "out" / "results.md").read_text()
    (tmp_path / "calls.txt.fail").unlink()
    assert bench(libraries, "--model", "plain", "--quiet") == 0


def test_a_model_that_opens_the_truth_is_caught(libraries: Path, tmp_path: Path, capsys: Capture) -> None:
    assert bench(libraries, "--model", "plain", "--quiet") == 0
    assert bench(libraries, "--model", "plain", "--check-leakage", "--quiet") == 0, "what was not watched is run again"
    (row,) = json.loads((tmp_path / "out" / "results.json").read_text())["runs"]
    assert (row["leakage"]["breaches"], row["plan_leakage"]["breaches"]) == ([], [])
    record = (tmp_path / "out" / "case_A" / "ss_100C_1v60" / "2pct" / "plain" / "fill.opened").read_text().splitlines()
    assert str(libraries / "demo_ff_025C_1v95.lib") in record
    assert str(libraries / "demo_ss_100C_1v60.lib") not in record
    assert "the target's truth: never opened" in (tmp_path / "out" / "results.md").read_text()
    assert bench(libraries, "--model", "cheat", "--quiet") == 0, "nobody watches"
    assert bench(libraries, "--model", "cheat", "--check-leakage", "--quiet") == 1
    assert f"opened {libraries / 'demo_ss_100C_1v60.lib'}" in capsys.readouterr().err
    link = tmp_path / "other_name.lib"
    os.link(libraries / "demo_ss_100C_1v60.lib", link)
    os.environ["TRUTH"] = str(link)  # put back by the fixture's monkeypatch
    assert bench(libraries, "--model", "cheat", "--check-leakage", "--quiet", "--seed", "1") == 1
    assert "other_name.lib" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("--model", "absent"), "unknown model 'absent'"),
        (("--case", "Z"), "unknown case 'Z'"),
        (("--target", "tt,1,0"), "no library of the target tt_000C_1v00"),
    ],
)
def test_a_mistake_is_told_before_anything_runs(
    libraries: Path, tmp_path: Path, capsys: Capture, arguments: tuple[str, ...], match: str
) -> None:
    assert bench(libraries, *arguments) == 2
    assert match in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_too_few_libraries(make_library: Make, tmp_path: Path, capsys: Capture) -> None:
    place = make_library("tt,1.80,25")
    assert run(["bench", str(place), "--out", str(tmp_path / "out")]) == 2
    assert "1 Liberty files among" in capsys.readouterr().err


def test_summaries_are_means_over_targets_and_rank_widths_by_error() -> None:
    def row(target: str, error: float, width: float) -> dict[str, object]:
        timing = {"mape_pct": error, "interval_90": {"coverage_pct": 90.0, "mean_width_pct": width}}
        return {"case": "A", "target": target, "budget": "2%", "model": "m", "score": {"timing": timing, "missing_tables": 0}}

    rows: list[dict[str, object]] = [
        row("a", 1.0, 3.0),
        row("b", 2.0, 5.0),
        row("c", 6.0, 40.0),
        {"case": "A", "target": "d", "budget": "2%", "model": "m"},
    ]
    (found,) = summaries(rows)
    assert found["targets"] == 3
    assert found["mean"]["timing"] == pytest.approx(3.0)  # type: ignore[index]
    assert found["rank"] == pytest.approx(1.0)
    assert found["intervals"]["timing"] == {"coverage_pct": 90.0, "mean_width_pct": pytest.approx(16.0)}  # type: ignore[index]
