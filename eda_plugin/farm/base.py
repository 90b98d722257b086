"""What a farm is, and the one that is none: everything done here, one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol, TypeVar

from eda_plugin.errors import UserError

__all__ = ["LOSSES", "Farm", "Here", "Lost", "all_of", "at_work", "each", "farm_at_work", "in_order"]

LOSSES = 3
"""How often a task is given to another worker after its worker died; then the task is held to be what kills them."""

Task = TypeVar("Task")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Lost:
    """In the place of an answer: every worker that had the task ``name`` died."""

    name: str
    times: int

    def __str__(self) -> str:
        return f"{self.name}: its worker died {self.times} times in a row (out of memory, or ended from outside?); given up"


class Farm(Protocol):
    """Does independent tasks.

    A task and its answer are picklable, the work is a function of a module, and all that an answer hangs on stands in the task, so that it
    may be done anywhere and more than once. ``width``: how many are done at once. ``elsewhere``: maybe on other machines, so
    that a program which a task is to run must be started by its worker.
    """

    @property
    def width(self) -> int: ...

    @property
    def elsewhere(self) -> bool: ...

    def call(self, work: Callable[[Task], Answer], task: Task, name: str) -> Answer | Lost:
        """One answer; what the work raised is raised here. May be called from several threads at once."""

    def close(self) -> None:
        """End the workers that were started for it, and what they are doing."""


class Here:
    """No farm: this process."""

    width = 1
    elsewhere = False

    def call(self, work: Callable[[Task], Answer], task: Task, name: str) -> Answer | Lost:  # noqa: ARG002 - the protocol's names
        return work(task)

    def close(self) -> None:
        """There is nothing to end."""


_AT_WORK: ContextVar[Farm | None] = ContextVar("farm at work", default=None)


@contextmanager
def at_work(farm: Farm) -> Iterator[None]:
    """Lend a farm to what runs in this block, for work that has it below an interface without one, such as a model's."""
    token = _AT_WORK.set(farm)
    try:
        yield
    finally:
        _AT_WORK.reset(token)


def farm_at_work() -> Farm:
    """The farm that was lent; none in a worker, nor where nobody lent one."""
    return _AT_WORK.get() or Here()


def each(
    farm: Farm,
    work: Callable[[Task], Answer],
    tasks: Sequence[Task],
    names: Sequence[str],
    done: Callable[[int, Answer | Lost], None] | None = None,
    width: int | None = None,
) -> list[Answer | Lost]:
    """The answers to ``tasks``, in their order, ``width`` at once (by default as many as the farm does).

    ``done`` is told each answer when it comes, one at a time. What the work raises is raised here, the first task's in their order that
    raised; nothing new is begun then.
    """

    def do(number: int) -> Answer | Lost:
        return farm.call(work, tasks[number], names[number])

    def stop(error: BaseException) -> None:
        if not isinstance(error, Exception):  # interrupted: what is being done is not waited for
            farm.close()

    return in_order(do, len(tasks), min(width or farm.width, len(tasks)), done, stop)


def all_of(
    farm: Farm,
    work: Callable[[Task], Answer],
    tasks: Sequence[Task],
    names: Sequence[str],
    done: Callable[[int, Answer | Lost], None] | None = None,
    advice: str = "give the workers more memory, or start fewer at once with --workers",
) -> list[Answer]:
    """As ``each``, where the answers are of use all together only. Raises ``UserError`` for the first task whose workers died, with what to
    do about it."""
    answers = each(farm, work, tasks, names, done)
    lost = next((answer for answer in answers if isinstance(answer, Lost)), None)
    if lost is not None:
        raise UserError(f"{lost}; {advice}")
    return [answer for answer in answers if not isinstance(answer, Lost)]


def in_order(
    do: Callable[[int], Answer],
    count: int,
    width: int,
    done: Callable[[int, Answer], None] | None = None,
    stop: Callable[[BaseException], None] | None = None,
) -> list[Answer]:
    """``do(0)`` to ``do(count - 1)``, up to ``width`` at once by threads, which are there to wait; the answers in that order.

    Where one raises, or the caller is interrupted, none is begun any more, and ``stop`` may end those under way, which are waited for.
    """
    told = threading.Lock()

    def one(number: int) -> Answer:
        answer = do(number)
        if done is not None:
            with told:
                done(number, answer)
        return answer

    if width <= 1:
        return [one(number) for number in range(count)]
    with ThreadPoolExecutor(width) as pool:
        futures = [pool.submit(one, number) for number in range(count)]
        try:
            return [future.result() for future in futures]
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            if stop is not None:
                stop(error)
            raise
