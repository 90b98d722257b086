"""Errors, intervals and sample quality, each as a plain function of arrays.

Every vectorised routine here has a slow, obvious twin in tests/test_qa_metrics.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eda_plugin.errors import UserError

__all__ = ["TIME_FLOOR", "coverage", "crps", "floor_of", "interval_width", "relative_error"]

TIME_FLOOR = 20e-12  # s: below it a relative error of a delay says nothing
_SHARES = {"power": 0.1, "capacitance": 0.1, "leakage": 1e-3}

Floats = NDArray[np.float64]


def floor_of(group: str, truth: Floats) -> float:
    """Smallest magnitude that relative errors of a group are taken of, SI units.

    Timing, constraints and their variation: 20 ps. Power and capacitance: a tenth of the median magnitude of ``truth`` (any shape);
    leakage, which spans decades: a thousandth. Anything else: the smallest positive float, that is none.
    """
    if group in ("timing", "constraint", "variation"):
        return TIME_FLOOR
    magnitude = np.abs(truth[np.isfinite(truth)])
    if group in _SHARES and len(magnitude):
        return max(_SHARES[group] * float(np.median(magnitude)), float(np.finfo(np.float64).tiny))
    return float(np.finfo(np.float64).tiny)


def relative_error(found: Floats, truth: Floats, floor: float) -> Floats:
    """abs(found - truth) / max(abs(truth), floor), elementwise; shapes broadcast."""
    error: Floats = np.abs(found - truth) / np.maximum(np.abs(truth), floor)
    return error


def coverage(lower: Floats, upper: Floats, truth: Floats) -> float:
    """Share of ``truth`` within its interval, ends included, among the values whose three numbers are all known; NaN where none is."""
    known = np.isfinite(lower) & np.isfinite(upper) & np.isfinite(truth)
    if not known.any():
        return float("nan")
    return float(((lower <= truth) & (truth <= upper))[known].mean())


def interval_width(lower: Floats, upper: Floats, truth: Floats, floor: float) -> float:
    """Mean of (upper - lower) / max(abs(truth), floor) among the known; NaN where none is."""
    known = np.isfinite(lower) & np.isfinite(upper) & np.isfinite(truth)
    if not known.any():
        return float("nan")
    return float(((upper - lower)[known] / np.maximum(np.abs(truth[known]), floor)).mean())


def crps(samples: Floats, truth: Floats) -> Floats:
    """Continuous ranked probability score of samples (n, ...) against truth (...), in the unit of both; smaller is better.

    The estimator for an ensemble, E abs(X - y) - E abs(X - X') / 2 with the mean over pairs of different members (fair CRPS; Ferro, QJRMS
    140, 2014), which does not reward an ensemble for being small. The pairs' mean is taken from the sorted samples in O(n log n).
    """
    n = len(samples)
    if n < 2:
        raise UserError(f"crps of {n} samples; it takes two or more")
    ordered = np.sort(samples, axis=0)
    weight = (2 * np.arange(1, n + 1) - n - 1).reshape(n, *([1] * (samples.ndim - 1)))
    spread = (weight * ordered).sum(axis=0) / (n * (n - 1))
    score: Floats = np.abs(samples - truth).mean(axis=0) - spread
    return score
