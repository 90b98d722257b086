"""The names of things: a timing arc, and one table of it."""

from __future__ import annotations

from typing import NamedTuple

from eda_plugin.domain.quantity import CONSTRAINT, DELAY, TRANSITION

__all__ = ["Arc", "TableKey", "answer_quantities", "edge_of", "timing_quantities"]

_CONSTRAINTS = ("setup_", "hold_", "recovery_", "removal_", "non_seq_", "nochange_", "skew_")


class Arc(NamedTuple):
    """One arc of one cell, as the ``timing`` group of its pin states it. Empty text where the group states nothing."""

    cell: str
    pin: str
    related_pin: str
    timing_type: str = "combinational"
    timing_sense: str = ""
    when: str = ""

    @property
    def is_constraint(self) -> bool:
        """Whether the arc says what its pin must keep to, and no delay."""
        return self.is_pulse or self.timing_type.startswith(_CONSTRAINTS)

    @property
    def is_pulse(self) -> bool:
        """Whether it is the width of a pulse or a period: a constraint with one slew."""
        return self.timing_type in ("min_pulse_width", "minimum_period")

    def __str__(self) -> str:
        text = f"{self.cell} {self.related_pin or '-'} -> {self.pin or '-'}"
        return " ".join([text, *(part for part in (self.timing_type, self.timing_sense) if part)]) + (
            f" when {self.when}" if self.when else ""
        )


class TableKey(NamedTuple):
    """One table or number of a library.

    Timing and constraints: as in Liberty. Internal power: ``timing_type`` is ``internal_power`` and ``timing_sense`` holds the
    ``related_pg_pin``. Leakage: ``pin`` is empty, ``related_pin`` holds the ``related_pg_pin``, ``timing_type`` is ``leakage``.
    Capacitances and limits of a pin: ``timing_type`` is ``pin``. ``nth`` tells apart groups whose other fields are all equal, from 0.
    """

    cell: str
    pin: str
    related_pin: str
    timing_type: str
    timing_sense: str
    when: str
    quantity: str
    nth: int = 0

    @property
    def arc(self) -> Arc:
        return Arc(*self[:6])

    def __str__(self) -> str:
        return f"{self.arc} {self.quantity}" + (f" #{self.nth + 1}" if self.nth else "")


def edge_of(quantity: str) -> str:
    """``rise`` or ``fall``: the edge of the pin whose table this is."""
    return "rise" if "rise" in quantity else "fall"


def timing_quantities(edge: str) -> tuple[str, str]:
    """Names of the delay and the transition table of an edge.

    >>> timing_quantities("fall")
    ('cell_fall', 'fall_transition')
    """
    position = ("rise", "fall").index(edge)
    return DELAY[position], TRANSITION[position]


def answer_quantities(arc: Arc, edge: str) -> tuple[str, ...]:
    """Tables that an answered simulation's delay and transition stand in; of a constraint there is one, for the delay.

    >>> answer_quantities(Arc("DFF", "D", "CK", "setup_rising"), "rise")
    ('rise_constraint',)
    """
    return (CONSTRAINT[("rise", "fall").index(edge)],) if arc.is_constraint else timing_quantities(edge)
