"""How large the errors of a whole table are, apart from how they go together inside it.

The size, the root mean square of a table's whitened errors, varies by a factor of three from one table to the next that look alike: a
Gaussian of one covariance, and a network that learns errors of all sizes at once, give too small a largest error (on tables of two sky130
corners their 90 % intervals of it held 52 to 76 %, with drawn sizes 89 to 91 %). So the logarithm of the size is drawn first, around what
the table's condition says, and a vector of size one after it: a scale mixture (Andrews and Mallows, JRSS B 1974).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Sizes", "fit_sizes", "log_size", "of_size_one"]

Array = NDArray[np.float64]

SMALLEST = 1e-2
STRENGTH = 10.0
KEPT = 199
"""Quantiles of what the condition does not say: what draws are taken from."""


@dataclass(frozen=True, eq=False)
class Sizes:
    """``weight`` (1 + F,) of a linear law of the log size over F features; ``left`` (Q,) quantiles of what it leaves over."""

    weight: Array
    left: Array

    def draw(self, features: Array, count: int, seed: int) -> Array:
        """(count, T, 1) sizes of tables of ``features`` (T, F)."""
        expected = self.weight[0] + features @ self.weight[1:]
        drawn = np.random.default_rng([seed, 1]).choice(self.left, size=(count, len(features)))
        return np.asarray(np.exp(expected + drawn)[..., None], dtype=np.float64)


def log_size(vectors: Array) -> Array:
    """(T,) logarithm of the root mean square of each of ``vectors`` (T, P)."""
    return np.asarray(0.5 * np.log(np.maximum((vectors**2).mean(axis=1), SMALLEST**2)), dtype=np.float64)


def of_size_one(vectors: Array) -> Array:
    """``vectors`` (..., P), each divided by its root mean square."""
    return np.asarray(vectors / np.sqrt(np.maximum((vectors**2).mean(axis=-1, keepdims=True), SMALLEST**2)), dtype=np.float64)


def fit_sizes(features: Array, sizes: Array, rehearsal: NDArray[np.int64]) -> Sizes:
    """Ridge regression of the log ``sizes`` (T,) on ``features`` (T, F).

    ``rehearsal`` (T,): what is left over is of each one's tables by the others' law, so that it holds by how much a corner's sizes differ
    from what other corners say; of a single one, of each table without itself.
    """
    X = np.column_stack([np.ones(len(features)), features])
    penalty = STRENGTH * np.eye(X.shape[1])
    penalty[0, 0] = 1e-9

    def law(X: Array, sizes: Array) -> Array:
        return np.asarray(np.linalg.solve(X.T @ X + penalty, X.T @ sizes), dtype=np.float64)

    weight, numbers = law(X, sizes), np.unique(rehearsal)
    if len(numbers) > 1:
        left = np.empty(len(sizes))
        for number in numbers:
            own, rest = rehearsal == number, rehearsal != number
            left[own] = sizes[own] - X[own] @ law(X[rest], sizes[rest])
    else:
        lever = np.einsum("tf,ft->t", X, np.linalg.solve(X.T @ X + penalty, X.T))
        left = (sizes - X @ weight) / np.maximum(1.0 - lever, 0.1)
    return Sizes(weight, np.quantile(left, (np.arange(KEPT) + 0.5) / KEPT))
