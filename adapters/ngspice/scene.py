"""Decks of flip-flops: every input has a source of its own, whose edges bring the cell into its state or put it to the test.

An operating point does not say what a flip-flop stores. So its state is prepared once, by an edge of the clock; the nodes' voltages after
it are where the search begins for the operating point that each row starts from.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from eda_plugin.adapters.ngspice.deck import Bench
from eda_plugin.adapters.ngspice.flipflop import Case
from eda_plugin.adapters.ngspice.run import run_deck
from eda_plugin.adapters.ngspice.settle import LONGEST, SETTLED
from eda_plugin.domain import Cell
from eda_plugin.errors import UserError

__all__ = ["PREPARATION", "Prepared", "Shot", "history", "prepare", "rest_deck", "scene_deck", "whole_scene"]

PREPARATION = 4  # rests between the edges of a history
STEPS = 50  # a time step is never longer than this part of a transient
_NODE = re.compile(r"^\.ic\s+v\((\S+)\)\s*=\s*(\S+)", re.MULTILINE)
_STATE = re.compile(r"^state (\d+)$", re.MULTILINE)

Key = tuple[tuple[tuple[str, bool], ...], tuple[tuple[str, bool], ...]]
Prepared = Mapping[Key, Mapping[str, float] | str]


@dataclass(frozen=True)
class Shot:
    """One transient of a case. ``slew`` of the trigger and ``mover_slew`` of the mover in s between the thresholds, ``load`` in F,
    ``window`` (s): time after the last edge, ``offset`` (s) of the mover from the trigger, threshold to threshold."""

    case: Case
    slew: float
    load: float
    window: float
    mover_slew: float = math.nan
    offset: float = math.nan


@dataclass(frozen=True)
class _Edge:
    """A ramp of 0 to 100 % in ``length``, half done at ``middle`` (s)."""

    pin: str
    middle: float
    length: float
    level: bool

    @property
    def begin(self) -> float:
        return self.middle - self.length / 2

    @property
    def end(self) -> float:
        return self.middle + self.length / 2


def _decisive(shot: Shot, bench: Bench) -> dict[str, _Edge]:
    """The edges of trigger and mover; the first begins soon after the start."""
    case, settings = shot.case, bench.settings
    if settings.wave is not None:
        raise UserError(f"{case.trigger} of a flip-flop: flip-flops are simulated with ramps; leave wave out of ngspice's settings")
    lengths = {"trigger": shot.slew * settings.ramp, "mover": shot.mover_slew * settings.ramp if case.mover else 0.0}
    offset = case.sign * shot.offset if case.mover else 0.0
    now = dict(case.ready)
    edges: dict[str, _Edge] = {}
    for role, name, moment in sorted((("trigger", case.trigger, 0.0), ("mover", case.mover, offset)), key=lambda move: move[2]):
        if name:
            now[name] = not now[name]
            late = (settings.threshold - 0.5) * lengths[role] * (1 if now[name] else -1)  # from the ramp's middle to its threshold
            edges[role] = _Edge(name, moment - late, lengths[role], now[name])
    shift = shot.window / STEPS - min(edge.begin for edge in edges.values())
    return {role: replace(edge, middle=edge.middle + shift) for role, edge in edges.items()}


def _corners(edges: Iterable[_Edge], level: bool, volts: float) -> list[tuple[float, float]]:
    """Corners of one input's waveform (s, V), its edges in order. Two ramps of a pulse narrower than a ramp are cut where they meet."""
    corners = [(0.0, volts * level)]
    before: _Edge | None = None
    for edge in edges:
        if before is not None and edge.begin < before.end:
            meet = (before.middle * edge.length + edge.middle * before.length) / (before.length + edge.length)
            part = (meet - before.middle) / before.length + 0.5
            corners[-1] = (meet, volts * (part if before.level else 1 - part))
        else:
            corners.append((edge.begin, volts * (not edge.level)))
        corners.append((edge.end, volts * edge.level))
        before = edge
    return corners


def _head(bench: Bench, cell: Cell, output: str, title: str) -> tuple[list[str], list[str]]:
    """Lines up to the cell with its sources, and the names of the inputs; source n is ``vin<n>``."""
    body, inputs = _body(bench, cell, output, "1f")
    sources = [f"vin{place} in{place} 0 dc 0 pwl(0 0 1n 0)" for place in range(len(inputs))]
    return [*bench.head(title), *sources, *body], inputs


def _body(bench: Bench, cell: Cell, output: str, load: str) -> tuple[list[str], list[str]]:
    """The cell with its loads, and the names of the inputs; input n is node ``in<n>``, the output ``sense``."""
    inputs = [pin.name for pin in cell.pins if pin.direction == "input"]
    others = [pin.name for pin in cell.pins if pin.direction == "output" and pin.name != output]
    nodes = {name.lower(): f"in{place}" for place, name in enumerate(inputs)}
    nodes |= {output.lower(): "sense"} | {name.lower(): f"idle{place}" for place, name in enumerate(others)}
    lines = [bench.instance(cell.name, nodes), f"cload sense 0 {load}"]
    if bench.settings.idle_load > 0:
        lines += [f"cidle{place} idle{place} 0 {bench.settings.idle_load:.9g}" for place in range(len(others))]
    return lines, inputs


