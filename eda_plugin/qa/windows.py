"""Windows of a data edge: setup with hold, recovery with removal.

One edge, say the rise, is captured when it comes before the first limit and ignored when it comes after the second: both at once cannot be,
so the two constraints of one edge never add up to less than zero at equal slews. Two tables that are predicted one by one may.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain.quantity import CONSTRAINT
from eda_plugin.qa.findings import Finding, Severity, finding
from eda_plugin.qa.subject import Floats, Ints, View, resample

__all__ = ["WINDOWS", "open_windows", "window_pairs", "window_sums"]

WINDOWS = {"setup": "hold", "recovery": "removal"}
DUST = 1e-12
"""Seconds below zero that are rounding."""
PASSES = 3  # on unequal grids a pass leaves what interpolation smooths


def window_pairs(view: View, first: str) -> Ints:
    """(n, 2) rows of the tables whose timing type begins with ``first``, and of their partners."""
    library, second = view.library, WINDOWS[first]
    rows = [
        (row, library.position.get(key._replace(timing_type=key.timing_type.replace(first, second, 1)), -1))
        for row, key in enumerate(library.keys)
        if key.quantity in CONSTRAINT and key.timing_type.startswith(first)
    ]
    return np.array([pair for pair in rows if pair[1] >= 0], dtype=np.int64).reshape(-1, 2)


def window_sums(view: View, rows: Ints, partners: Ints) -> Floats:
    """Flat sums (m,) of the tables in ``rows`` with their partners on the former's grids, s; NaN elsewhere."""
    return resample(view, view, rows, partners) + view.library.values


def open_windows(
    view: View, values: Floats, free: NDArray[np.bool_], anchors: Sequence[View], at: Sequence[Ints]
) -> tuple[Floats, list[Finding]]:
    """Raise both constraints of a window that is closed, each by half of what lacks; one alone where the other is not a model's.

    A window that is closed in some anchor too is left: it is the simulator's own. What is still closed afterwards is an error.
    """
    library = view.library
    findings = []
    for first in WINDOWS:
        pairs = window_pairs(view, first)
        pairs = pairs[~_closed_in_anchors(pairs, first, anchors, at)]
        before = values
        for _ in range(PASSES):
            now = View(library.with_values(values, library.origin))
            sums = {0: window_sums(now, pairs[:, 0], pairs[:, 1]), 1: window_sums(now, pairs[:, 1], pairs[:, 0])}
            loose = np.stack([_all_free(view, pairs[:, side], free) for side in (0, 1)], axis=1)
            raised = values.copy()
            for side in (0, 1):
                share = np.where(loose[:, side], np.where(loose[:, 1 - side], 0.5, 1.0), 0.0)
                of_row = np.zeros(len(library))
                of_row[pairs[:, side]] = share
                lack = np.where(sums[side] < -DUST, -sums[side], 0.0)
                raised += of_row[view.row_of_value] * lack
            if np.array_equal(raised, values):
                break
            values = raised
        now = View(library.with_values(values, library.origin))
        closed = window_sums(now, pairs[:, 0], pairs[:, 1]) < -DUST
        for row, partner in pairs.tolist():
            part = slice(int(library.start[row]), int(library.start[row + 1]))
            other = slice(int(library.start[partner]), int(library.start[partner + 1]))
            shift = max(float((values[p] - before[p]).max(initial=0.0)) for p in (part, other))
            rule = f"{first}-{WINDOWS[first]}"
            if closed[part].any():
                text = f"adds up with its {WINDOWS[first]} to less than zero and could not be repaired"
                findings.append(finding(rule, Severity.ERROR, text, library, library.keys[row]))
            elif shift > 0:
                text = f"added up with its {WINDOWS[first]} to less than zero: raised by up to {shift:.4g} s"
                findings.append(finding(rule, Severity.REPAIRED, text, library, library.keys[row], [shift]))
    return values, findings


def _all_free(view: View, rows: Ints, free: NDArray[np.bool_]) -> NDArray[np.bool_]:
    fixed = np.bincount(view.row_of_value[~free], minlength=len(view.library))
    return np.asarray(fixed[rows] == 0, dtype=bool)


def _closed_in_anchors(pairs: Ints, first: str, anchors: Sequence[View], at: Sequence[Ints]) -> NDArray[np.bool_]:
    """(n,) pairs that are below zero in some anchor."""
    found = np.zeros(len(pairs), dtype=bool)
    for anchor, places in zip(anchors, at, strict=True):
        theirs = window_pairs(anchor, first)
        below = window_sums(anchor, theirs[:, 0], theirs[:, 1]) < -DUST
        closed = np.zeros(len(anchor.library), dtype=bool)
        closed[anchor.row_of_value[below]] = True
        place = places[pairs[:, 0]]
        found |= (place >= 0) & closed[place]
    return found
