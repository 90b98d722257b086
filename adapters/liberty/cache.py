"""Libraries that were read before, found again by the content of their file.

One Arrow file a library: the flat arrays as they are (mapped, not copied), names and structure as JSON in the file's metadata. A file that
cannot be written or read back is as if it were not there: a cache may be absent, never wrong.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import eda_plugin
from eda_plugin.domain import Axis, Cell, Corner, FlipFlop, Header, Library, Origin, Pin, TableKey
from eda_plugin.errors import UserError
from eda_plugin.files import replace_atomically

__all__ = ["Store", "packed", "user_folder"]

_FORM = 3  # to be raised with every change of what the reader makes of a text
_LIMIT = 4 << 30
_TEXTS = 7  # fields of a TableKey that are texts; the eighth is nth


def user_folder() -> Path:
    """``EDA_PLUGIN_CACHE``, else the platform's folder for caches."""
    if stated := os.environ.get("EDA_PLUGIN_CACHE"):
        return Path(stated)
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "eda_plugin"


class Store:
    """A folder of libraries that were read."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = (folder or user_folder()) / "liberty"

    def entry(self, path: str | Path, name: str | None = None) -> Path:
        """Where the library of a file is kept: named by content and by file name, which may state the corner.

        Raises ``UserError`` where the file cannot be read.
        """
        path = Path(path)
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=20))
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror or error}; name a Liberty file (.lib, .lib.gz, .lib.xz)") from error
        digest.update(json.dumps([path.name, name, _FORM, eda_plugin.__version__]).encode())
        return self.folder / f"{digest.hexdigest()}.arrow"

    def load(self, entry: Path, path: str | Path, corner: Corner | None = None) -> Library | None:
        """The library kept there; ``None`` where there is none, or none whose corner is known."""
        import pyarrow as pa

        try:
            with pa.memory_map(str(entry)) as file:
                table = pa.ipc.open_file(file).read_all()
            told = json.loads(table.schema.metadata[b"library"])
            arrays = {name: table[name].chunk(0).values.to_numpy() for name in table.column_names}
            return _from_parts(told, arrays, str(path), corner)
        except (OSError, pa.ArrowException, KeyError, ValueError, TypeError):
            return None

    def load_uninterpreted(self, entry: Path) -> dict[str, int] | None:
        """What the reader of the library kept there did not interpret; ``None`` where there is none."""
        import pyarrow as pa

        try:
            with pa.memory_map(str(entry)) as file:
                counts = json.loads(pa.ipc.open_file(file).schema.metadata[b"uninterpreted"])
        except (OSError, pa.ArrowException, KeyError, ValueError, TypeError):
            return None
        return counts if isinstance(counts, dict) else None

    def save(self, entry: Path, library: Library, told: Corner | None, uninterpreted: Mapping[str, int]) -> None:
        """Keep a library; ``told`` is the corner that its file states, whatever corner it was read for."""
        self.keep(entry, packed(library, told, uninterpreted))

    def keep(self, entry: Path, data: bytes) -> None:
        """Keep what ``packed`` made."""
        with contextlib.suppress(OSError, UserError):
            self.folder.mkdir(parents=True, exist_ok=True)
            with replace_atomically(entry) as part:
                part.write_bytes(data)
            self._prune()

    def _prune(self) -> None:
        """Drop the oldest files beyond the limit."""
        kept = sorted((found.stat().st_mtime, found.stat().st_size, found) for found in self.folder.glob("*.arrow"))
        excess = sum(size for _, size, _ in kept) - _LIMIT
        for _, size, found in kept:
            if excess <= 0:
                return
            found.unlink(missing_ok=True)
            excess -= size


def packed(library: Library, told: Corner | None, uninterpreted: Mapping[str, int]) -> bytes:
    """A library as the file in which a store keeps it: see ``Store.save``."""
    import pyarrow as pa

    meta, arrays = _to_parts(library, told)
    columns = [pa.LargeListArray.from_arrays(pa.array([0, len(array)], pa.int64()), pa.array(array)) for array in arrays.values()]
    table = pa.Table.from_arrays(columns, names=list(arrays)).replace_schema_metadata(
        {"library": json.dumps(meta), "uninterpreted": json.dumps(dict(uninterpreted))}
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _to_parts(library: Library, told: Corner | None) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    texts: list[list[str]] = []
    codes: list[NDArray[np.int32]] = []
    for place in range(_TEXTS):
        column = [key[place] for key in library.keys]
        known: dict[Any, int] = {}
        codes.append(np.array([known.setdefault(text, len(known)) for text in column], dtype=np.int32))
        texts.append(list(known))
    meta = {
        "name": library.name,
        "corner": [told.process, told.voltage, told.temperature] if told else None,
        "header": asdict(library.header),
        "variables": [axis.variable for axis in library.axes],
        "texts": texts,
        "cells": [
            [
                cell.name,
                cell.area,
                [[pin.name, pin.direction, pin.function, pin.clock] for pin in cell.pins],
                cell.sequential,
                astuple(cell.flipflop) if cell.flipflop else None,
            ]
            for cell in library.cells
        ],
    }
    arrays: dict[str, NDArray[Any]] = {
        "values": library.values,
        "axis": library.axis.ravel(),
        "lengths": np.array([len(axis) for axis in library.axes], dtype=np.int64),
        "axes": np.concatenate([axis.values for axis in library.axes]) if library.axes else np.zeros(0),
        "codes": np.concatenate(codes) if codes else np.zeros(0, dtype=np.int32),
        "nth": np.array([key.nth for key in library.keys], dtype=np.int32),
    }
    return meta, arrays


def _from_parts(told: dict[str, Any], arrays: dict[str, NDArray[Any]], source: str, corner: Corner | None) -> Library | None:
    if corner is None:
        if told["corner"] is None:
            return None
        corner = Corner(*told["corner"])
    nth = arrays["nth"].tolist()
    codes = arrays["codes"].reshape(_TEXTS, len(nth)).tolist()
    columns = [[texts[code] for code in column] for texts, column in zip(told["texts"], codes, strict=True)]
    ends = np.cumsum(arrays["lengths"])[:-1] if len(arrays["lengths"]) else np.zeros(0, dtype=np.int64)
    pieces = np.split(arrays["axes"], ends) if told["variables"] else []
    values = arrays["values"]
    return Library(
        name=told["name"],
        corner=corner,
        header=Header(**told["header"]),
        keys=tuple(map(TableKey, *columns, nth)),
        axes=tuple(Axis(variable, numbers) for variable, numbers in zip(told["variables"], pieces, strict=True)),
        axis=arrays["axis"].reshape(len(nth), 3),
        values=values,
        origin=np.where(np.isfinite(values), np.uint8(Origin.MEASURED), np.uint8(Origin.MISSING)),
        cells=tuple(
            Cell(name, area, tuple(Pin(*pin) for pin in pins), sequential, FlipFlop(*stored) if stored else None)
            for name, area, pins, sequential, stored in told["cells"]
        ),
        source=source,
    )
