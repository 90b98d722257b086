"""What of a filled corner's error is left when every other value of the corner is known: roughness that no plan of simulations takes away.

    python benchmarks/floor.py FILLED.lib TRUTH.lib

What the fill gets wrong at each delay and transition is kriged from what it gets wrong at all others: those of the same table, and of the
same arc and pin in cells that are alike (models/relatives.py); also from a random half of the others. Prints mean error over
max(|truth|, 20 ps) and its 99th percentile, in per cent.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters import liberty
from eda_plugin.data.dataset import align
from eda_plugin.models.features import timing_points
from eda_plugin.models.relatives import among_relatives, learn_kinship
from eda_plugin.qa.metrics import TIME_FLOOR, relative_error


def told(found: NDArray[np.float64], truth: NDArray[np.float64]) -> str:
    shares = 100 * relative_error(found, truth, TIME_FLOOR)
    return f"{shares.mean():.3f} % (99 % of them below {np.quantile(shares, 0.99):.2f} %)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("filled", type=Path)
    parser.add_argument("truth", type=Path)
    options = parser.parse_args()
    truth = liberty.read(options.truth, cache=False)
    filled = liberty.read(options.filled, corner=truth.corner, cache=False)
    aligned = align([filled], truth, truth.corner)
    points, _ = timing_points(aligned)
    y, columns = aligned.known[points.flat], np.zeros(1, dtype=np.int64)
    known = np.flatnonzero(np.isfinite(y))
    found = points.anchors[known, 0]
    unit = np.maximum(np.abs(found), TIME_FLOOR)
    print(f"{truth.corner}: filled, off by {told(found, y[known])}", flush=True)
    share = (y[known] - found) / unit
    if not share.any():
        raise SystemExit(
            f"{options.filled} and {options.truth} hold the same delays and transitions; expected a filled library and its truth"
        )
    scale = 1.5 * float(np.median(np.abs(share[share != 0])))
    residual, certain = np.clip(share / scale, -20, 20), np.ones(len(known))
    for part in (0.5, 1.0):
        some = np.sort(np.random.default_rng(0).permutation(len(known))[: int(part * len(known))])
        kinship = learn_kinship(points, columns, known[some], residual[some], certain[some], seed=0)
        _, left = among_relatives(points, columns, known[some], residual[some], certain[some], known[:0], kinship)
        truly = y[known[some]]
        print(f"  each from all others of {100 * part:.0f} % of the values: {told(truly - left * scale * unit[some], truly)}", flush=True)


if __name__ == "__main__":
    main()
