"""A cell of the benchmark: one target, budget and model, from the blanked template to the score, kept in a file of its own."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eda_plugin.data.oracle import answer
from eda_plugin.domain import Corner, Library
from eda_plugin.errors import EdaPluginError, UserError
from eda_plugin.farm import cores
from eda_plugin.files import replace_atomically
from eda_plugin.flow.cases import Job
from eda_plugin.flow.inputs import load_first, simulations
from eda_plugin.flow.outputs import plain
from eda_plugin.flow.processes import Usage, measured_run

__all__ = ["BenchSettings", "Cells", "Row", "run_cell"]

Row = dict[str, object]


@dataclass(frozen=True)
class BenchSettings:
    """What is run, and how.

    ``models``: names, each with options of `fill` behind plus signs (``auto+no-diffusion``); none for all that are registered. ``targets``,
    ``anchors``, ``budgets``: see ``cases.jobs``. ``sampler``: of `plan`, by name, else its default. ``workers``: cells that run at once,
    each in a process of its own; no result depends on it but time and memory.
    ``corners``: a corner table. ``check_leakage``: record the files that plans and fills open. ``keep``: the filled libraries stay.
    ``joint``: score samples of whole tables too, of models that give them.
    """

    cases: tuple[str, ...] = ("A",)
    models: tuple[str, ...] = ()
    targets: tuple[Corner, ...] = ()
    anchors: tuple[Corner, ...] = ()
    budgets: tuple[str, ...] = ()
    sampler: str | None = None
    seed: int = 0
    workers: int = 1
    corners: Path | None = None
    check_leakage: bool = False
    keep: bool = False
    joint: bool = False


@dataclass(frozen=True, eq=False)
class Cells:
    """Where everything is. ``digests`` by corner's name; under the empty name, of what all cells share.

    A cell may be run by any process that reaches these folders. What two may not do at once is under a lock that their children hold too:
    so a run that was killed and started again waits for what its forerunner still does, and does not do it twice.
    """

    out: Path
    settings: BenchSettings
    libraries: Mapping[Corner, Path]
    digests: Mapping[str, str]
    cache: bool

    def cell(self, job: Job, model: str) -> Row:
        """The row of a cell: as it stands in its file, or run now. A failure is run again."""
        folder = self._folder(job)
        with _locked(folder / f".{model}.lock") as lock:
            return self._cell(job, model, folder, lock)

    def _cell(self, job: Job, model: str, folder: Path, lock: int) -> Row:
        place, token = folder / f"{model.replace('+', '_')}.json", self._token(job, model)
        known = _load(place)
        checked = not self.settings.check_leakage or "leakage" in known
        kept = not self.settings.keep or (folder / model / "filled.lib").exists()
        drawn = not self.settings.joint or "joint" in known
        if known.get("fingerprint") == token and "failure" not in known and checked and kept and drawn:
            return known
        facts: Row = {"fingerprint": token, "case": job.case, "target": job.target.name, "budget": job.budget, "model": model}
        facts["anchors"] = [corner.name for corner in job.anchors]
        try:
            with _locked(folder / ".prepared.lock") as preparing:
                prepared = self._prepare(job, folder, preparing)
            row = {**facts, **prepared, **self._fill(job, model, folder, lock)}
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
        parts += [str(job), model, str(self.settings.seed), self.settings.sampler or ""]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _prepare(self, job: Job, folder: Path, lock: int) -> Row:
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
        ask += [] if self.settings.sampler is None else ["--sampler", self.settings.sampler]
        usage, leakage = self._run(ask, folder, "plan", truth_path, lock)
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

    def _fill(self, job: Job, model: str, folder: Path, lock: int) -> Row:
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
        usage, leakage = self._run(ask, out, "fill", self.libraries[job.target], lock)
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

        return liberty.read(self.libraries[corner], corner=corner, cache=self.cache)

    def _common(self, command: str, job: Job, template: Path) -> list[str]:
        """The part of a command line that plans and fills share."""
        target = f"{job.target.process},{job.target.voltage!r},{job.target.temperature!r}"
        words = [command, *(str(self.libraries[corner]) for corner in job.anchors), "--template", str(template), "--target", target]
        workers = 1 if self.settings.check_leakage else max(1, cores() // self.settings.workers)
        words += ["--seed", str(self.settings.seed), "--extrapolate", "--quiet", "--workers", str(workers)]
        if self.settings.corners is not None:
            words += ["--corners", str(self.settings.corners.resolve())]
        return words if self.cache and not self.settings.check_leakage else [*words, "--no-cache"]

    def _run(self, command: Sequence[str], folder: Path, name: str, truth: Path, lock: int) -> tuple[Usage, Row | None]:
        """Run a command; watched where leakage is checked. Then nothing is cached: native code reads the cache, and nobody sees that."""
        begin = [sys.executable, "-m"]
        if not self.settings.check_leakage:
            return measured_run([*begin, "eda_plugin", *command], folder / f"{name}.log", kept=[lock]), None
        record = folder / f"{name}.opened"
        record.unlink(missing_ok=True)
        watched = [*begin, "eda_plugin.cli.watched", str(record), str(truth), "--", *command]
        usage = measured_run(watched, folder / f"{name}.log", kept=[lock])
        lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else ["! it left no record"]
        breaches = [line.removeprefix("! ") for line in lines if line.startswith("! ")]
        return usage, {"opened": len(lines) - len(breaches), "breaches": breaches}


def run_cell(task: tuple[Cells, Job, str]) -> Row:
    """A farm's task."""
    cells, job, model = task
    return cells.cell(job, model)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Wait until nobody else, nor a process that they started, has the lock; gives the open file that holds it."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


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
