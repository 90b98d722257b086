"""Running ngspice: one process a deck, with a time limit, many decks at once; what goes wrong is told by the row."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from eda_plugin.adapters.ngspice.log import LogRow, parse_rows
from eda_plugin.adapters.ngspice.settings import NgspiceSettings
from eda_plugin.errors import UserError
from eda_plugin.farm import in_order

__all__ = ["Failure", "answer_rows", "in_parallel", "run_deck"]

# ngspice asks OpenMP for two threads whatever OMP_NUM_THREADS says; on a busy machine they wait for each other 10 to 100 times longer
# than they work. Only the limit stops it.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1"}

BARREN = 4

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Failure:
    """Why a simulation has no answer."""

    what: str
    reason: str

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}"


def run_deck(deck: str, settings: NgspiceSettings) -> tuple[str, str]:
    """Run one deck; its standard output, and what went wrong (empty where ngspice ended well).

    Raises ``UserError`` where there is no such program. A run past ``settings.timeout`` is ended with all its children.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="eda_plugin_ngspice_")
        path = Path(folder.name) / "deck.sp"
        path.write_text(deck, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write a deck into {tempfile.gettempdir()}: {error.strerror or error}; make room or set TMPDIR") from error
    with folder:
        try:
            process = subprocess.Popen(
                [settings.program, "-b", path.name],
                cwd=folder.name,
                env={**os.environ, **ONE_THREAD},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise UserError(
                f"cannot start the simulator {settings.program!r}: {error.strerror or error}; install ngspice or name its program"
            ) from error
        with process:
            try:
                output, complaints = process.communicate(timeout=settings.timeout)
            except subprocess.TimeoutExpired:
                return _ended(process), f"ngspice did not end within {settings.timeout:g} s"
            except BaseException:
                _ended(process)
                raise
    if process.returncode == 0:
        return output, ""
    ending = f"signal {-process.returncode}" if process.returncode < 0 else f"exit status {process.returncode}"
    last = next((line.strip() for line in reversed(complaints.splitlines()) if line.strip()), "no message")
    return output, f"ngspice ended with {ending}: {last[:200]}"


def _ended(process: subprocess.Popen[str]) -> str:
    """Kill a run with all its children; what it had printed."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.communicate()[0]


def answer_rows(count: int, deck_of: Callable[[Sequence[int]], str], settings: NgspiceSettings) -> list[LogRow | str]:
    """Rows 0 to ``count`` - 1, each a ``LogRow`` or the reason why there is none.

    ``deck_of`` writes the deck of some rows. Where a run breaks off, the rows it finished are kept, the row it broke off in is set apart
    and tried ``settings.retries`` more times, and the others go on without it. Four runs in a row without any answer end it.
    """
    answers: dict[int, LogRow | str] = {}
    tries = dict.fromkeys(range(count), 0)
    barren = 0
    waiting = list(range(count))
    suspects: list[int] = []
    while waiting or suspects:
        batch, waiting = (waiting, []) if waiting else (suspects[:1], [])
        suspects = [row for row in suspects if row not in batch]
        output, problem = run_deck(deck_of(batch), settings)
        found = {batch[place]: row for place, row in parse_rows(output).items() if place < len(batch) and row.done}
        answers |= found
        left = [row for row in batch if row not in found]
        barren = 0 if found else barren + 1
        if not left:
            continue
        reason = problem or "ngspice printed no result"
        culprit, rest = left[0], left[1:]
        tries[culprit] += 1
        if barren == BARREN:
            answers |= dict.fromkeys([*left, *suspects], reason)
            break
        if tries[culprit] > settings.retries:
            answers[culprit] = reason
        else:
            suspects.append(culprit)
        waiting = rest
    return [answers[row] for row in range(count)]


def in_parallel(work: Callable[[Item], Answer], items: Sequence[Item], workers: int) -> list[Answer]:
    """``work`` on each item, ``workers`` at once; the answers in the items' order."""
    return in_order(lambda place: work(items[place]), len(items), workers)
