"""A library at one corner: all its tables and numbers in a few flat arrays.

A foundry library holds a million numbers in ten thousand tables, so tables are views made on demand; nothing here is an object a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain.arc import TableKey
from eda_plugin.domain.corner import Corner
from eda_plugin.domain.table import Axis, Origin, Table
from eda_plugin.errors import UserError

__all__ = ["Cell", "FlipFlop", "Header", "Library", "Pin", "blank"]

RANK = 3  # Liberty tables have one to three axes


THRESHOLDS = {"input": 0.5, "output": 0.5, "slew_lower": 0.2, "slew_upper": 0.8}
"""Liberty's defaults, as fractions of the supply."""


@dataclass(frozen=True)
class Header:
    """What a library says of itself: units (factor of one in SI), thresholds (fractions of the supply), and its conditions as stated.

    ``nominal``: process, voltage and temperature of the ``nom_*`` attributes; ``conditions``: the same three of each group of operating
    conditions, by its name; ``default_conditions``: the name that the library gives as the default; ``rails``: supplies and grounds of the
    voltage map, in V. The corner that a library is taken for is ``Library.corner``, whatever these say.
    """

    time: float = 1e-9
    capacitance: float = 1e-12
    voltage: float = 1.0
    current: float = 1e-3
    leakage: float = 1e-9
    energy: float = 1e-12
    thresholds: Mapping[str, float] = field(default_factory=dict)
    nominal: Mapping[str, float] = field(default_factory=dict)
    conditions: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    default_conditions: str = ""
    rails: Mapping[str, float] = field(default_factory=dict)

    def threshold(self, name: str, edge: str) -> float:
        """``input``, ``output``, ``slew_lower`` or ``slew_upper`` threshold of an edge; Liberty's default where the library states none."""
        return self.thresholds.get(f"{name}_threshold_pct_{edge}", THRESHOLDS[name])

    @property
    def derate(self) -> float:
        """A slew of the library times this is the time between its thresholds."""
        return self.thresholds.get("slew_derate_from_library", 1.0)

    def factor(self, unit: str) -> float:
        """Factor to SI of a quantity with the SI unit ``unit``: s, F, J, W, V, A; 1 for any other."""
        return {
            "s": self.time, "F": self.capacitance, "J": self.energy, "W": self.leakage, "V": self.voltage, "A": self.current,
        }.get(unit, 1.0)  # fmt: skip


@dataclass(frozen=True)
class Pin:
    """``direction`` is input, output, inout or internal; ``function`` the boolean expression of an output, empty where none."""

    name: str
    direction: str = ""
    function: str = ""
    clock: bool = False


@dataclass(frozen=True)
class FlipFlop:
    """Liberty's ``ff`` group: names of the stored value and its inverse, and the boolean expressions of clock, next value, clear and preset
    (empty where there is none)."""

    state: str
    inverse: str
    clocked_on: str
    next_state: str
    clear: str = ""
    preset: str = ""


@dataclass(frozen=True)
class Cell:
    """Structure that the library states about a cell. ``area`` is NaN where it is not stated; ``flipflop`` is there where the cell has
    exactly one ``ff`` group."""

    name: str
    area: float = float("nan")
    pins: tuple[Pin, ...] = ()
    sequential: bool = False
    flipflop: FlipFlop | None = None


