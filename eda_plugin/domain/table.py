"""A look-up table: axes, values, which of them are known, and where each came from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain.arc import TableKey
from eda_plugin.errors import UserError

__all__ = ["Axis", "Origin", "Table"]


class Origin(IntEnum):
    """Where a value came from. Stored as one byte beside each value."""

    MISSING = 0
    MEASURED = 1  # simulated or characterized at this corner
    FILLED = 2  # model, with simulations of this corner
    PREDICTED = 3  # model, from other corners alone
    COPIED = 4  # stands as in the template or in a named anchor
    REPAIRED = 5  # FILLED or PREDICTED, then moved by the QA gate
    REFUSED = 6  # the model's value, with an interval wider than the user accepts: left to simulation


@dataclass(frozen=True, eq=False)
class Axis:
    """One index of a table. ``variable`` as Liberty names it (``input_net_transition``); ``values`` in SI units, ascending."""

    variable: str
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float64).ravel()
        values.flags.writeable = False
        object.__setattr__(self, "values", values)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def is_load(self) -> bool:
        """A capacitance; every other axis is a time (or a bare number)."""
        return "capacitance" in self.variable


@dataclass(frozen=True, eq=False)
class Table:
    """One table of one library.

    ``values`` (SI) and ``origin`` have the shape of the axes: ``(len(index_1), len(index_2), ...)``, ``()`` for a number.
    ``lower`` and ``upper`` bound the interval of each value, NaN where there is none. A missing value is NaN with ``Origin.MISSING``.
    """

    key: TableKey
    axes: tuple[Axis, ...]
    values: NDArray[np.float64]
    origin: NDArray[np.uint8]
    lower: NDArray[np.float64] | None = None
    upper: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        shape = tuple(len(axis) for axis in self.axes)
        if self.values.shape != shape or self.origin.shape != shape:
            raise UserError(f"{self.key}: values of shape {self.values.shape} on axes of shape {shape}")

    @property
    def known(self) -> NDArray[np.bool_]:
        return np.isfinite(self.values)
