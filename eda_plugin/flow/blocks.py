"""A library that is too large to be filled at once, in blocks of whole cells: each fitted, filled and checked by itself, on a farm.

So memory hangs on the block, not on the library, and time grows with the number of blocks. A library of up to ``VALUES`` values, and
``NUMBERS`` with all its anchors, is one block: it is filled as if there were none. A block's models learn from its own cells alone.
"""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eda_plugin.config import FillSettings, NullProgress
from eda_plugin.domain import Corner, Library, Points
from eda_plugin.farm import all_of
from eda_plugin.flow.session import Session
from eda_plugin.hooks.manager import Plugins
from eda_plugin.models.spread import parts_of

if TYPE_CHECKING:
    from eda_plugin.qa.findings import Finding

__all__ = ["NUMBERS", "VALUES", "Block", "BlockFill", "Blocks", "blocks_of", "fill_blocks"]

VALUES = 500_000
"""Values of the template in a block, at most."""
NUMBERS = 8_000_000
"""The same, times the anchors."""
_PARTS = "blocks"
"""The entry of a report that tells of them, and the folders of a saved model."""


@dataclass(frozen=True, eq=False)
class Block:
    """A farm's task: some cells of everything that a fill takes. ``without``: plugins that are left out."""

    anchors: tuple[Library, ...]
    template: Library
    target: Corner
    measured: Points | None
    settings: FillSettings
    without: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class BlockFill:
    """A block that has passed the gate: ``files`` of the fitted model by name, as it saves itself."""

    library: Library
    report: Mapping[str, object]
    findings: tuple[Finding, ...]
    files: Mapping[str, bytes]


@dataclass(frozen=True, eq=False)
class Blocks:
    """All blocks as one: a ``FilledCorner``. ``report`` holds means over the blocks by their values, and under ``blocks`` how many there
    were; a saved model has a folder for each."""

    library: Library
    report: Mapping[str, object]
    findings: tuple[Finding, ...]
    files: tuple[Mapping[str, bytes], ...]

    def save(self, folder: Path) -> None:
        """Write the models, each into its own folder below ``folder``."""
        for number, files in enumerate(self.files, start=1):
            place = folder / f"{_PARTS}-{number:03d}"
            place.mkdir(parents=True, exist_ok=True)
            for name, data in files.items():
                (place / name).write_bytes(data)


def blocks_of(template: Library, anchors: Sequence[Library]) -> dict[str, int]:
    """Number of the block, from 0, of each cell of the template or of an anchor: neighbours in the template's order go together."""
    sizes = dict.fromkeys([*(key.cell for key in template.keys), *(cell.name for cell in template.cells)], 0)
    for key, size in zip(template.keys, np.diff(template.start).tolist(), strict=True):
        sizes[key.cell] += size
    total = sum(sizes.values())
    count = max(math.ceil(total / VALUES), math.ceil(total * len(anchors) / NUMBERS), 1)
    parts = parts_of(np.array(list(sizes.values()), dtype=np.float64), count)
    number = dict(zip(sizes, parts.tolist(), strict=True))
    for anchor in anchors:
        for cell in dict.fromkeys(key.cell for key in anchor.keys):
            number.setdefault(cell, 0)
    return number


def fill_blocks(
    number: Mapping[str, int],
    anchors: Sequence[Library],
    template: Library,
    target: Corner,
    measured: Points | None,
    settings: FillSettings,
    session: Session,
) -> Blocks:
    """Fill each block, on the session's farm, with one thread each: so the answer does not hang on where it is done.

    Raises ``UserError`` for a block whose workers died.
    """
    count = max(number.values()) + 1
    without = tuple(info.name for info in session.plugins.infos if info.status == "disabled")
    alone = replace(settings, threads=1)
    cuts = [_Cut(library, number) for library in (template, *anchors)]
    tasks = _Tasks(cuts, _rows(measured, number, count), target, alone, without)
    names = [f"block {n + 1} of {count} ({' to '.join(cuts[0].ends(n))})" for n in range(count)]
    with session.progress.stage("filling blocks of cells", count) as stage:
        done = all_of(session.farm, fill_block, tasks, names, lambda *_: stage.advance())
    weights = [len(part.library.values) for part in done]
    report = {**merged([part.report for part in done], weights), _PARTS: {"count": count, "values": weights}}
    library = Library.joined([part.library for part in done], template.keys)
    return Blocks(library, report, tuple(found for part in done for found in part.findings), tuple(part.files for part in done))


