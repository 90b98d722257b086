"""Two workers against one, in the same run: `characterize` with ngspice on the example library, `bench` with a look-up model.

    python benchmarks/farm_speed.py [--rounds 2] [--points 96] [--targets 4] [--cluster ADDRESS]

Each round runs both with one worker and with two, in turn, from nothing; the ratio is that of the medians. ``--cluster``: the address of a
Dask scheduler with two workers, whose tasks at once are limited to one and two. Prints the machine's load beside each; asserts nothing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

import eda_plugin as ep
from eda_plugin.domain import Arc, Points
from eda_plugin.farm import open_farm
from eda_plugin.flow import BenchSettings, SimulationSettings, bench
from eda_plugin.flow.characterizing import characterize

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "hkmg22"
CORNER = "tt_025C_0v80"


def plan(count: int) -> Points:
    """Delays of a NAND over slews and loads."""
    slews = np.linspace(2e-12, 6e-11, max(count // 8, 1))
    rows = [(edge, slew, load) for edge in ("rise", "fall") for slew in slews for load in (1e-16, 1e-15, 2e-15, 4e-15)]
    arcs = tuple(Arc("NAND2", "Y", "A", "combinational", "negative_unate") for _ in rows)
    return Points.plan(arcs, tuple(row[0] for row in rows), np.array([row[1:] for row in rows]))


def simulate(workers: int, session: ep.Session, points: Points, folder: Path) -> None:
    template = ep.read(EXAMPLE / "lib" / f"hkmg22_{CORNER}.lib")[0]
    settings = SimulationSettings(EXAMPLE / "cells.sp", EXAMPLE / "models.sp", jobs=workers, batch=8, work=folder)
    done = characterize(points, CORNER, settings, template=template, session=session)
    if done.failures:
        raise SystemExit(f"a simulation failed: {done.failures[0].reason}")


def score(workers: int, session: ep.Session, targets: int, folder: Path) -> None:
    corners = [library.corner for library in ep.read(EXAMPLE / "lib")][:targets]
    settings = BenchSettings(cases=("B",), models=("nearest",), targets=tuple(corners), workers=workers)
    result = bench([EXAMPLE / "lib"], folder, settings, session=session)
    if result.faults:
        raise SystemExit(result.faults[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--points", type=int, default=96)
    parser.add_argument("--targets", type=int, default=4)
    parser.add_argument("--cluster", default="local")
    options = parser.parse_args()
    points = plan(options.points)
    works: dict[str, Callable[[int, ep.Session, Path], None]] = {
        "characterize": lambda workers, session, folder: simulate(workers, session, points, folder),
        "bench": lambda workers, session, folder: score(workers, session, options.targets, folder),
    }
    base = ep.Session.load()
    ep.read(EXAMPLE / "lib")  # into the cache: reading is not what is measured
    for name, work in works.items():
        seconds: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(options.rounds):
            for workers in seconds:
                farm = open_farm(options.cluster, workers=workers)
                with tempfile.TemporaryDirectory() as folder:
                    load, begin = os.getloadavg()[0], time.monotonic()
                    work(workers, replace(base, farm=farm), Path(folder))
                    seconds[workers].append(time.monotonic() - begin)
                farm.close()
                print(f"{name}, {workers} worker(s): {seconds[workers][-1]:.1f} s (load before {load:.1f})", flush=True)
        one, two = (statistics.median(seconds[workers]) for workers in (1, 2))
        print(f"{name}: two workers are {one / two:.2f} times as fast as one", flush=True)


if __name__ == "__main__":
    main()
