"""Where a run's folder is: one that is named, or the next in a folder of runs."""

from __future__ import annotations

import re
from pathlib import Path

from eda_plugin.errors import UserError

__all__ = ["make", "next_folder"]

_NUMBERED = re.compile(r"^(\d+)-")


def make(folder: Path) -> None:
    """Raises ``UserError`` where the folder can't be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the run folder {folder}: {error.strerror or error}; name another") from error


def next_folder(runs: Path, name: str) -> Path:
    """Make and return ``0001-name`` in a folder of runs, numbered on from the last. Runs that begin at once get numbers of their own."""
    make(runs)
    last = max((int(found[1]) for path in runs.iterdir() if (found := _NUMBERED.match(path.name))), default=0)
    while True:
        last += 1
        folder = runs / f"{last:04d}-{name}"
        if list(runs.glob(f"{last:04d}-*")):
            continue
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError(f"cannot make the run folder {folder}: {error.strerror or error}; name another with --runs") from error
        return folder
