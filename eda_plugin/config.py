"""Settings of a run, and what a long run tells about how far it is. Nothing here is read from the environment or a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from eda_plugin.errors import UserError

__all__ = ["FillSettings", "GuardBand", "NullProgress", "Progress", "Stage"]


@dataclass(frozen=True)
class FillSettings:
    """How a corner is filled.

    ``seed``: the same seed and input give the same output. ``interval``: nominal coverage of the interval of each value. ``diffusion``:
    whether the diffusion model is trained on top of the mean model. ``threads``: of the numerical libraries, 0 leaves them as they are.
    ``device``: as torch names it. ``model``: a name in the model registry. ``pretrained``: a file of what other libraries taught, as
    ``pretrain`` writes it.
    """

    seed: int = 0
    interval: float = 0.9
    diffusion: bool = True
    threads: int = 0
    device: str = "cpu"
    model: str = "auto"
    pretrained: Path | None = None

    def __post_init__(self) -> None:
        if not 0 < self.interval < 1:
            raise UserError(f"the interval's coverage is {self.interval}; expected a share between 0 and 1, such as 0.9")
        if self.seed < 0:
            raise UserError(f"the seed is {self.seed}; expected 0 or a positive integer")
        if self.threads < 0:
            raise UserError(f"the number of threads is {self.threads}; expected 0 (as many as there are) or a positive integer")


@dataclass(frozen=True)
class GuardBand:
    """A library on one side of what is likely: ``late`` (slow, for setup) or ``early`` (fast, for hold), at a ``quantile`` of each value.

    ``quantile`` counts from the middle outwards: of 0.95, the true value lies beyond a late value, or before an early one, in 5 % of cases.
    """

    side: str
    quantile: float = 0.95

    def __post_init__(self) -> None:
        if self.side not in ("late", "early"):
            raise UserError(f"the guard band's side is {self.side!r}; expected late or early")
        if not 0.5 < self.quantile < 1:
            raise UserError(f"the guard band's quantile is {self.quantile}; expected a share between 0.5 and 1, such as 0.95")

    @property
    def interval(self) -> float:
        """Coverage of the interval one end of which is the quantile."""
        return 2 * self.quantile - 1


class Stage(Protocol):
    """One stage of a run under way."""

    def advance(self, n: int = 1) -> None:
        """``n`` more steps are done."""

    def tell(self, **figures: float) -> None:
        """Numbers of the step that the stage is at, such as ``loss``: for logs and trackers."""


class Progress(Protocol):
    """Told by a long run how far it is. Implementations only show; they never change a result."""

    def stage(self, name: str, total: int | None = None) -> AbstractContextManager[Stage]:
        """Enter a stage of ``total`` steps (``None``: unknown); the context's end is the stage's end."""


class NullProgress:
    """Shows nothing: the default of the Python API."""

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:  # noqa: ARG002 - the protocol's names
        yield self

    def advance(self, n: int = 1) -> None:
        """Shows nothing."""

    def tell(self, **figures: float) -> None:
        """Shows nothing."""
