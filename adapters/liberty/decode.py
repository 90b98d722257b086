"""Numbers of many places of a text at once, decoded by numpy; the slow path only looks for the culprit."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters.liberty.scan import COMMENT
from eda_plugin.errors import UserError

__all__ = ["decode", "decode_one"]

_BLANKS = b', "\\\n\r\t\f\v'
_TO_BLANK = bytes(0x20 if byte in _BLANKS else byte for byte in range(256))
_NUMERIC = b"0123456789+-.eE" + _BLANKS
_MARK = b" nan "  # after each place: a word that no place may hold

Refuse = Callable[[int, str, str], UserError]


def decode(
    text: bytes, left: NDArray[np.integer], right: NDArray[np.integer], refuse: Refuse
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """All numbers between ``left[i]`` and ``right[i]`` of the text, and how many each of the places holds.

    Numbers may be separated by blanks, commas, quotes, or escaped line ends. Raises what ``refuse(offset, message, token)`` makes for a
    word that is no finite number.
    """
    if len(left) == 0:
        return np.zeros(0), np.zeros(0, dtype=np.int64)
    pieces: Sequence[bytes] = [text[a:b] for a, b in zip(left.tolist(), right.tolist(), strict=True)]
    joined = _MARK.join((*pieces, b""))
    if b"/*" in joined:
        pieces = [COMMENT.sub(_blanked, piece) for piece in pieces]
        joined = _MARK.join((*pieces, b""))
    if joined.translate(None, delete=_NUMERIC) == b"nan" * len(pieces):
        with contextlib.suppress(ValueError):
            flat = np.fromstring(joined.translate(_TO_BLANK).decode("ascii"), dtype=np.float64, sep=" ")
            marks = np.flatnonzero(np.isnan(flat))
            known = np.isfinite(flat)
            if len(marks) == len(pieces) and int(known.sum()) + len(marks) == len(flat):
                return flat[known], (np.diff(marks, prepend=-1) - 1).astype(np.int64)
    return _one_by_one(pieces, left, refuse)


def decode_one(text: bytes, left: int, right: int, refuse: Refuse) -> NDArray[np.float64]:
    """The few numbers between two offsets: quicker than ``decode`` for an axis, the same numbers and errors."""
    piece = text[left:right]
    if not piece.translate(None, delete=_NUMERIC):
        with contextlib.suppress(ValueError):
            numbers = np.array([float(word) for word in piece.translate(_TO_BLANK).split()])
            if np.isfinite(numbers).all():
                return numbers
    return decode(text, np.array([left]), np.array([right]), refuse)[0]


def _blanked(found: re.Match[bytes]) -> bytes:
    return b" " * (found.end() - found.start())


def _one_by_one(pieces: Sequence[bytes], left: NDArray[np.integer], refuse: Refuse) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The slow, obvious twin: a word at a time, so that an error names the word and its place."""
    values: list[float] = []
    counts: list[int] = []
    for piece, offset in zip(pieces, left.tolist(), strict=True):
        clean = piece.translate(_TO_BLANK)
        at = 0
        words = clean.split()
        for word in words:
            at = clean.index(word, at)
            try:
                number = float(word) if b"_" not in word else np.nan
            except ValueError:
                number = np.nan
            if not np.isfinite(number):
                token = word.decode("latin-1")
                raise refuse(offset + at, "expected a finite number", token)
            values.append(number)
            at += len(word)
        counts.append(len(words))
    return np.array(values, dtype=np.float64), np.array(counts, dtype=np.int64)
