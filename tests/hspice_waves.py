"""Waveform files in every layout of HSPICE's, for tests and benchmarks: the product reads them and never writes them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BLOCK = 8192


def header(names: Sequence[str], types: Sequence[int], version: int, swept: Sequence[str] = (), sweeps: int = 0) -> str:
    """``names`` with the scale first; HSPICE leaves the last parenthesis away."""
    counts = f"{len(names):04d}0000{len(swept):04d}0000"
    counts += f"{version}    " if version in (9007, 9601) else f"0000{version}"
    text = f"{counts}{'* made by a test':64.64}{'11/20/2026      12:00:00':24.24}{' Copyright (c) somebody. All Rights Reserved.':64.64}"
    text = f"{text:176}{sweeps:<10d}".ljust(256)
    text += "".join(f"{code:<8d}" for code in types)
    for name in (*(name.removesuffix(")") for name in names), *swept, "$&%#"):
        text += f"{name} ".ljust((len(name) // 16 + 1) * 16)
    return text


def block(payload: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}4i", 4, len(payload) // 4, 4, len(payload)) + payload + struct.pack(f"{order}i", len(payload))


def kinds(version: int, columns: int, order: str) -> list[tuple[str, str]]:
    wide, narrow = f"{order}f8", f"{order}f4"
    first, other = {2001: (wide, wide), 2013: (wide, narrow)}.get(version, (narrow, narrow))
    return [("c0", first), *((f"c{place}", other) for place in range(1, columns))]


def binary(
    names: Sequence[str],
    types: Sequence[int],
    tables: Sequence[NDArray[np.float64]],
    *,
    version: int = 9601,
    order: str = "<",
    swept: Sequence[str] = (),
    values: Sequence[Sequence[float]] = (),
    size: int = BLOCK,
    lead: str = "",
) -> bytes:
    """``tables``: (rows, columns) a sweep, real and imaginary parts as columns of their own; ``values`` of the swept parameters a sweep;
    ``lead`` the width of these (f4, f8), that of the scale where not given."""
    data = block(header(names, types, version, swept, len(tables) if swept else 0).encode(), order)
    for place, table in enumerate(tables):
        record = kinds(version, table.shape[1], order)
        rows = np.zeros(len(table), dtype=record)
        for column, (name, _) in enumerate(record):
            rows[name] = table[:, column]
        first = order + lead if lead else record[0][1]
        payload = np.array(values[place] if swept else [], dtype=first).tobytes() + rows.tobytes() + np.array([1e30], dtype=first).tobytes()
        data += b"".join(block(payload[at : at + size], order) for at in range(0, len(payload), size))
    return data


def ascii_(
    names: Sequence[str],
    types: Sequence[int],
    tables: Sequence[NDArray[np.float64]],
    *,
    version: int = 9601,
    swept: Sequence[str] = (),
    values: Sequence[Sequence[float]] = (),
) -> bytes:
    digits = 5 if version in (9007, 9601) else 7
    text = header(names, types, version, swept, len(tables) if swept else 0)
    text = text.ljust(-(-len(text) // 80) * 80)
    lines = [text[at : at + 80] for at in range(0, len(text), 80)]
    for place, table in enumerate(tables):
        numbers = [fortran(value, digits) for value in (*(values[place] if swept else ()), *table.ravel(), 1e30)]
        a_line = 80 // (digits + 6)
        lines += ["".join(numbers[at : at + a_line]) for at in range(0, len(numbers), a_line)]
    return ("\n".join(lines) + "\n").encode()


def fortran(value: float, digits: int) -> str:
    """``0.18000E+01``, ``-.86000E-10``: a leading zero gives way to the sign."""
    if value == 0:
        return f"0.{'0' * digits}E+00"
    mantissa, exponent = f"{abs(value):.{digits - 1}e}".split("e")
    return f"{'-' if value < 0 else '0'}.{mantissa.replace('.', '')}E{int(exponent) + 1:+03d}"


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
