"""Progress of a fit that plugins hear of too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from eda_plugin.config import Progress, Stage

__all__ = ["Heard"]

TIMES = 100
"""Steps of a stage that are heard of, at most, beside those with figures."""

Hear = Callable[[str, int, int | None, Mapping[str, float]], None]


class Heard:
    """``shown``, and each stage told to ``hear``: its name, step, total and figures. By steps alone, so that a run tells the same twice."""

    def __init__(self, shown: Progress, hear: Hear) -> None:
        self._shown, self._hear = shown, hear

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        with self._shown.stage(name, total) as stage:
            heard = _HeardStage(stage, name, total, self._hear)
            heard.say({})
            yield heard
            heard.say({})


class _HeardStage:
    def __init__(self, stage: Stage, name: str, total: int | None, hear: Hear) -> None:
        self._stage, self._name, self._total, self._hear = stage, name, total, hear
        self._every = max((total or 0) // TIMES, 1)
        self._step, self._said = 0, 0

    def say(self, figures: Mapping[str, float]) -> None:
        """The step, heard of."""
        self._said = self._step
        self._hear(self._name, self._step, self._total, figures)

    def advance(self, n: int = 1) -> None:
        self._step += n
        self._stage.advance(n)
        if self._total is not None and self._step - self._said >= self._every:
            self.say({})

    def tell(self, **figures: float) -> None:
        self._stage.tell(**figures)
        self.say(figures)
