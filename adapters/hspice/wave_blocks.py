"""Blocks of a binary waveform file: where they lie, and words out of them without reading the rest.

A block is ``4, words, 4, bytes``, the payload, ``bytes``, as 32-bit integers. HSPICE fills blocks to one size (8192 bytes), across rows and
with the last of a sweep shorter, so that the index of a gigabyte is a handful of runs of equal blocks.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters.hspice.wave_header import END, LONGEST, MARK
from eda_plugin.errors import ParseError, UserError

__all__ = ["Blocks", "byte_order", "map_blocks"]

CHUNK = 1 << 20  # rows gathered at once: bounds the index arrays
HEAD, AROUND = 4, 5  # words before a payload, and before and after it


@dataclass(frozen=True, eq=False)
class Blocks:
    """Payload of all blocks as one row of words. ``words``: the file from the first data block on; run r holds ``counts[r]`` blocks of
    ``sizes[r]`` words, the first payload at ``offsets[r]``, its first word is word ``firsts[r]`` of all."""

    words: NDArray[np.uint32]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    counts: NDArray[np.int64]
    notices: tuple[str, ...]
    firsts: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "firsts", np.concatenate([[0], np.cumsum(self.sizes * self.counts)]).astype(np.int64))

    @property
    def total(self) -> int:
        """Words in all payloads."""
        return int(self.firsts[-1])

    def take(self, begin: int, step: int, count: int, width: int) -> NDArray[np.uint32]:
        """(count, width) words in the file's byte order: ``width`` at ``begin`` and every ``step`` words after."""
        taken = np.empty((count, width), dtype=self.words.dtype)
        for low in range(0, count, CHUNK):
            places = begin + step * np.arange(low, min(low + CHUNK, count), dtype=np.int64)
            for part in range(width):
                self._gather(places + part, taken[low : low + len(places), part])
        return taken

    def _gather(self, places: NDArray[np.int64], out: NDArray[np.uint32]) -> None:
        """Words at rising ``places``, run by run."""
        low = int(np.searchsorted(self.firsts, places[0], side="right")) - 1
        high = int(np.searchsorted(self.firsts, places[-1], side="right")) - 1
        cuts = [0, *np.searchsorted(places, self.firsts[low + 1 : high + 1]).tolist(), len(places)]
        for run, (begin, end) in enumerate(itertools.pairwise(cuts), start=low):
            size = int(self.sizes[run])
            block, rest = np.divmod(places[begin:end] - self.firsts[run], size)
            out[begin:end] = self.words[int(self.offsets[run]) + block * (size + AROUND) + rest]

    def ends(self, version: int) -> list[tuple[int, int]]:
        """Word and width of each value at the end of a block that looks like the end of a sweep, which HSPICE writes there."""
        order = self.words.dtype.byteorder
        widths = {2001: (2,), 2013: (1, 2)}.get(version, (1,))
        found: list[tuple[int, int]] = []
        for first, size, count in zip(self.firsts.tolist(), self.sizes.tolist(), self.counts.tolist(), strict=False):
            for width in widths:
                begin = first + size - width
                skipped = int(begin < 0)
                values = self.take(begin + skipped * size, size, count - skipped, width).view(f"{order}f{4 * width}")[:, 0]
                with np.errstate(invalid="ignore", over="ignore"):
                    # In a 2013 file a block can break off in a double: half of one looks like any large number, but not like 1e30.
                    hits = np.abs(values / np.float64(1e30) - 1) < 1e-6 if version == 2013 else values > END
                found += [(begin + (place + skipped) * size, width) for place in np.flatnonzero(hits).tolist()]
        return sorted(found)


def byte_order(start: bytes) -> str | None:
    """``<`` or ``>`` where ``start`` is the head of a block, else None."""
    for order, mark in (("<", b"\x04\0\0\0"), (">", b"\0\0\0\x04")):
        if start[:4] == mark and start[8:12] == mark:
            return order
    return None


def map_blocks(path: Path, order: str) -> tuple[bytes, Blocks]:
    """The text of the header before its mark, and the index of the data blocks; nothing but block heads and ends is read.

    What the file breaks off in, or what is no block, ends the data and is told in ``notices``. Raises ``ParseError`` where there is no
    whole header.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            text = bytearray()
            end = -1
            while end < 0:
                head = stream.read(4 * HEAD)
                length = int(np.frombuffer(head, dtype=f"{order}u4")[3]) if len(head) == 4 * HEAD and byte_order(head) == order else 0
                payload = stream.read(min(length, size))
                stream.read(4)
                if not payload or len(text) > LONGEST:
                    raise ParseError("the file ends inside its header; the names of a waveform file end with $&%#", path=path)
                text += payload
                end = text.find(MARK, max(0, len(text) - len(payload) - len(MARK)))
            base = stream.tell()
        words = np.zeros(0, dtype=f"{order}u4")
        if size - base >= 4:
            words = np.memmap(path, dtype=f"{order}u4", mode="r", offset=base, shape=((size - base) // 4,)).view(np.ndarray)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    return bytes(text[:end]), _index(words, base)


def _index(words: NDArray[np.uint32], base: int) -> Blocks:
    runs: list[tuple[int, int, int]] = []
    notices: list[str] = []
    at = 0
    while at + HEAD < len(words):
        length = int(words[at + 3])
        size = length // 4
        if words[at] != 4 or words[at + 2] != 4 or length % 4:
            notices.append(f"no block at byte {base + 4 * at}; what follows is left out")
            break
        room = len(words) - at - HEAD
        if size >= room:
            if size > room or room == 0:
                notices.append(f"the last block, at byte {base + 4 * at}, holds {4 * room} of {length} bytes")
            runs.append((at + HEAD, min(size, room), 1))
            break
        count = _equal(words, at, size)
        runs += [(at + HEAD, size, max(count, 1))] if size else []
        if not count:
            notices.append(f"the block at byte {base + 4 * at} does not end as it begins; what follows is left out")
            break
        at += count * (size + AROUND)
    table = np.array(runs, dtype=np.int64).reshape(-1, 3)
    return Blocks(words, table[:, 0], table[:, 1], table[:, 2], tuple(notices))


def _equal(words: NDArray[np.uint32], at: int, size: int) -> int:
    """How many whole blocks of ``size`` words begin at ``at``, one after another; looked at in growing steps."""
    stride, length = size + AROUND, 4 * size
    count, step = 0, 1
    while step := min(step, (len(words) - at) // stride - count):
        begin = at + count * stride
        good = np.ones(step, dtype=np.bool_)
        for place, wanted in ((0, 4), (2, 4), (3, length), (HEAD + size, length)):
            good &= words[begin + place : begin + place + (step - 1) * stride + 1 : stride] == wanted
        if not good.all():
            return count + int(np.argmin(good))
        count, step = count + step, step * 8
    return count
