"""Two libraries, table by table: how far one is from the other, worst offenders first.

Tables meet by key; where the grids differ, the first is looked up on the grid of the second (linear, as timers do). The measures are those
that characterization teams sign off by: relative error with a floor, so that a value near zero does not count as wrong by a thousand per
cent, and the share of values within a relative or an absolute tolerance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np

from eda_plugin.domain.arc import TableKey
from eda_plugin.domain.library import Library
from eda_plugin.domain.quantity import si_unit
from eda_plugin.qa.metrics import TIME_FLOOR, floor_of
from eda_plugin.qa.subject import Floats, Ints, View, align, resample

__all__ = ["Comparison", "GroupStats", "Offender", "compare"]

_GROUPS = ("timing", "constraint", "power", "leakage", "capacitance", "limit", "variation", "other")
_TIMES = ("timing", "constraint", "variation")


@dataclass(frozen=True)
class GroupStats:
    """Errors of one group of quantities, in per cent of max(abs(reference), floor). ``floor`` in SI units; ``ok_pct`` within tolerance."""

    values: int
    mape_pct: float
    median_pct: float
    p99_pct: float
    max_pct: float
    bias_pct: float
    ok_pct: float
    floor: float


@dataclass(frozen=True)
class Offender:
    """One table, by the mean of its relative errors; ``found`` and ``expected`` (SI) at its worst value, which stands at ``index``."""

    key: TableKey
    mean_pct: float
    worst_pct: float
    found: float
    expected: float
    index: tuple[int, ...]
    outside: int


@dataclass(frozen=True)
class Comparison:
    """``groups`` by name; ``offenders`` worst first; ``only_in_a``, ``only_in_b``: keys without a partner.

    ``unknown``: tables that could not be compared, because a value is missing or because one has an axis that the other lacks.
    """

    a: str
    b: str
    rtol: float
    atol_time: float
    groups: Mapping[str, GroupStats]
    offenders: tuple[Offender, ...]
    outside: int
    only_in_a: tuple[TableKey, ...]
    only_in_b: tuple[TableKey, ...]
    unknown: tuple[TableKey, ...]

    @property
    def passed(self) -> bool:
        """Same tables on both sides, all of them known, every value within tolerance."""
        return not (self.outside or self.only_in_a or self.only_in_b or self.unknown)

    def rows(self) -> Iterator[dict[str, object]]:
        """One row for each table that differs, worst first, then those that one side lacks or that could not be compared; for CSV.

        ``found`` and ``expected`` (SI, in ``unit``) at the worst value, which stands at ``index`` (counted from 0).
        """
        for one in self.offenders:
            yield {
                "what": "differs", **one.key._asdict(), "unit": si_unit(one.key.quantity), "mean_pct": one.mean_pct,
                "worst_pct": one.worst_pct, "outside": one.outside, "index": " ".join(map(str, one.index)), "found": one.found,
                "expected": one.expected,
            }  # fmt: skip
        for what, keys in (("only in the library", self.only_in_a), ("only in the reference", self.only_in_b), ("unknown", self.unknown)):
            for key in keys:
                yield {"what": what, **key._asdict(), "unit": si_unit(key.quantity)}

    def to_dict(self, offenders: int = 50) -> dict[str, object]:
        """JSON-able form, with the first so many offenders and unmatched keys."""
        lists = {"only_in_a": self.only_in_a, "only_in_b": self.only_in_b, "unknown": self.unknown}
        return {
            "a": self.a,
            "b": self.b,
            "rtol": self.rtol,
            "atol_time": self.atol_time,
            "passed": self.passed,
            "outside": self.outside,
            "groups": {name: asdict(stats) for name, stats in self.groups.items()},
            "offenders": [{**asdict(found), "key": dict(found.key._asdict())} for found in self.offenders[:offenders]],
            **{f"{name}_count": len(keys) for name, keys in lists.items()},
            **{name: [dict(key._asdict()) for key in keys[:offenders]] for name, keys in lists.items()},
        }


def compare(a: Library, b: Library, *, rtol: float = 0.02, atol_time: float = 2e-12) -> Comparison:
    """Compare ``a`` with the reference ``b``.

    A value passes within ``rtol`` of the reference, or, for times, within ``atol_time`` seconds, or, for power, leakage and capacitance,
    within ``rtol`` of that group's floor. Floors: ``metrics.floor_of``.
    """
    view, other = View(b), View(a)
    at = align(b, a)
    rows = np.flatnonzero(at >= 0)
    found = resample(view, other, rows, at[rows])
    row_of, value_group = view.row_of_value, view.group[view.row_of_value]
    floors = np.full(len(b.values), TIME_FLOOR)
    for group in _GROUPS:
        part = value_group == group
        if part.any():
            floors[part] = floor_of(group, b.values[part])
    error = np.abs(found - b.values)
    relative = error / np.maximum(np.abs(b.values), floors)
    slack = np.where(np.isin(value_group, _TIMES), atol_time, rtol * floors)
    known = np.isfinite(found) & np.isfinite(b.values)
    good = known & (error <= np.maximum(rtol * np.abs(b.values), slack))
    matched = (at >= 0)[row_of]
    stats = {}
    for group in _GROUPS:
        part = known & (value_group == group)
        if part.any():
            share = relative[part]
            signed = (found[part] - b.values[part]) / np.maximum(np.abs(b.values[part]), floors[part])
            stats[group] = GroupStats(
                values=int(part.sum()),
                mape_pct=float(100 * share.mean()),
                median_pct=float(100 * np.median(share)),
                p99_pct=float(100 * np.quantile(share, 0.99)),
                max_pct=float(100 * share.max()),
                bias_pct=float(100 * signed.mean()),
                ok_pct=float(100 * good[part].mean()),
                floor=float(floors[part][0]),
            )
    unknown = np.unique(row_of[matched & ~known])
    return Comparison(
        a=a.source or a.name,
        b=b.source or b.name,
        rtol=rtol,
        atol_time=atol_time,
        groups=stats,
        offenders=_offenders(view, found, relative, known & ~good),
        outside=int((known & ~good).sum()),
        only_in_a=tuple(key for key in a.keys if key not in b),
        only_in_b=tuple(b.keys[row] for row in np.flatnonzero(at < 0)),
        unknown=tuple(b.keys[row] for row in unknown),
    )


def _offenders(view: View, found: Floats, relative: Floats, outside: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[Offender, ...]:
    """Every table with a value outside, worst mean first."""
    library = view.library
    count = np.bincount(view.row_of_value[outside], minlength=len(library))
    offenders = []
    for row in np.flatnonzero(count):
        part = slice(int(library.start[row]), int(library.start[row + 1]))
        share = np.nan_to_num(relative[part])
        worst = int(share.argmax())
        shape: Ints = np.array(library.table(int(row)).values.shape, dtype=np.int64)
        offenders.append(
            Offender(
                key=library.keys[row],
                mean_pct=float(100 * share.mean()),
                worst_pct=float(100 * share[worst]),
                found=float(found[part][worst]),
                expected=float(library.values[part][worst]),
                index=tuple(int(i) for i in np.unravel_index(worst, tuple(shape))) if len(shape) else (),
                outside=int(count[row]),
            )
        )
    return tuple(sorted(offenders, key=lambda offender: (-offender.mean_pct, offender.key)))
