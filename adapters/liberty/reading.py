"""Reading one library or many: from the cache, or from the text, by several processes where there are several files."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from eda_plugin.adapters.liberty.cache import Store, packed
from eda_plugin.adapters.liberty.corner_text import stated_corner
from eda_plugin.adapters.liberty.document import open_document
from eda_plugin.domain import Corner, Library
from eda_plugin.errors import EdaPluginError, UserError
from eda_plugin.farm import Farm, Lost, Processes, cores, each

__all__ = ["parsed", "read", "read_many", "uninterpreted"]

SMALL = 1 << 20
"""Bytes below which starting processes costs more than they save, unless the caller asks for them."""


def read(path: str | Path, *, corner: Corner | None = None, name: str | None = None, cache: bool = True) -> Library:
    """Read a library from ``.lib``, ``.lib.gz`` or ``.lib.xz``, told by its first bytes.

    ``corner`` overrides what the file says of itself; ``name`` chooses one of several libraries in the file; ``cache`` looks for what an
    earlier run read from the same bytes, and keeps what is read now. Raises ``ParseError`` and ``UserError``.
    """
    if not cache:
        return open_document(path, name).library(corner)
    return _read(Store(), path, corner, name)


def _read(store: Store, path: str | Path, corner: Corner | None, name: str | None = None) -> Library:
    entry = store.entry(path, name)
    library = store.load(entry, path, corner)
    if library is None:
        document = open_document(path, name)
        library = document.library(corner)
        if not document.source.includes:  # the bytes of this file alone do not say what those hold
            store.save(entry, library, stated_corner(document), document.uninterpreted())
    return library


def uninterpreted(path: str | Path, name: str | None = None, *, cache: bool = True) -> dict[str, int]:
    """``Document.uninterpreted`` of a file, from the cache where it was read before. Raises ``ParseError`` and ``UserError``."""
    store = Store()
    known = store.load_uninterpreted(store.entry(path, name)) if cache else None
    return open_document(path, name).uninterpreted() if known is None else known


def read_many(
    paths: Sequence[str | Path],
    corners: Sequence[Corner | None] | None = None,
    workers: int | None = None,
    cache: bool = True,
    farm: Farm | None = None,
) -> list[Library]:
    """Read libraries, in the order given; ``corners``, where given, is as long as ``paths``.

    ``farm``, by default ``workers`` processes (one a core, no more than files), reads what is not in the cache; the result does not depend
    on it. On a cluster the files must have the same names as here.
    """
    wanted = list(corners) if corners is not None else [None] * len(paths)
    if len(wanted) != len(paths):
        raise UserError(f"{len(paths)} libraries and {len(wanted)} corners; give one corner, or None, for each library")
    if cache:
        return _read_many(Store(), paths, wanted, workers, farm)
    with tempfile.TemporaryDirectory(prefix="eda_plugin_") as folder:
        return _read_many(Store(Path(folder)), paths, wanted, workers, farm)


def _read_many(
    store: Store, paths: Sequence[str | Path], corners: Sequence[Corner | None], workers: int | None, farm: Farm | None
) -> list[Library]:
    new = [path for path in paths if not store.entry(path).exists()]
    small = sum(Path(path).stat().st_size for path in new) < SMALL
    count = min(len(new), workers or (1 if small else farm.width if farm else cores()))
    if count > 1 and farm is not None:
        _read_apart(store, new, farm, count)
    elif count > 1:
        own = Processes(count)
        try:
            _read_apart(store, new, own, count)
        finally:
            own.close()
    return [_read(store, path, corner) for path, corner in zip(paths, corners, strict=True)]


def _read_apart(store: Store, paths: Sequence[str | Path], farm: Farm, count: int) -> None:
    """Let a farm read files for the store, the largest first. What it can't read is left to the caller, who reads it and reports why."""
    ordered = [str(Path(path).resolve()) for _, path in sorted(((Path(path).stat().st_size, str(path)) for path in paths), reverse=True)]

    def keep(number: int, data: bytes | Lost | None) -> None:
        if isinstance(data, bytes):
            store.keep(store.entry(ordered[number]), data)

    each(farm, parsed, ordered, ordered, keep, count)


def parsed(path: str) -> bytes | None:
    """A file as the store keeps it; ``None`` where it cannot be read, or its bytes alone don't say what it holds."""
    try:
        document = open_document(path)
        if document.source.includes:
            return None
        told = stated_corner(document)
        return packed(document.library(told or Corner("unknown", 1.0, 25.0)), told, document.uninterpreted())
    except EdaPluginError:
        return None