def _source(place: int, corners: Sequence[tuple[float, float]], stop: float) -> list[str]:
    if len(corners) == 1:
        corners = [*corners, (stop, corners[0][1])]
    points = " ".join(f"{time:.9g} {level:.9g}" for time, level in corners)
    return [f"alter @vin{place}[pwl] = [ {points} ]", f"alter vin{place} dc = {corners[0][1]:.9g}"]


def history(case: Case, rest: float, volts: float) -> dict[str, list[tuple[float, float]]]:
    """Corners (s, V) of each input's waveform that stores the case's first value and brings the inputs to their ready levels, done after
    ``PREPARATION * rest``. One corner where an input stays where it is."""
    ready = dict(case.ready)
    levels = dict(case.load) or ready
    edges: list[_Edge] = []
    if case.load:
        active = not levels[case.clock]
        edges.append(_Edge(case.clock, rest, rest / 10, active))
        if ready[case.clock] != active:
            edges.append(_Edge(case.clock, 2 * rest, rest / 10, not active))
        changed = [(name, level) for name, level in ready.items() if name != case.clock and level != levels[name]]
        edges += [_Edge(name, 3 * rest, rest / 10, level) for name, level in changed]
    return {name: _corners([edge for edge in edges if edge.pin == name], levels[name], volts) for name in ready}


def prepare(bench: Bench, cell: Cell, cases: Iterable[Case]) -> Prepared:
    """Voltage of each node in the ready state of each case, by the case's ``key``; or why there is none.

    The first value is stored by an edge of the clock; between edges the cell rests, longer where its output has not settled.
    """
    waiting = {case.key: case for case in cases}
    found: dict[Key, Mapping[str, float] | str] = {}
    rest = bench.settings.window
    while waiting:
        chosen = [waiting[key] for key in sorted(waiting)]
        output, problem = run_deck(_preparation(bench, cell, chosen, rest), bench.settings)
        pieces = _STATE.split(output)
        nodes = {int(number): text for number, text in zip(pieces[1::2], pieces[2::2], strict=True)}
        rest *= 4
        for place, case in enumerate(chosen):
            values = {name: float(value) for name, value in _NODE.findall(nodes.get(place, ""))}
            rail = bench.corner.voltage * case.first
            if abs(values.get("sense", math.nan) - rail) <= SETTLED * bench.corner.voltage:
                found[case.key] = values
            elif not values or rest > LONGEST:
                state = ", ".join(f"{name}={int(level)}" for name, level in case.ready)
                reason = problem or "the output did not follow"
                found[case.key] = f"{case.output}={int(case.first)} could not be stored with {state}: {reason}"
        waiting = {key: case for key, case in waiting.items() if key not in found}
    return found


def _preparation(bench: Bench, cell: Cell, cases: Sequence[Case], rest: float) -> str:
    lines, inputs = _head(bench, cell, cases[0].output, f"states of {cell.name} at {bench.corner}")
    lines.append(".control")
    for number, case in enumerate(cases):
        stop = PREPARATION * rest
        for place, name in enumerate(inputs):
            lines += _source(place, history(case, rest, bench.corner.voltage)[name], stop)
        lines += [f"tran {stop / STEPS:.9g} {stop:.9g}", f"wrnodev state{number}"]
        # both by the shell: ngspice holds back what it prints itself
        lines += [f"shell echo state {number}", f"shell cat state{number}", "destroy all"]
    return "\n".join([*lines, "quit", ".endc", ".end", ""])


def _nodeset(nodes: Mapping[str, float]) -> list[str]:
    return [f".nodeset v({name})={value:.9g}" for name, value in nodes.items() if name != "supply" and not re.fullmatch(r"in\d+", name)]


