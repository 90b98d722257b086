"""The sparse-corner benchmark on a folder of libraries: take a corner away, fill it, score what was filled. Resumable.

Each corner is blanked into a template, `eda-plugin plan` chooses simulations, the truth answers them, and every model fills the corner
through `eda-plugin fill`, in a process of its own. The truth is opened here only: to blank it, to answer, and to score.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import eda_plugin
from eda_plugin.data.oracle import answer
from eda_plugin.domain import Corner, Library
from eda_plugin.errors import EdaPluginError, UserError
from eda_plugin.files import replace_atomically
from eda_plugin.flow.cases import Job, jobs
from eda_plugin.flow.inputs import expand, load_first, read_libraries, simulations
from eda_plugin.flow.outputs import plain
from eda_plugin.flow.processes import Usage, measured_run
from eda_plugin.flow.session import Session

__all__ = ["BenchResult", "BenchSettings", "bench"]

SOURCES = ("adapters", "data", "domain", "hooks", "models")
"""Parts of the package that make a filled library's numbers."""
Row = dict[str, object]


@dataclass(frozen=True)
class BenchSettings:
    """What is run, and how.

    ``models``: names, each with options of `fill` behind plus signs (``auto+no-diffusion``); none for all that are registered. ``targets``,
    ``anchors``, ``budgets``: see ``cases.jobs``. ``workers``: cells that run at once; no result depends on it but time and memory.
    ``corners``: a corner table. ``check_leakage``: record the files that plans and fills open. ``keep``: the filled libraries stay.
    ``joint``: score samples of whole tables too, of models that give them.
    """

    cases: tuple[str, ...] = ("A",)
    models: tuple[str, ...] = ()
    targets: tuple[Corner, ...] = ()
    anchors: tuple[Corner, ...] = ()
    budgets: tuple[str, ...] = ()
    seed: int = 0
    workers: int = 1
    corners: Path | None = None
    check_leakage: bool = False
    keep: bool = False
    joint: bool = False


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
    with session.errors_told():
        models = settings.models or tuple(model.name for model in session.plugins.models)
        for model in models:
            session.plugins.models.get(model.partition("+")[0])
        libraries = _libraries(paths, settings, session)
        work = jobs(list(libraries), settings.cases, targets=settings.targets, anchors=settings.anchors, budgets=settings.budgets)
        folder = Path(out)
        run = _Run(folder, settings, libraries, _digests(libraries, settings), session)
        cells = [(job, model) for job in work for model in models]
        rows: dict[int, Row] = {}
        written = threading.Lock()
        with session.progress.stage("benchmark", len(cells)) as stage, ThreadPoolExecutor(settings.workers) as pool:

            def do(number: int) -> None:
                row = run.cell(*cells[number])
                with written:
                    rows[number] = row
                    if told is not None:
                        told(row)
                    stage.advance()

            futures = [pool.submit(do, number) for number in range(len(cells))]
            try:
                for future in futures:
                    future.result()
            finally:
                pool.shutdown(cancel_futures=True)
        ordered = [rows[number] for number in range(len(cells))]
        files = write_report(ordered, {"seed": settings.seed, "version": eda_plugin.__version__}, folder, session.warn)
        return BenchResult(tuple(ordered), tuple(files), tuple(fault for row in ordered for fault in _faults(row)))


def _libraries(paths: Sequence[str | Path], settings: BenchSettings, session: Session) -> dict[Corner, Path]:
    """The Liberty files by corner."""
    liberty = session.plugins.formats.get("liberty")
    files = [file for file in expand(paths, session.plugins) if liberty.claims(file)]
    if len(files) < 2:
        raise UserError(f"{len(files)} Liberty files among {', '.join(map(str, paths))}; expected those of two corners or more")
    read = read_libraries(files, plugins=session.plugins, progress=session.progress, corners=settings.corners, cache=session.cache)
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


