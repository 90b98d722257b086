"""Result files of every kind to batches of rows under names, so that what follows knows of no format."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters.hspice.listing import Note, Run, stream_listing
from eda_plugin.adapters.hspice.measure import stream_measure
from eda_plugin.adapters.ngspice.rows import LoggedNote, stream_log
from eda_plugin.adapters.runs.kinds import Kind
from eda_plugin.adapters.xyce import named_values

__all__ = ["Batch", "Trouble", "read_results"]

ROWS = 1 << 12  # of a log or listing that are held at a time


@dataclass(frozen=True)
class Trouble:
    """What a result file tells of its run: ``kind`` is convergence, error or aborted."""

    kind: str
    text: str
    line: int | None


@dataclass(frozen=True, eq=False)
class Batch:
    """r rows of c names: ``values`` (r, c) plain SI numbers, NaN where a measure failed or, outside ``present`` (r, c), where it isn't;
    ``lines`` (r, c) or (r, 1), from 1. ``swept``: which names a sweep sets. ``index``: (r,) sweep or Monte Carlo counter, 0 for none;
    ``alter``: (r,) from 1. ``title`` of the file; ``variant``: the name of the ``.alter`` block."""

    names: tuple[str, ...]
    values: NDArray[np.float64]
    present: NDArray[np.bool_]
    lines: NDArray[np.int64]
    swept: frozenset[str] = frozenset()
    index: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    alter: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    title: str = ""
    variant: str = ""

    def __len__(self) -> int:
        return len(self.values)


def read_results(path: Path, kind: Kind, *, step: Mapping[str, float] | None = None) -> Iterator[Batch | Trouble]:
    """What a measure file, listing or log holds, a part at a time.

    ``step``: parameters that Xyce's step table gives for this file. Raises ``ParseError`` and ``UserError`` as the formats' readers do.
    """
    if kind is Kind.MEASURE:
        yield from _measures(path)
    elif kind is Kind.NAMED:
        found = {name: (value, line) for name, value, line in named_values(path)}
        yield from _batches([({**{name: (value, 0) for name, value in (step or {}).items()}, **found}, 1)], frozenset(step or ()))
    elif kind is Kind.LOG:
        yield from _log(path)
    elif kind is Kind.LISTING:
        yield from _listing(path)


def _measures(path: Path) -> Iterator[Batch]:
    with stream_measure(path) as (header, blocks):
        lower = [name.lower() for name in header.names]
        keep = [place for place, name in enumerate(lower) if name not in ("index", "alter#")]
        names = tuple(header.names[place] for place in keep)
        for block in blocks:
            index = _counter(block.values, lower, "index", 0)
            alter = _counter(block.values, lower, "alter#", 1)
            values = block.values[:, keep]
            present = np.ones(values.shape, dtype=np.bool_)
            yield Batch(names, values, present, block.lines[:, None], frozenset(header.swept), index, alter, header.title)


def _counter(values: NDArray[np.float64], names: Sequence[str], name: str, default: int) -> NDArray[np.int64]:
    if name not in names:
        return np.full(len(values), default, dtype=np.int64)
    column = values[:, names.index(name)]
    return np.where(np.isfinite(column), column, default).astype(np.int64)


_Row = tuple[dict[str, tuple[float, int]], int]


def _batches(rows: Sequence[_Row], swept: frozenset[str], title: str = "", first: int = 1, variant: str = "") -> Iterator[Batch]:
    """Rows by name, with their ``.alter`` number, as one batch under all their names."""
    names = tuple(dict.fromkeys(name for values, _ in rows for name in values))
    if not names:
        return
    table = np.full((len(rows), len(names)), np.nan)
    lines = np.zeros(table.shape, dtype=np.int64)
    present = np.zeros(table.shape, dtype=np.bool_)
    places = {name: place for place, name in enumerate(names)}
    for row, (values, _) in enumerate(rows):
        for name, (value, line) in values.items():
            place = places[name]
            table[row, place], lines[row, place], present[row, place] = value, line, True
    index = np.arange(first, first + len(rows)) if len(rows) > 1 or first > 1 else np.zeros(1, dtype=np.int64)
    yield Batch(names, table, present, lines, swept, index, np.array([alter for _, alter in rows]), title, variant)


def _log(path: Path) -> Iterator[Batch | Trouble]:
    rows: list[_Row] = []
    first = 1
    for found in stream_log(path):
        if isinstance(found, LoggedNote):
            yield Trouble(found.kind, found.text, found.line)
            continue
        known = {} if math.isnan(found.temperature) else {"temper": (found.temperature, 0)}
        rows.append(({**known, **found.values}, 1))
        if len(rows) == ROWS:
            yield from _batches(rows, frozenset(("temper",)), first=first)
            first += len(rows)
            rows = []
    yield from _batches(rows, frozenset(("temper",)), first=first)


def _listing(path: Path) -> Iterator[Batch | Trouble]:
    rows: list[_Row] = []
    first, variant = 1, ""
    swept: set[str] = {"temper"}
    with stream_listing(path) as stream:
        for found in stream:
            if isinstance(found, Note):
                if found.kind != "warning":
                    yield Trouble(found.kind, found.text, found.line)
            elif isinstance(found, Run) and found.measures:
                if rows and (found.alter_name != variant or len(rows) == ROWS):
                    yield from _batches(rows, frozenset(swept), stream.summary().title, first, variant)
                    first += len(rows)
                    rows = []
                variant = found.alter_name
                known = {**stream.summary().parameters, **found.parameters}
                if math.isfinite(found.temperature):
                    known["temper"] = found.temperature
                swept |= known.keys()
                measured = {measure.name: (measure.value, measure.line) for measure in found.measures}
                rows.append(({**{name: (value, 0) for name, value in known.items()}, **measured}, found.alter))
        summary = stream.summary()
    yield from _batches(rows, frozenset(swept), summary.title, first, variant)
    if summary.aborted or not summary.concluded:
        yield Trouble("aborted", "the job was aborted" if summary.aborted else "the listing ends before the job concluded", None)
