"""Digests of SPICE files by content, with all that they include: what a kept result must not outlive."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from eda_plugin.errors import UserError

__all__ = ["file_digest"]

_INCLUDE = re.compile(rb"^\s*\.(?:include|incl?|lib)\s+(?:\"([^\"]+)\"|'([^']+)'|(\S+))", re.IGNORECASE | re.MULTILINE)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes and of every file that it includes, directly or not. Raises ``UserError`` where it can't be read."""
    whole = hashlib.sha256()
    seen: set[Path] = set()
    waiting = [path.resolve()]
    while waiting:
        file = waiting.pop(0)
        if file in seen:
            continue
        seen.add(file)
        try:
            data = file.read_bytes()
        except OSError as error:
            raise UserError(f"cannot read {file}: {error.strerror or error}") from error
        whole.update(hashlib.sha256(data).digest())
        for found in _INCLUDE.finditer(data):
            name = next(part for part in found.groups() if part is not None).decode("utf-8", "replace")
            below = (file.parent / name).resolve()
            if below.is_file():  # else the name of a section, or a path that only the simulator knows
                waiting.append(below)
    return whole.hexdigest()
