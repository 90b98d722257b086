"""The report's figures for slides, as PNG and SVG; needs matplotlib (the extra ``plots``). The same report gives the same bytes."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eda_plugin.errors import UserError
from eda_plugin.files import replace_atomically
from eda_plugin.report.contents import Curve, HeatMap, Line, Place, Report
from eda_plugin.report.shapes import hull, is_geometric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["write_figures"]

CELLS = 40
"""Cells of a heat map on a slide, those with the most: more can't be read."""


def write_figures(report: Report, folder: Path) -> list[Path]:
    """``corners``, ``heat_<name>``, ``curve_<n>``, ``calibration``, ``budget``, each as PNG and SVG; what has no number is left out.

    Raises ``UserError`` without matplotlib and where the folder can't be made.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise UserError("figures need matplotlib, which is not installed; pip install 'eda-plugin[plots]' brings it")
    import matplotlib

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror or error}; name another for the figures") from error
    plots: dict[str, Figure] = {"corners": _corners(report.places)}
    plots |= {f"heat_{heat.name}": _heat(heat) for heat in report.heat if np.isfinite(heat.overall).any()}
    plots |= {f"curve_{place + 1}": _curve(curve) for place, curve in enumerate(report.curves.shown)}
    if report.calibration.lines:
        plots["calibration"] = _lines(report.calibration.lines, "calibration", "nominal coverage", "observed coverage", diagonal=True)
    if report.budget.lines:
        plots["budget"] = _lines(report.budget.lines, "what the next simulations would buy", "simulations more", "%")
    written = []
    with matplotlib.rc_context({"svg.hashsalt": "eda-plugin", "font.size": 10}):
        for name, plot in plots.items():
            plot.tight_layout()  # once: savefig's own tight box would lay each out again for either format
            for end, metadata in ((".png", {"Software": None}), (".svg", {"Date": None})):
                path = folder / f"{name}{end}"
                with replace_atomically(path) as part:
                    plot.savefig(part, format=end[1:], metadata=metadata, dpi=160)
                written.append(path)
    return written


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def _corners(places: Sequence[Place]) -> Figure:
    processes = sorted({place.process for place in places})
    plot = _figure(3.2 * len(processes) + 0.6, 3.2)
    panels = plot.subplots(1, len(processes), sharex=True, sharey=True, squeeze=False)[0]
    for axes, process in zip(panels, processes, strict=True):
        own = [place for place in places if place.process == process]
        anchors = [(place.voltage, place.temperature) for place in own if place.role == "anchor"]
        corners = hull(anchors)
        if len(corners) > 1:
            axes.fill(*np.array(corners).T, alpha=0.25, edgecolor="C0")
        for role, mark, colour in (("anchor", "o", "C0"), ("target", "D", "C3")):
            points = np.array([(place.voltage, place.temperature) for place in own if place.role == role]).reshape(-1, 2)
            if len(points):
                axes.plot(*points.T, mark, color=colour, markersize=8, label=role)
        axes.set_title(process)
        axes.set_xlabel("supply, V")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    panels[0].set_ylabel("temperature, °C")
    return plot


def _heat(heat: HeatMap) -> Figure:
    order = np.argsort(-np.nan_to_num(heat.overall, nan=-1.0), kind="stable")[:CELLS]
    columns = np.flatnonzero(np.isfinite(heat.values).any(axis=0))
    plot = _figure(1.6 + 0.9 * len(columns), 1.2 + 0.2 * len(order))
    axes = plot.add_subplot()
    image = axes.imshow(heat.values[np.ix_(order, columns)], aspect="auto", cmap="Blues")
    axes.set_yticks(np.arange(len(order)), [heat.cells[row] for row in order], fontsize=7)
    axes.set_xticks(np.arange(len(columns)), [heat.columns[at] for at in columns], rotation=45, ha="right")
    plot.colorbar(image, label=heat.unit)
    few = f", the first {len(order)} of {len(heat.cells)} cells" if len(order) < len(heat.cells) else ""
    axes.set_title(f"{heat.title}{few}", fontsize=10)
    return plot


def _curve(curve: Curve) -> Figure:
    count = len(curve.across)
    plot = _figure(2.4 * min(count, 4), 2.2 * -(-count // 4))
    panels = plot.subplots(-(-count // 4), min(count, 4), squeeze=False).ravel()
    for row, axes in enumerate(panels):
        if row >= count:
            axes.set_axis_off()
            continue
        axes.fill_between(curve.x, curve.lower[row], curve.upper[row], alpha=0.3, label="interval")
        axes.plot(curve.x, curve.value[row], label="filled")
        known = np.array([word == "measured" for word in curve.origin[row]])
        axes.plot(curve.x[known], curve.value[row][known], "ko", markersize=4, label="simulated")
        if curve.truth is not None:
            axes.plot(curve.x, curve.truth[row], "x", color="C3", markersize=5, label="truth")
        if is_geometric(curve.x):
            axes.set_xscale("log")
        axes.set_title(f"{curve.across_name} {curve.across[row]:.3g} {curve.across_unit}", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.set_xlabel(f"{curve.x_name}, {curve.x_unit}", fontsize=8)
    panels[0].legend(fontsize=6)
    plot.suptitle(f"{curve.title}, {curve.unit}", fontsize=9)
    return plot


def _lines(lines: Sequence[Line], title: str, x: str, y: str, *, diagonal: bool = False) -> Figure:
    plot = _figure(5.2, 4.0)
    axes = plot.add_subplot()
    if diagonal:
        axes.plot([0, 1], [0, 1], "--", color="grey", label="ideal")
    for mark, line in zip("osD^vP" * len(lines), lines, strict=False):
        axes.plot(line.x, line.y, marker=mark, markevery=max(len(line.x) // 10, 1), label=line.name)
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return plot
