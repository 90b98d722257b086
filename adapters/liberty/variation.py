"""LVF tables into a library's text: ``ocv_*`` groups beside the nominal tables that they belong to, all else byte for byte.

What the tables say, after the Liberty reference (2017.06 and later; the moments came with Liberty's extension for very low voltages):

- ``ocv_sigma_*``, one sigma: delay at plus a sigma is nominal plus the ``late`` table, at minus a sigma nominal less the ``early`` one;
  without ``sigma_type`` one table serves both sides. Constraints have no sides.
- ``ocv_mean_shift_*``: mean less nominal. ``ocv_std_dev_*``: the standard deviation. ``ocv_skewness_*``: the cube root of the third central
  moment, so a time with a sign, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eda_plugin.adapters.liberty.axes import INDICES, axis_unit
from eda_plugin.adapters.liberty.corner_text import put_note, stated_corner
from eda_plugin.adapters.liberty.document import Document, open_document
from eda_plugin.adapters.liberty.edit import Edits, compressed, spelled
from eda_plugin.adapters.liberty.header import attributes
from eda_plugin.adapters.liberty.scan import COMPLEX, GROUP, Index
from eda_plugin.domain import Axis, Table, TableKey
from eda_plugin.domain.quantity import VARIATION
from eda_plugin.errors import TableError
from eda_plugin.files import replace_atomically

__all__ = ["VariationReport", "add_variation", "nominal_of"]

_SIDES = ("", "early", "late")
_NEVER_NEGATIVE = ("ocv_sigma_", "ocv_std_dev_")
_TEMPLATE = "lvf"


@dataclass(frozen=True)
class VariationReport:
    """Groups that were added, groups of the text that they replaced, and names of the templates that had to be added for them."""

    added: int
    replaced: int
    templates: tuple[str, ...]


def nominal_of(key: TableKey) -> TableKey:
    """Key of the nominal table that an LVF table belongs to.

    >>> nominal_of(TableKey("INV", "Y", "A", "combinational", "negative_unate", "", "ocv_sigma_cell_rise:late")).quantity
    'cell_rise'
    """
    name = key.quantity.partition(":")[0]
    moment = next((start for start in ("ocv_sigma_", "ocv_mean_shift_", "ocv_std_dev_", "ocv_skewness_") if name.startswith(start)), "")
    return key._replace(quantity=name.removeprefix(moment))


def add_variation(template: str | Path | Document, tables: Iterable[Table], out: str | Path, *, note: str = "") -> VariationReport:
    """Write the template's text with LVF tables added, compressed where ``out`` ends in ``.gz`` or ``.xz``.

    ``tables``: keys are those of the nominal tables with the quantity ``ocv_<moment>_<nominal quantity>``, of a sigma for one side with
    ``:early`` or ``:late`` behind it; values in s on axes of their own, which need not be the nominal table's. A table takes the place of
    one that the text has of the same name and side (and of one for both sides). ``note`` goes into the library's comment.

    Raises ``TableError`` for a value that is not finite, for a negative sigma, and for a table whose nominal table the text lacks;
    nothing is written then.
    """
    document = template if isinstance(template, Document) else open_document(template)
    edits = Edits(document.source)
    writer = _Writer(document, edits)
    for table in tables:
        writer.take(table)
    report = writer.place()
    if note:
        put_note(document, edits, note)
    path = Path(out)
    with replace_atomically(path) as part:
        part.write_bytes(compressed(edits.apply(), path.suffix))
    return report


class _Writer:
    def __init__(self, document: Document, edits: Edits) -> None:
        self.document, self.edits = document, edits
        self.owner = dict(zip(document.entries.keys, document.entries.owner.tolist(), strict=True))
        self.known = self._templates()
        self.new: dict[str, tuple[Axis, ...]] = {}
        self.groups: dict[int, dict[tuple[str, str], bytes]] = defaultdict(dict)
        self.gone: set[int] = set()

    def _templates(self) -> dict[str, tuple[tuple[str, int], ...]]:
        """Variable and length of each axis, of the library's templates for timing."""
        index = self.document.index
        found = {}
        for row in index.children(self.document.row, GROUP).tolist():
            if index.name_of(row) == "lu_table_template":
                own = attributes(index, row)
                indices = index.children(row, COMPLEX).tolist()
                lengths = {index.name_of(one): len(index.value(one).replace(",", " ").split()) for one in indices}
                variables = [index.value(own[f"variable_{n}"]) for n in (1, 2, 3) if f"variable_{n}" in own]
                found[index.argument(row)] = tuple((name, lengths.get(INDICES[place], 0)) for place, name in enumerate(variables))
        return found

    def take(self, table: Table) -> None:
        """Check one table and spell its group."""
        key = table.key
        name, _, side = key.quantity.partition(":")
        problem = self._problem(table, name, side)
        if problem:
            raise TableError(problem, corner=stated_corner(self.document), arc=key.arc, quantity=key.quantity)
        owner = self.owner[nominal_of(key)]
        index = self.document.index
        timing = int(index.parent[owner])
        sides = _sides(index, timing, name)
        self.gone |= {row for row, theirs in sides if not (side and theirs) or side == theirs}
        text = self._spelled(table, name, side, self.edits.style.indent(int(index.start[owner])))
        self.groups[owner].setdefault((name, side), text)  # pins that share a group share its tables, the first one's

    def _problem(self, table: Table, name: str, side: str) -> str:
        """Why a table cannot be written; empty where it can."""
        if name not in VARIATION or side not in _SIDES or (side and not name.startswith("ocv_sigma_")):
            return "is no LVF table; expected such as ocv_sigma_cell_rise:late or ocv_skewness_cell_rise"
        if side and "constraint" in name:
            return "a constraint's sigma has no early and late side; leave the side out"
        if nominal_of(table.key) not in self.owner:
            return f"the template {self.document.path} has no {nominal_of(table.key).quantity} of this arc for it to belong to"
        if not np.isfinite(table.values).all():
            return f"{int((~np.isfinite(table.values)).sum())} value(s) are missing or not finite; fill them, nothing was written"
        if name.startswith(_NEVER_NEGATIVE) and (table.values < 0).any():
            return f"a deviation of {float(table.values.min()):g} s is negative"
        return ""

    def _spelled(self, table: Table, name: str, side: str, indent: bytes) -> bytes:
        """The group's text, from its name on, for a line with the indent given."""
        style = self.edits.style
        inner = indent + style.step
        lines = [style.simple("sigma_type", b'"' + side.encode() + b'"')] if side else []
        lines += [self._index(label, axis) for label, axis in zip(INDICES, table.axes, strict=False)]
        numbers = spelled((table.values.ravel() / self.document.header.time).tolist())
        lines.append(style.complex("values", style.table(numbers, len(table.axes[-1]) if table.axes else 1, inner)))
        head = name.encode() + b" (" + self._template(table).encode() + b") {"
        return style.eol.join([head, *(inner + line for line in lines), indent + b"}"])

    def _index(self, label: str, axis: Axis) -> bytes:
        numbers = axis.values / self.document.header.factor(axis_unit(axis.variable))
        return self.edits.style.complex(label, self.edits.style.list(spelled(numbers, b"%.12g")))

    def _template(self, table: Table) -> str:
        """A template of the library with the table's variables and lengths: that of its nominal table, any, or one that is added."""
        if not table.axes:
            return "scalar"
        wanted = tuple((axis.variable, len(axis)) for axis in table.axes)
        nominal = self.document.index.argument(self.owner[nominal_of(table.key)])
        for name in (nominal, *self.known):
            if self.known.get(name) == wanted:
                return name
        stem = f"{_TEMPLATE}_{'x'.join(str(length) for _, length in wanted)}"
        name = next(name for name in (stem, *(f"{stem}_{n}" for n in range(2, 1000))) if name not in self.known)
        self.known[name] = wanted
        self.new[name] = table.axes
        return name

    def place(self) -> VariationReport:
        """Put the groups behind their nominal tables, and take out those that they replace."""
        index, style = self.document.index, self.edits.style
        for owner, groups in self.groups.items():
            indent = style.indent(int(index.start[owner]))
            self.edits.insert_after(owner, int(index.parent[owner]), (style.eol + indent).join(groups.values()))
        for row in sorted(self.gone):
            self.edits.drop(row)
        if self.new:
            self._place_templates()
        return VariationReport(sum(map(len, self.groups.values())), len(self.gone), tuple(self.new))

    def _place_templates(self) -> None:
        """Behind the library's last template, which stands before its cells."""
        index, style, library = self.document.index, self.edits.style, self.document.row
        rows = [row for row in index.children(library, GROUP).tolist() if index.name_of(row).endswith("_template")]
        indent = self.edits.indent_in(library)
        texts = []
        for name, axes in self.new.items():
            lines = [style.simple(f"variable_{n}", axis.variable.encode()) for n, axis in enumerate(axes, 1)]
            lines += [self._index(label, axis) for label, axis in zip(INDICES, axes, strict=False)]
            head = b"lu_table_template (" + name.encode() + b") {"
            texts.append(style.eol.join([head, *(indent + style.step + line for line in lines), indent + b"}"]))
        cells = [row for row in index.children(library, GROUP).tolist() if index.name_of(row) == "cell"]
        before = [row for row in rows if not cells or row < cells[0]]
        self.edits.insert_after(before[-1] if before else -1, library, (style.eol + indent).join(texts))


def _sides(index: Index, timing: int, name: str) -> list[tuple[int, str]]:
    """Groups of a name in a timing group, each with its side; empty for both."""
    found = []
    for row in index.children(timing, GROUP).tolist():
        if index.name_of(row) == name:
            side = attributes(index, row).get("sigma_type")
            text = "" if side is None else index.value(side)
            found.append((row, "" if text == "early_and_late" else text))
    return found
