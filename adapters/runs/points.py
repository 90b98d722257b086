"""The tidy table as timing points by corner, and as libraries of them: what the rest of the package works on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from eda_plugin.adapters.base import ReadOptions
from eda_plugin.adapters.runs.table import read_tidy
from eda_plugin.data.assemble import SAME, library_from_points
from eda_plugin.domain import Arc, Corner, Library, Points
from eda_plugin.errors import ParseError, UserError

__all__ = ["libraries", "points_of"]

_TIMES = ("delay", "transition")
_CORNER = ("process", "voltage", "temperature")
_NEEDED = ("cell", "pin", "related_pin", "edge", "slew", "load", *_CORNER)


def points_of(table: pa.Table, source: str = "", *, rtol: float = SAME) -> tuple[dict[Corner, Points], int]:
    """Delay and transition of each point of each corner, sorted; and how many timing rows are left out because something is not known.

    A failed value is NaN. Two values of one point that differ by more than ``rtol`` raise ``UserError`` with both places; the first stands
    where they don't.
    """
    rows = _timing(table)
    found: dict[Corner, dict[tuple[Any, ...], list[float]]] = {}
    where: dict[tuple[Any, ...], str] = {}
    lost = 0
    for row in rows:
        if any(row[name] is None for name in _NEEDED):
            lost += 1
            continue
        corner = Corner(*(row[name] for name in _CORNER))
        rest = (row["timing_type"] or "combinational", row["timing_sense"] or "", row["when"] or "")
        arc = Arc(row["cell"], row["pin"], row["related_pin"], *rest)
        # Nine digits: 2e-12 and 2 ps times 1e-12 are one slew.
        key = (arc, row["edge"], float(f"{row['slew']:.9g}"), float(f"{row['load']:.9g}"))
        pair = found.setdefault(corner, {}).setdefault(key, [np.nan, np.nan])
        value = np.nan if row["value"] is None or row["status"] != "ok" else float(row["value"])
        place = _TIMES.index(row["quantity"])
        here = f"{row['file']}:{row['line']}"
        if np.isnan(pair[place]):
            pair[place] = value
            where[corner, *key, place] = here
        elif abs(pair[place] - value) > rtol * max(abs(pair[place]), abs(value)):
            point = f"{row['quantity']} of {arc} {row['edge']} at {corner}, slew {key[2]:g} s, load {key[3]:g} F"
            raise UserError(
                f"{source + ': ' if source else ''}{point} is {pair[place]:.6g} s in {where[corner, *key, place]} and {value:.6g} s in "
                f"{here}; leave one of the files out"
            )
    return {corner: _points(found[corner], source) for corner in sorted(found)}, lost


def _timing(table: pa.Table) -> list[dict[str, Any]]:
    kinds = table.column("quantity").combine_chunks()
    words = kinds.dictionary_decode() if pa.types.is_dictionary(kinds.type) else kinds
    chosen = table.filter(pa.compute.is_in(words, pa.array(_TIMES)))
    columns = ("timing_type", "timing_sense", "when", *_NEEDED, "quantity", "value", "status", "file", "line")
    rows: list[dict[str, Any]] = chosen.select(columns).to_pylist()
    return rows


def _points(found: dict[tuple[Any, ...], list[float]], source: str) -> Points:
    keys = sorted(found)
    values = np.array([found[key] for key in keys])
    index = np.array([key[2:] for key in keys], dtype=np.float64)
    return Points(tuple(key[0] for key in keys), tuple(key[1] for key in keys), index, values[:, 0], values[:, 1], source)


def libraries(paths: Sequence[Path], options: ReadOptions) -> list[Library]:  # noqa: ARG001 - what a format's reader gets
    """One library a corner of the timing values of tidy tables.

    Raises ``ParseError`` where a file holds none that is complete.
    """
    made = []
    for path in paths:
        by_corner, lost = points_of(read_tidy(path), str(path))
        if not by_corner:
            raise ParseError(
                f"no delay or transition whose arc, slew, load and corner are all known ({lost} lack something); ingest tells what",
                path=path,
            )
        made += [library_from_points(points, corner) for corner, points in by_corner.items()]
    return made
