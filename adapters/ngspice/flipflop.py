"""What puts a flip-flop's arc to the test: the levels of all inputs, and the one or two edges that matter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from eda_plugin.adapters.ngspice.logic import evaluate, input_states
from eda_plugin.domain import Arc, Cell, FlipFlop
from eda_plugin.errors import UserError

__all__ = ["Case", "find_cases", "idle_case", "is_clocked", "is_constraint", "stored_states"]

_State = dict[str, bool]
_CLOCKED = ("rising_edge", "falling_edge", "clear", "preset")
_BEFORE = ("setup", "recovery")
_CONTROLS = {"clear": False, "preset": True}  # the value that each stores


def is_clocked(timing_type: str) -> bool:
    """Whether the arc is a delay of a cell that stores: from its clock, clear or preset to an output."""
    return timing_type in _CLOCKED


def is_constraint(timing_type: str) -> bool:
    """Whether the arc is a constraint that is searched for."""
    return timing_type == "min_pulse_width" or timing_type.partition("_")[0] in ("setup", "hold", "recovery", "removal")


@dataclass(frozen=True)
class Case:
    """One experiment on a flip-flop.

    ``load``: inputs while the clock's active edge stores the first value, empty where clear or preset holds it; ``ready``: inputs just
    before the edges that matter. Then ``trigger`` leaves its ready level, and ``mover`` (empty for a delay) its own, at an offset ``sign``
    * x from it; a pulse has one pin as both. ``output`` goes from ``first`` to ``last``, or stays where they are equal.
    """

    arc: Arc
    clock: str
    load: tuple[tuple[str, bool], ...]
    ready: tuple[tuple[str, bool], ...]
    trigger: str
    output: str
    first: bool
    last: bool
    mover: str = ""
    sign: int = 0

    @property
    def key(self) -> tuple[tuple[tuple[str, bool], ...], tuple[tuple[str, bool], ...]]:
        """Cases of one cell with the same key start from the same state."""
        return self.load, self.ready


@dataclass(frozen=True)
class _Cell:
    """A cell with what its ``ff`` group means."""

    cell: Cell
    flipflop: FlipFlop
    clock: str
    active: bool
    output: str

    @classmethod
    def of(cls, cell: Cell, arc: Arc, output: str = "") -> _Cell:
        flipflop = cell.flipflop
        if flipflop is None:
            raise UserError(f"arc {arc}: cell {cell.name} has no single ff group; latches, state tables and banks are not simulated")
        inputs = input_states(cell)
        clocks = [name for name in inputs[0] if any(_toggles(flipflop.clocked_on, state, name) for state in inputs)]
        if len(clocks) != 1:
            raise UserError(f"arc {arc}: clocked_on {flipflop.clocked_on!r} of {cell.name} is no single input")
        stored = [pin.name for pin in cell.pins if pin.direction == "output" and _of_state(pin.function, flipflop)]
        if not stored or (output and output not in stored):
            wanted = f"{flipflop.state}, {flipflop.inverse} or the inverse of one"
            raise UserError(f"arc {arc}: {output or 'no output'} of cell {cell.name} is expected to have the function {wanted}")
        low = dict.fromkeys(inputs[0], False)
        return cls(cell, flipflop, clocks[0], not evaluate(flipflop.clocked_on, low), output or stored[0])

    def next(self, state: Mapping[str, bool], stored: bool) -> bool:
        return evaluate(self.flipflop.next_state, {**state, self.flipflop.state: stored, self.flipflop.inverse: not stored})

    def forced(self, state: Mapping[str, bool]) -> set[str]:
        """Those of clear and preset that the inputs switch on."""
        texts = {"clear": self.flipflop.clear, "preset": self.flipflop.preset}
        return {name for name, text in texts.items() if text and evaluate(text, state)}

    def level(self, stored: bool) -> bool:
        function = next(pin.function for pin in self.cell.pins if pin.name == self.output)
        return evaluate(function, {self.flipflop.state: stored, self.flipflop.inverse: not stored})

    def meets(self, when: str, state: Mapping[str, bool], stored: bool) -> bool:
        if not when:
            return True
        values = {**state, self.flipflop.state: stored, self.flipflop.inverse: not stored}
        outputs = {pin.name: evaluate(pin.function, values) for pin in self.cell.pins if pin.direction == "output" and pin.function}
        return evaluate(when, {**values, **outputs})

    def storing(self, value: bool, near: Mapping[str, bool]) -> _State | None:
        """Inputs with the clock at rest whose active edge stores ``value`` whatever was stored: those that differ in the fewest pins
        from ``near``; none where there are no such inputs."""
        quiet = [state for state in input_states(self.cell) if state[self.clock] != self.active and not self.forced(state)]
        states = [state for state in quiet if self.next(state, False) == self.next(state, True) == value]
        return min(states, key=lambda state: sum(level != near[name] for name, level in state.items()), default=None)

    def case(self, arc: Arc, load: _State | None, ready: _State, trigger: str, values: tuple[bool, bool], mover: str, sign: int) -> Case:
        first, last = map(self.level, values)
        loaded = tuple(load.items()) if load else ()
        return Case(arc, self.clock, loaded, tuple(ready.items()), trigger, self.output, first, last, mover, sign)


def _of_state(function: str, flipflop: FlipFlop) -> bool:
    """Whether an output shows what is stored and nothing else."""
    named = set(re.findall(r"[A-Za-z_][\w\[\].]*", function))
    return bool(named) and named <= {flipflop.state, flipflop.inverse}


def _toggles(text: str, state: Mapping[str, bool], name: str) -> bool:
    return evaluate(text, state) != evaluate(text, {**state, name: not state[name]})


def _flip(state: Mapping[str, bool], name: str) -> _State:
    return {**state, name: not state[name]}


def find_cases(cell: Cell, arc: Arc, edge: str) -> tuple[Case, ...]:
    """The experiments whose worst answer is that of ``edge`` of an arc; for a delay there is one.

    ``edge`` is the output's for a delay, the constrained pin's for a constraint, and for a pulse ``rise`` where it is a high one. Inputs
    that the arc leaves open take the first levels that will do, in the order of ``input_states``, so that the choice never depends on the
    run. Raises ``UserError`` where the cell has no ``ff`` group or nothing puts the arc to the test.
    """
    kind = arc.timing_type.partition("_")[0]
    known = _Cell.of(cell, arc, arc.pin if is_clocked(arc.timing_type) else "")
    for name in (arc.related_pin, arc.pin):
        if name != known.output and name not in input_states(cell)[0]:
            raise UserError(f"arc {arc}: {name or 'an empty name'} is no input of cell {cell.name}")
    if arc.timing_type.endswith(("_rising", "_falling", "_edge")) and ("rising" in arc.timing_type) != known.active:
        raise UserError(f"arc {arc}: the clock {known.clock} of cell {cell.name} acts at its other edge")
    rise = edge == "rise"
    if kind in ("rising", "falling"):
        found = _clock_delay(known, arc, rise)
    elif kind in _CONTROLS:
        found = _forced_delay(known, arc, kind, rise)
    elif kind in ("setup", "hold"):
        found = _data(known, arc, kind, rise)
    elif kind in ("recovery", "removal"):
        found = _release(known, arc, kind, rise)
    elif arc.pin == known.clock:
        found = _clock_pulse(known, arc, rise)
    else:
        found = _forced_pulse(known, arc, rise)
    cases = tuple(found)
    if not cases:
        raise UserError(f"arc {arc} {edge}: no state of the inputs of cell {cell.name} puts it to the test")
    return cases


def _quiet(known: _Cell, arc: Arc, clocks: Sequence[bool], stored: bool) -> Iterator[_State]:
    """States with clear and preset off that meet ``when`` with the value ``stored``."""
    for level in clocks:
        for state in input_states(known.cell):
            if state[known.clock] == level and not known.forced(state) and known.meets(arc.when, state, stored):
                yield state


def _clock_delay(known: _Cell, arc: Arc, rise: bool) -> Iterator[Case]:
    last = known.level(True) == rise
    for ready in _quiet(known, arc, [not known.active], not last):
        load = known.storing(not last, ready)
        if arc.related_pin == known.clock and known.next(ready, not last) == last and load:
            yield known.case(arc, load, ready, known.clock, (not last, last), "", 0)
            return


def _forced_delay(known: _Cell, arc: Arc, kind: str, rise: bool) -> Iterator[Case]:
    last = _CONTROLS[kind]
    for ready in _quiet(known, arc, [not known.active, known.active], not last):
        load = known.storing(not last, ready)
        if known.forced(_flip(ready, arc.related_pin)) == {kind} and known.level(last) == rise and load:
            yield known.case(arc, load, ready, arc.related_pin, (not last, last), "", 0)
            return


def _data(known: _Cell, arc: Arc, kind: str, rise: bool) -> Iterator[Case]:
    for stored in (False, True):
        for ready in _quiet(known, arc, [not known.active], stored):
            moved = _flip(ready, arc.pin)
            last, other = (known.next(state, stored) for state in ((moved, ready) if kind == "setup" else (ready, moved)))
            right = ready[arc.pin] != rise and last != other and stored == other and not known.forced(moved)
            load = known.storing(other, ready if kind == "setup" else moved)
            if right and load and arc.related_pin == known.clock != arc.pin:
                yield known.case(arc, load, ready, known.clock, (other, last), arc.pin, -1 if kind in _BEFORE else 1)
                return


def _release(known: _Cell, arc: Arc, kind: str, rise: bool) -> Iterator[Case]:
    for ready in input_states(known.cell):
        moved = _flip(ready, arc.pin)
        forced = known.forced(ready)
        if ready[arc.pin] == rise or ready[known.clock] == known.active or len(forced) != 1 or known.forced(moved):
            continue
        first = _CONTROLS[next(iter(forced))]
        if known.next(moved, first) != first and known.meets(arc.when, moved, first) and arc.related_pin == known.clock != arc.pin:
            last = not first if kind == "recovery" else first
            yield known.case(arc, None, ready, known.clock, (first, last), arc.pin, -1 if kind in _BEFORE else 1)
            return


def _clock_pulse(known: _Cell, arc: Arc, rise: bool) -> Iterator[Case]:
    after = rise == known.active
    for last in (False, True):
        for ready in _quiet(known, arc, [known.active != after], not last):
            load = known.storing(not last, ready)
            if known.next(ready, not last) == last and load:
                yield known.case(arc, load, ready, known.clock, (not last, last), known.clock, 1 if after else -1)
                break


def _forced_pulse(known: _Cell, arc: Arc, rise: bool) -> Iterator[Case]:
    for clock in (not known.active, known.active):
        for ready in (state for stored in (False, True) for state in _quiet(known, arc, [clock], stored)):
            forced = known.forced(_flip(ready, arc.pin))
            if ready[arc.pin] == rise or len(forced) != 1:
                continue
            last = _CONTROLS[next(iter(forced))]
            load = known.storing(not last, ready)
            if known.next(ready, not last) != last and load:
                yield known.case(arc, load, ready, arc.pin, (not last, last), arc.pin, 1)
                break


def stored_states(cell: Cell) -> list[Case]:
    """Each state of the inputs with each value that can be stored in it: nothing moves, the cell rests in ``ready`` with ``first``."""
    arc = Arc(cell.name, "", "", "leakage")
    known = _Cell.of(cell, arc)
    result = []
    for ready in input_states(cell):
        forced = known.forced(ready)
        for stored in (False, True):
            if len(forced) > 1 or (forced and _CONTROLS[min(forced)] != stored):
                continue
            load = None if forced else known.storing(stored, ready)
            if not forced and load is None:
                raise UserError(f"cell {cell.name}: no inputs with clear and preset off store {int(stored)}")
            result.append(known.case(arc, load, ready, "", (stored, stored), "", 0))
    return result


def idle_case(cell: Cell, pin: str, rise: bool) -> Case:
    """An edge of an input that leaves the outputs as they are, with clear and preset off before it.

    Raises ``UserError`` where every such edge moves the outputs.
    """
    arc = Arc(cell.name, "", pin, "idle")
    known = _Cell.of(cell, arc)
    for ready in sorted(input_states(cell), key=lambda state: state[known.clock] == known.active):
        for stored in (False, True):
            moved = _flip(ready, pin)
            after = {_CONTROLS[name] for name in known.forced(moved)} or {stored}
            if moved[known.clock] == known.active != ready[known.clock]:
                after.add(known.next(ready, stored))
            forced = {_CONTROLS[name] for name in known.forced(ready)}
            load = None if forced else known.storing(stored, ready)
            if moved[pin] == rise and forced <= {stored} and after == {stored} and (forced or load):
                return known.case(arc, load, ready, pin, (stored, stored), "", 0)
    raise UserError(f"cell {cell.name}: every {'rise' if rise else 'fall'} of {pin} moves an output")
