"""A run done again from its folder, beside it, and held against what came out the first time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eda_plugin.errors import EdaPluginError, UserError
from eda_plugin.flow.runs import place
from eda_plugin.flow.runs.compare import Difference, by_role, compare_files, flat
from eda_plugin.flow.runs.facts import Argument, role_of, versions
from eda_plugin.flow.runs.files import below, digest
from eda_plugin.flow.runs.stored import RESULT, StoredRun, read_run
from eda_plugin.hooks.manager import Plugins

__all__ = ["Repeated", "rerun"]

AGAIN, CONFIG = "reruns", "settings.toml"
TAIL = 2000


@dataclass(frozen=True, eq=False)
class Repeated:
    """``folder`` of the new run and its outputs; ``outputs``: a line a file; ``status``: exit status of both runs, first and second;
    ``versions``: what is of another version now; ``changed``: inputs that are not what they were."""

    folder: Path
    outputs: tuple[Difference, ...]
    status: tuple[int | None, int]
    versions: tuple[Difference, ...]
    changed: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether it ended as before, with the same bytes (reports: but for their times)."""
        return self.status[0] == self.status[1] and all(one.same for one in self.outputs)


def rerun(folder: str | Path, plugins: Plugins, *, changed: bool = False, quiet: bool = True) -> Repeated:
    """Run the command of a run folder again, in a process of its own, with the same options, whatever variables and settings files say now.

    Outputs and journals go below ``FOLDER/reruns/N``; nothing of the first run is touched. Raises ``UserError`` where the run has not
    ended, and, naming them, where inputs are missing or, unless ``changed``, are not what they were. ``quiet`` keeps the command's own
    words away.
    """
    run = read_run(folder)
    if run.status is None:
        raise UserError(f"{run.folder}: the run was killed or is still under way, so there is nothing to hold a second one against")
    if not run.request.folder.is_dir():
        raise UserError(f"{run.folder}: the run's working folder {run.request.folder} is not there any more")
    altered = _check_inputs(run)
    if altered and not changed:
        raise UserError(
            f"{run.folder}: changed since: {', '.join(altered)}; bring them back, or give --changed to run with them as they are"
        )
    new = place.next_folder(run.folder / AGAIN, run.request.command)
    status = _call(run, new, quiet=quiet)
    again = _read_again(new / "run", status)
    outputs = compare_files("outputs", by_role(run.outputs), by_role(again.outputs))
    now, before = flat(versions(plugins)), flat(run.versions)
    other = [Difference("versions", name, was, now.get(name), was == now.get(name)) for name, was in before.items() if name != "simulator"]
    if "simulator" in before:
        seen = again.versions.get("simulator")
        other.append(Difference("versions", "simulator", before["simulator"], seen, before["simulator"] == seen))
    return Repeated(new, tuple(outputs), (run.status, status), tuple(one for one in other if not one.same), tuple(altered))


def _check_inputs(run: StoredRun) -> list[str]:
    """Names of the inputs that changed. Raises ``UserError`` for those that are not there."""
    missing, altered = [], []
    for one in run.inputs:
        path = run.request.folder / one.path
        if not path.is_file():
            missing.append(one.path)
            continue
        try:
            if path.stat().st_size != one.size or digest(path) != one.sha256:
                altered.append(one.path)
        except OSError as error:
            raise UserError(f"cannot read the input {path}: {error.strerror or error}") from error
    if missing:
        raise UserError(f"{run.folder}: inputs are missing: {', '.join(missing)} (seen from {run.request.folder}); bring them back")
    known = {run.request.folder / one.path for one in (*run.inputs, *run.outputs)}
    for argument in run.request.arguments:  # a file that came into a folder that is read as a whole
        for stated in argument.paths if argument.kind == "input" else ():
            top = run.request.folder / stated
            new = [path for path in below(top) if path not in known and not path.resolve().is_relative_to(run.folder.resolve())]
            altered += [f"{path} (new)" for path in new if top.is_dir()]
    return altered


def _call(run: StoredRun, new: Path, *, quiet: bool) -> int:
    """Run the command with its outputs in ``new``; its exit status."""
    settings = new / CONFIG
    try:
        settings.write_text("# empty: the command line says all\n", encoding="utf-8")
        replaced = _redirected(run, new)
    except OSError as error:
        raise UserError(f"cannot write {new}: {error.strerror or error}") from error
    words = run.request.words(replaced, "--run-folder", str((new / "run").resolve()))
    own = {name: value for name, value in os.environ.items() if not name.startswith("EDA_PLUGIN_") or name == "EDA_PLUGIN_CACHE"}
    kept = {name: value for name, value in run.environment.items() if name in ("OMP_NUM_THREADS", "EDA_PLUGIN_DISABLE")}
    command = [sys.executable, "-m", "eda_plugin", "--config", str(settings.resolve()), *words]
    try:
        told = subprocess.PIPE if quiet else None
        done = subprocess.run(
            command,
            cwd=run.request.folder,
            env={**own, **kept},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=told,
            check=False,
        )
    except OSError as error:
        raise UserError(f"cannot start {command[0]}: {error.strerror or error}") from error
    if quiet and not (new / "run" / RESULT).exists():
        raise UserError(f"the second run ended with status {done.returncode}: {done.stderr.decode('utf-8', 'replace').strip()[-TAIL:]}")
    return done.returncode


def _redirected(run: StoredRun, new: Path) -> dict[str, Sequence[str]]:
    """Other words for the options that name outputs and work: the same names in folders of ``new``, one for each of their folders."""
    base = run.request.folder
    parents: dict[Path, Path] = {}
    replaced: dict[str, Sequence[str]] = {}
    for one in run.request.arguments:
        if one.kind not in ("output", "work") or not one.words:
            continue
        targets = []
        for stated in one.paths:
            old = base / stated
            parent = parents.setdefault(old.parent, new / "outputs" / str(len(parents)))
            parent.mkdir(parents=True, exist_ok=True)
            if _was_folder(run, one):
                (parent / old.name).mkdir(exist_ok=True)
            targets.append(str((parent / old.name).resolve()))
        replaced[one.name] = [word for target in targets for word in (one.words[0], target)]
    return replaced


def _was_folder(run: StoredRun, argument: Argument) -> bool:
    """Whether outputs lie below a path that an option named."""
    base = run.request.folder
    return any(role_of(base / one.path, [argument], (argument.kind,), base).startswith(f"{argument.name}/") for one in run.outputs)


def _read_again(folder: Path, status: int) -> StoredRun:
    try:
        again = read_run(folder)
    except EdaPluginError as error:
        raise UserError(f"the second run ended with status {status} before it could say anything: {error}") from error
    if again.status is None:
        raise UserError(f"{folder}: the second run was killed (status {status})")
    return again
