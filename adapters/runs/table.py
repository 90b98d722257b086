"""The tidy table on disk: written as it comes, part by part, as Parquet or CSV; read back."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from eda_plugin.adapters.points.columns import csv_rows, is_parquet, read_table
from eda_plugin.adapters.runs.tidy import COLUMNS, SCHEMA
from eda_plugin.errors import ParseError, UserError
from eda_plugin.files import replace_atomically

__all__ = ["TableWriter", "read_tidy"]

ROWS = 1 << 16  # that are held before they are written: thousands of small files make few large row groups


class TableWriter:
    """Takes tables of ``SCHEMA``; ``opened`` gives one that writes a file, which is whole or absent in the end."""

    def __init__(self, put: Callable[[pa.Table], object]) -> None:
        self._put = put
        self._held: list[pa.Table] = []
        self.rows = 0

    def add(self, table: pa.Table) -> None:
        self._held.append(table)
        self.rows += table.num_rows
        if sum(part.num_rows for part in self._held) >= ROWS:
            self.flush()

    def flush(self) -> None:
        if self._held:
            self._put(pa.concat_tables(self._held).unify_dictionaries().combine_chunks())
            self._held = []

    @classmethod
    @contextlib.contextmanager
    def opened(cls, path: str | Path) -> Iterator[TableWriter]:
        """Raises ``UserError`` for an ending other than .parquet, .csv and .csv.gz."""
        target = Path(path)
        name = target.name.lower()
        if not (is_parquet(target) or name.endswith((".csv", ".csv.gz"))):
            raise UserError(f"cannot write {target}: unknown ending {target.suffix!r}; expected .parquet, .csv or .csv.gz")
        with replace_atomically(target) as part:
            if is_parquet(target):
                with pyarrow.parquet.ParquetWriter(part, SCHEMA, compression="zstd") as parquet:
                    writer = cls(parquet.write_table)
                    yield writer
                    writer.flush()
                return
            with part.open("wb") as plain, contextlib.ExitStack() as stack:
                out = stack.enter_context(gzip.GzipFile("", "wb", 6, plain, mtime=0)) if name.endswith(".gz") else plain
                out.write((",".join(COLUMNS) + "\n").encode())
                writer = cls(lambda table: out.write(csv_rows(table)))
                yield writer
                writer.flush()


def read_tidy(path: str | Path) -> pa.Table:
    """A table that ``TableWriter`` wrote. Raises ``ParseError`` where a column is missing or holds no numbers."""
    path = Path(path)
    table = read_table(path, COLUMNS)
    columns = {}
    for field in SCHEMA:
        column = table.column(field.name).combine_chunks()
        try:
            if pa.types.is_string(column.type):
                filled = pa.compute.if_else(pa.compute.equal(column, ""), pa.scalar(None, pa.string()), column)
                columns[field.name] = filled.dictionary_encode() if pa.types.is_dictionary(field.type) else filled.cast(field.type)
            else:
                columns[field.name] = column.cast(field.type)
        except pa.ArrowInvalid as error:
            raise ParseError(f"column {field.name}: {error}", path=path) from error
    return pa.table(columns, schema=SCHEMA)
