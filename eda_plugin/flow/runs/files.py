"""Files as a run folder names them: where they lie, how long they are, a digest of their bytes, and one of what is no time in them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eda_plugin.errors import UserError

__all__ = ["FileFact", "below", "describe", "digest", "is_time", "shown_path", "timeless"]

_TIME = re.compile(r"(?:^|_)seconds(?:_|$)|(?:^|_)usage$|^peak_mb$|^(?:s|CPU s|MB)$")
"""Names of seconds and of memory in reports: what two runs of one kind never share."""
_LINE = re.compile(r"^(\s*)- ([\w ]+)(?::|$)")
_SMALL = 64 << 20
_CHUNK = 1 << 20


@dataclass(frozen=True)
class FileFact:
    """``role``: the option that named the file, and what follows that name; ``path`` as seen from the run's working folder.

    ``sha256`` of the bytes; ``timeless``: of a report without its times, empty where the file holds none.
    """

    role: str
    path: str
    size: int
    sha256: str
    timeless: str = ""

    def to_dict(self) -> dict[str, object]:
        """What stands in a run folder."""
        return {name: value for name, value in asdict(self).items() if value != "" or name == "role"}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> FileFact:
        """Raises ``KeyError``, ``TypeError`` or ``ValueError`` for what ``to_dict`` did not make."""
        return cls(str(told["role"]), str(told["path"]), int(told["size"]), str(told["sha256"]), str(told.get("timeless", "")))


def is_time(name: str) -> bool:
    """Whether a number of this name in a report is a time or a use of memory.

    >>> is_time("cpu_seconds"), is_time("seconds"), is_time("delay")
    (True, True, False)
    """
    return _TIME.search(name) is not None


def digest(path: Path) -> str:
    """SHA-256 of a file. Raises ``OSError`` where it can't be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe(path: Path, role: str, base: Path) -> FileFact:
    """Raises ``UserError`` where the file can't be read."""
    try:
        return FileFact(role, shown_path(path, base), path.stat().st_size, digest(path), _timeless_digest(path))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def shown_path(path: Path, base: Path) -> str:
    """Relative to ``base`` where it lies below, else absolute."""
    whole = base / path
    return whole.relative_to(base).as_posix() if whole.is_relative_to(base) else whole.as_posix()


def below(path: Path) -> list[Path]:
    """A file as it is; of a folder every file below it, sorted; hidden ones are left aside. Nothing where there is neither."""
    if path.is_dir():
        found = (file for file in sorted(path.rglob("*")) if not any(part.startswith(".") for part in file.relative_to(path).parts))
        return [file for file in found if file.is_file()]
    return [path] if path.is_file() else []


def _timeless_digest(path: Path) -> str:
    """Empty where the file is no report, or one without times."""
    if path.suffix not in (".json", ".md") or path.stat().st_size > _SMALL:
        return ""
    text = path.read_text(encoding="utf-8", errors="replace")
    kept = timeless(text, markdown=path.suffix == ".md")
    return hashlib.sha256(kept.encode()).hexdigest() if kept is not None else ""


def timeless(text: str, *, markdown: bool) -> str | None:
    """A report without its times; ``None`` where it has none, or is no report.

    >>> timeless('{"a": 1, "seconds": 2.5}', markdown=False)
    '{"a": 1}'
    """
    if markdown:
        kept = _without_items(_without_columns(text.splitlines()))
        return "\n".join(kept) if kept != text.splitlines() else None
    try:
        whole = json.loads(text)
    except ValueError:
        return None
    left = _without_keys(whole)
    return json.dumps(left, sort_keys=True) if left != whole else None


def _without_keys(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_keys(item) for name, item in value.items() if not is_time(name)}
    return [_without_keys(item) for item in value] if isinstance(value, list) else value


def _without_items(lines: Sequence[str]) -> list[str]:
    """List items that are times go, and all that is indented deeper behind them."""
    kept: list[str] = []
    depth: int | None = None
    for line in lines:
        found = _LINE.match(line)
        indent = len(line) - len(line.lstrip())
        if depth is not None and line.strip() and indent > depth:
            continue
        depth = indent if found and is_time(found[2]) else None
        if depth is None:
            kept.append(line)
    return kept


def _without_columns(lines: Sequence[str]) -> list[str]:
    """Columns of tables whose head is a time go."""
    kept: list[str] = []
    drop: set[int] | None = None
    for line in lines:
        if not line.startswith("|"):
            drop = None
            kept.append(line)
            continue
        cells = line.split("|")
        if drop is None:
            drop = {place for place, cell in enumerate(cells) if is_time(cell.strip())}
        kept.append("|".join(cell for place, cell in enumerate(cells) if place not in drop))
    return kept
