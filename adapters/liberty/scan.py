"""The index of a Liberty text: where each group and attribute stands, found in one pass of one regular expression.

Nothing is copied out of the text and no object is made for a number: a statement is one row of seven integer columns. Every alternative of
the expression is possessive, so that the pass is linear in the text whatever the text holds.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from eda_plugin.errors import UserError

__all__ = ["COMMENT", "COMPLEX", "GROUP", "SIMPLE", "Index", "scan", "unquote"]

SIMPLE, COMPLEX, GROUP = 2, 3, 4  # numbers of the expression's groups that end such a statement
_CLOSE, _COMMENT, _EMPTY, _END, _BAD = 5, 6, 7, 8, 9
MAX_DEPTH = 64  # the deepest group of the Liberty reference is the eighth
MAX_STATEMENTS = 1 << 25  # 50 MB of sky130 hold half a million
MAX_NAMES = 1 << 16  # the Liberty reference has about a thousand, a vendor's defines a few more
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_COMMENT_TEXT = rb"/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/"
COMMENT = re.compile(_COMMENT_TEXT)
_PLAIN = rb'"[^"]*+"'  # three times as fast as the next, and the same where no quote is escaped
_ESCAPED = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_JOIN = rb"(?:\\[ \t]*+\r?\n\s*+)*+"  # escaped line ends between words
_BARE = rb'[^;"{}\n\\]*+(?:\\(?:[ \t]*+\r?\n|.)[^;"{}\n\\]*+)*+'  # a value without quotes ends with its line


def _expression(string: bytes) -> re.Pattern[bytes]:
    arguments = rb'\(((?:[^()"{};/]++|' + string + rb"|" + _COMMENT_TEXT + rb"|/(?![*]))*+)\)"
    statement = (
        rb"\s*+"
        + _JOIN
        + rb"(?:([\w.\-\[\]]++)\s*+(?:[:=]\s*+"
        + _JOIN
        + rb"("
        + string
        + rb"|"
        + _BARE
        + rb")[ \t]*+;?|"
        + arguments
        + rb"\s*+(?:(\{)|;?))"
        rb"|(\})|(" + _COMMENT_TEXT + rb"|//[^\n]*+)|(;)|(\Z)|(.))"
    )
    return re.compile(statement, re.DOTALL)


_FIRST = re.compile(rb'(?:[^,"/]++|' + _ESCAPED + rb"|" + _COMMENT_TEXT + rb"|/)*+", re.DOTALL)
_SCAN_PLAIN, _SCAN_ESCAPED = _expression(_PLAIN), _expression(_ESCAPED)
_CONTINUED = re.compile(r"\\\r?\n\s*")


def unquote(value: bytes) -> str:
    """The text of a value: comments, blanks, quotes and line continuations around it removed.

    >>> unquote(b' "A & !B" ')
    'A & !B'
    """
    if b"/*" in value and not value.lstrip().startswith(b'"'):
        value = COMMENT.sub(b" ", value)
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    if "\\" in text:
        text = _CONTINUED.sub("", text).replace('\\"', '"')
    text = text.strip()
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] == '"' else text.strip('"')


@dataclass(frozen=True, eq=False)
class Index:
    """Statements of one text in its order, n rows; all offsets count bytes.

    ``kind`` is ``SIMPLE`` (``a : b;``), ``COMPLEX`` (``a (b);``) or ``GROUP`` (``a (b) {...}``); ``name`` a position in ``names``;
    ``parent`` the row of the group around it, -1 outside of all; ``start`` and ``end`` the whole statement, a group's to its closing
    brace; ``left`` and ``right`` the value, or what stands between the parentheses.
    """

    text: bytes
    names: tuple[str, ...]
    kind: NDArray[np.int32]
    name: NDArray[np.int32]
    parent: NDArray[np.int32]
    start: NDArray[np.int32]
    end: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.kind)

    @cached_property
    def ids(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    def rows(self, names: Iterable[str], kind: int) -> NDArray[np.int64]:
        """Rows of the statements of a kind that have one of the names, in the text's order."""
        wanted = np.zeros(len(self.names) + 1, dtype=bool)
        for name in names:
            wanted[self.ids.get(name, -1)] = True
        wanted[-1] = False
        return np.flatnonzero(wanted[self.name] & (self.kind == kind))

    def by_parent(self, name: str, kind: int = SIMPLE) -> dict[int, int]:
        """Row of the attribute of each group that has it; of several in one group the last counts."""
        rows = self.rows([name], kind)
        return dict(zip(self.parent[rows].tolist(), rows.tolist(), strict=True))

    @cached_property
    def _family(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows in the order of their parents, and where those of each parent begin, that of the file (-1) first."""
        counts = np.bincount(self.parent + 1, minlength=len(self) + 1)
        return np.argsort(self.parent, kind="stable"), np.concatenate([[0], np.cumsum(counts)])

    def children(self, row: int, kind: int | None = None) -> NDArray[np.int64]:
        """Rows directly inside a group (-1: of the file), in the text's order."""
        order, begin = self._family
        found = order[begin[row + 1] : begin[row + 2]]
        return found if kind is None else found[self.kind[found] == kind]

    def raw(self, row: int) -> bytes:
        return self.text[self.left[row] : self.right[row]]

    def value(self, row: int) -> str:
        """The value of a simple attribute, or all that stands between the parentheses, without quotes around it."""
        return unquote(self.raw(row))

    def first(self, row: int) -> bytes:
        """The first of the comma-separated arguments of a group or complex attribute, as it is spelled; a comma in quotes is part of it."""
        found = _FIRST.match(self.text, self.left[row], self.right[row])
        return found[0] if found else b""  # it always is: it may be empty

    def argument(self, row: int) -> str:
        """``first``, without quotes around it."""
        return unquote(self.first(row))

    def name_of(self, row: int) -> str:
        return self.names[int(self.name[row])]

    def body(self, row: int) -> int:
        """Offset just after the opening brace of a group."""
        return self.text.index(b"{", self.right[row]) + 1


def scan(text: bytes, refuse: Callable[[int, str], UserError]) -> Index:
    """Index a text. ``refuse(offset, message)`` makes the error that is raised where the text is no Liberty."""
    expression = _SCAN_ESCAPED if b'\\"' in text else _SCAN_PLAIN
    columns = tuple(array("i") for _ in range(7))
    _, names, _, starts, ends, lefts, rights = columns
    add_kind, add_name, add_parent, add_start, add_end, add_left, add_right = (column.append for column in columns)
    ids: dict[bytes, int] = {}
    stack = [-1]
    parent, row = -1, 0
    for found in expression.finditer(text, len(_BYTE_ORDER_MARK) if text.startswith(_BYTE_ORDER_MARK) else 0):
        kind = found.lastindex
        if kind is None or kind >= _COMMENT:
            if kind == _BAD:
                raise refuse(found.start(_BAD), _explain(text, found.start(_BAD)))
            continue
        if kind == _CLOSE:
            if parent < 0:
                raise refuse(found.start(_CLOSE), "a closing brace without a group that it closes")
            ends[parent] = found.end()
            stack.pop()
            parent = stack[-1]
            continue
        word = found[1]
        add_kind(kind)
        add_name(ids.setdefault(word, len(ids)))
        add_parent(parent)
        add_start(found.start(1))
        add_end(found.end())
        left, right = found.span(2 if kind == SIMPLE else 3)
        add_left(left)
        add_right(right)
        if kind == GROUP:
            if len(stack) > MAX_DEPTH:
                raise refuse(found.start(1), f"groups nested deeper than {MAX_DEPTH}")
            stack.append(row)
            parent = row
        row += 1
        if row > MAX_STATEMENTS or len(ids) > MAX_NAMES:
            bound = f"{MAX_STATEMENTS} statements" if row > MAX_STATEMENTS else f"{MAX_NAMES} different names of attributes"
            raise refuse(found.start(1), f"more than {bound}: no library; refused")
    if parent >= 0:
        name = text[lefts[parent] : rights[parent]].decode("latin-1").strip()
        kind_name = list(ids)[names[parent]].decode("latin-1")
        raise refuse(starts[parent], f"the group {kind_name} ({name}) is never closed; the file is truncated or a brace is missing")
    kind_array, *others = (np.frombuffer(column, dtype=np.int32) if column else np.zeros(0, np.int32) for column in columns)
    return Index(text, tuple(word.decode("latin-1") for word in ids), kind_array, *others)


_OPEN_LIST = re.compile(rb"[\w.\-\[\]]++\s*+\(")
_NAME = re.compile(rb"[\w.\-\[\]]++")


def _explain(text: bytes, offset: int) -> str:
    if text.startswith(b"/*", offset):
        return "a comment that is never closed"
    if text.startswith(b'"', offset):
        return "a string that is never closed; the file is truncated or a quote is missing"
    if _OPEN_LIST.match(text, offset):
        return "a parenthesis that is never closed; the file is truncated, or a quote or ')' is missing"
    if _NAME.match(text, offset):
        return "expected ':' or '(' after this name; the file is truncated or no Liberty"
    return "expected an attribute, a group or '}'"
