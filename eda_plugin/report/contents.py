"""What a report holds: numbers and texts that are ready to be drawn, whatever draws them. Nothing here is computed from libraries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["Budget", "Calibration", "Curve", "Curves", "HeatMap", "Line", "Place", "Report", "Sheet", "Value", "rows_of"]

Floats = NDArray[np.float64]
Value = str | int | float


@dataclass(frozen=True)
class Sheet:
    """A table. ``rows`` as long as ``columns``; NaN is shown as a dash. ``total``: rows that there are, where only the first are here.

    ``wide`` tables hold more rows than a person reads: they scroll, are searched, and are cut short on paper.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    note: str = ""
    total: int = 0
    wide: bool = False


@dataclass(frozen=True)
class Place:
    """A corner on the map: volts, degrees Celsius; ``role`` is anchor or target."""

    name: str
    process: str
    voltage: float
    temperature: float
    role: str


@dataclass(frozen=True)
class HeatMap:
    """One number for each cell (row) and group of quantities (column); ``values`` (rows, columns), NaN where there is none.

    ``overall`` (rows,): the number of the whole cell, by which the map is ordered and the overview coloured.
    """

    name: str
    title: str
    unit: str
    note: str
    cells: tuple[str, ...]
    columns: tuple[str, ...]
    values: Floats
    overall: Floats


@dataclass(frozen=True)
class Line:
    """A named line; ``x`` and ``y`` (n,)."""

    name: str
    x: Floats
    y: Floats


@dataclass(frozen=True)
class Curve:
    """A table of S by L values, drawn over its second coordinate at each of the first.

    ``x`` (L,) and ``across`` (S,) in the units named; ``value``, ``lower``, ``upper`` (S, L) in ``unit``, bounds NaN where there is none;
    ``truth`` (S, L) or ``None``; ``origin`` (S, L) words.
    """

    title: str
    why: str
    unit: str
    x_name: str
    x_unit: str
    across_name: str
    across_unit: str
    x: Floats
    across: Floats
    value: Floats
    lower: Floats
    upper: Floats
    truth: Floats | None
    origin: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Curves:
    """The curves, and the table of all that were judged, the worst first."""

    ranking: Sheet | None
    shown: tuple[Curve, ...]


@dataclass(frozen=True)
class Calibration:
    """``lines``: nominal against observed coverage, both as shares, by group; ``sheets``: coverage by group, or what was held out."""

    lines: tuple[Line, ...]
    sheets: tuple[Sheet, ...]
    note: str


@dataclass(frozen=True)
class Budget:
    """``spent`` of ``total`` simulations. ``lines``: what is left, in per cent, over how many simulations more; ``wanted``: which first."""

    spent: int
    total: int
    lines: tuple[Line, ...]
    wanted: Sheet | None
    note: str


@dataclass(frozen=True, eq=False)
class Report:
    """All of a filled corner that a person judges it by. ``outside``: see ``domain.hull_distance``."""

    title: str
    lead: str
    facts: tuple[tuple[str, str], ...]
    places: tuple[Place, ...]
    outside: float
    heat: tuple[HeatMap, ...]
    scores: tuple[Sheet, ...]
    curves: Curves
    calibration: Calibration
    budget: Budget
    findings: Sheet
    baselines: tuple[Sheet, ...]
    run: tuple[Sheet, ...]
    provenance: tuple[Sheet, ...]

    def html(self) -> str:
        """One HTML file that needs no other and may ask for none."""
        from eda_plugin.report.page import render_page

        return render_page(self)

    def write(self, path: str | Path) -> Path:
        """Write ``html`` to ``path``. Raises ``UserError`` where it can't be written."""
        from eda_plugin.files import replace_atomically

        with replace_atomically(path) as part:
            part.write_text(self.html(), encoding="utf-8")
        return Path(path)

    def figures(self, folder: str | Path) -> list[Path]:
        """Write the figures as PNG and SVG into a folder, which is made; the paths. Needs matplotlib (the extra ``plots``)."""
        from eda_plugin.report.figures import write_figures

        return write_figures(self, Path(folder))

    def _repr_html_(self) -> str:
        """For notebooks: the facts, and the page in a frame of its own, so that neither's styles touch the other's."""
        from eda_plugin.report.page import render_notebook

        return render_notebook(self)


def rows_of(mapping: Mapping[str, object], prefix: str = "") -> list[tuple[Value, ...]]:
    """A nested mapping as rows of dotted name and value."""
    rows: list[tuple[Value, ...]] = []
    for name, value in mapping.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            rows += rows_of(value, f"{path}: ")
        elif isinstance(value, Sequence) and not isinstance(value, str):
            rows.append((path, ", ".join(map(str, value))))
        elif isinstance(value, int | float | str):
            rows.append((path, value))
        else:
            rows.append((path, "-" if value is None else str(value)))
    return rows
