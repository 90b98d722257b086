"""Baselines of variation tables: what a flow would do with the same simulated rows without the conditional model.

Each gives times (m, o) of virtual rows at one point of the table, or draws of its own; ``across`` of them learn from the rows of the whole
table, the others from those of the point alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eda_plugin.models.rows.kernel import KernelSettings, fit_process
from eda_plugin.models.rows.variation import TableRows

__all__ = ["BASELINES", "Baseline", "Relative"]

Floats = NDArray[np.float64]
Relative = Callable[[Floats, Floats], Floats]
"""Logarithms of times over nominal (m, o) of virtual parameters (m, k) at a condition (f,)."""
_PLAIN = KernelSettings(polynomial=False, directions=0, subset=300, steps=100)
_MOST = 900  # rows of a Gaussian process: its cost grows with their cube
_RIDGES = np.geomspace(1e-4, 1e4, 17)


@dataclass(frozen=True)
class Baseline:
    """``fit(rows, seed)`` learns from rows; ``across`` says of which."""

    name: str
    across: bool
    fit: Callable[[TableRows, int], Relative]


def _terms(parameters: Floats, conditions: Floats) -> tuple[Floats, Floats]:
    """Terms that are fitted freely (a constant, the parameters, and how both vary with the conditions), and those of second order in the
    parameters, of which fifty rows cannot tell all."""
    one = np.ones((len(parameters), 1))
    first, second = np.triu_indices(conditions.shape[1])
    free = np.hstack([one, conditions, conditions[:, first] * conditions[:, second], parameters])
    free = np.hstack([free, *(parameters * conditions[:, [place]] for place in range(conditions.shape[1]))])
    first, second = np.triu_indices(parameters.shape[1])
    return free, parameters[:, first] * parameters[:, second]


def _surface(parameters: Floats, conditions: Floats, y: Floats) -> Relative:
    """Least squares in the free terms, ridge in those of second order: the penalty that leaves least over where a row is left out."""
    free, second = _terms(parameters, conditions)
    base, _ = np.linalg.qr(free)
    rest, off = second - base @ (base.T @ second), y - base @ (base.T @ y)
    left, values, right = np.linalg.svd(rest, full_matrices=False)
    used = (base**2).sum(axis=1)
    scores, fits = [], []
    for penalty in _RIDGES * values[0] ** 2:
        shrunk = values**2 / (values**2 + penalty)
        hat = used + np.einsum("ij,j->i", left**2, shrunk)
        scores.append((((off - (left * shrunk) @ (left.T @ off)) / np.maximum(1 - hat, 1e-3)[:, None]) ** 2).mean(axis=0))
        fits.append(right.T @ ((values / (values**2 + penalty))[:, None] * (left.T @ off)))
    best = np.argmin(np.array(scores), axis=0)
    bent = np.stack([fits[chosen][:, place] for place, chosen in enumerate(best)], axis=1)
    straight = np.linalg.lstsq(free, y - second @ bent, rcond=None)[0]

    def predicted(virtual: Floats, here: Floats) -> Floats:
        own, others = _terms(virtual, np.tile(here, (len(virtual), 1)))
        return np.asarray(own @ straight + others @ bent)

    return predicted


def _quadratic(rows: TableRows, seed: int) -> Relative:  # noqa: ARG001 - one signature for all
    alone = _surface(rows.parameters, np.zeros((len(rows.parameters), 0)), rows.relative)
    return lambda virtual, _: alone(virtual, np.zeros(0))


def _quadratic_across(rows: TableRows, seed: int) -> Relative:  # noqa: ARG001 - one signature for all
    return _surface(rows.parameters, rows.conditions, rows.relative)


def _gaussian_process(rows: TableRows, seed: int) -> Relative:
    process = fit_process(rows.parameters, rows.relative, seed=seed, settings=_PLAIN)
    return lambda virtual, _: process.predict(virtual)[0]


def _gaussian_process_across(rows: TableRows, seed: int) -> Relative:
    chosen = np.sort(np.random.default_rng(seed).permutation(len(rows.times))[:_MOST])
    rows = rows.taken(chosen)
    process = fit_process(np.hstack([rows.parameters, rows.conditions]), rows.relative, seed=seed, settings=_PLAIN)
    return lambda virtual, here: process.predict(np.hstack([virtual, np.tile(here, (len(virtual), 1))]))[0]


def _joint_gaussian(rows: TableRows, seed: int) -> Relative:
    """The Gaussian of parameters and logarithms together, conditioned on the parameters: a regression with what it leaves over."""
    y = rows.relative
    terms = np.hstack([np.ones((len(y), 1)), rows.parameters])
    coefficients = np.linalg.lstsq(terms, y, rcond=None)[0]
    left = (y - terms @ coefficients).std(axis=0) * np.sqrt(len(y) / max(len(y) - terms.shape[1], 1))

    def times(virtual: Floats, _: Floats) -> Floats:
        mean = np.hstack([np.ones((len(virtual), 1)), virtual]) @ coefficients
        return np.asarray(mean + left * np.random.default_rng(seed).standard_normal(mean.shape))

    return times


BASELINES = (
    Baseline("quadratic surface", False, _quadratic),
    Baseline("quadratic surface, whole table", True, _quadratic_across),
    Baseline("Gaussian process", False, _gaussian_process),
    Baseline("Gaussian process, whole table", True, _gaussian_process_across),
    Baseline("joint Gaussian", False, _joint_gaussian),
)
