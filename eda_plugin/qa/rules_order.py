"""Rules on trends: over supplies, processes, temperatures, drive strengths. Each compares what differs in one thing alone."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import combinations, pairwise

import numpy as np

from eda_plugin.domain.corner import Corner, process_axes
from eda_plugin.domain.quantity import CAPACITANCE, DELAY, TRANSITION
from eda_plugin.qa.findings import Finding, Rule, Severity, finding
from eda_plugin.qa.subject import Floats, Ints, Subject, View, resample

__all__ = ["order_rules"]

_DRIVE = re.compile(r"^(.*?[_xXdD])(\d+)$")
ENOUGH = 4  # corners, below which a trend over corners is not judged


def order_rules() -> tuple[Rule, ...]:
    """The rules of this module."""
    return (
        Rule("supply-order", "a cell that gets slower with more supply has swapped or stale numbers", _supply),
        Rule("process-order", "a cell that is slower in a faster process has swapped or stale numbers", _process),
        Rule("temperature-order", "one arc against the temperature trend of all others at that supply was not run again", _temperature),
        Rule("leakage-supply", "a cell that leaks less with more supply has swapped or stale numbers", _leakage_supply),
        Rule("leakage-temperature", "a cell that leaks less when hot has swapped or stale numbers", _leakage_temperature),
        Rule("leakage-trend", "a leakage decades off what its cell and its corner make likely is a failed run", _leakage_trend),
        Rule("corner-outlier", "a table off what its arc and its corner make likely is a failed run", _outlier),
        Rule("capacitance-trend", "pin capacitances hardly move over corners; one that does is stale or wrong", _capacitance_trend),
        Rule("drive-order", "a stronger cell with slower edges into the same load has swapped numbers", _drive_order),
        Rule("drive-leakage", "a stronger cell that leaks less has swapped numbers", _drive_leakage),
    )


def _means(view: View, rows: Ints, values: Floats) -> Floats:
    """(rows,) mean of each table of flat ``values``, NaN where one of them is."""
    total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(values))])
    holes = np.concatenate([[0], np.cumsum(np.isnan(values))])
    start, stop = view.library.start[rows], view.library.start[rows + 1]
    mean: Floats = np.where(holes[stop] > holes[start], np.nan, (total[stop] - total[start]) / np.maximum(stop - start, 1))
    return mean


def _pairs(subject: Subject, alike: Callable[[Corner], object], size: Callable[[Corner], float | None]) -> Iterator[tuple[View, View]]:
    """Views whose corners are equal in ``alike``, the one of the smaller ``size`` first."""
    for one, two in combinations(subject.views, 2):
        a, b = size(one.library.corner), size(two.library.corner)
        if a is None or b is None or a == b or alike(one.library.corner) != alike(two.library.corner):
            continue
        yield (one, two) if a < b else (two, one)


def _ratios(subject: Subject, view: View, other: View, rows: Ints) -> Floats:
    """(rows,) mean of each table over the mean of the same table of ``other`` on its grid; NaN where either is not positive."""
    at = subject.align(view.library, other.library)
    shared = rows[at[rows] >= 0]
    own, theirs = _means(view, rows, view.library.values), _means(view, rows, resample(view, other, shared, at[shared]))
    usable = (own > 0) & (theirs > 0)
    ratio: Floats = np.where(usable, own / np.where(usable, theirs, 1.0), np.nan)
    return ratio


def _delay_order(
    subject: Subject, rule: str, alike: Callable[[Corner], object], size: Callable[[Corner], float | None], what: str
) -> Iterator[Finding]:
    """Mean delays that rise by more than 5 % where ``size`` does: faster corners come second."""
    for slow, fast in _pairs(subject, alike, size):
        rows = fast.rows(*DELAY)
        ratio = _ratios(subject, fast, slow, rows)
        for row, share in zip(rows[ratio > 1.05], ratio[ratio > 1.05], strict=True):
            text = f"is on average {share:.3g} times as slow as at {slow.library.corner.name}, which has {what}"
            yield finding(rule, Severity.WARNING, text, fast.library, fast.library.keys[row], [share])


def _supply(subject: Subject) -> Iterator[Finding]:
    yield from _delay_order(subject, "supply-order", lambda c: (c.process, c.temperature), lambda c: c.voltage, "less supply")


def _process_speed(corner: Corner) -> float | None:
    axes = process_axes(corner.process)
    return None if axes is None or axes[0] != axes[1] else axes[0]


def _process(subject: Subject) -> Iterator[Finding]:
    yield from _delay_order(subject, "process-order", lambda c: (c.voltage, c.temperature), _process_speed, "a slower process")


def _temperature(subject: Subject) -> Iterator[Finding]:
    """Either sign is physics (delays fall with the temperature at low supply); an arc against nine tenths of the others is not."""
    for cold, hot in _pairs(subject, lambda c: (c.process, c.voltage), lambda c: c.temperature):
        rows = hot.rows(*DELAY)
        ratio = _ratios(subject, hot, cold, rows)
        known = ratio[np.isfinite(ratio)]
        if len(known) < 20:
            continue
        rises = (known > 1).mean()
        if 0.1 < rises < 0.9:
            continue
        wrong = (ratio < 0.8) if rises >= 0.9 else (ratio > 1.25)
        for row, share in zip(rows[wrong], ratio[wrong], strict=True):
            text = f"is {share:.3g} times as slow as at {cold.library.corner.name}; {rises:.0%} of the arcs get slower there"
            yield finding("temperature-order", Severity.WARNING, text, hot.library, hot.library.keys[row], [share])


def _leakage_order(
    subject: Subject, rule: str, alike: Callable[[Corner], object], size: Callable[[Corner], float], what: str
) -> Iterator[Finding]:
    for low, high in _pairs(subject, alike, size):
        rows = high.rows("cell_leakage_power")
        ratio = _ratios(subject, high, low, rows)
        for row, share in zip(rows[ratio < 0.95], ratio[ratio < 0.95], strict=True):
            text = f"is {share:.3g} of that at {low.library.corner.name}, which has {what}"
            yield finding(rule, Severity.WARNING, text, high.library, high.library.keys[row], [share])


def _leakage_supply(subject: Subject) -> Iterator[Finding]:
    yield from _leakage_order(subject, "leakage-supply", lambda c: (c.process, c.temperature), lambda c: c.voltage, "less supply")


def _leakage_temperature(subject: Subject) -> Iterator[Finding]:
    yield from _leakage_order(subject, "leakage-temperature", lambda c: (c.process, c.voltage), lambda c: c.temperature, "less heat")


def _trend(subject: Subject, group: str, quantities: tuple[str, ...]) -> Iterator[tuple[View, Ints, Floats]]:
    """For each library: rows, and log of table mean over what its arc (mean over corners) and its corner (median over arcs) make likely."""
    if len(subject.libraries) < ENOUGH:
        return
    first = subject.views[0]
    rows = first.rows(*quantities) if quantities else np.flatnonzero(first.group == group)
    logs, places = [], []
    for view in subject.views:
        at = subject.align(first.library, view.library)[rows]
        known = at >= 0
        values = np.full(len(rows), np.nan)
        values[known] = _means(first, rows[known], resample(first, view, rows[known], at[known]))
        logs.append(np.log(np.where(values > 0, values, np.nan)))
        places.append(at)
    table = np.array(logs)
    full = np.isfinite(table).all(axis=0)
    if full.sum() < 10:
        return
    table = table[:, full]
    centred = table - np.median(table, axis=0)
    residual = centred - np.median(centred, axis=1, keepdims=True)
    for view, at, line in zip(subject.views, places, residual, strict=True):
        yield view, at[full], line


def _off_trend(subject: Subject, rule: str, group: str, quantities: tuple[str, ...], least: float) -> Iterator[Finding]:
    """Beyond ``least`` in log and beyond twelve times the corner's own spread (median absolute deviation)."""
    for view, rows, residual in _trend(subject, group, quantities):
        limit = max(least, 12 * float(np.median(np.abs(residual))))
        for row, off in zip(rows[np.abs(residual) > limit], residual[np.abs(residual) > limit], strict=True):
            text = f"is {np.exp(off):.3g} times what its other corners and the other cells of this corner make likely"
            yield finding(rule, Severity.WARNING, text, view.library, view.library.keys[row], [float(np.exp(off))])


