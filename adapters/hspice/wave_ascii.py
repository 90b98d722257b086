"""Values of an ASCII waveform file: numbers of one width without a blank between them, lines broken anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters.hspice.tokens import opened
from eda_plugin.adapters.hspice.wave_header import LONGEST, MARK
from eda_plugin.errors import ParseError

__all__ = ["read_ascii"]

CHUNK = 1 << 22
_BLANKS = b" \t\r\n\v\f"
_DIGITS = b"0123456789+-.Ee"
_LONGEST = 40  # no number is longer


def read_ascii(path: Path) -> tuple[bytes, NDArray[np.float64], tuple[str, ...]]:
    """The header before its mark without line breaks, all values, and what is to be told of a cut end.

    Raises ``ParseError`` with line and column for what is no number, and where the header does not end.
    """
    with opened(path) as stream:
        head = bytearray()
        place = -1
        while place < 0:
            chunk = stream.read(1 << 16)
            if not chunk or len(head) > LONGEST:
                raise ParseError("the file ends inside its header; the names of a waveform file end with $&%#", path=path)
            head += chunk
            place = head.find(MARK, max(0, len(head) - len(chunk) - len(MARK)))
        values, notices = _values(stream, bytes(head[place + len(MARK) :]), path, head.count(b"\n", 0, place) + 1)
    return bytes(head[:place]).translate(None, b"\r\n"), values, notices


def _values(stream: IO[bytes], first: bytes, path: Path, line: int) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    blocks: list[NDArray[np.float64]] = []
    rest = b""
    chunk = first or stream.read(CHUNK)
    while chunk:
        text = chunk.translate(None, _BLANKS)
        if text.translate(None, _DIGITS):
            raw = np.frombuffer(chunk, dtype=np.uint8)
            bad = int(np.flatnonzero(~np.isin(raw, np.frombuffer(_DIGITS + _BLANKS, dtype=np.uint8)))[0])
            raise _refused(chunk, bad, path, line)
        text = rest + text
        raw = np.frombuffer(text, dtype=np.uint8)
        ends = np.flatnonzero((raw == 69) | (raw == 101)) + 4  # E+dd
        ends = ends[ends <= len(raw)]
        if len(ends):
            blocks.append(_numbers(text, ends, chunk, len(rest), path, line))
            text = text[int(ends[-1]) :]
        rest = text
        if len(rest) > _LONGEST:
            raise _refused(chunk, len(chunk) - 1, path, line)
        line += chunk.count(b"\n")
        chunk = stream.read(CHUNK)
    notices = (f"the last number is cut short ({rest.decode('latin-1')!r})",) if rest else ()
    return (np.concatenate(blocks) if blocks else np.zeros(0)), notices


def _numbers(text: bytes, ends: NDArray[np.int64], chunk: bytes, carried: int, path: Path, line: int) -> NDArray[np.float64]:
    widths = np.diff(ends, prepend=0)
    if len(ends) and (widths == widths[0]).all() and 0 < widths[0] <= _LONGEST:
        tokens = np.frombuffer(text[: int(ends[-1])], dtype=f"S{widths[0]}")
        try:
            return tokens.astype(np.float64)
        except ValueError:
            pass  # found again below, with its place
    values = np.empty(len(ends))
    begin = 0
    for place, end in enumerate(ends.tolist()):
        try:
            values[place] = float(text[begin:end])
        except ValueError:
            solid = np.flatnonzero(~np.isin(np.frombuffer(chunk, dtype=np.uint8), np.frombuffer(_BLANKS, dtype=np.uint8)))
            raise _refused(chunk, int(solid[max(0, begin - carried)]), path, line) from None
        begin = end
    return values


def _refused(chunk: bytes, at: int, path: Path, line: int) -> ParseError:
    begin = chunk.rfind(b"\n", 0, at) + 1
    token = chunk[at : at + 16].split(b"\n")[0].decode("latin-1")
    return ParseError(
        "expected numbers such as 0.18000E+01", path=path, line=line + chunk.count(b"\n", 0, at), column=at - begin + 1, token=token
    )
