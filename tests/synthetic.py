"""Libraries whose numbers follow a law that is known everywhere: an alpha-power drive current over process, voltage and temperature.

Cells differ in how much of each device they use, in strength and in threshold, so corners are no plain multiples of one another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from eda_plugin.data.dataset import align
from eda_plugin.domain import Arc, Axis, Corner, Library, Origin, Points, Table, TableKey, blank, process_axes, timing_quantities
from eda_plugin.domain.quantity import TIMING, group_of
from eda_plugin.models.features import PointTable, gather
from eda_plugin.models.plan import even_points

__all__ = ["ANCHORS", "TARGET", "anchors_of", "build", "measure", "perturbed", "points_of", "template_of"]

Floats = NDArray[np.float64]
SLEW, LOAD = "input_net_transition", "total_output_net_capacitance"
ANCHORS = tuple(
    Corner(*row)
    for row in (
        ("tt", 1.0, 25), ("tt", 0.9, 25), ("tt", 0.9, 100), ("tt", 0.8, -40), ("ss", 0.9, 100),
        ("ss", 0.8, -40), ("ss", 0.9, -40), ("ss", 0.8, 100), ("ff", 1.0, -40), ("ff", 1.0, 100),
    )
)  # fmt: skip
TARGET = Corner("ss", 0.85, 25)


def _speed(corner: Corner) -> tuple[float, float]:
    """Of the NMOS and the PMOS device; a process without a conventional name lies where its letters put it."""
    return process_axes(corner.process) or (sum(map(ord, corner.process)) % 7 / 7 - 0.5,) * 2


def _drive(corner: Corner, share: float, shift: float) -> float:
    """Drive current of a device mixture: ``share`` of NMOS, threshold moved by ``shift`` V."""
    total = 0.0
    for part, speed, lift in zip((share, 1 - share), _speed(corner), (0.0, 0.04), strict=True):
        threshold = 0.32 + shift + lift - 0.04 * speed - 0.6e-3 * (corner.temperature - 25)
        mobility = ((corner.temperature + 273) / 298) ** -1.2 * (1 + 0.08 * speed)
        total += part * mobility * (corner.voltage - threshold) ** 1.35 / corner.voltage
    return total


def _axes(lengths: Sequence[int]) -> tuple[Axis, ...]:
    slews = Axis(SLEW, np.geomspace(1e-11, 4e-10, lengths[0])) if lengths else None
    loads = Axis(LOAD, np.geomspace(1e-15, 4e-14, lengths[1])) if len(lengths) > 1 else None
    return tuple(axis for axis in (slews, loads) if axis is not None)


def _timing(corner: Corner, key: TableKey, axes: tuple[Axis, ...], traits: Floats) -> Floats:
    """Delay or transition (s) on ``axes``; ``traits``: share of NMOS, threshold, strength, own delay, coupling, each from 0 to 1."""
    drive = _drive(corner, traits[0], 0.06 * (traits[1] - 0.5))
    strength = 1 + 3 * traits[2]
    slew = axes[0].values[:, None] if axes else np.array([[1e-10]])
    load = axes[1].values[None, :] if len(axes) > 1 else np.array([[5e-15]])
    own = (4 + 6 * traits[3]) * 1e-12 / drive
    driven = 1.5e3 * load / strength / drive
    if key.quantity.startswith("cell"):
        kink = np.sqrt(slew * driven) * (0.15 + 0.2 * traits[4])
        values = own + driven + slew * (0.08 + 0.25 * (0.32 + 0.04 * traits[1]) / corner.voltage) + kink
    else:
        values = 1.6 * own + 1.9 * driven + 0.1 * np.sqrt(slew * (own + driven))
    return np.asarray(values, dtype=np.float64).reshape([len(axis) for axis in axes])


def build(corner: Corner, *, cells: int = 8, grid: Sequence[int] = (5, 5), odd: bool = False, rest: bool = True) -> Library:
    """The truth at ``corner``: two arcs a cell, both edges, on ``grid``.

    ``odd``: some cells have tables of other shapes: 7 x 7, 3 x 3, of one axis, single numbers. ``rest``: with a constraint, power, leakage,
    capacitance and a limit of each cell.
    """
    rng = np.random.default_rng(7)
    tables = []
    shapes = ((7, 7), (3, 3), (4,), (), (1, 5)) if odd else ()
    for number in range(cells):
        cell = f"cell{number}"
        axes = _axes(shapes[number] if number < len(shapes) else grid)
        for pin in ("A", "B"):
            arc = Arc(cell, "Y", pin, "combinational", "negative_unate")
            for edge in ("rise", "fall"):
                traits = rng.random(5)
                for quantity in timing_quantities(edge):
                    key = TableKey(*arc, quantity)
                    tables.append((key, axes, _timing(corner, key, axes, traits)))
        traits = rng.random(5)
        drive = _drive(corner, traits[0], 0.0)
        if rest:
            small = _axes((3, 3))
            hold = TableKey(cell, "D", "CK", "setup_rising", "", "", "rise_constraint")
            tables.append((hold, small, 2e-11 / drive * (1 + traits[3]) + 0.1 * (small[0].values[:, None] - small[1].values * 1e3)))
            power = TableKey(cell, "Y", "A", "internal_power", "", "", "rise_power")
            energy = 1e-15 * corner.voltage**2 * (1 + 1e-3 * traits[0] * corner.temperature)
            tables.append((power, small, energy * (1 + traits[1]) * (1 + np.arange(9.0).reshape(3, 3) / 20)))
            leak = 1e-12 * np.exp(2.0 * sum(_speed(corner)) + 0.02 * corner.temperature + traits[2]) * corner.voltage**3
            tables.append((TableKey(cell, "", "", "leakage", "", "", "cell_leakage_power"), (), np.array(leak)))
            capacitance = 1e-15 * (1 + traits[4]) * (1 + 0.05 * corner.voltage)
            tables.append((TableKey(cell, "A", "", "pin", "", "", "capacitance"), (), np.array(capacitance)))
            tables.append((TableKey(cell, "Y", "", "pin", "", "", "max_capacitance"), (), np.array(5e-14)))
    return library_of(tables, corner)


def library_of(tables: Iterable[tuple[TableKey, tuple[Axis, ...], Floats]], corner: Corner) -> Library:
    made = [Table(key, axes, values, np.full(values.shape, Origin.MEASURED, dtype=np.uint8)) for key, axes, values in tables]
    return Library.from_tables(made, name=f"synthetic_{corner.name}", corner=corner, source=f"synthetic_{corner.name}.lib")


def anchors_of(corners: Sequence[Corner] = ANCHORS, **options: object) -> list[Library]:
    return [build(corner, **options) for corner in corners]  # type: ignore[arg-type]


def template_of(truth: Library) -> Library:
    """The structure of ``truth``; of its numbers only the limits."""
    tables = [table if group_of(table.key.quantity) == "limit" else blank(table) for table in truth]
    return Library.from_tables(tables, name=truth.name, corner=truth.corner, header=truth.header, cells=truth.cells, source=truth.source)


def measure(truth: Library, count: int, seed: int = 0) -> Points:
    """``count`` simulations, the same number of each table, answered from ``truth``."""
    plan = even_points(template_of(truth), None, count, seed)
    answers = np.full((2, len(plan)), np.nan)
    for n, (arc, edge) in enumerate(zip(plan.arcs, plan.edges, strict=True)):
        for row, quantity in enumerate(timing_quantities(edge)):
            table = truth[TableKey(*arc, quantity)]
            at = tuple(int(np.argmin(np.abs(axis.values - x))) for axis, x in zip(table.axes, plan.index[n], strict=False))
            answers[row, n] = table.values[at]
    return replace(plan, delay=answers[0], transition=answers[1])


def points_of(anchors: Sequence[Library], truth: Library) -> tuple[PointTable, Floats]:
    """Delay and transition point by point as the models see them, and the true value (M,) of each."""
    aligned = align(anchors, template_of(truth), truth.corner)
    kinds = np.array([TIMING.index(key.quantity) if key.quantity in TIMING else -1 for key in aligned.template.keys])
    points = gather(aligned, aligned.rows_of("timing"), kinds, 1e-13)
    return points, truth.values[points.flat]


def perturbed(library: Library, share: float, seed: int) -> Library:
    """Every timing table times its own smooth surface of relative size ``share``: what the anchors do not tell."""
    rng = np.random.default_rng(seed)
    values = library.values.copy()
    for row, table in enumerate(library):
        if group_of(table.key.quantity) == "timing":
            bumps = share * rng.standard_normal(3)
            place = np.linspace(-1, 1, table.values.size)
            values[library.start[row] : library.start[row + 1]] *= np.exp(bumps[0] + bumps[1] * place + bumps[2] * place**2)
    return library.with_values(values, library.origin)
