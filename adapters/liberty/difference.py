"""What changed between two Liberty texts: statement against statement, so that a number that moved shows as one number.

The statements of two libraries are paired group by group, by name and argument in their order; what has no partner was added or removed.
All bytes are accounted for: the statements, the openings of groups, and the blanks and comments between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from eda_plugin.adapters.liberty.document import Document
from eda_plugin.adapters.liberty.scan import GROUP

__all__ = ["Change", "ChangeKind", "changes"]

_NUMBER = re.compile(rb"(?<![\w.])[-+]?(?:\d++\.?+\d*+|\.\d++)(?:[eE][-+]?\d++)?(?![\w.])")
_ONE = ("library", "operating_conditions")  # groups that may be renamed and are the same all the same
_SHOWN = 160  # bytes of a text that a change shows


class ChangeKind(StrEnum):
    """``table``: numbers of tables and of leakage, capacitances and limits, all else of the statement as it was; ``number``: other numbers;
    ``text``: anything else of a statement; ``added``, ``removed``: whole statements; ``between``: blanks and comments."""

    TABLE = "table"
    NUMBER = "number"
    TEXT = "text"
    ADDED = "added"
    REMOVED = "removed"
    BETWEEN = "between"


@dataclass(frozen=True)
class Change:
    """One span that is ``after`` in the first text and ``before`` in the second, the reference; lines (from 1) are those where it begins.

    ``path`` names the groups around it and the statement. Long texts are cut.
    """

    kind: ChangeKind
    path: str
    line: int
    reference_line: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.line} ({self.reference_line}) {self.kind} {self.path}: {self.before!r} -> {self.after!r}"


def changes(document: Document, reference: Document) -> list[Change]:
    """All that differs in bytes, in the text's order; empty where both texts are equal."""
    if document.text == reference.text:
        return []
    return list(_Pairs(document, reference).run())


class _Pairs:
    def __init__(self, document: Document, reference: Document) -> None:
        self.sides = (document, reference)
        self.tables = set(reference.entries.value.tolist()) - {-1}

    def run(self) -> Iterator[Change]:
        yield from self._inside((-1, -1), (0, 0), tuple(len(side.text) for side in self.sides), "")

    def _text(self, side: int, begin: int, end: int) -> bytes:
        return self.sides[side].text[begin:end]

    def _change(self, kind: ChangeKind, path: str, begin: tuple[int, int], new: bytes, old: bytes) -> Change:
        line, other = (side.source.line(at)[1] for side, at in zip(self.sides, begin, strict=True))
        return Change(kind, path, line, other, _shown(old), _shown(new))

    def _inside(self, rows: tuple[int, int], begin: tuple[int, int], end: Sequence[int], path: str) -> Iterator[Change]:
        """What changed between two bodies, ``begin`` to ``end`` of each text."""
        children = [side.index.children(row).tolist() for side, row in zip(self.sides, rows, strict=True)]
        names = [[self._name(side, row) for row in part] for side, part in enumerate(children)]
        at = begin
        steps = (
            [("equal", 0, len(names[0]), 0, len(names[1]))]
            if names[0] == names[1]
            else SequenceMatcher(None, names[1], names[0], autojunk=False).get_opcodes()
        )
        for step, c, d, a, b in steps:
            if step == "equal":
                for pair in zip(children[0][a:b], children[1][c:d], strict=True):
                    starts = self._edges("start", pair)
                    yield from self._between(at, starts, path)
                    yield from self._statement(pair, path)
                    at = self._edges("end", pair)
                continue
            lone = [(0, row, names[0][place]) for place, row in enumerate(children[0][a:b], a)]
            lone += [(1, row, names[1][place]) for place, row in enumerate(children[1][c:d], c)]
            for side, row, name in lone:
                index = self.sides[side].index
                text = self._text(side, int(index.start[row]), int(index.end[row]))
                where = (int(index.start[row]), at[1]) if side == 0 else (at[0], int(index.start[row]))
                kind = ChangeKind.REMOVED if side else ChangeKind.ADDED
                yield self._change(kind, _join(path, name), where, b"" if side else text, text if side else b"")
                at = (int(index.end[row]), at[1]) if side == 0 else (at[0], int(index.end[row]))
        yield from self._between(at, (int(end[0]), int(end[1])), path)

    def _name(self, side: int, row: int) -> str:
        index = self.sides[side].index
        name = index.name_of(row)
        argument = index.argument(row) if index.kind[row] == GROUP and name not in _ONE else ""
        return f"{name} {argument}" if argument else name

    def _edges(self, name: str, rows: Sequence[int]) -> tuple[int, int]:
        one, two = self.sides
        return int(getattr(one.index, name)[rows[0]]), int(getattr(two.index, name)[rows[1]])

    def _between(self, begin: tuple[int, int], end: tuple[int, int], path: str) -> Iterator[Change]:
        new, old = (self._text(side, begin[side], end[side]) for side in (0, 1))
        if new != old:
            yield self._change(ChangeKind.BETWEEN, path, begin, new, old)

    def _statement(self, rows: tuple[int, int], path: str) -> Iterator[Change]:
        start, end = self._edges("start", rows), self._edges("end", rows)
        new, old = (self._text(side, start[side], end[side]) for side in (0, 1))
        if new == old:
            return
        path = _join(path, self._name(0, rows[0]))
        if self.sides[0].index.kind[rows[0]] == GROUP == self.sides[1].index.kind[rows[1]]:
            body = self.sides[0].index.body(rows[0]), self.sides[1].index.body(rows[1])
            heads = [self._text(side, start[side], body[side]) for side in (0, 1)]
            if heads[0] != heads[1]:
                yield self._change(ChangeKind.TEXT, path, start, heads[0], heads[1])
            yield from self._inside(rows, body, end, path)
            return
        kind = ChangeKind.TEXT
        if _NUMBER.sub(b"#", new) == _NUMBER.sub(b"#", old):
            kind = ChangeKind.TABLE if rows[1] in self.tables else ChangeKind.NUMBER
        yield self._change(kind, path, start, new, old)


def _join(path: str, name: str) -> str:
    return f"{path} / {name}" if path else name


def _shown(text: bytes) -> str:
    plain = text if len(text) <= _SHOWN else text[:_SHOWN] + b"..."
    return plain.decode("utf-8", "replace")
