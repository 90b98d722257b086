"""What a file of a run tree is: by its name and, where names are shared between simulators, by its first bytes."""

from __future__ import annotations

import gzip
import re
import zlib
from enum import StrEnum
from pathlib import Path

from eda_plugin.errors import UserError

__all__ = ["Kind", "head_of", "kind_of", "stem_of"]

HEAD = 1 << 16


class Kind(StrEnum):
    """Decks say what was simulated; measures, listings, logs and waveforms say what came out; steps says what Xyce's runs of one deck
    differ in."""

    DECK = "deck"
    MEASURE = "HSPICE measure file"
    NAMED = "measures by name"
    LISTING = "HSPICE listing"
    LOG = "ngspice log"
    WAVEFORM = "HSPICE waveform"
    RAW = "ngspice raw file"
    PRINTED = "Xyce print file"
    STEPS = "Xyce step table"


_DECK = re.compile(r"\.(?:sp|spi|spice|cir|ckt|net|hsp)$", re.IGNORECASE)
_MEASURE = re.compile(r"\.m[tsa]\d+(?:\.csv)?$", re.IGNORECASE)
_WAVEFORM = re.compile(r"\.(?:tr|sw|ac)\d+$", re.IGNORECASE)
_TEXT = re.compile(r"\.(?:lis|log|out|txt)\d*$", re.IGNORECASE)
_END = re.compile(
    r"(?:\.(?:m[tsa]\d+(?:\.csv)?|(?:tr|sw|ac)\d+|lis\d*|log|out|txt|raw|prn|res|sp|spi|spice|cir|ckt|net|hsp))$", re.IGNORECASE
)
_HSPICE_LISTING = re.compile(rb"hspice|\*{5,}\s.*\btnom\s*=", re.IGNORECASE)
_NGSPICE = re.compile(rb"ngspice|^Circuit: |Doing analysis at TEMP|Total analysis time \(seconds\)", re.MULTILINE)
_NAMED = re.compile(rb"^\s*[A-Za-z_][^\s=]*\s*=\s*(?:FAILED\b|[-+.\d])", re.IGNORECASE | re.MULTILINE)
_STATEMENT = re.compile(
    rb"^\s*(?:\.(?:tran|dc|ac|op|meas\w*|include|inc|lib|param|control|step)\b|x\w+\s+\S+\s+\S+)", re.IGNORECASE | re.MULTILINE
)


def head_of(path: Path) -> bytes:
    """First bytes of a file, unpacked where it is gzip. Raises ``UserError`` for a file that cannot be read."""
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
        if head[:2] == b"\x1f\x8b":
            with gzip.open(path) as packed:
                return packed.read(HEAD)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return b""  # its reader says what is wrong
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    return head


def kind_of(path: Path) -> Kind | None:
    """The kind of a file, ``None`` for one that is no part of a run (a netlist of cells without any analysis among them).

    Raises ``UserError`` for a file with a promising name that cannot be read.
    """
    name = path.name.removesuffix(".gz")
    lower = name.lower()
    if _MEASURE.search(name):
        head = head_of(path)
        return Kind.NAMED if not head.lstrip().startswith(b"$") and _NAMED.match(head) else Kind.MEASURE
    if _WAVEFORM.search(name):
        return Kind.WAVEFORM
    if lower.endswith(".raw"):
        return Kind.RAW
    if lower.endswith(".prn"):
        return Kind.PRINTED
    if lower.endswith(".res"):
        return Kind.STEPS if head_of(path).lstrip()[:4].upper() == b"STEP" else None
    if _TEXT.search(name):
        head = head_of(path)
        if _NGSPICE.search(head):
            return Kind.LOG
        return Kind.LISTING if lower.endswith(".lis") or _HSPICE_LISTING.search(head) else None
    if _DECK.search(name):
        return Kind.DECK if _STATEMENT.search(head_of(path)) and not _only_cells(head_of(path)) else None
    return None


def _only_cells(head: bytes) -> bool:
    """Whether a netlist defines cells and asks for no analysis: what decks include."""
    return not re.search(rb"^\s*(?:\.(?:tran|dc|ac|op|meas\w*|control)\b|(?:tran|meas)\s)", head, re.IGNORECASE | re.MULTILINE)


def stem_of(path: Path) -> str:
    """The name that the files of one run share: without every ending of a simulator (``inv.cir.mt0`` and ``inv.mt0.csv`` are ``inv``).

    >>> stem_of(Path("inv.cir.mt0")), stem_of(Path("ss/nand2_0.72V.lis"))
    ('inv', 'nand2_0.72V')
    """
    name = path.name.removesuffix(".gz")
    while (found := _END.search(name)) and found.start():
        name = name[: found.start()]
    return name