def _leakage_trend(subject: Subject) -> Iterator[Finding]:
    yield from _off_trend(subject, "leakage-trend", "leakage", ("cell_leakage_power",), np.log(10.0))


def _outlier(subject: Subject) -> Iterator[Finding]:
    yield from _off_trend(subject, "corner-outlier", "timing", DELAY + TRANSITION, np.log(2.0))


def _capacitance_trend(subject: Subject) -> Iterator[Finding]:
    yield from _off_trend(subject, "capacitance-trend", "capacitance", CAPACITANCE, np.log(1.3))


def _drives(library_keys: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Neighbours in drive strength, weaker first: names that differ in a number at their end."""
    families: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for cell in library_keys:
        if match := _DRIVE.match(cell):
            families[match[1]].append((int(match[2]), cell))
    for members in families.values():
        members.sort()
        for (small, weak), (large, strong) in pairwise(members):
            if small > 0 and large > small:
                yield weak, strong


def _drive_order(subject: Subject) -> Iterator[Finding]:
    """Transition of the stronger cell at its own grid, over that of the weaker one there: more than 1.25 on average."""
    for view in subject.views:
        library = view.library
        cells = tuple(dict.fromkeys(key.cell for key in library.keys))
        weaker = {strong: weak for weak, strong in _drives(cells)}
        rows = [
            (row, library.position.get(library.keys[row]._replace(cell=weaker[library.keys[row].cell]), -1))
            for row in view.rows(*TRANSITION)
            if library.keys[row].cell in weaker
        ]
        pairs = np.array([pair for pair in rows if pair[1] >= 0], dtype=np.int64).reshape(-1, 2)
        if not len(pairs):
            continue
        theirs = _means(view, pairs[:, 0], resample(view, view, pairs[:, 0], pairs[:, 1]))
        own = _means(view, pairs[:, 0], library.values)
        wrong = (theirs > 0) & (own > 1.25 * theirs)
        for (row, partner), a, b in zip(pairs[wrong], own[wrong], theirs[wrong], strict=True):
            text = f"has transitions {a / b:.3g} times those of the weaker {library.keys[partner].cell} at the same slews and loads"
            yield finding("drive-order", Severity.WARNING, text, library, library.keys[row], [a, b])


def _drive_leakage(subject: Subject) -> Iterator[Finding]:
    for view in subject.views:
        library = view.library
        leak = {library.keys[row].cell: int(row) for row in view.rows("cell_leakage_power")}
        for weak, strong in _drives(tuple(leak)):
            a, b = (float(library.values[library.start[leak[cell]]]) for cell in (weak, strong))
            if b < 0.5 * a:
                text = f"is {b:.3g} W, the weaker {weak} has {a:.3g} W"
                yield finding("drive-leakage", Severity.WARNING, text, library, library.keys[leak[strong]], [b, a])
