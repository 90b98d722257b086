"""How ngspice is run and what counts as delay and transition."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from eda_plugin.domain.waveform import Waveform
from eda_plugin.errors import UserError

__all__ = ["NgspiceSettings"]


@dataclass(frozen=True)
class NgspiceSettings:
    """Settings of a characterization with ngspice.

    ``timeout`` in s for one process, which simulates up to ``rows`` transients; ``retries`` further attempts for a row on which ngspice
    crashed or hung. ``threshold``: delay runs from this fraction of the supply at the input to the same at the output; ``lower`` and
    ``upper``: transition between these fractions, times ``1 / derate``. ``window`` in s: how long the first look at an arc waits for its
    output to settle. ``power`` and ``ground`` name the supply ports of a cell (any case); ``idle_load`` in F stands at outputs that are
    not measured. ``options`` are ngspice's: an error tolerance of a 22 nm cell's charges needs ``chgtol`` far below the default.
    ``wave``: the edge that drives an input, a ramp unless given; flip-flops take ramps only.

    Constraints are searched for until they are known within ``tolerance`` (s), with ``constraint_load`` (F) at the output. One is met
    where the cell stores what it should and the output is later than with all the time in the world by at most the part ``degradation``
    of that delay (an output that must not move: moves by at most that part of the supply); ``None``: where it stores what it should.
    """

    program: str = "ngspice"
    timeout: float = 300.0
    retries: int = 1
    rows: int = 49
    threshold: float = 0.5
    lower: float = 0.2
    upper: float = 0.8
    derate: float = 1.0
    window: float = 5e-10
    idle_load: float = 0.0
    tolerance: float = 1e-13
    constraint_load: float = 1e-15
    degradation: float | None = 0.1
    power: tuple[str, ...] = ("vdd", "vpwr", "vpb", "vcc")
    ground: tuple[str, ...] = ("vss", "vgnd", "vnb", "gnd")
    options: tuple[str, ...] = ("reltol=1e-4", "trtol=0.3", "chgtol=1e-18")
    wave: Waveform | None = None

    def __post_init__(self) -> None:
        if not 0 < self.lower < self.upper < 1 or not 0 < self.threshold < 1:
            raise UserError(
                f"thresholds {self.lower:g}, {self.threshold:g}, {self.upper:g}; expected fractions of the supply with lower < upper"
            )
        if min(self.timeout, self.window, self.derate) <= 0 or self.rows < 1 or self.retries < 0:
            raise UserError("timeout, window, derate and rows of ngspice's settings must be positive, retries 0 or more")
        if self.tolerance <= 0 or self.constraint_load < 0 or (self.degradation is not None and self.degradation <= 0):
            raise UserError("tolerance and degradation of ngspice's settings must be positive, constraint_load 0 or more")

    @cached_property
    def edge(self) -> Waveform:
        """What drives an input."""
        return self.wave or Waveform.ramp((self.upper - self.lower) / self.derate)

    @property
    def ramp(self) -> float:
        """Length of a full 0 to 100 % edge for a slew of 1."""
        return self.edge.length

    def driven(self, slew: float, start: float, high: float, low: float) -> str:
        """Times (s) and levels (V) of an edge of ``slew`` that begins at ``start``, from ``high`` to ``low``."""
        edge = self.edge
        points = [(start + slew * time, high + (low - high) * level) for time, level in zip(edge.times, edge.levels, strict=True)]
        return " ".join(f"{time:.9g} {level:.9g}" for time, level in [(0.0, high), *points])
