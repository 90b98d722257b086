"""Close a corner of this folder with ngspice, and compare it with the library that was simulated in full.

    python examples/hkmg22/close.py [--corner ss_n40C_0v72 ...] [--budget 5%] [--rounds 3] [--until p99=1.5%]

The corner's own library gives nothing but its structure and axes; the anchors are all others. Prints what each round cost, the errors
against the full simulation, and the calls of the simulator as the journal has them and as a wrapper around ngspice counted them. Ends
with status 1 where the p99 error of the timing is 2 % or more, or the counts differ.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import eda_plugin as ep

HERE = Path(__file__).resolve().parent
BAR = 2.0  # per cent, p99


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corner", nargs="*", default=["ss_n40C_0v72"], metavar="NAME")
    parser.add_argument("--budget", default="5%")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--until", default="p99=1.5%")
    parser.add_argument("--jobs", type=int, default=0, help="ngspice processes at once (default: one a core)")
    parser.add_argument("-o", "--output", type=Path, default=Path("out/close"))
    options = parser.parse_args()
    libraries = {library.corner.name: library for library in ep.read(HERE / "lib")}
    passed = True
    for name in options.corner:
        folder = options.output / name
        shutil.rmtree(folder, ignore_errors=True)  # an old journal would answer in the simulator's place
        folder.mkdir(parents=True)
        counted = folder.resolve() / "calls"
        simulation = ep.SimulationSettings(
            HERE / "cells.sp",
            HERE / "models.sp",
            command=f"sh -c 'echo call >>{counted}; exec ngspice -b {{deck}}'",
            jobs=options.jobs,
            work=folder / "work",
        )
        truth = libraries[name]
        anchors = [library for library in libraries.values() if library is not truth]
        closed = ep.close(
            anchors, name, simulation, template=truth, budget=options.budget, rounds=options.rounds, until=options.until, tell=show
        )
        closed.write(folder / f"hkmg22_{name}.lib", measured=folder / "measured.csv", failures=folder / "failures.csv")
        calls, journal, last = len(counted.read_text().split()), closed.rounds[-1].journal_calls, closed.rounds[-1]
        error = ep.compare(closed.result.library, truth).groups["timing"]
        print(
            f"{name}: {last.spent} of {last.total} simulations ({last.spent / last.total:.2%}), {len(closed.failures)} failed; timing off "
            f"by {error.mape_pct:.3f} % in the mean, p99 {error.p99_pct:.3f} %, at most {error.max_pct:.2f} %; "
            f"simulator called {calls} times, {journal} by the journal"
        )
        passed &= error.p99_pct < BAR and calls == journal and not closed.failures
    return 0 if passed else 1


def show(one: ep.Round) -> None:
    """What a round cost and what is still uncertain."""
    widths = ", ".join(f"{name} {width:.2%}" for name, width in one.widths.items())
    print(
        f"  round {one.number}: {one.asked} simulations ({one.spent} in all), {one.simulate_seconds:.0f} s, fill {one.fill_seconds:.0f} s; "
        f"half-widths {widths}; {one.open_share:.1%} still too wide",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
