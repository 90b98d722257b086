"""The study's report: the same tables as Markdown and as one HTML page that stands alone, with density plots drawn into it."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eda_plugin.files import replace_atomically

__all__ = ["report_parts", "write_study"]

Floats = NDArray[np.float64]
METRICS = ("MAPE", "R2", "MSE", "RMSE", "MAE")
_COLOURS = {"real": "#555555", "ddpm": "#c2571a", "ours": "#1f6fb2"}
_STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#222}table{border-collapse:collapse;margin:1em 0}"
    "td,th{border-bottom:1px solid #ccc;padding:.2em .7em;text-align:right}td:first-child,th:first-child{text-align:left}"
    "pre{background:#f4f4f4;padding:.7em}svg{margin:.5em}"
)


@dataclass(frozen=True)
class _Grid:
    """A table: column heads and rows of texts."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, eq=False)
class _Density:
    """A plot of densities of one delay: values in s by what they are."""

    title: str
    values: Mapping[str, Sequence[float]]


_Part = str | _Grid | _Density


def write_study(facts: Mapping[str, object], folder: Path) -> list[Path]:
    """Write study.md and study.html and return their paths."""
    parts = list(report_parts(facts))
    command = str(facts["command"])
    texts = {folder / "study.md": _markdown(parts, command), folder / "study.html": _html(parts, command)}
    for path, text in texts.items():
        with replace_atomically(path) as part:
            part.write_text(text, encoding="utf-8")
    return list(texts)


def report_parts(facts: Mapping[str, object]) -> Iterator[_Part]:
    """Headings (texts that begin with #), paragraphs, tables and plots in their order."""
    cells: Mapping[str, Mapping[str, object]] = facts["cells"]  # type: ignore[assignment]
    yield "# Rows invented for process variation: the study"
    seeds = facts["settings"]["seeds"]  # type: ignore[index]
    yield (
        f"eda-plugin {facts['version']}. Figures are means over {seeds} seeds, with the spread (standard deviation) behind ±."
        if seeds > 1
        else f"eda-plugin {facts['version']}. Figures are of one seed."
    )
    notes: Sequence[str] = facts["notes"]  # type: ignore[assignment]
    if notes:
        yield "Not measured: " + "; ".join(notes) + "."
    yield from _generated(cells)
    yield from _regressor(cells)
    yield from _ratios(cells)


def _generated(cells: Mapping[str, Mapping[str, object]]) -> Iterator[_Part]:
    held = {cell: one["generated"] for cell, one in cells.items() if isinstance(one.get("generated"), Mapping)}
    if not held:
        return
    errors = {cell: one["mape_pct"] for cell, one in held.items()}  # type: ignore[index]
    yield "## Invented delays against the simulator"
    counts = sorted({(one["real_rows"], one["checked"]) for one in held.values()})  # type: ignore[index]
    yield (
        "MAPE in %, all delays of a cell; each invented row is simulated again at its own inputs. Learnt from "
        + ", ".join(f"{real} real rows, {checked} simulated again" for real, checked in counts)
        + " a seed. ddpm is the paper's model."
    )
    yield _by_cell("cell", errors)
    variants = {cell: one["variants"]["mape_pct"] for cell, one in cells.items() if "variants" in one}  # type: ignore[index]
    if variants:
        yield "### Other generators, schedules, networks and numbers of real rows"
        yield "MAPE in % against the simulator; what is not named is as in ddpm (linear 0.001-0.02, 5 layers)."
        methods = list(dict.fromkeys(method for one in variants.values() for method in one))
        heads = ["method", *variants]
        ddpm = ["ddpm", *(_mean(errors[cell].get("ddpm", ())) for cell in variants)]
        yield _Grid(heads, [ddpm, *([method, *(_mean(one.get(method, ())) for one in variants.values())] for method in methods)])
    yield "### Densities of a delay"
    for cell, one in held.items():
        yield _Density(f"{cell}, {one['output']}", one["density"])  # type: ignore[index]


