"""How exact the committed libraries are: a sample of their values against a simulation with far smaller steps.

    python examples/hkmg22/accuracy.py [--corner NAME ...] [--points 60]

Prints mean, 95th percentile and largest difference in percent (delays below 5 ps count as 5 ps), of delays and of transitions.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from designs import read_cells

from eda_plugin.adapters import liberty
from eda_plugin.adapters.ngspice import NgspiceSettings, simulate
from eda_plugin.domain import Corner, Points, timing_quantities

HERE = Path(__file__).parent
FINE = NgspiceSettings(options=("reltol=1e-6", "trtol=0.1", "chgtol=1e-20", "abstol=1e-15", "vntol=1e-8"))
FLOOR = 5e-12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--corner", nargs="*", default=["tt_025C_0v80", "ss_n40C_0v60", "ff_125C_0v88"], metavar="NAME")
    parser.add_argument("--points", type=int, default=60, help="sample of each corner")
    options = parser.parse_args()
    cells = [design.cell for design in read_cells(HERE / "cells.toml")]
    for name in options.corner:
        library = liberty.read(HERE / "lib" / f"hkmg22_{name}.lib")
        tables = [table for table in library if table.key.quantity in ("cell_rise", "cell_fall")]
        draw = np.random.default_rng(0)
        arcs, edges, index, known = [], [], [], []
        for place in draw.integers(len(tables), size=options.points):
            table = tables[place]
            edge = table.key.quantity.removeprefix("cell_")
            i, j = (int(draw.integers(len(axis))) for axis in table.axes)
            partner = library[table.key._replace(quantity=timing_quantities(edge)[1])]
            arcs.append(table.key.arc)
            edges.append(edge)
            index.append((table.axes[0].values[i], table.axes[1].values[j]))
            known.append((table.values[i, j], partner.values[i, j]))
        found = simulate(
            Points.plan(tuple(arcs), tuple(edges), np.array(index)),
            corner=Corner.parse(name),
            netlists=HERE / "cells.sp",
            models=HERE / "models.sp",
            cells=cells,
            settings=FINE,
        ).points
        for column, (what, fine) in enumerate((("delay", found.delay), ("transition", found.transition))):
            error = 100 * np.abs(np.array(known)[:, column] - fine) / np.maximum(np.abs(fine), FLOOR)
            print(f"{name} {what}: mean {error.mean():.3f} %, p95 {np.percentile(error, 95):.3f} %, largest {error.max():.3f} %")


if __name__ == "__main__":
    main()
