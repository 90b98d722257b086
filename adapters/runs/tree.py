"""A run tree walked: which files there are, and which belong together.

A run is a deck and what came out of it. Results belong to the deck of the same name in their folder, else to the only deck of their
folder, else to the only deck of that name in the whole tree; without any, results of one name in one folder are a run without a deck.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from eda_plugin.adapters.runs.kinds import Kind, kind_of, stem_of
from eda_plugin.errors import UserError

__all__ = ["Part", "Run", "Tree", "number_of", "walk"]

RESULTS = (Kind.MEASURE, Kind.NAMED, Kind.LISTING, Kind.LOG)
WAVES = (Kind.WAVEFORM, Kind.RAW, Kind.PRINTED)
_NUMBER = re.compile(r"\.(?:m[tsa]|tr|sw|ac)(\d+)(?:\.csv)?(?:\.gz)?$", re.IGNORECASE)


@dataclass(frozen=True)
class Part:
    """One file of a run."""

    path: Path
    kind: Kind


@dataclass(frozen=True)
class Run:
    """``place``: the path below the folder without endings, with ``/``; ``deck``: None where there is none."""

    place: str
    deck: Path | None
    parts: tuple[Part, ...]

    def of(self, kinds: Sequence[Kind]) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if part.kind in kinds)


@dataclass(frozen=True)
class Tree:
    """``runs`` by place; ``strange``: files that are no part of a run, ``unreadable``: those that can't be looked into, with the reason."""

    root: Path
    runs: tuple[Run, ...]
    strange: tuple[Path, ...]
    unreadable: tuple[tuple[Path, str], ...]

    def name(self, path: Path) -> str:
        """The path below the folder, as findings and the table give it."""
        return path.relative_to(self.root).as_posix()


def number_of(path: Path) -> int:
    """The number at a result file's end (.mt3 is 3): HSPICE's ``.alter`` block from 0, Xyce's step from 0."""
    found = _NUMBER.search(path.name)
    return int(found[1]) if found else 0


def walk(folder: str | Path, ignore: Sequence[str] = ()) -> Tree:
    """Look at every file below ``folder`` but hidden ones and those that a pattern of ``ignore`` fits; the order of names decides.

    Raises ``UserError`` where there is no such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        what = "is no folder" if root.exists() else "no such folder"
        raise UserError(f"{root}: {what}; expected one with simulation results below it")
    parts: list[Part] = []
    strange: list[Path] = []
    unreadable: list[tuple[Path, str]] = []
    for path in sorted(root.rglob("*"), key=lambda path: path.relative_to(root).as_posix()):
        below = path.relative_to(root)
        hidden = any(part.startswith(".") for part in below.parts)
        if hidden or not path.is_file() or any(fnmatchcase(below.as_posix(), pattern) for pattern in ignore):
            continue
        try:
            kind = kind_of(path)
        except UserError as error:
            unreadable.append((path, str(error)))
            continue
        if kind is None:
            strange.append(path)
        else:
            parts.append(Part(path, kind))
    return Tree(root, tuple(_joined(root, parts)), tuple(strange), tuple(unreadable))


def _joined(root: Path, parts: Sequence[Part]) -> list[Run]:
    decks = [part.path for part in parts if part.kind is Kind.DECK]
    beside: dict[tuple[Path, str], list[Path]] = defaultdict(list)
    inside: dict[Path, list[Path]] = defaultdict(list)
    named: dict[str, list[Path]] = defaultdict(list)
    for deck in decks:
        beside[deck.parent, stem_of(deck)].append(deck)
        inside[deck.parent].append(deck)
        named[stem_of(deck)].append(deck)
    owned: dict[Path, list[Part]] = {deck: [] for deck in decks}
    alone: dict[tuple[Path, str], list[Part]] = defaultdict(list)
    for part in parts:
        if part.kind is Kind.DECK:
            continue
        stem = stem_of(part.path)
        candidates = (beside[part.path.parent, stem], inside[part.path.parent], named[stem])
        owner = next((found[0] for found in candidates if len(found) == 1), None)
        if owner is None:
            alone[part.path.parent, stem].append(part)
        else:
            owned[owner].append(part)
    runs = [Run(_place(root, found[0].path if found else deck), deck, tuple(found)) for deck, found in owned.items()]
    runs += [Run(_place(root, found[0].path), None, tuple(found)) for found in alone.values()]
    return sorted(runs, key=lambda run: (run.place, run.deck is None))


def _place(root: Path, path: Path) -> str:
    return (path.relative_to(root).parent / stem_of(path)).as_posix()
