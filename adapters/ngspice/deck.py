"""Decks: one process of ngspice simulates many rows of one arc, each with its own slew and load.

The circuit is read once; each row alters the input's ramp and the load, runs one transient and measures it. Each edge starts from the
operating point, never from what an edge before it left on inner nodes (a difference of up to 4 % in a full adder): so a simulation's
answer does not depend on what else was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eda_plugin.adapters.ngspice.logic import Stimulus
from eda_plugin.adapters.ngspice.settings import NgspiceSettings
from eda_plugin.domain import Cell, Corner
from eda_plugin.errors import UserError

__all__ = ["Bench", "Row", "static_deck", "transient_deck"]


@dataclass(frozen=True)
class Bench:
    """What every deck of one corner shares.

    ``ports``: of each cell, by its name in lower case (``netlist.read_ports``). ``models``: a file with one ``.lib`` section a process,
    or one file to include for each process by name.
    """

    corner: Corner
    netlists: Path
    models: Path | Mapping[str, Path]
    ports: Mapping[str, tuple[str, ...]]
    settings: NgspiceSettings

    def head(self, title: str) -> list[str]:
        """First lines: title, models, netlists, temperature, supply."""
        if not re.fullmatch(r"[\w.+-]+", self.corner.process):
            raise UserError(f"process {self.corner.process!r} cannot name a section of the models; expected letters and digits")
        if isinstance(self.models, Mapping):
            if self.corner.process not in self.models:
                raise UserError(f"no model file for process {self.corner.process!r}; there are files for {', '.join(sorted(self.models))}")
            models = f'.include "{self.models[self.corner.process].resolve()}"'
        else:
            models = f'.lib "{self.models.resolve()}" {self.corner.process}'
        lines = [f"* {title}", models, f'.include "{self.netlists.resolve()}"', f".temp {self.corner.temperature:.9g}"]
        return [*lines, f"vsupply supply 0 {self.corner.voltage:.9g}", ".options " + " ".join(self.settings.options)]

    def instance(self, cell: str, nodes: Mapping[str, str]) -> str:
        """The cell with its ports on ``nodes`` (by port in lower case); supply ports find their own."""
        if cell.lower() not in self.ports:
            raise UserError(f"no .subckt {cell} in {self.netlists}; there are {', '.join(sorted(self.ports))}")
        rails = dict.fromkeys(self.settings.power, "supply") | dict.fromkeys(self.settings.ground, "0")
        known = {**{name.lower(): node for name, node in rails.items()}, **nodes}
        ports = [port.lower() for port in self.ports[cell.lower()]]
        missing = [port for port in ports if port not in known] + [name for name in nodes if name not in ports]
        if missing:
            raise UserError(
                f"cell {cell}: pins {', '.join(missing)} stand in the netlist or in the library, not in both, nor are they supplies"
            )
        return f"xcell {' '.join(known[port] for port in ports)} {cell}"


@dataclass(frozen=True)
class Row:
    """One transient: ``slew`` in s between the thresholds, ``load`` in F, ``edge`` of the input, and how long the output has after the
    ramp (``window``, s)."""

    slew: float
    load: float
    edge: str
    window: float


def transient_deck(bench: Bench, cell: Cell, stimulus: Stimulus, rows: Sequence[Row], *, charge: bool) -> str:
    """Deck of the rows of one arc; row n announces itself as ``row n``, ends with ``done n``, and gives ``delay``, ``transition`` (s),
    ``end`` (V) and, with ``charge``, ``supply`` and ``input`` (C into the source, so negative)."""
    settings, volts = bench.settings, bench.corner.voltage
    arc = stimulus.arc
    side = dict(stimulus.side)
    nodes = {arc.related_pin.lower(): "drive", arc.pin.lower(): "sense"}
    nodes |= {name.lower(): "supply" if level else "0" for name, level in side.items()}
    others = [pin.name.lower() for pin in cell.pins if pin.direction == "output" and pin.name != arc.pin]
    nodes |= {name: f"idle{place}" for place, name in enumerate(others)}
    lines = bench.head(f"{arc} at {bench.corner}")
    lines += ["vdrive drive 0 dc 0 pwl(0 0 1n 0)", bench.instance(cell.name, nodes), "cload sense 0 1f"]
    if settings.idle_load > 0:
        lines += [f"cidle{place} idle{place} 0 {settings.idle_load:.9g}" for place in range(len(others))]
    lines += [".save v(drive) v(sense)" + (" i(vsupply) i(vdrive)" if charge else ""), ".control"]
    for number, row in enumerate(rows):
        lines += _row(number, row, stimulus, settings, volts, charge=charge)
    return "\n".join([*lines, "quit", ".endc", ".end", ""])


def _row(number: int, row: Row, stimulus: Stimulus, settings: NgspiceSettings, volts: float, *, charge: bool) -> list[str]:
    full = row.slew * settings.ramp
    start, stop = full / 10, full * 1.1 + row.window
    high = volts * (row.edge == "fall")
    out = stimulus.other_edge(row.edge)
    limits = (settings.lower * volts, settings.upper * volts)
    first, last = limits if out == "rise" else limits[::-1]
    middle = settings.threshold * volts
    after = f"td={start:.9g}"
    lines = [
        f"echo row {number}",
        f"alter @vdrive[pwl] = [ {settings.driven(row.slew, start, high, volts - high)} ]",
        f"alter vdrive dc = {high:.9g}",
        f"alter cload = {row.load:.9g}",
        f"tran {stop / 50:.9g} {stop:.9g} 0 {stop / 50:.9g}",
        f"meas tran delay trig v(drive) val={middle:.9g} {after} {row.edge}=1 targ v(sense) val={middle:.9g} {after} {out}=1",
        f"meas tran transition trig v(sense) val={first:.9g} {after} {out}=1 targ v(sense) val={last:.9g} {after} {out}=1",
        f"meas tran end find v(sense) at={0.9999 * stop:.9g}",
    ]
    if charge:
        span = f"from={start:.9g} to={stop:.9g}"
        lines += [f"meas tran supply integ i(vsupply) {span}", f"meas tran input integ i(vdrive) {span}"]
    return [*lines, f"echo done {number}", "destroy all"]


def static_deck(bench: Bench, cell: Cell, states: Sequence[Mapping[str, bool]]) -> str:
    """Deck of one operating point for each state of the inputs; row n prints ``i(vsupply)`` and ``i(vin0)``, ``i(vin1)``, ... in A."""
    inputs = [pin.name for pin in cell.pins if pin.direction == "input"]
    outputs = [pin.name for pin in cell.pins if pin.direction == "output"]
    nodes = {name.lower(): f"in{place}" for place, name in enumerate(inputs)}
    nodes |= {name.lower(): f"out{place}" for place, name in enumerate(outputs)}
    lines = bench.head(f"{cell.name} at rest at {bench.corner}")
    lines += [f"vin{place} in{place} 0 0" for place in range(len(inputs))]
    lines += [bench.instance(cell.name, nodes), ".control"]
    currents = " ".join(["i(vsupply)", *(f"i(vin{place})" for place in range(len(inputs)))])
    for number, state in enumerate(states):
        lines.append(f"echo row {number}")
        lines += [f"alter vin{place} dc = {bench.corner.voltage * state[name]:.9g}" for place, name in enumerate(inputs)]
        lines += ["op", f"print {currents}", f"echo done {number}", "destroy all"]
    return "\n".join([*lines, "quit", ".endc", ".end", ""])
