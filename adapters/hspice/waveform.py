"""HSPICE waveforms: .tr# (transient), .sw# (DC sweep), .ac# (AC), binary 9007, 9601, 2001, 2013 in both byte orders, and ASCII (POST=2).

Binary files are mapped, not read: opening looks at the heads of blocks, a signal reads the pages in which it lies.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters.hspice.tokens import opened
from eda_plugin.adapters.hspice.wave_ascii import read_ascii
from eda_plugin.adapters.hspice.wave_blocks import Blocks, byte_order, map_blocks
from eda_plugin.adapters.hspice.wave_header import END, Layout, Sweep, WaveHeader, layouts, parse_header, split_sweeps
from eda_plugin.errors import ParseError, UserError

__all__ = ["Sweep", "Waveforms", "is_waveform", "open_waveforms"]

_ASCII = re.compile(rb"[ \d]{4}[ \d]{12}(?:9007|9601|[ \d]{4}(?:2001|2013))")


@dataclass(frozen=True, eq=False)
class Waveforms:
    """Signals of one file. ``analysis``: transient, ac or dc; ``scale`` the name of the scale, ``names`` those of the signals, as the file
    spells them with the parenthesis closed (``v(out)``); ``notices`` what is damaged or missing, whose other parts can be used."""

    path: Path
    version: int
    binary: bool
    title: str
    date: str
    analysis: str
    scale: str
    names: tuple[str, ...]
    sweeps: tuple[Sweep, ...]
    notices: tuple[str, ...]
    _starts: tuple[int, ...] = field(repr=False)
    _layout: Layout = field(repr=False)
    _store: Blocks | NDArray[np.float64] = field(repr=False)

    def axis(self, sweep: int = 0) -> NDArray[np.float64]:
        """(points,) values of the scale: s, Hz, or what a DC sweep varies. ``UserError`` where there is no such sweep."""
        return self._variable(0, sweep).astype(np.float64)

    def signal(self, name: str, sweep: int = 0) -> NDArray[Any]:
        """(points,) values of a signal, SI: single or double as the file has them, complex where an AC file has pairs.

        ``name`` in any case, with or without its last parenthesis. ``UserError`` where there is no such signal or sweep.
        """
        wanted = _plain(name)
        for place, own in enumerate((self.scale, *self.names)):
            if _plain(own) == wanted:
                return self._variable(place, sweep)
        near = difflib.get_close_matches(name, self.names[:10000], n=6, cutoff=0.3) or list(self.names[:6])
        raise UserError(f"{self.path}: no signal {name!r} among {len(self.names)}; there are {', '.join(near)}")

    def _variable(self, place: int, sweep: int) -> NDArray[Any]:
        if not 0 <= sweep < len(self.sweeps):
            raise UserError(f"{self.path}: no sweep {sweep}; the file has {len(self.sweeps)}, counted from 0")
        layout, points = self._layout, self.sweeps[sweep].points
        begin = self._starts[sweep] + layout.before + layout.start(place)
        return _values(self._store, begin, layout.row, points, layout.sizes[place], layout.parts[place])


def _plain(name: str) -> str:
    return name.lower().rstrip(")")


def _values(store: Blocks | NDArray[np.float64], begin: int, step: int, count: int, size: int, parts: int) -> NDArray[Any]:
    """(count,) numbers of ``size`` words at ``begin`` and every ``step`` words after; complex where each has two parts."""
    if isinstance(store, Blocks):
        order = store.words.dtype.byteorder
        kind: type[np.floating[Any]] = np.float64 if size == 2 else np.float32
        flat = store.take(begin, step, count, size * parts).view(f"{order}f{4 * size}").astype(kind)
    else:
        places = begin + step * np.arange(count)[:, None] + np.arange(parts)
        flat = store[places]
    if parts == 1:
        return flat[:, 0]
    return flat.view(np.complex64 if flat.dtype == np.float32 else np.complex128)[:, 0]


def is_waveform(path: str | Path) -> bool:
    """True where the file begins as a waveform file does; an unreadable file is none."""
    try:
        with opened(Path(path)) as stream:
            start = stream.read(48)
    except UserError:
        return False
    return bool(_ASCII.match(start[16:] if byte_order(start) else start))


def open_waveforms(path: str | Path) -> Waveforms:
    """Open a waveform file.

    A file that breaks off, as a killed run leaves it, is read up to there and ``notices`` says so. Raises ``ParseError`` where the header
    is none or is not whole, or an ASCII value is no number; ``UserError`` where the file can't be read. A binary file must not be packed.
    """
    path = Path(path)
    with opened(path) as stream:
        start = stream.read(48)
    with path.open("rb") as plain:
        packed = plain.read(2) == b"\x1f\x8b"
    order = byte_order(start)
    if not _ASCII.match(start[16:] if order else start):
        raise ParseError(
            "no waveform header; expected a .tr#, .sw# or .ac# file of HSPICE, version 9007, 9601, 2001 or 2013",
            path=path,
            line=1,
            token=start[:24].decode("latin-1"),
        )
    if order and packed:
        raise UserError(f"{path}: a binary waveform file is mapped, not read; unpack it first (gunzip)")
    store: Blocks | NDArray[np.float64]
    if order:
        text, store = map_blocks(path, order)
        header, notices = parse_header(text, path), store.notices
        ends, total = store.ends(header.version), store.total
    else:
        text, store, notices = read_ascii(path)
        header = parse_header(text, path)
        ends, total = [(place, 1) for place in np.flatnonzero(store > END).tolist()], len(store)
    return _opened(path, header, store, ends, total, notices, binary=order is not None)


def _opened(
    path: Path,
    header: WaveHeader,
    store: Blocks | NDArray[np.float64],
    ends: list[tuple[int, int]],
    total: int,
    notices: tuple[str, ...],
    *,
    binary: bool,
) -> Waveforms:
    layout, found, odd = split_sweeps(layouts(header, binary=binary), ends, total)
    told = list(notices)
    if odd:
        told.append(f"{len(odd)} values of 1e30 stand inside a row, where no sweep can end")
    if not found:
        told.append("no value after the header")
    elif not found[-1][2]:
        told.append(f"sweep {len(found) - 1} has no end: {found[-1][1]} whole rows are there; the run was cut short or is still going on")
    if header.swept and header.declared > len(found):
        told.append(f"the header announces {header.declared} sweeps, the file holds {len(found)}")
    sweeps = []
    for start, points, complete in found:
        lead = [
            _values(store, start + place * layout.lead, 1, 1, layout.lead if binary else 1, 1)[0]
            if start + (place + 1) * layout.lead <= total
            else np.nan
            for place in range(layout.swept)
        ]
        sweeps.append(Sweep(dict(zip(header.swept, map(float, lead), strict=True)), points, complete))
    return Waveforms(
        path=path,
        version=header.version,
        binary=binary,
        title=header.title,
        date=header.date,
        analysis=header.analysis,
        scale=header.names[0],
        names=header.names[1:],
        sweeps=tuple(sweeps),
        notices=tuple(told),
        _starts=tuple(start for start, _, _ in found),
        _layout=layout,
        _store=store,
    )
