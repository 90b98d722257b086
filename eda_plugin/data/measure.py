"""Delay, transition, energy and input capacitance out of waveforms, as ``.measure`` takes them: linear between time points.

Arrays are (points,): ``time`` in s, rising; voltages in V; currents in A as simulators give them, into the source's positive end, so that a
supply's is negative while it delivers. What is not there is NaN: a crossing that never happens is a missing value, not an error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eda_plugin.errors import UserError

__all__ = ["Thresholds", "charge", "crossings", "delay", "energy", "input_capacitance", "transition"]

Wave = NDArray[Any]
EDGES = ("rise", "fall")


@dataclass(frozen=True)
class Thresholds:
    """Fractions of the supply. A delay runs from ``input`` to ``output``; a transition between ``lower`` and ``upper``, divided by
    ``derate`` (Liberty's ``slew_derate_from_library``)."""

    input: float = 0.5
    output: float = 0.5
    lower: float = 0.2
    upper: float = 0.8
    derate: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.lower < self.upper < 1 and 0 < self.input < 1 and 0 < self.output < 1 and self.derate > 0):
            raise UserError(
                f"thresholds {self.input:g}, {self.output:g}, {self.lower:g} to {self.upper:g}, derate {self.derate:g}; "
                "expected fractions of the supply with lower < upper, and a positive derate"
            )


def crossings(time: Wave, values: Wave, level: float, edge: str, *, after: float = -math.inf) -> NDArray[np.float64]:
    """Times at which ``values`` rise or fall through ``level`` (V), in order, none before ``after`` (s)."""
    t, v = _checked(time, values)
    if edge not in EDGES:
        raise UserError(f"edge {edge!r}; expected rise or fall")
    below = v < level
    at = np.flatnonzero(below[:-1] & ~below[1:] if edge == "rise" else ~below[:-1] & below[1:])
    low, high = v[at], v[at + 1]
    times = t[at] + (level - low) / (high - low) * (t[at + 1] - t[at])
    return times[times >= after]


def delay(
    time: Wave,
    input: Wave,
    output: Wave,
    *,
    supply: float,
    input_edge: str,
    output_edge: str,
    thresholds: Thresholds | None = None,
    after: float = -math.inf,
) -> float:
    """s from the first edge of the input after ``after`` to the first edge of the output after ``after``; negative where the output is
    first. NaN where one of them does not cross."""
    limits = thresholds or Thresholds()
    begin = _first(crossings(time, input, limits.input * supply, input_edge, after=after))
    return _first(crossings(time, output, limits.output * supply, output_edge, after=after)) - begin


def transition(
    time: Wave, output: Wave, *, supply: float, edge: str, thresholds: Thresholds | None = None, after: float = -math.inf
) -> float:
    """s that the first edge of ``output`` after ``after`` takes between the thresholds, NaN where it does not pass both."""
    limits = thresholds or Thresholds()
    levels = (limits.lower, limits.upper) if edge == "rise" else (limits.upper, limits.lower)
    begin, end = (_first(crossings(time, output, level * supply, edge, after=after)) for level in levels)
    return (end - begin) / limits.derate


def charge(time: Wave, current: Wave, begin: float, end: float) -> float:
    """C that flows from ``begin`` to ``end`` (s), by trapezoids, NaN where the waveform does not cover that time."""
    t, i = _checked(time, current)
    if not end > begin:
        raise UserError(f"from {begin:g} s to {end:g} s is no span of time")
    # A simulator ends at the last digit of its stop time.
    slack = 1e-9 * (end - begin)
    if not len(t) or begin < t[0] - slack or end > t[-1] + slack:
        return math.nan
    inside = (t > begin) & (t < end)
    times = np.concatenate([[begin], t[inside], [end]])
    values = np.concatenate([[np.interp(begin, t, i)], i[inside], [np.interp(end, t, i)]])
    return float(np.sum((values[1:] + values[:-1]) * np.diff(times)) / 2)


def energy(time: Wave, current: Wave, begin: float, end: float, *, supply: float) -> float:
    """J that a source of ``supply`` V delivers from ``begin`` to ``end`` (s); ``current`` into its positive end."""
    return -supply * charge(time, current, begin, end)


def input_capacitance(time: Wave, voltage: Wave, current: Wave, begin: float, end: float) -> float:
    """F: charge that the driver gives from ``begin`` to ``end`` (s) over the swing of its ``voltage`` in that time; ``current`` into the
    driver's positive end. NaN where the voltage ends as it began."""
    t, v = _checked(time, voltage)
    swing = float(np.interp(end, t, v) - np.interp(begin, t, v)) if len(t) else 0.0
    return -charge(time, current, begin, end) / swing if swing else math.nan


def _first(times: NDArray[np.float64]) -> float:
    return float(times[0]) if len(times) else math.nan


def _checked(time: Wave, values: Wave) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if time.ndim != 1 or time.shape != values.shape:
        raise UserError(f"a waveform of {values.shape} values over {time.shape} times; expected as many of each")
    if np.iscomplexobj(values):
        raise UserError("a complex waveform, of an AC analysis; expected one over time")
    t, v = np.asarray(time, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if (np.diff(t) < 0).any():
        raise UserError("the times of the waveform do not rise")
    return t, v
