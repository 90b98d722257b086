"""The registries of models, samplers and hosts. The formats' stands in adapters/registry.py, that of the checks in qa/findings.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from eda_plugin.adapters.registry import Registry

if TYPE_CHECKING:
    from eda_plugin.config import FillSettings, Progress
    from eda_plugin.domain import Corner, Library, Points

__all__ = [
    "Choose",
    "Fill",
    "FilledCorner",
    "Host",
    "HostRegistry",
    "Model",
    "ModelRegistry",
    "Sampler",
    "SamplerRegistry",
    "Simulate",
]


class FilledCorner(Protocol):
    """What a model gives back.

    ``library``: complete, on the template's axes, with the origin of each value and, where the model has them, intervals. ``report``: what
    can stand in a JSON file. ``save`` writes the fitted model into a folder.
    """

    @property
    def library(self) -> Library: ...

    @property
    def report(self) -> Mapping[str, object]: ...

    def save(self, folder: Path) -> object: ...


Fill = Callable[
    ["Sequence[Library]", "Library", "Corner", "Points | None", "FillSettings", "Progress"],
    FilledCorner,
]
"""``fill(anchors, template, target, measured, settings, progress)``. Keeps what was measured; the same seed gives the same answer."""


@dataclass(frozen=True)
class Model:
    """A way to fill a corner, chosen with ``--model NAME``."""

    name: str
    summary: str
    fill: Fill


class ModelRegistry(Registry[Model]):
    def __init__(self) -> None:
        super().__init__("model")


Choose = Callable[
    ["Sequence[Library]", "Library", "Corner", int, int, "Library | None", "Points | None"],
    "Points",
]
"""``choose(anchors, template, target, count, seed, filled, asked)``: at most ``count`` simulations at the target, on the template's axes.
In later rounds of ``close``, ``filled`` is the corner as it was filled last, with intervals, ``asked`` what was simulated or tried."""


@dataclass(frozen=True)
class Sampler:
    """A way to choose the simulations of a corner, with ``plan --sampler NAME`` and ``close --sampler NAME``."""

    name: str
    summary: str
    choose: Choose


class SamplerRegistry(Registry[Sampler]):
    def __init__(self) -> None:
        super().__init__("sampler")


Simulate = Callable[[Path, Path, str], object]
"""``simulate(plan, measured, corner)``: reads the plan (CSV, docs/cli.md), simulates each row at ``corner`` (such as ``ss,1.6,100``) and
writes the plan's columns and ``delay``, ``transition`` to ``measured``; an empty field is a simulation that failed. What it returns is not
looked at."""


@dataclass(frozen=True)
class Host:
    """A characterization flow that answers plans: ``eda-plugin run NAME``. It deals in files, so it needs no type of ours."""

    name: str
    summary: str
    simulate: Simulate


class HostRegistry(Registry[Host]):
    def __init__(self) -> None:
        super().__init__("host")
