"""What a file format is to the rest of the package: a name, the files it claims, a reader, a writer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from eda_plugin.domain import Corner, Library
from eda_plugin.farm import Farm

__all__ = ["Format", "ReadOptions", "WriteOptions"]


@dataclass(frozen=True)
class ReadOptions:
    """What the user told about the files that are read.

    ``corners``: the corner of a file, by path, where the user states it. ``mapping``: the TOML file that says what the measures of
    simulation results are. ``workers``: processes to read with, ``None`` for as many as there are; the result never depends on it.
    ``cache``: whether a format that keeps what it has read may take it from there. ``farm``: where files may be read, many at once.
    """

    corners: Mapping[Path, Corner] = field(default_factory=dict)
    mapping: Path | None = None
    workers: int | None = None
    cache: bool = True
    farm: Farm | None = None


@dataclass(frozen=True)
class WriteOptions:
    """``template``: the file whose text carries the numbers; ``None`` for the library's source. ``note``: goes into the comment."""

    template: Path | None = None
    note: str = ""


@dataclass(frozen=True)
class Format:
    """One file format.

    ``patterns``: file names in lower case, with ``*``, ``?`` and ``[...]``. ``read`` gets all files of the format at once, so that several
    files may make one library, and returns SI libraries whose ``source`` names the file. ``write`` puts a library into a file.
    ``sniff`` looks at a file's first bytes (uncompressed): asked where no pattern or more than one fits.
    """

    name: str
    summary: str
    patterns: tuple[str, ...]
    read: Callable[[Sequence[Path], ReadOptions], Sequence[Library]] | None = None
    write: Callable[[Library, Path, WriteOptions], None] | None = None
    sniff: Callable[[bytes], bool] | None = None

    def claims(self, path: Path) -> bool:
        """Whether a pattern fits the file's name, upper or lower case."""
        return any(fnmatchcase(path.name.lower(), pattern) for pattern in self.patterns)
