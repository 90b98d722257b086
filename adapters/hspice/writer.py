"""Write a measure file in HSPICE's own layout, so that simulated examples go through the reader that foundry data goes through."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eda_plugin.errors import UserError
from eda_plugin.files import replace_atomically

__all__ = ["write_measure"]

WIDTH = 72
A_LINE = 4
FIELD = 16


def write_measure(
    path: str | Path,
    names: Sequence[str],
    values: NDArray[np.float64],
    *,
    title: str,
    swept: Sequence[str] = (),
    alter: int = 1,
    digits: int = 7,
    version: str = "ngspice results in HSPICE layout",
) -> None:
    """Write ``values`` (rows, names; SI, NaN is written as ``failed``), gzip where the name ends with ``.gz``.

    ``swept`` names are those of ``names`` that a sweep sets; they come first, after ``index``, and are counted by PARAM_COUNT. ``index``
    and ``alter#`` are added; a column ``temper`` is printed with four decimals as HSPICE does. ``digits`` after the point: 7 keeps a
    delay to 1e-8. Raises ``UserError`` for a name with a blank in it, a swept name that is no column, or another shape of ``values``.
    """
    rows = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if rows.shape[1] != len(names):
        raise UserError(f"{path}: {rows.shape[1]} columns of values under {len(names)} names")
    for name in names:
        if not name or name.split() != [name] or name.lower() in ("index", "alter#"):
            raise UserError(f"{path}: {name!r} can't name a measure; expected a word without blanks, other than index and alter#")
    lacking = [name for name in swept if name not in names]
    if lacking:
        raise UserError(f"{path}: swept parameter {lacking[0]!r} is no column; columns are {', '.join(names)}")
    order = [names.index(name) for name in swept] + [place for place, name in enumerate(names) if name not in swept]
    count = 1 + len(swept) if swept else 0
    heads = (["index"] if swept else []) + [names[place] for place in order] + ["alter#"]
    text = [f"$DATA1 SOURCE='HSPICE' VERSION='{version}' PARAM_COUNT={count}\n.TITLE '{' '.join(title.split())}'\n"]
    widths = [max(FIELD, len(head)) for head in heads]
    text.append(_wrapped(heads, widths))
    for number, row in enumerate(rows, start=1):
        fields = [f" {number:.4f}"] if swept else []
        fields += [_field(heads[len(fields) + place], row[column], digits) for place, column in enumerate(order)]
        text.append(_wrapped([*fields, str(alter)], widths))
    data = "".join(text).encode()
    with replace_atomically(path) as part:
        # No time stamp in the gzip header: the same results give the same bytes.
        part.write_bytes(gzip.compress(data, mtime=0) if str(path).endswith(".gz") else data)


def _field(name: str, value: float, digits: int) -> str:
    if np.isnan(value):
        return "failed"
    text = f"{value:8.4f}" if name.lower() == "temper" else f"{value:.{digits}e}"
    return text if text.startswith("-") else f" {text}"


def _wrapped(fields: Sequence[str], widths: Sequence[int]) -> str:
    """Fields at fixed widths, four to a line or fewer, no line beyond 72 characters unless one field alone is."""
    lines: list[str] = []
    line, used = "", 0
    for field, width in zip(fields, widths, strict=True):
        if used == A_LINE or (used and len(line) + 1 + width > WIDTH):
            lines.append(line)
            line, used = "", 0
        line += " " + field.ljust(width)
        used += 1
    lines.append(line)
    return "\n".join(lines) + "\n"
