"""The report of a filled corner: all sections, well formed, nothing from outside, every text escaped, figures right."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from eda_plugin import flow
from eda_plugin.config import FillSettings
from eda_plugin.domain import Axis, Corner, Library, Origin, Table, TableKey
from eda_plugin.errors import UserError
from eda_plugin.flow.report_numbers import Subject, calibration, curves, heat_maps, next_simulations
from eda_plugin.report import Report, Sheet
from eda_plugin.report.markup import sheet, text
from eda_plugin.report.shapes import hull, steps

SECTIONS = ("asked", "corners", "accuracy", "cells", "curves", "calibration", "budget", "findings", "baselines", "run", "provenance")
VOID = {"meta", "input", "br", "hr", "img", "link"}


class Page(HTMLParser):
    """Opens and closes in order; attributes that ask for a file; texts by element."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.asked: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.append((tag, named))
        if tag not in VOID:
            self.open.append(tag)
        if named.get("id"):
            self.ids.append(str(named["id"]))
        self.asked += [str(named[name]) for name in ("src", "href", "action", "data", "poster", "srcset") if name in named]
        assert "style" not in named, tag
        assert not [name for name in named if name.startswith("on")], named

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag


@pytest.fixture
def filled(make_library: Callable[..., Path], anchors: list[Path], toy_model: str, tmp_path: Path) -> tuple[Path, Path]:
    """A filled library with all that stands beside it, and its truth."""
    truth = make_library("ss,1.60,100")
    out = tmp_path / "out" / "filled.lib"
    out.parent.mkdir()
    result = flow.fill(flow.read(anchors), "ss,1.60,100", settings=FillSettings(model=toy_model), max_interval=0.15)
    beside = [out.with_name(out.name + ".origin.parquet")]
    result.write(out, values=beside, report=out.with_suffix(".json"), allow_refused=True)
    return out, truth


