"""How well samples of whole tables tell what intervals of single values cannot: the worst error in a table, slopes, differences, sums.

A feature's 90 % interval goes from the second lowest to the second highest of 39 draws: if the truth is one more draw of the same kind, it
lies there in exactly 36 of 40 cases, whatever the distribution.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain import Library, TableKey
from eda_plugin.domain.quantity import DELAY
from eda_plugin.errors import UserError
from eda_plugin.qa.metrics import TIME_FLOOR, crps
from eda_plugin.qa.scores import CHAINS, LENGTH

__all__ = ["SAMPLES", "joint_scores"]

SAMPLES = 39
INSIDE = 2
"""Place of the interval's ends among the sorted draws, from 1."""
Array = NDArray[np.float64]


def joint_scores(samples: Mapping[TableKey, Array], filled: Library, truth: Library) -> dict[str, dict[str, float]]:
    """``coverage_pct`` of the 90 % interval and ``crps_pct`` of each feature: ``largest`` absolute error in a table, ``slope``: the rise
    from the table's smallest to its largest load, ``rise_fall``: difference of an arc's mean rise and fall delay, ``path``: sums of delays.

    ``samples``: ``SAMPLES`` draws of each table (n, ...), SI; ``filled`` holds their means, ``truth`` the true tables, on the same grids.
    The score (smaller is better) is a share of the table's mean, at least 20 ps. Tables that the truth lacks or that were simulated whole
    are left out. Raises ``UserError`` for another number of draws.
    """
    features: dict[str, list[tuple[Array, Array, float]]] = {"largest": [], "slope": [], "rise_fall": [], "path": []}
    known = {key: (drawn, filled[key].values, truth[key].values) for key, drawn in samples.items() if key in truth and key in filled}
    known = {
        key: (drawn, mean, true) for key, (drawn, mean, true) in known.items() if drawn.shape[1:] == true.shape and np.ptp(drawn, 0).any()
    }
    for key, (drawn, mean, true) in known.items():
        if len(drawn) != SAMPLES:
            raise UserError(f"{len(drawn)} draws of {key}; expected {SAMPLES}")
        size = max(float(np.abs(true).mean()), TIME_FLOOR)
        features["largest"].append((np.abs(drawn - mean).reshape(SAMPLES, -1).max(axis=1), np.abs(true - mean).max(), size))
        if true.ndim == 2:
            features["slope"].append(((drawn[..., -1] - drawn[..., 0]).mean(axis=1), (true[..., -1] - true[..., 0]).mean(), size))
        fall = key._replace(quantity=DELAY[1])
        if key.quantity == DELAY[0] and fall in known:
            features["rise_fall"].append((_mean(drawn) - _mean(known[fall][0]), np.asarray(true.mean() - known[fall][2].mean()), size))
    features["path"] = _paths({key: (drawn, true) for key, (drawn, _, true) in known.items() if key.quantity in DELAY})
    return {name: _scored(rows) for name, rows in features.items() if rows}


def _mean(drawn: Array) -> Array:
    return np.asarray(drawn.reshape(len(drawn), -1).mean(axis=1))


def _paths(delays: Mapping[TableKey, tuple[Array, Array]]) -> list[tuple[Array, Array, float]]:
    """Sums over random chains, the same in every run."""
    if not delays:
        return []
    tables = [(drawn.reshape(SAMPLES, -1), true.ravel()) for drawn, true in delays.values()]
    rng = np.random.default_rng(0)
    found = []
    for chain in rng.integers(len(tables), size=(CHAINS, LENGTH)).tolist():
        places = [int(rng.integers(tables[table][1].size)) for table in chain]
        drawn = np.sum([tables[table][0][:, place] for table, place in zip(chain, places, strict=True)], axis=0)
        true = np.sum([tables[table][1][place] for table, place in zip(chain, places, strict=True)])
        found.append((drawn, np.asarray(true), max(float(abs(true)), TIME_FLOOR)))
    return found


def _scored(rows: list[tuple[Array, Array, float]]) -> dict[str, float]:
    drawn = np.stack([row[0] / row[2] for row in rows], axis=1)
    true = np.array([float(row[1]) / row[2] for row in rows])
    ordered = np.sort(drawn, axis=0)
    held = (ordered[INSIDE - 1] <= true) & (true <= ordered[-INSIDE])
    return {"count": len(rows), "coverage_pct": float(100 * held.mean()), "crps_pct": float(100 * crps(drawn, true).mean())}
