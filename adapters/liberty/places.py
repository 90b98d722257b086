"""Where in its file a library says something: file and line of tables, pins, cells and the library's own attributes."""

from __future__ import annotations

from functools import cached_property

from eda_plugin.adapters.liberty.document import Document
from eda_plugin.adapters.liberty.header import homes
from eda_plugin.domain import TableKey

__all__ = ["Places"]


class Places:
    """File and line of what a document says; built once, asked often."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def of(self, key: TableKey | None, name: str = "") -> tuple[str, int]:
        """Of a table, its group; of a single number, its attribute; where the file has neither, of the pin or cell.

        Without a key, of ``name``: an attribute or group of the library (the first of that name), a cell or ``cell/pin``; else the library.
        """
        document = self.document
        cell, _, pin = name.partition("/")
        if key is not None:
            cell, pin = key.cell, key.pin
        row = self._own.get(name) if key is None else self._tables.get(key)
        if row is None:
            row = self._named.get((cell, pin), self._named.get((cell, ""), document.row))
        path, line = document.source.line(int(document.index.start[row]))
        return str(path), line

    @cached_property
    def _tables(self) -> dict[TableKey, int]:
        entries = self.document.entries
        rows = zip(entries.keys, entries.owner.tolist(), entries.value.tolist(), strict=True)
        return {key: value if value >= 0 and key.timing_type in ("leakage", "pin") else owner for key, owner, value in rows}

    @cached_property
    def _own(self) -> dict[str, int]:
        index = self.document.index
        return {index.name_of(row): row for row in reversed(index.children(self.document.row).tolist())}

    @cached_property
    def _named(self) -> dict[tuple[str, str], int]:
        return homes(self.document.index, self.document.row)
