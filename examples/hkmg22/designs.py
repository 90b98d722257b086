"""The cells of hkmg22 as ``cells.toml`` states them, their grids at a corner, and what is found out about a cell there."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters.ngspice import Rest
from eda_plugin.domain import Arc, Cell, Corner, FlipFlop, Pin

__all__ = ["EDGES", "LEAST_LOAD", "ArcResult", "CellResult", "Constraint", "ConstraintResult", "Design", "PinResult", "grids", "read_cells"]

SLEWS = 7
LOADS = 7
LEAST_SLEW = 2e-12
LEAST_LOAD = 1e-16
MOST_SLEW = 240e-12  # s: the largest slew; half of it in the fast corners at high supply
EDGES = ("rise", "fall")


@dataclass(frozen=True)
class Constraint:
    """A constraint of a flip-flop, and the edges of its pin that it holds for."""

    arc: Arc
    edges: tuple[str, ...]


@dataclass(frozen=True)
class Design:
    """A cell and its arcs. ``load_max`` in F."""

    cell: Cell
    arcs: tuple[Arc, ...]
    load_max: float
    constraints: tuple[Constraint, ...] = ()


@dataclass(frozen=True, eq=False)
class ArcResult:
    """Tables of one arc at one corner, (slew, load), SI, by edge of the output."""

    arc: Arc
    slews: NDArray[np.float64]
    loads: NDArray[np.float64]
    delay: dict[str, NDArray[np.float64]]
    transition: dict[str, NDArray[np.float64]]
    energy: dict[str, NDArray[np.float64]]
    capacitance: dict[str, float]  # of the related pin, by edge of the *input*


@dataclass(frozen=True, eq=False)
class ConstraintResult:
    """One constraint at one corner in s: (slew of the related pin, slew of the constrained pin), of a pulse (slew,), by edge."""

    arc: Arc
    slews: NDArray[np.float64]
    values: dict[str, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class PinResult:
    """An input of a flip-flop whose edges move no output: energy in J (slew,) and capacitance in F, by its edge."""

    pin: str
    slews: NDArray[np.float64]
    energy: dict[str, NDArray[np.float64]]
    capacitance: dict[str, float]


@dataclass(frozen=True, eq=False)
class CellResult:
    """All that a cell's Liberty group says."""

    design: Design
    rests: list[Rest]
    arcs: list[ArcResult]
    constraints: list[ConstraintResult] = field(default_factory=list)
    pins: list[PinResult] = field(default_factory=list)


def read_cells(path: Path) -> list[Design]:
    """Read ``cells.toml``."""
    designs = []
    for entry in tomllib.loads(path.read_text(encoding="utf-8"))["cell"]:
        name, stored = entry["name"], entry.get("flipflop")
        flipflop = FlipFlop(**stored) if stored else None
        pins = [Pin(pin, "input", clock=flipflop is not None and pin == flipflop.clocked_on) for pin in entry["inputs"]]
        pins += [Pin(pin, "output", text) for pin, text in entry["outputs"].items()]
        arcs = tuple(
            Arc(name, arc["pin"], arc["related_pin"], arc.get("type", "combinational"), arc["sense"], arc.get("when", ""))
            for arc in entry["arcs"]
        )
        constraints = tuple(
            Constraint(Arc(name, item["pin"], item["related_pin"], item["type"]), tuple(item["edges"]))
            for item in entry.get("constraints", ())
        )
        cell = Cell(name, entry["area"], tuple(pins), flipflop is not None, flipflop)
        designs.append(Design(cell, arcs, entry["load_max"], constraints))
    return designs


def grids(corner: Corner, load_max: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slews and loads of a corner, geometric, four digits.

    As in foundry libraries the grids are not the same everywhere: fast corners at 0.88 V stop at half the slew, corners at 0.60 V at half
    the load, because their transitions would grow too long.
    """
    fast = corner.process == "ff" and corner.voltage > 0.85
    weak = corner.voltage < 0.65
    slews = np.geomspace(LEAST_SLEW, MOST_SLEW / (2 if fast else 1), SLEWS)
    loads = np.geomspace(LEAST_LOAD, load_max / (2 if weak else 1), LOADS)
    return tuple(np.array([float(f"{value:.4g}") for value in axis]) for axis in (slews, loads))  # type: ignore[return-value]
