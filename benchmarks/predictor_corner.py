"""A predictor at a corner that nobody characterized: learnt from the corner's filled library, and interpolated without it.

    python benchmarks/predictor_corner.py FOLDER --target P,V,T --filled FILLED.lib

FOLDER holds one Liberty file a corner, the target's among them: that is the truth, and nothing is learnt from it. FILLED.lib is what
`eda-plugin fill` made of the other corners. Prints the mean error of delays and transitions over max(|truth|, 20 ps).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import eda_plugin as ep
from eda_plugin.adapters import liberty
from eda_plugin.domain import Corner, Library, timing_quantities
from eda_plugin.models.gbr import train_predictor

FLOOR = 20e-12
SLEW = "input_net_transition"
EDGES = {timing_quantities(edge)[0]: edge for edge in ("rise", "fall")}


def error_pct(libraries: list[Library], truth: Library) -> float:
    """Mean error at the truth's corner of a predictor that learns ``libraries``."""
    predictor = train_predictor(libraries)
    arcs, edges, slew, load, delay, transition = [], [], [], [], [], []
    tables = {(key.arc, key.quantity): table for key, table in zip(truth.keys, truth, strict=True) if key.nth == 0}
    for (arc, quantity), table in tables.items():
        edge = EDGES.get(quantity)
        other = None if edge is None else tables.get((arc, timing_quantities(edge)[1]))
        if (
            edge is None
            or other is None
            or table.axes[0].variable != SLEW
            or table.values.ndim != 2
            or table.values.shape != other.values.shape
        ):
            continue
        grid = np.meshgrid(*(axis.values for axis in table.axes), indexing="ij")
        arcs += [arc] * table.values.size
        edges += [edge] * table.values.size
        for column, values in zip((slew, load, delay, transition), (*grid, table.values, other.values), strict=True):
            column.append(values.ravel())
    found = predictor.predict(arcs, edges, np.concatenate(slew), np.concatenate(load), truth.corner)
    guess, true = np.concatenate([found.delay, found.transition]), np.concatenate([*delay, *transition])
    return 100 * float(np.nanmean(np.abs(guess - true) / np.maximum(np.abs(true), FLOOR)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--target", required=True)
    parser.add_argument("--filled", type=Path, required=True)
    options = parser.parse_args()
    target = Corner.parse(options.target)
    libraries = ep.read(options.folder)
    truth = next(library for library in libraries if library.corner == target)
    others = [library for library in libraries if library.corner != target]
    filled = liberty.read(options.filled, corner=target, cache=False)
    print(f"{target}: learnt from the filled library {error_pct([*others, filled], truth):.2f} %", flush=True)
    print(f"{target}: interpolated {error_pct(others, truth):.2f} %", flush=True)


if __name__ == "__main__":
    main()
