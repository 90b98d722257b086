"""The sparse-corner benchmark on a folder of libraries: take a corner away, fill it, score what was filled. Resumable.

Each corner is blanked into a template, `eda-plugin plan` chooses simulations, the truth answers them, and every model fills the corner
through `eda-plugin fill`, in a process of its own. The truth is opened here only: to blank it, to answer, and to score.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import eda_plugin
from eda_plugin.domain import Corner
from eda_plugin.errors import UserError
from eda_plugin.farm import Here, Lost, each
from eda_plugin.flow.bench_cell import BenchSettings, Cells, Row, run_cell
from eda_plugin.flow.cases import Job, jobs
from eda_plugin.flow.inputs import expand, read_libraries
from eda_plugin.flow.session import Session

__all__ = ["BenchResult", "BenchSettings", "bench"]

SOURCES = ("adapters", "data", "domain", "hooks", "models")
"""Parts of the package that make a filled library's numbers."""


@dataclass(frozen=True, eq=False)
class BenchResult:
    """``rows``: one a cell, in order; ``files`` written. ``faults``: a line for each fill that failed, left a hole or opened the truth."""

    rows: tuple[Row, ...]
    files: tuple[Path, ...]
    faults: tuple[str, ...]


def bench(
    paths: Sequence[str | Path],
    out: str | Path,
    settings: BenchSettings | None = None,
    *,
    session: Session | None = None,
    told: Callable[[Mapping[str, object]], None] | None = None,
) -> BenchResult:
    """Run the cells that are not finished in ``out``, and write results.json, results.md and, with matplotlib, plots there.

    A cell is one target, budget and model. It is finished where its file holds the fingerprint of its inputs: the libraries' bytes, the
    settings, the package's version and its sources. ``told`` gets each row. Raises ``UserError`` for libraries or settings that don't fit.
    """
    from eda_plugin.flow.bench_report import write_report

    session, settings = session or Session.load(), settings or BenchSettings()
    settings = replace(settings, corners=settings.corners and settings.corners.resolve())
    with session.errors_told():
        models = settings.models or tuple(model.name for model in session.plugins.models)
        for model in models:
            session.plugins.models.get(model.partition("+")[0])
        libraries = _libraries(paths, settings, session)
        work = jobs(list(libraries), settings.cases, targets=settings.targets, anchors=settings.anchors, budgets=settings.budgets)
        folder = Path(out)
        cells = Cells(folder.resolve(), settings, libraries, _digests(libraries, settings), session.cache)
        tasks = [(cells, job, model) for job in work for model in models]
        names = [f"case {job.case} {job.target.name} {job.budget} {model}" for _, job, model in tasks]
        farm = session.farm if settings.workers > 1 or session.farm.elsewhere else Here()
        with session.progress.stage("benchmark", len(tasks)) as stage:

            def done(number: int, row: Row | Lost) -> None:
                if told is not None:
                    told(_row(tasks[number], row))
                stage.advance()

            answers = each(farm, run_cell, tasks, names, done, settings.workers)
        ordered = [_row(task, answer) for task, answer in zip(tasks, answers, strict=True)]
        facts = {"seed": settings.seed, "sampler": settings.sampler or "default", "version": eda_plugin.__version__}
        files = write_report(ordered, facts, folder, session.warn)
        return BenchResult(tuple(ordered), tuple(files), tuple(fault for row in ordered for fault in _faults(row)))


def _row(task: tuple[Cells, Job, str], answer: Row | Lost) -> Row:
    """The cell's row; what is known of it where its workers died."""
    if not isinstance(answer, Lost):
        return answer
    _, job, model = task
    return {"case": job.case, "target": job.target.name, "budget": job.budget, "model": model, "failure": str(answer)}


def _libraries(paths: Sequence[str | Path], settings: BenchSettings, session: Session) -> dict[Corner, Path]:
    """The Liberty files by corner."""
    liberty = session.plugins.formats.get("liberty")
    files = [file for file in expand(paths, session.plugins) if liberty.claims(file)]
    if len(files) < 2:
        raise UserError(f"{len(files)} Liberty files among {', '.join(map(str, paths))}; expected those of two corners or more")
    read = read_libraries(
        files, plugins=session.plugins, progress=session.progress, corners=settings.corners, cache=session.cache, farm=session.farm
    )
    found: dict[Corner, Path] = {}
    for library in read:
        place = Path(library.source).resolve()
        if library.corner in found:
            raise UserError(f"two libraries are at the corner {library.corner}: {found[library.corner]} and {place}; take one away")
        found[library.corner] = place
    return found


def _digests(libraries: Mapping[Corner, Path], settings: BenchSettings) -> dict[str, str]:
    """Of each library by corner, and of what all cells share."""
    common = hashlib.sha256(eda_plugin.__version__.encode())
    root = Path(eda_plugin.__file__).parent
    for part in SOURCES:
        for file in sorted((root / part).rglob("*.py")):
            common.update(file.read_bytes())
    if settings.corners is not None:
        common.update(settings.corners.read_bytes())
    return {"": common.hexdigest(), **{str(corner): hashlib.sha256(path.read_bytes()).hexdigest() for corner, path in libraries.items()}}


def _faults(row: Mapping[str, object]) -> list[str]:
    name = f"case {row['case']} {row['target']} {row['budget']} {row['model']}"
    score, leakage = row.get("score"), row.get("leakage")
    found = [f"{name}: {str(row['failure']).strip().splitlines()[-1]}"] if "failure" in row else []
    if isinstance(score, Mapping) and score["missing_tables"]:
        found.append(f"{name}: {score['missing_tables']} tables are missing")
    if isinstance(leakage, Mapping) and leakage["breaches"]:
        found.append(f"{name}: the truth is not safe: {leakage['breaches'][0]}")
    return found
