"""A Liberty file as it is: its text, the index of its statements, and the libraries in it."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from pathlib import Path

import numpy as np

from eda_plugin.adapters.liberty.header import read_cells, read_corner, read_header
from eda_plugin.adapters.liberty.scan import GROUP, Index
from eda_plugin.adapters.liberty.source import Source, load
from eda_plugin.adapters.liberty.tables import Entries, read_entries
from eda_plugin.domain import Corner, Header, Library, Origin
from eda_plugin.errors import UserError

__all__ = ["Document", "corner_of", "library_rows", "open_document"]


class Document:
    """One library group of one file: the base of what is read, and the text that numbers are put back into.

    Parameters: ``source`` the indexed text; ``name`` which library, needed where the file holds several.
    Raises ``UserError`` where the choice is open.
    """

    def __init__(self, source: Source, name: str | None = None) -> None:
        self.source = source
        rows = library_rows(source)
        self.names = tuple(source.index.argument(row) for row in rows)
        wanted = [row for row, known in zip(rows, self.names, strict=True) if name in (None, known)]
        if not wanted:
            raise UserError(f"{source.path}: no library {name!r} in this file; it holds {', '.join(self.names)}")
        if len(wanted) > 1:
            raise UserError(f"{source.path}: {len(rows)} libraries in this file; say which by its name: {', '.join(self.names)}")
        self.row = wanted[0]

    @property
    def path(self) -> Path:
        return self.source.path

    @property
    def text(self) -> bytes:
        return self.source.text

    @property
    def index(self) -> Index:
        return self.source.index

    @property
    def name(self) -> str:
        return self.index.argument(self.row)

    @cached_property
    def header(self) -> Header:
        return read_header(self.source, self.row)

    @cached_property
    def entries(self) -> Entries:
        return read_entries(self.source, self.header, self.row)

    def library(self, corner: Corner | None = None) -> Library:
        """The numbers, SI. ``corner`` overrides what the library says of itself. Values are ``MEASURED``, absent ones ``MISSING``."""
        entries = self.entries
        known = np.isfinite(entries.numbers)
        return Library(
            name=self.name,
            corner=corner or read_corner(self.source, self.row),
            header=self.header,
            keys=entries.keys,
            axes=entries.axes,
            axis=entries.axis,
            values=entries.numbers,
            origin=np.where(known, np.uint8(Origin.MEASURED), np.uint8(Origin.MISSING)),
            cells=read_cells(self.source, self.row),
            source=str(self.path),
        )

    def uninterpreted(self) -> dict[str, int]:
        """How many of each group and attribute are carried through without being interpreted, most frequent first.

        A group counts once, under its own name: what is inside it is not counted again.
        """
        return dict(Counter[str]().most_common())


def library_rows(source: Source) -> list[int]:
    """Rows of the library groups of a file."""
    return [row for row in source.index.children(-1, GROUP).tolist() if source.index.name_of(row) == "library"]


def open_document(path: str | Path, name: str | None = None) -> Document:
    """Open ``.lib``, ``.lib.gz`` or ``.lib.xz``; ``name`` chooses one of several libraries in the file."""
    return Document(load(path), name)


def corner_of(document: Document) -> Corner:
    """The corner that a library states. Raises ``UserError``, with what to do, where it cannot be told."""
    return read_corner(document.source, document.row)
