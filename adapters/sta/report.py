"""Path reports of OpenSTA: ``report_checks -fields {slew cap input_pin}``, as it prints them.

Each line of a path has its numbers under the header's words, then the edge (``^`` or ``v``), the pin and its cell in parentheses. A line of
an input pin and the next one of an output pin of the same instance are one use of an arc.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from eda_plugin.domain import Header
from eda_plugin.errors import ParseError, UserError

__all__ = ["Use", "read_report"]

_HEADER = re.compile(r"^\s*(?:Fanout\s+)?(?:Cap\s+)?(?:Slew\s+)?Delay\s+Time\s+Description\s*$")
_PIN = re.compile(r"\s([\^v])\s+(\S+)/([^\s/]+) \(([^\s()]+)\)\s*$")
_FIELDS = "report_checks -fields {slew cap input_pin}"


@dataclass(frozen=True)
class Use:
    """An arc of a cell, as a path goes through it.

    ``edge`` of ``related_pin`` in, ``out_edge`` of ``pin`` out; ``slew`` at ``related_pin`` in s, ``load`` of ``pin`` in F.
    """

    cell: str
    related_pin: str
    pin: str
    edge: str
    out_edge: str
    slew: float
    load: float


@dataclass(frozen=True)
class _Pin:
    instance: str
    pin: str
    cell: str
    edge: str
    numbers: Mapping[str, float]


def read_report(path: str | Path, *, header: Header) -> list[Use]:
    """Every use of an arc on the paths of a report, in its order; as often as it is used. ``header`` gives the units of the numbers.

    Raises ``ParseError`` where the report lacks slews, loads or input pins, or holds no path; ``UserError`` where it can't be read.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ParseError("the timing report is no text", path=path) from error
    except OSError as error:
        raise UserError(f"cannot read the timing report {path}: {error.strerror or error}") from error
    found: list[Use] = []
    before: _Pin | None = None
    for pin in _pins(lines, path):
        # Only a driver's line has a load: the line of a clock pin at a path's end does not follow from the data pin before it.
        if before is not None and before.instance == pin.instance and "Cap" in pin.numbers and "Slew" in before.numbers:
            slew, load = before.numbers["Slew"] * header.time, pin.numbers["Cap"] * header.capacitance
            found.append(Use(pin.cell, before.pin, pin.pin, before.edge, pin.edge, slew, load))
        before = None if "Cap" in pin.numbers else pin
    if not found:
        raise ParseError(f"the timing report has no path through the pins of a cell; expected the output of {_FIELDS}", path=path)
    return found


def _pins(lines: list[str], path: Path) -> Iterator[_Pin]:
    ends: dict[int, str] = {}
    for number, line in enumerate(lines, start=1):
        if _HEADER.match(line):
            ends = {found.end(): found[0] for found in re.finditer(r"\S+", line) if found[0] != "Description"}
            if not {"Cap", "Slew"} <= set(ends.values()):
                raise ParseError(
                    f"the path has no {'Cap' if 'Slew' in ends.values() else 'Slew'}; report {_FIELDS}", path=path, line=number
                )
        elif (pin := _PIN.search(line)) and ends:
            given = re.finditer(r"-?\d+\.?\d*(?:e[+-]?\d+)?", line[: pin.start(1)])
            numbers = {ends[found.end()]: float(found[0]) for found in given if found.end() in ends}
            yield _Pin(pin[2], pin[3], pin[4], "rise" if pin[1] == "^" else "fall", numbers)
