"""The drawings of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from eda_plugin.report.contents import Curve, HeatMap, Line, Place
from eda_plugin.report.markup import element, number, text
from eda_plugin.report.shapes import STEPS, hull, is_geometric, span, steps
from eda_plugin.report.svg import Frame, Scale, drawing, label

__all__ = ["corner_map", "curve_panels", "legend", "line_chart", "overview"]

SQUARE, ACROSS = 13, 48


def corner_map(places: Sequence[Place]) -> str:
    """One drawing a process: its anchors, the targets, the convex hull of its anchors, and the box of all anchors."""
    volts, degrees = (np.array([getattr(place, name) for place in places]) for name in ("voltage", "temperature"))
    anchors = [place for place in places if place.role == "anchor"]
    drawn: list[str] = []
    for process in sorted({place.process for place in places}):
        frame = Frame(Scale(*span(volts, room=0.12), 46, 286), Scale(*span(degrees, room=0.15), 190, 26))
        own = [place for place in places if place.process == process]
        points = [(place.voltage, place.temperature) for place in own if place.role == "anchor"]
        parts = frame.axes("supply, V", "°C")
        parts += _box(frame, anchors) + _hull(frame, points)
        parts += [_mark(frame, place) for place in sorted(own, key=lambda place: place.role)]
        listed = ", ".join(f"{place.role} {place.name}" for place in own)
        title = f"process {process}"
        parts.append(label(166, 14, title, "middle", "head"))
        drawn.append(drawing(300, 230, parts, ident=f"map-{len(drawn)}", title=f"Corners of {title}",
                             description=f"supply against temperature: {listed}"))  # fmt: skip
    return element("div", drawn, class_="row")


def _box(frame: Frame, anchors: Sequence[Place]) -> list[str]:
    if not anchors:
        return []
    x, y = [frame.x(place.voltage) for place in anchors], [frame.y(place.temperature) for place in anchors]
    return [f'<rect class="box" x="{min(x):.1f}" y="{min(y):.1f}" width="{max(x) - min(x):.1f}" height="{max(y) - min(y):.1f}"/>']


def _hull(frame: Frame, points: Sequence[tuple[float, float]]) -> list[str]:
    corners = hull(points)
    if len(corners) < 2:
        return []
    return ['<path class="hull" d="M' + "L".join(f"{frame.x(v):.1f} {frame.y(t):.1f}" for v, t in corners) + 'Z"/>']


def _mark(frame: Frame, place: Place) -> str:
    x, y = frame.x(place.voltage), frame.y(place.temperature)
    name = element("title", text(f"{place.role}: {place.name}"))
    if place.role == "target":
        return f'<path class="target" d="M{x:.1f} {y - 8:.1f}l8 8l-8 8l-8 -8Z">{name}</path>'
    return f'<circle class="anchor" cx="{x:.1f}" cy="{y:.1f}" r="5">{name}</circle>'


def overview(heat: HeatMap, ident: str) -> str:
    """A square for each cell, by name from left to right, coloured by the number of the whole cell."""
    order = sorted(range(len(heat.cells)), key=lambda row: heat.cells[row])
    colour = steps(heat.overall)
    parts = []
    for place, row in enumerate(order):
        x, y = place % ACROSS * SQUARE, place // ACROSS * SQUARE
        step = "none" if colour[row] < 0 else f"h{colour[row]}"
        name = text(f"{heat.cells[row]}: {number(float(heat.overall[row]))} {heat.unit}")
        parts.append(f'<rect class="{step}" x="{x}" y="{y}" width="12" height="12"><title>{name}</title></rect>')
    known = heat.overall[np.isfinite(heat.overall)]
    worst = [heat.cells[row] for row in np.argsort(-np.nan_to_num(heat.overall, nan=-1.0), kind="stable")[:5]]
    told = f"{len(heat.cells)} cells, {number(float(known.min()))} to {number(float(known.max()))} {heat.unit}; most: {', '.join(worst)}" \
        if len(known) else "no cell has such a number"  # fmt: skip
    lines = max(math.ceil(len(order) / ACROSS), 1)
    width = (ACROSS if lines > 1 else max(len(order), 1)) * SQUARE
    return drawing(width, lines * SQUARE, parts, ident=ident, title=f"{heat.title}, by cell", description=told, kind="squares")


def legend(heat: HeatMap) -> str:
    """The colours' steps and the ends' numbers."""
    known = heat.overall[np.isfinite(heat.overall)]
    if not len(known):
        return ""
    boxes = "".join(f'<rect class="h{step}" x="{step * 22}" y="0" width="22" height="10"/>' for step in range(STEPS))
    scale = f'<svg viewBox="0 0 {STEPS * 22} 10" width="{STEPS * 22}" height="10" aria-hidden="true">{boxes}</svg>'
    low, high = (number(float(edge)) for edge in np.quantile(known, [0.02, 0.98]))
    return element("p", [text(f"{low} {heat.unit} "), scale, text(f" {high} {heat.unit}")], class_="legend")


def curve_panels(curve: Curve, ident: str) -> str:
    """A drawing for each of the first coordinates: the interval, the filled line, what was simulated, the truth."""
    low, high = float(curve.x[0]), float(curve.x[-1])
    drawn = []
    for row, across in enumerate(curve.across):
        truth = np.full(len(curve.x), np.nan) if curve.truth is None else curve.truth[row]
        bottom, top = span(curve.value[row], curve.lower[row], curve.upper[row], truth)
        frame = Frame(Scale(low, high if high > low else low + 1, 44, 208, log=is_geometric(curve.x)), Scale(bottom, top, 128, 26))
        parts = frame.axes(f"{curve.x_name}, {curve.x_unit}", few=3)
        parts.append(frame.band(curve.x, curve.lower[row], curve.upper[row], "band"))
        parts.append(frame.line(curve.x, curve.value[row], "filled"))
        parts += [f'<path class="truth" d="M{x - 3:.1f} {y - 3:.1f}l6 6m0 -6l-6 6"/>' for x, y in frame.points(curve.x, truth)]
        parts += [
            f'<circle class="measured" cx="{frame.x(float(x)):.1f}" cy="{frame.y(float(y)):.1f}" r="3.5"/>'
            for x, y, word in zip(curve.x, curve.value[row], curve.origin[row], strict=True)
            if word == "measured"
        ]
        head = f"{curve.across_name} {across:.3g} {curve.across_unit}"
        parts.append(label(126, 14, head, "middle", "head"))
        drawn.append(drawing(216, 164, parts, ident=f"{ident}-{row}", title=f"{curve.title} at {head}",
                             description=_told(curve, row, truth)))  # fmt: skip
    return element("div", drawn, class_="row")


def _told(curve: Curve, row: int, truth: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    values = f"filled {curve.value[row][0]:.4g} to {curve.value[row][-1]:.4g} {curve.unit}"
    width = curve.upper[row] - curve.lower[row]
    known, off = width[np.isfinite(width)], np.abs(curve.value[row] - truth)
    off = off[np.isfinite(off)]
    return "; ".join(
        [f"over {curve.x_name} from {curve.x[0]:.3g} to {curve.x[-1]:.3g} {curve.x_unit}: {values}"]
        + ([f"interval up to {known.max():.3g} {curve.unit} wide"] if len(known) else [])
        + ([f"up to {off.max():.3g} {curve.unit} off the truth"] if len(off) else [])
    )


def line_chart(lines: Sequence[Line], ident: str, title: str, x_title: str, y_title: str, *, diagonal: bool = False) -> str:
    """Named lines with marks of different shapes, and a key; ``diagonal`` for shares against shares."""
    x, y = (np.concatenate([getattr(line, name) for line in lines]) for name in ("x", "y"))
    (x_low, x_high), (y_low, y_high) = ((0.0, 1.0), (0.0, 1.0)) if diagonal else ((0.0, float(x.max()) or 1.0), (0.0, span(y)[1]))
    frame = Frame(Scale(x_low, x_high, 52, 400), Scale(y_low, y_high, 270, 30))
    parts = frame.axes(x_title, y_title)
    if diagonal:
        parts.append(f'<path class="ideal" d="M{frame.x(0):.1f} {frame.y(0):.1f}L{frame.x(1):.1f} {frame.y(1):.1f}"/>')
    for place, line in enumerate(lines):
        parts.append(frame.line(line.x, line.y, f"line s{place % 6}"))
        every = max(len(line.x) // 10, 1)
        parts += [_shape(place, *point) for point in frame.points(line.x[::every], line.y[::every])]
        parts += [_shape(place, 418, 40 + 20 * place), label(430, 44 + 20 * place, line.name)]
    told = "; ".join(f"{line.name}: {line.y[0]:.3g} at {line.x[0]:.3g} to {line.y[-1]:.3g} at {line.x[-1]:.3g}" for line in lines)
    return drawing(640, 310, parts, ident=ident, title=title, description=told, kind="plot big")


def _shape(place: int, x: float, y: float) -> str:
    """Lines are told apart by their marks too, not by colour alone."""
    paths = ("m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0", "m-4 -4h8v8h-8Z", "m0 -5l5 9h-10Z", "m0 -5l5 5l-5 5l-5 -5Z", "m0 5l5 -9h-10Z",
             "m-4 -1h3v-3h2v3h3v2h-3v3h-2v-3h-3Z")  # fmt: skip
    return f'<path class="mark s{place % 6}" d="M{x:.1f} {y:.1f}{paths[place % 6]}"/>'
