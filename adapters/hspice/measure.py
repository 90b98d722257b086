"""HSPICE measure files: .mt# (transient), .ms# (DC), .ma# (AC), in every layout that MEASFORM gives.

A file is ``$DATA1 SOURCE='HSPICE' VERSION='...' [PARAM_COUNT=n]``, ``.TITLE '...'``, names of which the last is ``alter#``, then values.
Layouts 0 and 1 are blank separated and wrap where they like, so a row is as many tokens as there are names, never a line. Layout 3 is
comma separated, a row a line. Layout 2 repeats ``name = value`` for every row and needs no header: each value carries its name.
A measure that missed is the word ``failed`` and becomes NaN.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters.hspice.tokens import Block, assignments, comma_rows, free_rows, opened
from eda_plugin.errors import ParseError, UserError

__all__ = ["MeasureFile", "MeasureHeader", "is_measure", "read_alters", "read_measure", "stream_measure"]

LAST = "alter#"
_HEADER = re.compile(r"^\$DATA\d*\b", re.IGNORECASE)
_FIELD = re.compile(r"(\w+)\s*=\s*(?:'([^']*)'|\"([^\"]*)\"|(\S+))")
_ALTER_NAME = re.compile(r"^(?P<stem>.*\.m[tsa])(?P<number>\d+)(?P<rest>(?:\.csv)?(?:\.gz)?)$", re.IGNORECASE)
_PAIR = re.compile(r"^[^\s=,]+\s*=\s*(?:failed|[-+.\d])", re.IGNORECASE)
ROWS = 1 << 17  # values of layout 2 in a block
_LINE = 1 << 24  # a names line of MEASFORM 1 or 3 holds thousands of names; a binary file holds no line break


@dataclass(frozen=True)
class MeasureHeader:
    """What stands before the values.

    ``names`` as the file spells them, the last is ``alter#``; ``param_count`` is None where the header states none (before about 2016).
    """

    path: Path
    names: tuple[str, ...]
    source: str = ""
    version: str = ""
    title: str = ""
    param_count: int | None = None
    measform: int = 0

    @property
    def swept(self) -> tuple[str, ...]:
        """Swept parameters, by PARAM_COUNT: the first names but ``index``. Empty where the header doesn't say."""
        return tuple(name for name in self.names[: self.param_count or 0] if name.lower() != "index")

    def position(self, name: str) -> int:
        """The column of a name, whatever its case (HSPICE prints lower case). ``UserError`` where there is none."""
        wanted = name.lower()
        for place, found in enumerate(self.names):
            if found.lower() == wanted:
                return place
        raise UserError(f"{self.path}: no measure or parameter {name!r}; the file has {', '.join(self.names)}")


@dataclass(frozen=True, eq=False)
class MeasureFile:
    """One measure file, r rows of c names: ``values`` (r, c) plain SI numbers, NaN where the measure failed; ``lines`` (r,) where each
    row begins, from 1."""

    header: MeasureHeader
    values: NDArray[np.float64]
    lines: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def path(self) -> Path:
        return self.header.path

    @property
    def names(self) -> tuple[str, ...]:
        return self.header.names

    @property
    def failed(self) -> NDArray[np.bool_]:
        """(r, c) where the word ``failed`` stands."""
        return np.isnan(self.values)

    def missing(self) -> tuple[tuple[int, str, str], ...]:
        """Row, name and reason of each value that is missing. HSPICE itself gives no other reason here; its listing may."""
        rows, columns = np.nonzero(self.failed)
        return tuple(
            (row, self.names[column], f"failed in the row of line {self.lines[row]}")
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        )

    @property
    def alter(self) -> int | None:
        """The number of the ``.alter`` block, None where the column failed."""
        known = self.values[np.isfinite(self.values[:, -1]), -1]
        return int(known[0]) if len(known) else None

    def column(self, name: str) -> NDArray[np.float64]:
        """(r,) the values under a name, whatever its case. ``UserError`` where there is none."""
        return self.values[:, self.header.position(name)]


def is_measure(path: str | Path) -> bool:
    """True where the file begins as a measure file does; an unreadable file is none."""
    try:
        with opened(Path(path)) as stream:
            start = stream.read(512).decode("utf-8", "replace").lstrip()
    except UserError:
        return False
    return bool(_HEADER.match(start))


@contextlib.contextmanager
def stream_measure(path: str | Path) -> Iterator[tuple[MeasureHeader, Iterator[Block]]]:
    """Open a measure file of any size: its header, and its rows block by block (about a megabyte of text each).

    Raises as ``read_measure`` does, the rows' errors when their block is drawn.
    """
    path = Path(path)
    with opened(path) as stream:
        header, line, first = _read_header(stream, path)
        if header.measform == 2:
            yield _named_rows(header, stream, line, first)
        elif header.measform == 3:
            yield header, comma_rows(stream, len(header.names), path, line)
        else:
            yield header, free_rows(stream, len(header.names), path, line)


def read_measure(path: str | Path) -> MeasureFile:
    """Read one measure file, gzip or not.

    Raises ``ParseError`` (file, line, column, token) where the header is missing, a value is neither a number nor ``failed``, the last
    row is not whole or there is no row at all; ``UserError`` where the file can't be read.
    """
    with stream_measure(path) as (header, blocks):
        parts = list(blocks)
    if not parts:
        raise ParseError("no row of values after the names; the run ended before its first measure", path=header.path)
    return MeasureFile(header, np.concatenate([part.values for part in parts]), np.concatenate([part.lines for part in parts]))


