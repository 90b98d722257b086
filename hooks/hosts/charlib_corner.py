"""A filled corner as CharLib's procedures ask it: one point, or one table, in SI; nothing where its interval is too wide."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters.liberty.document import open_document
from eda_plugin.domain import Table, TableKey
from eda_plugin.errors import UserError

__all__ = ["FilledCorner"]

FLOOR = 20e-12
"""Seconds: a width is judged against max(|value|, this), as ``fill --max-interval`` does."""
_SURE = ("measured", "copied")


class FilledCorner:
    """A library that ``fill`` wrote and, beside it, the table of its values (CSV).

    Parameters: ``limit`` is the widest interval of an answer, as a share of max(|value|, 20 ps); other quantities than times are judged
    against their value. Names of pins count without case: CharLib writes them in capitals. Raises ``UserError`` for a table of values that
    is not this library's.
    """

    def __init__(self, library: Path, values: Path, limit: float) -> None:
        document = open_document(library)
        self.library = document.library()
        self.limit = limit
        self.width = np.full(len(self.library.values), np.inf)
        self._rows: dict[tuple[str, str, str], list[int]] = {}
        for row, key in enumerate(self.library.keys):
            self._rows.setdefault((key.cell, key.pin.upper(), key.related_pin.upper()), []).append(row)
        with values.open(newline="", encoding="utf-8") as stream:
            for line in csv.DictReader(stream):
                key = TableKey._make([*(line[name] for name in TableKey._fields[:-1]), int(line["nth"])])
                found = self.library.position.get(key)
                if found is None:
                    raise UserError(f"{values}: {key} is not in {library}; expected the table that was written beside it")
                sure = line["origin"] in _SURE
                width = float(line["upper"]) - float(line["lower"]) if line["lower"] and line["upper"] else 0.0 if sure else np.inf
                self.width[int(self.library.start[found]) + int(line["position"])] = width

    def rows(self, cell: str, pin: str, related: str) -> Iterator[tuple[int, TableKey]]:
        """Tables and numbers of one pin and related pin."""
        for row in self._rows.get((cell, pin.upper(), related.upper()), ()):
            yield row, self.library.keys[row]

    def keys_of(self, cell: str) -> Iterator[tuple[int, TableKey]]:
        for (name, _, _), rows in self._rows.items():
            if name == cell:
                yield from ((row, self.library.keys[row]) for row in rows)

    def table(self, row: int) -> tuple[Table, bool]:
        """One table, and whether all of it is certain enough."""
        part = slice(int(self.library.start[row]), int(self.library.start[row + 1]))
        table = self.library.table(row)
        return table, bool(self._certain(table, self.library.values[part], self.width[part]).all())

    def point(self, cell: str, pin: str, related: str, edge: str, slew: float, load: float) -> dict[str, float] | None:
        """Delay and transition at one slew and load, the largest of all states; ``None`` where one is uncertain, off the grid or absent."""
        found: dict[str, float] = {}
        for row, key in self.rows(cell, pin, related):
            if key.quantity not in (f"cell_{edge}", f"{edge}_transition"):
                continue
            part = slice(int(self.library.start[row]), int(self.library.start[row + 1]))
            table = self.library.table(row)
            width = self.width[part].reshape(table.values.shape)
            if len(table.axes) != 2:
                return None
            order = sorted(range(2), key=lambda axis: table.axes[axis].is_load)
            grids = [table.axes[axis].values for axis in order]
            value, wide = (_between(np.transpose(values, order), grids, (slew, load)) for values in (table.values, width))
            if not self._certain(table, np.array([value]), np.array([wide])).all():
                return None
            found[key.quantity] = max(value, found.get(key.quantity, -np.inf))
        return found if len(found) == 2 else None

    def _certain(self, table: Table, values: NDArray[np.float64], width: NDArray[np.float64]) -> NDArray[np.bool_]:
        timed = table.key.timing_type not in ("pin", "leakage", "internal_power")
        scale = np.maximum(np.abs(values), FLOOR) if timed else np.abs(values)
        return np.isfinite(values) & (width <= self.limit * scale)


def _between(values: NDArray[np.float64], grids: list[NDArray[np.float64]], at: tuple[float, float]) -> float:
    """Bilinear look-up, NaN off the grid."""
    weights = []
    for grid, asked in zip(grids, at, strict=True):
        slack = 1e-6 * abs(asked)
        if not grid[0] - slack <= asked <= grid[-1] + slack or len(grid) < 2:
            return float("nan")
        place = int(np.clip(np.searchsorted(grid, asked, side="right") - 1, 0, len(grid) - 2))
        share = (asked - grid[place]) / (grid[place + 1] - grid[place])
        weights.append((place, float(np.clip(share, 0.0, 1.0))))
    (i, a), (j, b) = weights
    corner = values[i : i + 2, j : j + 2]
    shares = np.outer([1 - a, a], [1 - b, b])
    return float(np.where(shares > 0, corner * shares, 0.0).sum() if np.isfinite(corner[shares > 0]).all() else np.inf)
