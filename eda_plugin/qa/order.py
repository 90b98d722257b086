"""A filled corner against its anchors: inside their range, widened generously, and in the order across supplies that they show."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain.corner import Corner, hull_distance
from eda_plugin.domain.quantity import DELAY
from eda_plugin.qa.findings import Finding, Severity, finding
from eda_plugin.qa.subject import Floats, Ints, View, resample

__all__ = ["order_findings", "range_findings", "sampled"]

RTOL, ATOL = 0.02, 2e-12  # what a library team signs off by
_FLOOR = {"timing": 20e-12, "constraint": 100e-12, "power": 0.0, "capacitance": 0.0}  # s, s, J, F
_DECADES = 1.0  # leakage is exponential in all three of P, V and T


def sampled(view: View, anchors: Sequence[View], at: Sequence[Ints]) -> Floats:
    """(anchors, m) the anchors on the grid of ``view``, NaN where an anchor has no such table and outside its own grid."""
    values = []
    for anchor, places in zip(anchors, at, strict=True):
        known = np.flatnonzero(places >= 0)
        values.append(resample(view, anchor, known, places[known], extrapolate=False))
    return np.array(values).reshape(len(anchors), len(view.library.values))


def range_findings(view: View, anchors: Sequence[View], known: Floats, values: Floats, asked: NDArray[np.bool_]) -> list[Finding]:
    """Values far outside what the anchors hold at that place; ``known`` from ``sampled``, ``asked`` (m,) the values to look at.

    The range of two or more anchors is widened on both sides by twice its own width (four times at a hull distance of 1), by half of its
    larger end, and for times by 20 ps (constraints 100 ps); power by the median of its kind too, for its tables cross zero; leakage by a
    decade and by its width in decades.
    """
    if len(anchors) < 2:
        return []
    reach = 2.0 + 2.0 * hull_distance(view.library.corner, [anchor.library.corner for anchor in anchors])
    findings: list[Finding] = []
    group = view.group[view.row_of_value]
    asked = asked & (np.isfinite(known).sum(axis=0) >= 2)
    for name in (*_FLOOR, "leakage"):
        places = np.flatnonzero(asked & (group == name))
        if not len(places):
            continue
        held = known[:, places]
        low, high = np.nanmin(held, axis=0), np.nanmax(held, axis=0)
        value = values[places]
        if name == "leakage":
            positive = (low > 0) & (value > 0)
            places, low, high, value = places[positive], low[positive], high[positive], value[positive]
            factor = 10.0**_DECADES * (high / low) ** reach
            low, high = low / factor, high * factor
        else:
            floor = float(np.median(np.abs(high))) if name == "power" else _FLOOR[name]
            width = reach * (high - low) + 0.5 * np.maximum(np.abs(low), np.abs(high)) + floor
            low, high = low - width, high + width
        findings += _by_table(view, "anchor-range", places, value, low, high, (value < low) | (value > high), "the anchors' widened range")
    return findings


def order_findings(view: View, anchors: Sequence[View], known: Floats, values: Floats, asked: NDArray[np.bool_]) -> list[Finding]:
    """Delays that don't fall as the supply rises, where every two anchors that differ in the supply alone show that they do.

    Tolerance 2 % and 2 ps.
    """
    library = view.library
    corners = [anchor.library.corner for anchor in anchors]
    pairs = [
        (i, j) if corners[i].voltage < corners[j].voltage else (j, i)
        for i, j in combinations(range(len(anchors)), 2)
        if _alike(corners[i], corners[j]) and corners[i].voltage != corners[j].voltage
    ]
    near = [i for i, corner in enumerate(corners) if _alike(corner, library.corner) and corner.voltage != library.corner.voltage]
    if not pairs or not near:
        return []
    places = np.flatnonzero(np.isin(view.quantity, DELAY)[view.row_of_value] & asked)
    known = known[:, places]
    shown = np.zeros(len(places), dtype=bool)
    broken = np.zeros(len(places), dtype=bool)
    for slower, faster in pairs:
        both = np.isfinite(known[slower]) & np.isfinite(known[faster])
        shown |= both
        broken |= both & (known[slower] < known[faster])
    low, high = np.full(len(places), -np.inf), np.full(len(places), np.inf)
    for i in near:
        slack = RTOL * np.abs(known[i]) + ATOL
        if corners[i].voltage > library.corner.voltage:
            low = np.fmax(low, known[i] - slack)
        else:
            high = np.fmin(high, known[i] + slack)
    value = values[places]
    wrong = shown & ~broken & ((value < low) | (value > high))
    return _by_table(view, "anchor-order", places, value, low, high, wrong, "the anchors at other supplies")


def _alike(a: Corner, b: Corner) -> bool:
    return (a.process, a.temperature) == (b.process, b.temperature)


def _by_table(
    view: View, rule: str, places: Ints, value: Floats, low: Floats, high: Floats, wrong: NDArray[np.bool_], what: str
) -> list[Finding]:
    """One finding a table: how many of its values are outside, and the one that is farthest outside."""
    findings = []
    hits = np.flatnonzero(wrong)
    rows = view.row_of_value[places[hits]]
    for row in np.unique(rows):
        part = hits[rows == row]
        outside = np.fmax(low[part] - value[part], value[part] - high[part])
        worst = part[int(outside.argmax())]
        text = f"{len(part)} values outside {what}; the farthest is {value[worst]:.5g}, expected {low[worst]:.5g} to {high[worst]:.5g}"
        numbers = [value[worst], low[worst], high[worst]]
        findings.append(finding(rule, Severity.WARNING, text, view.library, view.library.keys[row], numbers))
    return findings
