"""A Liberty file as it is: its text, the index of its statements, and the libraries in it."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters.liberty.axes import INDICES
from eda_plugin.adapters.liberty.header import PINS, STATE, read_cells, read_corner, read_header
from eda_plugin.adapters.liberty.scan import GROUP, Index
from eda_plugin.adapters.liberty.source import Source, load
from eda_plugin.adapters.liberty.tables import Entries, read_entries
from eda_plugin.domain import Corner, Header, Library, Origin
from eda_plugin.domain.quantity import CAPACITANCE, CONSTRAINT, LIMIT, POWER, TIMING, VARIATION
from eda_plugin.errors import UserError

__all__ = ["Document", "corner_of", "is_liberty", "library_rows", "open_document"]

_TABLES = (*TIMING, *CONSTRAINT, *VARIATION, *POWER)
_STRUCTURE = ("cell", *PINS, "timing", "internal_power", "leakage_power", "operating_conditions", *STATE)
_TEMPLATES = ("lu_table_template", "power_lut_template", "ocv_table_template")
_GROUPS = frozenset((*_TABLES, *_STRUCTURE, *_TEMPLATES))
_ATTRIBUTES = frozenset((
    *INDICES, "values", "value", "variable_1", "variable_2", "variable_3", "related_pin", "related_pg_pin", "timing_type", "timing_sense",
    "when", "sigma_type", "area", "direction", "function", "clock", "clocked_on", "next_state", "clear", "preset", "cell_leakage_power",
    *CAPACITANCE, *LIMIT, "time_unit", "voltage_unit", "current_unit", "leakage_power_unit", "capacitive_load_unit", "nom_voltage",
    "nom_temperature", "voltage", "temperature", "voltage_map",
    "default_operating_conditions", "comment", "slew_derate_from_library", *(
        f"{side}_threshold_pct_{edge}" for side in ("input", "output", "slew_lower", "slew_upper") for edge in ("rise", "fall")
    ),
))  # fmt: skip


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
        index = self.index
        return dict(Counter(index.names[name] for name in index.name[self.uninterpreted_rows()].tolist()).most_common())

    def uninterpreted_rows(self) -> NDArray[np.int64]:
        """Rows of the groups and attributes that ``uninterpreted`` counts."""
        index = self.index
        last = int(np.searchsorted(index.start, index.end[self.row]))
        opened = np.zeros(len(index) + 1, dtype=bool)  # groups whose statements are looked at one by one
        opened[self.row] = True
        for row in index.rows(_GROUPS, GROUP).tolist():
            opened[row] = opened[row] or opened[int(index.parent[row])]
        known = np.isin(index.name, [index.ids[name] for name in _ATTRIBUTES if name in index.ids]) & (index.kind != GROUP)
        rows = np.flatnonzero(opened[index.parent] & ~known & ~opened[:-1])
        return rows[(rows > self.row) & (rows < last)]


def library_rows(source: Source) -> list[int]:
    """Rows of the library groups of a file."""
    return [row for row in source.index.children(-1, GROUP).tolist() if source.index.name_of(row) == "library"]


def open_document(path: str | Path, name: str | None = None) -> Document:
    """Open ``.lib``, ``.lib.gz`` or ``.lib.xz``; ``name`` chooses one of several libraries in the file."""
    return Document(load(path), name)


def is_liberty(source: str) -> bool:
    """Whether ``Library.source`` is the path of a Liberty file that is there, told by its name."""
    path = Path(source)
    return path.is_file() and bool({".lib", ".liberty"} & set(path.suffixes))


def corner_of(document: Document) -> Corner:
    """The corner that a library states. Raises ``UserError``, with what to do, where it cannot be told."""
    return read_corner(document.source, document.row)