def fill_block(block: Block) -> BlockFill:
    """Fill one block and pass it through the gate."""
    from eda_plugin.models.threads import one_thread
    from eda_plugin.qa.gate import gate

    model = Plugins.load(block.without).models.get(block.settings.model)
    with one_thread(), tempfile.TemporaryDirectory(prefix="eda_plugin_") as folder:
        filled = model.fill(block.anchors, block.template, block.target, block.measured, block.settings, NullProgress())
        filled.save(Path(folder))
        files = {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir()) if path.is_file()}
    passed = gate(filled.library, block.anchors, block.template)
    return BlockFill(passed.library, filled.report, passed.findings, files)


class _Cut:
    """A library's tables and cells by block."""

    def __init__(self, library: Library, number: Mapping[str, int]) -> None:
        self._library, self._number = library, number
        self._of_row = np.fromiter((number[key.cell] for key in library.keys), dtype=np.int64, count=len(library))

    def block(self, n: int) -> Library:
        cells = tuple(cell for cell in self._library.cells if self._number.get(cell.name) == n)
        return replace(self._library.take(np.flatnonzero(self._of_row == n)), cells=cells)

    def ends(self, n: int) -> tuple[str, str]:
        """Names of the block's first and last cell."""
        rows = np.flatnonzero(self._of_row == n)
        return self._library.keys[int(rows[0])].cell, self._library.keys[int(rows[-1])].cell


@dataclass(frozen=True, eq=False)
class _Tasks(Sequence[Block]):
    """The blocks, each made when it is asked for: all at once would be the library and its anchors a second time."""

    cuts: Sequence[_Cut]
    measured: Sequence[Points | None]
    target: Corner
    settings: FillSettings
    without: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.measured)

    def __getitem__(self, n: int) -> Block:  # type: ignore[override]  # no slices are asked for
        template, *anchors = (cut.block(n) for cut in self.cuts)
        return Block(tuple(anchors), template, self.target, self.measured[n], self.settings, self.without)


def _rows(points: Points | None, number: Mapping[str, int], count: int) -> list[Points | None]:
    """The simulations by block; ``None`` where there are none."""
    if points is None:
        return [None] * count
    of_row: NDArray[np.int64] = np.array([number[arc.cell] for arc in points.arcs], dtype=np.int64)
    found: list[Points | None] = []
    for n in range(count):
        rows = np.flatnonzero(of_row == n)
        arcs, edges = (tuple(column[row] for row in rows) for column in (points.arcs, points.edges))
        part = Points(arcs, edges, points.index[rows], points.delay[rows], points.transition[rows], points.source)  # type: ignore[arg-type]
        found.append(part if len(rows) else None)
    return found


def merged(reports: Sequence[Mapping[str, object]], weights: Sequence[int]) -> dict[str, object]:
    """One report: of numbers the mean by ``weights``, of times the sum, of anything else what most blocks have."""
    together: dict[str, object] = {}
    for name in dict.fromkeys(name for report in reports for name in report):
        there = [(report[name], weight) for report, weight in zip(reports, weights, strict=True) if report.get(name) is not None]
        values = [value for value, _ in there]
        if not values:
            together[name] = None
        elif all(isinstance(value, Mapping) for value in values):
            inner = merged(values, [weight for _, weight in there])  # type: ignore[arg-type]
            together[name] = {key: _sum(values, key) for key in inner} if name == "seconds_by_stage" else inner
        elif all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            together[name] = float(np.average(np.array(values, dtype=np.float64), weights=[weight for _, weight in there]))
        else:
            together[name] = max(Counter(map(repr, values)).items(), key=lambda item: item[1])[0]
            together[name] = next(value for value in values if repr(value) == together[name])
    return together


def _sum(parts: Sequence[object], key: str) -> float:
    return round(sum(float(part.get(key, 0.0)) for part in parts if isinstance(part, Mapping)), 2)
