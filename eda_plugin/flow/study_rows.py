"""The rows of a study of process variation: what its folder says is varied, the rows that lie there, and the rows still to simulate."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters.hspice.measure import read_measure
from eda_plugin.adapters.hspice.writer import write_measure
from eda_plugin.adapters.ngspice.variation import RowBench, output_names, simulate_rows
from eda_plugin.domain import Cell, Pin
from eda_plugin.domain.variation import CONDITIONS, InputLaw, Parameter
from eda_plugin.errors import UserError
from eda_plugin.files import replace_atomically

__all__ = ["UNSEEN", "RowSet", "RowStore", "read_measured_rows", "read_rows", "write_measured_rows", "write_rows"]

Floats = NDArray[np.float64]
PIECE = 250
UNSEEN = 5000
"""Rows from this number on are never learnt from: errors are measured there."""


@dataclass(frozen=True, eq=False)
class RowSet:
    """``numbers`` (n,) of the rows, ``inputs`` (n, i) and ``outputs`` (n, o) with their ``names``; SI, temperature in degrees Celsius."""

    names: tuple[tuple[str, ...], tuple[str, ...]]
    numbers: NDArray[np.int64]
    inputs: Floats
    outputs: Floats

    def __len__(self) -> int:
        return len(self.numbers)

    def columns(self, start: str) -> list[int]:
        """Places of the outputs whose names begin so."""
        return [place for place, name in enumerate(self.names[1]) if name.startswith(start)]

    def taken(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> RowSet:
        return RowSet(self.names, self.numbers[rows], self.inputs[rows], self.outputs[rows])


class RowStore:
    """The folder of a study: ``study.toml``, and ``data/CELL.parquet`` with the rows that came with it.

    Rows simulated later are kept in ``kept``, one file a piece of rows, so that a run that was stopped goes on where it was.
    Raises ``UserError`` for a folder without a readable study.toml.
    """

    def __init__(self, folder: Path, kept: Path | None = None) -> None:
        self.folder = Path(folder)
        self.kept = kept
        path = self.folder / "study.toml"
        try:
            said = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror or error}; name a folder such as examples/process_variation") from error
        except tomllib.TOMLDecodeError as error:
            raise UserError(f"{path} is no TOML: {error}") from error
        try:
            self._said = said["simulation"]
            parameters = tuple(
                Parameter(
                    name, float(one["mean"]), float(one.get("sigma", one["mean"] / 30)), tuple((m, p, float(v)) for m, p, v in one["sets"])
                )
                for name, one in said["parameters"].items()
            )
            self.law = InputLaw(parameters, tuple((float(said["ranges"][name][0]), float(said["ranges"][name][1])) for name in CONDITIONS))
            self.cells: tuple[str, ...] = tuple(self._said["names"])
            self.seed = int(self._said.get("seed", 0))
            self._designs = _cells(self.folder / self._said["cells"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, UserError):
                raise
            raise UserError(f"{path}: {type(error).__name__} {error}; expected what examples/process_variation/study.toml has") from error
        unknown = [name for name in self.cells if name not in self._designs]
        if unknown:
            raise UserError(f"{path}: cell {unknown[0]!r} is not in {self._said['cells']}")

    def bench(self, cell: str) -> RowBench:
        """What simulates a cell's rows."""
        if cell not in self.cells:
            raise UserError(f"no cell {cell!r} in this study; it has {', '.join(self.cells)}")
        return RowBench(
            self._designs[cell], self.folder / self._said["netlists"], self.folder / self._said["models"], self._said["section"], self.law
        )

    def names(self, cell: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return self.law.names, output_names(self._designs[cell])

    def present(self, cell: str) -> RowSet:
        """All rows of a cell that have been simulated, by number."""
        names = self.names(cell)
        files = [self.folder / "data" / f"{cell}.parquet"]
        if self.kept is not None:
            files += sorted(self.kept.glob(f"{cell}.*.parquet"))
        parts = [read_rows(file, names) for file in files if file.is_file()]
        if not parts:
            return RowSet(names, np.zeros(0, dtype=np.int64), np.zeros((0, len(names[0]))), np.zeros((0, len(names[1]))))
        numbers = np.concatenate([part.numbers for part in parts])
        _, first = np.unique(numbers, return_index=True)
        inputs, outputs = (np.concatenate([getattr(part, name) for part in parts])[first] for name in ("inputs", "outputs"))
        return RowSet(names, numbers[first], inputs, outputs)

    def rows(self, cell: str, numbers: Sequence[int], *, workers: int = 1) -> RowSet:
        """Rows by number; those that are not there are simulated and, with ``kept``, kept."""
        found = self.present(cell)
        lacking = np.setdiff1d(np.asarray(numbers, dtype=np.int64), found.numbers)
        for begin in range(0, len(lacking), PIECE * workers):
            part = lacking[begin : begin + PIECE * workers]
            inputs = self.law.rows(cell, part.tolist(), self.seed)
            outputs, _ = simulate_rows(self.bench(cell), inputs, workers=workers)
            made = RowSet(self.names(cell), part, inputs, outputs)
            if self.kept is not None:
                self.kept.mkdir(parents=True, exist_ok=True)
                write_rows(made, self.kept / f"{cell}.{part[0]:05d}.parquet")
            merged = np.argsort(np.concatenate([found.numbers, part]))
            found = RowSet(
                found.names,
                np.concatenate([found.numbers, part])[merged],
                np.concatenate([found.inputs, inputs])[merged],
                np.concatenate([found.outputs, outputs])[merged],
            )
        return found.taken(np.searchsorted(found.numbers, np.asarray(numbers, dtype=np.int64)))


def _cells(path: Path) -> dict[str, Cell]:
    """Cells with their pins and functions, as hkmg22's cells.toml states them."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["cell"]
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    cells = {}
    for entry in entries:
        pins = [Pin(name, "input") for name in entry["inputs"]] + [Pin(name, "output", text) for name, text in entry["outputs"].items()]
        cells[entry["name"]] = Cell(entry["name"], pins=tuple(pins))
    return cells


def write_rows(rows: RowSet, path: Path) -> None:
    """Parquet in single precision: the seven digits that ngspice prints."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, object] = {"row": rows.numbers.astype(np.int32)}
    columns |= {name: rows.inputs[:, place].astype(np.float32) for place, name in enumerate(rows.names[0])}
    columns |= {name: rows.outputs[:, place].astype(np.float32) for place, name in enumerate(rows.names[1])}
    with replace_atomically(path) as part:
        pq.write_table(pa.table(columns), part, compression="zstd", compression_level=19, use_byte_stream_split=list(columns)[1:],
                       use_dictionary=False)  # fmt: skip


def read_rows(path: Path, names: tuple[tuple[str, ...], tuple[str, ...]]) -> RowSet:
    """Read what ``write_rows`` wrote. Raises ``UserError`` for a file that is no such table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"cannot read the rows {path}: {error}") from error
    lacking = [name for name in ("row", *names[0], *names[1]) if name not in table.column_names]
    if lacking:
        raise UserError(f"{path}: no column {lacking[0]!r}; it was written for another study.toml, delete it to simulate again")
    inputs, outputs = (np.stack([table[name].to_numpy() for name in part], axis=1).astype(np.float64) for part in names)
    return RowSet(names, table["row"].to_numpy().astype(np.int64), inputs, outputs)


def write_measured_rows(rows: RowSet, path: Path, title: str) -> None:
    """The rows as HSPICE's Monte Carlo would have left them: a measure file (gzip where the name says so), the inputs as swept
    parameters."""
    write_measure(
        path, [*rows.names[0], *rows.names[1]], np.hstack([rows.inputs, rows.outputs]), title=title, swept=rows.names[0], digits=6
    )


def read_measured_rows(path: Path, names: tuple[tuple[str, ...], tuple[str, ...]]) -> RowSet:
    """Read a Monte Carlo measure file, rows numbered from 0. Raises as ``read_measure``, and ``UserError`` for a lacking column."""
    found = read_measure(path)
    values: Mapping[str, Floats] = {name: found.column(name) for part in names for name in part}
    inputs, outputs = (np.stack([values[name] for name in part], axis=1) for part in names)
    return RowSet(names, np.arange(len(found), dtype=np.int64), inputs, outputs)
