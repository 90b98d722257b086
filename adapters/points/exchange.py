"""Plans and their answers: the columns that a simulator's side is asked and answers in.

``cell,pin,related_pin,timing_type,timing_sense,when,edge,index_1,index_2[,delay,transition]``, in the library's units. ``index_1`` and
``index_2`` are the coordinates along the axes of the delay table; of a constraint along those of its own table, both slews, and its value
stands as the delay.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from eda_plugin.adapters.points.columns import KEY, in_unit, numbers, read_table, refuse, texts, write_table
from eda_plugin.domain import Arc, Header, Points

__all__ = ["read", "write"]

INDEX = ("index_1", "index_2")
ANSWER = ("delay", "transition")


def _factors(arcs: Sequence[Arc], header: Header, load_first: bool) -> NDArray[np.float64]:
    """(rows, 2) units of the indices."""
    usual = (header.capacitance, header.time) if load_first else (header.time, header.capacitance)
    return np.array([(header.time, header.time) if arc.is_constraint else usual for arc in arcs]).reshape(-1, 2)


def read(path: str | Path, *, header: Header, load_first: bool = False) -> Points:
    """Read a plan or its answers from CSV (gzip or not) or Parquet. ``header`` gives the units of the numbers.

    The first axis is the slew (s), the second the load (F), the other way round with ``load_first``. An empty delay or transition is
    NaN, as is an empty ``index_2`` of a pulse width; an empty ``timing_type`` is ``combinational``, Liberty's default. Other columns are
    passed over. Raises ``ParseError`` with line and column for a missing column, a short row, an edge other than rise and
    fall, a cell that is no number.
    """
    path = Path(path)
    table = read_table(path, (*KEY, "edge", *INDEX), ANSWER)
    edges = tuple(texts(table, "edge").to_pylist())
    strange = next((row for row, edge in enumerate(edges) if edge not in ("rise", "fall")), None)
    if strange is not None:
        refuse("expected rise or fall", path, strange, "edge", edges[strange])
    arcs = _arcs(table)
    index = np.stack([numbers(table, name, path, empty=name == INDEX[1]) for name in INDEX], axis=1) * _factors(arcs, header, load_first)
    lacking = next((row for row in np.flatnonzero(np.isnan(index[:, 1])).tolist() if not arcs[row].is_pulse), None)
    if lacking is not None:
        refuse("expected a finite number", path, lacking, INDEX[1], "")
    delay, transition = (
        numbers(table, name, path, empty=True) * header.time if name in table.column_names else np.full(len(table), np.nan)
        for name in ANSWER
    )
    return Points(arcs, edges, index, delay, transition, str(path))


def _arcs(table: pa.Table) -> tuple[Arc, ...]:
    """The arc of each row; rows of one arc share the object."""
    codes = np.zeros(len(table), dtype=np.int64)
    columns = []
    for name in KEY:
        column = texts(table, name).dictionary_encode()
        columns.append(column)
        places = column.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        # Numbered anew after each column, so that the codes stay small.
        _, codes = np.unique(codes * max(len(column.dictionary), 1) + places, return_inverse=True)
    _, first = np.unique(codes, return_index=True)
    fields = {name: column.take(pa.array(first)).to_pylist() for name, column in zip(KEY, columns, strict=True)}
    fields["timing_type"] = [text or "combinational" for text in fields["timing_type"]]
    distinct = [Arc(*row) for row in zip(*fields.values(), strict=True)]
    return tuple(distinct[code] for code in codes.tolist())


def write(points: Points, path: str | Path, *, header: Header, answered: bool, load_first: bool = False) -> None:
    """Write a plan, or with ``answered`` the answers too, as CSV, ``.csv.gz`` or Parquet; whole or not at all.

    An index value read back in the same unit has the same bits; a missing answer is an empty cell (null in Parquet).
    """
    columns: dict[str, pa.Array] = {name: pa.array([arc[place] for arc in points.arcs], pa.string()) for place, name in enumerate(KEY)}
    columns["edge"] = pa.array(points.edges, pa.string())
    factors = _factors(points.arcs, header, load_first)
    for place, name in enumerate(INDEX):
        index = np.empty(len(points))
        for factor in np.unique(factors[:, place]):
            rows = factors[:, place] == factor
            index[rows] = in_unit(points.index[rows, place], float(factor))
        columns[name] = pa.array(index, from_pandas=True)
    if answered:
        for name, values in zip(ANSWER, (points.delay, points.transition), strict=True):
            columns[name] = pa.array(in_unit(values, header.time), from_pandas=True)
    write_table(pa.table(columns), path)
