"""The gate that every filled library passes before anything is written.

What it asks: every table that the anchors and the template have is there; every value is finite; positive where it must be (transition,
capacitance, leakage, limits; a delay, a constraint and an internal power may be negative); delay and transition rise with the load and,
where every anchor's table does, with the slew; setup and hold of one edge leave a window; values keep to the anchors' range and to their
order across supplies.

What it repairs: see ``repair`` and ``windows``; a repaired value gets ``Origin.REPAIRED`` and its interval is widened to hold it.
Everything else is listed and left: ``error`` where the library can't be used as it stands, ``warning`` where a person has to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eda_plugin.domain.library import Library
from eda_plugin.domain.quantity import CAPACITANCE, LEAKAGE
from eda_plugin.domain.table import Origin
from eda_plugin.qa.findings import Finding, Severity, finding
from eda_plugin.qa.order import order_findings, range_findings, sampled
from eda_plugin.qa.repair import floor_positive, movable, raise_lines
from eda_plugin.qa.subject import Floats, View, align
from eda_plugin.qa.windows import open_windows

__all__ = ["GateResult", "errors", "gate", "violations"]


@dataclass(frozen=True, eq=False)
class GateResult:
    """``library`` as it may be written; ``repaired`` counts the values that were moved."""

    library: Library
    findings: tuple[Finding, ...]
    repaired: int

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What could not be repaired: the library must not be used as it stands."""
        return errors(self.findings)

    @property
    def violations(self) -> tuple[Finding, ...]:
        """Everything that ``--strict`` refuses: errors, warnings and repairs."""
        return violations(self.findings)


def errors(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """See ``GateResult.errors``."""
    return tuple(found for found in findings if found.severity is Severity.ERROR)


def violations(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """See ``GateResult.violations``."""
    return tuple(found for found in findings if found.severity is not Severity.INFO)


def gate(filled: Library, anchors: Sequence[Library], template: Library | None = None) -> GateResult:
    """Check a filled library against its anchors and repair what may be repaired; the inputs are left alone."""
    view = View(filled)
    views = [View(anchor) for anchor in anchors]
    at = [align(filled, anchor) for anchor in anchors]
    findings = _missing(filled, anchors, template) + _unknown(view)
    free = movable(filled)
    values, found = floor_positive(view, filled.values, free, views, at)
    findings += found
    values, found = raise_lines(view, values, free, views, at)
    findings += found
    values, found = open_windows(view, values, free, views, at)
    findings += found
    known, asked = sampled(view, views, at), free & np.isfinite(values)
    findings += range_findings(view, views, known, values, asked)
    findings += order_findings(view, views, known, values, asked)
    findings += _intervals(view)
    moved = np.isfinite(values) & (values != filled.values)
    return GateResult(_with_values(filled, values, moved), tuple(findings), int(moved.sum()))


def _with_values(filled: Library, values: Floats, moved: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Library:
    if not moved.any():
        return filled
    origin = np.where(moved, np.uint8(Origin.REPAIRED), filled.origin)
    lower = None if filled.lower is None else np.where(moved, np.fmin(filled.lower, values), filled.lower)
    upper = None if filled.upper is None else np.where(moved, np.fmax(filled.upper, values), filled.upper)
    return filled.with_values(values, origin, lower, upper)


def _missing(filled: Library, anchors: Sequence[Library], template: Library | None) -> list[Finding]:
    """Tables that the template names, or that every anchor has, and the filled library has not.

    A template without results does not name leakages and capacitances at all, so those of its cells are asked for by the anchors.
    """
    have = set(filled.keys)
    wanted = () if template is None else template.keys
    text = "the template names it and it was not filled"
    findings = [finding("missing-table", Severity.ERROR, text, filled, key) for key in wanted if key not in have]
    if not anchors:
        return findings
    named = have if template is None else have | set(template.keys)
    everywhere = [key for key in anchors[0].keys if key not in named and all(key in anchor for anchor in anchors[1:])]
    cells = {key.cell for key in named} | {cell.name for library in (filled, template) if library is not None for cell in library.cells}
    for cell in sorted({key.cell for key in everywhere} - cells):
        text = f"cell {cell} is in all {len(anchors)} anchors and in neither the template nor the filled library"
        findings.append(finding("missing-cell", Severity.WARNING, text, filled))
    for key in everywhere:
        if key.cell in cells:
            text = f"all {len(anchors)} anchors have it and the filled library does not"
            severity = Severity.ERROR if template is None or key.quantity in LEAKAGE + CAPACITANCE else Severity.WARNING
            findings.append(finding("missing-table", severity, text, filled, key))
    return findings


def _unknown(view: View) -> list[Finding]:
    """Tables with a value that is missing or infinite."""
    library = view.library
    wrong = ~np.isfinite(library.values)
    count = np.bincount(view.row_of_value[wrong], minlength=len(library))
    return [
        finding(
            "finite",
            Severity.ERROR,
            f"{count[row]} of {library.shape[row].prod()} values are missing or not finite",
            library,
            library.keys[row],
        )
        for row in np.flatnonzero(count)
    ]


def _intervals(view: View) -> list[Finding]:
    """Tables whose interval does not hold the value that the model gave."""
    library = view.library
    if library.lower is None or library.upper is None:
        return []
    dust = 1e-9 * np.abs(library.values)
    wrong = (library.lower > library.values + dust) | (library.upper < library.values - dust) | (library.lower > library.upper)
    rows, count = np.unique(view.row_of_value[wrong], return_counts=True)
    return [
        finding("interval", Severity.WARNING, f"{n} intervals do not hold their value", library, library.keys[row])
        for row, n in zip(rows, count, strict=True)
    ]
