"""The text header of a waveform file, and how its values lie in a row.

Columns of the header, line breaks left out: 0-3 variables, 4-7 probes, 8-11 swept parameters, 16-19 or 20-23 version, 24-87 title,
88-111 date, then the number of sweeps; from 256 on a type code a variable, then the names, the scale first, then those of the
swept parameters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from eda_plugin.errors import ParseError

__all__ = ["END", "LONGEST", "MARK", "Layout", "Sweep", "WaveHeader", "layouts", "parse_header", "split_sweeps"]

MARK = b"$&%#"
LONGEST = 1 << 26  # bytes of a header: a million signals
END = 9e29  # HSPICE writes 1e30 after the last row of a sweep
_VERSIONS = (9007, 9601, 2001, 2013)
_TIME, _FREQUENCY = 1, 2
_BASE_CODES = frozenset(range(1, 37, 7))
"""v, i, i1, i2, ...: complex in an AC file. The six codes after each are its magnitude, real, imaginary, phase, decibels and delay."""


@dataclass(frozen=True)
class WaveHeader:
    """``names`` and ``types`` of all variables, the scale first; ``swept`` names of the values that precede each sweep; ``declared``
    sweeps, 0 where the header states none."""

    version: int
    title: str
    date: str
    names: tuple[str, ...]
    types: tuple[int, ...]
    swept: tuple[str, ...]
    declared: int

    @property
    def analysis(self) -> str:
        """``transient``, ``ac`` or ``dc``."""
        if self.types[0] == _TIME:
            return "transient"
        return "ac" if self.types[0] == _FREQUENCY else "dc"


@dataclass(frozen=True)
class Layout:
    """Where values lie, in words of the file: ``lead`` words of one swept value, ``sizes`` words of one number of each variable,
    ``parts`` 2 where a variable is complex."""

    swept: int
    lead: int
    sizes: tuple[int, ...]
    parts: tuple[int, ...]

    @property
    def row(self) -> int:
        return sum(size * part for size, part in zip(self.sizes, self.parts, strict=True))

    @property
    def before(self) -> int:
        """Words before the first row of a sweep."""
        return self.swept * self.lead

    def start(self, variable: int) -> int:
        """Words before a variable in its row."""
        return sum(size * part for size, part in zip(self.sizes[:variable], self.parts[:variable], strict=True))


@dataclass(frozen=True)
class Sweep:
    """One run through the scale. ``parameters`` the swept values by name; ``complete`` is False where the file ends first."""

    parameters: dict[str, float]
    points: int
    complete: bool


def parse_header(raw: bytes, path: Path) -> WaveHeader:
    """The header from ``raw``, all before the mark ``$&%#``, without line breaks. Raises ``ParseError``."""
    text = raw.decode("latin-1")  # a byte a column
    version = next((int(part) for part in (text[20:24], text[16:20]) if part.isdecimal() and int(part) in _VERSIONS), None)
    if version is None:
        raise ParseError(
            "unknown waveform version; expected 9007, 9601, 2001 or 2013 in columns 17 to 24", path=path, line=1, token=text[16:24].strip()
        )
    counts = [text[at : at + 4] for at in (0, 4, 8)]
    if not all(re.fullmatch(r" *\d+|", part, re.ASCII) for part in counts):
        raise ParseError("the header does not begin with the number of variables", path=path, line=1, token=text[:12])
    variables, probes, swept = (int(part or 0) for part in counts)
    words = text[256:].split()
    codes = next((place for place, word in enumerate(words) if not re.fullmatch(r"\d{1,6}", word, re.ASCII)), len(words))
    # The fields hold four digits: beyond 9999 variables only the list itself tells how many there are.
    count = variables + probes if 0 < variables + probes <= codes else codes
    names = words[count:]
    if not count or len(names) < count:
        found = f"{codes} type codes and {max(len(words) - codes, 0)} names"
        raise ParseError(f"the header announces {variables + probes} variables and has {found}", path=path, line=1)
    extra = names[count:]
    if swept > len(extra) + 1:
        raise ParseError(f"the header announces {swept} swept parameters and names {len(extra)}", path=path, line=1)
    parameters = tuple((["sweep"] * swept + extra)[-swept:]) if swept else ()
    number = re.search(r"(\d+)\s*$", text[176:256], re.ASCII)
    return WaveHeader(
        version,
        text[24:88].strip(),
        " ".join(text[88:112].split()),
        tuple(_closed(name) for name in names[:count]),
        tuple(int(word) for word in words[:count]),
        parameters,
        int(number[1][-9:]) if number else 0,
    )


def _closed(name: str) -> str:
    """HSPICE leaves the last parenthesis of ``v(out`` away."""
    return name + ")" * max(0, name.count("(") - name.count(")"))


def layouts(header: WaveHeader, *, binary: bool) -> list[Layout]:
    """What a row can look like, the likeliest first: in AC files only v and i are complex, or all; in 2013 files the width of a swept value
    is not documented."""
    first, other = ((2, 2) if header.version == 2001 else (2, 1) if header.version == 2013 else (1, 1)) if binary else (1, 1)
    sizes = (first, *[other] * (len(header.names) - 1))
    parts = [(1,) * len(sizes)]
    if header.analysis == "ac":
        by_code = (1, *(2 if code in _BASE_CODES else 1 for code in header.types[1:]))
        parts = list(dict.fromkeys([by_code, (1, *[2] * (len(sizes) - 1))]))
    leads = dict.fromkeys((first, other)) if header.swept else (first,)
    return [Layout(len(header.swept), lead, sizes, part) for part in parts for lead in leads]


def split_sweeps(
    candidates: Sequence[Layout], ends: Iterable[tuple[int, int]], total: int
) -> tuple[Layout, list[tuple[int, int, bool]], list[int]]:
    """The layout that fits, its sweeps as (word where it starts, rows, complete), and the ends that fit no row.

    ``ends``: word and width of each value that looks like the end of a sweep; ``total`` words in all. An end counts only after whole rows.
    """
    ends = list(ends)
    best: tuple[Layout, list[tuple[int, int, bool]], list[int]] | None = None
    for layout in candidates:
        start, sweeps, odd = 0, [], []
        row, before = layout.row, layout.before
        for place, width in ends:
            if place - start >= before and (place - start - before) % row == 0:
                sweeps.append((start, (place - start - before) // row, True))
                start = place + width
            elif place >= start:
                odd.append(place)
        if total > start:
            sweeps.append((start, max(0, total - start - before) // row, False))
        if best is None or len(odd) < len(best[2]):
            best = layout, sweeps, odd
    if best is None:
        raise ValueError("no layout")
    return best
