"""Writing Liberty: the numbers of a library put into a template's text, all else byte for byte."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters.liberty.axes import INDICES, axis_unit
from eda_plugin.adapters.liberty.corner_text import follow_corner, put_note, stated_corner
from eda_plugin.adapters.liberty.document import Document, library_rows
from eda_plugin.adapters.liberty.edit import SPELLING, Edits, compressed, spelled
from eda_plugin.adapters.liberty.header import homes
from eda_plugin.adapters.liberty.scan import COMPLEX
from eda_plugin.adapters.liberty.source import load
from eda_plugin.adapters.liberty.unfilled import carried_numbers, drop_unfilled
from eda_plugin.domain import Library, TableKey
from eda_plugin.domain.quantity import group_of, si_unit
from eda_plugin.errors import TableError, UserError
from eda_plugin.files import replace_atomically

__all__ = ["WriteReport", "write"]

_WORD = re.compile(rb'/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/|([^\s,"\\/]++)')


@dataclass(frozen=True)
class WriteReport:
    """What writing did: tables and numbers whose text was changed, inserted where the template had none, left as they were spelled.

    Where the corner is not the template's: how many groups and attributes of each name were ``dropped`` because they hold for that corner
    only, and how many that hold numbers and are not interpreted were ``carried`` over from it.
    """

    replaced: int = 0
    inserted: int = 0
    kept: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    carried: Mapping[str, int] = field(default_factory=dict)


def write(
    library: Library,
    out: str | Path,
    *,
    template: str | Path | Document | None = None,
    note: str = "",
    corner_attributes: bool = True,
    keep_unfilled: bool = False,
) -> WriteReport:
    """Write a library as Liberty, compressed where ``out`` ends in ``.gz`` or ``.xz``. Nothing is left behind on an error.

    ``template`` is the text that the numbers go into, by default the file that the library was read from. A number that the template
    already says (as float64) keeps its spelling, others get nine significant digits. ``corner_attributes``: library name, operating
    conditions, nominal values and supply rails follow ``library.corner``. ``note`` goes into the library's comment. Where the corner is
    not the template's, LVF tables that the library lacks are dropped, and so is, unless ``keep_unfilled``, all that holds for its
    corner and nobody fills (module ``unfilled`` lists it); the report and the note say what.
    Pins that share one group (``pin (A B)``) share its text: the first one's numbers are written.

    Raises ``TableError`` for a value that is missing or not finite, ``UserError`` for a table that has no place in the template.
    """
    document = _document(library, template)
    edits = Edits(document.source)
    writer = _Writer(document, library, edits)
    writer.run()
    dropped: Counter[str] = Counter()
    carried: Mapping[str, int] = {}
    if stated_corner(document) not in (None, library.corner):
        rows = drop_unfilled(document, edits, writer.placed, keep=keep_unfilled)
        dropped, carried = Counter(map(document.index.name_of, rows)), carried_numbers(document, rows)
    if corner_attributes:
        follow_corner(document, edits, library.name, library.corner)
    if note:
        put_note(document, edits, _with_dropped(note, dropped))
    data = edits.apply() if len(edits) or document.source.includes else document.text
    path = Path(out)
    with replace_atomically(path) as part:
        part.write_bytes(compressed(data, path.suffix))
    return WriteReport(writer.replaced, writer.inserted, writer.kept, dict(dropped), carried)


def _with_dropped(note: str, dropped: Mapping[str, int]) -> str:
    """The note, and what the reader of the library would look for in vain."""
    counts = ", ".join(f"{count} {name}" for name, count in sorted(dropped.items()))
    return f"{note}; of the template's corner and dropped: {counts}" if counts else note


def _document(library: Library, template: str | Path | Document | None) -> Document:
    if isinstance(template, Document):
        return template
    path = template if template is not None else library.source
    if not path:
        raise UserError(f"library {library.name}: it was read from no file; name the template that its numbers go into")
    source = load(path)
    return Document(source, library.name if len(library_rows(source)) > 1 else None)


class _Writer:
    """Compares a library's numbers with what a document says and edits what differs."""

    def __init__(self, document: Document, library: Library, edits: Edits) -> None:
        self.document, self.library, self.edits = document, library, edits
        self.replaced = self.inserted = self.kept = 0
        self.placed: set[int] = set()

    def run(self) -> None:
        library, entries = self.library, self.document.entries
        self._refuse_missing()
        there = {key: row for row, key in enumerate(entries.keys)}
        target = np.array([there.get(key, -1) for key in library.keys], dtype=np.int64)
        self._refuse_unfilled(set(target[target >= 0].tolist()))
        self.placed = set(entries.owner[target[target >= 0]].tolist())
        _, first = np.unique(_place(entries.owner, entries.value, target), return_index=True)
        rows = np.sort(first)
        with_place = rows[target[rows] >= 0]
        same_axes = self._same_axes(with_place, target[with_place])
        alike, odd = with_place[same_axes], with_place[~same_axes]
        same, begin, whole = self._equal(alike, target[alike])
        self.kept = int(whole.sum())
        ends = np.append(begin[1:], len(same))
        for place in np.flatnonzero(~whole).tolist():
            row = int(alike[place])
            self._put(row, int(target[row]), same[begin[place] : ends[place]])
        for row in odd.tolist():
            self._put_axes(row, int(target[row]))
        strangers = [library.keys[row] for row in rows[target[rows] < 0].tolist()]
        self._insert_scalars(strangers)

    def _refuse_missing(self) -> None:
        library = self.library
        bad = np.flatnonzero(~np.isfinite(library.values))
        if len(bad):
            row = int(np.searchsorted(library.start, bad[0], side="right")) - 1
            tables = len(np.unique(np.searchsorted(library.start, bad, side="right")))
            message = f"{len(bad)} value(s) in {tables} table(s) are missing, this one first; fill them, nothing was written"
            raise TableError(message, corner=library.corner, arc=library.keys[row].arc, quantity=library.keys[row].quantity)

    def _refuse_unfilled(self, filled: set[int]) -> None:
        """Numbers of the template that the library lacks would stand as this corner's own."""
        keys = self.document.entries.keys
        if len(filled) >= len(keys) or stated_corner(self.document) in (None, self.library.corner):
            return
        left = [key for row, key in enumerate(keys) if row not in filled and group_of(key.quantity) != "variation"]
        if left:
            key = left[0]
            message = f"{len(left)} table(s) of the template {self.document.path}, of another corner, have no number in the library"
            raise TableError(message, corner=self.library.corner, arc=key.arc, quantity=key.quantity)

    def _same_axes(self, rows: NDArray[np.int64], target: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each table stands on the axes that the text gives it."""
        pool: dict[bytes, int] = {}
        mine, theirs = (
            np.array([*(pool.setdefault(axis.values.tobytes(), len(pool)) for axis in axes), -1], dtype=np.int64)
            for axes in (self.library.axes, self.document.entries.axes)
        )
        same: NDArray[np.bool_] = (mine[self.library.axis[rows]] == theirs[self.document.entries.axis[target]]).all(axis=1)
        return same

    def _equal(self, rows: NDArray[np.int64], target: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.bool_]]:
        """Which values the text says already, table after table; where each table begins; for which tables that is so of all."""
        library, entries = self.library, self.document.entries
        size = library.start[rows + 1] - library.start[rows]
        begin = np.cumsum(size) - size
        if len(rows) == 0:
            return np.zeros(0, dtype=bool), begin, np.zeros(0, dtype=bool)
        inside = np.arange(int(size.sum())) - np.repeat(begin, size)
        mine = library.values[inside + np.repeat(library.start[rows], size)]
        same = mine == entries.numbers[inside + np.repeat(entries.start[target], size)]
        return same, begin, np.logical_and.reduceat(same, begin)

    @cached_property
    def _flat(self) -> list[float]:
        """The library's values in the template's units."""
        library, header = self.library, self.document.header
        factors = {name: header.factor(si_unit(name)) for name in {key.quantity for key in library.keys}}
        unit = np.array([factors[key.quantity] for key in library.keys])
        return list((library.values / np.repeat(unit, np.diff(library.start))).tolist())

    def _numbers(self, row: int) -> list[float]:
        return self._flat[int(self.library.start[row]) : int(self.library.start[row + 1])]

    def _words(self, row: int) -> list[bytes]:
        return spelled(self._numbers(row))

    def _put(self, row: int, entry: int, same: NDArray[np.bool_]) -> None:
        index, entries = self.document.index, self.document.entries
        place = int(entries.value[entry])
        if place < 0:
            self._insert(int(entries.owner[entry]), self.library.keys[row], self._words(row))
            return
        raw = index.raw(place)
        if b"/*" in raw or same.any() or not _WORD.search(raw):
            new = self._mixed(row, place, raw, same)
        else:
            new = _WORD.sub(SPELLING, raw) % tuple(self._numbers(row))
        self.edits.replace(int(index.left[place]), int(index.right[place]), new)
        self.replaced += 1

    def _mixed(self, row: int, place: int, raw: bytes, same: NDArray[np.bool_]) -> bytes:
        """New numbers beside old ones that keep their spelling; all on rows of their own where the text had none."""
        words = self._words(row)
        old = [found[1] for found in _WORD.finditer(raw) if found[1]]
        if len(old) != len(words):
            return self._layout(row, words, self.edits.style.indent(int(self.document.index.start[place])))
        chosen = iter([before if keep else word for word, before, keep in zip(words, old, same.tolist(), strict=True)])
        return _WORD.sub(lambda found: next(chosen) if found[1] else found[0], raw)

    def _layout(self, row: int, words: Sequence[bytes], indent: bytes) -> bytes:
        lengths = [len(self.library.axes[a]) for a in self.library.axis[row] if a >= 0]
        return self.edits.style.table(words, lengths[-1] if lengths else 1, indent)

    def _insert(self, owner: int, key: TableKey, words: Sequence[bytes]) -> None:
        index, style = self.document.index, self.edits.style
        self.inserted += 1
        if key.timing_type in ("leakage", "pin"):
            self.edits.insert_into(owner, style.simple("value" if key.quantity == "leakage_power" else key.quantity, words[0]))
            return
        row = self.library.position[key]
        own = [int(child) for child in index.children(owner, COMPLEX) if index.name_of(int(child)) in INDICES]
        last = own[-1] if own else -1
        indent = style.indent(int(index.start[last])) if own else self.edits.indent_in(owner)
        statement = style.complex("values", self._layout(row, words, indent))
        if own:
            self.edits.insert_after(last, owner, statement)
        else:
            self.edits.insert_into(owner, statement)

    def _put_axes(self, row: int, entry: int) -> None:
        """A table on other axes than the text has: indices and values are written anew."""
        library, entries, index = self.library, self.document.entries, self.document.index
        key = library.keys[row]
        axes = [library.axes[a] for a in library.axis[row] if a >= 0]
        old = [entries.axes[a] for a in entries.axis[entry] if a >= 0]
        if len(axes) != len(old):
            message = f"has {len(axes)} axes where the template has {len(old)}; take a template of the same form"
            raise TableError(message, corner=library.corner, arc=key.arc, quantity=key.quantity)
        owner, place = int(entries.owner[entry]), int(entries.value[entry])
        own = {index.name_of(int(child)): int(child) for child in index.children(owner, COMPLEX)}
        style = self.edits.style
        for name, axis, before in zip(INDICES, axes, old, strict=False):
            if np.array_equal(axis.values, before.values):
                continue
            numbers = style.list(spelled(axis.values / self.document.header.factor(axis_unit(axis.variable)), b"%.12g"))
            if name in own:
                self.edits.replace(int(index.left[own[name]]), int(index.right[own[name]]), numbers)
            else:
                self.edits.insert_after(-1, owner, style.complex(name, numbers))
        words = self._words(row)
        if place < 0:
            self._insert(owner, key, words)
            return
        new = self._layout(row, words, style.indent(int(index.start[place])))
        self.edits.replace(int(index.left[place]), int(index.right[place]), new)
        self.replaced += 1

    def _insert_scalars(self, keys: Sequence[TableKey]) -> None:
        """Numbers that the template does not even name: of cells and pins alone, which are found by their names."""
        if not keys:
            return
        places = homes(self.document.index, self.document.row)
        done: set[tuple[int, str]] = set()
        for key in keys:
            home = places.get((key.cell, key.pin))
            if home is None or key.nth or not (key.timing_type == "pin" or key.quantity == "cell_leakage_power"):
                message = f"the template {self.document.path} has no place for it; take a template that names this arc"
                raise TableError(message, corner=self.library.corner, arc=key.arc, quantity=key.quantity)
            if (home, key.quantity) not in done:  # pins that share a group share the number
                done.add((home, key.quantity))
                self._insert(home, key, self._words(self.library.position[key]))


def _place(owner: NDArray[np.int64], value: NDArray[np.int64], target: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number for each place of the text, negative where there is none; pins that share a group share the place."""
    nowhere = -1 - np.arange(len(target))
    return np.where(target >= 0, np.where(value >= 0, value, owner)[target], nowhere) if len(owner) else nowhere
