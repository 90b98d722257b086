"""Which formats there are, and which of them a file has. A registry is built and passed; there is none at module level."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from typing import Generic, Protocol, Self, TypeVar

from eda_plugin.adapters.base import Format
from eda_plugin.errors import PluginError, UserError

__all__ = ["FormatRegistry", "Named", "Registry"]

HEAD = 4096


class Named(Protocol):
    """Anything that a registry holds: it has a name."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


class Registry(Generic[T]):
    """Named things in the order in which they came; a name is given once.

    >>> Registry("model").get("ridge")
    Traceback (most recent call last):
    eda_plugin.errors.UserError: unknown model 'ridge'; there are none
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._items: dict[str, T] = {}

    def add(self, item: T) -> None:
        """Raises ``PluginError`` where the name is taken."""
        if item.name in self._items:
            raise PluginError(f"the {self.kind} {item.name!r} is registered twice; give one of them another name")
        self._items[item.name] = item

    def get(self, name: str) -> T:
        """Raises ``UserError`` naming what there is."""
        if name not in self._items:
            there = ", ".join(self._items)
            raise UserError(f"unknown {self.kind} {name!r}; " + (f"there are {there}" if there else "there are none"))
        return self._items[name]

    @property
    def names(self) -> list[str]:
        return list(self._items)

    def copy(self) -> Self:
        """One that can be added to without changing this one."""
        other = copy(self)
        other._items = dict(self._items)
        return other

    def __iter__(self) -> Iterator[T]:
        return iter(self._items.values())

    def __len__(self) -> int:
        return len(self._items)


class FormatRegistry(Registry[Format]):
    """The formats, and the choice among them by a file's name and, where that does not settle it, its first bytes."""

    def __init__(self) -> None:
        super().__init__("format")

    def reader(self, path: Path) -> Format:
        """The format to read ``path`` with; ``UserError`` where none or more than one claims it."""
        found = self._readers(path)
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(format.name for format in found)
            raise UserError(f"{path}: several formats claim this file ({names}); rename it or disable one of the plugins")
        known = ", ".join(f"{format.name} ({' '.join(format.patterns)})" for format in self if format.read)
        raise UserError(f"{path}: no format claims this file; known are {known}")

    def reads(self, path: Path) -> bool:
        """Whether a reader claims the file by its name. What a folder holds beside such files is none of our business."""
        return any(format.read is not None and format.claims(path) for format in self)

    def writer(self, path: Path) -> Format:
        """The format to write ``path`` in, by its name."""
        for format in self:
            if format.write is not None and format.claims(path):
                return format
        known = ", ".join(f"{format.name} ({' '.join(format.patterns)})" for format in self if format.write)
        raise UserError(f"{path}: no format is written under such a name; known are {known}")

    def _readers(self, path: Path) -> list[Format]:
        readers = [format for format in self if format.read is not None]
        claimed = [format for format in readers if format.claims(path)]
        if len(claimed) == 1:
            return claimed
        head = _head(path)
        return [format for format in (claimed or readers) if format.sniff is not None and format.sniff(head)]


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
        if head[:2] == b"\x1f\x8b":
            with gzip.open(path) as packed:
                head = packed.read(HEAD)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return head  # a broken archive: its reader says so
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    return head
