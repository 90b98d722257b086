"""Bytes of a measure file to rows of numbers, block by block, so that memory follows the block and not the file."""

from __future__ import annotations

import contextlib
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from eda_plugin.errors import ParseError, UserError

__all__ = ["Block", "assignments", "comma_rows", "free_rows", "opened", "text_lines"]

CHUNK = 1 << 21
_TOKEN = re.compile(rb"[^\s]+")
_PAIR = re.compile(rb"([^\s=]+)[ \t]*=[ \t]*([^\s=]+)")
_FAILED = re.compile(rb"failed", re.IGNORECASE)
FEW = 2000  # tokens for which pyarrow is not worth its import
LONGEST = 256  # bytes of a token and the blanks around it, on average over a row


@dataclass(frozen=True, eq=False)
class Block:
    """Some rows: ``values`` (rows, names), NaN where ``failed`` stands; ``lines`` (rows,) the line in which each row begins, from 1."""

    values: NDArray[np.float64]
    lines: NDArray[np.int64]


@contextlib.contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked where it is gzip (by content, not by name). A damaged or unreadable file is a ``UserError``."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as stream:
            yield cast("IO[bytes]", stream)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ParseError(f"damaged gzip data: {error}; fetch or pack the file again", path=path) from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def text_lines(stream: IO[bytes], longest: int = 1 << 16) -> Iterator[bytes]:
    """Lines without their ends; of a line beyond ``longest`` bytes, which no simulator writes, the rest is left out."""
    rest = b""
    cut = False
    while chunk := stream.read(CHUNK):
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        if cut and lines:
            lines, cut = lines[1:], False
        yield from lines
        if len(rest) > longest:
            if not cut:
                yield rest[:longest]
            rest, cut = b"", True
    if rest and not cut:
        yield rest


def _number(token: bytes, path: Path, line: int, column: int) -> float:
    word = token.strip()
    if word.lower() == b"failed":
        return np.nan
    try:
        if b"_" in word:
            raise ValueError
        return float(word)
    except ValueError:
        text = word.decode("utf-8", "replace")
        raise ParseError("expected a number or the word failed", path=path, line=line, column=column, token=text) from None


def free_rows(stream: IO[bytes], width: int, path: Path, line: int) -> Iterator[Block]:
    """Rows of ``width`` blank-separated tokens, wherever their lines break. ``line`` is the number of the stream's next line.

    Raises ``ParseError`` for a token that is no number, and where the last row is not whole.
    """
    text, column = b"", 1
    while True:
        chunk = stream.read(CHUNK)
        text += chunk
        raw = np.frombuffer(text, dtype=np.uint8)
        if (found := _alike(raw, width, line)) is not None:
            block, used, past, column = found
            yield block
            line += past
            text = text[used:]
            raw = raw[used:]
        starts = _starts(raw)
        breaks = np.flatnonzero(raw == 10)
        # The last token may go on in the next chunk, and the last row with it.
        whole = (len(starts) - bool(chunk and len(starts))) // width
        used = len(text) if not len(starts) or (not chunk and whole * width == len(starts)) else 0
        if whole:
            used = used or int(starts[whole * width])
            tokens = starts[: whole * width]
            values = _quick(raw[:used], tokens, breaks, width) if len(tokens) > FEW else None
            if values is None:
                values = _slow(text[:used], path, line, column).reshape(-1, width)
            yield Block(values, line + np.searchsorted(breaks, tokens[::width]).astype(np.int64))
        past = int(np.searchsorted(breaks, used))
        column = used - int(breaks[past - 1]) if past else column + used
        line += past
        text = text[used:]
        if len(text) > CHUNK + LONGEST * width:
            _slow(text, path, line, column)
            raise ParseError(f"a row of more than {len(text)} bytes under {width} names", path=path, line=line, column=column)
        if not chunk:
            break
    if text.strip():
        count = len(_slow(text, path, line, column))
        raise ParseError(
            f"the file ends inside a row: {count} of {width} values; the run was cut short or the names don't belong to the values",
            path=path,
            line=line,
        )


