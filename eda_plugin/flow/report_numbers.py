"""The numbers of a report that are drawn: heat maps over cells, curves, calibration, what the next simulations would buy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain import Library, Origin, Points, TableKey, edge_of, timing_quantities
from eda_plugin.domain.quantity import DELAY, TIMING, TRANSITION, si_unit
from eda_plugin.qa.metrics import floor_of
from eda_plugin.qa.refusal import refused_points
from eda_plugin.qa.subject import Floats, View, align, resample
from eda_plugin.report import Calibration, Curve, Curves, HeatMap, Line, Sheet
from eda_plugin.report.contents import Value

__all__ = ["Subject", "calibration", "curves", "heat_maps", "next_simulations"]

COLUMNS = ("delay", "transition", "constraint", "power", "leakage", "capacitance")
LEVELS = np.array([0.05, *np.arange(0.1, 0.95, 0.1), 0.95, 0.99])
RANKED, WANTED = 300, 60
SCALES = {"s": (1e-9, "ns"), "F": (1e-12, "pF"), "J": (1e-12, "pJ"), "W": (1e-9, "nW")}


@dataclass(frozen=True, eq=False)
class Subject:
    """The filled library, its truth, if there is one, and the nominal coverage of its intervals. Arrays are (m,), one entry a value.

    ``moved``: the values stand at one end of their interval, by a guard band.
    """

    filled: Library
    truth: Library | None
    nominal: float
    moved: bool = False

    @cached_property
    def view(self) -> View:
        return View(self.filled)

    @cached_property
    def column(self) -> NDArray[np.int64]:
        """Place in ``COLUMNS``, -1 for what is none of them."""
        names = np.where(
            np.isin(self.view.quantity, DELAY), "delay", np.where(np.isin(self.view.quantity, TRANSITION), "transition", self.view.group)
        )
        codes = np.full(len(names), -1, dtype=np.int64)
        for place, name in enumerate(COLUMNS):
            codes[names == name] = place
        return codes[self.view.row_of_value]

    @cached_property
    def scale(self) -> Floats:
        """What a relative number is relative to: max(|truth|, floor), without truth max(|filled|, floor); see ``qa.metrics.floor_of``."""
        reference = np.where(np.isfinite(self.true), self.true, self.filled.values)
        scale = np.full(len(reference), np.nan)
        for group in np.unique(self.view.group):
            part = (self.view.group == group)[self.view.row_of_value]
            scale[part] = np.maximum(np.abs(reference[part]), floor_of(str(group), reference[part]))
        return scale

    @cached_property
    def true(self) -> Floats:
        """The truth looked up on the filled library's grid; NaN where it says nothing."""
        if self.truth is None:
            return np.full(len(self.filled.values), np.nan)
        at = align(self.filled, self.truth)
        rows = np.flatnonzero(at >= 0)
        return resample(self.view, View(self.truth), rows, at[rows], extrapolate=False)

    @cached_property
    def width(self) -> Floats:
        """Relative width of the interval, NaN where there is none (a simulated value has none)."""
        if self.filled.lower is None or self.filled.upper is None:
            return np.full(len(self.filled.values), np.nan)
        width: Floats = (self.filled.upper - self.filled.lower) / self.scale
        return width

    @cached_property
    def error(self) -> Floats:
        """Relative error against the truth, without what was simulated; NaN where unknown."""
        error: Floats = np.where(self.given, np.nan, np.abs(self.filled.values - self.true) / self.scale)
        return error

    @cached_property
    def given(self) -> NDArray[np.bool_]:
        given: NDArray[np.bool_] = self.filled.origin == Origin.MEASURED
        return given

    @cached_property
    def simulated(self) -> Points:
        """The simulations that were given, told by the origins of the delays."""
        return refused_points(self.filled, self.given & (self.column == COLUMNS.index("delay")))

    @property
    def expected(self) -> Floats:
        """Mean absolute error that the interval promises, were errors normal: width / (2 z) sqrt(2 / pi)."""
        share: Floats = self.width / (2 * _quantile(self.nominal)) * np.sqrt(2 / np.pi)
        return share