@dataclass(frozen=True, eq=False)
class Library:
    """All tables of one corner, columnar.

    Shapes: n tables, m values, a axes. ``keys`` n; ``axis`` (n, 3) positions in ``axes``, -1 where the table has no such axis;
    ``values``, ``origin`` (``Origin`` codes), ``lower``, ``upper`` are flat, m long, table after table, each table in C order. SI units;
    a missing value is NaN with ``Origin.MISSING``. ``lower`` and ``upper`` are ``None`` where the library carries no interval.
    """

    name: str
    corner: Corner
    header: Header
    keys: tuple[TableKey, ...]
    axes: tuple[Axis, ...]
    axis: NDArray[np.int32]
    values: NDArray[np.float64]
    origin: NDArray[np.uint8]
    lower: NDArray[np.float64] | None = None
    upper: NDArray[np.float64] | None = None
    cells: tuple[Cell, ...] = ()
    source: str = ""

    def __getstate__(self) -> dict[str, object]:
        """Nothing that can be made anew: what is sent to another process is the fields alone."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __setstate__(self, state: dict[str, object]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)
        self.__post_init__()

    def __post_init__(self) -> None:
        for name in ("axis", "values", "origin", "lower", "upper"):
            array = getattr(self, name)
            if array is not None:
                view = array.view()
                view.flags.writeable = False
                object.__setattr__(self, name, view)
        total = int(self.start[-1])
        for name in ("values", "origin", "lower", "upper"):
            array = getattr(self, name)
            if array is not None and array.shape != (total,):
                raise UserError(f"library {self.name}: {name} has {array.shape}, the {len(self.keys)} tables have {total} values")

    @cached_property
    def shape(self) -> NDArray[np.int64]:
        """(n, 3) lengths of the axes of each table, 1 where it has none."""
        lengths = np.array([len(axis) for axis in self.axes] + [1], dtype=np.int64)
        return lengths[self.axis]

    @cached_property
    def start(self) -> NDArray[np.int64]:
        """(n + 1,) where each table's values begin in the flat arrays."""
        return np.concatenate([[0], np.cumsum(self.shape.prod(axis=1))]).astype(np.int64)

    @cached_property
    def position(self) -> dict[TableKey, int]:
        """Row of each key."""
        return {key: row for row, key in enumerate(self.keys)}

    def __len__(self) -> int:
        return len(self.keys)

    def __contains__(self, key: object) -> bool:
        return key in self.position

    def __getitem__(self, key: TableKey) -> Table:
        return self.table(self.position[key])

    def __iter__(self) -> Iterator[Table]:
        return (self.table(row) for row in range(len(self.keys)))

    def table(self, row: int) -> Table:
        """The table in row ``row``: a view, no copy."""
        axes = tuple(self.axes[a] for a in self.axis[row] if a >= 0)
        shape = tuple(len(axis) for axis in axes)
        part = slice(int(self.start[row]), int(self.start[row + 1]))
        bounds = [None if bound is None else bound[part].reshape(shape) for bound in (self.lower, self.upper)]
        return Table(self.keys[row], axes, self.values[part].reshape(shape), self.origin[part].reshape(shape), *bounds)

    def with_values(
        self,
        values: NDArray[np.float64],
        origin: NDArray[np.uint8],
        lower: NDArray[np.float64] | None = None,
        upper: NDArray[np.float64] | None = None,
    ) -> Library:
        """The same tables with other numbers (flat arrays, m long)."""
        return replace(self, values=values, origin=origin, lower=lower, upper=upper)

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> Library:
        """The library of some of the tables, in the order given."""
        index = np.asarray(rows, dtype=np.int64)
        flat = (
            np.concatenate([np.arange(self.start[row], self.start[row + 1]) for row in index])
            if len(index)
            else np.zeros(0, dtype=np.int64)
        )
        lower, upper = (None if bound is None else bound[flat] for bound in (self.lower, self.upper))
        return replace(
            self,
            keys=tuple(self.keys[row] for row in index),
            axis=self.axis[index],
            values=self.values[flat],
            origin=self.origin[flat],
            lower=lower,
            upper=upper,
        )

    @classmethod
    def joined(cls, parts: Sequence[Library], first: Sequence[TableKey] = ()) -> Library:
        """The tables of several libraries of one corner, no table in two of them: those of the keys ``first`` in that order, where they
        are there, then the others as they come. All else is the first part's, but cells, which are everyone's."""
        pool: dict[tuple[str, bytes], int] = {}
        axes: list[Axis] = []
        rows = []
        for part in parts:
            places = []
            for axis in part.axes:
                token = (axis.variable, axis.values.tobytes())
                if token not in pool:
                    pool[token] = len(axes)
                    axes.append(axis)
                places.append(pool[token])
            rows.append(np.array([*places, -1], dtype=np.int32)[part.axis])
        bounds = [
            np.concatenate([getattr(part, name) for part in parts]) if all(getattr(part, name) is not None for part in parts) else None
            for name in ("lower", "upper")
        ]
        whole = replace(
            parts[0],
            keys=tuple(key for part in parts for key in part.keys),
            axes=tuple(axes),
            axis=np.concatenate(rows),
            values=np.concatenate([part.values for part in parts]),
            origin=np.concatenate([part.origin for part in parts]),
            lower=bounds[0],
            upper=bounds[1],
            cells=tuple(cell for part in parts for cell in part.cells),
        )
        wanted = {key: place for place, key in enumerate(first)}
        order = np.argsort([wanted.get(key, len(wanted)) for key in whole.keys], kind="stable")
        return whole if (order == np.arange(len(order))).all() else whole.take(order)

    @classmethod
    def from_tables(
        cls,
        tables: Iterable[Table],
        *,
        name: str,
        corner: Corner,
        header: Header | None = None,
        cells: tuple[Cell, ...] = (),
        source: str = "",
    ) -> Library:
        """Build the columnar form; equal axes are stored once."""
        pool: dict[tuple[str, bytes], int] = {}
        axes: list[Axis] = []
        keys: list[TableKey] = []
        axis_rows: list[list[int]] = []
        values: list[NDArray[np.float64]] = []
        origin: list[NDArray[np.uint8]] = []
        for table in tables:
            row = [-1] * RANK
            for place, axis in enumerate(table.axes):
                token = (axis.variable, axis.values.tobytes())
                if token not in pool:
                    pool[token] = len(axes)
                    axes.append(axis)
                row[place] = pool[token]
            keys.append(table.key)
            axis_rows.append(row)
            values.append(table.values.ravel())
            origin.append(table.origin.ravel())
        if len(set(keys)) != len(keys):
            twice = next(key for place, key in enumerate(keys) if key in keys[:place])
            raise UserError(f"library {name}: two tables have the key {twice}; tell them apart by nth")
        return cls(
            name=name,
            corner=corner,
            header=header or Header(),
            keys=tuple(keys),
            axes=tuple(axes),
            axis=np.array(axis_rows, dtype=np.int32).reshape(len(keys), RANK),
            values=np.concatenate(values) if values else np.zeros(0),
            origin=np.concatenate(origin) if origin else np.zeros(0, dtype=np.uint8),
            cells=cells,
            source=source,
        )


def blank(table: Table) -> Table:
    """The same table with no value: what a template holds."""
    return replace(
        table,
        values=np.full(table.values.shape, np.nan),
        origin=np.full(table.values.shape, Origin.MISSING, dtype=np.uint8),
        lower=None,
        upper=None,
    )
