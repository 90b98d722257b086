"""How good a filled corner is, against its characterized truth: the figures of the benchmark.

relative error = |filled - truth| / max(|truth|, floor) with the floors of ``metrics.floor_of``; ok = within 2 % or 2 ps. Values that were
simulated at the target, and so given away, do not count. The filled library is looked up on the truth's grid, as timers do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eda_plugin.data.dataset import reveal
from eda_plugin.domain import Library, Points
from eda_plugin.domain.quantity import CONSTRAINT, DELAY, POWER, TIMING
from eda_plugin.qa.metrics import TIME_FLOOR, coverage, floor_of, relative_error
from eda_plugin.qa.subject import Floats, View, align, resample

__all__ = ["CHAINS", "GROUPS", "LENGTH", "rank_correlation", "score"]

GROUPS = ("timing", "constraint", "power", "leakage", "capacitance")
RTOL, ATOL = 0.02, 2e-12  # what a library team signs off by
CHAINS, LENGTH = 400, 12
"""Paths that are summed: so many, each of so many delays drawn at random."""
FEWEST = 30
"""Intervals below which thirds by width say nothing."""

Bools = NDArray[np.bool_]


def score(filled: Library, truth: Library, measured: Points | None = None) -> dict[str, object]:
    """Figures by group, in per cent, JSON-able.

    Each group of ``GROUPS`` that the truth has: ``values``, ``mape_pct``, ``median_pct``, ``p99_pct``, ``max_pct``, ``bias_pct`` and, of
    times, ``mae_ps`` and ``ok_pct``; where ``filled`` carries intervals, ``interval_90`` with ``coverage_pct``, ``mean_width_pct`` and
    ``thirds`` by relative width, the narrowest first (named for the usual coverage; it is that of the library's own intervals). ``path``:
    sums of delays along random chains. ``missing``: tables and numbers of the truth that are absent or not finite, by group, and
    ``missing_tables`` all of them. Minimum pulse widths are left out, as are tables of a single value.
    """
    view, other = View(truth), View(filled)
    at = align(truth, filled)
    usable = _usable(other)
    wanted = _wanted(view)
    there = (at >= 0) & usable[at]
    rows = np.flatnonzero(wanted & there)
    found = resample(view, other, rows, at[rows])
    lost = wanted & ~there
    lost[np.unique(view.row_of_value[np.isin(view.row_of_value, rows) & np.isnan(found)])] = True
    counts = {group: int((lost & (view.group == group)).sum()) for group in GROUPS}
    keep = np.isin(view.row_of_value, np.flatnonzero(wanted & ~lost)) & ~_given(truth, measured)
    bounds = [_looked_up(view, other, bound, rows, at[rows]) for bound in (filled.lower, filled.upper)]
    group_of_value = view.group[view.row_of_value]
    result: dict[str, object] = {}
    for group in GROUPS:
        part = np.flatnonzero(keep & (group_of_value == group))
        if len(part):
            result[group] = _figures(group, found[part], truth.values[part], [bound[part] for bound in bounds])
    result["path"] = _paths(view, found)
    result["missing"] = {group: count for group, count in counts.items() if count}
    result["missing_tables"] = sum(counts.values())
    return {name: value for name, value in result.items() if value is not None}


def rank_correlation(one: Sequence[float], two: Sequence[float]) -> float:
    """Spearman's: 1 where both rank alike. NaN for fewer than three pairs, or where one does not vary."""
    a, b = np.asarray(one, dtype=np.float64), np.asarray(two, dtype=np.float64)
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(pd.Series(a).rank(), pd.Series(b).rank())[0, 1])


def _wanted(view: View) -> Bools:
    """(n,) tables of the truth that count."""
    library = view.library
    tables = np.isin(view.quantity, TIMING + CONSTRAINT + POWER) & (view.timing_type != "min_pulse_width") & (np.diff(library.start) > 1)
    return np.asarray(_usable(view) & (tables | np.isin(view.group, ("leakage", "capacitance"))), dtype=bool)


def _usable(view: View) -> Bools:
    """(n,) tables without a hole."""
    holes: NDArray[np.int64] = np.bincount(view.row_of_value[~np.isfinite(view.library.values)], minlength=len(view.library))
    return np.equal(holes, 0)


def _given(truth: Library, measured: Points | None) -> Bools:
    """(m,) values that simulations of the target gave away."""
    known = np.full(len(truth.values), np.nan)
    reveal(truth, measured, known)
    given: Bools = np.isfinite(known)
    return given


def _looked_up(view: View, other: View, bound: Floats | None, rows: NDArray[np.int64], at: NDArray[np.int64]) -> Floats:
    if bound is None:
        return np.full(len(view.library.values), np.nan)
    return resample(view, View(other.library.with_values(bound, other.library.origin)), rows, at)


def _figures(group: str, found: Floats, truth: Floats, bounds: Sequence[Floats]) -> dict[str, object]:
    floor = floor_of(group, truth)
    share = relative_error(found, truth, floor)
    figures: dict[str, object] = {
        "values": len(share),
        "mape_pct": float(100 * share.mean()),
        "median_pct": float(100 * np.median(share)),
        "p99_pct": float(100 * np.quantile(share, 0.99)),
        "max_pct": float(100 * share.max()),
        "bias_pct": float(100 * ((found - truth) / np.maximum(np.abs(truth), floor)).mean()),
    }
    if floor == TIME_FLOOR:
        figures["mae_ps"] = float(1e12 * np.abs(found - truth).mean())
        figures["ok_pct"] = float(100 * ((share < RTOL) | (np.abs(found - truth) < ATOL)).mean())
    intervals = _intervals(found, truth, bounds[0], bounds[1], floor)
    return figures if intervals is None else {**figures, "interval_90": intervals}


def _intervals(found: Floats, truth: Floats, lower: Floats, upper: Floats, floor: float) -> dict[str, object] | None:
    """Coverage and mean width, and both by thirds of the width that the user sees: as a share of the filled value."""
    there = np.flatnonzero(np.isfinite(lower) & np.isfinite(upper))
    if not len(there):
        return None
    lower, upper, y = lower[there], upper[there], truth[there]

    def of(part: NDArray[np.int64]) -> dict[str, object]:
        width = (upper[part] - lower[part]) / np.maximum(np.abs(y[part]), floor)
        return {
            "values": len(part),
            "coverage_pct": 100 * coverage(lower[part], upper[part], y[part]),
            "mean_width_pct": float(100 * width.mean()),
        }

    figures = of(np.arange(len(there)))
    if len(there) >= FEWEST:
        order = np.argsort((upper - lower) / np.maximum(np.abs(found[there]), floor), kind="stable")
        figures["thirds"] = [of(part) for part in np.array_split(order, 3)]
    return figures


def _paths(view: View, found: Floats) -> dict[str, object] | None:
    """Errors of sums over random chains of delays, those that were simulated among them; the same chains in every run."""
    places = np.flatnonzero(np.isin(view.quantity, DELAY)[view.row_of_value] & np.isfinite(found) & (view.library.values > 0))
    if len(places) < LENGTH:
        return None
    chains = places[np.random.default_rng(0).integers(len(places), size=(CHAINS, LENGTH))]
    truth = view.library.values[chains].sum(axis=1)
    share = (found[chains].sum(axis=1) - truth) / truth
    figures: Mapping[str, float] = {
        "mape_pct": float(100 * np.abs(share).mean()),
        "max_pct": float(100 * np.abs(share).max()),
        "bias_pct": float(100 * share.mean()),
    }
    return {"chains": CHAINS, "delays": LENGTH, **figures}
