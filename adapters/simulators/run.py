"""One call of a simulator in a folder of its own, which tells by itself how it ended, whatever becomes of us.

A folder holds the decks and ``run.json`` (what is simulated); the call leaves ``host`` (on which machine), ``started``, ``pid``,
``stdout``, ``stderr`` and, renamed into place at the end, ``status``. As long as a process of the call lives, ``lock`` is locked: so a
later run of ours knows a simulation that is still under way from one that died, waits for it, and takes its results.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eda_plugin.adapters.ngspice.run import ONE_THREAD
from eda_plugin.adapters.simulators.output import last_words
from eda_plugin.errors import UserError

__all__ = ["Command", "Ending", "Launcher", "Run", "adopt"]

# The shell ends the call's record: it outlives us. A signal of the simulator is 128 more in its status.
_SCRIPT = 'echo $$ >pid; : >started; "$@" >stdout 2>stderr; echo $? >status.part; mv status.part status'
_NOTE = "run.json"
_NO_COMMAND = (126, 127)
_POLL = 0.05
_SCANT = 1 << 16  # bytes
_PATIENCE = 30.0  # s: how long a killed process may take to go


@dataclass(frozen=True)
class Command:
    """A command template: ``{deck}`` is the deck's path, ``{folder}`` the run's folder, in which the command is started."""

    template: str

    def __post_init__(self) -> None:
        try:
            words = shlex.split(self.template)
        except ValueError as error:
            raise UserError(f"unreadable command {self.template!r}: {error}; quote it as for a shell") from error
        strange = sorted(set(re.findall(r"\{(\w*)\}", self.template)) - {"deck", "folder"})
        if strange:
            raise UserError(f"command {self.template!r}: {{{strange[0]}}} means nothing; expected {{deck}} and, at will, {{folder}}")
        if not words or "{deck}" not in self.template:
            raise UserError(f"command {self.template!r} lacks {{deck}}; expected something like 'bsub -K ngspice -b {{deck}}'")

    def words(self, deck: Path) -> list[str]:
        """The command for one deck. In a word that is a command line itself (``sbatch --wrap "ngspice -b {deck}"``) paths are quoted."""
        places = {"{deck}": str(deck), "{folder}": str(deck.parent)}

        def filled(word: str) -> str:
            for name, path in places.items():
                word = word.replace(name, shlex.quote(path) if " " in self.template and len(word.split()) > 1 else path)
            return word

        return [filled(word) for word in shlex.split(self.template)]


@dataclass(frozen=True)
class Ending:
    """How a call ended: ``problem`` is empty where it ended well; ``absent`` where there was no such command; ``lost`` where it
    went down with the machine, or with the worker, that it ran on."""

    problem: str
    seconds: float
    absent: bool = False
    lost: bool = False


@dataclass(frozen=True)
class Run:
    """The folder of one call, by its name the call's."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @classmethod
    def make(cls, place: Path, files: Mapping[str, str], note: Mapping[str, object]) -> Run:
        """A new folder in ``place`` with the decks; ``note`` says what they simulate. Raises ``OSError``, and leaves nothing then."""
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=place))
        try:
            for name, text in files.items():
                (folder / name).write_text(text, encoding="utf-8")
            part = folder / f"{_NOTE}.part"
            part.write_text(json.dumps(note), encoding="utf-8")
            part.rename(folder / _NOTE)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return cls(folder)

    @property
    def note(self) -> Mapping[str, object] | None:
        """What was given to ``make``; ``None`` where the folder was not finished."""
        try:
            told = json.loads((self.folder / _NOTE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return told if isinstance(told, dict) else None

    @property
    def started(self) -> bool:
        """Whether the simulator was called at all."""
        return (self.folder / "started").exists()

    @property
    def unfinished(self) -> bool:
        """Whether the call left no word of its end."""
        return not (self.folder / "status").exists()

    def ending(self, seconds: float, limit: str = "") -> Ending:
        """How the call ended, by what it left; ``limit`` where it was ended by us."""
        tail = f": {self.said()}" if self.said() else ""
        if shutil.disk_usage(self.folder).free < _SCANT:
            tail += "; no space left on the disk"
        if limit:
            return Ending(f"{limit}{tail}", seconds)
        try:
            status = int((self.folder / "status").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return Ending(f"the simulation was killed before it ended{tail}", seconds)
        if status == 0:
            return Ending("", seconds)
        how = f"signal {status - 128}" if status > 128 else f"exit status {status}"
        return Ending(f"the simulator ended with {how}{tail}", seconds, status in _NO_COMMAND)

    def said(self) -> str:
        """The line of its output that tells most."""
        return last_words(*(self.folder / name for name in ("deck.lis", "stderr", "stdout")))

    def remove(self) -> None:
        """Take the folder away; what a simulator still holds open stays behind."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Launcher:
    """Calls of one run of ours; ``stop`` ends them all."""

    def __init__(self, command: Command, timeout: float) -> None:
        self.command, self._timeout = command, timeout
        self._alive: set[int] = set()
        self._guard = threading.Lock()
        self.stopped = False

    def call(self, run: Run, deck: str) -> Ending:
        """Run a deck of ``run`` to its end, or until the time is up: then with all its children. Raises ``OSError`` where the folder is
        full."""
        begin = time.monotonic()
        with (run.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with self._guard:
                if self.stopped:
                    return Ending("stopped", 0.0)
                (run.folder / "host").write_text(platform.node(), encoding="utf-8")
                process = subprocess.Popen(
                    ["/bin/sh", "-c", _SCRIPT, "sh", *self.command.words(run.folder / deck)],
                    cwd=run.folder,
                    env={**os.environ, **ONE_THREAD},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    pass_fds=[lock.fileno()],
                )
                self._alive.add(process.pid)
        limit = ""
        try:
            process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            limit = f"the simulator did not end within {self._timeout:g} s"
        finally:
            with self._guard:
                self._alive.discard(process.pid)
            if process.returncode is None:
                _kill(process.pid)
                process.wait()
        return run.ending(time.monotonic() - begin, limit)

    def stop(self) -> None:
        """End every call under way, and start no more."""
        with self._guard:
            self.stopped = True
            for pid in self._alive:
                _kill(pid)


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def adopt(runs: Sequence[Run], timeout: float) -> None:
    """Wait until no process of these calls, which a run before this one started, lives; end those that are past their time."""
    for run in runs:
        path = run.folder / "lock"
        with contextlib.suppress(OSError), path.open("r+") as lock:
            end = path.stat().st_mtime + timeout
            last = None
            while not _free(lock.fileno()):
                if time.time() > end:
                    last = last or time.monotonic() + _PATIENCE
                    if not _is_here(run.folder):
                        break
                    with contextlib.suppress(OSError, ValueError):
                        _kill(int((run.folder / "pid").read_text(encoding="ascii")))
                    if time.monotonic() > last:
                        break
                time.sleep(_POLL)


def _is_here(folder: Path) -> bool:
    """Whether the call was made on this machine: a process of that number elsewhere is another's."""
    try:
        return (folder / "host").read_text(encoding="utf-8") == platform.node()
    except OSError:
        return True


def _free(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
