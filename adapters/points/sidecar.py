"""What stands beside a filled library: the interval of each timing value, and the origin of every value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from eda_plugin.adapters.points.columns import KEY, in_unit, read_table, write_table, write_tables
from eda_plugin.data.columnar import coordinates, place_columns, repeated
from eda_plugin.domain import Library, Origin, TableKey
from eda_plugin.domain.quantity import TIMING
from eda_plugin.errors import UserError

__all__ = ["attach", "read_values", "write_intervals", "write_values"]

PART = 1 << 20
"""Values above which a table is written in parts of that size."""
_WORDS = pa.array([origin.name.lower() for origin in Origin])
_VALUES = (*KEY, "quantity", "nth", "position", "index_1", "index_2", "index_3", "value", "lower", "upper", "unit", "origin")


def write_intervals(library: Library, path: str | Path) -> None:
    """CSV of the timing tables' intervals: key, ``table``, ``index_1``, ``index_2``, ``lower``, ``upper``, in the library's units.

    Tables of two axes and of the first of equal groups only; values without an interval (measured ones, say) and refused ones have no row.
    """
    rows = [row for row, key in enumerate(library.keys) if key.quantity in TIMING and key.nth == 0 and (library.axis[row, :2] >= 0).all()]
    part, header = library.take(rows), library.header
    lower, upper = (np.full(len(part.values), np.nan) if bound is None else bound for bound in (part.lower, part.upper))
    table_of, index = coordinates(part, [in_unit(axis.values, header.capacitance if axis.is_load else header.time) for axis in part.axes])
    keep = np.isfinite(lower) & np.isfinite(upper) & (part.origin != Origin.REFUSED)
    columns = _key_columns(part, table_of[keep])
    columns["table"] = columns.pop("quantity")
    columns |= {"index_1": pa.array(index[keep, 0]), "index_2": pa.array(index[keep, 1])}
    columns |= {"lower": pa.array(lower[keep] / header.time), "upper": pa.array(upper[keep] / header.time)}
    write_table(pa.table(columns), path)


def write_values(library: Library, path: str | Path) -> None:
    """One row a value of every table and number, as Parquet or CSV: key columns, ``quantity``, ``nth``, ``position`` (C order, from 0),
    ``index_1`` to ``index_3``, ``value``, ``lower``, ``upper`` (all SI, in ``unit``; null where there is none) and ``origin`` in a word:
    measured, filled, predicted, copied, repaired, missing, refused. A refused value is null: its interval says why.
    """
    begins = np.flatnonzero(np.diff(library.start[:-1] // PART, prepend=-1)).tolist()  # the tables with which a part begins
    if len(begins) <= 1:
        write_table(_value_table(library), path)
    else:
        parts = zip(begins, [*begins[1:], len(library)], strict=True)
        write_tables((_value_table(library.take(np.arange(begin, end))) for begin, end in parts), path)


def _value_table(library: Library) -> pa.Table:
    columns = place_columns(library)
    unit = columns.pop("unit")
    shown = np.where(library.origin == Origin.REFUSED, np.nan, library.values)
    for name, values in (("value", shown), ("lower", library.lower), ("upper", library.upper)):
        columns[name] = pa.nulls(len(library.values), pa.float64()) if values is None else pa.array(values, from_pandas=True)
    columns["unit"] = unit
    columns["origin"] = pa.DictionaryArray.from_arrays(pa.array(library.origin.astype(np.int32)), _WORDS)
    return pa.table(columns)


def read_values(path: str | Path) -> pa.Table:
    """The table that ``write_values`` wrote; from CSV, numbers are numbers again and an empty cell is null."""
    table = read_table(Path(path), _VALUES)
    kinds = {"nth": pa.int32(), "position": pa.int32()}
    kinds |= dict.fromkeys(("index_1", "index_2", "index_3", "value", "lower", "upper"), pa.float64())
    columns = {}
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        if name in kinds and pa.types.is_string(column.type):
            column = pa.compute.if_else(pa.compute.equal(column, ""), pa.scalar(None, pa.string()), column).cast(kinds[name])
        columns[name] = column
    return pa.table(columns)


def attach(library: Library, path: str | Path) -> Library:
    """``library``, as it was read, with the origins and intervals of the table that ``write_values`` wrote beside it.

    Raises ``UserError`` for a table of the file that the library lacks, or has on other axes.
    """
    table = read_values(path)
    columns = {name: table.column(name).combine_chunks() for name in table.column_names}
    position = np.asarray(columns["position"].to_numpy(zero_copy_only=False), dtype=np.int64)
    first = np.flatnonzero(position == 0)
    fields = [columns[name].take(pa.array(first)).to_pylist() for name in TableKey._fields[:-1]]
    numbers = columns["nth"].take(pa.array(first)).to_pylist()
    keys = [TableKey(*row) for row in zip(*fields, numbers, strict=True)]
    words = columns["origin"].cast(pa.string()).dictionary_encode()
    codes = np.array([Origin[word.upper()] for word in words.dictionary.to_pylist()], dtype=np.uint8)
    told = codes[words.indices.to_numpy(zero_copy_only=False)]
    bounds = [np.asarray(columns[name].to_numpy(zero_copy_only=False), dtype=np.float64) for name in ("lower", "upper")]
    origin, lower, upper = library.origin.copy(), np.full(len(library.values), np.nan), np.full(len(library.values), np.nan)
    ends = np.append(first[1:], len(position))
    for key, begin, end in zip(keys, first.tolist(), ends.tolist(), strict=True):
        row = library.position.get(key)
        if row is None or int(library.start[row + 1] - library.start[row]) != end - begin:
            raise UserError(f"{path}: {key} is not so in {library.source or library.name}; expected the table that was written beside it")
        part = slice(int(library.start[row]), int(library.start[row + 1]))
        origin[part], lower[part], upper[part] = told[begin:end], bounds[0][begin:end], bounds[1][begin:end]
    return library.with_values(library.values, origin, lower, upper)


def _key_columns(library: Library, table_of: NDArray[np.int64]) -> dict[str, pa.Array]:
    names = (*KEY, "quantity")
    return {name: repeated([getattr(key, name) for key in library.keys], table_of) for name in names}
