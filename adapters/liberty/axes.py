"""Axes of tables: from a table's own indices or from its template's."""

from __future__ import annotations

from eda_plugin.adapters.liberty.decode import decode_one
from eda_plugin.adapters.liberty.scan import COMPLEX, GROUP
from eda_plugin.adapters.liberty.source import Source
from eda_plugin.domain import Axis, Header
from eda_plugin.domain.library import RANK
from eda_plugin.domain.quantity import group_of

__all__ = ["INDICES", "NO_AXES", "Axes", "axis_unit"]

INDICES = ("index_1", "index_2", "index_3")
NO_AXES = (-1,) * RANK
POWER_TEMPLATE = "power_lut_template"
_LOAD = "total_output_net_capacitance"
_USUAL = {  # where a library defines no template that says it
    "timing": ("input_net_transition", _LOAD, "related_out_total_output_net_capacitance"),
    "constraint": ("related_pin_transition", "constrained_pin_transition", "related_out_total_output_net_capacitance"),
    "power": ("input_transition_time", _LOAD, "equal_or_opposite_output_net_capacitance"),
}


def axis_unit(variable: str) -> str:
    """SI unit of the numbers along an axis, by the name of its variable; ``1`` for a bare number."""
    if "capacitance" in variable:
        return "F"
    if variable.startswith("normalized"):
        return "1"
    if any(word in variable for word in ("transition", "time", "slew", "delay")):
        return "s"
    return "V" if "voltage" in variable else "A" if "current" in variable else "1"


class Axes:
    """Axes of tables, from their own indices or their template's; equal ones once."""

    def __init__(self, source: Source, header: Header, library: int) -> None:
        self.source, self.header = source, header
        index = source.index
        self.own = [index.by_parent(name, COMPLEX) for name in INDICES]
        self.variables = [index.by_parent(name) for name in ("variable_1", "variable_2", "variable_3")]
        children = index.children(library, GROUP)
        # a library may have a timing and a power template of one name, on other variables
        self.templates = {
            (index.name_of(row) == POWER_TEMPLATE, index.argument(row)): int(row)
            for row in children
            if index.name_of(row).endswith("_template")
        }
        self.found: list[Axis] = []
        self._pool: dict[tuple[str, bytes], int] = {}
        self._memo: dict[tuple[bytes | str, ...], tuple[int, ...]] = {}

    def of(self, owner: int, quantity: str) -> tuple[int, ...]:
        """Positions of the three axes of a table in ``found``, -1 where it has no such axis."""
        index = self.source.index
        rows = [own.get(owner, -1) for own in self.own]
        family = group_of(quantity)
        if family == "variation":
            family = "constraint" if "constraint" in quantity else "timing"
        token: tuple[bytes | str, ...] = (index.raw(owner), family, *(index.raw(row) if row >= 0 else b"" for row in rows))
        if token not in self._memo:
            self._memo[token] = self._make(index.argument(owner), family, rows)
        return self._memo[token]

    def _make(self, template: str, family: str, rows: list[int]) -> tuple[int, ...]:
        power = family == "power"
        inherited = self.templates.get((power, template), self.templates.get((not power, template), -1))
        out: list[int] = []
        for place, row in enumerate(rows):
            row = row if row >= 0 else self.own[place].get(inherited, -1)
            if row < 0:
                break
            variable_row = self.variables[place].get(inherited)
            variable = self.source.index.value(variable_row) if variable_row is not None else _USUAL[family][place]
            out.append(self._axis(variable, row))
        return (*out, *[-1] * (RANK - len(out)))

    def _axis(self, variable: str, row: int) -> int:
        index = self.source.index
        numbers = decode_one(index.text, int(index.left[row]), int(index.right[row]), self.source.error)
        if len(numbers) == 0:
            raise self.source.error(int(index.start[row]), f"{index.name_of(row)} holds no number")
        axis = Axis(variable, numbers * self.header.factor(axis_unit(variable)))
        token = (variable, axis.values.tobytes())
        if token not in self._pool:
            self._pool[token] = len(self.found)
            self.found.append(axis)
        return self._pool[token]
