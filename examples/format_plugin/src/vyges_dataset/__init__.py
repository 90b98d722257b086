"""Reader of vyges-char's data sets, as a plugin of eda-plugin.

A data set is a CSV with the columns in ``COLUMNS``, one row a value. ``arc`` is ``RELATED->PIN``; ``group`` the arc's sense; ``metric``
the Liberty table; ``axis1`` is ``slew`` in s, ``axis2`` ``load`` in F.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from eda_plugin.adapters.base import Format, ReadOptions
from eda_plugin.adapters.registry import FormatRegistry
from eda_plugin.domain import Axis, Corner, Library, Origin, Table, TableKey
from eda_plugin.errors import ParseError
from eda_plugin.hooks import hookimpl
from eda_plugin.units import unit_factor

COLUMNS = ("cell", "arc", "group", "metric", "corner", "vdd", "temp", "axis1", "index1", "axis2", "index2", "value", "unit", "flag")
AXES = {"slew": "input_net_transition", "load": "total_output_net_capacitance"}


@hookimpl
def register_formats(registry: FormatRegistry) -> None:
    registry.add(
        Format(
            "vyges-dataset",
            "data sets of vyges-char",
            ("*.dataset.csv",),
            read=read,
            sniff=lambda head: head.startswith(",".join(COLUMNS[:4]).encode()),
        )
    )


def read(paths: Sequence[Path], options: ReadOptions) -> list[Library]:
    """One library a corner and file; a corner that the user states for a file goes before the file's own."""
    libraries = []
    for path in paths:
        corners: dict[Corner, dict[tuple[TableKey, str, str], dict[tuple[float, float], float]]] = defaultdict(lambda: defaultdict(dict))
        for line, row in rows(path):
            try:
                corner = options.corners.get(path) or Corner(row["corner"], float(row["vdd"]), float(row["temp"]))
                related, pin = row["arc"].split("->")
                key = TableKey(row["cell"], pin, related, "combinational", row["group"], "", row["metric"])
                place = float(row["index1"]), float(row["index2"])
                value = float(row["value"]) * unit_factor(row["unit"]) if row["flag"] in ("", "ok") else np.nan
                corners[corner][key, AXES[row["axis1"]], AXES[row["axis2"]]][place] = value
            except (KeyError, ValueError) as error:
                raise ParseError(f"unreadable row: {error}", path=path, line=line) from error
        for corner, tables in corners.items():
            name = f"{path.name.split('.')[0]}_{corner.name}"
            libraries.append(
                Library.from_tables((table(*key, points) for key, points in tables.items()), name=name, corner=corner, source=str(path))
            )
    return libraries


def rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise ParseError(f"no column {missing[0]!r}", path=path, line=1)
        for row in reader:
            yield reader.line_num, row


def table(key: TableKey, first: str, second: str, points: dict[tuple[float, float], float]) -> Table:
    """Scattered points on the grid of their coordinates; what is not there is missing, never 0."""
    axes = [np.unique([place[i] for place in points]) for i in (0, 1)]
    values = np.full((len(axes[0]), len(axes[1])), np.nan)
    for (one, two), value in points.items():
        values[np.searchsorted(axes[0], one), np.searchsorted(axes[1], two)] = value
    origin = np.where(np.isfinite(values), Origin.MEASURED, Origin.MISSING).astype(np.uint8)
    return Table(key, (Axis(first, axes[0]), Axis(second, axes[1])), values, origin)