@dataclass(frozen=True, eq=False)
class _Run:
    """Where everything is. ``digests`` by corner's name; under the empty name, of what all cells share."""

    out: Path
    settings: BenchSettings
    libraries: Mapping[Corner, Path]
    digests: Mapping[str, str]
    session: Session
    _busy: dict[Job, threading.Lock] = field(default_factory=dict)
    _door: threading.Lock = field(default_factory=threading.Lock)

    def cell(self, job: Job, model: str) -> Row:
        """The row of a cell: as it stands in its file, or run now. A failure is run again."""
        folder = self._folder(job)
        place, token = folder / f"{model.replace('+', '_')}.json", self._token(job, model)
        known = _load(place)
        checked = not self.settings.check_leakage or "leakage" in known
        kept = not self.settings.keep or (folder / model / "filled.lib").exists()
        drawn = not self.settings.joint or "joint" in known
        if known.get("fingerprint") == token and "failure" not in known and checked and kept and drawn:
            return known
        with self._door:
            lock = self._busy.setdefault(job, threading.Lock())
        facts: Row = {"fingerprint": token, "case": job.case, "target": job.target.name, "budget": job.budget, "model": model}
        facts["anchors"] = [corner.name for corner in job.anchors]
        try:
            with lock:
                prepared = self._prepare(job, folder)
            row = {**facts, **prepared, **self._fill(job, model, folder)}
        except EdaPluginError as error:
            row = {**facts, "failure": str(error)}
        _save(place, row)
        return row

    def _folder(self, job: Job) -> Path:
        folder = self.out / f"case_{job.case}" / job.target.name / job.budget.replace("%", "pct")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot write results in {folder}: {error.strerror or error}; name another folder") from error
        return folder

    def _token(self, job: Job, model: str) -> str:
        """What a result depends on."""
        parts = [self.digests[""], self.digests[job.target.name], *(self.digests[corner.name] for corner in job.anchors)]
        parts += [str(job), model, str(self.settings.seed)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _prepare(self, job: Job, folder: Path) -> Row:
        """Template, plan and answers of a target; what they cost."""
        from eda_plugin.adapters import liberty, points

        place, token = folder / "prepared.json", self._token(job, "")
        template, plan, answers = folder / "template.lib", folder / "plan.csv", folder / "measured.csv"
        known = _load(place)
        checked = not self.settings.check_leakage or "plan_leakage" in known
        if known.pop("fingerprint", None) == token and checked and template.exists() and answers.exists():
            return known
        truth_path = self.libraries[job.target]
        liberty.write_blank(liberty.open_document(truth_path), template)
        ask = [*self._common("plan", job, template), "--budget", job.budget, "-o", str(plan)]
        usage, leakage = self._run(ask, folder, "plan", truth_path)
        if usage.status:
            raise UserError(f"the plan ended with status {usage.status}: {usage.tail.strip()}")
        truth = self._truth(job.target)
        units = {"header": truth.header, "load_first": load_first(truth)}
        asked = points.read(plan, **units)  # type: ignore[arg-type]
        points.write(answer(asked, truth), answers, answered=True, **units)  # type: ignore[arg-type]
        total = simulations(truth)
        facts: Row = {"simulations": len(asked), "of_simulations": total, "plan_usage": usage.to_dict()}
        if leakage is not None:
            facts["plan_leakage"] = leakage
        _save(place, {"fingerprint": token, **facts})
        return facts

    def _fill(self, job: Job, model: str, folder: Path) -> Row:
        """Fill with one model, in a process of its own, and score what it wrote."""
        from eda_plugin.adapters import liberty, points
        from eda_plugin.qa.scores import score

        out = folder / model
        out.mkdir(exist_ok=True)
        filled, values = out / "filled.lib", out / "values.parquet"
        name, *options = model.split("+")
        ask = [*self._common("fill", job, folder / "template.lib"), "--measured", str(folder / "measured.csv"), "-o", str(filled)]
        ask += ["--values", str(values), "--report", str(out / "report.json"), "--model", name, *(f"--{option}" for option in options)]
        ask += ["--save-model", str(out)] if self.settings.joint else []
        usage, leakage = self._run(ask, out, "fill", self.libraries[job.target])
        row: Row = {"usage": usage.to_dict()}
        if leakage is not None:
            row["leakage"] = leakage
        if usage.status or not filled.exists():
            return {**row, "failure": usage.tail.strip() or f"ended with status {usage.status}"}
        library = points.attach(liberty.read(filled, corner=job.target, cache=False), values)
        truth = self._truth(job.target)
        measured = points.read(folder / "measured.csv", header=truth.header, load_first=load_first(truth))
        row["score"] = score(library, truth, measured)
        if self.settings.joint:
            row["joint"] = self._joint(out, library, truth)
        if not self.settings.keep:
            for path in (filled, values):
                path.unlink(missing_ok=True)
        return row

    def _joint(self, folder: Path, filled: Library, truth: Library) -> Mapping[str, object] | None:
        """Scores of the samples that the saved model draws; ``None`` for a model that draws none."""
        from eda_plugin.models.checkpoint import NAME, load_sampler
        from eda_plugin.qa.joint import SAMPLES, joint_scores

        if not (folder / NAME).exists():
            return None
        samples = load_sampler(folder).sample(SAMPLES, self.settings.seed)
        (folder / NAME).unlink()
        return joint_scores(samples, filled, truth)

    def _truth(self, corner: Corner) -> Library:
        from eda_plugin.adapters import liberty

        return liberty.read(self.libraries[corner], corner=corner, cache=self.session.cache)

    def _common(self, command: str, job: Job, template: Path) -> list[str]:
        """The part of a command line that plans and fills share."""
        target = f"{job.target.process},{job.target.voltage!r},{job.target.temperature!r}"
        words = [command, *(str(self.libraries[corner]) for corner in job.anchors), "--template", str(template), "--target", target]
        words += ["--seed", str(self.settings.seed), "--extrapolate", "--quiet"]
        if self.settings.corners is not None:
            words += ["--corners", str(self.settings.corners.resolve())]
        return words if self.session.cache and not self.settings.check_leakage else [*words, "--no-cache"]

    def _run(self, command: Sequence[str], folder: Path, name: str, truth: Path) -> tuple[Usage, Row | None]:
        """Run a command; watched where leakage is checked. Then nothing is cached: native code reads the cache, and nobody sees that."""
        begin = [sys.executable, "-m"]
        if not self.settings.check_leakage:
            return measured_run([*begin, "eda_plugin", *command], folder / f"{name}.log"), None
        record = folder / f"{name}.opened"
        record.unlink(missing_ok=True)
        watched = [*begin, "eda_plugin.cli.watched", str(record), str(truth), "--", *command, "--workers", "1"]
        usage = measured_run(watched, folder / f"{name}.log")
        lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else ["! it left no record"]
        breaches = [line.removeprefix("! ") for line in lines if line.startswith("! ")]
        return usage, {"opened": len(lines) - len(breaches), "breaches": breaches}


def _load(path: Path) -> Row:
    """A result file; empty where there is none or it is no result."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _save(path: Path, row: Mapping[str, object]) -> None:
    with replace_atomically(path) as part:
        part.write_text(json.dumps(plain(row), indent=1, allow_nan=False) + "\n", encoding="utf-8")
