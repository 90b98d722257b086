"""Columns in and out of CSV and Parquet, and numbers that survive the change of unit."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from eda_plugin.errors import InternalError, ParseError, UserError
from eda_plugin.files import replace_atomically

__all__ = ["KEY", "csv_rows", "in_unit", "is_parquet", "numbers", "read_table", "refuse", "texts", "write_table", "write_tables"]

KEY = ("cell", "pin", "related_pin", "timing_type", "timing_sense", "when")


def is_parquet(path: Path) -> bool:
    """By the name's ending."""
    return path.suffix.lower() in (".parquet", ".pq")


def read_table(path: Path, needed: Sequence[str], optional: Sequence[str] = ()) -> pa.Table:
    """The columns of a CSV (gzip or not) or Parquet file; of a CSV, all as text.

    Raises ``ParseError`` where a needed column is missing, a row has another number of fields or the file is of no such format.
    """
    try:
        if is_parquet(path):
            table = pyarrow.parquet.read_table(path)
        else:
            data = path.read_bytes()
            table = _read_csv(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data, path)
    except (EOFError, gzip.BadGzipFile) as error:
        raise ParseError(f"damaged gzip data: {error}", path=path) from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except pa.ArrowException as error:
        raise ParseError(f"unreadable as {'Parquet' if is_parquet(path) else 'CSV'}: {error}", path=path) from error
    lacking = [name for name in needed if name not in table.column_names]
    if lacking:
        raise ParseError(f"no column {', '.join(lacking)}; the file has {', '.join(table.column_names)[:200]}", path=path, line=1)
    return table.select([*needed, *(name for name in optional if name in table.column_names)])


def _read_csv(data: bytes, path: Path) -> pa.Table:
    if not data.strip():
        raise ParseError(f"the file is empty; expected a first line {','.join(KEY)},...", path=path)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParseError("not UTF-8 text; expected CSV", path=path) from error
    if b"\0" in data:
        raise ParseError("binary content; expected CSV text", path=path)
    first = next(csv.reader(io.StringIO(data[: 1 << 16].decode("utf-8-sig", "replace"))))
    if len(set(first)) != len(first):
        raise ParseError("a column stands twice in the first line", path=path, line=1)
    broken: list[Any] = []

    def keep(row: Any) -> str:
        broken.append(row)
        return "error"

    try:
        return pyarrow.csv.read_csv(
            io.BytesIO(data),
            read_options=pyarrow.csv.ReadOptions(use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(invalid_row_handler=keep),
            convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(first, pa.string()), strings_can_be_null=False),
        )
    except pa.ArrowInvalid:
        if not broken:
            raise
        row = broken[0]
        line, _ = place_of(path, row.number - 2)
        message = f"{row.actual_columns} fields under {row.expected_columns} names"
        raise ParseError(message, path=path, line=line, token=row.text) from None


def place_of(path: Path, row: int, name: str = "") -> tuple[int | None, int | None]:
    """Line and column at which data row ``row`` (from 0) of a CSV begins, or its field ``name``; None for Parquet. For error texts."""
    if is_parquet(path):
        return None, None
    data = path.read_bytes()
    text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8-sig", "replace")
    lines = text.splitlines(keepends=True)
    reader = csv.reader(lines)
    head = next(reader)
    seen, begin = -1, reader.line_num + 1
    for fields in reader:
        seen += bool(fields)
        if seen == row:
            break
        begin = reader.line_num + 1
    before = head.index(name) if name in head else 0
    column, quoted = 1, False
    for letter in lines[begin - 1] if before else "":
        quoted ^= letter == '"'
        before -= letter == "," and not quoted
        column += 1
        if not before:
            break
    return begin, column


def refuse(message: str, path: Path, row: int, name: str, token: str) -> NoReturn:
    """Raise the ``ParseError`` of one cell."""
    line, column = place_of(path, row, name)
    raise ParseError(f"column {name}: {message}", path=path, line=line, column=column, token=token)


def texts(table: pa.Table, name: str) -> pa.Array:
    """A column as text without blanks around it; an absent value is empty text."""
    return pa.compute.utf8_trim_whitespace(table.column(name).combine_chunks().cast(pa.string()).fill_null(""))


