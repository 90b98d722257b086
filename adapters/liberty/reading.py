"""Reading one library or many: from the cache, or from the text, by several processes where there are several files."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from eda_plugin.adapters.liberty.cache import Store
from eda_plugin.adapters.liberty.corner_text import stated_corner
from eda_plugin.adapters.liberty.document import open_document
from eda_plugin.domain import Corner, Library
from eda_plugin.errors import EdaPluginError, UserError

__all__ = ["read", "read_many", "uninterpreted", "warm"]

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
) -> list[Library]:
    """Read libraries, in the order given; ``corners``, where given, is as long as ``paths``.

    ``workers`` processes (by default one a core, no more than files) read what is not in the cache; the result does not depend on how many.
    Each hands its arrays over in an Arrow file, so that a caller's script needs no ``__main__`` guard.
    """
    wanted = list(corners) if corners is not None else [None] * len(paths)
    if len(wanted) != len(paths):
        raise UserError(f"{len(paths)} libraries and {len(wanted)} corners; give one corner, or None, for each library")
    if cache:
        return _read_many(Store(), paths, wanted, workers)
    with tempfile.TemporaryDirectory(prefix="eda_plugin_") as folder:
        return _read_many(Store(Path(folder)), paths, wanted, workers)


def _read_many(store: Store, paths: Sequence[str | Path], corners: Sequence[Corner | None], workers: int | None) -> list[Library]:
    new = [path for path in paths if not store.entry(path).exists()]
    small = sum(Path(path).stat().st_size for path in new) < SMALL
    count = min(len(new), workers or (1 if small else _cores()))
    if count > 1 and sys.executable:
        _warm_apart(store, new, count)
    return [_read(store, path, corner) for path, corner in zip(paths, corners, strict=True)]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _warm_apart(store: Store, paths: Sequence[str | Path], count: int) -> None:
    """Let processes read the files into the store, the large ones first, each to the process with the least to do."""
    shares: list[tuple[int, list[str]]] = [(0, []) for _ in range(count)]
    for size, path in sorted(((Path(path).stat().st_size, str(path)) for path in paths), reverse=True):
        least = min(range(count), key=lambda place: shares[place][0])
        shares[least] = (shares[least][0] + size, [*shares[least][1], path])
    code = "import sys; from eda_plugin.adapters.liberty.reading import warm; warm(*sys.argv[1:])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part), "OMP_NUM_THREADS": "1"}
    running: list[subprocess.Popen[bytes]] = []
    try:
        for _, share in shares:
            command = [sys.executable, "-P", "-c", code, str(store.folder.parent), *share]
            quiet = subprocess.DEVNULL
            running.append(subprocess.Popen(command, env=environment, stdin=quiet, stdout=quiet, stderr=quiet))
        for process in running:
            process.wait()
    finally:
        for process in running:
            process.kill()
            process.wait()


def warm(folder: str, *paths: str) -> None:
    """Read files into a store. A file that cannot be read is left to the caller, who reads it again and reports the error."""
    store = Store(Path(folder))
    for path in paths:
        try:
            document = open_document(path)
            if not document.source.includes:
                told = stated_corner(document)
                library = document.library(told or Corner("unknown", 1.0, 25.0))
                store.save(store.entry(path), library, told, document.uninterpreted())
        except EdaPluginError:
            continue
