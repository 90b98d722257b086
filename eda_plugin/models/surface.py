"""Smooth surfaces through tables with holes: one polynomial a table, its coefficients shrunk to what all tables have in common.

Empirical Bayes (Efron and Morris): the coefficients, each table's scaled to size one, are draws of one Gaussian whose mean and covariance
are learnt from all tables by expectation maximization; a table's own values then give its posterior mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain.predictor import chebyshev

__all__ = ["Tables", "basis", "fit_surfaces", "surface_values"]

Floats = NDArray[np.float64]
POWERS = np.array([(i, j) for i in range(5) for j in range(5) if i + j <= 5], dtype=np.int32)
_CHUNK = 4096


@dataclass(frozen=True, eq=False)
class Tables:
    """t tables of up to p points: ``u``, ``v`` coordinates and ``y`` values (s), each (t, p), NaN where there is no value; ``floor`` (t,)
    s: the size below which errors count absolutely."""

    u: Floats
    v: Floats
    y: Floats
    floor: Floats


def basis(u: Floats, v: Floats) -> Floats:
    """(..., K) products of Chebyshev polynomials of the degrees ``POWERS``."""
    i, j = POWERS.T
    return np.asarray(chebyshev(u, int(i.max()))[0][..., i] * chebyshev(v, int(j.max()))[0][..., j])


def surface_values(tables: Tables, coefficients: Floats) -> Floats:
    """(t, p) the surfaces at the tables' points."""
    parts = [slice(begin, begin + _CHUNK) for begin in range(0, len(tables.y), _CHUNK)]
    return np.concatenate([np.einsum("tpk,tk->tp", basis(tables.u[part], tables.v[part]), coefficients[part]) for part in parts])


def fit_surfaces(tables: Tables, use: NDArray[np.bool_], rounds: int = 6) -> Floats:
    """Coefficients (t, K) in s, from the values in ``use`` (t, p); errors count relative to max(|y|, floor).

    A table without any used value gets the common mean of size zero: its coefficients are 0.
    """
    count, K = len(tables.y), len(POWERS)
    held: NDArray[np.bool_] = np.asarray(use.any(axis=1))
    if not held.any():
        return np.zeros((count, K))
    gram, right, power = np.empty((count, K, K)), np.empty((count, K)), np.empty(count)
    for begin in range(0, count, _CHUNK):
        part = slice(begin, begin + _CHUNK)
        y = np.where(use[part], tables.y[part], 0.0)
        weight = use[part] / np.maximum(np.abs(y), tables.floor[part, None])
        design = basis(np.where(use[part], tables.u[part], 0.0), np.where(use[part], tables.v[part], 0.0)) * weight[..., None]
        gram[part] = design.transpose(0, 2, 1) @ design
        right[part] = np.einsum("tpk,tp->tk", design, y * weight)
        power[part] = ((y * weight) ** 2).sum(axis=1)
    # In units of size: coefficients of all tables then are about as large.
    size = 1 / np.sqrt(np.maximum(np.einsum("tkk->t", gram) / K, np.finfo(float).tiny))
    gram *= (size**2)[:, None, None]
    right *= size[:, None]
    points = np.maximum(use.sum(axis=1), 1)
    z = np.linalg.solve(gram + 1e-3 * np.eye(K), right[..., None])[..., 0]
    spread = np.zeros((K, K))
    for _ in range(rounds):
        centre = z[held].mean(axis=0)
        off = z[held] - centre
        # A few tables do not tell a covariance: K more, of independent coefficients, are taken to have been seen.
        total = off.T @ off + held.sum() * spread
        covariance = (total + np.eye(K) * max(np.trace(total) / held.sum(), 0.01)) / (held.sum() + K)
        precision = np.linalg.inv(covariance + 1e-10 * np.eye(K) * np.trace(covariance) / K)
        rest = (power - 2 * np.einsum("tk,tk->t", z, right) + np.einsum("tk,tkl,tl->t", z, gram, z))[held] / points[held]
        noise = max(float(np.median(rest)), 1e-8)  # the median: some tables have kinks that no smooth surface follows
        inverse = np.linalg.inv(gram / noise + precision)
        z = np.einsum("tkl,tl->tk", inverse, right / noise + precision @ centre)
        spread = inverse[held].mean(axis=0)
    return np.where(held[:, None], z * size[:, None], 0.0)
