"""Rows simulated until their output has settled: one transient a row and no longer than it must be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eda_plugin.adapters.ngspice.deck import Bench
from eda_plugin.adapters.ngspice.log import LogRow
from eda_plugin.adapters.ngspice.run import answer_rows
from eda_plugin.domain.waveform import Waveform

__all__ = ["LONGEST", "SETTLED", "Edge", "settled_rows", "unreadable"]

SETTLED = 0.02  # of the supply: how close an output must have come to its rail
LONGEST = 1e-5  # s: an output that has not settled by then does not switch


@dataclass(frozen=True)
class Edge:
    """One edge of an output. ``delay`` and ``transition`` in s; ``supply`` and ``input`` the charge in C that the supply and the driver of
    the related pin gave from the start of the input's edge, ``before`` (s) its middle, until ``after`` (s) behind it (NaN where not asked
    for)."""

    delay: float
    transition: float
    supply: float
    input: float
    before: float
    after: float

    @classmethod
    def within(cls, delay: float, transition: float, charges: tuple[float, float], slew: float, window: float, wave: Waveform) -> Edge:
        """The edge where the input had ``slew`` and the output ``window`` (s) after the end of the input's edge."""
        return cls(delay, transition, *charges, slew * wave.half, slew * (wave.length - wave.half) + window)


def settled_rows(
    bench: Bench, rows: Sequence[tuple[float, float, str]], deck_of: Callable[[Sequence[tuple[int, float]]], str]
) -> list[Edge | str]:
    """Simulate ``rows`` (slew in s, load in F, edge of the output): for each the edge, or the reason why there is no answer.

    ``deck_of`` writes the deck of some rows, each a position in ``rows`` and the time (s) that its output has to settle. The rows of the
    least and the largest load are looked at first: they tell how long an output takes to settle, so that no transient runs much longer
    than it must; where none of them has an answer, the others are not tried. A row that had not settled is simulated again with four
    times the time.
    """
    answers: dict[int, Edge | str] = {}
    windows = dict.fromkeys(_first_looks(rows), bench.settings.window)
    while windows:
        places = sorted(windows)
        longer: dict[int, float] = {}
        for begin in range(0, len(places), bench.settings.rows):
            part = [(place, windows[place]) for place in places[begin : begin + bench.settings.rows]]

            def some(chosen: Sequence[int], part: Sequence[tuple[int, float]] = part) -> str:
                return deck_of([part[place] for place in chosen])

            for (place, window), found in zip(part, answer_rows(len(part), some, bench.settings), strict=True):
                answers[place], more_time = _judge(found, rows[place], window, bench)
                if more_time and window * 4 <= LONGEST:
                    longer[place] = window * 4
        if not longer and not any(isinstance(answer, Edge) for answer in answers.values()):
            return [answers.get(place, answers[min(answers)]) for place in range(len(rows))]
        windows = longer or _windows(rows, answers, bench.settings.window)
    return [answers[place] for place in range(len(rows))]


def _first_looks(rows: Sequence[tuple[float, float, str]]) -> set[int]:
    """Of each edge the least and the largest load, the slowest input first."""
    order = sorted(range(len(rows)), key=lambda place: (rows[place][2], rows[place][1], -rows[place][0]))
    looks: dict[tuple[str, str], int] = {}
    for place in order:
        looks.setdefault((rows[place][2], "least"), place)
    for place in reversed(order):
        looks.setdefault((rows[place][2], "largest"), place)
    return set(looks.values())


def _windows(rows: Sequence[tuple[float, float, str]], answers: Mapping[int, Edge | str], default: float) -> dict[int, float]:
    """Time to settle for the rows that have no answer yet: three times what the loads looked at first need, and what lies in between."""
    needed: dict[str, dict[float, float]] = {}
    for place, answer in sorted(answers.items()):
        if isinstance(answer, Edge):
            needed.setdefault(rows[place][2], {})[rows[place][1]] = max(answer.delay, 0.0) + 2 * answer.transition
    windows = {}
    for place, (_, load, edge) in enumerate(rows):
        if place not in answers:
            known = sorted(needed.get(edge, {}))
            windows[place] = 3 * float(np.interp(load, known, [needed[edge][at] for at in known])) + 2e-12 if known else default
    return windows


def unreadable(row: LogRow) -> str:
    """What is wrong with the numbers that a row printed, or empty."""
    for name, text in row.garbled.items():
        return f"ngspice gave {text!r} for {name}; expected a number"
    return ""


def _judge(found: LogRow | str, row: tuple[float, float, str], window: float, bench: Bench) -> tuple[Edge | str, bool]:
    """The edge of a row or the reason why not, and whether more time would help."""
    if isinstance(found, str):
        return found, False
    if reason := unreadable(found):
        return reason, False
    slew, _, edge = row
    volts = bench.corner.voltage
    begin, end = (found.values.get(name, math.nan) for name in ("begin", "end"))
    rail = volts if edge == "rise" else 0.0
    if abs(begin - (volts - rail)) > SETTLED * volts:
        return f"the output stood at {begin:g} V before its {edge}", False
    if not abs(end - rail) <= SETTLED * volts:
        return f"the output stood at {end:g} V, not at its rail, {window:g} s after the input's edge", True
    delay, transition = (found.values.get(name, math.nan) for name in ("delay", "transition"))
    if not math.isfinite(delay) or not transition > 0:
        return f"no crossing for {', '.join(found.failed) or 'delay or transition'}", True
    supply, taken = (-found.values.get(name, math.nan) for name in ("supply", "input"))
    return Edge.within(delay, transition / bench.settings.derate, (supply, taken), slew, window, bench.settings.edge), False
