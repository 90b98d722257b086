"""Surfaces that a table lacks at a corner, from the corners that have it: what the other tables did on the way from there to here.

A table of a new cell is described by its surfaces at a few reference corners. Ridge on these, then a Gaussian process on its residual
(Matern 5/2 on principal components), both learnt from the tables that have all of these corners; where too few tables have them, the
corners' own kriging. A few single values at the corner itself then move the surface (a Gaussian update with the errors' covariance).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain import Corner
from eda_plugin.domain.predictor import corner_weights
from eda_plugin.models.surface import Tables, basis

__all__ = ["Completed", "complete"]

Floats = NDArray[np.float64]
_TEACHERS, _FEWEST, _COMPONENTS, _REACH, _NUGGET = 3000, 100, 24, 4.0, 0.03


@dataclass(frozen=True, eq=False)
class Completed:
    """``coefficients`` (n, C, K) s; ``trial``: rows, corner and coefficients (r, K) of tables completed though they have the corner."""

    coefficients: Floats
    trial: tuple[tuple[NDArray[np.int64], int, Floats], ...]


def complete(
    coefficients: Floats,
    present: NDArray[np.bool_],
    quantity: NDArray[np.int64],
    family: NDArray[np.int64],
    corners: Sequence[Corner],
    tables: Tables,
    powers: NDArray[np.int32],
) -> Completed:
    """Surfaces for all n tables at all C corners.

    ``coefficients`` (n, C, K) s of which those with ``present`` (n, C) hold; ``quantity`` and ``family`` (n,) numbers: tables of one family
    never judge each other; ``tables`` of n * C rows, whose finite values where not ``present`` are the single values that move a surface.
    """
    made, trial = coefficients.copy(), []
    n, C, _ = made.shape
    values = [part.reshape(n, C, -1) for part in (tables.u, tables.v, tables.y)]
    for pattern in np.unique(present, axis=0):
        if pattern.all() or not pattern.any():
            continue
        rows, source = np.flatnonzero((present == pattern).all(axis=1)), np.flatnonzero(pattern)
        for lacking in np.flatnonzero(~pattern).tolist():
            teachers = np.flatnonzero(present[:, source].all(axis=1) & present[:, lacking])
            teachers = teachers[np.unique(np.linspace(0, len(teachers) - 1, min(len(teachers), _TEACHERS)).astype(np.int64))]
            held = family[teachers] % 5 == 0
            known = made[:, source]
            if len(teachers) < _FEWEST or not 0 < held.sum() < len(teachers):
                made[rows, lacking] = _kriged(known[rows], corners[lacking], [corners[place] for place in source.tolist()])
                continue
            size = np.exp(np.log(np.maximum(np.linalg.norm(known, axis=2), np.finfo(float).tiny)).mean(axis=1))
            relative, target = known / size[:, None, None], made[:, lacking] / size[:, None]
            learn, judge = teachers[~held], teachers[held]
            guessed = _learnt(relative, size, quantity, learn, judge, target[learn])
            trial.append((judge, lacking, guessed * size[judge, None]))
            off = guessed - target[judge]
            found = _learnt(relative, size, quantity, teachers, rows, target[teachers]) * size[rows, None]
            made[rows, lacking] = _moved(found, off.T @ off / len(off), size[rows], [part[rows, lacking] for part in values], powers)
    return Completed(made, tuple(trial))


def _kriged(known: Floats, target: Corner, source: Sequence[Corner]) -> Floats:
    """Log size and shape apart, with weights of the corners alone: (r, S, K) to (r, K)."""
    weights = corner_weights(target, source)
    size = np.maximum(np.linalg.norm(known, axis=2), np.finfo(float).tiny)
    shape = np.einsum("c,rck->rk", weights, known / size[:, :, None])
    return np.asarray(shape * np.exp(np.log(size) @ weights)[:, None])


def _learnt(
    relative: Floats, size: Floats, quantity: NDArray[np.int64], teachers: NDArray[np.int64], rows: NDArray[np.int64], target: Floats
) -> Floats:
    """(r, K) relative coefficients at a corner of the tables in ``rows``, learnt from ``target`` of the tables in ``teachers``."""
    every = np.concatenate([teachers, rows])
    inputs = relative[every].reshape(len(every), -1)
    m, kinds = len(teachers), quantity[every]
    unit = np.linalg.norm(target, axis=1).mean()
    linear = np.concatenate([inputs, np.ones((len(every), 1))], axis=1)
    base = np.zeros((len(every), target.shape[1]))
    for kind in np.unique(kinds):
        own = kinds == kind
        A = linear[:m][own[:m]]
        base[own] = linear[own] @ np.linalg.solve(A.T @ A + 1e-4 * np.eye(A.shape[1]), A.T @ (target[own[:m]] / unit))
    sizes = np.log(np.maximum(np.linalg.norm(relative[every], axis=2), np.finfo(float).tiny))
    features = np.concatenate([inputs, np.log(size[every, None]), 3 * sizes, 0.3 * (kinds[:, None] == np.unique(kinds))], axis=1)
    features = features - features[:m].mean(axis=0)
    _, spread, axes = np.linalg.svd(features[:m], full_matrices=False)
    deviation = np.maximum(spread[:_COMPONENTS] / np.sqrt(m), 1e-2 * spread[0] / np.sqrt(m))
    Z = features @ axes[:_COMPONENTS].T / deviation
    kernel = _matern(Z[:m], Z[:m])
    kernel[np.diag_indices(m)] += _NUGGET
    rest = np.linalg.solve(kernel, target / unit - base[:m])
    return np.asarray((base[m:] + _matern(Z[m:], Z[:m]) @ rest) * unit)


def _matern(a: Floats, b: Floats) -> Floats:
    square = np.maximum((a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * a @ b.T, 0)
    far = np.sqrt(5 * square) / _REACH
    return np.asarray((1 + far + far**2 / 3) * np.exp(-far))


def _moved(
    found: Floats, covariance: Floats, size: Floats, values: Sequence[Floats], powers: NDArray[np.int32], noise: float = 3e-3
) -> Floats:
    """Surfaces (r, K) after the single values (each (r, p), NaN where none): ``covariance`` is that of relative coefficients."""
    moved = found.copy()
    for row, (u, v, y) in enumerate(zip(*values, strict=True)):
        at = np.flatnonzero(np.isfinite(y))
        if not len(at):
            continue
        design = basis(u[at], v[at], powers) * size[row]
        cross = covariance @ design.T
        spread = design @ cross + np.diag((noise * y[at]) ** 2 + np.finfo(float).tiny)
        gain = np.linalg.solve(spread, y[at] - design @ found[row] / size[row])
        moved[row] += cross @ gain * size[row]
    return moved
