"""What comes out: several files, all of them or none."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from eda_plugin.config import NullProgress, Progress
from eda_plugin.errors import UserError

__all__ = ["Output", "plain", "write_all"]

Output = tuple[Path, Callable[[Path], object]]
"""A file and what writes it: called with a path of the same name in another folder."""


def write_all(outputs: Sequence[Output], progress: Progress | None = None) -> list[Path]:
    """Write every file into a hidden folder beside the first and move them into place together; ``progress`` is told file by file.

    Raises ``UserError`` where one of them can't be written (a full disk, say): then none of them has changed.
    """
    targets = [path for path, _ in outputs]
    twice = {path for path in targets if targets.count(path) > 1}
    if twice:
        raise UserError(f"two outputs have the name {twice.pop()}; give each a name of its own")
    for path in targets:
        if path.exists() and not path.is_file():
            raise UserError(f"cannot write {path}: it is {'a folder' if path.is_dir() else 'no regular file'}; name a file")
        if not path.parent.is_dir():
            raise UserError(f"cannot write {path}: the folder {path.parent} does not exist; make it, or name another")
    path = targets[0]
    with contextlib.ExitStack() as stack:
        try:
            stages = {folder: Path(stack.enter_context(_beside(folder))) for folder in {path.parent for path in targets}}
            told = stack.enter_context((progress or NullProgress()).stage("writing", len(outputs)))
            for path, write in outputs:
                write(stages[path.parent] / path.name)
                told.advance()
            for path in targets:
                (stages[path.parent] / path.name).replace(path)
        except (OSError, UserError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            if not isinstance(cause, OSError):
                raise
            raise UserError(f"cannot write {path}: {cause.strerror or cause}; nothing was written") from error
    return targets


def _beside(folder: Path) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix=".eda-plugin-", dir=folder, ignore_cleanup_errors=True)


def plain(value: object) -> object:
    """``value`` as JSON can hold it, at any depth: no NaN or infinity (``None`` instead), text for keys, lists for sequences and arrays."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int | str | None) else str(value)