def _starts(raw: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Where tokens begin."""
    solid = raw > 32
    starts = np.flatnonzero(solid[1:] > solid[:-1]) + 1
    return np.concatenate([[0], starts]) if len(raw) and solid[0] else starts


def _alike(raw: NDArray[np.uint8], width: int, line: int) -> tuple[Block, int, int, int] | None:
    """Rows that all lie as the first one does, which is how HSPICE pads them, with the bytes and lines that they take and the column behind
    them; None where they don't.

    Nothing is searched for: a field that holds no number, or two, is refused by what reads the numbers.
    """
    first = _starts(raw[: LONGEST * width])
    if len(first) <= width:
        return None
    # A sign stands before the column of the digits.
    before_sign = int(first[0] > 0 and raw[first[0] - 1] == 32)
    begin, length = int(first[0]) - before_sign, int(first[width] - first[0])
    count = (len(raw) - begin) // length
    if count * width <= FEW:
        return None
    rows = raw[begin : begin + count * length].reshape(count, length).copy()
    marks = first[1:width] - begin - 1 - (raw[first[1:width] - 2] <= 32)
    breaks, returns = np.flatnonzero(rows[0] == 10), np.flatnonzero(rows[0] == 13)
    if not len(breaks) or breaks[-1] <= first[width - 1] - begin or not (rows[:, marks] <= 32).all() or not (rows[:, breaks] == 10).all():
        return None
    rows[:, breaks] = 32
    rows[:, returns] = np.where(rows[:, returns] == 13, 32, rows[:, returns])
    if rows.min() < 32 or raw[:begin].tobytes().strip():  # a control character is no blank, though it is none of a token's either
        return None
    rows[:, marks] = 44
    rows[:, -1] = 10
    values = _numbers(rows.tobytes(), count, width)
    if values is None:
        return None
    before = int(np.count_nonzero(raw[:begin] == 10))
    lines = line + before + len(breaks) * np.arange(count, dtype=np.int64)
    return Block(values, lines), begin + count * length, before + len(breaks) * count, length - int(breaks[-1])


def _slow(text: bytes, path: Path, line: int, column: int) -> NDArray[np.float64]:
    """All tokens of ``text``, which begins at ``line`` and ``column``. Raises ``ParseError`` at the one that is no number."""
    plain = _FAILED.sub(b"nan", text)
    tokens = plain.split()
    try:
        if b"_" in plain:
            raise ValueError
        return np.fromiter(map(float, tokens), dtype=np.float64, count=len(tokens))
    except ValueError:
        for found in _TOKEN.finditer(text):
            at = text.rfind(b"\n", 0, found.start())
            place = found.start() - at if at >= 0 else column + found.start()
            _number(found[0], path, line + text.count(b"\n", 0, found.start()), place)
        raise


def _quick(raw: NDArray[np.uint8], starts: NDArray[np.int64], breaks: NDArray[np.int64], width: int) -> NDArray[np.float64] | None:
    """(rows, width) tokens, turned into comma-separated rows in place: the byte before a token becomes the mark. None where it can't be."""
    rows = raw.copy()
    rows[breaks[: np.searchsorted(breaks, len(raw))]] = 32
    if rows.min() < 32:
        rows[(rows == 9) | (rows == 13)] = 32
        if rows.min() < 32:
            return None
    rows[starts[1:] - 1] = 44
    rows[starts[width::width] - 1] = 10
    return _numbers(rows[starts[0] :].tobytes(), len(starts) // width, width)


def _numbers(lines: bytes, rows: int, width: int) -> NDArray[np.float64] | None:
    """(rows, width) comma-separated numbers, NaN for ``failed``; None where something else stands there, or a rare spelling of a number."""
    import pyarrow as pa
    import pyarrow.csv as csv

    if b"f" in lines or b"F" in lines:
        lines = _FAILED.sub(b"nan   ", lines)
    if rows < width:  # a column costs as much as a hundred values
        lines = lines.replace(b",", b"\n")
    names = [str(place) for place in range(width if rows >= width else 1)]
    try:
        table = csv.read_csv(
            pa.BufferReader(lines),
            read_options=csv.ReadOptions(column_names=names, use_threads=False, block_size=len(lines) + 1),
            parse_options=csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(column_types=dict.fromkeys(names, pa.float64()), null_values=[], check_utf8=False),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows * table.num_columns != rows * width:
        return None
    if rows < width:
        return _plain(table.column(0)).reshape(rows, width)
    values = np.empty((width, rows))
    for place in range(width):
        values[place] = _plain(table.column(place))
    return values.T


def _plain(column: Any) -> NDArray[np.float64]:
    """The numbers of an arrow column without nulls. Its own ``to_numpy`` imports pandas."""
    chunks = [chunk for chunk in column.chunks if len(chunk)]
    parts = [np.frombuffer(chunk.buffers()[1], dtype=np.float64, count=len(chunk), offset=8 * chunk.offset) for chunk in chunks]
    return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0), *parts])


