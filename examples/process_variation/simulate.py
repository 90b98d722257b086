"""Simulate the rows of the study with ngspice; a run that was stopped goes on where it was.

    python examples/process_variation/simulate.py [--rows 1000] [--unseen 300] [--cells NAME ...] [--workers 2] [--kept DIR]
    [--measures DIR]

Rows already in data/ or DIR (out/process_variation) are not simulated again. The first thousand rows of each cell, and the rows that
no model
learns from, are written to data/; more (--rows 5000) stay in DIR, where `eda-plugin study --kept DIR` finds them. --measures writes
the rows
in HSPICE's Monte Carlo measure format too.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from eda_plugin.errors import EdaPluginError
from eda_plugin.flow.study_rows import UNSEEN, RowStore, write_measured_rows, write_rows

HERE = Path(__file__).parent
COMMITTED = 1000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=COMMITTED)
    parser.add_argument("--unseen", type=int, default=300)
    parser.add_argument("--cells", nargs="+")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--kept", type=Path, default=Path("out/process_variation"))
    parser.add_argument("--measures", type=Path)
    options = parser.parse_args()
    store = RowStore(HERE, options.kept)
    for cell in options.cells or store.cells:
        begin = time.monotonic()
        numbers = [*range(options.rows), *range(UNSEEN, UNSEEN + options.unseen)]
        rows = store.rows(cell, numbers, workers=options.workers)
        (HERE / "data").mkdir(exist_ok=True)
        write_rows(rows.taken((rows.numbers < COMMITTED) | (rows.numbers >= UNSEEN)), HERE / "data" / f"{cell}.parquet")
        if options.measures:
            options.measures.mkdir(parents=True, exist_ok=True)
            write_measured_rows(rows, options.measures / f"{cell}.mt0.gz", f"{cell}: rows of process variation")
        print(f"{cell}: {len(rows)} rows, {time.monotonic() - begin:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EdaPluginError as error:
        sys.exit(f"error: {error}")
