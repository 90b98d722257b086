"""A run under way, recorded: run.json when it begins, a line of the log for each thing that happens, result.json when it ends."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from eda_plugin.config import Progress, Stage
from eda_plugin.errors import UserError
from eda_plugin.files import replace_atomically
from eda_plugin.flow.outputs import plain
from eda_plugin.flow.runs import place
from eda_plugin.flow.runs.facts import Request, role_of, stated_environment, versions
from eda_plugin.flow.runs.files import FileFact, below, describe, is_time
from eda_plugin.flow.runs.log import NAME, Log
from eda_plugin.flow.runs.opened import Opened
from eda_plugin.flow.runs.stored import FORM, REQUEST, RESULT
from eda_plugin.hooks.manager import Plugins

__all__ = ["RunRecord"]

EVERY = 10.0
"""Seconds between two lines that say how far a stage is."""


class RunRecord:
    """The folder of a run that begins now. ``session`` parts of the run are told through ``progress`` and ``warn``."""

    def __init__(self, folder: Path, request: Request, plugins: Plugins) -> None:
        """Write what is asked, with the digests of all inputs. A run that was killed there is gone on with in the same folder.

        Raises ``UserError`` where the folder holds a finished run or files of others, or can't be written.
        """
        self.folder, self.request = folder, request
        place.make(folder)
        strange = [path.name for path in folder.iterdir() if path.name not in (REQUEST, NAME, "command.sh")]
        if (folder / RESULT).exists():
            raise UserError(f"{folder} holds a finished run; name another folder, or take --runs FOLDER, which numbers them")
        if strange:
            raise UserError(f"{folder} holds {strange[0]!r}, which is no part of a run; name a new folder")
        self._log = Log(folder)
        self._files: list[Path] = []
        self._summary: dict[str, object] = {}
        try:
            self._inputs = self._given("input")
            self._before = {path: _state(path) for path in self._written()}
            told = {"form": FORM, "request": request.to_dict(), "versions": versions(plugins), "environment": stated_environment()}
            _save(folder / REQUEST, {**told, "inputs": [one.to_dict() for one in self._inputs]})
            _write(folder / "command.sh", f"#!/bin/sh\ncd {shlex.quote(str(request.folder))} &&\nexec {request.to_dict()['line']}\n")
        except BaseException:
            self._log.close()
            raise
        self._log.add("begin", line=request.to_dict()["line"], process=os.getpid(), inputs=len(self._inputs))
        self._opened = Opened()

    def progress(self, shown: Progress) -> Progress:
        """``shown``, with each stage in the log too."""
        return _Logged(shown, self._log)

    def warn(self, tell: Callable[[str], None]) -> Callable[[str], None]:
        """``tell``, with each warning in the log too."""

        def both(text: str) -> None:
            self._log.add("warning", text=text)
            tell(text)

        return both

    def note(self, summary: Mapping[str, object], files: Sequence[Path] = ()) -> None:
        """What the run says of its result, and files that it wrote."""
        self._summary.update(summary)
        self._files += files

    def end(self, status: int, error: str = "") -> None:
        """Write the result. Raises ``UserError`` where that can't be done."""
        self._opened.stop()
        try:
            wrote = self._outputs()
            further = self._further({*(self.request.folder / one.path for one in (*self._inputs, *wrote))})
            for one in wrote:
                self._log.add("output", path=one.path, sha256=one.sha256)
            if error:
                self._log.add("error", text=error)
            seconds = round(self._log.after, 3)
            self._log.add("end", status=status, seconds=seconds)
            simulator = self._summary.get("simulator")
            _save(
                self.folder / RESULT,
                {
                    "status": status,
                    "error": error,
                    "seconds": seconds,
                    "versions": {"simulator": simulator} if simulator else {},
                    "inputs": [one.to_dict() for one in further],
                    "outputs": [one.to_dict() for one in wrote],
                    "figures": dict(_figures(self._summary)),
                    "summary": self._summary,
                },
            )
        finally:
            self._log.close()

    def _given(self, kind: str) -> list[FileFact]:
        """Digests of the files that the arguments of a kind name; what is not there is left to the command to tell."""
        base = self.request.folder
        own = self.folder.resolve()
        named = [(one.name, base / path) for one in self.request.arguments if one.kind == kind for path in one.paths]
        return [describe(file, name, base) for name, path in named for file in below(path) if not file.resolve().is_relative_to(own)]

    def _written(self) -> list[Path]:
        """Files that are there now where the outputs go."""
        base = self.request.folder
        return [file for one in self.request.arguments if one.kind == "output" for path in one.paths for file in below(base / path)]

    def _outputs(self) -> list[FileFact]:
        base = self.request.folder
        changed = [path for path in self._written() if self._before.get(path) != _state(path)]
        told = [file for path in self._files for file in below(base / path)]
        roles = {path: role_of(path, self.request.arguments, ("output", "work"), base) for path in (*told, *changed)}
        return sorted((describe(path, role, base) for path, role in roles.items()), key=lambda one: (one.role, one.path))

    def _further(self, known: set[Path]) -> list[FileFact]:
        """What was read beside the inputs and is no output or work of this run."""
        base, arguments = self.request.folder, self.request.arguments
        aside = {path.resolve() for path in known}
        found = [path for path in self._opened.files() if path not in aside and not path.is_relative_to(self.folder.resolve())]
        roots = [(base / path).resolve() for one in arguments if one.kind in ("output", "work") for path in one.paths]
        own = [path for path in found if not any(path.is_relative_to(root) for root in roots)]
        return [describe(path, "", base) for path in own if not role_of(path, arguments, ("output", "work"), base)]


class _Logged:
    """Progress that is shown and logged."""

    def __init__(self, shown: Progress, log: Log) -> None:
        self._shown, self._log = shown, log

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        self._log.add("stage", stage=name, total=total)
        begin = time.monotonic()
        with self._shown.stage(name, total) as stage:
            counted = _Counted(stage, self._log, name, total)
            try:
                yield counted
            finally:
                seconds = round(time.monotonic() - begin, 3)
                self._log.add("stage ended", stage=name, steps=counted.steps, seconds=seconds, **counted.figures)


class _Counted:
    def __init__(self, stage: Stage, log: Log, name: str, total: int | None) -> None:
        self._stage, self._log, self._name, self._total = stage, log, name, total
        self._last = time.monotonic()
        self.steps = 0
        self._told: dict[str, float] = {}

    @property
    def figures(self) -> dict[str, object]:
        """What the stage told last, for a line of the log."""
        return {"figures": dict(self._told)} if self._told else {}

    def tell(self, **figures: float) -> None:
        self._stage.tell(**figures)
        self._told.update(figures)

    def advance(self, n: int = 1) -> None:
        self.steps += n
        self._stage.advance(n)
        if time.monotonic() - self._last >= EVERY:
            self._last = time.monotonic()
            self._log.add("step", stage=self._name, steps=self.steps, total=self._total, **self.figures)


def _figures(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """The numbers, texts and truth values of a summary by their dotted names, in order; no times, and no file names."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not is_time(str(key)) and not (name == "" and key in ("files", "simulator")):
                yield from _figures(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _figures(item, f"{name}.{number}")
    elif value is not None:
        yield name, value


def _state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _save(path: Path, told: Mapping[str, object]) -> None:
    _write(path, json.dumps(plain(told), indent=1, allow_nan=False) + "\n")


def _write(path: Path, text: str) -> None:
    with replace_atomically(path) as part:
        part.write_text(text, encoding="utf-8")
