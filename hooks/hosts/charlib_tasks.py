"""What CharLib's worker processes run for values that are known: each starts anew, so this imports CharLib's groups and no more."""

from __future__ import annotations

from typing import Any

import numpy as np
from charlib.liberty.liberty import Group
from charlib.liberty.library import LookupTable

__all__ = ["filled_cell", "filled_leakage", "filled_numbers"]


def filled_cell(group: Any, rows: list[tuple[Any, ...]]) -> Any:
    """Task: a cell's group with tables put in; 0 is a point that a simulation gives."""
    for pin, related, kind, quantity, template, axes, values in rows:
        timing = Group("timing")
        timing.add_attribute("related_pin", related)
        timing.add_attribute("timing_type", kind)
        table = LookupTable(quantity, template, **axes)
        table.values = np.array(values, dtype=float)
        timing.add_group(table)
        group.group("pin", pin).add_group(timing)
    return group


def filled_numbers(group: Any, name: str, values: dict[str, float]) -> Any:
    """Task: a cell's group with a number at each of its pins."""
    for pin, value in values.items():
        group.group("pin", pin).add_attribute(name, value)
    return group


def filled_leakage(group: Any, states: dict[str, float], whole: float | None) -> Any:
    """Task: a cell's group with its leakage."""
    if whole is not None:
        group.add_attribute("cell_leakage_power", whole)
    for when, value in states.items():
        state = Group("leakage_power")
        state.add_attribute("when", when)
        state.add_attribute("value", value)
        group.add_group(state)
    return group
