"""The registry of the models. That of the formats stands in adapters/registry.py, that of the checks in qa/findings.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from eda_plugin.adapters.registry import Registry

if TYPE_CHECKING:
    from eda_plugin.config import FillSettings, Progress
    from eda_plugin.domain import Corner, Library, Points

__all__ = ["Fill", "FilledCorner", "Model", "ModelRegistry"]


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