def numbers(table: pa.Table, name: str, path: Path, *, empty: bool) -> NDArray[np.float64]:
    """(rows,) a column as floats; an empty cell is NaN where ``empty`` allows it.

    Raises ``ParseError`` with line and column for a cell that is no finite number.
    """
    words = texts(table, name)
    absent = pa.compute.equal(words, "")
    try:
        filled = pa.compute.if_else(absent, pa.scalar(None, pa.string()), words).cast(pa.float64())
    except pa.ArrowInvalid:
        row, word = next((row, word) for row, word in enumerate(words.to_pylist()) if word and not _is_number(word))
        refuse("expected a number", path, row, name, word)
    values = np.asarray(filled.to_numpy(zero_copy_only=False), dtype=np.float64)
    wrong = np.flatnonzero(np.isinf(values) | (np.isnan(values) & (not empty)))
    if len(wrong):
        refuse("expected a finite number", path, int(wrong[0]), name, str(words[int(wrong[0])]))
    return values


def _is_number(text: str) -> bool:
    try:
        pa.scalar(text).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def in_unit(values: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """SI values in units of ``factor``, such that times ``factor`` they give the same bits again, in as few digits as that takes.

    ``x / f * f`` is not always ``x``: the quotient, the quotient of 15 digits and the neighbours of both are tried. Where none returns
    the bits (the value was not read in this unit) the quotient stands, which is off by one unit in the last place at most.
    """
    distinct, places = np.unique(values, return_inverse=True)
    quotient = distinct / factor
    short = np.array([float(f"{value:.15g}") for value in quotient])
    best = quotient.copy()
    done = np.isnan(distinct)
    for base in (short, quotient):
        for steps in (0, -1, 1, -2, 2):
            candidate = base
            for _ in range(abs(steps)):
                candidate = np.nextafter(candidate, np.inf if steps > 0 else -np.inf)
            hit = ~done & (candidate * factor == distinct)
            best[hit] = candidate[hit]
            done |= hit
    return np.asarray(best[places.reshape(values.shape)], dtype=np.float64)


def write_table(table: pa.Table, path: str | Path) -> None:
    """Parquet or CSV (gzip where the name ends with ``.gz``), by the name's ending; whole or absent."""
    target = Path(path)
    with replace_atomically(target) as part:
        if is_parquet(target):
            pyarrow.parquet.write_table(table, part, compression="zstd")
        elif target.name.lower().endswith((".csv", ".csv.gz")):
            data = (",".join(table.column_names) + "\n").encode() + csv_rows(table)
            part.write_bytes(gzip.compress(data, 6, mtime=0) if target.suffix.lower() == ".gz" else data)
        else:
            raise UserError(f"cannot write {target}: unknown ending {target.suffix!r}; expected .csv, .csv.gz or .parquet")


def write_tables(tables: Iterable[pa.Table], path: str | Path) -> None:
    """As ``write_table`` for tables that are one behind the other: only one of them is in memory."""
    target, writer = Path(path), None
    with replace_atomically(target) as part, contextlib.ExitStack() as stack:
        if is_parquet(target):
            for table in tables:
                if writer is None:
                    writer = stack.enter_context(pyarrow.parquet.ParquetWriter(part, table.schema, compression="zstd"))
                writer.write_table(table)
            return
        if not target.name.lower().endswith((".csv", ".csv.gz")):
            raise UserError(f"cannot write {target}: unknown ending {target.suffix!r}; expected .csv, .csv.gz or .parquet")
        file = stack.enter_context(part.open("wb"))
        out = stack.enter_context(gzip.GzipFile("", "wb", 6, file, mtime=0)) if target.suffix.lower() == ".gz" else file
        for number, table in enumerate(tables):
            out.write(b"" if number else (",".join(table.column_names) + "\n").encode())
            out.write(csv_rows(table))


def csv_rows(table: pa.Table) -> bytes:
    """Rows without a first line, RFC 4180, with quotes only where a text holds a comma, a quote or a line break."""
    columns = [column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column for column in table.columns]
    plain = pa.table(columns, names=table.column_names)
    for style in ("none", "needed"):  # Arrow's "needed" quotes every text of the file
        buffer = io.BytesIO()
        with contextlib.suppress(pa.ArrowInvalid):
            pyarrow.csv.write_csv(plain, buffer, pyarrow.csv.WriteOptions(include_header=False, quoting_style=style))
            return buffer.getvalue()
    raise InternalError("a table that Arrow cannot write as CSV")
