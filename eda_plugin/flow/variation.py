"""Variation into Liberty: few Monte Carlo rows of each arc, a conditional model of them, LVF tables in the library's text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters import liberty
from eda_plugin.adapters.ngspice.variation import FAST
from eda_plugin.domain import Axis, Library, Table, TableKey
from eda_plugin.domain.arc import edge_of, timing_quantities
from eda_plugin.domain.moments import Moments
from eda_plugin.domain.quantity import DELAY
from eda_plugin.domain.waveform import Waveform
from eda_plugin.errors import UserError
from eda_plugin.flow.study_rows import RowStore
from eda_plugin.flow.variation_rows import NOMINAL, ArcEdge, ArcRowStore, Asked, learning
from eda_plugin.models.rows.variation import TableRows, VariationModel, corrected, fit_variation, virtual_parameters

__all__ = ["ArcTable", "Variation", "VariationResult", "VariationSettings", "add_variation"]

Floats = NDArray[np.float64]
Told = Callable[[str], None]


@dataclass(frozen=True)
class VariationSettings:
    """``rows`` simulated at each point of a grid of ``grid`` slews and loads, chosen evenly among those of the nominal table; ``virtual``
    rows of the known law that the model is integrated over; ``cells``: none for all of the study that the library has; ``workers``
    processes of ngspice."""

    rows: int = 50
    grid: int = 3
    virtual: int = 4096
    cells: tuple[str, ...] = ()
    seed: int = 0
    workers: int = 1

    def __post_init__(self) -> None:
        if self.rows < 10 or self.grid < 2:
            raise UserError(f"{self.rows} rows on a grid of {self.grid}; expected at least 10 rows and a grid of 2")


@dataclass(frozen=True)
class VariationResult:
    """``tables`` written to ``path`` of ``arcs`` edges of arcs; ``rows`` simulated for them at all corners (kept ones counted, too);
    ``skipped``: arcs without tables, and why."""

    path: Path
    arcs: int
    tables: int
    rows: int
    skipped: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ArcTable:
    """The points of an edge of an arc at a corner: ``points`` (m, 2) slew in s and load in F, in C order of ``axes``; ``key`` of the
    nominal delay; ``nominal`` (m, 2) delay and transition as the library states them; ``half`` of the input's edge, in slews."""

    what: ArcEdge
    key: TableKey
    axes: tuple[Axis, ...]
    points: Floats
    nominal: Floats
    half: float

    @property
    def ahead(self) -> Floats:
        """(m, 2) s: half of the input's edge for the delay, 0 for the transition."""
        return self.points[:, :1] * [self.half, 0.0]

    @property
    def transition(self) -> TableKey:
        return self.key._replace(quantity=timing_quantities(self.what.edge)[1])


_UNITS, _SPREAD, _TIME = np.array([2e-11, 1e-15]), 1.3, 1e-11
_ALIKE = 10.0  # degrees: temperatures of the sources that spread less are as one


def arc_table(library: Library, key: TableKey, grid: int, wave: Waveform | None = None) -> ArcTable:
    """Points of a grid among those of the table ``key``, a delay's, for an input's edge of the form ``wave`` (``None``: a ramp).

    Raises ``UserError`` where it has not a slew and a load.
    """
    delay, transition = library[key], library.position.get(key._replace(quantity=timing_quantities(edge_of(key.quantity))[1]))
    if len(delay.axes) != 2 or sum(axis.is_load for axis in delay.axes) != 1:
        raise UserError(f"{key}: its table is not one of slew and load")
    if transition is None or library.table(transition).values.shape != delay.values.shape:
        raise UserError(f"{key}: no table of transitions of the same form")
    chosen = [_even(len(axis), grid) for axis in delay.axes]
    axes = tuple(Axis(axis.variable, axis.values[places]) for axis, places in zip(delay.axes, chosen, strict=True))
    mesh = np.stack(np.meshgrid(*(axis.values for axis in axes), indexing="ij"), axis=-1).reshape(-1, 2)
    points = mesh[:, ::-1] if axes[0].is_load else mesh
    nominal = np.stack([table.values[np.ix_(*chosen)].ravel() for table in (delay, library.table(transition))], axis=1)
    half = replace(FAST, wave=wave).edge.half
    return ArcTable(ArcEdge(key.arc, edge_of(key.quantity), library.corner), key, axes, points, nominal, half)


