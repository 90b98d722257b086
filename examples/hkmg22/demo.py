"""The main job on the libraries of this folder: two corners are left out, filled from the others, and compared with the simulated truth.

``python examples/hkmg22/demo.py`` or ``make demo``. The simulations that the plan asks for are looked up in the corner's true library: it
stands in for the simulator. Nothing else of it reaches the model but its structure and axes.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import eda_plugin as ep
from eda_plugin.domain import Library, Origin, Points, timing_quantities
from eda_plugin.domain.quantity import group_of

HERE = Path(__file__).resolve().parent
CORNERS = ("ss_n40C_0v72", "tt_025C_0v80")


def simulate(points: Points, truth: Library) -> Points:
    """Answer a plan from the true library."""
    answers = np.full((len(points), 2), np.nan)
    tables = {(key.arc, key.quantity): truth[key] for key in truth.keys if key.nth == 0}
    for row, (arc, edge) in enumerate(zip(points.arcs, points.edges, strict=True)):
        for column, quantity in enumerate(timing_quantities(edge)):
            table = tables[arc, quantity]
            place = tuple(int(np.abs(axis.values - x).argmin()) for axis, x in zip(table.axes, points.index[row], strict=True))
            answers[row, column] = table.values[place]
    return Points(points.arcs, points.edges, points.index, answers[:, 0], answers[:, 1], source="simulated")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corner", action="append", help=f"corner to leave out; may be repeated (default: {' and '.join(CORNERS)})")
    parser.add_argument("--budget", default="2%", help="simulations at each corner (default: 2%%)")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=Path("out/demo"))
    options = parser.parse_args()
    begin = time.monotonic()
    options.output.mkdir(parents=True, exist_ok=True)

    libraries = {library.corner.name: library for library in ep.read(HERE / "lib")}
    targets = options.corner or list(CORNERS)
    unknown = sorted(set(targets) - set(libraries))
    if unknown:
        parser.error(f"no library at the corner {unknown[0]}; there are {', '.join(libraries)}")
    anchors = [library for name, library in libraries.items() if name not in targets]
    print(f"read {len(libraries)} corners of {len(libraries[targets[0]])} tables; left out: {', '.join(targets)}")

    for name in targets:
        truth = libraries[name]
        plan = ep.plan(anchors, name, options.budget, template=truth, seed=options.seed)
        measured = simulate(plan.points, truth)
        settings = ep.FillSettings(model=options.model, seed=options.seed)
        result = ep.fill(anchors, name, template=truth, measured=measured, settings=settings)
        stem = options.output / result.library.name
        written = result.write(
            f"{stem}.lib", intervals=f"{stem}.intervals.csv", values=[f"{stem}.origin.parquet"], report=f"{stem}.report.md"
        )
        nearest = ep.fill(anchors, name, template=truth, settings=ep.FillSettings(model="nearest"))
        print(f"\n{name}: {len(plan.points)} of {plan.total} simulations ({plan.share:.1%}), {result.report['seconds']:.0f} s")
        report(result.library, nearest.library, truth)
        print("written: " + ", ".join(str(path) for path in written))
    print(f"\ndone in {time.monotonic() - begin:.0f} s; the libraries and what belongs to them lie in {options.output}")


def report(filled: Library, nearest: Library, truth: Library) -> None:
    """By group of quantities: mean error, that of the nearest corner's tables, and how many true values the 90 % intervals hold.

    ``filled`` has the tables of ``truth`` in their order, because that was its template.
    """
    ours, theirs = ep.compare(filled, truth), ep.compare(nearest, truth)
    groups = np.repeat([group_of(key.quantity) for key in filled.keys], np.diff(filled.start))
    model = np.isin(filled.origin, (Origin.FILLED, Origin.PREDICTED))
    none = np.full(len(groups), np.nan)
    lower, upper = (none if bound is None else bound for bound in (filled.lower, filled.upper))
    inside = (lower <= truth.values) & (truth.values <= upper)
    print(f"  {'':12} {'values':>7} {'mean error':>11} {'within 2 %':>11} {'in interval':>12} {'nearest corner':>15}")
    for group, stats in ours.groups.items():
        mine = model & (groups == group)
        if mine.any():
            covered, other = 100 * inside[mine].mean(), theirs.groups[group].mape_pct
            print(f"  {group:12} {stats.values:7} {stats.mape_pct:9.2f} % {stats.ok_pct:9.1f} % {covered:10.1f} % {other:13.2f} %")


if __name__ == "__main__":
    main()
