"""Guard bands: a library that is pessimistic, or optimistic, by what the intervals say.

Late means slow: delays, transitions and constraints at the upper ends of their intervals, for setup. Early means fast, at the lower
ends, for hold. Power, leakage and capacitances have no side. What was measured or copied stays as it is.
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
"""Share of its value that an early transition or pulse width keeps: an interval may be wider than that, a slew cannot vanish."""
_DUST = 1e-9  # relative; smaller steps are rounding


def guard_band(library: Library, *, late: bool) -> Library:
    """Delays, transitions and constraints that a model gave, moved to the upper (``late``) or lower end of their interval.

    Along each axis along which a delay or transition table does not decrease, the result does not either: where the ends do, a late value
    is raised, an early one lowered, never the other way but for measured values in their way. So late >= the given value >= early
    everywhere. Intervals are widened to hold the values. Raises ``UserError`` for a library without intervals.
    """
    end = library.upper if late else library.lower
    if library.lower is None or library.upper is None or end is None:
        raise UserError(f"library {library.name}: its model gives no intervals, so there is no quantile; take another --model")
    view = View(library)
    free = movable(library) & np.isin(view.quantity, TIMING + CONSTRAINT)[view.row_of_value] & np.isfinite(end)
    values = np.where(free, np.maximum(end, library.values) if late else np.minimum(end, library.values), library.values)
    if not late:
        positive = np.isin(view.quantity, TRANSITION) | (view.timing_type == "min_pulse_width")
        kept = free & positive[view.row_of_value] & (library.values > 0)
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