def read_alters(path: str | Path) -> tuple[MeasureFile, ...]:
    """The file and its siblings of the other ``.alter`` blocks (``.mt0``, ``.mt1``, ...), in the order of their numbers.

    Raises ``UserError`` where the name is not that of a measure file, else as ``read_measure``.
    """
    path = Path(path)
    own = _ALTER_NAME.match(path.name)
    if not own:
        raise UserError(f"{path}: not the name of a measure file; expected an ending such as .mt0, .ms0, .ma0 or .mt0.csv")
    found: dict[int, Path] = {int(own["number"]): path}
    for other in path.parent.iterdir() if path.parent.is_dir() else ():
        match = _ALTER_NAME.match(other.name)
        if match and (match["stem"], match["rest"]) == (own["stem"], own["rest"]):
            found[int(match["number"])] = other
    return tuple(read_measure(found[number]) for number in sorted(found))


def _read_header(stream: IO[bytes], path: Path) -> tuple[MeasureHeader, int, bytes]:
    """The header, the number of the next line, and the line that was read ahead (layout 2)."""
    line, text, raw = 0, "", b""
    while not text:
        raw = stream.readline(_LINE)
        if not raw:
            raise ParseError("the file is empty; expected a measure file that begins with $DATA1", path=path)
        line += 1
        text = raw.decode("utf-8", "replace").strip().lstrip("\ufeff")
    facts: dict[str, str] = {}
    if _PAIR.match(text):
        return MeasureHeader(path, (), measform=2), line, raw
    if not _HEADER.match(text):
        raise ParseError(
            "no measure header; expected $DATA1 SOURCE=... in the first line, .TITLE in the next, then the names up to alter#",
            path=path,
            line=line,
            token=text,
        )
    facts = {found[1].upper(): next(part for part in found.groups()[1:] if part is not None) for found in _FIELD.finditer(text)}
    title = ""
    names: list[str] = []
    form = 0
    while not names or names[-1].lower() != LAST:
        raw = stream.readline(_LINE)
        line += 1
        text = raw.decode("utf-8", "replace").strip()
        if not raw:
            raise ParseError("the names do not end with alter#; the file was cut short or is no measure file", path=path, line=line)
        if text.startswith("$"):
            option = re.search(r"MEASFORM\s*=\s*[\"']?(\d)", text, re.IGNORECASE)
            form = int(option[1]) if option else form
        elif text.upper().startswith(".TITLE"):
            title = text[6:].strip()
            title = title[1:-1] if len(title) > 1 and title[0] == title[-1] and title[0] in "'\"" else title
        elif form == 2 or (not names and _PAIR.match(text)):
            form = 2
            break
        elif form == 3 or (not names and "," in text):
            form = 3
            names += [name.strip() for name in text.split(",")] if text else []
        else:
            names += text.split()
        value = next((name for name in names if _is_number(name)), None)
        if value is not None:
            raise ParseError(
                "a value where a name should be: the names end with alter#, which is missing", path=path, line=line, token=value
            )
    count = facts.get("PARAM_COUNT", "")
    if count and not count.isdecimal():
        raise ParseError("PARAM_COUNT is not a whole number", path=path, line=1, token=count)
    if form != 2 and len({name.lower() for name in names}) != len(names):
        twice = next(name for place, name in enumerate(names) if name.lower() in [other.lower() for other in names[:place]])
        raise ParseError("the same name stands twice", path=path, line=line, token=twice)
    header = MeasureHeader(
        path, tuple(names), facts.get("SOURCE", ""), facts.get("VERSION", ""), title, int(count) if count else None, form
    )
    return header, line + (form != 2), raw


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.lower() not in ("nan", "inf", "infinity")


def _named_rows(header: MeasureHeader, stream: IO[bytes], line: int, first: bytes) -> tuple[MeasureHeader, Iterator[Block]]:
    """Layout 2: a row ends where a name comes again. Names in the order of the first row, ``alter#`` (1 where unstated) moved last."""
    rows = _whole_rows(assignments(itertools.chain([first], stream), header.path, line))
    begin = next(rows, (line, {}))
    order = [name for name in begin[1] if name.lower() != LAST]
    last = next((name for name in begin[1] if name.lower() == LAST), LAST)

    def blocks() -> Iterator[Block]:
        values: list[list[float]] = []
        lines: list[int] = []
        for number, row in itertools.chain([begin], rows) if begin[1] else ():
            lacking = [name for name in order if name not in row]
            strange = [name for name in row if name not in order and name != last]
            if lacking or strange:
                what = f"lacks {lacking[0]!r}" if lacking else f"has {strange[0]!r}, which the first row has not"
                raise ParseError(f"this row {what}; each row states the same names", path=header.path, line=number)
            values.append([row[name] for name in order] + [row.get(last, 1.0)])
            lines.append(number)
            if len(values) * len(row) >= ROWS:
                yield Block(np.array(values), np.array(lines, dtype=np.int64))
                values, lines = [], []
        if values:
            yield Block(np.array(values), np.array(lines, dtype=np.int64))

    return replace(header, names=(*order, last)), blocks()


def _whole_rows(found: Iterator[tuple[str, float, int]]) -> Iterator[tuple[int, dict[str, float]]]:
    """Line and values of each row."""
    row: dict[str, float] = {}
    begun = 0
    for name, value, number in found:
        if name in row:
            yield begun, row
            row = {}
        begun = begun if row else number
        row[name] = value
    if row:
        yield begun, row
