"""Xyce's print files (.prn): a line of names, a row a point, ``End of Xyce(TM) Simulation``; and the table of a parameter sweep (.res)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters.hspice.tokens import opened
from eda_plugin.errors import ParseError, UserError

__all__ = ["Printed", "read_printed", "read_steps"]

END = "end of xyce"


@dataclass(frozen=True, eq=False)
class Printed:
    """``names`` without Xyce's own Index column, ``values`` (points, names); a step of ``.STEP`` begins at each of ``starts``.
    ``complete``: whether the file ends as Xyce ends one."""

    path: Path
    names: tuple[str, ...]
    values: NDArray[np.float64]
    starts: tuple[int, ...]
    complete: bool

    def signal(self, name: str, step: int = 0) -> NDArray[np.float64]:
        """(points,) of one step; names in any case. ``UserError`` where there is none."""
        wanted = name.lower()
        for place, found in enumerate(self.names):
            if found.lower() == wanted:
                bounds = (*self.starts, len(self.values))
                return self.values[bounds[step] : bounds[step + 1], place]
        raise UserError(f"{self.path}: no signal {name!r}; the file has {', '.join(self.names)}")


def read_printed(path: str | Path) -> Printed:
    """Read a print file, blank or comma separated. Raises ``ParseError`` where a row doesn't fit its names."""
    path = Path(path)
    with opened(path) as stream:
        names = stream.readline().decode("utf-8", "replace").replace(",", " ").split()
        if not names or (names[0].lower() != "index" and names[0].upper() not in ("TIME", "FREQ")):
            raise ParseError("no line of names; expected Index TIME V(1) ...", path=path, line=1, token=" ".join(names))
        indexed = names[0].lower() == "index"
        rows: list[NDArray[np.float64]] = []
        complete = False
        for number, raw in enumerate(stream, start=2):
            text = raw.decode("utf-8", "replace").replace(",", " ").strip()
            if text.lower().startswith(END):
                complete = True
                break
            if text:
                rows.append(_row(text, len(names), path, number))
    values = np.array(rows).reshape(len(rows), len(names))[:, int(indexed) :]
    scale = values[:, 0] if values.size else np.zeros(0)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(scale) < 0) + 1]).astype(int)
    return Printed(path, tuple(names[int(indexed) :]), values, tuple(starts.tolist()), complete)


def read_steps(path: str | Path) -> tuple[dict[str, float], ...]:
    """Parameters of each step of ``.STEP`` by name, in the order of the steps: of a file ``STEP NAME ...``."""
    path = Path(path)
    steps: list[dict[str, float]] = []
    with opened(path) as stream:
        names = stream.readline().decode("utf-8", "replace").split()
        if not names or names[0].upper() != "STEP":
            raise ParseError("no line of names; expected STEP and the names of the parameters", path=path, line=1, token=" ".join(names))
        for number, raw in enumerate(stream, start=2):
            text = raw.decode("utf-8", "replace").strip()
            if text.lower().startswith(END):
                break
            if text:
                steps.append(dict(zip(names[1:], _row(text, len(names), path, number)[1:].tolist(), strict=True)))
    return tuple(steps)


def _row(text: str, width: int, path: Path, line: int) -> NDArray[np.float64]:
    words = text.split()
    if len(words) != width:
        raise ParseError(f"{len(words)} values under {width} names; the run was cut short or still writes", path=path, line=line)
    try:
        return np.array([float(word) for word in words])
    except ValueError:
        raise ParseError("expected numbers", path=path, line=line, token=text) from None
