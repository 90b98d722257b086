"""Look at libraries: what is in them, whether they follow the rules, how far two of them are apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eda_plugin.domain import Library
from eda_plugin.domain.quantity import group_of
from eda_plugin.farm import Here, all_of
from eda_plugin.flow.session import Session

if TYPE_CHECKING:
    from eda_plugin.adapters.liberty import Change, Places
    from eda_plugin.qa.compare import Comparison
    from eda_plugin.qa.findings import Finding, Rule

__all__ = ["LARGE", "Summary", "check", "compare", "compare_text", "summarize", "uninterpreted"]

LARGE = 2_000_000
"""Values of all libraries together from which on looking at them is shared out."""


@dataclass(frozen=True)
class Summary:
    """What one library holds. ``values`` and ``missing`` count numbers by group of quantities."""

    name: str
    source: str
    corner: str
    process: str
    voltage: float
    temperature: float
    cells: int
    tables: int
    values: dict[str, int]
    missing: dict[str, int]
    time_unit: float
    capacitance_unit: float
    thresholds: dict[str, float]

    def to_dict(self) -> dict[str, object]:
        """JSON-able form."""
        return asdict(self)


def summarize(library: Library) -> Summary:
    """Count what ``library`` holds."""
    values: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    known = np.concatenate([[0], np.cumsum(np.isfinite(library.values))])
    sizes = np.diff(library.start)
    there = known[library.start[1:]] - known[library.start[:-1]]
    for key, size, count in zip(library.keys, sizes, there, strict=True):
        group = group_of(key.quantity)
        values[group] += int(size)
        missing[group] += int(size - count)
    return Summary(
        name=library.name,
        source=library.source,
        corner=library.corner.name,
        process=library.corner.process,
        voltage=library.corner.voltage,
        temperature=library.corner.temperature,
        cells=len({key.cell for key in library.keys} | {cell.name for cell in library.cells}),
        tables=len(library),
        values=dict(sorted(values.items())),
        missing={group: count for group, count in sorted(missing.items()) if count},
        time_unit=library.header.time,
        capacitance_unit=library.header.capacitance,
        thresholds=dict(library.header.thresholds),
    )


def check(libraries: Sequence[Library], *, rules: Sequence[str] = (), session: Session | None = None) -> list[Finding]:
    """Apply the rules (all, or those named) to each library and across them; the built-in ones and the plugins'.

    Libraries of more than ``LARGE`` values are looked at by the session's farm, a part of the rules by each worker. Raises ``UserError``
    where the workers die of it.
    """
    from eda_plugin.qa.checks import placed

    session = session or Session.load()
    with session.errors_told():
        registry = session.plugins.checks
        chosen = registry.select(rules) if rules else tuple(registry)
        large = sum(len(library.values) for library in libraries) > LARGE
        parts = min(session.farm.width, len(chosen)) if large else 1
        tasks = [(tuple(libraries), chosen[part::parts]) for part in range(parts)]
        names = [f"the rules {', '.join(rule.name for rule in own)}" for _, own in tasks]
        found = [iter(answer) for answer in all_of(session.farm if parts > 1 else Here(), applied, tasks, names)]
        ordered = [finding for place in range(len(chosen)) for finding in next(found[place % parts])]
        return placed(ordered, libraries, _Places())


def applied(task: tuple[tuple[Library, ...], Sequence[Rule]]) -> list[list[Finding]]:
    """A farm's task: what each of some rules finds."""
    from eda_plugin.qa.checks import apply

    return apply(*task)


class _Places:
    """File and line of a finding in a Liberty file; each file that has a finding is indexed once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Places | None] = {}

    def __call__(self, library: Library, found: Finding) -> tuple[str, int] | None:
        from eda_plugin.adapters import liberty

        token = (library.source, library.name)
        if token not in self._known:
            self._known[token] = liberty.Places(liberty.open_document(*token)) if liberty.is_liberty(library.source) else None
        places = self._known[token]
        return None if places is None else places.of(found.key, found.place)


def compare(one: Library, two: Library, *, rtol: float = 0.02, atol: float = 2e-12, session: Session | None = None) -> Comparison:
    """How far ``one`` is from ``two`` (the reference), table by table; a time is equal within ``rtol`` or ``atol`` seconds."""
    from eda_plugin.qa.compare import compare as compared

    session = session or Session.load()
    with session.errors_told():
        return compared(one, two, rtol=rtol, atol_time=atol)


def compare_text(path: str | Path, reference: str | Path, *, session: Session | None = None) -> list[Change]:
    """What changed between the texts of two Liberty files, byte for byte: statements, numbers in them, blanks and comments between."""
    from eda_plugin.adapters import liberty

    session = session or Session.load()
    with session.errors_told():
        return liberty.changes(liberty.open_document(path), liberty.open_document(reference))


def uninterpreted(library: Library, *, session: Session | None = None) -> dict[str, int]:
    """How many of each group and attribute of the library's Liberty file are carried through as they stand; empty for other formats."""
    from eda_plugin.adapters import liberty

    cache = session is None or session.cache
    return liberty.uninterpreted(library.source, cache=cache) if liberty.is_liberty(library.source) else {}
