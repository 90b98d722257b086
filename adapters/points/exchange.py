"""Plans and their answers: the columns that a simulator's side is asked and answers in.

``cell,pin,related_pin,timing_type,timing_sense,when,edge,index_1,index_2[,delay,transition]``, in the library's units. ``index_1`` and
``index_2`` are the coordinates along the axes of the delay table.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from eda_plugin.adapters.points.columns import KEY, in_unit, numbers, read_table, refuse, texts, write_table
from eda_plugin.domain import Arc, Header, Points

__all__ = ["read", "write"]

INDEX = ("index_1", "index_2")
ANSWER = ("delay", "transition")


def _factors(header: Header, load_first: bool) -> tuple[float, float]:
    return (header.capacitance, header.time) if load_first else (header.time, header.capacitance)


def read(path: str | Path, *, header: Header, load_first: bool = False) -> Points:
    """Read a plan or its answers from CSV (gzip or not) or Parquet. ``header`` gives the units of the numbers.

    The first axis is the slew (s), the second the load (F), the other way round with ``load_first``. An empty delay or transition is
    NaN; an empty ``timing_type`` is ``combinational``, Liberty's default. Other columns are passed over. Raises ``ParseError`` with
    line and column for a missing column, a short row, an edge other than rise and fall, a cell that is no number.
    """
    path = Path(path)
    table = read_table(path, (*KEY, "edge", *INDEX), ANSWER)
    edges = tuple(texts(table, "edge").to_pylist())
    strange = next((row for row, edge in enumerate(edges) if edge not in ("rise", "fall")), None)
    if strange is not None:
        refuse("expected rise or fall", path, strange, "edge", edges[strange])
    index = np.stack([numbers(table, name, path, empty=False) for name in INDEX], axis=1) * np.array(_factors(header, load_first))
    delay, transition = (
        numbers(table, name, path, empty=True) * header.time if name in table.column_names else np.full(len(table), np.nan)
        for name in ANSWER
    )
    return Points(_arcs(table), edges, index, delay, transition, str(path))


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
    for place, factor in enumerate(_factors(header, load_first)):
        columns[INDEX[place]] = pa.array(in_unit(points.index[:, place], factor))
    if answered:
        for name, values in zip(ANSWER, (points.delay, points.transition), strict=True):
            columns[name] = pa.array(in_unit(values, header.time), from_pandas=True)
    write_table(pa.table(columns), path)
