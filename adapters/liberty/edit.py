"""Changes to a Liberty text: collected, then applied at once; and the habits of a text that insertions follow."""

from __future__ import annotations

import gzip
import lzma
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np

from eda_plugin.adapters.liberty.scan import COMPLEX, SIMPLE, Index
from eda_plugin.adapters.liberty.source import Source
from eda_plugin.errors import InternalError

__all__ = ["SPELLING", "Edits", "Style", "compressed", "spelled"]

SPELLING = b"%.9g"  # nine significant digits: a nanosecond to the attosecond

_LEADING = re.compile(rb"[ \t]*")
_BLANK_LINE = re.compile(rb"[ \t]*\r?\n[ \t]*(?=\r?\n)")
_LINE_END = re.compile(rb"[ \t]*(?:\r?\n)?")


class Style:
    """How a text spells attributes: blanks around colons, before parentheses, line ends, rows of tables."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.eol = b"\r\n" if b"\r\n" in index.text[:65536] else b"\n"

    def indent(self, offset: int) -> bytes:
        """The blanks that begin the line of an offset."""
        text = self.index.text
        found = _LEADING.match(text, text.rfind(b"\n", 0, offset) + 1)
        return found[0] if found else b""

    @cached_property
    def step(self) -> bytes:
        """What one more level of nesting adds."""
        for row in range(min(len(self.index), 100)):
            around = int(self.index.parent[row])
            if around >= 0:
                outer, inner = (self.indent(int(self.index.start[r])) for r in (around, row))
                if len(inner) > len(outer) and inner.startswith(outer):
                    return inner[len(outer) :]
        return b"  "

    @cached_property
    def _colon(self) -> tuple[bytes, bytes]:
        rows = np.flatnonzero(self.index.kind == SIMPLE)
        if len(rows) == 0:
            return b" : ", b";"
        row = int(rows[0])
        name = len(self.index.name_of(row))
        statement = self.index.text[int(self.index.start[row]) : int(self.index.end[row])]
        left, right = (int(side[row]) - int(self.index.start[row]) for side in (self.index.left, self.index.right))
        between, after = statement[name:left], statement[right:]
        return (between if between.strip() == b":" and b"\n" not in between else b" : "), (after if after.strip() == b";" else b";")

    @cached_property
    def _parenthesis(self) -> bytes:
        rows = np.flatnonzero(self.index.kind == COMPLEX)
        if len(rows) == 0:
            return b" "
        row = int(rows[0])
        begin = int(self.index.start[row]) + len(self.index.name_of(row))
        between = self.index.text[begin : int(self.index.left[row]) - 1]
        return between if not between.strip(b" ") else b" "

    @cached_property
    def _rows(self) -> tuple[bytes, bytes, bytes, bytes]:
        """Before the first row, between rows, after the last (``@`` stands for the row's indent), and between numbers."""
        index = self.index
        usual = (b" \\" + self.eol + b"@", b", \\" + self.eol + b"@", b"", b", ")
        for row in index.rows(["values"], COMPLEX)[:1000].tolist():
            parts = index.raw(row).split(b'"')
            if len(parts) >= 5 and b"/*" not in index.raw(row):
                own = self.indent(int(index.start[row])) + self.step
                numbers = b", " if b", " in parts[1] else b","
                spaced = [re.sub(rb"\n[ \t]*", b"\n@", part) for part in (parts[0], parts[2], parts[-1])]
                if any(b"\n" + own not in part for part in (parts[0], parts[2]) if b"\n" in part):
                    return usual[0], usual[1], usual[2], numbers  # rows aligned by hand: follow no such habit elsewhere
                return spaced[0], spaced[1], spaced[2], numbers
        return usual

    def simple(self, name: str, value: bytes) -> bytes:
        colon, end = self._colon
        return name.encode() + colon + value + end

    def complex(self, name: str, arguments: bytes) -> bytes:
        return name.encode() + self._parenthesis + b"(" + arguments + b");"

    def list(self, numbers: Sequence[bytes]) -> bytes:
        return b'"' + self._rows[3].join(numbers) + b'"'

    def table(self, numbers: Sequence[bytes], width: int, indent: bytes) -> bytes:
        """Rows of ``width`` numbers for an attribute on a line with the indent given."""
        first, between, last, _ = (part.replace(b"@", indent + self.step) for part in self._rows)
        rows = [self.list(numbers[at : at + width]) for at in range(0, len(numbers), width)]
        return rows[0] if len(rows) == 1 else first + between.join(rows) + last


class Edits:
    """Replacements of spans of one text; none may touch another."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.style = Style(source.index)
        self._changes: list[tuple[int, int, bytes]] = []
        self._slots: dict[int, Iterator[tuple[int, bytes]]] = {}

    def __len__(self) -> int:
        return len(self._changes)

    def replace(self, start: int, end: int, new: bytes) -> None:
        if self.source.text[start:end] != new:
            self._changes.append((start, end, new))

    def insert_after(self, row: int, group: int, statement: bytes) -> None:
        """Put a statement after an attribute of a group (row -1: at the group's start), on a blank line if one is there."""
        index, text = self.source.index, self.source.text
        at = int(index.end[row]) if row >= 0 else index.body(group)
        blank = _BLANK_LINE.match(text, at)
        if blank and blank.end() > at and row >= 0:
            self._changes.append((blank.end(), blank.end(), statement))
        else:
            self._changes.append((at, at, self.style.eol + self.indent_in(group) + statement))

    def insert_into(self, group: int, statement: bytes) -> None:
        """Put a statement on the next blank line directly in a group, else at the group's start."""
        if group not in self._slots:
            self._slots[group] = self._blank_lines(group)
        at, before = next(self._slots[group], (self.source.index.body(group), self.style.eol + self.indent_in(group)))
        self._changes.append((at, at, before + statement))

    def _blank_lines(self, group: int) -> Iterator[tuple[int, bytes]]:
        index = self.source.index
        children = index.children(group)
        for at in (index.body(group), *index.end[children].tolist()):
            blank = _BLANK_LINE.match(self.source.text, at)
            while blank:
                yield blank.end(), b""
                blank = _BLANK_LINE.match(self.source.text, blank.end())

    def indent_in(self, group: int) -> bytes:
        """Indent of the statements of a group."""
        index = self.source.index
        children = index.children(group)
        outer = self.style.indent(int(index.start[group]))
        inner = self.style.indent(int(index.start[children[0]])) if len(children) else outer
        return inner if len(inner) > len(outer) else outer + self.style.step

    def drop(self, row: int) -> None:
        """Take a statement out, with its line where it has the line to itself."""
        text, start, end = self.source.text, int(self.source.index.start[row]), int(self.source.index.end[row])
        line = text.rfind(b"\n", 0, start) + 1
        rest = _LINE_END.match(text, end)
        if not text[line:start].strip() and rest and rest[0].endswith(b"\n"):
            start, end = line, rest.end()
        self._changes.append((start, end, b""))

    def apply(self) -> bytes:
        """The new text. An included file that no change touches stands as the statement that names it; a touched one is written out."""
        text = self.source.text
        changes = sorted(self._changes, key=lambda change: change[:2])
        for include in self.source.includes:
            if not any(start < include.end and end > include.start for start, end, _ in changes):
                changes.append((include.start, include.end, include.statement))
        changes.sort(key=lambda change: change[:2])
        parts: list[bytes] = []
        at = 0
        for start, end, new in changes:
            if start < at:
                raise InternalError(f"{self.source.path}: two changes of the same text at byte {start}")
            parts += (text[at:start], new)
            at = end
        parts.append(text[at:])
        return b"".join(parts)


def spelled(numbers: Iterable[float], form: bytes = SPELLING) -> list[bytes]:
    return [form % number if number else b"0.0" for number in numbers]


def compressed(data: bytes, suffix: str) -> bytes:
    """The bytes of a file whose name ends so: ``.gz`` and ``.xz`` are compressed, the same bytes at any time."""
    if suffix == ".gz":
        return gzip.compress(data, compresslevel=6, mtime=0)
    return lzma.compress(data, preset=3) if suffix == ".xz" else data
