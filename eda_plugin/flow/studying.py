"""The study of process variation: rows invented by the paper's model (arXiv 2310.10691), its rivals and ours, simulated again, and what
a regressor gains from them. Resumable: one file a cell, seed and measurement.

Each part is one JSON file, finished where it holds the fingerprint of the rows, of the settings and of the sources that make it. Seeds go
round the cells, so that a study that was stopped has whole seeds, and the report says how many.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

import eda_plugin
from eda_plugin.errors import UserError
from eda_plugin.farm import Processes, all_of
from eda_plugin.files import replace_atomically
from eda_plugin.flow.kept import kept
from eda_plugin.flow.outputs import plain
from eda_plugin.flow.study_case import StudyCase, StudySettings
from eda_plugin.flow.study_rows import UNSEEN, RowSet, RowStore

__all__ = ["StudyResult", "StudySettings", "study"]


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
    """Run the parts that are not finished in ``out`` and, after each seed, write study.json, study.md, study.html there.

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
    simulator = shutil.which("ngspice") is not None
    rows, notes = _rows(store, settings)
    if not rows:
        raise UserError(f"no rows in {folder}; python {Path(folder) / 'simulate.py'} makes them")
    if not simulator:
        notes.append("no invented row was simulated again: ngspice is not on the PATH")
    detailed = list(settings.cells or store.cells)[: settings.detailed]
    seeds: dict[str, list[dict[str, object]]] = {cell: [] for cell in rows}
    for seed in range(settings.seeds):
        cases = [StudyCase(store, cell, *both, settings, seed, detailed=cell in detailed) for cell, both in rows.items()]
        for case, found in zip(cases, _all(cases, place / "parts", simulator=simulator, told=told), strict=True):
            seeds[case.cell].append(found)
        cells = {cell: {"rows": len(rows[cell][0]), "unseen": len(rows[cell][1]), **_merged(parts)} for cell, parts in seeds.items()}
        said = asdict(replace(settings, seeds=seed + 1))
        facts = {"version": eda_plugin.__version__, "command": command, "settings": said, "notes": notes, "cells": cells}
        with replace_atomically(place / "study.json") as part:
            part.write_text(json.dumps(plain(facts), indent=1, allow_nan=False) + "\n", encoding="utf-8")
        files = [place / "study.json", *write_study(facts, place)]
    return StudyResult(cells, tuple(files), tuple(notes))


def _rows(store: RowStore, settings: StudySettings) -> tuple[dict[str, tuple[RowSet, RowSet]], list[str]]:
    """Rows to learn from and rows never learnt from of each cell that has some, and what is lacking."""
    found: dict[str, tuple[RowSet, RowSet]] = {}
    notes = []
    lacking: dict[int, list[str]] = {}
    for cell in settings.cells or store.cells:
        rows = store.present(cell)
        rows = rows.taken(np.flatnonzero(np.isfinite(rows.outputs).all(axis=1)))
        learnt, unseen = rows.taken(rows.numbers < UNSEEN), rows.taken(rows.numbers >= UNSEEN)
        if not len(learnt) or not len(unseen):
            notes.append(f"{cell}: no rows; python {store.folder / 'simulate.py'} --cells {cell} makes them")
            continue
        found[cell] = (learnt, unseen)
        for size in settings.sizes:
            if size > len(learnt):
                lacking.setdefault(size, []).append(cell)
    notes += [f"{size:,} real rows of {', '.join(cells)}, which have fewer" for size, cells in lacking.items()]
    return found, notes


def _all(cases: list[StudyCase], folder: Path, *, simulator: bool, told: Callable[[str], None] | None) -> list[dict[str, object]]:
    """The figures of each cell, ``workers`` cells at once."""
    workers = min(cases[0].settings.workers, len(cases))
    if workers == 1:
        return [_run(case, folder, simulator=simulator, told=told) for case in cases]

    def done(number: int, _: object) -> None:
        if told is not None:
            told(f"{cases[number].cell}, seed {cases[number].seed}: all parts")

    tasks = [(case, folder, simulator) for case in cases]
    names = [f"{case.cell}, seed {case.seed}" for case in cases]
    with closing(Processes(workers)) as farm:
        return all_of(farm, _task, tasks, names, done, "start fewer at once with --workers, what is finished is kept")


def _task(task: tuple[StudyCase, Path, bool]) -> dict[str, object]:
    """A farm's task."""
    case, folder, simulator = task
    return _run(case, folder, simulator=simulator, told=None)


def _run(case: StudyCase, folder: Path, *, simulator: bool, told: Callable[[str], None] | None) -> dict[str, object]:
    """The figures of a cell and seed, part by part: read where finished, measured where not. One thread: sums of more depend on their
    number."""
    from eda_plugin.models.threads import one_thread

    with one_thread():
        return _measured(case, folder, simulator=simulator, told=told)


def _measured(case: StudyCase, folder: Path, *, simulator: bool, told: Callable[[str], None] | None) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, make in case.parts(simulator=simulator).items():

        def done(name: str = name) -> None:
            if told is not None:
                told(f"{case.cell}, seed {case.seed}: {name}")

        found[name] = kept(folder / f"{case.cell}.{case.seed}.{name}.json", _mark(case, name), make, done)
    return found


def _mark(case: StudyCase, part: str) -> str:
    """Fingerprint of what a part is made from."""
    root = Path(eda_plugin.__file__).parent
    said = replace(case.settings, workers=1, cells=(), seeds=1, detailed=0)
    digest = hashlib.sha256(f"{part} {case.seed} {said}".encode())
    for rows in (case.learnt, case.unseen):
        digest.update(rows.inputs.tobytes() + rows.outputs.tobytes())
    for file in (root / "flow" / "study_case.py", *sorted((root / "models").rglob("*.py"))):
        if file.parent.name in ("rows", "flow") or file.stem in ("diffusion", "denoiser", "sampling", "schedule", "estimator"):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _merged(seeds: list[dict[str, object]]) -> dict[str, object]:
    """The seeds' figures in one: the innermost tables of numbers become lists, all else is the first seed's."""
    return {name: _listed([one[name] for one in seeds]) for name in seeds[0]}


def _listed(found: list[object]) -> object:
    first = found[0]
    if isinstance(first, Mapping):
        if set(first) >= {"R2", "MAPE"}:
            return found
        return {name: _listed([one[name] for one in found]) if name != "density" else first[name] for name in first}  # type: ignore[index]
    return first if isinstance(first, str | int) else found
