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
from eda_plugin.data.oracle import answer
from eda_plugin.domain import Corner, Library
from eda_plugin.domain.quantity import DELAY
from eda_plugin.models.gbr import train_predictor
from eda_plugin.qa.metrics import TIME_FLOOR, relative_error
from eda_plugin.qa.refusal import refused_points


def error_pct(libraries: list[Library], truth: Library) -> float:
    """Mean error at the truth's corner of a predictor that learns ``libraries``."""
    predictor = train_predictor(libraries)
    tables = [key.quantity in DELAY and not key.nth for key in truth.keys] & (truth.axis[:, 1] >= 0)
    asked = answer(refused_points(truth, np.repeat(tables, np.diff(truth.start))), truth)
    found = predictor.predict(asked.arcs, asked.edges, *asked.index.T, truth.corner)
    guess, true = np.concatenate([found.delay, found.transition]), np.concatenate([asked.delay, asked.transition])
    return 100 * float(np.nanmean(relative_error(guess, true, TIME_FLOOR)))


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
