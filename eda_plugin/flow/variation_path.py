"""Variation of a path from LVF tables: cells vary independently of each other, and a cell's output slew carries its variation on.

A timer's path gives each cell's slew and load. A cell's own variation moves the path by its delay and, through its transition, by the
delays behind it: by g dt, where g, by the slopes of the nominal tables, is how much later the path behind is for a slower slew. Liberty
does not say how far delay and transition of a cell move together; here they do so fully, as both follow its drive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eda_plugin.adapters.sta import Use
from eda_plugin.data.interpolate import axis_operators
from eda_plugin.domain import Axis, Library, Table, TableKey
from eda_plugin.domain.arc import timing_quantities
from eda_plugin.errors import UserError

__all__ = ["PathVariation", "path_variation"]

_STEP = 0.02  # of a slew, to either side of it: the slopes of the nominal tables


@dataclass(frozen=True)
class PathVariation:
    """s: sum of the nominal delays, of the means, deviation of the path; and what it would be if slews did not carry variation on."""

    nominal: float
    mean: float
    deviation: float
    without_slews: float


def path_variation(library: Library, uses: Sequence[Use]) -> PathVariation:
    """Combine the tables of the arcs that a path uses, first to last. Raises ``UserError`` for an arc without LVF tables."""
    behind = 0.0
    nominal = mean = variance = plain = 0.0
    for use in reversed(uses):
        key = _latest(library, use)
        transition = key._replace(quantity=timing_quantities(use.out_edge)[1])
        delay = _at(library[key], use.slew, use.load)
        shift, own, slew = (
            _at(library[_moment(library, one, name)], use.slew, use.load)
            for one, name in ((key, "mean_shift"), (key, "std_dev"), (transition, "std_dev"))
        )
        nominal += delay
        mean += delay + shift
        plain += own**2
        variance += (own + behind * slew) ** 2
        behind = _slope(library[key], use) + behind * _slope(library[transition], use)
    return PathVariation(nominal, mean, float(np.sqrt(variance)), float(np.sqrt(plain)))


def _latest(library: Library, use: Use) -> TableKey:
    """Of the arcs between two pins for an edge, the one that a timer takes for the latest path."""
    quantity = timing_quantities(use.out_edge)[0]
    keys = [
        key for key in library.keys if (key.cell, key.pin, key.related_pin, key.quantity) == (use.cell, use.pin, use.related_pin, quantity)
    ]
    if not keys:
        raise UserError(f"{library.name}: no {quantity} of {use.cell} {use.related_pin} -> {use.pin}, which the path goes through")
    return max(keys, key=lambda key: _at(library[key], use.slew, use.load))


def _moment(library: Library, key: TableKey, name: str) -> TableKey:
    found = key._replace(quantity=f"ocv_{name}_{key.quantity}")
    if found not in library:
        raise UserError(f"{library.name}: no {found.quantity} of {key.arc}; eda-plugin variation adds it")
    return found


def _at(table: Table, slew: float, load: float) -> float:
    values = table.values
    for axis in table.axes:
        operator, _ = axis_operators([axis], [Axis(axis.variable, np.array([load if axis.is_load else slew]))])
        values = np.tensordot(operator[0], values, axes=(1, 0))[0]
    return float(values)


def _slope(table: Table, use: Use) -> float:
    low, high = ((1 - _STEP) * use.slew, (1 + _STEP) * use.slew)
    return (_at(table, high, use.load) - _at(table, low, use.load)) / (high - low)
