"""HSPICE listings (.lis), streamed: simulator and run time, the corner and measures of each analysis, warnings, errors, lost convergence.

A listing without ``job concluded`` is that of a run that broke off: what was measured until then is read, ``concluded`` is False.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from eda_plugin.adapters.hspice.listing_items import Facts, ListedMeasure, Note, Run
from eda_plugin.adapters.hspice.listing_lines import LineReader
from eda_plugin.adapters.hspice.tokens import opened, text_lines
from eda_plugin.errors import ParseError, UserError

__all__ = ["ListedMeasure", "Listing", "ListingStream", "Note", "Run", "Summary", "is_listing", "read_listing", "stream_listing"]

START = 1 << 16


@dataclass(frozen=True)
class Summary:
    """What the listing says of its job. ``elapsed`` and ``cpu`` in s, NaN where not stated; ``options`` by name in lower case, empty text
    for a flag; ``parameters`` numbers of the ``.param`` lines that the listing repeats; ``concluded`` is the simulator's own word that the
    job ran to its end, ``aborted`` that it did not."""

    path: Path
    simulator: str
    version: str
    title: str
    input_file: str
    started: str
    ended: str
    elapsed: float
    cpu: float
    options: dict[str, str]
    parameters: dict[str, float]
    concluded: bool
    aborted: bool
    lines: int


@dataclass(frozen=True)
class Listing(Summary):
    """A whole listing: its ``runs`` and ``notes`` in the order of the file."""

    runs: tuple[Run, ...]
    notes: tuple[Note, ...]


class ListingStream:
    """Runs and notes of an open listing, in the order of the file: iterate once."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self._path, self._stream, self._reader = path, stream, LineReader()

    def __iter__(self) -> Iterator[Run | Note]:
        reader = self._reader
        seen = False
        for number, line in enumerate(text_lines(self._stream), 1):
            for found in reader.take(line, number):
                seen = True
                yield found
        for run in reader.end():
            seen = True
            yield run
        facts = reader.facts
        if not (seen or facts.version or facts.concluded or facts.aborted):
            raise ParseError("no HSPICE listing; expected a line such as '****** HSPICE -- S-2021.09 ... ******'", path=self._path)

    def summary(self) -> Summary:
        """What was read so far; whole after the last item."""
        return Summary(self._path, **_plain(self._reader.facts))


def _plain(facts: Facts) -> dict[str, Any]:
    return {**vars(facts), "options": dict(facts.options), "parameters": dict(facts.parameters)}


@contextlib.contextmanager
def stream_listing(path: str | Path) -> Iterator[ListingStream]:
    """Open a listing of any size, gzip or not. Raises ``UserError`` where the file can't be read, ``ParseError`` at its end where it was
    no listing."""
    path = Path(path)
    with opened(path) as stream:
        yield ListingStream(path, stream)


def read_listing(path: str | Path) -> Listing:
    """Read a listing; memory follows its runs and notes. Raises as ``stream_listing`` does."""
    with stream_listing(path) as stream:
        found = list(stream)
        facts = vars(stream.summary())
    runs = tuple(item for item in found if isinstance(item, Run))
    return Listing(**facts, runs=runs, notes=tuple(item for item in found if isinstance(item, Note)))


def is_listing(path: str | Path) -> bool:
    """True where the file begins as a listing does; an unreadable file is none."""
    reader = LineReader()
    try:
        with opened(Path(path)) as stream:
            for number, line in enumerate(stream.read(START).split(b"\n"), 1):
                for found in reader.take(line, number):
                    if isinstance(found, Run):
                        return True
    except UserError:
        return False
    return bool(reader.facts.version) or bool(reader.runs)