def _quantile(share: float) -> float:
    """Half-width, in deviations, of a normal distribution's interval that covers ``share``."""
    return NormalDist().inv_cdf((1 + share) / 2)


def heat_maps(subject: Subject) -> tuple[HeatMap, ...]:
    """Predicted error, interval width, refused values and, with a truth, the error itself: means or counts by cell and quantity."""
    library = subject.filled
    names, cell = np.unique([key.cell for key in library.keys], return_inverse=True)
    place = cell[subject.view.row_of_value] * len(COLUMNS) + subject.column
    refused = np.where(subject.column >= 0, (library.origin == Origin.REFUSED).astype(float), np.nan)
    level = f"{subject.nominal:.0%}"
    measures = [
        ("predicted", "Predicted error", "%", 100 * subject.expected, False,
         "The mean error that the intervals promise, were errors normal; relative, with the floors of docs/bench.md."),
        ("width", "Interval width", "%", 100 * subject.width, False, f"Mean width, upper - lower, of the {level} intervals, relative."),
        ("refused", "Refused values", "values", refused, True, "Values with an interval wider than --max-interval: left to simulation."),
    ]  # fmt: skip
    if subject.truth is not None:
        measures.insert(0, ("error", "Error against the truth", "%", 100 * subject.error, False,
                            "Mean relative error of what was filled; simulated values do not count."))  # fmt: skip
    maps = []
    for name, title, unit, numbers, counted, note in measures:
        known = np.isfinite(numbers) & (subject.column >= 0)
        size = len(names) * len(COLUMNS)
        total = np.bincount(place[known], numbers[known], size).reshape(len(names), -1)
        count = np.bincount(place[known], minlength=size).reshape(len(names), -1)
        values = np.where(count > 0, total if counted else total / np.maximum(count, 1), np.nan)
        whole = np.where(count.sum(1) > 0, total.sum(1) / (1 if counted else np.maximum(count.sum(1), 1)), np.nan)
        maps.append(HeatMap(name, title, unit, note, tuple(map(str, names)), COLUMNS, values, whole))
    return tuple(maps)


def calibration(subject: Subject, held_out: Sequence[Sheet]) -> Calibration:
    """Observed against nominal coverage, where a truth is given: intervals drawn out or in as those of a normal distribution.

    Without a truth, what the model held out (``held_out``) is all there is to judge by.
    """
    if subject.truth is None or subject.moved:
        why = "The values stand at one end of their interval (guard band)" if subject.moved else "No truth was given (--truth LIB)"
        told = (
            "what the model found on values that it held out stands below"
            if held_out
            else "the fill's report holds no held-out coverage either"
        )
        return Calibration((), tuple(held_out), f"{why}: there is no curve; {told}.")
    library = subject.filled
    lower, upper = (bound if bound is not None else np.full(len(library.values), np.nan) for bound in (library.lower, library.upper))
    above = subject.true >= library.values
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.where(above, subject.true - library.values, library.values - subject.true)
        reach = np.where(above, upper - library.values, library.values - lower)
        ratio = np.where(off <= 0, 0.0, off / reach)  # of the interval's own half
    known = np.isfinite(subject.error) & np.isfinite(subject.width)
    factor = np.array([_quantile(level) for level in LEVELS]) / _quantile(subject.nominal)
    lines: list[Line] = []
    rows: list[tuple[Value, ...]] = []
    for place, name in enumerate(COLUMNS):
        own = ratio[known & (subject.column == place)]
        if len(own):
            lines.append(Line(name, LEVELS, np.array([(own <= times).mean() for times in factor])))
            part = known & (subject.column == place)
            width = subject.width[part]
            thirds = np.array_split(np.argsort(width, kind="stable"), 3) if len(own) >= 30 else []
            inside = [float(100 * (own[third] <= 1).mean()) for third in thirds] or [float("nan")] * 3
            rows.append((name, len(own), float(100 * (own <= 1).mean()), float(100 * width.mean()), *inside))
    columns = ("group", "values", "covered, %", "mean width, %", "narrowest third, %", "middle, %", "widest, %")
    told = f"Nominal: {subject.nominal:.0%}. Thirds by the width of the interval."
    sheet = Sheet("Coverage against the truth", columns, tuple(rows), told)
    note = (
        f"Intervals were made for {subject.nominal:.0%}; at other levels they are stretched as those of a normal distribution. "
        "A line above the diagonal: intervals wider than they need be; below: too narrow."
    )
    return Calibration(tuple(lines), (sheet, *held_out), note)


