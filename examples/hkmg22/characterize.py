"""Characterize the twelve cells of hkmg22 with ngspice: one Liberty file a corner, and for some corners HSPICE measure files as well.

    python examples/hkmg22/characterize.py --workers 2 [--corner NAME ...] [--out DIR]

Corners whose Liberty file is there already are skipped, so a run that was stopped goes on where it was; delete a file to make it again.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

import liberty_text
import measure_files
import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters.ngspice import (
    Bench,
    NgspiceSettings,
    Rest,
    Stimulus,
    Sweep,
    at_rest,
    in_parallel,
    input_capacitance,
    internal_energy,
    read_ports,
    sensitise,
    sweep,
)
from eda_plugin.domain import Arc, Cell, Corner, Pin
from eda_plugin.errors import EdaPluginError, UserError

HERE = Path(__file__).parent
SLEWS = 7
LOADS = 7
LEAST_SLEW = 2e-12
LEAST_LOAD = 1e-16
MOST_SLEW = 240e-12  # s: the largest slew; half of it in the fast corners at high supply
EDGES = ("rise", "fall")


@dataclass(frozen=True)
class Design:
    """A cell and its arcs. ``load_max`` in F."""

    cell: Cell
    arcs: tuple[Arc, ...]
    load_max: float


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
class CellResult:
    """All that a cell's Liberty group says."""

    design: Design
    rests: list[Rest]
    arcs: list[ArcResult]


def read_cells(path: Path) -> list[Design]:
    """Read ``cells.toml``."""
    designs = []
    for entry in tomllib.loads(path.read_text(encoding="utf-8"))["cell"]:
        pins = [Pin(name, "input") for name in entry["inputs"]] + [Pin(name, "output", text) for name, text in entry["outputs"].items()]
        arcs = tuple(
            Arc(entry["name"], arc["pin"], arc["related_pin"], "combinational", arc["sense"], arc.get("when", "")) for arc in entry["arcs"]
        )
        designs.append(Design(Cell(entry["name"], entry["area"], tuple(pins)), arcs, entry["load_max"]))
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


def characterize(corner: Corner, designs: list[Design], settings: NgspiceSettings, workers: int) -> list[CellResult]:
    """Simulate everything that a library of one corner says. Raises ``UserError`` for the first row that ngspice could not simulate."""
    bench = Bench(corner, HERE / "cells.sp", HERE / "models.sp", read_ports(HERE / "cells.sp"), settings)
    rests = dict(zip([d.cell.name for d in designs], in_parallel(lambda d: at_rest(bench, d.cell), designs, workers), strict=True))
    jobs = [(design, arc, sensitise(design.cell, arc)) for design in designs for arc in design.arcs]

    def work(job: tuple[Design, Arc, Stimulus]) -> ArcResult:
        design, arc, stimulus = job
        slews, loads = grids(corner, design.load_max)
        rows = tuple((slew, load, edge) for edge in EDGES for slew in slews for load in loads)
        answers = sweep(bench, Sweep(stimulus, design.cell, rows), charge=True)
        wrong = [(row, answer) for row, answer in zip(rows, answers, strict=True) if isinstance(answer, str)]
        if wrong:
            raise UserError(f"{corner}: {arc} {wrong[0][0][2]} at slew {wrong[0][0][0]:g} s, load {wrong[0][0][1]:g} F: {wrong[0][1]}")
        results = [answer for answer in answers if not isinstance(answer, str)]
        shape = (len(slews), len(loads))
        tables: dict[str, dict[str, NDArray[np.float64]]] = {"delay": {}, "transition": {}, "energy": {}}
        capacitance: dict[str, float] = {}
        for edge in EDGES:
            chosen = [(row, result) for row, result in zip(rows, results, strict=True) if row[2] == edge]
            tables["delay"][edge] = np.array([e.delay for _, e in chosen]).reshape(shape)
            tables["transition"][edge] = np.array([e.transition for _, e in chosen]).reshape(shape)
            energies = [internal_energy(e, stimulus, edge, row[1], rests[arc.cell], corner.voltage) for row, e in chosen]
            tables["energy"][edge] = np.array(energies).reshape(shape)
            taken = [input_capacitance(e, stimulus, edge, rests[arc.cell], corner.voltage) for _, e in chosen]
            capacitance[stimulus.other_edge(edge)] = float(np.mean(taken))
        return ArcResult(arc, slews, loads, tables["delay"], tables["transition"], tables["energy"], capacitance)

    arcs = in_parallel(work, jobs, workers)
    return [CellResult(design, rests[design.cell.name], [r for r in arcs if r.arc.cell == design.cell.name]) for design in designs]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--workers", type=int, default=1, help="ngspice processes at once")
    parser.add_argument("--corner", nargs="*", default=[], metavar="NAME", help="such as ss_n40C_0v60; all of corners.toml unless given")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for lib/ and hspice/")
    parser.add_argument("--program", default="ngspice", help="the simulator")
    options = parser.parse_args()
    try:
        plan = tomllib.loads((HERE / "corners.toml").read_text(encoding="utf-8"))
        corners = [Corner.parse(name) for name in options.corner or plan["corners"]]
        measured = {Corner.parse(name) for name in plan["measure_files"]}
        designs = read_cells(HERE / "cells.toml")
        (options.out / "lib").mkdir(parents=True, exist_ok=True)
        for corner in corners:
            target = options.out / "lib" / f"hkmg22_{corner.name}.lib"
            if target.exists():
                print(f"{corner}: there already")
                continue
            began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            results = characterize(corner, designs, NgspiceSettings(program=options.program), options.workers)
            if corner in measured:
                measure_files.write(options.out / "hspice" / corner.name, corner, results)
            liberty_text.write(target, corner, results)
            used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - used
            print(f"{corner}: {time.monotonic() - began:.0f} s, {used:.0f} s of CPU", flush=True)
    except EdaPluginError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
