"""Two of the gate's three repairs: a floor where a value must be positive, isotonic regression where a line rises (the third: ``windows``).

Only values that a model gave are moved; what was measured or copied stays. Each repair is one finding a table.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain.library import Library
from eda_plugin.domain.quantity import CAPACITANCE, LEAKAGE, LIMIT, TIMING, TRANSITION
from eda_plugin.domain.table import Origin
from eda_plugin.qa.findings import Finding, Severity, finding
from eda_plugin.qa.isotone import isotonic
from eda_plugin.qa.subject import Floats, Ints, Lines, View

__all__ = ["MUST_BE_POSITIVE", "falling_tables", "floor_positive", "movable", "raise_lines"]

MUST_BE_POSITIVE = TRANSITION + CAPACITANCE + LIMIT + LEAKAGE
PASSES = 4  # a pass along the slew may undo a little of the pass along the load only where measured values stand between
_DUST = 1e-9  # relative; smaller steps are rounding
_RIPPLE = 5e-3  # relative; along the slew simulated tables ripple by this much

Bools = NDArray[np.bool_]


def movable(library: Library) -> Bools:
    """(m,) values that a model gave."""
    return np.isin(library.origin, (Origin.FILLED, Origin.PREDICTED, Origin.REPAIRED))


def _falls(values: Floats, lines: Lines, tolerance: float) -> Bools:
    """(n,) lines that decrease somewhere by more than a share of the value."""
    y = values[lines.flat]
    size = np.abs(y)
    return np.asarray(np.any(y[:, :-1] - y[:, 1:] > tolerance * np.maximum(size[:, 1:], size[:, :-1]), axis=1), dtype=bool)


def falling_tables(view: View, rows: Ints, *, load: bool) -> Bools:
    """(n,) tables of the library that decrease somewhere along the load, or along the slew."""
    found = np.zeros(len(view.library), dtype=bool)
    for lines in view.lines(rows, load=load):
        found[lines.row[_falls(view.library.values, lines, _DUST)]] = True
    return found


def floor_positive(view: View, values: Floats, free: Bools, anchors: Sequence[View], at: Sequence[Ints]) -> tuple[Floats, list[Finding]]:
    """Raise what must be positive and is not, to the smallest share of its table's mean that any anchor shows.

    Never above the table's smallest positive value. A single number, and a table that has no positive value, takes the smallest that
    any anchor has there. Where an anchor's own table holds zero (tri-state arcs do), zero is allowed; where it holds less, the table is
    exempt.
    """
    library = view.library
    suspects = np.flatnonzero(np.isin(view.quantity, MUST_BE_POSITIVE)[view.row_of_value] & (values <= 0))
    if not len(suspects):
        return values, []
    values, findings = values.copy(), []
    for row in np.unique(view.row_of_value[suspects]):
        part = slice(int(library.start[row]), int(library.start[row + 1]))
        tables = [anchor.library.table(int(rows[row])).values for anchor, rows in zip(anchors, at, strict=True) if rows[row] >= 0]
        tables = [table for table in tables if np.isfinite(table).all()]
        least = min((float(table.min()) for table in tables), default=np.inf)
        bad = values[part] <= 0 if least > 0 else values[part] < 0
        if least < 0 or not bad.any():
            continue
        key, worst = library.keys[row], float(values[part].min())
        if not tables or (bad & ~free[part]).any():
            why = "no anchor has this table" if not tables else "it was not filled by a model"
            findings.append(
                finding("positive", Severity.ERROR, f"{worst:.4g} must be above zero and was left: {why}", library, key, [worst])
            )
            continue
        rest = values[part][values[part] > 0]
        share = min(float(table.min() / table.mean()) for table in tables) if least > 0 else 0.0
        floor = min(share * float(rest.mean()), float(rest.min())) if len(rest) else least
        values[part] = np.where(bad, floor, values[part])
        text = f"{int(bad.sum())} of {len(bad)} values were not above zero and were raised to {floor:.4g}; the lowest was {worst:.4g}"
        findings.append(finding("positive", Severity.REPAIRED, text, library, key, [worst, floor]))
    return values, findings


def raise_lines(view: View, values: Floats, free: Bools, anchors: Sequence[View], at: Sequence[Ints]) -> tuple[Floats, list[Finding]]:
    """Make delay and transition non-decreasing in the load and, where every anchor's table is, in the slew.

    A table that decreases in some anchor is exempt along that axis: the truth itself may decrease. A line whose measured values decrease
    is left and listed. Isotonic regression with equal weights keeps the order of neighbouring lines, so both directions hold after one
    pass each, unless measured values stand between; then the passes repeat.
    """
    library = view.library
    rows = view.rows(*TIMING)
    finite = np.ones(len(library), dtype=bool)
    finite[view.row_of_value[~np.isfinite(values)]] = False
    rows = rows[finite[rows]]
    due: list[tuple[str, float, list[Lines]]] = []
    for load in (True, False):
        exempt = np.zeros(len(library), dtype=bool)
        seen = np.zeros(len(library), dtype=bool)
        for anchor, places in zip(anchors, at, strict=True):
            falls = falling_tables(anchor, anchor.rows(*TIMING), load=load)
            exempt |= (places >= 0) & falls[places]
            seen |= places >= 0
        ruled = rows[~exempt[rows] & (seen[rows] | load)]
        name, tolerance = ("monotone-load", _DUST) if load else ("monotone-slew", _RIPPLE)
        due.append((name, tolerance, view.lines(ruled, load=load)))
    before, findings = values, list[Finding]()
    moved_by: dict[str, list[Ints]] = {}
    for name, tolerance, groups in due * PASSES:
        start = values
        for lines in groups:
            values = _raise(values, lines, free, tolerance)
        touched: Ints = np.flatnonzero(~(values == start) & np.isfinite(values))
        if len(touched):
            moved_by.setdefault(name, []).append(touched)
    for name, parts in moved_by.items():
        findings += _moved(view, name, before, values, np.unique(np.concatenate(parts)))
    for name, tolerance, groups in due:
        for lines in groups:
            for row, kept in zip(*_left(values, lines, free, tolerance), strict=True):
                text = "measured values decrease along it and were left" if kept else "decreases and could not be repaired"
                severity = Severity.INFO if kept else Severity.ERROR
                findings.append(finding(name, severity, text, library, library.keys[row]))
    return values, findings


def _contradicts(values: Floats, free: Bools) -> Bools:
    """(n,) lines whose fixed values decrease."""
    top = np.maximum.accumulate(np.where(free, -np.inf, values), axis=1)[:, :-1]
    return np.asarray(np.any(~free[:, 1:] & (values[:, 1:] < top - _DUST * np.abs(top)), axis=1), dtype=bool)


def _raise(values: Floats, lines: Lines, free: Bools, tolerance: float) -> Floats:
    flat = lines.flat[_falls(values, lines, tolerance)]
    y, loose = values[flat], free[flat]
    usable = ~_contradicts(y, loose) & loose.any(axis=1)
    flat, y, loose = flat[usable], y[usable], loose[usable]
    if not len(flat):
        return values
    raised = isotonic(y, ~loose)
    moved = np.abs(raised - y) > _DUST * np.abs(y)
    values = values.copy()
    values[flat[moved]] = raised[moved]
    return values


def _left(values: Floats, lines: Lines, free: Bools, tolerance: float) -> tuple[Ints, Bools]:
    """Tables with a line that still decreases, and whether measured values are why."""
    wrong = np.flatnonzero(_falls(values, lines, tolerance))
    kept = _contradicts(values[lines.flat[wrong]], free[lines.flat[wrong]])
    rows, first = np.unique(lines.row[wrong], return_inverse=True)
    because = np.ones(len(rows), dtype=bool)
    np.logical_and.at(because, first.ravel(), kept)
    return rows, because


def _moved(view: View, name: str, before: Floats, after: Floats, touched: Ints) -> list[Finding]:
    library, findings = view.library, []
    row = view.row_of_value[touched]
    for number in np.unique(row):
        part = touched[row == number]
        shift = np.abs(after[part] - before[part])
        worst = part[int(shift.argmax())]
        along = "load" if name == "monotone-load" else "slew"
        text = f"{len(part)} values made non-decreasing in the {along}; the largest shift is from {before[worst]:.5g} to {after[worst]:.5g}"
        findings.append(finding(name, Severity.REPAIRED, text, library, library.keys[number], [before[worst], after[worst]]))
    return findings
