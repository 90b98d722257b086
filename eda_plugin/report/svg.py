"""Axes, ticks, lines and bands as inline SVG: no style attribute (the page forbids them), colours by class, a title and a description."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eda_plugin.report.markup import attributes, element, text

__all__ = ["Frame", "Scale", "drawing", "ticks"]

Floats = NDArray[np.float64]


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from ``low`` to ``high``, at most about ``most``.

    >>> ticks(0, 1), ticks(-40, 100)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.0, 50.0, 100.0])
    """
    if not high > low:
        return [low]
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next((unit * power for unit in (1, 2, 5) if unit * power >= raw * 0.999), 10 * power)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


@dataclass(frozen=True)
class Scale:
    """Numbers to places along one side of a drawing, linear or logarithmic."""

    low: float
    high: float
    begin: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = (math.log10(x) for x in (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        share = (at - low) / (high - low) if high > low else 0.5
        return self.begin + share * (self.end - self.begin)

    def ticks(self, most: int = 5) -> list[float]:
        """Decades where logarithmic (and the two ends' roundest numbers where there is at most one), else round numbers."""
        if not self.log:
            return ticks(self.low, self.high, most)
        decades = range(math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1)
        found = [10.0**power for power in decades]
        if len(found) >= 2:
            return found
        return [unit * 10.0**power for power in range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
                for unit in (1, 2, 5) if self.low * 0.999 <= unit * 10.0**power <= self.high * 1.001]  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """A plotting area with its two scales; methods give markup."""

    x: Scale
    y: Scale

    def axes(self, x_title: str = "", y_title: str = "", *, few: int = 5) -> list[str]:
        left, right, bottom, top = self.x.begin, self.x.end, self.y.begin, self.y.end
        out = [f'<path class="axis" d="M{left:.0f} {top:.0f}V{bottom:.0f}H{right:.0f}"/>']
        for value in self.x.ticks(few):
            at = self.x(value)
            out.append(f'<path class="grid" d="M{at:.1f} {top:.0f}V{bottom:.0f}"/>')
            out.append(label(at, bottom + 14, f"{value:g}", "middle"))
        for value in self.y.ticks(few + 1):
            at = self.y(value)
            out.append(f'<path class="grid" d="M{left:.0f} {at:.1f}H{right:.0f}"/>')
            out.append(label(left - 5, at + 4, f"{value:g}", "end"))
        if x_title:
            out.append(label((left + right) / 2, bottom + 30, x_title, "middle"))
        if y_title:
            out.append(label(left, top - 8, y_title, "start"))
        return out

    def points(self, x: Floats, y: Floats) -> list[tuple[float, float]]:
        return [(self.x(float(a)), self.y(float(b))) for a, b in zip(x, y, strict=True) if math.isfinite(a) and math.isfinite(b)]

    def line(self, x: Floats, y: Floats, kind: str) -> str:
        places = self.points(x, y)
        return f'<path class="{kind}" d="M{_joined(places)}"/>' if len(places) > 1 else ""

    def band(self, x: Floats, low: Floats, high: Floats, kind: str) -> str:
        there = np.isfinite(low) & np.isfinite(high)
        if there.sum() < 2:
            return ""
        places = self.points(x[there], high[there]) + self.points(x[there], low[there])[::-1]
        return f'<path class="{kind}" d="M{_joined(places)}Z"/>'


def label(x: float, y: float, words: str, anchor: str = "start", kind: str | None = None) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{attributes({"class_": kind})}>{text(words)}</text>'


def drawing(width: int, height: int, parts: Sequence[str], *, ident: str, title: str, description: str, kind: str = "plot") -> str:
    """The whole drawing; screen readers get ``title`` and ``description`` for it."""
    inner = [element("title", text(title), id=f"{ident}-t"), element("desc", text(description), id=f"{ident}-d"), *parts]
    named = {"viewBox": f"0 0 {width} {height}", "role": "img", "aria_labelledby": f"{ident}-t {ident}-d", "class_": kind,
             "width": width, "height": height}  # fmt: skip
    return f"<svg{attributes(named)}>{''.join(inner)}</svg>"


def _joined(places: Sequence[tuple[float, float]]) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
