"""Guard bands: a library that is pessimistic, or optimistic, by what the intervals say.

Late means slow: delays and transitions at the upper ends of their intervals, for setup. Early means fast, at the lower ends, for hold.
Constraints stand at their demanding end in both: a timer takes hold times from the early library and setup times from the late one, and
each check is pessimistic where its data are fast, or slow, and what it demands is much. Power, leakage and capacitances have no side.
What was measured or copied stays as it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain import Library, Table
from eda_plugin.domain.quantity import CONSTRAINT, TIMING, TRANSITION
from eda_plugin.errors import UserError
from eda_plugin.qa.repair import movable
from eda_plugin.qa.subject import Floats, View

__all__ = ["guard_band"]

LEAST = 0.05
"""Share of its value that an early transition keeps: an interval may be wider than that, a slew cannot vanish."""
_DUST = 1e-9  # relative; smaller steps are rounding


def guard_band(library: Library, *, late: bool) -> Library:
    """Delays and transitions that a model gave, moved to the upper (``late``) or lower end of their interval; constraints to the end that
    demands more: the upper one, but for the most that two clocks may be apart (``skew_*``).

    Along each axis along which a delay or transition table does not decrease, the result does not either: where the ends do, a late value
    is raised, an early one lowered, never the other way but for measured values in their way. So late >= the given delay >= early
    everywhere. Intervals are widened to hold the values. Raises ``UserError`` for a library without intervals.
    """
    if library.lower is None or library.upper is None:
        raise UserError(f"library {library.name}: its model gives no intervals, so there is no quantile; take another --model")
    view = View(library)
    demands = np.isin(view.quantity, CONSTRAINT)
    apart = np.array([str(kind).startswith("skew_") for kind in view.timing_type], dtype=bool)
    raised = np.where(demands, ~apart, late)[view.row_of_value]
    sided = (demands | np.isin(view.quantity, TIMING))[view.row_of_value]
    end = np.where(raised, np.fmax(library.upper, library.values), np.fmin(library.lower, library.values))
    free = movable(library) & sided & np.isfinite(library.lower) & np.isfinite(library.upper)
    values = np.where(free, end, library.values)
    if not late:
        kept = free & np.isin(view.quantity, TRANSITION)[view.row_of_value] & (library.values > 0)
        values = np.where(kept, np.maximum(values, LEAST * library.values), values)
    for row in view.rows(*TIMING).tolist():
        part = slice(int(library.start[row]), int(library.start[row + 1]))
        if free[part].any():
            values[part] = _ordered(library.table(row), values[part], ~free[part], late=late)
    return library.with_values(values, library.origin, np.fmin(library.lower, values), np.fmax(library.upper, values))


def _ordered(given: Table, flat: Floats, fixed: NDArray[np.bool_], *, late: bool) -> Floats:
    """One table without a decrease along the axes along which ``given`` has none. (P,) in and out; ``fixed`` values stay."""
    rising = [axis for axis in range(given.values.ndim) if _rises(given.values, axis)]
    sign = 1.0 if late else -1.0
    values, stays = sign * flat.reshape(given.values.shape), fixed.reshape(given.values.shape)
    limit = np.where(stays, values, np.inf)  # seen from the side that is moved to, early is late upside down and backwards
    for axis in rising:
        limit = _running(limit, axis, np.minimum, backwards=late)
    moved = np.minimum(values, limit)
    for axis in rising:
        moved = _running(moved, axis, np.maximum, backwards=not late)
    return np.asarray(sign * np.where(stays, values, moved)).ravel()


def _rises(values: Floats, axis: int) -> bool:
    ahead, behind = (np.take(values, places, axis) for places in (range(1, values.shape[axis]), range(values.shape[axis] - 1)))
    return bool(np.all(ahead >= behind - _DUST * np.abs(behind)))


def _running(values: Floats, axis: int, function: np.ufunc, *, backwards: bool) -> Floats:
    turned = np.flip(values, axis) if backwards else values
    found = function.accumulate(turned, axis=axis)
    return np.asarray(np.flip(found, axis) if backwards else found)
