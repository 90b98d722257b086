"""What a table or a number of a library says: its name as Liberty spells it, its group, its SI unit."""

from __future__ import annotations

__all__ = ["CAPACITANCE", "CONSTRAINT", "DELAY", "LEAKAGE", "LIMIT", "POWER", "TIMING", "TRANSITION", "VARIATION", "group_of", "si_unit"]

DELAY = ("cell_rise", "cell_fall")
TRANSITION = ("rise_transition", "fall_transition")
TIMING = DELAY + TRANSITION
CONSTRAINT = ("rise_constraint", "fall_constraint")
POWER = ("rise_power", "fall_power", "power")
LEAKAGE = ("cell_leakage_power", "leakage_power")
CAPACITANCE = ("capacitance", "rise_capacitance", "fall_capacitance")
LIMIT = ("max_capacitance", "max_transition")
VARIATION = tuple(  # LVF; of tables for one side only the name goes on with ":early" or ":late"
    f"ocv_{moment}_{name}" for moment in ("sigma", "mean_shift", "std_dev", "skewness") for name in (*TIMING, *CONSTRAINT)
)

_GROUPS = {
    "timing": TIMING,
    "constraint": CONSTRAINT,
    "power": POWER,
    "leakage": LEAKAGE,
    "capacitance": CAPACITANCE,
    "limit": LIMIT,
    "variation": VARIATION,
}
_GROUP_OF = {name: group for group, names in _GROUPS.items() for name in names}
_UNITS = {"timing": "s", "constraint": "s", "power": "J", "leakage": "W", "capacitance": "F", "variation": "s"}


def group_of(quantity: str) -> str:
    """``timing``, ``constraint``, ``power``, ``leakage``, ``capacitance``, ``limit``, ``variation``; ``other`` for a name unknown here."""
    return _GROUP_OF.get(quantity.partition(":")[0], "other")


def si_unit(quantity: str) -> str:
    """SI unit of a quantity: internal power is an energy a transition (J), leakage a power (W)."""
    if quantity == "max_transition":
        return "s"
    if quantity == "max_capacitance":
        return "F"
    return _UNITS.get(group_of(quantity), "1")
