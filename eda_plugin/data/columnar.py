"""Libraries as columnar tables (Arrow): a row for each value, no object for each number; corners side by side, one column each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eda_plugin.data.dataset import look_up
from eda_plugin.domain import Library, Origin, TableKey
from eda_plugin.domain.quantity import si_unit
from eda_plugin.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["coordinates", "corner_table", "place_columns", "repeated", "value_table"]

_SLEWS = ("input_net_transition", "input_transition_time", "related_pin_transition")
_LOADS = ("total_output_net_capacitance", "equal_or_opposite_output_net_capacitance")


def corner_table(libraries: Sequence[Library], template: Library | None = None) -> pa.Table:
    """All libraries on one grid: the place of each value (``place_columns``), then one column of float64 a corner, SI, named after it.

    The grid is that of ``template``, by default of the first library; a table that it lacks stands on the grid of the first that has it.
    A corner is looked up where its own axes differ (``dataset.look_up``); null where it has no such table or value.
    Raises ``UserError`` for two libraries of one corner or without a common table, ``TableError`` for unlike kinds of axes.
    """
    import pyarrow as pa

    if not libraries:
        raise UserError("no library; give one or more")
    names = [library.corner.name for library in libraries]
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice:
        raise UserError(f"two libraries of the corner {twice}; leave one of them out, or state their corners in a table")
    grid = _union([template or libraries[0], *libraries])
    values, _ = look_up(grid, libraries)
    columns = place_columns(grid)
    columns |= {name: pa.array(values[:, place], from_pandas=True) for place, name in enumerate(names)}
    return pa.table(columns)


def _union(libraries: Sequence[Library]) -> Library:
    """The first library, and the tables of the others that those before them lack; values are of no account."""
    seen: set[TableKey] = set(libraries[0].keys)
    more = []
    for library in libraries[1:]:
        new = [row for row, key in enumerate(library.keys) if key not in seen]
        seen.update(library.keys[row] for row in new)
        more += [library.table(row) for row in new]
    first = libraries[0]
    return Library.from_tables([*first, *more], name=first.name, corner=first.corner, header=first.header) if more else first


def place_columns(library: Library) -> dict[str, pa.Array]:
    """What says which value a row holds: the fields of its ``TableKey`` (dictionary-encoded texts), ``position`` (in C order, from 0),
    ``index_1`` to ``index_3`` (SI; null where the table has no such axis) and ``unit``."""
    import pyarrow as pa

    table_of, index = coordinates(library)
    columns = {name: repeated([getattr(key, name) for key in library.keys], table_of) for name in TableKey._fields[:-1]}
    columns["nth"] = pa.array(np.array([key.nth for key in library.keys], dtype=np.int32)[table_of])
    columns["position"] = pa.array((np.arange(len(table_of)) - library.start[:-1][table_of]).astype(np.int32))
    columns |= {f"index_{place + 1}": pa.array(index[:, place], from_pandas=True) for place in range(index.shape[1])}
    columns["unit"] = repeated([si_unit(key.quantity) for key in library.keys], table_of)
    return columns


def value_table(library: Library) -> pa.Table:
    """A row for each value, with the corner beside it: ``library`` (name), ``corner``, ``process``, ``voltage`` (V), ``temperature``
    (degrees Celsius), the columns of ``place_columns``, ``slew`` (s) and ``load`` (F) along whichever axis they stand, ``value``,
    ``lower``, ``upper`` (SI, null where there is none) and ``origin`` in a word. Of a constraint, the slew is the related pin's."""
    import pyarrow as pa

    count = len(library.values)
    stated = {"library": library.name, "corner": library.corner.name, "process": library.corner.process}
    columns: dict[str, pa.Array] = {name: _constant(word, count) for name, word in stated.items()}
    for name in ("voltage", "temperature"):
        columns[name] = pa.array(np.full(count, getattr(library.corner, name)))
    columns |= place_columns(library)
    table_of, index = coordinates(library)
    for name, along in (("slew", _SLEWS), ("load", _LOADS)):
        kinds = np.array([*(axis.variable in along for axis in library.axes), False], dtype=bool)  # axis -1, no axis, is the last
        which = kinds[library.axis[table_of]]
        values = np.where(which.any(axis=1), index[np.arange(count), which.argmax(axis=1)], np.nan)
        columns[name] = pa.array(values, from_pandas=True)
    shown = np.where(library.origin == Origin.REFUSED, np.nan, library.values)
    for name, numbers in (("value", shown), ("lower", library.lower), ("upper", library.upper)):
        columns[name] = pa.nulls(count, pa.float64()) if numbers is None else pa.array(numbers, from_pandas=True)
    words = pa.array([origin.name.lower() for origin in Origin])
    columns["origin"] = pa.DictionaryArray.from_arrays(pa.array(library.origin.astype(np.int32)), words)
    return pa.table(columns)


def _constant(word: str, count: int) -> pa.DictionaryArray:
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, dtype=np.int32)), pa.array([word]))


def repeated(words: Sequence[str], table_of: NDArray[np.int64]) -> pa.DictionaryArray:
    """A text of each table, for each of its values."""
    import pyarrow as pa

    column = pa.array(words, pa.string()).dictionary_encode()
    codes = column.indices.to_numpy(zero_copy_only=False).astype(np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(codes[table_of]), column.dictionary)


def coordinates(library: Library, axes: Sequence[NDArray[np.float64]] | None = None) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Row of the table of each value (m,), and the coordinates of each value (m, 3), NaN where the table has no such axis.

    ``axes``: the numbers along each of the library's axes, where they are not to be SI.
    """
    table_of = np.repeat(np.arange(len(library)), np.diff(library.start))
    position = np.arange(len(table_of)) - library.start[:-1][table_of]
    lengths = library.shape[table_of]
    places = (position // (lengths[:, 1] * lengths[:, 2]), position // lengths[:, 2] % lengths[:, 1], position % lengths[:, 2])
    parts = [axis.values for axis in library.axes] if axes is None else list(axes)
    begin = np.cumsum([0, *map(len, parts)])
    flat = np.concatenate([*parts, [np.nan]])  # axis -1, no axis, points behind the last: NaN
    return table_of, np.stack([flat[begin[library.axis[table_of, k]] + places[k]] for k in range(len(places))], axis=1)
