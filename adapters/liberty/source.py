"""The text of a Liberty file: opened, decompressed, bounded, and with its included files in place.

A library is a user's own file, and may still be broken or hostile: a compressed file that expands without end, a line of a gigabyte, an
include that names itself or a file elsewhere on the machine. Each is refused before much of it is in memory.
"""

from __future__ import annotations

import bisect
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters.liberty.scan import COMPLEX, Index, scan
from eda_plugin.errors import ParseError, UserError

__all__ = ["MAX_BYTES", "Include", "Source", "load", "read_bytes"]

MAX_BYTES = 1 << 30  # offsets are 32-bit integers; a library beyond a gigabyte of text is characterized in parts
MAX_LINE = 1 << 26
MAX_EXPANSION = 250  # sky130 expands 5 times, a file of nothing but zeros 1000 times
MAX_INCLUDES = 1000
_CHUNK = 1 << 22
_FREE = 1 << 26  # up to here any expansion is accepted
_GZIP, _XZ = b"\x1f\x8b", b"\xfd7zXZ\x00"


@dataclass(frozen=True)
class Include:
    """A file that stands in the text in place of the statement that names it: ``start`` to ``end`` of the text, and the statement."""

    start: int
    end: int
    statement: bytes
    path: Path


@dataclass(frozen=True)
class _Piece:
    """Text from ``start`` on came from byte ``offset`` on of ``path``."""

    start: int
    offset: int
    path: Path


@dataclass(frozen=True, eq=False)
class Source:
    """A whole text with its index. ``includes`` are the outermost included files, in the text's order."""

    path: Path
    index: Index
    includes: tuple[Include, ...] = ()
    pieces: tuple[_Piece, ...] = field(default=(), repr=False)

    @property
    def text(self) -> bytes:
        return self.index.text

    def error(self, offset: int, message: str, token: str | None = None) -> ParseError:
        return _error(self.text, self.pieces, offset, message, token)

    def line(self, offset: int) -> tuple[Path, int]:
        """File and line (from 1) of a byte of the text."""
        if self.includes:
            return _place(self.text, self.pieces, offset)[:2]
        return self.path, int(np.searchsorted(self._line_ends, offset)) + 1

    @cached_property
    def _line_ends(self) -> NDArray[np.int64]:
        return np.flatnonzero(np.frombuffer(self.text, dtype=np.uint8) == ord("\n"))


def _place(text: bytes, pieces: tuple[_Piece, ...], offset: int) -> tuple[Path, int, int]:
    piece = pieces[bisect.bisect_right([p.start for p in pieces], offset) - 1]
    if len(pieces) > 1:
        whole = read_bytes(piece.path)
        text, offset = whole, piece.offset + offset - piece.start
    return piece.path, text.count(b"\n", 0, offset) + 1, offset - text.rfind(b"\n", 0, offset)


def _error(text: bytes, pieces: tuple[_Piece, ...], offset: int, message: str, token: str | None) -> ParseError:
    path, line, column = _place(text, pieces, offset)
    if token is None:
        token = text[offset : offset + 40].split(b"\n", 1)[0].decode("latin-1").strip() or "the end of the file"
    return ParseError(message, path=path, line=line, column=column, token=token)


def _refuse(text: bytes, pieces: tuple[_Piece, ...]) -> Callable[[int, str], UserError]:
    return lambda offset, message: _error(text, pieces, offset, message, None)


