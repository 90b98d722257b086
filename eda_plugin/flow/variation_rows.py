"""Monte Carlo rows of single arcs at a corner, simulated once and kept: what tables of variation are made from and judged by."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters.ngspice.arc_rows import ArcBench, simulate_arc
from eda_plugin.adapters.ngspice.variation import RowBench
from eda_plugin.domain import Arc, Corner
from eda_plugin.domain.waveform import Waveform
from eda_plugin.errors import UserError
from eda_plugin.files import replace_atomically
from eda_plugin.flow.study_rows import RowStore

__all__ = ["NOMINAL", "ArcEdge", "ArcRowStore", "Asked", "judging", "learning"]

Floats = NDArray[np.float64]
PIECE = 900
NOMINAL = -1
"""Number of the row whose process parameters are all at their means."""
JUDGING, LEARNING = 100_000, 1 << 32
"""First numbers of the draws that errors are measured on, the same at all points and corners, and of those that are learnt from: others at
each point and corner, so that all of a table's rows tell of different processes."""
STEP = 2e-12  # s: the longest time step; delays within 0.2 % of a run of fine steps


@dataclass(frozen=True)
class ArcEdge:
    """An edge of an arc's output at a corner."""

    arc: Arc
    edge: str
    corner: Corner

    def __str__(self) -> str:
        return f"{self.arc} {self.edge} at {self.corner}"


@dataclass(frozen=True, eq=False)
class Asked:
    """n rows: ``numbers`` (n,) of the draws of the process parameters, ``points`` (n, 2) slew in s and load in F."""

    numbers: NDArray[np.int64]
    points: Floats


def judging(points: Floats, count: int) -> Asked:
    """``count`` draws at each of the points (m, 2): rows (count, m) in C order."""
    return Asked(np.repeat(np.arange(JUDGING, JUDGING + count), len(points)), np.tile(points, (count, 1)))


def learning(corner: Corner, points: Floats, count: int) -> Asked:
    """``count`` draws at each of the points, point after point; they depend on the corner and the point alone."""
    begin = [LEARNING + 1000 * zlib.crc32(f"{corner} {slew:.6g} {load:.6g}".encode()) for slew, load in points]
    return Asked(np.concatenate([np.arange(first, first + count) for first in begin]), np.repeat(points, count, axis=0))


class ArcRowStore:
    """Rows of arcs of a study's cells. The draw of a number is the same at every arc, corner and point of a cell, so that corners can be
    compared row by row. What was simulated is kept in ``kept``; files whose netlists, models, law or ``wave`` have changed are not found
    again. ``wave``: the edge that drives an input; ``None`` for a ramp."""

    def __init__(self, study: RowStore, kept: Path, wave: Waveform | None = None) -> None:
        self.study, self.kept, self.wave = study, kept, wave

    def parameters(self, cell: str, numbers: NDArray[np.int64]) -> Floats:
        """(n, p) process parameters of draws."""
        law = self.study.law
        drawn = law.rows(cell, np.maximum(numbers, 0).tolist(), self.study.seed)[:, : len(law.parameters)]
        means = np.array([one.mean for one in law.parameters])
        return np.where((numbers == NOMINAL)[:, None], means, drawn)

    def rows(self, what: ArcEdge, asked: Asked, *, workers: int = 1, told: Callable[[str], None] | None = None) -> Floats:
        """Delay and transition (n, 2) in s, NaN where there is none; what is not kept yet is simulated, and kept piece by piece."""
        bench = self._bench(what)
        mark = self.mark(what)
        known = self._known(mark)
        keys = _keys(asked)
        lacking = [place for place, key in enumerate(keys) if key not in known]
        for begin in range(0, len(lacking), PIECE * workers):
            part = np.array(lacking[begin : begin + PIECE * workers])
            numbers, points = asked.numbers[part], asked.points[part]
            parameters = self.parameters(what.arc.cell, numbers)
            times = simulate_arc(ArcBench(bench, what.arc, what.edge, what.corner), parameters, points, workers=workers)
            self._keep(mark, numbers, points, times)
            known |= dict(zip(_keys(Asked(numbers, points)), map(tuple, times.tolist()), strict=True))
            if told is not None:
                told(f"{what}: {begin + len(part)} of {len(lacking)} rows")
        return np.array([known[key] for key in keys], dtype=np.float64).reshape(len(keys), 2)

    def _bench(self, what: ArcEdge) -> RowBench:
        bench = self.study.bench(what.arc.cell)
        return replace(bench, step=STEP, settings=replace(bench.settings, wave=self.wave))

    def mark(self, what: ArcEdge) -> str:
        """Beginning of the names of an arc's files: readable, and a fingerprint of all that the rows depend on."""
        bench = self._bench(what)
        try:
            texts = [path.read_bytes() for path in (bench.netlists, bench.models)]
        except OSError as error:
            raise UserError(f"cannot read {error.filename}: {error.strerror}; study.toml names netlists and models") from error
        digest = hashlib.sha256(repr((what, bench.law.parameters, bench.settings, bench.step, self.study.seed)).encode())
        for text in texts:
            digest.update(text)
        return f"{what.arc.cell}.{what.arc.pin}.{what.arc.related_pin}.{what.edge}.{what.corner}.{digest.hexdigest()[:12]}"

    def _known(self, mark: str) -> dict[tuple[int, float, float], tuple[float, ...]]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        found: dict[tuple[int, float, float], tuple[float, ...]] = {}
        for path in sorted(self.kept.glob(f"{mark}.*.parquet")):
            try:
                columns = pq.read_table(path).to_pydict()
                rows = zip(*(columns[name] for name in ("draw", "slew", "load", "delay", "transition")), strict=True)
            except (OSError, KeyError, pa.ArrowInvalid) as error:
                raise UserError(f"cannot read the rows {path}: {error}; delete it to simulate them again") from error
            found |= {(draw, slew, load): (delay, transition) for draw, slew, load, delay, transition in rows}
        return found

    def _keep(self, mark: str, numbers: NDArray[np.int64], points: Floats, times: Floats) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.kept.mkdir(parents=True, exist_ok=True)
        table = pa.table({"draw": numbers, "slew": points[:, 0], "load": points[:, 1], "delay": times[:, 0], "transition": times[:, 1]})
        name = hashlib.sha256(numbers.tobytes() + points.tobytes()).hexdigest()[:10]
        with replace_atomically(self.kept / f"{mark}.{name}.parquet") as part:
            pq.write_table(table, part, compression="zstd")


def _keys(asked: Asked) -> list[tuple[int, float, float]]:
    return list(zip(asked.numbers.tolist(), asked.points[:, 0].tolist(), asked.points[:, 1].tolist(), strict=True))
