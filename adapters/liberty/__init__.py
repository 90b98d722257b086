"""Liberty: read losslessly, filled in place."""

from __future__ import annotations

from pathlib import Path

from eda_plugin.adapters.liberty.document import Document, corner_of, open_document
from eda_plugin.adapters.liberty.write import WriteReport, write
from eda_plugin.domain import Corner, Library

__all__ = ["Document", "WriteReport", "corner_of", "open_document", "read", "write"]


def read(path: str | Path, *, corner: Corner | None = None, name: str | None = None) -> Library:
    """Read a library from ``.lib``, ``.lib.gz`` or ``.lib.xz``; ``name`` chooses one of several in the file."""
    return open_document(path, name).library(corner)
