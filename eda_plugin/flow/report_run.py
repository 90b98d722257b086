"""A run's folder in its report: which library it filled and what lies beside that, what was asked, how long each stage took, its log."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eda_plugin.errors import UserError
from eda_plugin.flow.runs import StoredRun, read_run
from eda_plugin.flow.runs.files import digest
from eda_plugin.flow.runs.log import read_log
from eda_plugin.flow.runs.stored import REQUEST
from eda_plugin.flow.session import Session
from eda_plugin.report import Sheet
from eda_plugin.report.contents import Value

__all__ = ["RunFiles", "files_of", "is_run", "run_sheets"]

LOGGED = 1000
"""Lines of the log that the page lists, the last ones."""
ANCHORS = "paths"
"""The argument of ``fill``, ``close`` and ``run`` that names the anchors."""
_TOLD = ("at", "after", "event")


@dataclass(frozen=True)
class RunFiles:
    """What a run that filled a corner wrote and read; ``None`` and nothing for what it did not, or what is not there any more."""

    run: StoredRun
    library: Path
    values: Path | None
    report: Path | None
    anchors: tuple[Path, ...]


def is_run(path: Path) -> bool:
    """Whether a folder is that of a run."""
    return (path / REQUEST).is_file()


def files_of(folder: Path, session: Session) -> RunFiles:
    """The run in ``folder`` and its files. Raises ``UserError`` for a run that filled no corner, did not end, or whose library is gone.

    A file that is not what the run wrote is told as a warning.
    """
    run = read_run(folder)
    command, base = run.request.command, run.request.folder
    if run.status is None:
        raise UserError(f"{folder}: the run of {command} has not ended, so there is no corner to show; `eda-plugin rerun` repeats it")
    wrote = {one.role: one for one in run.outputs}
    filled = [one for one in run.outputs if one.role.split("/")[0] == "output" and set(_sidecars(one.role)) & set(wrote)]
    if len(filled) != 1:
        names = ", ".join(one.path for one in filled)
        told = f"filled {len(filled)} corners ({names}); name one of the libraries" if filled else f"filled none{_why(run)}"
        raise UserError(f"{folder}: expected a run that filled one corner, and this one of {command} {told}")
    (library,) = filled
    found: dict[str, Path | None] = {
        "values": next((base / wrote[role].path for role in _sidecars(library.role) if role in wrote), None),
        "report": next((base / wrote[role].path for role in ("report",) if role in wrote and wrote[role].path.endswith(".json")), None),
    }
    place = base / library.path
    if not place.is_file():
        raise UserError(f"{folder}: the library that the run wrote is gone: {place}; `eda-plugin rerun` makes it again")
    kept = [place, *found.values()]
    for one in run.outputs:
        path = base / one.path
        if path in kept and not path.is_file():
            session.warn(f"{path}, which the run in {folder} wrote, is gone")
        elif path in kept and digest(path) != one.sha256:
            session.warn(f"{path} is not what the run in {folder} wrote any more")
    anchors = tuple(path for one in run.inputs if one.role == ANCHORS and (path := base / one.path).is_file())
    values, report = (path if path is not None and path.is_file() else None for path in (found["values"], found["report"]))
    return RunFiles(run, place, values, report, anchors)


def _sidecars(role: str) -> tuple[str, ...]:
    """Roles of the table of origins beside a library."""
    return ("values", f"{role}.origin.parquet", f"{role}.origin.csv.gz")


def _why(run: StoredRun) -> str:
    return f": {run.error}" if run.error else ""


def run_sheets(run: StoredRun) -> tuple[Sheet, ...]:
    """What was asked, with which settings from where; the files read; seconds by stage; the log."""
    request = run.request
    stated = sorted(request.arguments, key=lambda one: one.source == "default")
    asked: list[tuple[Value, ...]] = [
        ("command", str(request.to_dict()["line"]), ""),
        ("folder", str(request.folder), ""),
        *((_option(one.name), "–" if one.value in (None, "") else str(one.value), one.source) for one in stated),
        *((name, value, "variable") for name, value in run.environment.items()),
    ]
    read: list[tuple[Value, ...]] = [(_option(one.role) or "read by an input", one.path, one.size, one.sha256) for one in run.inputs]
    stages: list[tuple[Value, ...]] = [
        (name, float(told["seconds"]), _share(float(told["seconds"]), run.seconds), int(told["times"]), int(told["steps"]))
        for name, told in run.timings.items()
    ]
    told = math.fsum(float(one["seconds"]) for one in run.timings.values())
    if math.isfinite(run.seconds):
        rest = max(run.seconds - told, 0.0)
        stages += [("between the stages", rest, _share(rest, run.seconds), 1, 0), ("all", run.seconds, 100.0, 1, 0)]
    lines = [_line(line) for line in read_log(run.folder)]
    return (
        Sheet("What the run was asked", ("option", "value", "from"), tuple(asked)),
        Sheet("What the run read", ("as", "file", "bytes", "SHA-256"), tuple(read)),
        Sheet("Seconds by stage", ("stage", "seconds", "share, %", "times", "steps"), tuple(stages)),
        Sheet("Log of the run", ("at", "after, s", "event", "told"), tuple(lines[-LOGGED:]),
              f"The last {LOGGED:,} of {len(lines):,} lines." if len(lines) > LOGGED else "", wide=True),
    )  # fmt: skip


def _option(name: str) -> str:
    """An argument's name as people know it."""
    return "anchors" if name == ANCHORS else name.rstrip("_").replace("_", "-")


def _share(part: float, whole: float) -> float:
    return 100 * part / whole if whole > 0 else math.nan


def _line(line: Mapping[str, object]) -> tuple[Value, ...]:
    after = line.get("after")
    rest = ", ".join(f"{name}: {value}" for name, value in line.items() if name not in _TOLD and value is not None)
    return str(line.get("at", "")), float(after) if isinstance(after, int | float) else math.nan, str(line["event"]), rest
