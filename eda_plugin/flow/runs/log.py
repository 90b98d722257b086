"""The log of a run: lines of JSON that are only ever added, so that a run which was killed tells all that it did before."""

from __future__ import annotations

import fcntl
import json
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from eda_plugin.errors import UserError
from eda_plugin.flow.outputs import plain

__all__ = ["NAME", "Log", "read_log", "timings"]

NAME = "log.jsonl"


class Log:
    """The log in a run's folder. One run at a time writes it; what does not fit on the disk is left out."""

    def __init__(self, folder: Path) -> None:
        """Raises ``UserError`` where it can't be written, or another run writes it."""
        self.path = folder / NAME
        self._begin = time.monotonic()
        self._guard = threading.Lock()
        try:
            self._file: IO[bytes] = self.path.open("ab")
        except OSError as error:
            raise UserError(f"cannot write the log {self.path}: {error.strerror or error}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise UserError(f"{folder}: another run writes this folder; wait for its end, or name another") from error
        if self._file.tell() and not self.path.read_bytes().endswith(b"\n"):
            self._file.write(b"\n")  # behind a line that a kill cut short

    @property
    def after(self) -> float:
        """Seconds since the log was opened."""
        return time.monotonic() - self._begin

    def add(self, event: str, **told: object) -> None:
        """Add a line: the event, when it was, and what is told of it."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps(plain({"at": now, "after": round(self.after, 3), "event": event, **told}), allow_nan=False) + "\n"
        with self._guard:
            if self._file.closed:
                return
            try:
                self._file.write(line.encode())
                self._file.flush()
            except OSError:  # the disk is full: the run itself says so where it matters
                return

    def close(self) -> None:
        """No line is added any more."""
        with self._guard:
            self._file.close()


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The lines of a log; one that a kill cut short is left out. Nothing where there is no log."""
    try:
        lines = (folder / NAME).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"cannot read the log in {folder}: {error.strerror or error}") from error
    found = []
    for line in lines:
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict) and "event" in told:
            found.append(told)
    return found


def timings(lines: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Seconds, number and steps of the stages by name, of the last run that the log holds; stages that did not end are left out."""
    found: dict[str, dict[str, float]] = {}
    for line in lines:
        if line["event"] == "begin":
            found = {}
        elif line["event"] == "stage ended":
            stage = found.setdefault(str(line["stage"]), {"seconds": 0.0, "times": 0, "steps": 0})
            stage["seconds"] = round(stage["seconds"] + float(line["seconds"]), 3)
            stage["times"] += 1
            stage["steps"] += int(line["steps"])
    return found
