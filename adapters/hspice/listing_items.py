"""What a listing holds: runs with their measures, notes, and what it says of its job."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

__all__ = ["Facts", "ListedMeasure", "Note", "Run"]


@dataclass(frozen=True)
class ListedMeasure:
    """``value`` in SI, NaN where the measure failed; ``details``: targ, trig, at, from, to, with, as far as they stand there (NaN: not
    found); ``line`` from 1."""

    name: str
    value: float
    line: int
    details: dict[str, float] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        return math.isnan(self.value)


@dataclass(frozen=True)
class Note:
    """A warning, an error or a failure to converge (``kind``: warning, error, convergence); ``run`` counts the runs begun before it."""

    kind: str
    text: str
    line: int
    run: int


@dataclass(frozen=True)
class Run:
    """One analysis at one point. ``temperature`` and ``tnom`` in degrees Celsius, NaN where unreadable; ``alter`` counts from 1;
    ``parameters`` those that a sweep set, by name in lower case."""

    analysis: str
    temperature: float
    tnom: float
    title: str
    alter: int
    alter_name: str
    parameters: dict[str, float]
    monte_carlo: int | None
    line: int
    measures: tuple[ListedMeasure, ...]


@dataclass
class Facts:
    """What the listing says of itself, as far as it was read."""

    simulator: str = ""
    version: str = ""
    title: str = ""
    input_file: str = ""
    started: str = ""
    ended: str = ""
    elapsed: float = math.nan
    cpu: float = math.nan
    options: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, float] = field(default_factory=dict)
    concluded: bool = False
    aborted: bool = False
    lines: int = 0
