"""What every simulator's deck says of one transient: the cell, its nodes, the input's edge, the levels that are looked for.

Each transient starts from its own operating point and depends on nothing but itself, so an answer can be kept and used again whatever
else was asked for. What a flip-flop stores is no operating point: there the transient begins with the edges that store it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from eda_plugin.adapters.ngspice import PREPARATION, Bench, Case, NgspiceSettings, Shot, Stimulus, history
from eda_plugin.adapters.simulators.digest import file_digest
from eda_plugin.adapters.simulators.models import Models
from eda_plugin.adapters.simulators.netlists import Netlist
from eda_plugin.domain import Cell, Corner, Header
from eda_plugin.domain.library import THRESHOLDS
from eda_plugin.domain.waveform import Waveform
from eda_plugin.errors import UserError

__all__ = ["Circuit", "Shape", "Thresholds", "Transient", "Trial", "transients"]

LOOK = 0.9999  # of the transient: where the output must stand at its rail


@dataclass(frozen=True)
class Thresholds:
    """Fractions of the supply by edge: where delay begins (``input``) and ends (``output``), what a slew runs between (``lower``,
    ``upper``); ``derate``: a slew of the library times this is the time between its thresholds."""

    input: Mapping[str, float]
    output: Mapping[str, float]
    lower: Mapping[str, float]
    upper: Mapping[str, float]
    derate: float

    @classmethod
    def of(cls, header: Header) -> Thresholds:
        """Those of a library; what it does not state has Liberty's default. Raises ``UserError`` where they make no sense."""
        found = {name: {edge: header.threshold(name, edge) for edge in ("rise", "fall")} for name in THRESHOLDS}
        derate = header.derate
        inside = all(0 < value < 1 for levels in found.values() for value in levels.values())
        ordered = all(found["slew_lower"][edge] < found["slew_upper"][edge] for edge in ("rise", "fall"))
        if not (inside and ordered and derate > 0):
            raise UserError(
                f"the template's thresholds {dict(header.thresholds)} make no sense; expected 0 to 100 % with lower < upper, derate > 0"
            )
        return cls(found["input"], found["output"], found["slew_lower"], found["slew_upper"], derate)

    def settings(self) -> NgspiceSettings:
        """Those of a search for constraints. Raises ``UserError`` where they are not the same for both edges, input and output."""
        levels = {*self.input.values(), *self.output.values()}
        lower, upper = set(self.lower.values()), set(self.upper.values())
        if max(map(len, (levels, lower, upper))) > 1:
            raise UserError("constraints are searched for where thresholds are the same for both edges, inputs and outputs")
        return NgspiceSettings(threshold=levels.pop(), lower=lower.pop(), upper=upper.pop(), derate=self.derate)


@dataclass(frozen=True)
class Transient:
    """One simulation: ``slew`` (s, as the library counts it), ``load`` (F), ``edge`` of the output, and how long (``window``, s) the output
    has after the input's edge. A cell that stores has a ``case``: its first value is stored before, with rests as long as ``window``."""

    cell: Cell
    stimulus: Stimulus
    slew: float
    load: float
    edge: str
    window: float
    case: Case | None = None

    def longer(self, factor: float) -> Transient:
        """The same with more time to settle."""
        return replace(self, window=self.window * factor)


@dataclass(frozen=True)
class Trial:
    """One simulation of a search for a constraint: two edges and what is stored before them."""

    cell: Cell
    shot: Shot


def transients(rows: Sequence[Transient | Trial]) -> list[Transient]:
    """``rows`` where a simulator takes no others. Raises ``UserError`` for a trial."""
    found = [row for row in rows if isinstance(row, Transient)]
    if len(found) < len(rows):
        raise UserError("not simulated: constraints are searched for with --simulator ngspice only")
    return found


@dataclass(frozen=True)
class Shape:
    """Times (s) and levels (V) of one transient: the input leaves ``high`` at ``start`` and is at ``low`` at ``end``; the measures' levels;
    ``rail`` is where the output ends. ``lead``: times and levels of the input's earlier edges, one after the other. ``bends`` of the
    input's edge: how much of its time and of its swing is done there, none for a ramp."""

    start: float
    end: float
    stop: float
    high: float
    low: float
    trigger: float
    target: float
    first: float
    last: float
    rail: float
    lead: tuple[float, ...] = ()
    bends: tuple[tuple[float, float], ...] = ()

    @property
    def driven(self) -> tuple[float, ...]:
        """Times (s) and levels (V) that the input passes, one after the other."""
        length, swing = self.end - self.start, self.low - self.high
        between = (number for time, level in self.bends for number in (self.start + time * length, self.high + level * swing))
        return (0.0, self.high, *self.lead, self.start, self.high, *between, self.end, self.low)

    @property
    def look(self) -> float:
        """When the output must have settled."""
        return LOOK * self.stop