def _regressor(cells: Mapping[str, Mapping[str, object]]) -> Iterator[_Part]:
    yield "## A regressor with and without invented rows"
    yield (
        "Boosted trees from a row's inputs to a delay's logarithm, scored on rows never learnt from. Mean over the cells; MSE, RMSE and "
        "MAE are in ps^2 and ps. Every method gets the same trees and as many rows added."
    )
    yield from _scored({cell: one["regressor"] for cell, one in cells.items()})
    rivals = {cell: one["rivals"] for cell, one in cells.items() if "rivals" in one}
    if rivals:
        yield "### Weaker rivals and the paper's model, MAPE"
        yield _by_cell("cell", {cell: _mapes(one) for cell, one in rivals.items()})  # type: ignore[arg-type]
    estimator = {cell: one["estimator"] for cell, one in cells.items() if "estimator" in one}
    if estimator:
        yield "## The shipped estimator instead of trees alone"
        yield "Trees on what a smooth mean leaves over (ResidualBoostingRegressor), the same rows."
        yield from _scored(estimator)


def _scored(found: Mapping[str, object]) -> Iterator[_Part]:
    """Tables by number of real rows, then MAPE by cell."""
    sizes = sorted({size for one in found.values() for size in one}, key=int)  # type: ignore[attr-defined]
    by_size = {size: {cell: one[size] for cell, one in found.items() if size in one} for size in sizes}  # type: ignore[index,operator]
    for size, own in by_size.items():
        yield f"### {size} real rows, {len(own)} cell{'s' * (len(own) > 1)}"
        methods = list(next(iter(own.values())))
        yield _Grid(["added", *METRICS], [[method, *(_over(own, method, metric) for metric in METRICS)] for method in methods])
    yield "### MAPE by cell"
    for size, own in by_size.items():
        yield _by_cell(f"{size} rows", {cell: _mapes(one) for cell, one in own.items()})


def _mapes(scored: Mapping[str, Sequence[Mapping[str, float]]]) -> dict[str, list[float]]:
    return {method: [seed["MAPE"] for seed in seeds] for method, seeds in scored.items()}


def _by_cell(head: str, found: Mapping[str, Mapping[str, Sequence[float | None]]]) -> _Grid:
    """A row a cell, a column a method, the mean of all cells last."""
    methods = list(dict.fromkeys(method for one in found.values() for method in one))
    rows = [[cell, *(_mean(one.get(method, ())) for method in methods)] for cell, one in found.items()]
    if len(found) > 1:
        means = [np.nanmean([np.asarray(one[method], dtype=np.float64) for one in found.values()], axis=0) for method in methods]
        rows.append(["mean", *(_mean(values.tolist()) for values in means)])
    return _Grid([head, *methods], rows)


def _ratios(cells: Mapping[str, Mapping[str, object]]) -> Iterator[_Part]:
    found: dict[str, Mapping[str, Mapping[str, Sequence[Mapping[str, float]]]]]
    found = {cell: one["ratios"] for cell, one in cells.items() if "ratios" in one}  # type: ignore[misc]
    if not found:
        return
    yield "## Ratio of invented to real rows"
    first = next(iter(found.values()))
    methods = list(next(iter(first.values())))
    rows = [[ratio, *(_over({cell: one[ratio] for cell, one in found.items()}, method, "MAPE") for method in methods)] for ratio in first]
    yield f"MAPE in % on unseen rows, mean over {', '.join(found)}."
    yield _Grid(["ratio", *methods], rows)


def _over(own: Mapping[str, Mapping[str, Sequence[Mapping[str, float]]]], method: str, metric: str) -> str:
    """Mean over cells of each seed, then mean and spread over the seeds; times in ps."""
    factor = {"MSE": 1e24, "RMSE": 1e12, "MAE": 1e12}.get(metric, 1.0)
    table = np.array([[seed[metric] for seed in one[method]] for one in own.values()]) * factor
    return _mean(table.mean(axis=0).tolist())


