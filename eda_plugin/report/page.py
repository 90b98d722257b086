"""The page: sections in the order in which a person judges a filled corner."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from importlib.resources import files

import numpy as np

from eda_plugin.report.charts import corner_map, curve_panels, legend, line_chart, overview
from eda_plugin.report.contents import Curve, HeatMap, Line, Report, Sheet, Value
from eda_plugin.report.markup import ON_PAPER, element, later, number, sheet, table, text
from eda_plugin.report.shapes import steps

__all__ = ["render_notebook", "render_page"]


def render_page(report: Report) -> str:
    """One HTML document: its styles and script stand in it, and its policy lets nothing else in."""
    style, script = _asset("report.css"), _asset("report.js")
    policy = f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    sections = _sections(report)
    links = (element("li", element("a", text(title), href=f"#{ident}")) for ident, title, _ in sections)
    body = [
        element("a", "Skip to the report", href="#main", class_="skip"),
        element("header", [element("h1", text(report.title)), element("p", text(report.lead), class_="lead"), _THEME], role="banner"),
        element("nav", element("ol", links), aria_label="Sections"),
        element("main", (_section(*section) for section in sections), id="main", tabindex="-1"),
        element("p", "", id="told", role="status", class_="unseen"),
        f"<script>{script}</script>",
    ]
    head = (
        '<meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{text(policy)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"{element('title', text(report.title))}<style>{style}</style>"
    )
    return f'<!DOCTYPE html>\n<html lang="en">{element("head", head)}{element("body", body)}</html>\n'


def render_notebook(report: Report) -> str:
    """The facts as plain markup, for viewers that strip frames, and the page in a frame that may run its own script only."""
    facts = (element("tr", [element("th", text(name), scope="row"), element("td", text(value))]) for name, value in report.facts)
    table = element("table", [element("caption", text(report.title)), element("tbody", facts)])
    frame = element("iframe", srcdoc=render_page(report), sandbox="allow-scripts", width="100%", height="640", title=report.title)
    return element("div", [table, frame])


_THEMES = (("", "as the system"), ("light", "light"), ("dark", "dark"))
_CHOICE = element("select", (element("option", word, value=value) for value, word in _THEMES), id="theme")
_THEME = element("p", [element("label", "Colours", for_="theme"), _CHOICE], class_="theme")


def _asset(name: str) -> str:
    return (files("eda_plugin.report") / "assets" / name).read_text(encoding="utf-8")


def _digest(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def _section(ident: str, title: str, inner: Iterable[str]) -> str:
    return element("section", [element("h2", text(title), id=f"{ident}-h"), *inner], id=ident, aria_labelledby=f"{ident}-h")


def _sections(report: Report) -> list[tuple[str, str, list[str]]]:
    facts = Sheet("Asked and delivered", ("what", "found"), report.facts)
    return [
        ("asked", "Asked and delivered", [sheet(facts, "facts")]),
        ("corners", "Corners", _corners(report)),
        ("accuracy", "Accuracy", _sheets(report.scores, "score", "No truth was given: --truth LIB tells how far each value is off.")),
        ("cells", "Cells", [part for place, heat in enumerate(report.heat) for part in _heat(heat, f"heat-{place}")]),
        ("curves", "Tables", _curves(report)),
        ("calibration", "Calibration of the intervals", _calibration(report)),
        ("budget", "Budget", _budget(report)),
        ("findings", "Findings of the checks", [sheet(report.findings, "finding")]),
        ("baselines", "Baselines beside the method",
         _sheets(report.baselines, "base", "None: give --truth with --anchors, or --bench FOLDER of a benchmark.")),
        ("run", "The run", _sheets(report.run, "run", "No run was recorded: fill with --run-folder FOLDER, and name that folder here.")),
        ("provenance", "Provenance", _sheets(report.provenance, "from", "Nothing is known of where this came from.")),
    ]  # fmt: skip


def _sheets(given: Iterable[Sheet], ident: str, without: str) -> list[str]:
    return [sheet(one, f"{ident}-{place}") for place, one in enumerate(given)] or [element("p", text(without), class_="note")]


def _corners(report: Report) -> list[str]:
    rows = tuple((place.name, place.role, place.process, place.voltage, place.temperature) for place in report.places)
    where = "inside the box of its anchors" if report.outside <= 0 else f"{report.outside:.2g} box widths outside its anchors"
    key = (
        "Circles are anchors, the diamond is the target; filled in: the hull of the process's own anchors; dashed: the box of all anchors."
    )
    return [
        element("p", text(f"The target lies {where}. {key}"), class_="note"),
        corner_map(report.places),
        sheet(Sheet("Corners", ("corner", "role", "process", "supply, V", "temperature, °C"), rows), "corner"),
    ]


def _heat(heat: HeatMap, ident: str) -> list[str]:
    """Overview, then the numbers behind it: the table is the map, and colours only repeat its numbers."""
    colour = steps(heat.values)
    order = np.argsort(-np.nan_to_num(heat.overall, nan=-1.0), kind="stable")
    head = element("tr", [element("th", "cell", scope="col")] + [
        element("th", text(name), scope="col", class_="n") for name in (*heat.columns, "whole cell")])  # fmt: skip
    lines = []
    for place, row in enumerate(order.tolist()):
        cells = [element("th", text(heat.cells[row]), scope="row")]
        cells += [
            _number(float(value), f"n h{step}" if step >= 0 else "n") for value, step in zip(heat.values[row], colour[row], strict=True)
        ]
        cells.append(_number(float(heat.overall[row]), "n"))
        lines.append(element("tr", cells, class_="more" if place >= ON_PAPER else None))
    return [
        element("h3", text(heat.title)),
        element("p", text(heat.note), class_="note"),
        element("div", overview(heat, f"{ident}-o"), class_="scroll", role="region", aria_label=f"{heat.title}, overview", tabindex="0"),
        legend(heat),
        table(f"{heat.title}, {heat.unit}", head, lines, ident, wide=True, kind="sortable heat"),
    ]


def _number(value: float, kind: str) -> str:
    return element("td", text(number(value)), class_=kind)


def _curves(report: Report) -> list[str]:
    key = "Line: filled; band: its interval; full dots: simulated; crosses: truth, where there is one. Each drawing has a scale of its own."
    parts = [element("p", key, class_="note")]
    for place, curve in enumerate(report.curves.shown):
        ident = f"curve-{place}"
        hidden = later(sheet(_numbers(curve), f"{ident}-n"))
        numbers = element("details", [element("summary", f"Numbers of {text(curve.title)}"), hidden])
        parts.append(element("article", [element("h3", text(curve.title)), element("p", text(curve.why), class_="note"),
                                         curve_panels(curve, ident), numbers]))  # fmt: skip
    if report.curves.ranking is not None:
        parts.append(sheet(report.curves.ranking, "ranking"))
    return parts


def _numbers(curve: Curve) -> Sheet:
    words = ("filled", "lower", "upper", *(() if curve.truth is None else ("truth",)))
    axes = (f"{curve.across_name}, {curve.across_unit}", f"{curve.x_name}, {curve.x_unit}")
    names = (*axes, *(f"{word}, {curve.unit}" for word in words), "origin")
    rows: list[tuple[Value, ...]] = []
    for (row, across), (column, x) in ((a, b) for a in enumerate(curve.across) for b in enumerate(curve.x)):
        arrays = (curve.value, curve.lower, curve.upper, *(() if curve.truth is None else (curve.truth,)))
        rows.append((float(across), float(x), *(float(array[row, column]) for array in arrays), curve.origin[row][column]))
    return Sheet(f"{curve.title}, all values", names, tuple(rows))


def _calibration(report: Report) -> list[str]:
    given = report.calibration
    parts = [element("p", text(given.note), class_="note")]
    if given.lines:
        parts.append(_wide_chart(given.lines, "calibrated", "Calibration curve", "nominal coverage", "observed coverage", diagonal=True))
    return parts + [sheet(one, f"held-{place}") for place, one in enumerate(given.sheets)]


def _budget(report: Report) -> list[str]:
    given = report.budget
    share = f" ({given.spent / given.total:.2%})" if given.total else ""
    parts = [element("p", text(f"{given.spent:,} of {given.total:,} simulations were spent{share}. {given.note}"))]
    if given.lines:
        parts.append(_wide_chart(given.lines, "next", "What the next simulations would buy", "simulations more", "%"))
    return parts + ([sheet(given.wanted, "wanted")] if given.wanted else [])


def _wide_chart(lines: Sequence[Line], ident: str, title: str, x_title: str, y_title: str, *, diagonal: bool = False) -> str:
    """Scrolls sideways where the window is narrower than letters that can be read."""
    drawn = line_chart(lines, ident, title, x_title, y_title, diagonal=diagonal)
    return element("div", drawn, class_="scroll", role="region", aria_label=f"Drawing: {title}", tabindex="0")
