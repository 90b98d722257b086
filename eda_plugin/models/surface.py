"""Smooth surfaces through tables with holes: one polynomial a table, its coefficients shrunk to what all tables have in common.

Empirical Bayes (Efron and Morris): the coefficients, each table's scaled to size one, are draws of one Gaussian whose mean and covariance
are learnt from all tables by expectation maximization; a table's own values then give its posterior mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain.predictor import chebyshev

__all__ = ["POWERS", "Tables", "basis", "fit_surfaces", "surface_values"]

Floats = NDArray[np.float64]
POWERS = np.array([(i, j) for i in range(6) for j in range(6) if i + j <= 6], dtype=np.int32)
_CHUNK = 2048


@dataclass(frozen=True, eq=False)
class Tables:
    """t tables of up to p points: ``u``, ``v`` coordinates and ``y`` values (s), each (t, p), NaN where there is no value; ``floor`` (t,)
    s: the size below which errors count absolutely."""

    u: Floats
    v: Floats
    y: Floats
    floor: Floats


def basis(u: Floats, v: Floats, powers: NDArray[np.int32] = POWERS) -> Floats:
    """(..., K) products of Chebyshev polynomials of the degrees ``powers``."""
    i, j = powers.T
    return np.asarray(chebyshev(u, max(int(i.max()), 1))[0][..., i] * chebyshev(v, max(int(j.max()), 1))[0][..., j])


def surface_values(tables: Tables, coefficients: Floats) -> Floats:
    """(t, p) the surfaces at the tables' points."""
    parts = [slice(begin, begin + _CHUNK) for begin in range(0, len(tables.y), _CHUNK)]
    return np.concatenate([(basis(tables.u[part], tables.v[part]) @ coefficients[part, :, None])[..., 0] for part in parts])


def fit_surfaces(tables: Tables, use: NDArray[np.bool_], powers: NDArray[np.int32] = POWERS, rounds: int = 6) -> tuple[Floats, Floats]:
    """Coefficients (t, K) in s, from the values in ``use`` (t, p), errors counting relative to max(|y|, floor); and what each used value
    would be without itself (t, p), by the leverage of a linear smoother, NaN elsewhere.

    The Gaussian is learnt from at most 2,048 tables, spread evenly. A table without any used value gets coefficients of 0.
    """
    count, K = use.shape[0], len(powers)
    held = np.flatnonzero(use.any(axis=1))
    coefficients, without = np.zeros((count, K)), np.full(use.shape, np.nan)
    if not len(held):
        return coefficients, without
    sample = held[np.unique(np.linspace(0, len(held) - 1, min(len(held), _CHUNK)).astype(np.int64))]
    law = _law(*_normal(tables, use, powers, sample)[:4], rounds)
    for begin in range(0, len(held), _CHUNK):
        rows = held[begin : begin + _CHUNK]
        gram, right, _, _, size, design = _normal(tables, use, powers, rows)
        inverse = np.linalg.inv(gram / law.noise + law.precision)
        z = (inverse @ (right / law.noise + law.precision @ law.centre)[..., None])[..., 0]
        coefficients[rows] = z * size[:, None]
        scaled = design * size[:, None, None]
        lever = np.einsum("tpk,tpk->tp", scaled @ inverse, scaled) / law.noise
        seen, target = (scaled @ z[..., None])[..., 0], _weighted(tables, use, rows)
        weight = np.maximum(np.abs(tables.y[rows]), tables.floor[rows, None])
        rest = (target - seen) / np.maximum(1 - lever, 1e-3)
        without[rows] = np.where(use[rows], tables.y[rows] - rest * weight, np.nan)
    return coefficients, without


@dataclass(frozen=True, eq=False)
class _Law:
    """What all tables have in common: ``centre`` (K,) and ``precision`` (K, K) of the coefficients, ``noise`` (relative, squared)."""

    centre: Floats
    precision: Floats
    noise: float


def _weighted(tables: Tables, use: NDArray[np.bool_], rows: NDArray[np.int64]) -> Floats:
    """(r, p) values relative to max(|y|, floor), 0 where unused."""
    y = np.where(use[rows], tables.y[rows], 0.0)
    return np.asarray(y / np.maximum(np.abs(y), tables.floor[rows, None]))


def _normal(
    tables: Tables, use: NDArray[np.bool_], powers: NDArray[np.int32], rows: NDArray[np.int64]
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """Normal equations of the tables in ``rows``: gram (r, K, K) and right side (r, K) in units of size, power (r,), points (r,),
    size (r,), and the weighted design (r, p, K)."""
    part = use[rows]
    y = _weighted(tables, use, rows)
    weight = part / np.maximum(np.abs(np.where(part, tables.y[rows], 0.0)), tables.floor[rows, None])
    design = basis(np.where(part, tables.u[rows], 0.0), np.where(part, tables.v[rows], 0.0), powers) * weight[..., None]
    gram = design.transpose(0, 2, 1) @ design
    # In units of size: coefficients of all tables then are about as large.
    size = 1 / np.sqrt(np.maximum(np.einsum("tkk->t", gram) / len(powers), np.finfo(float).tiny))
    right = np.einsum("tpk,tp->tk", design, y) * size[:, None]
    return gram * (size**2)[:, None, None], right, (y**2).sum(axis=1), part.sum(axis=1).astype(np.float64), size, design


def _law(gram: Floats, right: Floats, power: Floats, points: Floats, rounds: int) -> _Law:
    """Expectation maximization over tables."""
    count, K = right.shape
    z = np.linalg.solve(gram + 1e-3 * np.eye(K), right[..., None])[..., 0]
    spread = np.zeros((K, K))
    for _ in range(rounds):
        centre = z.mean(axis=0)
        off = z - centre
        # A few tables do not tell a covariance: K more, of independent coefficients, are taken to have been seen.
        total = off.T @ off + count * spread
        covariance = (total + np.eye(K) * max(np.trace(total) / count, 0.01)) / (count + K)
        precision = np.linalg.inv(covariance + 1e-10 * np.eye(K) * np.trace(covariance) / K)
        rest = (power - 2 * np.einsum("tk,tk->t", z, right) + np.einsum("tk,tkl,tl->t", z, gram, z)) / points
        noise = max(float(np.median(rest)), 1e-8)  # the median: some tables have kinks that no smooth surface follows
        inverse = np.linalg.inv(gram / noise + precision)
        z = (inverse @ (right / noise + precision @ centre)[..., None])[..., 0]
        spread = inverse.mean(axis=0)
    return _Law(centre, precision, noise)
