"""A step of the benchmark in a process of its own, so that its time and its memory are its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Usage", "measured_run"]

EVERY = 0.1
"""Seconds between two looks at the memory."""
TAIL = 2000


@dataclass(frozen=True)
class Usage:
    """Exit ``status``; ``seconds`` by the clock and ``cpu_seconds`` of the process and those it waited for; ``peak_mb``: the largest
    resident memory of all processes of the tree together (where there is no /proc: of the largest one); ``largest_mb``: the largest that
    one process had; ``tail``: the end of what it wrote.
    """

    status: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    largest_mb: float
    tail: str

    def to_dict(self) -> dict[str, object]:
        """What stands in a result file: all but the text."""
        return {name: round(value, 2) if isinstance(value, float) else value for name, value in asdict(self).items() if name != "tail"}


def measured_run(command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None, kept: Sequence[int] = ()) -> Usage:
    """Run a command to its end; standard output and error go to ``log``. It is ended where the caller is interrupted.

    ``kept``: open files that it shares, so that a lock on them lasts as long as it lives, even where the caller dies.
    """
    begin, peak = time.monotonic(), 0.0
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            pass_fds=kept,
        )
        done = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not done.wait(EVERY):
                peak = max(peak, _tree_mb(process.pid))

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            done.set()
            watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    largest = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    tail = log.read_text(encoding="utf-8", errors="replace")[-TAIL:]
    return Usage(process.returncode, time.monotonic() - begin, used.ru_utime + used.ru_stime, max(peak, largest), largest, tail)


def _tree_mb(root: int) -> float:
    """Resident memory of a process and all below it, from /proc; 0 where there is no /proc."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        parents.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        waiting += parents.get(process, [])
        try:
            total += int((Path("/proc") / str(process) / "statm").read_text().split()[1])
        except OSError:
            continue
    return total * os.sysconf("SC_PAGE_SIZE") / 1e6 if total else 0.0