def _even(length: int, count: int) -> NDArray[np.int64]:
    """``count`` places, or all, evenly among ``length``: the middles of so many parts."""
    count = min(length, count)
    return ((np.arange(count) + 0.5) * length / count).astype(np.int64)


class Variation:
    """Tables of variation at one corner, from rows simulated there or, with ``sources``, at these libraries' corners alone.

    Raises ``UserError`` for cells that the study or the library lacks.
    """

    def __init__(
        self,
        study: RowStore,
        library: Library,
        settings: VariationSettings,
        *,
        sources: Sequence[Library] = (),
        kept: Path,
        told: Told | None = None,
    ) -> None:
        self.library, self.settings, self.told = library, settings, told
        self.sources = tuple(sources) or (library,)
        self.own = not sources
        self.store = ArcRowStore(study, kept, _wave([library, *sources]))
        there = {cell.name for cell in library.cells}
        lacking = [name for name in settings.cells if name not in study.cells or name not in there]
        if lacking:
            raise UserError(
                f"no cell {lacking[0]!r} in both study and library; both have {', '.join(c for c in study.cells if c in there)}"
            )
        self.cells = settings.cells or tuple(name for name in study.cells if name in there)
        self.virtual = virtual_parameters(settings.virtual, len(study.law.parameters), settings.seed)
        self._temperatures = np.array([one.corner.temperature for one in self.sources])

    def table(self, library: Library, key: TableKey) -> ArcTable:
        """The points of ``key`` at a library's corner."""
        return arc_table(library, key, self.settings.grid, self.store.wave)

    def keys(self, cell: str) -> list[TableKey]:
        """Nominal delays of a cell's arcs."""
        return [key for key in self.library.keys if key.cell == cell and key.quantity in DELAY]

    def conditions(self, table: ArcTable, nominal: Floats) -> Floats:
        """(m, f) of about unit deviation: logarithms of slew and load; where a corner is learnt from others, of nominal delay and
        transition too, and the temperature: how strong the devices are tells more than process and supply by name."""
        where: Floats = np.log(table.points / _UNITS) / _SPREAD
        if self.own:
            return where
        corner = (table.what.corner.temperature - self._temperatures.mean()) / max(float(self._temperatures.std()), _ALIKE)
        return np.hstack([where, np.log((nominal + table.ahead) / _TIME), np.full((len(where), 1), corner)])

    def model(self, key: TableKey) -> VariationModel:
        """Simulate what is lacking and fit."""
        parts = []
        for library in self.sources:
            if key not in library:
                raise UserError(f"{library.source or library.name} has no {key}")
            parts.append(self._rows(self.table(library, key)))
        return fit_variation(TableRows.joined(parts), seed=self.settings.seed)

    def nominal(self, table: ArcTable) -> Floats:
        """(m, 2) with all parameters at their means: simulated as the rows are, or as the library says where the corner has no rows."""
        if not self.own and table.what.corner == self.library.corner:
            return table.nominal
        asked = Asked(np.full(len(table.points), NOMINAL), table.points)
        return self.store.rows(table.what, asked, workers=self.settings.workers)

    def scaled(self, cell: str, numbers: NDArray[np.int64]) -> Floats:
        """(n, k) parameters of draws, in deviations from the mean."""
        law = self.store.study.law
        means, sigmas = (np.array([getattr(one, name) for one in law.parameters]) for name in ("mean", "sigma"))
        return np.asarray((self.store.parameters(cell, numbers) - means) / sigmas)

    def moments(self, table: ArcTable, model: VariationModel, nominal: Floats) -> list[Moments]:
        """Of delay and transition (2,) at each point of the table."""
        conditions = self.conditions(table, nominal)
        found = [
            model.moments(*one, virtual=self.virtual, seed=self.settings.seed) for one in zip(conditions, nominal, table.ahead, strict=True)
        ]
        return corrected(found, [model.corrections(condition) for condition in conditions]) if self.own else found

    def tables(self, key: TableKey) -> list[Table]:
        """LVF tables of one edge of an arc."""
        table = self.table(self.library, key)
        found = Moments.stacked(self.moments(table, self.model(key), self.nominal(table)))
        shape = tuple(len(axis) for axis in table.axes)
        return [
            made
            for place, nominal in enumerate((key, table.transition))
            for made in found.column(place).shaped(shape).tables(nominal, table.axes)
        ]

    def _rows(self, table: ArcTable) -> TableRows:
        """The rows that are learnt from of one corner."""
        count = self.settings.rows
        asked = learning(table.what.corner, table.points, count)
        nominal = self.nominal(table)
        times = self.store.rows(table.what, asked, workers=self.settings.workers, told=self.told)
        conditions = self.conditions(table, nominal)
        parameters = self.scaled(table.what.arc.cell, asked.numbers)
        spread = [np.repeat(part, count, axis=0) for part in (conditions, nominal, table.ahead)]
        return TableRows(parameters, spread[0], times, spread[1], spread[2])