def comma_rows(stream: IO[bytes], width: int, path: Path, line: int) -> Iterator[Block]:
    """Rows of ``width`` comma-separated fields, one a line; blank lines are passed over.

    Raises ``ParseError`` for a line with another number of fields and for a field that is neither a number nor ``failed``.
    """
    rest = b""
    while chunk := stream.read(CHUNK):
        text = rest + chunk
        cut = text.rfind(b"\n") + 1
        text, rest = text[:cut], text[cut:]
        if len(rest) > CHUNK + LONGEST * width:
            raise ParseError(f"a line of more than {len(rest)} bytes under {width} names", path=path, line=line + text.count(b"\n"))
        if text:
            block = _commas(text, width, line)
            block = _comma_lines(text, width, path, line) if block is None else block
            if len(block.lines):
                yield block
            line += text.count(b"\n")
    if rest.strip():
        yield _comma_lines(rest, width, path, line)


def _commas(text: bytes, width: int, line: int) -> Block | None:
    """Whole lines at once where all are alike and hold plain numbers, else None."""
    raw = np.frombuffer(text, dtype=np.uint8)
    ends = np.flatnonzero((raw == 44) | (raw == 10))
    if len(ends) <= FEW or len(ends) % width:
        return None
    marks = raw[ends].reshape(-1, width)
    if not ((marks[:, -1] == 10).all() and (marks[:, :-1] == 44).all()):
        return None
    values = _numbers(text.replace(b"\r\n", b"\n") if b"\r" in text else text, len(marks), width)
    return None if values is None else Block(values, line + np.arange(len(marks), dtype=np.int64))


def _comma_lines(text: bytes, width: int, path: Path, line: int) -> Block:
    values: list[list[float]] = []
    lines: list[int] = []
    for number, each in enumerate(text.split(b"\n"), start=line):
        if not each.strip():
            continue
        fields = each.rstrip(b"\r").split(b",")
        if len(fields) != width:
            raise ParseError(f"{len(fields)} comma-separated fields under {width} names", path=path, line=number)
        row = []
        column = 1
        for field in fields:
            row.append(_number(field, path, number, column + len(field) - len(field.lstrip())))
            column += len(field) + 1
        values.append(row)
        lines.append(number)
    return Block(np.array(values).reshape(-1, width), np.array(lines, dtype=np.int64))


def assignments(stream: Iterable[bytes], path: Path, line: int) -> Iterator[tuple[str, float, int]]:
    """Name, value and line of each ``name = value``; lines of remarks (``*``, ``$``) are passed over."""
    for number, text in enumerate(stream, start=line):
        if not text.strip() or text.lstrip()[:1] in b"*$":
            continue
        end = 0
        for found in _PAIR.finditer(text):
            if text[end : found.start()].strip():
                break
            end = found.end()
            yield found[1].decode("utf-8", "replace"), _number(found[2], path, number, found.start(2) + 1), number
        if text[end:].strip():
            left = text[end:].strip().decode("utf-8", "replace")
            raise ParseError("expected name = value", path=path, line=number, column=end + 1, token=left)
