"""Plots of the benchmark's results, as SVG; needs matplotlib (the extra ``plots``). The same results give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from eda_plugin.files import replace_atomically
from eda_plugin.flow.bench_report import figure

__all__ = ["write_plots"]

Row = Mapping[str, object]
ERROR, WIDTH = ("score", "timing", "mape_pct"), ("score", "timing", "interval_90", "mean_width_pct")


def write_plots(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Per case: error by target and model; error against budget where there are several; error against interval width over all corners.

    Returns the paths written; a plot without a number is left out.
    """
    plots: dict[str, Figure] = {}
    for case in dict.fromkeys(str(row["case"]) for row in rows):
        own = [row for row in rows if row["case"] == case and np.isfinite(figure(row, ERROR))]
        budgets = list(dict.fromkeys(str(row["budget"]) for row in own))
        if len(budgets) > 1:
            plots[f"case_{case}_budget"] = _by_budget(own, budgets, case)
        elif own:
            plots[f"case_{case}"] = _by_target(own, case)
    wide = [row for row in rows if np.isfinite(figure(row, WIDTH))]
    if wide:
        plots["width_and_error"] = _width(wide)
    written = []
    with matplotlib.rc_context({"svg.hashsalt": "eda-plugin", "font.size": 9}):
        for name, plot in plots.items():
            path = folder / f"{name}.svg"
            with replace_atomically(path) as part:
                plot.savefig(part, format="svg", metadata={"Date": None}, bbox_inches="tight")
            written.append(path)
    return written


def _models(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(str(row["model"]) for row in rows))


def _by_target(rows: Sequence[Row], case: str) -> Figure:
    """Groups of bars, on a logarithmic axis: the methods differ by a factor of a hundred."""
    targets, models = list(dict.fromkeys(str(row["target"]) for row in rows)), _models(rows)
    plot = Figure(figsize=(2.0 + 0.55 * len(targets), 3.6))
    axes = plot.add_subplot()
    for place, model in enumerate(models):
        error = {str(row["target"]): figure(row, ERROR) for row in rows if row["model"] == model}
        x = np.arange(len(targets)) + (place - (len(models) - 1) / 2) * 0.8 / len(models)
        axes.bar(x, [error.get(target, np.nan) for target in targets], 0.8 / len(models), label=model)
    axes.set_xticks(np.arange(len(targets)), targets, rotation=60, ha="right")
    return _finished(plot, f"case {case}: delay and transition", "", "mean error, %")


def _by_budget(rows: Sequence[Row], budgets: Sequence[str], case: str) -> Figure:
    plot = Figure(figsize=(4.8, 3.6))
    axes = plot.add_subplot()
    for model in _models(rows):
        means = [np.mean([figure(row, ERROR) for row in rows if (row["model"], row["budget"]) == (model, budget)] or [np.nan])
                 for budget in budgets]  # fmt: skip
        axes.plot(np.arange(len(budgets)), means, marker="o", label=model)
    axes.set_xticks(np.arange(len(budgets)), budgets)
    return _finished(plot, f"case {case}: mean over its targets", "simulations", "mean error, %")


def _width(rows: Sequence[Row]) -> Figure:
    plot = Figure(figsize=(4.8, 3.6))
    axes = plot.add_subplot()
    for model in _models(rows):
        own = [row for row in rows if row["model"] == model]
        axes.scatter([figure(row, WIDTH) for row in own], [figure(row, ERROR) for row in own], s=14, label=model)
    axes.set_xscale("log")
    return _finished(plot, "does the interval say which corner is worse?", "mean width of the interval, %", "mean error, %")


def _finished(plot: Figure, title: str, x: str, y: str) -> Figure:
    axes = plot.axes[0]
    axes.set_yscale("log")
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(visible=True, axis="y", alpha=0.3)
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return plot