def curves(subject: Subject, chosen: Sequence[int], worst: int) -> Curves:
    """The ``worst`` tables (by mean error, without a truth by mean interval width), those ``chosen`` (rows), and for fairness the median
    delay and transition."""
    library, judged = subject.filled, subject.error if subject.truth is not None else subject.width
    what = "error" if subject.truth is not None else "interval width"
    known = np.isfinite(judged) & (subject.column >= 0)
    row_of, n = subject.view.row_of_value, len(library)
    count = np.bincount(row_of[known], minlength=n)
    mean = np.where(count > 0, np.bincount(row_of[known], judged[known], n) / np.maximum(count, 1), np.nan)
    order = np.argsort(-np.nan_to_num(mean, nan=-1.0), kind="stable")[: int((count > 0).sum())]
    plane = [int(row) for row in order if _is_plane(library, int(row))]
    timing = [row for row in plane if library.keys[row].quantity in TIMING]
    pool = timing or plane
    shown = {row: f"worst {place + 1} of {len(pool):,} by mean {what}: {100 * mean[row]:.3g} %" for place, row in enumerate(pool[:worst])}
    for names in (DELAY, TRANSITION):
        own = [row for row in timing if library.keys[row].quantity in names]
        if own:
            row = own[len(own) // 2]
            shown.setdefault(row, f"the median {'delay' if names is DELAY else 'transition'} table by mean {what}: {100 * mean[row]:.3g} %")
    for row in chosen:
        if _is_plane(library, row):
            shown[row] = f"chosen; mean {what} {100 * mean[row]:.3g} %"
    largest = np.full(n, -np.inf)
    np.maximum.at(largest, row_of[known], judged[known])
    rows = tuple(
        (str(library.keys[row].arc), library.keys[row].quantity, 100 * float(mean[row]), 100 * float(largest[row]), int(count[row]))
        for row in order[:RANKED].tolist()
    )
    ranking = Sheet(f"Tables by {what}, the worst first", ("arc", "table", f"mean {what}, %", f"largest {what}, %", "values"), rows,
                    total=len(order), wide=True)  # fmt: skip
    return Curves(ranking if rows else None, tuple(_curve(subject, row, why) for row, why in shown.items()))


def _is_plane(library: Library, row: int) -> bool:
    shape = library.table(row).values.shape
    return len(shape) == 2 and shape[0] > 0 and shape[1] > 1


def _curve(subject: Subject, row: int, why: str) -> Curve:
    """The table with its loads along the lines, whichever axis comes first."""
    table = subject.filled.table(row)
    part = slice(int(subject.filled.start[row]), int(subject.filled.start[row + 1]))
    factor, unit = SCALES.get(si_unit(table.key.quantity), (1.0, "1"))
    absent = np.full(table.values.shape, np.nan)
    arrays = [table.values, absent if table.lower is None else table.lower, absent if table.upper is None else table.upper]
    arrays.append(subject.true[part].reshape(table.values.shape))
    first, second = table.axes
    words = np.array([origin.name.lower() for origin in Origin])[table.origin]
    if first.is_load and not second.is_load:
        first, second, arrays, words = second, first, [array.T for array in arrays], words.T
    names = [("load", *SCALES["F"][::-1]) if axis.is_load else (_plain(axis.variable), "ns", 1e-9) for axis in (second, first)]
    truth = arrays[3] / factor if subject.truth is not None else None
    return Curve(
        f"{table.key}, {unit}", why, unit, names[0][0], names[0][1], names[1][0], names[1][1],
        second.values / names[0][2], first.values / names[1][2],
        arrays[0] / factor, arrays[1] / factor, arrays[2] / factor, truth, tuple(tuple(map(str, line)) for line in words),
    )  # fmt: skip


def _plain(variable: str) -> str:
    known = {"input_net_transition": "slew", "input_transition_time": "slew"}
    return known.get(variable, variable.replace("_", " ") or "index")


def next_simulations(subject: Subject, tolerance: float) -> tuple[tuple[Line, ...], Sheet | None]:
    """What is left of the timing intervals after so many simulations more, the widest first, if each taught nothing but the delay and
    the transition that it gives: the least that they buy. ``tolerance``: the width, as a share, that counts as narrow enough."""
    library = subject.filled
    timing = np.isin(subject.view.quantity, TIMING)[subject.view.row_of_value] & np.isfinite(library.values)
    width = np.where(timing, np.nan_to_num(subject.width), 0.0)
    gains: list[Floats] = []
    narrowed: list[NDArray[np.int64]] = []
    asked: list[tuple[TableKey, float, float, float, int]] = []
    for row, key in enumerate(library.keys):
        if key.quantity not in DELAY or key.nth:
            continue
        parts = [slice(int(library.start[row]), int(library.start[row + 1]))]
        other = library.position.get(TableKey(*key.arc, timing_quantities(edge_of(key.quantity))[1]))
        if other is not None and (library.axis[other] == library.axis[row]).all():
            parts.append(slice(int(library.start[other]), int(library.start[other + 1])))
        both = np.stack([width[part] for part in parts])
        gain = both.sum(axis=0)
        gains.append(gain)
        narrowed.append((both > tolerance).sum(axis=0))
        if len(gain) and gain.max() > 0:
            place = np.unravel_index(int(gain.argmax()), library.table(row).values.shape)
            slew_load = {axis.is_load: float(axis.values[i]) for axis, i in zip(library.table(row).axes, place, strict=True)}
            asked.append((key, slew_load.get(False, np.nan), slew_load.get(True, np.nan), float(both.max()), int((both > tolerance).sum())))
    gain = np.concatenate(gains) if gains else np.zeros(0)
    if not (gain > 0).any():
        return (), None
    order = np.argsort(-gain, kind="stable")
    order = order[gain[order] > 0]
    count = int(timing.sum())
    left = 100 * (width.sum() - np.concatenate([[0], np.cumsum(gain[order])])) / count
    wide = 100 * (int((width > tolerance).sum()) - np.concatenate([[0], np.cumsum(np.concatenate(narrowed)[order])])) / count
    at = np.unique(np.linspace(0, len(order), 60).astype(np.int64))
    lines = (
        Line("mean width of the intervals, %", at.astype(float), np.maximum(left[at], 0)),
        Line(f"values with an interval above {tolerance:.0%}, %", at.astype(float), wide[at].astype(float)),
    )
    asked.sort(key=lambda one: (-one[3], one[0]))
    rows = tuple((str(key.arc), edge_of(key.quantity), slew / 1e-9, load / 1e-12, 100 * most, open_)
                 for key, slew, load, most, open_ in asked[:WANTED])  # fmt: skip
    columns = ("arc", "edge", "slew, ns", "load, pF", "interval there, %", f"values above {tolerance:.0%}")
    return lines, Sheet("Where the next simulation buys most, by arc and edge", columns, rows, total=len(asked), wide=True)
