"""Files that a run reads beside those that it was named: what SPICE files include, what a settings file points to.

A hook for audit events (PEP 578) hears of every file that Python opens. Files that native code or another process opens are not heard.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

import eda_plugin
from eda_plugin.adapters.liberty.cache import user_folder

__all__ = ["Opened"]

_CODE = (".py", ".pyc", ".so", ".pyd", ".dll", ".dylib")
_SYSTEM = ("/proc", "/sys", "/dev", "/etc", "/usr/lib", "/usr/share/zoneinfo", "/usr/share/fonts")


class Opened:
    """Listens until ``stop``. The hook itself cannot be taken away; it does nothing any more then."""

    def __init__(self) -> None:
        self._read: dict[str, None] = {}
        self._listening = True
        sys.addaudithook(self._hear)

    def stop(self) -> None:
        """Listen no longer."""
        self._listening = False

    def files(self) -> list[Path]:
        """Resolved paths of what was opened to be read and is there still: no code, no part of Python or the system, nothing cached."""
        stated = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")]
        further = [folder for folder in sys.path if Path(folder).name in ("site-packages", "dist-packages")]  # a .pth file may name some
        folders = [*(Path(folder) for folder in (*stated, *further, *_SYSTEM) if folder), user_folder(), Path(eda_plugin.__file__).parent]
        aside = {folder.resolve() for folder in folders}
        found: dict[Path, None] = {}
        for name in list(self._read):
            path = Path(os.path.realpath(name))
            hidden = path.is_relative_to(Path.home()) and any(part.startswith(".") for part in path.relative_to(Path.home()).parts)
            if path.suffix not in _CODE and not hidden and not any(path.is_relative_to(folder) for folder in aside) and path.is_file():
                found[path] = None
        return sorted(found)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self._listening or event != "open":
            return
        name, mode, flags = arguments[:3]
        reads = not set(mode) & set("wax+") if isinstance(mode, str) else isinstance(flags, int) and not flags & (os.O_WRONLY | os.O_RDWR)
        if reads and isinstance(name, str | bytes | os.PathLike):
            self._read.setdefault(os.path.abspath(os.fsdecode(name)))  # noqa: PTH100 - called at every file that is opened
