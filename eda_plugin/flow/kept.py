"""Figures that took long to get, kept in a file each: read where they are finished, made where they are not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from eda_plugin.files import replace_atomically
from eda_plugin.flow.outputs import plain

__all__ = ["kept"]


def kept(path: Path, mark: str, make: Callable[[], object], done: Callable[[], None]) -> object:
    """The figures in ``path``, if they were made from what ``mark`` is the fingerprint of; else what ``make`` gives, which is kept there.

    ``done`` is called where they were made.
    """
    found = _read(path)
    if isinstance(found, dict) and found.get("mark") == mark and found.get("figures") is not None:
        return found["figures"]
    figures = plain(make())
    with replace_atomically(path) as part:
        part.write_text(json.dumps({"mark": mark, "figures": figures}, indent=1) + "\n", encoding="utf-8")
    done()
    return figures


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
