"""Characterize the thirteen cells of hkmg22 with ngspice: one Liberty file a corner, and for some corners HSPICE measure files as well.

    python examples/hkmg22/characterize.py --workers 2 [--corner NAME ...] [--out DIR]

Cells that a corner's Liberty file has already are kept as they stand there, so a run that was stopped goes on where it was; delete a file,
or a cell in it, to make it again.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
import tomllib
from pathlib import Path

import liberty_text
import measure_files
import numpy as np
from designs import EDGES, ArcResult, CellResult, Design, grids, read_cells
from flipflops import characterize_flipflop
from numpy.typing import NDArray

from eda_plugin.adapters.ngspice import (
    Bench,
    NgspiceSettings,
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
from eda_plugin.domain import Arc, Corner
from eda_plugin.domain.waveform import Waveform
from eda_plugin.errors import EdaPluginError, UserError

HERE = Path(__file__).parent


def characterize(corner: Corner, designs: list[Design], settings: NgspiceSettings, workers: int) -> list[CellResult]:
    """Simulate everything that a library of one corner says. Raises ``UserError`` for the first row that ngspice could not simulate."""
    bench = Bench(corner, HERE / "cells.sp", HERE / "models.sp", read_ports(HERE / "cells.sp"), settings)
    gates = [design for design in designs if design.cell.flipflop is None]
    rests = dict(zip([d.cell.name for d in gates], in_parallel(lambda d: at_rest(bench, d.cell), gates, workers), strict=True))
    jobs = [(design, arc, sensitise(design.cell, arc)) for design in gates for arc in design.arcs]

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
    return [
        CellResult(design, rests[design.cell.name], [result for result in arcs if result.arc.cell == design.cell.name])
        if design.cell.flipflop is None
        else characterize_flipflop(bench, design, workers)
        for design in designs
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--workers", type=int, default=1, help="ngspice processes at once")
    parser.add_argument("--corner", nargs="*", default=[], metavar="NAME", help="such as ss_n40C_0v60; all of corners.toml unless given")
    parser.add_argument("--cells", nargs="*", default=[], metavar="CELL", help="all of cells.toml unless given")
    parser.add_argument("--rounded", type=float, metavar="PART", help="drive inputs by a ramp behind an RC of so many ramps; gates only")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for lib/ and hspice/")
    parser.add_argument("--program", default="ngspice", help="the simulator")
    options = parser.parse_args()
    try:
        plan = tomllib.loads((HERE / "corners.toml").read_text(encoding="utf-8"))
        corners = [Corner.parse(name) for name in options.corner or plan["corners"]]
        measured = {Corner.parse(name) for name in plan["measure_files"]}
        designs = read_cells(HERE / "cells.toml")
        strange = sorted({*options.cells} - {design.cell.name for design in designs})
        if strange:
            raise UserError(f"no cell {strange[0]!r} in {HERE / 'cells.toml'}")
        wave = None if options.rounded is None else Waveform.rounded(options.rounded)
        (options.out / "lib").mkdir(parents=True, exist_ok=True)
        for corner in corners:
            target = options.out / "lib" / f"hkmg22_{corner.name}.lib"
            there = liberty_text.read_cells(target) if target.exists() else {}
            if there and ("normalized_driver_waveform" in target.read_text(encoding="utf-8")) != (wave is not None):
                raise UserError(f"{target} was characterized with another waveform; name another folder with --out")
            wanted = options.cells or [design.cell.name for design in designs]
            missing = [design for design in designs if design.cell.name in wanted and design.cell.name not in there]
            if not missing:
                print(f"{corner}: there already")
                continue
            began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            results = characterize(corner, missing, NgspiceSettings(program=options.program, wave=wave), options.workers)
            if corner in measured:
                measure_files.write(options.out / "hspice" / corner.name, corner, results)
            texts = there | {result.design.cell.name: liberty_text.cell_text(result, wave) for result in results}
            liberty_text.write(target, corner, [texts[one.cell.name] for one in designs if one.cell.name in texts], wave)
            used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - used
            print(f"{corner}: {time.monotonic() - began:.0f} s, {used:.0f} s of CPU", flush=True)
    except EdaPluginError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
