"""ngspice's log: measures as ``name = value targ= trig=``, vectors as ``name = value``, a miss as ``... failed!``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from eda_plugin.errors import ParseError, UserError

__all__ = ["LogRow", "parse_rows", "read_log"]

_VALUE = re.compile(r"^\s*([A-Za-z_][\w().#\[\]]*)\s*=\s*(\S+)")
_FAILED = re.compile(r"^\s*meas\w*\s+\w+\s+(\S+).*\bfailed|^\s*([A-Za-z_]\w*)\s*=\s*failed", re.IGNORECASE)
_MARK = re.compile(r"^(row|done)\s+(\d+)\s*$")


@dataclass
class LogRow:
    """What one row of a deck printed: values by name, names of measures that found no crossing, unreadable texts by name; ``done``
    where the row ran to its end."""

    values: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    garbled: dict[str, str] = field(default_factory=dict)
    done: bool = False


def parse_rows(text: str) -> dict[int, LogRow]:
    """Rows of a log by number. What stands outside a row is left alone; a row that the log breaks off in is not ``done``.

    >>> parse_rows("row 3\\nd = 1e-12 targ= 2e-12 trig= 1e-12\\ndone 3\\n")[3].values
    {'d': 1e-12}
    """
    rows: dict[int, LogRow] = {}
    current: LogRow | None = None
    for line in text.splitlines():
        if mark := _MARK.match(line):
            if mark[1] == "row":
                current = rows[int(mark[2])] = LogRow()
            elif current is not None:
                current.done = rows.get(int(mark[2])) is current
                current = None
        elif current is not None:
            _take(line, current)
    return rows


def _take(line: str, row: LogRow) -> None:
    if missed := _FAILED.match(line):
        row.failed.append((missed[1] or missed[2]).lower())
    elif found := _VALUE.match(line):
        try:
            row.values[found[1].lower()] = float(found[2])
        except ValueError:
            row.garbled[found[1].lower()] = found[2]


def read_log(path: str | Path) -> dict[str, float]:
    """Measures of a log that somebody else's deck wrote, by name in lower case; NaN where ngspice says ``failed``.

    Raises ``UserError`` for a file that cannot be read, ``ParseError`` for one without any measure, or with a value that is no number.
    """
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"cannot read the log {path}: {error.strerror or error}") from error
    measures: dict[str, float] = {}
    for number, line in enumerate(text.splitlines(), 1):
        row = LogRow()
        _take(line, row)
        measures |= row.values | dict.fromkeys(row.failed, float("nan"))
        if row.garbled and "targ=" in line:
            name, token = next(iter(row.garbled.items()))
            raise ParseError(f"measure {name} is no number", path=path, line=number, column=line.index(token) + 1, token=token)
    if not measures:
        raise ParseError("no measure in this log; expected lines such as 'delay = 1.2e-11 targ= ... trig= ...'", path=path)
    return measures
