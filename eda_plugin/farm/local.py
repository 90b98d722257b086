"""Processes of this machine (loky), one beside the other: where one dies, only what it was doing is done again."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from typing import Any, TypeVar

from eda_plugin.errors import UserError
from eda_plugin.farm.base import LOSSES, Lost

__all__ = ["Processes", "cores"]

IDLE = 20.0
"""Seconds without work after which a worker goes by itself: so none outlives us for long where we are killed."""

BEAT = 2.0
"""Seconds between two looks whether a worker that has not answered is alive."""

Task = TypeVar("Task")
Answer = TypeVar("Answer")


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Processes:
    """``workers`` processes, one a core by default, started when they are needed.

    Each is a pool of its own, so that of a worker that died it is known what it was doing. They import what they need anew: a caller's
    script needs no ``__main__`` guard.
    """

    elsewhere = False

    def __init__(self, workers: int | None = None) -> None:
        self.width = workers or cores()
        self._idle: list[Any] = []
        self._busy: set[Any] = set()
        self._guard = threading.Lock()
        self._closed = False

    def call(self, work: Callable[[Task], Answer], task: Task, name: str) -> Answer | Lost:
        """See ``Farm``."""
        from loky.process_executor import BrokenProcessPool, ShutdownExecutorError

        for _ in range(LOSSES + 1):
            pool = self._take()
            try:
                answer: Answer = _awaited(pool, pool.submit(work, task))
            except (BrokenProcessPool, ShutdownExecutorError):
                self._drop(pool)
                if self._closed:
                    raise UserError(f"{name}: stopped") from None
            except Exception:
                self._give_back(pool)
                raise
            except BaseException:
                self._drop(pool)
                raise
            else:
                self._give_back(pool)
                return answer
        return Lost(name, LOSSES + 1)

    def close(self) -> None:
        """See ``Farm``."""
        with self._guard:
            self._closed = True
            pools, self._idle, self._busy = [*self._idle, *self._busy], [], set()
        for pool in pools:
            pool.shutdown(wait=True, kill_workers=True)

    def _take(self) -> Any:
        from loky import ProcessPoolExecutor

        with self._guard:
            if self._closed:
                raise UserError("the workers were stopped; open the farm again")
            pool = self._idle.pop() if self._idle else ProcessPoolExecutor(max_workers=1, timeout=IDLE, env={"OMP_NUM_THREADS": "1"})
            self._busy.add(pool)
        return pool

    def _give_back(self, pool: Any) -> None:
        with self._guard:
            if pool in self._busy:
                self._busy.discard(pool)
                self._idle.append(pool)

    def _drop(self, pool: Any) -> None:
        with self._guard:
            self._busy.discard(pool)
        pool.shutdown(wait=False, kill_workers=True)


def _awaited(pool: Any, future: Future[Answer]) -> Answer:
    """The answer of a pool's only worker. Raises ``BrokenProcessPool`` where it died.

    loky tells of a death by itself, but waits for ever for the rest of an answer whose worker died while it was sending.
    """
    from loky.process_executor import BrokenProcessPool

    dead = 0
    while dead < 2:  # a worker that went by itself is replaced between two looks
        with contextlib.suppress(NotYet):
            return future.result(BEAT)
        if future.done():
            return future.result()
        dead = 0 if any(process.is_alive() for process in list((pool._processes or {}).values())) else dead + 1
    pool._result_queue._writer.close()  # the last end that is open: what waits for the answer's rest learns that there is none
    raise BrokenProcessPool("the worker died while it was sending its answer")
