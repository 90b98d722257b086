"""What a row of a plan asks of the simulator, one simulation after the other, until it has its answer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from eda_plugin.adapters.ngspice import Bench, LogRow, Search, Stimulus, find_cases, is_clocked, is_constraint, sensitise
from eda_plugin.adapters.simulators import Circuit, Transient, Trial
from eda_plugin.domain import Arc, Axis, Cell, Library, Points, TableKey, answer_quantities
from eda_plugin.errors import UserError
from eda_plugin.flow.simulating import Trouble

__all__ = ["Question", "question"]

SETTLED = 0.02  # of the supply: how close an output must have come to its rail
LONGER = 4.0
LONGEST = 1e-5  # s: an output that has not settled by then does not switch
WINDOW = 5e-10  # s: where the template has no slew axis to go by
COMBINATIONAL = ("combinational", "combinational_rise", "combinational_fall")


class Question(Protocol):
    """A row under way. ``size``: simulations that it will take, about. ``answer``: delay and transition as the library counts them (s), or
    why there is none; ``None`` until then."""

    @property
    def size(self) -> int: ...

    @property
    def answer(self) -> tuple[float, float] | Trouble | None: ...

    def asks(self) -> Sequence[Transient | Trial]:
        """What to simulate next, side by side; nothing once there is an answer."""

    def take(self, found: Sequence[Mapping[str, float] | Trouble]) -> None:
        """Learn from the measures of what was asked for, in its order."""


@dataclass
class _Delay:
    """One transient; an output that has not settled is simulated again with four times the time."""

    row: Transient
    circuit: Circuit
    answer: tuple[float, float] | Trouble | None = None
    size: int = 1

    def asks(self) -> Sequence[Transient]:
        return [] if self.answer else [self.row]

    def take(self, found: Sequence[Mapping[str, float] | Trouble]) -> None:
        judged = found[0] if isinstance(found[0], Trouble) else _judge(found[0], self.row, self.circuit)
        if isinstance(judged, str) and self.row.window * LONGER <= LONGEST:
            self.row = self.row.longer(LONGER)
        else:
            self.answer = Trouble(judged) if isinstance(judged, str) else judged


def _judge(values: Mapping[str, float], row: Transient, circuit: Circuit) -> tuple[float, float] | str:
    """Delay and transition as the library counts them, or why the transient gives none."""
    final, rail = values.get("final", math.nan), circuit.shape(row).rail
    delay, transition = values.get("delay", math.nan), values.get("transition", math.nan)
    if not abs(final - rail) <= SETTLED * circuit.corner.voltage:
        return f"the output stood at {final:g} V, not at its rail, {row.window:g} s after the input's ramp"
    if not math.isfinite(delay) or not transition > 0:
        return "no crossing of the thresholds for delay or transition"
    return delay, transition / circuit.thresholds.derate


@dataclass
class _Constraint:
    """Searches on all cases of a constraint, side by side; the worst is the answer."""

    cell: Cell
    bench: Bench
    searches: Sequence[Search]
    trouble: Trouble | None = field(default=None)

    @property
    def size(self) -> int:
        widest = max(search.ample(self.bench) for search in self.searches)
        return len(self.searches) * (2 + math.ceil(math.log2(2 * widest / self.bench.settings.tolerance)))

    @property
    def answer(self) -> tuple[float, float] | Trouble | None:
        if self.trouble is not None or self._open():
            return self.trouble
        return max(search.high for search in self.searches), math.nan

    def _open(self) -> list[Search]:
        return [search for search in self.searches if search.open(self.bench)]

    def asks(self) -> Sequence[Trial]:
        return [] if self.trouble else [Trial(self.cell, search.shot(self.bench)) for search in self._open()]

    def take(self, found: Sequence[Mapping[str, float] | Trouble]) -> None:
        for search, values in zip(self._open(), found, strict=True):
            if isinstance(values, Trouble):
                self.trouble = self.trouble or values
                continue
            search.take(LogRow(dict(values), done=True), self.bench)
            if search.reason:
                self.trouble = self.trouble or Trouble(search.reason)


def question(template: Library, points: Points, place: int, circuit: Circuit) -> Question:
    """What one row of a plan asks. Raises ``UserError`` where it can't be simulated."""
    arc, edge = points.arcs[place], points.edges[place]
    clocked = is_clocked(arc.timing_type)
    if arc.timing_type not in COMBINATIONAL and not clocked and not is_constraint(arc.timing_type):
        known = ", ".join(COMBINATIONAL)
        raise UserError(f"timing type {arc.timing_type} is not simulated; expected {known}, or that of a flip-flop's delay or constraint")
    cell = next(cell for cell in template.cells if cell.name == arc.cell)
    axes = template[TableKey(*arc, answer_quantities(arc, edge)[0], 0)].axes
    slews = [float(axis.values.max()) for axis in axes if not axis.is_load]
    window = 2 * max(slews, default=0.0) or WINDOW
    if is_constraint(arc.timing_type):
        related, constrained = _slews(arc, axes, points.index[place].tolist())
        bench = circuit.bench(cell, circuit.settings())
        return _Constraint(cell, bench, [Search(case, related, constrained, window) for case in find_cases(cell, arc, edge)])
    at = {axis.is_load: float(x) for axis, x in zip(axes, points.index[place], strict=False)}
    if False not in at:
        raise UserError("its delay table has no axis of input slews")
    slew, load = at[False], at.get(True, 0.0)
    if not slew > 0 or not load >= 0:
        raise UserError(f"slew {slew:g} s and load {load:g} F; expected a positive slew and a load of 0 or more")
    if not clocked:
        return _Delay(Transient(cell, sensitise(cell, arc), slew, load, edge, window), circuit)
    case = find_cases(cell, arc, edge)[0]
    rises = not dict(case.ready)[case.trigger]
    return _Delay(Transient(cell, Stimulus(arc, (), rises != (edge == "rise")), slew, load, edge, window, case), circuit)


def _slews(arc: Arc, axes: Sequence[Axis], index: Sequence[float]) -> tuple[float, float]:
    """Slew of the related and of the constrained pin (s), whichever axis comes first; a pulse has one, which is both."""
    names = ("related_pin", "constrained_pin")
    at = {name: x for axis, x in zip(axes, index, strict=False) for name in names if axis.variable.startswith(name)}
    if arc.is_pulse and len(axes) == 1:
        at = dict.fromkeys(names, index[0])
    if len(axes) > 2 or at.keys() != set(names):
        told = ", ".join(axis.variable for axis in axes) or "none"
        raise UserError(f"the axes of its table are {told}; expected related_pin_transition and constrained_pin_transition")
    if not min(at.values()) > 0:
        raise UserError(f"slews {', '.join(f'{slew:g} s' for slew in at.values())}; expected positive ones")
    return at["related_pin"], at["constrained_pin"]
