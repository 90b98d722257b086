"""Bytes of a measure file to rows of numbers, block by block, so that memory follows the block and not the file."""

from __future__ import annotations

import contextlib
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from eda_plugin.errors import ParseError, UserError

__all__ = ["Block", "assignments", "comma_rows", "free_rows", "opened", "text_lines"]

CHUNK = 1 << 20
_TOKEN = re.compile(rb"[^\s]+")
_PAIR = re.compile(rb"([^\s=]+)[ \t]*=[ \t]*([^\s=]+)")
_BLANK = np.zeros(256, dtype=np.bool_)
_BLANK[list(b" \t\r\n\v\f")] = True


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


def _decode(text: bytes, path: Path, line: int, column: int) -> NDArray[np.float64]:
    """All tokens of ``text``, which begins at ``line`` and ``column``."""
    plain = text.lower()
    if b"failed" in plain:
        plain = plain.replace(b"failed", b"nan")
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


def free_rows(stream: IO[bytes], width: int, path: Path, line: int) -> Iterator[Block]:
    """Rows of ``width`` blank-separated tokens, wherever their lines break. ``line`` is the number of the stream's next line.

    Raises ``ParseError`` for a token that is no number, and where the last row is not whole.
    """
    rest = b""
    column = 1
    held = np.zeros(0)
    held_lines = np.zeros(0, dtype=np.int64)
    while True:
        chunk = stream.read(CHUNK)
        text = rest + chunk
        if chunk:  # the last token may go on in the next chunk
            cut = max(text.rfind(b" "), text.rfind(b"\n"), text.rfind(b"\t")) + 1
            text, rest = text[:cut], text[cut:]
        values = _decode(text, path, line, column)
        raw = np.frombuffer(text, dtype=np.uint8)
        blank = _BLANK[raw]
        starts = np.flatnonzero(~blank & np.concatenate([[True], blank[:-1]])) if len(raw) else np.zeros(0, dtype=np.int64)
        breaks = np.flatnonzero(raw == 10)
        lines = line + np.searchsorted(breaks, starts).astype(np.int64)
        held, held_lines = np.concatenate([held, values]), np.concatenate([held_lines, lines])
        whole = len(held) // width * width
        if whole:
            yield Block(held[:whole].reshape(-1, width), held_lines[:whole:width].copy())
            held, held_lines = held[whole:], held_lines[whole:]
        column = len(text) - int(breaks[-1]) if len(breaks) else column + len(text)
        line += len(breaks)
        if not chunk:
            break
    if len(held):
        raise ParseError(
            f"the file ends inside a row: {len(held)} of {width} values; the run was cut short or the names don't belong to the values",
            path=path,
            line=int(held_lines[0]),
        )


def comma_rows(stream: IO[bytes], width: int, path: Path, line: int) -> Iterator[Block]:
    """Rows of ``width`` comma-separated fields, one a line; blank lines are passed over.

    Raises ``ParseError`` for a line with another number of fields and for a field that is neither a number nor ``failed``.
    """
    values: list[list[float]] = []
    lines: list[int] = []
    for number, text in enumerate(stream, start=line):
        if not text.strip():
            continue
        fields = text.rstrip(b"\r\n").split(b",")
        if len(fields) != width:
            raise ParseError(f"{len(fields)} comma-separated fields under {width} names", path=path, line=number)
        row = []
        column = 1
        for field in fields:
            row.append(_number(field, path, number, column + len(field) - len(field.lstrip())))
            column += len(field) + 1
        values.append(row)
        lines.append(number)
        if len(values) * width >= CHUNK // 8:
            yield Block(np.array(values), np.array(lines, dtype=np.int64))
            values, lines = [], []
    if values:
        yield Block(np.array(values), np.array(lines, dtype=np.int64))


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
