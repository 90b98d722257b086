"""Plans and their answers: the columns that a simulator's side is asked and answers in.

``cell,pin,related_pin,timing_type,timing_sense,when,edge,index_1,index_2[,delay,transition]``, in the library's units. ``index_1`` and
``index_2`` are the coordinates along the axes of the delay table; of a constraint along those of its own table, both slews, and its value
stands as the delay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from eda_plugin.adapters.points.columns import KEY, in_unit, numbers, read_table, refuse, texts, write_tables
from eda_plugin.domain import Arc, Header, Points

__all__ = ["read", "read_parts", "write", "write_parts"]

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
    return next(read_parts(path, header=header, load_first=load_first))


def read_parts(path: str | Path, *, header: Header, load_first: bool = False, rows: int | None = None) -> Iterator[Points]:
    """As ``read``, ``rows`` points at a time (all at once by default; at least one part): only those of one part are objects, the others
    stay columns. What is wrong anywhere in the file is raised before the first part."""
    path = Path(path)
    table = read_table(path, (*KEY, "edge", *INDEX), ANSWER)
    edges = texts(table, "edge")
    strange = pa.compute.index(pa.compute.is_in(edges, pa.array(["rise", "fall"])), False).as_py()
    if strange >= 0:
        refuse("expected rise or fall", path, strange, "edge", edges[strange].as_py())
    keys = [texts(table, name).dictionary_encode() for name in KEY]
    index = np.stack([numbers(table, name, path, empty=name == INDEX[1]) for name in INDEX], axis=1)
    single = np.flatnonzero(np.isnan(index[:, 1]))
    lacking = next(
        (row for row, arc in zip(single, _arcs([key.take(pa.array(single)) for key in keys]), strict=True) if not arc.is_pulse), None
    )
    if lacking is not None:
        refuse("expected a finite number", path, int(lacking), INDEX[1], "")
    answers = [numbers(table, name, path, empty=True) * header.time if name in table.column_names else None for name in ANSWER]
    count, step = len(table), rows or max(len(table), 1)
    del table
    for begin in range(0, max(count, 1), step):
        part = slice(begin, begin + step)
        arcs = _arcs([key[part] for key in keys])
        delay, transition = (np.full(len(arcs), np.nan) if values is None else values[part] for values in answers)
        there = index[part] * _factors(arcs, header, load_first)
        yield Points(arcs, tuple(edges[part].to_pylist()), there, delay, transition, str(path))


def _arcs(columns: Sequence[pa.DictionaryArray]) -> tuple[Arc, ...]:
    """The arc of each row, by the columns of ``KEY``; rows of one arc share the object."""
    codes = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
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
    write_parts([points], path, header=header, answered=answered, load_first=load_first)


def write_parts(points: Iterable[Points], path: str | Path, *, header: Header, answered: bool, load_first: bool = False) -> None:
    """As ``write``, for points that come part by part: only one part is in memory."""
    write_tables((_table(part, header, answered, load_first) for part in points), path)


def _table(points: Points, header: Header, answered: bool, load_first: bool) -> pa.Table:
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
    return pa.table(columns)
