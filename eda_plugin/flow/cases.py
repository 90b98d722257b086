"""The cases of the sparse-corner benchmark: which corners are anchors, which are filled, and what is simulated there.

No name of any library stands here: where a case takes a few corners, a rule over process, voltage and temperature chooses them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from eda_plugin.domain import Corner
from eda_plugin.errors import UserError

__all__ = ["CASES", "Case", "Job", "far_targets", "few_anchors", "jobs"]

ROOM = 25.0
"""Degrees Celsius."""
Choose = Callable[[Sequence[Corner]], tuple[Corner, ...]]


def few_anchors(corners: Sequence[Corner]) -> tuple[Corner, ...]:
    """A library's sparse start: of each process two opposite corners of its box, hot at a low supply and cold at a high one.

    The supplies are the lowest and the highest that the process's hottest and coldest corners both reach. Of a process that has no such box
    (one temperature or one supply), the corner nearest 25 degrees, then nearest the middle of its supplies.

    >>> [str(c) for c in few_anchors([Corner("ss", v, t) for v in (1.3, 1.5) for t in (-40, 100)] + [Corner("tt", 1.4, 25)])]
    ['ss_100C_1v30', 'ss_n40C_1v50', 'tt_025C_1v40']
    """
    chosen: list[Corner] = []
    for own in _by_process(corners):
        cold, hot = min(c.temperature for c in own), max(c.temperature for c in own)
        supplies = {t: sorted(c.voltage for c in own if c.temperature == t) for t in (cold, hot)}
        low, high = max(ends[0] for ends in supplies.values()), min(ends[-1] for ends in supplies.values())
        if cold == hot or low >= high:
            middle = sum(c.voltage for c in own) / len(own)
            chosen.append(min(own, key=lambda c: (abs(c.temperature - ROOM), abs(c.voltage - middle), c)))
            continue
        at_hot = next(v for v in supplies[hot] if v >= low)
        at_cold = next(v for v in reversed(supplies[cold]) if v <= high)
        chosen += [Corner(own[0].process, at_hot, hot), Corner(own[0].process, at_cold, cold)]
    return tuple(sorted(chosen))


def far_targets(corners: Sequence[Corner]) -> tuple[Corner, ...]:
    """Of each process the hottest corner at its highest supply, and the corner of the lowest supply of all (the coldest of those).

    >>> [str(c) for c in far_targets([Corner("ss", v, t) for v in (1.3, 1.5) for t in (-40, 100)] + [Corner("tt", 1.4, 25)])]
    ['ss_n40C_1v30', 'ss_100C_1v50', 'tt_025C_1v40']
    """
    hot = {max(own, key=lambda c: (c.temperature, c.voltage)) for own in _by_process(corners)}
    return tuple(sorted(hot | {min(corners, key=lambda c: (c.voltage, c.temperature, c))}))


def _by_process(corners: Sequence[Corner]) -> list[list[Corner]]:
    return [list(own) for _, own in groupby(sorted(corners), key=lambda corner: corner.process)]


@dataclass(frozen=True)
class Case:
    """``budgets`` as ``plan --budget`` takes them; ``anchors`` and ``targets`` choose among the corners, ``None``: all others."""

    summary: str
    budgets: tuple[str, ...]
    anchors: Choose | None = None
    targets: Choose | None = None


CASES = {
    "A": Case("all other corners, 2 % of the simulations", ("2%",)),
    "B": Case("all other corners, no simulation", ("0",)),
    "C": Case("few corners, 2 % of the simulations", ("2%",), few_anchors),
    "D": Case("few corners, no simulation", ("0",), few_anchors),
    "E": Case("all other corners, growing budgets", ("0.5%", "1%", "5%", "10%"), None, far_targets),
}


@dataclass(frozen=True)
class Job:
    """One corner to fill, from ``anchors``, with the simulations that ``budget`` buys."""

    case: str
    target: Corner
    budget: str
    anchors: tuple[Corner, ...]


def jobs(
    corners: Sequence[Corner],
    cases: Sequence[str],
    *,
    targets: Sequence[Corner] = (),
    anchors: Sequence[Corner] = (),
    budgets: Sequence[str] = (),
) -> list[Job]:
    """What the cases ask for, in order.

    ``targets`` takes the place of the cases' own, ``anchors`` that of the rule of the cases that start from few, ``budgets`` that of the
    cases' budgets. Raises ``UserError`` for a case, target or anchor that is not there and for a case that is left without either.
    """
    known = set(corners)
    for what, names in (("target", targets), ("anchor", anchors)):
        strange = [corner for corner in names if corner not in known]
        if strange:
            raise UserError(f"no library of the {what} {strange[0]}; there are {', '.join(map(str, sorted(known)))}")
    found: list[Job] = []
    for name in dict.fromkeys(cases):
        if name not in CASES:
            raise UserError(f"unknown case {name!r}; expected {', '.join(CASES)}")
        case = CASES[name]
        pool = tuple(sorted(anchors or case.anchors(corners))) if case.anchors else tuple(sorted(known))
        wanted = tuple(targets) or (case.targets(corners) if case.targets else tuple(sorted(known - set(pool) or known)))
        if case.anchors and known == set(pool):
            raise UserError(f"case {name}: all {len(known)} corners are anchors, so none is left to fill; name the anchors with --anchor")
        for target in dict.fromkeys(wanted):
            others = tuple(corner for corner in pool if corner != target)
            if not others:
                raise UserError(f"case {name}: no anchor is left for {target}; expected libraries of two corners or more")
            found += [Job(name, target, budget, others) for budget in budgets or case.budgets]
    return found
