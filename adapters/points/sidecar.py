"""What stands beside a filled library: the interval of each timing value, and the origin of every value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from eda_plugin.adapters.points.columns import KEY, in_unit, read_table, write_table
from eda_plugin.data.columnar import coordinates, place_columns, repeated
from eda_plugin.domain import Library, Origin
from eda_plugin.domain.quantity import TIMING

__all__ = ["read_values", "write_intervals", "write_values"]

_WORDS = pa.array([origin.name.lower() for origin in Origin])
_VALUES = (*KEY, "quantity", "nth", "position", "index_1", "index_2", "index_3", "value", "lower", "upper", "unit", "origin")


def write_intervals(library: Library, path: str | Path) -> None:
    """CSV of the timing tables' intervals: key, ``table``, ``index_1``, ``index_2``, ``lower``, ``upper``, in the library's units.

    Tables of two axes and of the first of equal groups only; values without an interval (measured ones, say) have no row.
    """
    rows = [row for row, key in enumerate(library.keys) if key.quantity in TIMING and key.nth == 0 and (library.axis[row, :2] >= 0).all()]
    part, header = library.take(rows), library.header
    lower, upper = (np.full(len(part.values), np.nan) if bound is None else bound for bound in (part.lower, part.upper))
    table_of, index = coordinates(part, [in_unit(axis.values, header.capacitance if axis.is_load else header.time) for axis in part.axes])
    keep = np.isfinite(lower) & np.isfinite(upper)
    columns = _key_columns(part, table_of[keep])
    columns["table"] = columns.pop("quantity")
    columns |= {"index_1": pa.array(index[keep, 0]), "index_2": pa.array(index[keep, 1])}
    columns |= {"lower": pa.array(lower[keep] / header.time), "upper": pa.array(upper[keep] / header.time)}
    write_table(pa.table(columns), path)


def write_values(library: Library, path: str | Path) -> None:
    """One row a value of every table and number, as Parquet or CSV: key columns, ``quantity``, ``nth``, ``position`` (C order, from 0),
    ``index_1`` to ``index_3``, ``value``, ``lower``, ``upper`` (all SI, in ``unit``; null where there is none) and ``origin`` in a word:
    measured, filled, predicted, copied, repaired, missing.
    """
    columns = place_columns(library)
    unit = columns.pop("unit")
    for name, values in (("value", library.values), ("lower", library.lower), ("upper", library.upper)):
        columns[name] = pa.nulls(len(library.values), pa.float64()) if values is None else pa.array(values, from_pandas=True)
    columns["unit"] = unit
    columns["origin"] = pa.DictionaryArray.from_arrays(pa.array(library.origin.astype(np.int32)), _WORDS)
    write_table(pa.table(columns), path)


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


def _key_columns(library: Library, table_of: NDArray[np.int64]) -> dict[str, pa.Array]:
    names = (*KEY, "quantity")
    return {name: repeated([getattr(key, name) for key in library.keys], table_of) for name in names}
