"""Logs of anybody's decks, of any length: one row of measures after another, each with its line, and what ngspice complained of."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from eda_plugin.adapters.hspice.tokens import opened

__all__ = ["LoggedNote", "LoggedRow", "stream_log"]

_LONGEST = 1 << 16
_VALUE = re.compile(r"^\s*([A-Za-z_][\w().#\[\]@:]*)\s*=\s*([-+]?[\d.]\S*|nan|inf)\s*(?:$|(targ|trig|from|to|at|with)\s*=)", re.IGNORECASE)
_FAILED = re.compile(r"^\s*\.?meas\w*\s+\w+\s+(\S+).*\bfailed|^\s*([A-Za-z_]\w*)\s*=\s*failed", re.IGNORECASE)
_MARK = re.compile(r"^(?:row|done)\s+\d+\s*$")
_TEMPERATURE = re.compile(r"^Doing analysis at TEMP = ([-+.\deE]+)")
_CONVERGENCE = re.compile(
    r"timestep too small|singular matrix|no convergence|convergence problem|gmin stepping failed|iteration limit", re.IGNORECASE
)
_ERROR = re.compile(
    r"simulation\(s\) aborted|^\s*(?:fatal )?error\b(?!: measure)|doAnalyses:|there aren't any circuits|incomplete or empty netlist",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class LoggedNote:
    """A complaint: ``kind`` is convergence or error."""

    kind: str
    text: str
    line: int


@dataclass
class LoggedRow:
    """One simulation's printed values: value (NaN where the measure failed) and line by name, as spelled. ``temperature`` in degrees
    Celsius, NaN where the log doesn't say."""

    temperature: float
    values: dict[str, tuple[float, int]] = field(default_factory=dict)
    measured: bool = False


def stream_log(path: str | Path) -> Iterator[LoggedRow | LoggedNote]:
    """Rows and complaints in the order of the file.

    A row ends where a name comes again, where the next analysis begins, or at the marks of our own decks. Raises ``UserError`` for a file
    that cannot be read.
    """
    row = LoggedRow(math.nan)
    with opened(Path(path)) as stream:
        for number, raw in enumerate(iter(lambda: stream.readline(_LONGEST), b""), start=1):
            text = raw.decode("utf-8", "replace").rstrip()
            if start := _TEMPERATURE.match(text):
                degrees = _number(start[1])
                if row.measured:
                    yield row
                    row = LoggedRow(degrees)
                row.temperature = degrees
            elif _MARK.match(text):
                if row.measured:
                    yield row
                row = LoggedRow(row.temperature)
            elif missed := _FAILED.match(text):
                name = missed[1] or missed[2]
                if name in row.values:
                    yield row
                    row = LoggedRow(row.temperature)
                row.values[name] = (math.nan, number)
                row.measured = True
            elif found := _VALUE.match(text):
                value = _number(found[2])
                if math.isnan(value) and not found[3]:
                    continue
                if found[1] in row.values and row.measured:
                    yield row
                    row = LoggedRow(row.temperature)
                row.values[found[1]] = (value, number)
                row.measured |= found[3] is not None
            elif _CONVERGENCE.search(text):
                yield LoggedNote("convergence", text.strip(), number)
            elif _ERROR.search(text):
                yield LoggedNote("error", text.strip(), number)
    if row.values:
        yield row


def _number(text: str) -> float:
    """NaN for what is no number."""
    try:
        return float(text)
    except ValueError:
        return math.nan
