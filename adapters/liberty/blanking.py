"""A library's text without the numbers that characterization gives: the template of a corner that nobody has characterized yet."""

from __future__ import annotations

from pathlib import Path

from eda_plugin.adapters.liberty.document import Document
from eda_plugin.domain.quantity import group_of
from eda_plugin.files import replace_atomically

__all__ = ["RESULTS", "blank", "write_blank"]

RESULTS = ("timing", "constraint", "power", "leakage", "capacitance", "variation")
"""Groups of quantities that characterization gives; limits are part of the design."""


def blank(document: Document) -> bytes:
    """The text without ``values`` of result tables, leakage numbers and pin capacitances; all else stays byte for byte.

    Included files are written out.
    """
    index, entries = document.index, document.entries
    gone = {
        value for key, value in zip(entries.keys, entries.value.tolist(), strict=True) if value >= 0 and group_of(key.quantity) in RESULTS
    }
    parts: list[bytes] = []
    at = 0
    for row in sorted(gone):
        parts.append(document.text[at : int(index.start[row])])
        at = int(index.end[row])
    return b"".join([*parts, document.text[at:]])


def write_blank(document: Document, out: str | Path) -> Path:
    """Write ``blank(document)``, whole or not at all."""
    with replace_atomically(out) as part:
        part.write_bytes(blank(document))
    return Path(out)
