"""What a table or a number of a library says: its name as Liberty spells it, its group, its SI unit."""

from __future__ import annotations

__all__ = ["CAPACITANCE", "CONSTRAINT", "DELAY", "LEAKAGE", "LIMIT", "POWER", "TIMING", "TRANSITION", "group_of", "si_unit"]

DELAY = ("cell_rise", "cell_fall")
TRANSITION = ("rise_transition", "fall_transition")
TIMING = DELAY + TRANSITION
CONSTRAINT = ("rise_constraint", "fall_constraint")
POWER = ("rise_power", "fall_power", "power")
LEAKAGE = ("cell_leakage_power", "leakage_power")
CAPACITANCE = ("capacitance", "rise_capacitance", "fall_capacitance")
LIMIT = ("max_capacitance", "max_transition")

_GROUPS = {
    "timing": TIMING,
    "constraint": CONSTRAINT,
    "power": POWER,
    "leakage": LEAKAGE,
    "capacitance": CAPACITANCE,
    "limit": LIMIT,
}
_GROUP_OF = {name: group for group, names in _GROUPS.items() for name in names}
_UNITS = {"timing": "s", "constraint": "s", "power": "J", "leakage": "W", "capacitance": "F"}


def group_of(quantity: str) -> str:
    """``timing``, ``constraint``, ``power``, ``leakage``, ``capacitance`` or ``limit``; ``other`` for a name unknown here."""
    return _GROUP_OF.get(quantity, "other")


def si_unit(quantity: str) -> str:
    """SI unit of a quantity: internal power is an energy a transition (J), leakage a power (W)."""
    if quantity == "max_transition":
        return "s"
    if quantity == "max_capacitance":
        return "F"
    return _UNITS.get(group_of(quantity), "1")
