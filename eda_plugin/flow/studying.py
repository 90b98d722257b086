"""The study of process variation: rows invented by the paper's model (arXiv 2310.10691), its rivals and ours, simulated again, and what
a regressor gains from them. Resumable cell by cell.

Each part of a cell is one JSON file, finished where it holds the fingerprint of the rows, of the settings and of the sources that make it.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import eda_plugin
from eda_plugin.adapters.ngspice.variation import simulate_rows
from eda_plugin.errors import UserError
from eda_plugin.files import replace_atomically
from eda_plugin.flow.outputs import plain
from eda_plugin.flow.study_rows import UNSEEN, RowSet, RowStore
from eda_plugin.models.rows.boosted import BoostingSettings, boosted_scores
from eda_plugin.models.rows.conditional import fit_conditional
from eda_plugin.models.rows.generators import SCHEDULES, GeneratorSettings, generate
from eda_plugin.models.rows.plain import BASELINES

__all__ = ["OURS", "StudyResult", "StudySettings", "study"]

Floats = NDArray[np.float64]
Made = tuple[Floats, Floats]
OURS = "ours"
PAPER = "ddpm"
VARIANTS: dict[str, GeneratorSettings] = {
    "ddpm": GeneratorSettings(),
    "gan": GeneratorSettings(kind="gan"),
    "vae": GeneratorSettings(kind="vae"),
    **{f"ddpm, {name}": GeneratorSettings(schedule=name) for name in list(SCHEDULES)[1:]},
    "ddpm, 3 layers": GeneratorSettings(layers=3),
    "ddpm, 7 layers": GeneratorSettings(layers=7),
    "ddpm, unet": GeneratorSettings(unet=True),
}


@dataclass(frozen=True)
class StudySettings:
    """What is measured.

    ``cells``: none for all; ``sizes`` of the real rows; ``real``: rows that the generators learn for the comparison with the simulator, of
    which ``checked`` invented rows are simulated; ``added`` rows for the regressor; ``ratios`` of added to real rows; ``variants``: also
    score the paper's open questions, on the first ``variant_cells`` cells; ``seeds`` runs of each; ``outputs``: delays (of the first
    pins) that the regressor learns; ``updates`` of each network; ``workers`` processes of ngspice.
    """

    cells: tuple[str, ...] = ()
    sizes: tuple[int, ...] = (100, 250, 500, 1000)
    real: int = 500
    checked: int = 100
    added: int = 5000
    ratios: tuple[float, ...] = (0.5, 1, 2, 5, 10)
    ratio_size: int = 250
    variants: bool = True
    variant_cells: int = 3
    seeds: int = 5
    outputs: int = 2
    updates: int = 2000
    trees: int = 1000
    workers: int = 1

    def quick(self) -> StudySettings:
        """A short form: a hundred real rows, one seed, few invented rows and updates, no variants: it shows that all runs."""
        return replace(
            self,
            sizes=(100,),
            real=100,
            checked=10,
            added=400,
            ratios=(1,),
            ratio_size=100,
            variants=False,
            seeds=1,
            updates=100,
            trees=100,
        )


@dataclass(frozen=True, eq=False)
class StudyResult:
    """``cells``: the figures of each, by its name; ``files`` written; ``notes``: what could not be measured, and why."""

    cells: Mapping[str, Mapping[str, object]]
    files: tuple[Path, ...]
    notes: tuple[str, ...]


def study(
    folder: str | Path,
    out: str | Path,
    settings: StudySettings | None = None,
    *,
    kept: Path | None = None,
    command: str = "",
    told: Callable[[str], None] | None = None,
) -> StudyResult:
    """Run the parts that are not finished in ``out`` and write study.json, study.md, study.html there.

    ``folder`` holds study.toml and data/; ``kept`` further rows. Rows that lie in neither are not simulated here: sizes for which they are
    lacking are left out and noted. Without ngspice no invented row is simulated again. Raises ``UserError`` for what doesn't fit.
    """
    from eda_plugin.flow.study_report import write_study

    settings = settings or StudySettings()
    store = RowStore(Path(folder), kept)
    strange = [name for name in settings.cells if name not in store.cells]
    if strange:
        raise UserError(f"no cell {strange[0]!r} in this study; it has {', '.join(store.cells)}")
    place = Path(out)
    (place / "parts").mkdir(parents=True, exist_ok=True)
    cells: dict[str, Mapping[str, object]] = {}
    notes: list[str] = []
    simulator = shutil.which("ngspice") is not None
    if not simulator:
        notes.append("no invented row was simulated again: ngspice is not on the PATH")
    for number, cell in enumerate(settings.cells or store.cells):
        rows = _usable(store.present(cell))
        learnt, unseen = rows.taken(rows.numbers < UNSEEN), rows.taken(rows.numbers >= UNSEEN)
        if not len(learnt) or not len(unseen):
            notes.append(f"{cell}: no rows; python {Path(folder) / 'simulate.py'} --cells {cell} makes them")
            continue
        lacking = [size for size in settings.sizes if size > len(learnt)]
        if lacking:
            notes.append(f"{cell}: {len(learnt)} rows to learn from, so none of the sizes {', '.join(map(str, lacking))}")
        case = _Case(store, cell, learnt, unseen, settings, variants=settings.variants and number < settings.variant_cells)
        cells[cell] = case.run(place / "parts", simulator=simulator, told=told)
    if not cells:
        raise UserError(f"no rows in {folder}; python {Path(folder) / 'simulate.py'} makes them")
    facts = {"version": eda_plugin.__version__, "command": command, "settings": asdict(settings), "notes": notes, "cells": cells}
    with replace_atomically(place / "study.json") as part:
        part.write_text(json.dumps(plain(facts), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    files = [place / "study.json", *write_study(facts, place)]
    return StudyResult(cells, tuple(files), tuple(notes))


def _usable(rows: RowSet) -> RowSet:
    """Rows whose every output was simulated."""
    return rows.taken(np.flatnonzero(np.isfinite(rows.outputs).all(axis=1)))


@dataclass(frozen=True, eq=False)
class _Case:
    """One cell of the study."""

    store: RowStore
    cell: str
    learnt: RowSet
    unseen: RowSet
    settings: StudySettings
    variants: bool

    def run(self, folder: Path, *, simulator: bool, told: Callable[[str], None] | None) -> dict[str, object]:
        parts: dict[str, Callable[[], object]] = {"regressor": self._regressor, "ratios": self._ratios}
        if simulator:
            parts = {"generated": self._generated, **parts}
        found: dict[str, object] = {"rows": len(self.learnt), "unseen": len(self.unseen)}
        for name, make in parts.items():
            path = folder / f"{self.cell}.{name}.json"
            mark = self._mark(name)
            found[name] = _read(path, mark)
            if found[name] is None:
                found[name] = plain(make())
                with replace_atomically(path) as part:
                    part.write_text(json.dumps({"mark": mark, "figures": found[name]}, indent=1) + "\n", encoding="utf-8")
                if told is not None:
                    told(f"{self.cell}: {name}")
        return found

    def _mark(self, part: str) -> str:
        """Fingerprint of what a part is made from."""
        root = Path(eda_plugin.__file__).parent
        digest = hashlib.sha256(f"{part} {self.variants} {replace(self.settings, workers=1, cells=())}".encode())
        for rows in (self.learnt, self.unseen):
            digest.update(rows.inputs.tobytes() + rows.outputs.tobytes())
        for file in sorted((root / "models").rglob("*.py")):
            if file.parent.name == "rows" or file.stem in ("diffusion", "denoiser", "sampling", "schedule"):
                digest.update(file.read_bytes())
        return digest.hexdigest()

    @property
    def _times(self) -> list[int]:
        """Columns of the outputs that the generators learn: delays, then transitions."""
        return [*self.learnt.columns("delay_"), *self.learnt.columns("transition_")]

    def _sample(self, size: int, seed: int) -> RowSet:
        """``size`` of the rows to learn from: for each seed others, where there are enough."""
        order = np.random.default_rng([seed, 1]).permutation(len(self.learnt))
        return self.learnt.taken(np.sort(order[:size]))

    def _made(self, method: str, real: RowSet, outputs: list[int], count: int, seed: int) -> Made:
        """Rows that a method makes of real ones."""
        law, y = self.store.law, real.outputs[:, outputs]
        if method in BASELINES:
            return BASELINES[method](law, real.inputs, y, count, seed)
        every = real.outputs[:, self._times]
        at = [self._times.index(place) for place in outputs]
        if method == OURS:
            model = fit_conditional(law, real.inputs, every, seed=seed, diffusion=False)
            inputs = model.inputs(count, seed)
            return inputs, model.mean(inputs)[:, at]
        inputs, made = generate(real.inputs, every, count, seed, replace(VARIANTS[method], updates=self.settings.updates))
        return inputs, made[:, at]

    def _generated(self) -> dict[str, object]:
        """Error of invented delays against their simulation, in per cent, by method and seed; and the invented values for the plots."""
        size = min(self.settings.real, len(self.learnt))
        delays = len(self.learnt.columns("delay_"))
        methods = list(VARIANTS) if self.variants else [PAPER]
        errors: dict[str, list[float]] = {}
        shown: dict[str, list[float]] = {"real": self.learnt.outputs[:, self._times[0]].tolist()}
        for seed in range(self.settings.seeds):
            real = self._sample(size, seed)
            drawn: dict[str, Made] = {}
            for method in methods:
                inputs, made = self._made(method, real, self._times, self.settings.checked, seed)
                drawn[method] = (self.store.law.clipped(inputs), made)
            model = fit_conditional(self.store.law, real.inputs, real.outputs[:, self._times], seed=seed)
            inputs = model.inputs(self.settings.checked, seed)
            drawn[OURS] = (inputs, model.draw(inputs, seed)[0])
            drawn["ours, mean of 16 draws"] = (inputs, model.draw(inputs, seed, 16).mean(axis=0))
            drawn["ours, mean alone"] = (inputs, model.mean(inputs))
            known: tuple[Floats, Floats] | None = None
            for method, (inputs, made) in drawn.items():
                if known is None or known[0] is not inputs:
                    known = (inputs, simulate_rows(self.store.bench(self.cell), inputs, workers=self.settings.workers)[0][:, self._times])
                off = 100 * np.abs(made[:, :delays] / known[1][:, :delays] - 1)
                errors.setdefault(method, []).append(float(np.nanmean(off)))
                if not seed and method in (PAPER, OURS):
                    shown[method] = made[:, 0].tolist()
        return {"real_rows": size, "checked": self.settings.checked, "mape_pct": errors, "density": shown, "output": self._output(0)}

    def _output(self, place: int) -> str:
        return self.learnt.names[1][self._times[place]]

    def _judged(self, method: str, size: int, count: int, seed: int) -> dict[str, float]:
        """Scores of the regressor with ``count`` rows of a method added; none of ``real-only``."""
        real = self._sample(size, seed)
        outputs = self._times[: self.settings.outputs]
        scaled = self.store.law.scaled
        made = None
        if method != "real-only":
            inputs, labels = self._made(method, real, outputs, count, seed)
            made = (scaled(inputs), labels)
        train = (scaled(real.inputs), real.outputs[:, outputs])
        unseen = (scaled(self.unseen.inputs), self.unseen.outputs[:, outputs])
        return boosted_scores(train, made, unseen, BoostingSettings(trees=self.settings.trees))

    def _regressor(self) -> dict[str, object]:
        """Scores on unseen rows by real rows and method, one a seed."""
        methods = ["real-only", *BASELINES, PAPER, OURS]
        return {
            str(size): {
                method: [self._judged(method, size, self.settings.added, seed) for seed in range(self.settings.seeds)] for method in methods
            }
            for size in self.settings.sizes
            if size <= len(self.learnt)
        }

    def _ratios(self) -> dict[str, object]:
        """Scores with other ratios of added to real rows."""
        size = min(self.settings.ratio_size, len(self.learnt))
        return {
            f"{ratio:g}": {
                method: [self._judged(method, size, math.ceil(ratio * size), seed) for seed in range(self.settings.seeds)]
                for method in ("mixup", "gp-labelled", PAPER, OURS)
            }
            for ratio in self.settings.ratios
        }


def _read(path: Path, mark: str) -> object:
    """The figures of a finished part, or None."""
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return found["figures"] if isinstance(found, dict) and found.get("mark") == mark else None