def _mean(values: Sequence[float | None]) -> str:
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    if not len(known):
        return "-"
    return f"{known.mean():.3g}" + (f" ± {known.std(ddof=1):.1g}" if len(known) > 1 else "")


def _markdown(parts: Sequence[_Part], command: str) -> str:
    lines: list[str] = []
    for part in parts:
        if isinstance(part, _Grid):
            lines += ["| " + " | ".join(part.heads) + " |", "|" + " --- |" * len(part.heads)]
            lines += ["| " + " | ".join(row) + " |" for row in part.rows] + [""]
        elif isinstance(part, _Density):
            numbers = [f"{name} {np.mean(known) * 1e12:.3g} ± {np.std(known) * 1e12:.3g} ps" for name, known in part.values.items()]
            lines.append(f"- {part.title}: {', '.join(numbers)}")
        else:
            lines += ["", part, ""] if lines else [part, ""]
    return "\n".join([*lines, "", "## Commands", "", "```", command, "```"]).replace("\n\n\n", "\n\n") + "\n"


def _html(parts: Sequence[_Part], command: str) -> str:
    body: list[str] = []
    for part in parts:
        if isinstance(part, _Grid):
            head = "".join(f"<th>{html.escape(text)}</th>" for text in part.heads)
            rows = ("<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in row) + "</tr>" for row in part.rows)
            body.append(f"<table><tr>{head}</tr>{''.join(rows)}</table>")
        elif isinstance(part, _Density):
            body.append(_drawn(part))
        elif part.startswith("#"):
            marks, _, text = part.partition(" ")
            body.append(f"<h{len(marks)}>{html.escape(text)}</h{len(marks)}>")
        else:
            body.append(f"<p>{html.escape(part)}</p>")
    body.append(f"<h2>Commands</h2><pre>{html.escape(command)}</pre>")
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Process variation study</title><style>{_STYLE}</style>'
    return head + "<body>" + "\n".join(body) + "</body></html>\n"


def _drawn(part: _Density, *, width: int = 420, height: int = 200) -> str:
    """Densities over one axis: Gaussian kernels, Scott's width."""
    known = {name: np.asarray(values) * 1e12 for name, values in part.values.items()}
    every = np.concatenate(list(known.values()))
    low, high = np.quantile(every, [0.002, 0.998])
    at = np.linspace(low - 0.05 * (high - low), high + 0.05 * (high - low), 120)
    curves = {name: _kernel_density(values, at) for name, values in known.items()}
    top = max(float(curve.max()) for curve in curves.values())
    drawn = []
    for place, (name, curve) in enumerate(curves.items()):
        points = " ".join(
            f"{30 + (width - 40) * x:.1f},{height - 30 - (height - 60) * y / top:.1f}"
            for x, y in zip(np.linspace(0, 1, len(at)), curve, strict=True)
        )
        colour = _COLOURS.get(name, "#888888")
        drawn.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.6" points="{points}"/>')
        drawn.append(f'<text x="{width - 90}" y="{40 + 16 * place}" font-size="12" fill="{colour}">{html.escape(name)}</text>')
    axis = f'<line x1="30" x2="{width - 10}" y1="{height - 30}" y2="{height - 30}" stroke="#999"/>'
    ends = (
        f'<text x="30" y="{height - 12}" font-size="12">{at[0]:.3g} ps</text>'
        f'<text x="{width - 70}" y="{height - 12}" font-size="12">{at[-1]:.3g} ps</text>'
    )
    title = f'<text x="30" y="18" font-size="13">{html.escape(part.title)}</text>'
    return f'<svg width="{width}" height="{height}" role="img">{title}{axis}{"".join(drawn)}{ends}</svg>'


def _kernel_density(values: Floats, at: Floats) -> Floats:
    width = max(float(values.std()), 1e-9) * len(values) ** -0.2
    z = (at[:, None] - values[None]) / width
    return np.asarray(np.exp(-0.5 * z * z).sum(axis=1) / (len(values) * width * np.sqrt(2 * np.pi)))