def test_page_stands_alone_and_has_every_section(filled: tuple[Path, Path], anchors: list[Path]) -> None:
    out, truth = filled
    page = flow.make_report(out.parent, truth=truth, anchors=anchors, tables=["INV_2 cell_rise"]).html()
    found = Page(page)
    assert [ident for ident in found.ids if ident in SECTIONS] == list(SECTIONS)
    assert len(found.ids) == len(set(found.ids))
    assert found.asked, "the sections' links"
    assert all(link.startswith("#") and link[1:] in found.ids for link in found.asked)
    assert not re.search(r"https?://|//[a-z]|@import|url\(", page)
    (policy,) = [named["content"] for tag, named in found.tags if named.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    for word in ("INV_1", "ss_100C_1v60", "Error against the truth", "nearest anchor", "chosen; mean error", "Coverage against the truth"):
        assert word in page, word


def test_what_a_screen_reader_needs(filled: tuple[Path, Path], anchors: list[Path]) -> None:
    out, truth = filled
    found = Page(flow.make_report(out, truth=truth, anchors=anchors).html())
    tags = [tag for tag, _ in found.tags]
    assert tags.count("table") == tags.count("caption") > 8
    assert all(named.get("scope") in ("col", "row") for tag, named in found.tags if tag == "th")
    drawings = [named for tag, named in found.tags if tag == "svg" and named.get("aria-hidden") != "true"]
    assert drawings
    for named in drawings:
        assert named["role"] == "img"
        assert set(str(named["aria-labelledby"]).split()) <= set(found.ids)
    inputs = {named.get("id") for tag, named in found.tags if tag in ("input", "select")}
    assert inputs == {named.get("for") for tag, named in found.tags if tag == "label"}
    assert next(tag for tag in tags if tag in ("h1", "h2", "h3")) == "h1"
    assert ("html", {"lang": "en"}) in found.tags


def test_without_truth_or_sidecar_the_page_says_so(filled: tuple[Path, Path], tmp_path: Path) -> None:
    out, _ = filled
    alone = tmp_path / "alone.lib"
    shutil.copy(out, alone)
    with pytest.warns(UserWarning, match="no table of origins"):
        page = flow.make_report(alone).html()
    Page(page)
    assert "No truth was given" in page
    assert "No value has an interval to narrow" in page


def test_the_same_input_gives_the_same_page(filled: tuple[Path, Path], anchors: list[Path]) -> None:
    out, truth = filled
    pages = {flow.make_report(out, truth=truth, anchors=order).html() for order in (anchors, anchors[::-1])}
    assert len(pages) == 1


def test_names_are_escaped() -> None:
    bad = '<script>alert("1")</script>&\x00'
    assert text(bad) == "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;"
    made = sheet(Sheet(bad, (bad, "n"), ((bad, 1),) * 20, wide=True), "t")
    Page(made)
    assert "<script" not in made


def small(values: list[float], lower: list[float] | None = None, upper: list[float] | None = None, origin: int = Origin.FILLED) -> Library:
    """One delay table, 1 slew x 4 loads, in units of 100 ps."""
    axes = (Axis("input_net_transition", np.array([1e-11])), Axis("total_output_net_capacitance", np.array([1, 2, 3, 4]) * 1e-15))
    key = TableKey("<b>INV", "Y", "A", "combinational", "negative_unate", "", "cell_rise")
    arrays = [None if one is None else 1e-10 * np.array([one]) for one in (lower, upper)]
    table = Table(key, axes, 1e-10 * np.array([values]), np.full((1, 4), origin, dtype=np.uint8), *arrays)
    library = Library.from_tables([table], name="small", corner=Corner("tt", 1.0, 25))
    flat = [None if one is None else one.ravel() for one in arrays]
    return library.with_values(library.values, library.origin, *flat)


def test_heat_maps_are_means_by_hand() -> None:
    subject = Subject(small([1, 1, 1, 1], [0.9, 0.9, 0.9, 0.8], [1.1, 1.1, 1.1, 1.2]), small([1, 1, 1, 1.25]), 0.9)
    error, predicted, width, refused = heat_maps(subject)
    assert error.cells == ("<b>INV",)
    assert error.values[0, 0] == pytest.approx(100 * 0.2 / 4)  # 0.25 of 1.25 once
    assert width.values[0, 0] == pytest.approx(100 * (3 * 0.2 + 0.4 / 1.25) / 4)
    assert predicted.values[0, 0] == pytest.approx(width.values[0, 0] / (2 * 1.6448536) * 0.7978846)
    assert refused.values[0, 0] == 0
    assert np.isnan(error.values[0, 1:]).all()


def test_calibration_by_hand() -> None:
    subject = Subject(small([1, 1, 1, 1], [0.9] * 4, [1.1] * 4), small([1, 1.05, 1.099, 1.3]), 0.9)
    (line,) = calibration(subject, []).lines
    at = {round(float(x), 2): float(y) for x, y in zip(line.x, line.y, strict=True)}
    assert at[0.05] == 0.25  # the value that is exact
    assert at[0.6] == 0.5  # half the half-width: 0.822 deviations, 59 %
    assert at[0.5] == 0.25
    assert at[0.9] == 0.75
    assert at[0.99] == 0.75


def test_no_calibration_of_a_guard_banded_library() -> None:
    subject = Subject(small([1.1] * 4, [0.9] * 4, [1.1] * 4), small([1] * 4), 0.9, moved=True)
    assert "guard band" in calibration(subject, []).note


def test_next_simulations_take_the_widest_first() -> None:
    subject = Subject(small([1, 1, 1, 1], [0.9, 0.95, 0.99, 0.98], [1.1, 1.05, 1.01, 1.02]), None, 0.9)
    (left, wide), wanted = next_simulations(subject, 0.05)
    assert left.y == pytest.approx([100 * x / 4 for x in (0.36, 0.16, 0.06, 0.02, 0.0)], abs=1e-9)
    assert wide.y == pytest.approx([50, 25, 0, 0, 0])
    assert wanted is not None
    arc, edge, *numbers = wanted.rows[0]
    assert (arc, edge) == ("<b>INV A -> Y combinational negative_unate", "rise")
    assert [float(one) for one in numbers] == pytest.approx([0.01, 0.001, 20, 2])


def test_curves_show_the_worst_with_its_truth() -> None:
    found = curves(Subject(small([1, 1, 1, 1], [0.9] * 4, [1.1] * 4), small([1, 1, 1, 2]), 0.9), [], 1)
    (curve,) = found.shown
    assert curve.x == pytest.approx([0.001, 0.002, 0.003, 0.004])
    assert curve.value == pytest.approx(np.full((1, 4), 0.1))
    assert curve.truth == pytest.approx(np.array([[0.1, 0.1, 0.1, 0.2]]))
    assert "worst 1 of 1" in curve.why


def test_shapes() -> None:
    assert hull([(0, 0), (1, 1), (2, 2)]) == [(0, 0), (2, 2)]
    assert steps(np.array([np.nan, 0.0, 1.0])).tolist() == [-1, 0, 6]


def test_figures_in_both_forms(filled: tuple[Path, Path], anchors: list[Path], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="package absent: matplotlib (the extra plots)")
    out, truth = filled
    written = flow.make_report(out, truth=truth, anchors=anchors, worst=1).figures(tmp_path / "figures")
    names = {path.name for path in written}
    assert {"corners.png", "corners.svg", "heat_error.png", "curve_1.svg", "calibration.png", "budget.svg"} <= names
    assert all(path.read_bytes()[:4] == b"\x89PNG" for path in written if path.suffix == ".png")
    assert all("<svg" in path.read_text(encoding="utf-8") for path in written if path.suffix == ".svg")


def test_notebook_shows_the_result(anchors: list[Path], toy_model: str) -> None:
    result = flow.fill(flow.read(anchors), "ss,1.60,100", settings=FillSettings(model=toy_model))
    shown = result._repr_html_()
    found = Page(shown)
    (frame,) = [named for tag, named in found.tags if tag == "iframe"]
    assert frame["sandbox"] == "allow-scripts"
    Page(str(frame["srcdoc"]))
    assert "ss_100C_1v60" in shown


def test_what_does_not_fit_is_told(filled: tuple[Path, Path], anchors: list[Path], tmp_path: Path) -> None:
    out, _ = filled
    other = tmp_path / "other.json"
    other.write_text("{}")
    with pytest.raises(UserError, match="expected ss_100C_1v60"):
        flow.make_report(out, truth=anchors[0])
    with pytest.raises(UserError, match=r"no table of .* has 'nand'"):
        flow.make_report(out, tables=["nand"])
    with pytest.raises(UserError, match="no report of"):
        flow.make_report(out, fill_report=other)
    with pytest.raises(UserError, match="no results of eda-plugin bench"):
        flow.make_report(out, bench=other)
    shutil.copy(out, out.with_name("two.lib"))
    shutil.copy(f"{out}.origin.parquet", out.with_name("two.lib.origin.parquet"))
    with pytest.raises(UserError, match=r"found filled\.lib, two\.lib; name the library"):
        flow.make_report(out.parent)


def test_command_line(filled: tuple[Path, Path], command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    out, truth = filled
    ran = command("report", out.parent, "--truth", truth, "-o", "page.html", "--json")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["files"] == ["page.html"]
    assert "off the truth" in told["lead"]
    Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    ran = command("report", out, "-o", out)
    assert ran.returncode == 2
    assert "is read in this run" in ran.stderr


def test_bench_results_stand_beside(filled: tuple[Path, Path], tmp_path: Path) -> None:
    out, _ = filled
    row = {"case": "A", "target": "ss_100C_1v60", "budget": "2%", "model": "ridge"}
    data = {"runs": [{**row, "score": {"timing": {"mape_pct": 1.25}}}], "summaries": [{**row, "mean": {"timing": 2.5}}]}
    (tmp_path / "results.json").write_text(json.dumps(data))
    made = flow.make_report(out, bench=tmp_path)
    assert isinstance(made, Report)
    own, means = made.baselines[-2:]
    assert own.rows[0][:4] == ("A", "2%", "ridge", 1.25)
    assert means.rows[0][:4] == ("A", "2%", "ridge", 2.5)


def test_a_run_folder_says_what_was_asked(
    anchors: list[Path], toy_model: str, command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    asked = ["--target", "ss,1.60,100", "--model", toy_model, "-o", "filled.lib", "--report", "filled.json", "--run-folder", "run"]
    ran = command("fill", *anchors, *asked, EDA_PLUGIN_FILL_SEED="3")
    assert ran.returncode == 0, ran.stderr
    made = flow.make_report(tmp_path / "run")
    settings, read, stages, log = made.run
    assert ("seed", "3", "variable") in settings.rows
    assert ("model", "toy", "command line") in settings.rows
    assert sum(row[0] == "anchors" for row in read.rows) == len(anchors)
    assert "reading" in {row[0] for row in stages.rows}
    assert [row[2] for row in log.rows][:1] == ["begin"]
    assert [row[2] for row in log.rows][-1:] == ["end"]
    assert len(made.places) == len(anchors) + 1
    found = Page(made.html())
    assert "run" in found.ids
    (tmp_path / "filled.json").unlink()
    with pytest.warns(UserWarning, match=r"filled\.json, which the run in .* wrote, is gone"):
        flow.make_report(tmp_path / "run")
    (tmp_path / "filled.json").write_text("{}")
    with (
        pytest.warns(UserWarning, match=r"filled\.json is not what the run in .* wrote any more"),
        pytest.raises(UserError, match="no report"),
    ):
        flow.make_report(tmp_path / "run")
    (tmp_path / "filled.lib").unlink()
    with pytest.raises(UserError, match="the library that the run wrote is gone"):
        flow.make_report(tmp_path / "run")


def test_a_run_that_filled_nothing_is_told(
    anchors: list[Path], command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    assert command("plan", *anchors, "--target", "ss,1.60,100", "-o", "plan.csv", "--run-folder", "run").returncode == 0
    with pytest.raises(UserError, match="expected a run that filled one corner, and this one of plan filled none"):
        flow.make_report(tmp_path / "run")
    (tmp_path / "run" / "result.json").unlink()
    with pytest.raises(UserError, match="has not ended"):
        flow.make_report(tmp_path / "run")


def test_rows_that_come_later_are_all_there() -> None:
    rows = tuple((f"cell {place}", float(place)) for place in range(100))
    made = sheet(Sheet("Many", ("cell", "n"), rows, wide=True), "t")
    first, rest = made.split("<noscript")
    assert [first.count("<tr"), rest.count("<tr")] == [41, 61]
    assert 'data-rows="t"' in rest
    assert "Many, continued" in rest
    Page(made)