def scene_deck(bench: Bench, cell: Cell, shots: Sequence[Shot], nodes: Mapping[str, float], *, charge: bool = False) -> str:
    """Deck of rows on cases of one ``key``, whose voltages are ``nodes``.

    Row n announces itself as ``row n``, ends with ``done n``, and gives ``begin`` and ``end`` (V: before the first edge, and at last).
    Where the output switches: ``delay`` and ``transition`` (s); where it must not: its extremes ``high`` and ``low`` (V); with ``charge``:
    ``supply`` and ``input`` (C into the source, so negative) from the trigger on.
    """
    case = shots[0].case
    lines, inputs = _head(bench, cell, case.output, f"{case.arc} at {bench.corner}")
    saved = ["v(sense)", *(f"v(in{place})" for place in range(len(inputs)))]
    if charge:
        saved += ["i(vsupply)", *(f"i(vin{place})" for place in range(len(inputs)))]
    lines += [*_nodeset(nodes), ".save " + " ".join(saved), ".control"]
    for number, shot in enumerate(shots):
        edges = _decisive(shot, bench)
        stop = max(edge.end for edge in edges.values()) + shot.window
        ordered = sorted(edges.values(), key=lambda edge: edge.middle)
        lines.append(f"echo row {number}")
        for place, name in enumerate(inputs):
            moves = [edge for edge in ordered if edge.pin == name]
            lines += _source(place, _corners(moves, dict(shot.case.ready)[name], bench.corner.voltage), stop)
        lines += [f"alter cload = {shot.load:.9g}", f"tran {stop / STEPS:.9g} {stop:.9g} 0 {stop / STEPS:.9g}"]
        lines += _measures(shot.case, edges, stop, inputs, bench, charge=charge)
        lines += [f"echo done {number}", "destroy all"]
    return "\n".join([*lines, "quit", ".endc", ".end", ""])


def whole_scene(bench: Bench, cell: Cell, shot: Shot) -> tuple[list[str], list[str]]:
    """A shot that needs nothing but itself: edges before it store its first value, where ``scene_deck`` starts from nodes known before.

    The circuit below models and supply, and ngspice's commands that simulate and measure it, as in ``scene_deck``.
    """
    lead, volts = PREPARATION * shot.window, bench.corner.voltage
    edges = {role: replace(edge, middle=edge.middle + lead) for role, edge in _decisive(shot, bench).items()}
    ordered = sorted(edges.values(), key=lambda edge: edge.middle)
    stop = max(edge.end for edge in ordered) + shot.window
    step = (stop - lead) / STEPS
    lines, inputs = _body(bench, cell, shot.case.output, f"{shot.load:.9g}")
    before, ready = history(shot.case, shot.window, volts), dict(shot.case.ready)
    for place, name in enumerate(inputs):
        corners = before[name] + _corners([edge for edge in ordered if edge.pin == name], ready[name], volts)[1:]
        points = " ".join(f"{time:.9g} {level:.9g}" for time, level in corners)
        lines.append(f"vin{place} in{place} 0 " + (f"pwl({points})" if len(corners) > 1 else f"dc {corners[0][1]:.9g}"))
    saved = " ".join(f"v(in{place})" for place in range(len(inputs)))
    commands = [f"save v(sense) {saved}", f"tran {step:.9g} {stop:.9g} 0 {step:.9g}"]
    return lines, commands + _measures(shot.case, edges, stop, inputs, bench, charge=False)


def _measures(case: Case, edges: Mapping[str, _Edge], stop: float, inputs: Sequence[str], bench: Bench, *, charge: bool) -> list[str]:
    settings, volts = bench.settings, bench.corner.voltage
    trigger = edges["trigger"]
    drive = inputs.index(case.trigger)
    first = min(edge.begin for edge in edges.values())
    after, span = f"td={trigger.begin:.9g}", f"from={trigger.begin:.9g} to={stop:.9g}"
    lines = [f"meas tran begin find v(sense) at={first:.9g}", f"meas tran end find v(sense) at={0.9999 * stop:.9g}"]
    if case.first != case.last:
        middle, levels = settings.threshold * volts, (settings.lower * volts, settings.upper * volts)
        edge, out = ("rise" if level else "fall" for level in (trigger.level, case.last))
        begin, end = levels if case.last else levels[::-1]
        lines += [
            f"meas tran delay trig v(in{drive}) val={middle:.9g} {after} {edge}=1 targ v(sense) val={middle:.9g} {after} {out}=1",
            f"meas tran transition trig v(sense) val={begin:.9g} {after} {out}=1 targ v(sense) val={end:.9g} {after} {out}=1",
        ]
    else:
        lines += [f"meas tran high max v(sense) {span}", f"meas tran low min v(sense) {span}"]
    if charge:
        lines += [f"meas tran supply integ i(vsupply) {span}", f"meas tran input integ i(vin{drive}) {span}"]
    return lines


def rest_deck(bench: Bench, cell: Cell, case: Case, nodes: Mapping[str, float]) -> str:
    """Deck of the operating point of a case's ready state; row 0 prints ``i(vsupply)`` and ``i(vin0)``, ``i(vin1)``, ... in A."""
    lines, inputs = _head(bench, cell, case.output, f"{cell.name} at rest at {bench.corner}")
    ready = dict(case.ready)
    lines += [*_nodeset(nodes), ".control", "echo row 0"]
    lines += [f"alter vin{place} dc = {bench.corner.voltage * ready[name]:.9g}" for place, name in enumerate(inputs)]
    currents = " ".join(["v(sense)", "i(vsupply)", *(f"i(vin{place})" for place in range(len(inputs)))])
    return "\n".join([*lines, "op", f"print {currents}", "echo done 0", "destroy all", "quit", ".endc", ".end", ""])