@dataclass(frozen=True)
class Circuit:
    """What all decks of a run share; ``netlists`` by cell, ``options`` in the simulator's own words; ``wave``: the edge that drives an
    input, ``None`` for a ramp."""

    corner: Corner
    models: Models
    netlists: Mapping[str, Netlist]
    thresholds: Thresholds
    options: tuple[str, ...]
    wave: Waveform | None = None

    def shape(self, row: Transient) -> Shape:
        """Times and levels of ``row``. The input's edge starts after a tenth of its length, so that the operating point is seen."""
        volts, levels = self.corner.voltage, self.thresholds
        rising = row.stimulus.other_edge(row.edge)  # edge of the input
        wave = self.wave or Waveform.ramp((levels.upper[rising] - levels.lower[rising]) / levels.derate)
        length = row.slew * wave.length
        start = length / 10 + (PREPARATION * row.window if row.case else 0.0)
        limits = (levels.lower[row.edge] * volts, levels.upper[row.edge] * volts)
        first, last = limits if row.edge == "rise" else limits[::-1]
        high = volts if rising == "fall" else 0.0
        return Shape(
            start=start,
            end=start + length,
            stop=start + length + row.window,
            high=high,
            low=volts - high,
            trigger=levels.input[rising] * volts,
            target=levels.output[row.edge] * volts,
            first=first,
            last=last,
            rail=volts if row.edge == "rise" else 0.0,
            lead=self._lead(row),
            bends=tuple((time / wave.length, level) for time, level in zip(wave.times[1:-1], wave.levels[1:-1], strict=True)),
        )

    def settings(self) -> NgspiceSettings:
        """Those of a search for constraints. Raises ``UserError`` where thresholds are not the same for both edges, input and output."""
        return replace(self.thresholds.settings(), wave=self.wave)

    def _lead(self, row: Transient) -> tuple[float, ...]:
        if row.case is None:
            return ()
        corners = history(row.case, row.window, self.corner.voltage)[row.case.trigger]
        return tuple(number for corner in corners[1:] for number in corner)

    def _sides(self, row: Transient) -> tuple[dict[str, str], list[str]]:
        """Nodes of the inputs that don't switch the output, and the sources of those that move before."""
        if row.case is None:
            return {name.lower(): "supply" if level else "0" for name, level in row.stimulus.side}, []
        nodes, sources = {}, []
        for place, (name, corners) in enumerate(history(row.case, row.window, self.corner.voltage).items()):
            if name == row.case.trigger:
                continue
            nodes[name.lower()] = f"side{place}" if len(corners) > 1 else "supply" if corners[0][1] else "0"
            if len(corners) > 1:
                points = " ".join(f"{time:.9g} {level:.9g}" for time, level in corners)
                sources.append(f"vside{place} side{place} 0 pwl({points})")
        return nodes, sources

    def head(self, cell: Cell, quote: str = '"') -> list[str]:
        """Parameters, models, the cell's netlist, temperature; files' names in the quotes that the simulator takes."""
        netlist = self.netlists[cell.name]
        return [*self.models.statements(quote), f".include {quote}{netlist.path}{quote}", f".temp {self.corner.temperature:.9g}"]

    def body(self, row: Transient, load: str) -> list[str]:
        """Supply, other inputs' sources, the cell between ``drive`` and ``sense``, loads; ``load`` is the text of the capacitance that is
        measured with."""
        cell, arc = row.cell, row.stimulus.arc
        nodes = {arc.related_pin.lower(): "drive", arc.pin.lower(): "sense"}
        sides, sources = self._sides(row)
        nodes |= sides
        others = [pin.name.lower() for pin in cell.pins if pin.direction == "output" and pin.name != arc.pin]
        nodes |= {name: f"idle{place}" for place, name in enumerate(others)}
        bench = self.bench(cell, NgspiceSettings())
        lines = [f"vsupply supply 0 dc {self.corner.voltage:.9g}", *sources, bench.instance(cell.name, nodes), f"cload sense 0 {load}"]
        return lines + [f"cidle{place} idle{place} 0 {self.models.idle_load:.9g}" for place in range(len(others)) if self.models.idle_load]

    def bench(self, cell: Cell, settings: NgspiceSettings) -> Bench:
        """What the ngspice adapter asks for, with this circuit's supply ports and idle loads; its models are not used."""
        netlist = self.netlists[cell.name]
        settings = replace(settings, power=self.models.power, ground=self.models.ground, idle_load=self.models.idle_load)
        return Bench(self.corner, netlist.source, netlist.source, {cell.name.lower(): netlist.ports}, settings)

    def anonymous(self) -> Circuit:
        """The same with digests of files where their paths are: decks that say what is simulated, wherever the files lie."""
        digests = {source: file_digest(source) for source in {netlist.source for netlist in self.netlists.values()}}
        netlists = {name: netlist.named(digests[netlist.source]) for name, netlist in self.netlists.items()}
        return replace(self, models=self.models.anonymous(), netlists=netlists)
