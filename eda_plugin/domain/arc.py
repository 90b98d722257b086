"""The names of things: a timing arc, and one table of it."""

from __future__ import annotations

from typing import NamedTuple

from eda_plugin.domain.quantity import DELAY, TRANSITION

__all__ = ["Arc", "TableKey", "edge_of", "timing_quantities"]


class Arc(NamedTuple):
    """One arc of one cell, as the ``timing`` group of its pin states it. Empty text where the group states nothing."""

    cell: str
    pin: str
    related_pin: str
    timing_type: str = "combinational"
    timing_sense: str = ""
    when: str = ""

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
