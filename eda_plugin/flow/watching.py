"""Which files a process opens, and a stop where it opens one that it must not: how the benchmark proves that no truth is read.

A hook for audit events (PEP 578) sees every file that Python opens and every process that it starts, and it cannot be taken away again.
Files that native code opens by itself are not seen; so is nothing of a process that is started, which is why starting one is forbidden.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from eda_plugin.errors import InternalError
from eda_plugin.files import replace_atomically

__all__ = ["STARTS", "Watch"]

STARTS = ("subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "os.fork", "os.forkpty")
"""Audit events of a new process."""


class Watch:
    """Watches this process from now to its end. ``opened``: the resolved paths of the files that it opened, in order, each once.

    A file that must not be opened (``forbidden``: by path, or another name of the same file) and a new process raise ``InternalError`` in
    the code that tries, and stay in ``broken``, so that code which catches the error hides nothing.
    """

    def __init__(self, forbidden: Sequence[Path]) -> None:
        self.opened: dict[str, None] = {}
        self.broken: list[str] = []
        self._paths = {os.path.realpath(path) for path in forbidden}
        self._files = {identity for path in forbidden if (identity := _identity(os.fspath(path)))}
        sys.addaudithook(self._hear)

    def write(self, path: Path) -> None:
        """One line a file opened; a line that begins with ``!`` is a breach."""
        opened = list(self.opened)
        with replace_atomically(path) as part:
            part.write_text("".join(f"{line}\n" for line in (*(f"! {text}" for text in self.broken), *opened)), encoding="utf-8")

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            name = os.fsdecode(arguments[0])
            path = os.path.realpath(name)
            if path in self._paths or (self._files and _identity(path) in self._files):
                self._stop(f"opened {path}")
            self.opened.setdefault(path)
        elif event in STARTS:
            self._stop(f"started a process: {event} {arguments[:2]}")

    def _stop(self, what: str) -> None:
        self.broken.append(what)
        raise InternalError(f"{what}, which this process must not do")


def _identity(path: str) -> tuple[int, int] | None:
    """Device and inode of a file; ``None`` where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - called at every file that the process opens
    except OSError:
        return None
    return found.st_dev, found.st_ino
