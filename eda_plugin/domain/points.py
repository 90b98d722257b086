"""Single simulations: one arc, one edge, one input slew, one load; a delay and a transition. Or a constraint of two slews."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain.arc import Arc
from eda_plugin.errors import UserError

__all__ = ["Points"]


@dataclass(frozen=True, eq=False)
class Points:
    """n simulations of one corner, asked for (a plan) or answered.

    ``arcs`` and ``edges`` (``rise`` or ``fall`` of the arc's pin): n each; ``index`` (n, 2): the coordinates along the delay table's first
    and second axis, SI; ``delay`` and ``transition`` (n,) in s, NaN where not simulated or failed. ``source`` says where they were read.

    Of a constraint the coordinates are those of its own table, both slews (of a pulse the second is NaN, or anything), the edge is that
    of the constrained pin, the value (s) stands as the delay, and there is no transition.
    """

    arcs: tuple[Arc, ...]
    edges: tuple[str, ...]
    index: NDArray[np.float64]
    delay: NDArray[np.float64]
    transition: NDArray[np.float64]
    source: str = ""

    def __post_init__(self) -> None:
        n = len(self.arcs)
        shapes = (len(self.edges), self.index.shape, self.delay.shape, self.transition.shape)
        if shapes != (n, (n, 2), (n,), (n,)):
            raise UserError(f"points of {n} arcs with edges, index, delay and transition of shapes {shapes}")
        strange = set(self.edges) - {"rise", "fall"}
        if strange:
            raise UserError(f"unknown edge {sorted(strange)[0]!r}; expected rise or fall")

    def __len__(self) -> int:
        return len(self.arcs)

    @classmethod
    def plan(cls, arcs: tuple[Arc, ...], edges: tuple[str, ...], index: NDArray[np.float64], source: str = "plan") -> Points:
        """Simulations that have no answer yet."""
        empty = np.full(len(arcs), np.nan)
        return cls(arcs, edges, index, empty, empty.copy(), source)
