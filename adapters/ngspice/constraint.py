"""Setup, hold, recovery, removal and minimum pulse width: each by bisection over simulations.

One edge moves against another; the more time it leaves, the better. First it leaves more than enough: that tells the undisturbed delay, and
that the cell works at all. Then the interval between what is met and what is not is halved until it is narrow enough. All searches go on
side by side, so that a process of ngspice has many rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eda_plugin.adapters.ngspice.deck import Bench
from eda_plugin.adapters.ngspice.flipflop import Case
from eda_plugin.adapters.ngspice.log import LogRow
from eda_plugin.adapters.ngspice.run import answer_rows
from eda_plugin.adapters.ngspice.scene import Prepared, Shot, prepare, scene_deck
from eda_plugin.adapters.ngspice.settle import LONGEST, SETTLED, unreadable
from eda_plugin.domain import Cell

__all__ = ["Ask", "Search", "find_constraints"]


@dataclass(frozen=True)
class Ask:
    """One value of a constraint: the worst of its ``cases``. Slews in s: ``related`` of the pin that it refers to, ``constrained`` of the
    pin that it holds for (of a pulse both are the pin's)."""

    cases: tuple[Case, ...]
    related: float
    constrained: float


@dataclass(frozen=True)
class _Trial:
    """One simulation of a search: whether the right value was stored (``stored``), the delay of the output (s; NaN where it does not move)
    and how far it strayed where it must not move (V); ``unready``: where the output stood before the edges, if not at its rail."""

    stored: bool
    delay: float = math.nan
    stray: float = 0.0
    unready: str = ""


@dataclass
class Search:
    """The search on one case: ``shot`` is what to simulate next, ``take`` learns from its answer, until it is no longer ``open``; then
    ``high`` is the answer (s), or ``reason`` says why there is none.

    Between ``low``, not met, and ``high``, met; ``free`` is the first trial, with more than enough time.
    """

    case: Case
    related: float
    constrained: float
    window: float
    high: float = math.nan
    low: float = math.nan
    free: _Trial | None = None
    reason: str = ""
    bottom: float = field(default=math.nan)

    def shot(self, bench: Bench) -> Shot:
        """What to simulate next."""
        offset = self.ample(bench) if self.free is None else (self.low + self.high) / 2
        return Shot(self.case, self.related, bench.settings.constraint_load, self.window, self.constrained, offset)

    def ample(self, bench: Bench) -> float:
        """More than enough time (s)."""
        return self.window + (self.related + self.constrained) * bench.settings.ramp

    def met(self, trial: _Trial, bench: Bench) -> bool:
        """Whether the constraint was met."""
        part = bench.settings.degradation
        if part is None or self.free is None or not trial.stored:
            return trial.stored
        if self.case.first == self.case.last:
            return trial.stray <= part * bench.corner.voltage
        return trial.delay <= self.free.delay + part * abs(self.free.delay)

    def take(self, found: LogRow | str, bench: Bench) -> None:
        """Learn from the answer to ``shot``."""
        trial = _trial(found, self.case, bench)
        if isinstance(trial, str):
            self.reason = trial
        elif self.free is not None and trial.unready:
            self.reason = trial.unready
        elif self.free is not None:
            middle = (self.low + self.high) / 2
            if self.met(trial, bench):
                self.high = middle
            else:
                self.low = middle
            if self.high - self.bottom <= bench.settings.tolerance:
                self.reason = f"met even at {self.high:.3g} s: nothing constrains it"
        elif trial.stored:
            self.free = trial
            self.high = self.ample(bench)
            self.low = self.bottom = 0.0 if self.case.mover == self.case.trigger else -self.high
        elif self.window * 4 > LONGEST:
            self.reason = trial.unready or f"the cell does not store what it should, however long it is given ({self.ample(bench):.3g} s)"
        else:
            self.window *= 4

    def open(self, bench: Bench) -> bool:
        """Whether there is more to simulate."""
        return not self.reason and (self.free is None or self.high - self.low > bench.settings.tolerance)


def _trial(found: LogRow | str, case: Case, bench: Bench) -> _Trial | str:
    """What a row says, or why it says nothing."""
    if isinstance(found, str):
        return found
    if reason := unreadable(found):
        return reason
    volts = bench.corner.voltage
    begin, end, delay, high, low = (found.values.get(name, math.nan) for name in ("begin", "end", "delay", "high", "low"))
    if not abs(begin - volts * case.first) <= SETTLED * volts:
        return _Trial(stored=False, unready=f"the output stood at {begin:g} V before the edges; expected {volts * case.first:g} V")
    if not math.isfinite(end):
        return "the simulation did not reach its end"
    stored = abs(end - volts * case.last) <= SETTLED * volts
    if case.first == case.last:
        return _Trial(stored, stray=volts - low if case.last else high)
    return _Trial(stored and math.isfinite(delay), delay)


def _answer(bench: Bench, cell: Cell, shots: Sequence[Shot], prepared: Prepared) -> list[LogRow | str]:
    """Simulate shots of one cell; those that start from the same state share processes of at most ``settings.rows`` rows."""
    answers: dict[int, LogRow | str] = {}
    for key in sorted({shot.case.key for shot in shots}):
        places = [place for place, shot in enumerate(shots) if shot.case.key == key]
        nodes = prepared[key]
        if isinstance(nodes, str):
            answers |= dict.fromkeys(places, nodes)
            continue
        for begin in range(0, len(places), bench.settings.rows):
            part = places[begin : begin + bench.settings.rows]

            def deck_of(chosen: Sequence[int], part: Sequence[int] = part, nodes: Mapping[str, float] = nodes) -> str:
                return scene_deck(bench, cell, [shots[part[row]] for row in chosen], nodes)

            answers |= dict(zip(part, answer_rows(len(part), deck_of, bench.settings), strict=True))
    return [answers[place] for place in range(len(shots))]


def find_constraints(bench: Bench, cell: Cell, asks: Sequence[Ask]) -> list[float | str]:
    """The least time (s, may be negative) with which each constraint is met, at most ``settings.tolerance`` above the true one; or why
    there is none. A pulse's is its width."""
    prepared = prepare(bench, cell, (case for ask in asks for case in ask.cases))
    searches = [[Search(case, ask.related, ask.constrained, bench.settings.window) for case in ask.cases] for ask in asks]
    while waiting := [search for group in searches for search in group if search.open(bench)]:
        shots = [search.shot(bench) for search in waiting]
        for search, found in zip(waiting, _answer(bench, cell, shots, prepared), strict=True):
            search.take(found, bench)
    result: list[float | str] = []
    for group in searches:
        reasons = [search.reason for search in group if search.reason]
        result.append(reasons[0] if reasons else max(search.high for search in group))
    return result