def _wave(libraries: Sequence[Library]) -> Waveform | None:
    """The edge that drove the inputs when the libraries were characterized, and must drive them again; ``None`` for a ramp."""
    first, *others = map(liberty.driver_waveform, libraries)
    ramp = FAST.edge
    for library, other in zip(libraries[1:], others, strict=True):
        if not (first or ramp).like(other or ramp):
            raise UserError(
                f"{library.source} was characterized with another driver waveform than {libraries[0].source}; their rows don't mix"
            )
    return first


def add_variation(
    study: str | Path,
    library: str | Path,
    out: str | Path,
    settings: VariationSettings | None = None,
    *,
    sources: Sequence[str | Path] = (),
    kept: str | Path,
    told: Told | None = None,
) -> VariationResult:
    """Write ``library`` with LVF tables of all its arcs of the study's cells to ``out``.

    ``study``: a folder with study.toml, which names netlists, models, process parameters and their law. ``sources``: libraries of corners
    whose Monte Carlo rows tell about the library's own corner, for which none are simulated then. ``kept``: folder of the simulated rows;
    what lies there is not simulated again. Raises ``UserError`` for what doesn't fit.
    """
    settings = settings or VariationSettings()
    if Path(out).resolve() == Path(library).resolve():
        raise UserError(f"{out} is the library itself; write to another folder")
    here, *others = liberty.read_many([library, *sources], workers=1)
    work = Variation(RowStore(Path(study)), here, settings, sources=others, kept=Path(kept), told=told)
    tables: list[Table] = []
    skipped: list[str] = []
    arcs = 0
    for cell in work.cells:
        for key in work.keys(cell):
            try:
                tables += work.tables(key)
                arcs += 1
            except UserError as error:
                skipped.append(str(error))
        if told is not None:
            told(f"{cell}: {arcs} edges of arcs so far")
    if not tables:
        raise UserError(f"no arc of {library} could be simulated: {skipped[0] if skipped else 'it shares no cell with the study'}")
    rows = arcs * settings.rows * len(work.sources) * settings.grid**2
    where = "at its own corner" if work.own else "at " + ", ".join(str(one.corner) for one in work.sources)
    note = f"LVF tables by eda-plugin: {settings.rows} Monte Carlo rows a point simulated {where}, a conditional model for the rest"
    liberty.add_variation(library, tables, out, note=note)
    return VariationResult(Path(out), arcs, len(tables), rows, tuple(skipped))