def read_bytes(path: Path) -> bytes:
    """The decompressed bytes of a file, gzip and xz told by their first bytes. Raises ``ParseError`` or ``UserError``."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            head = file.read(6)
            file.seek(0)
            if head.startswith(_GZIP):
                return _collect(path, cast(BinaryIO, gzip.GzipFile(fileobj=file)), size)
            if head.startswith(_XZ):
                return _collect(path, cast(BinaryIO, lzma.LZMAFile(file)), size)
            if path.suffix in (".gz", ".xz") and head:
                raise ParseError(f"not a {path.suffix[1:]} file in spite of its name", path=path, line=1, column=1, token=repr(head))
            return _collect(path, file, None)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}; name a Liberty file (.lib, .lib.gz, .lib.xz)") from error


def _collect(path: Path, file: BinaryIO, compressed: int | None) -> bytes:
    whole = io.BytesIO()
    size = line_start = lines = 0

    def refuse(message: str, token: str | None = None) -> ParseError:
        return ParseError(message, path=path, line=lines + 1, column=size - line_start + 1, token=token)

    while chunk := _next(file, refuse):
        if size == 0 and (b"\0" in chunk[:4096] or chunk.startswith((b"\xff\xfe", b"\xfe\xff"))):
            raise refuse("binary data, no Liberty text", repr(chunk[:8]))
        if (zero := chunk.find(b"\0")) >= 0:
            lines += chunk.count(b"\n", 0, zero)
            line_start = size + chunk.rfind(b"\n", 0, zero) + 1 if b"\n" in chunk[:zero] else line_start
            size += zero
            raise refuse("a NUL byte, which no text holds; the file is damaged")
        first, last = chunk.find(b"\n"), chunk.rfind(b"\n")
        if size + (first if first >= 0 else len(chunk)) - line_start > MAX_LINE:
            raise refuse(f"a line of more than {MAX_LINE >> 20} MiB; break it")
        lines += chunk.count(b"\n")
        if last >= 0:
            line_start = size + last + 1
        size += len(chunk)
        if size > MAX_BYTES:
            raise refuse(f"more than {MAX_BYTES >> 20} MiB of text; split the library")
        if compressed is not None and size > _FREE and size > MAX_EXPANSION * compressed:
            raise refuse(f"expands more than {MAX_EXPANSION} times, as no library does")
        whole.write(chunk)
    if size == 0:
        raise refuse("the file is empty")
    return whole.getvalue()


def _next(file: BinaryIO, refuse: Callable[[str], ParseError]) -> bytes:
    try:
        return file.read(_CHUNK)
    except (gzip.BadGzipFile, lzma.LZMAError, EOFError, zlib.error) as error:
        raise refuse(f"the compressed file is truncated or damaged: {str(error).lower()}") from error


def load(path: str | Path, text: bytes | None = None) -> Source:
    """Read and index a file and all that it includes; ``text``, where given, is its content."""
    path = Path(path)
    if text is None:
        text = read_bytes(path)
    pieces: tuple[_Piece, ...] = (_Piece(0, 0, path),)
    index = scan(text, _refuse(text, pieces))
    includes: tuple[Include, ...] = ()
    if "include_file" in index.ids:
        expansion = _Expansion(path.parent.resolve())
        expansion.expand(path, index, (path.resolve(),))
        text, pieces, includes = b"".join(expansion.parts), tuple(expansion.pieces), tuple(expansion.includes)
        index = scan(text, _refuse(text, pieces))
    if not any(index.name_of(row) == "library" for row in index.children(-1)):
        raise _error(text, pieces, 0, "no library group in this file; expected library (NAME) { ... }", None)
    return Source(path, index, includes, pieces)


class _Expansion:
    """Puts the text of included files in the place of the statements that name them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.size = 0
        self.parts: list[bytes] = []
        self.pieces: list[_Piece] = []
        self.includes: list[Include] = []
        self.opened = 0

    def expand(self, path: Path, index: Index, above: tuple[Path, ...]) -> None:
        at = 0
        for row in index.rows(["include_file"], COMPLEX):
            start, end = int(index.start[row]), int(index.end[row])
            self._add(path, index.text[at:start], at)
            name = index.argument(row)
            inner = self._inside(path, index, start, name)
            if inner in above:
                raise _refuse(index.text, (_Piece(0, 0, path),))(start, f"{name} includes itself, by way of {len(above)} file(s)")
            before = self.size
            text = read_bytes(inner)
            self.expand(inner, scan(text, _refuse(text, (_Piece(0, 0, inner),))), (*above, inner))
            if len(above) == 1:
                self.includes.append(Include(before, self.size, index.text[start:end], inner))
            at = end
        self._add(path, index.text[at:], at)

    def _inside(self, path: Path, index: Index, offset: int, name: str) -> Path:
        refuse = _refuse(index.text, (_Piece(0, 0, path),))
        self.opened += 1
        if self.opened > MAX_INCLUDES:
            raise refuse(offset, f"more than {MAX_INCLUDES} included files")
        inner = (self.folder / name).resolve()
        if not inner.is_relative_to(self.folder):
            raise refuse(offset, f"includes {name}, which lies outside of the library's folder; put it beside the library")
        if not inner.is_file():
            raise refuse(offset, f"includes {name}, which does not exist beside the library")
        return inner

    def _add(self, path: Path, text: bytes, offset: int) -> None:
        self.pieces.append(_Piece(self.size, offset, path))
        self.parts.append(text)
        self.size += len(text)
        if self.size > MAX_BYTES:
            raise UserError(f"{path}: more than {MAX_BYTES >> 20} MiB of text with its included files; split the library")
