"""Ports of the cells in a SPICE netlist."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from eda_plugin.errors import ParseError, UserError

__all__ = ["read_ports"]


def read_ports(path: str | Path) -> dict[str, tuple[str, ...]]:
    """Ports of every ``.subckt`` of a netlist, in order, by the cell's name in lower case (SPICE knows no case).

    Continuation lines, comments and parameters are understood; included files are not followed. Raises ``UserError`` for a file that
    cannot be read, ``ParseError`` for one without any ``.subckt``.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise UserError(f"cannot read the netlists {path}: {error.strerror or error}") from error
    joined: list[str] = []
    for line in lines:
        text = re.split(r"[;$]", line, maxsplit=1)[0].strip()
        if text.startswith("+") and joined:
            joined[-1] += " " + text[1:]
        elif text and not text.startswith("*"):
            joined.append(text)
    ports: dict[str, tuple[str, ...]] = {}
    for text in joined:
        words = re.sub(r"\s*=\s*", "=", text).split()
        if words[0].lower() == ".subckt" and len(words) > 1:
            plain = itertools.takewhile(lambda word: "=" not in word and word.lower() != "params:", words[2:])
            ports[words[1].lower()] = tuple(plain)
    if not ports:
        raise ParseError("no .subckt in the netlists; expected one a cell", path=path)
    return ports
