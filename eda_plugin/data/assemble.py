"""Scattered simulations to tables: axes are the distinct slews and loads, what nobody simulated is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain import Arc, Axis, Cell, Corner, Header, Library, Origin, Pin, Points, Table, TableKey, timing_quantities
from eda_plugin.errors import UserError

__all__ = ["Grid", "axis_of", "library_from_points"]

SAME = 1e-6  # relative: numbers that went through a text of seven digits are the same


def axis_of(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distinct values, ascending, and the place of each among them; values within 1e-6 relative are one, the smallest stands.

    >>> axis_of(np.array([2.0, 1.0, 2.000001]))[0].tolist()
    [1.0, 2.0]
    """
    distinct, places = np.unique(values, return_inverse=True)
    gap = np.diff(distinct) > SAME * np.maximum(np.abs(distinct[1:]), np.abs(distinct[:-1]))
    group = np.concatenate([[0], np.cumsum(gap)]).astype(np.int64)[: len(distinct)]
    _, first = np.unique(group, return_index=True)
    return distinct[first], group[places.reshape(values.shape)]


@dataclass(frozen=True, eq=False)
class Grid:
    """n scattered points on the grid of their own coordinates: ``axes`` first and second, ``at`` (n,) flat positions in C order."""

    axes: tuple[NDArray[np.float64], NDArray[np.float64]]
    at: NDArray[np.int64]

    @classmethod
    def of(cls, index: NDArray[np.float64]) -> Grid:
        """``index`` (n, 2) coordinates."""
        first, i = axis_of(index[:, 0])
        second, j = axis_of(index[:, 1])
        return cls((first, second), i * len(second) + j)

    def table(self, values: NDArray[np.float64], what: str, where: Callable[[int], str]) -> NDArray[np.float64]:
        """Values (n,) as a table, NaN where no point is; the finite one of a point that failed once and not again.

        Raises ``UserError`` with both places where a point has two values; ``where`` names the place of a row, ``what`` the table.
        """
        table = np.full(len(self.axes[0]) * len(self.axes[1]), np.nan)
        known = np.flatnonzero(np.isfinite(values))
        # The first row of each position stays: assigned in reverse, it is the last to be written.
        table[self.at[known[::-1]]] = values[known[::-1]]
        stands = table[self.at[known]]
        other = known[np.abs(values[known] - stands) > SAME * np.maximum(np.abs(values[known]), np.abs(stands))]
        if len(other):
            row = int(other[0])
            twin = int(known[self.at[known] == self.at[row]][0])
            i, j = divmod(int(self.at[row]), len(self.axes[1]))
            raise UserError(
                f"{what} at {self.axes[0][i]:.6g}, {self.axes[1][j]:.6g} is {values[twin]:.6g} in {where(twin)} and {values[row]:.6g} in "
                f"{where(row)}; leave one of them out, or map the parameter in which they differ (Monte Carlo rows are no corner's table)"
            )
        return table.reshape(len(self.axes[0]), len(self.axes[1]))


def library_from_points(points: Points, corner: Corner, *, name: str | None = None, header: Header | None = None) -> Library:
    """Assemble measured points into a library, to serve as an anchor.

    One table an arc, edge and quantity, slew by load; its axes are the arc's own distinct values; points that nobody simulated or that
    failed are NaN. A quantity without any value gives no table. Raises ``UserError`` where two rows contradict each other.
    """
    rows_of: dict[tuple[Arc, str], list[int]] = {}
    for row, key in enumerate(zip(points.arcs, points.edges, strict=True)):
        rows_of.setdefault(key, []).append(row)
    tables: list[Table] = []
    for arc, edge in sorted(rows_of):
        rows = np.array(rows_of[arc, edge])
        grid = Grid.of(points.index[rows])
        axes = (Axis("input_net_transition", grid.axes[0]), Axis("total_output_net_capacitance", grid.axes[1]))

        def where(row: int, rows: NDArray[np.int64] = rows) -> str:
            return f"{points.source} row {rows[row] + 1}"

        for quantity, values in zip(timing_quantities(edge), (points.delay, points.transition), strict=True):
            table = grid.table(values[rows], f"{arc} {quantity}", where)
            known = np.isfinite(table)
            if known.any():
                origin = np.where(known, Origin.MEASURED, Origin.MISSING).astype(np.uint8)
                tables.append(Table(TableKey(*arc, quantity), axes, table, origin))
    title = name or f"measured_{corner.name}"
    return Library.from_tables(tables, name=title, corner=corner, header=header, cells=_cells(points), source=points.source)


def _cells(points: Points) -> tuple[Cell, ...]:
    """What the arcs tell of structure: which pins drive and which are driven."""
    outputs: dict[str, set[str]] = {}
    inputs: dict[str, set[str]] = {}
    for arc in set(points.arcs):
        outputs.setdefault(arc.cell, set()).add(arc.pin)
        inputs.setdefault(arc.cell, set()).add(arc.related_pin)
    return tuple(
        Cell(
            cell,
            pins=(
                *(Pin(pin, "input") for pin in sorted(inputs[cell] - outputs[cell])),
                *(Pin(pin, "output") for pin in sorted(outputs[cell])),
            ),
        )
        for cell in sorted(outputs)
    )
