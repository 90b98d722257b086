"""The attributes of a library that state its corner, made to follow another corner."""

from __future__ import annotations

import re

from eda_plugin.adapters.liberty.document import Document
from eda_plugin.adapters.liberty.edit import Edits
from eda_plugin.adapters.liberty.header import RAILS, attributes, conditions_row, read_corner
from eda_plugin.adapters.liberty.scan import COMPLEX, GROUP
from eda_plugin.domain import Corner
from eda_plugin.errors import UserError

__all__ = ["follow_corner", "put_note", "stated_corner"]

_NUMBER = re.compile(rb"[-+.\w]+")
_LAST_NUMBER = re.compile(rb"([-+.\w]+)([\s\"]*)$")


def stated_corner(document: Document) -> Corner | None:
    """The corner that a template states, ``None`` where it states none."""
    try:
        return read_corner(document.source, document.row)
    except UserError:
        return None


def follow_corner(document: Document, edits: Edits, name: str, corner: Corner) -> None:
    """Library name, operating conditions, nominal values and supply rails of the template become those of ``corner``.

    Rails count as supply where they stand at the template's own supply voltage; grounds and other supplies stay. Where the template is of
    that corner already, only its name follows.
    """
    index = document.index
    before = stated_corner(document)
    _rename(edits, document.row, document.name, name)
    if before == corner:
        return  # also where the template contradicts itself: what was not asked for stays
    own = attributes(index, document.row)
    conditions = conditions_row(index, document.row)
    inside = {} if conditions is None else attributes(index, conditions)
    supply = before.voltage if before else None
    for rows, label, value in (
        (own, "nom_voltage", corner.voltage),
        (own, "nom_temperature", corner.temperature),
        (inside, "voltage", corner.voltage),
        (inside, "temperature", corner.temperature),
    ):
        if label in rows:
            row = rows[label]
            if supply is None and label.endswith("voltage"):
                supply = _float(index.raw(row))
            _set_number(edits, int(index.left[row]), index.raw(row), value)
    if conditions is not None and before is not None:
        old = index.argument(conditions)
        _rename(edits, conditions, old, corner.name)
        default = own.get("default_operating_conditions")
        if default is not None and index.value(default) == old:
            renamed = _renamed(index.raw(default), old, corner.name)
            edits.replace(int(index.left[default]), int(index.right[default]), renamed)
    if supply is not None:
        _set_rails(document, edits, supply, corner.voltage)


def _rename(edits: Edits, row: int, old: str, new: str) -> None:
    if old != new:
        index = edits.source.index
        first = index.first(row)
        edits.replace(int(index.left[row]), int(index.left[row]) + len(first), _renamed(first, old, new))


def _renamed(raw: bytes, old: str, new: str) -> bytes:
    """Another name in the place of the old one, in its quotes and blanks; in quotes alone where the spelling is out of the ordinary."""
    plain = old and '"' not in old and b"/*" not in raw and raw.count(old.encode()) == 1
    return raw.replace(old.encode(), new.encode()) if plain else b'"' + new.encode() + b'"'


def _float(raw: bytes) -> float | None:
    found = _NUMBER.search(raw)
    try:
        return float(found[0]) if found else None
    except ValueError:
        return None


def _set_number(edits: Edits, offset: int, raw: bytes, value: float) -> None:
    found = _NUMBER.search(raw)
    if found and _float(raw) != value:
        edits.replace(offset + found.start(), offset + found.end(), _spelled(value, found[0]))


def _spelled(value: float, like: bytes) -> bytes:
    text = f"{value:.10g}"
    return (text + ".0" if b"." in like and "." not in text and "e" not in text else text).encode()


def _set_rails(document: Document, edits: Edits, old: float, new: float) -> None:
    index = document.index
    holders = {document.row} | {
        int(row) for row in index.children(document.row, GROUP) if index.name_of(int(row)) in ("operating_conditions", "power_supply")
    }
    for row in index.rows(RAILS, COMPLEX).tolist():
        raw = index.raw(row)
        found = _LAST_NUMBER.search(raw)
        if int(index.parent[row]) in holders and found and b"," in raw and _float(found[1]) == old != new:
            start = int(index.left[row]) + found.start(1)
            edits.replace(start, start + len(found[1]), _spelled(new, found[1]))


def put_note(document: Document, edits: Edits, note: str) -> None:
    """Make a note part of the library's comment; quotes, backslashes and line ends in it become plain."""
    plain = " ".join(note.replace("\\", "/").replace('"', "'").split())
    index = document.index
    row = attributes(index, document.row).get("comment")
    if row is None:
        edits.insert_after(-1, document.row, edits.style.simple("comment", f'"{plain}"'.encode()))
        return
    if plain not in index.value(row):
        raw = index.raw(row).strip()
        quoted = len(raw) > 1 and raw.endswith(b'"')
        inner = raw[1:-1] if quoted else raw
        joined = inner + b"; " + plain.encode() if inner.strip() else plain.encode()
        edits.replace(int(index.left[row]), int(index.right[row]), b'"' + joined + b'"')
