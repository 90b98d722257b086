"""How a number of simulations is spread over tables, and over the places of their grids; and a library over parts.

A table gets in proportion to the error that is expected of it; inside the tables every place of the grid is asked equally often: always the
same place teaches nothing about the others, and more of the places where errors are large was measured to be no better.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["parts_of", "places_of", "turns_of"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]

LEAST, MOST = 0.1, 3.0
"""Bounds of an expected error, as a share of the mean: how wrong a table is, is not known so well."""


def parts_of(sizes: Array, count: int) -> Index:
    """(n,) number of the part, from 0, of each of n things of ``sizes`` (n,): neighbours go together, at most ``count`` parts of about one
    size, none empty."""
    ends = np.cumsum(sizes)
    middle = (ends - sizes / 2) * count / max(float(sizes.sum()), 1.0)
    part = np.minimum(middle.astype(np.int64), count - 1)
    return np.unique(part, return_inverse=True)[1].astype(np.int64)  # something larger than a part leaves one empty


def turns_of(expected: Array, sizes: Index, count: int, rng: np.random.Generator) -> Index:
    """(n,) simulations in each table, ``count`` in all.

    ``expected`` (n,) error of each table, in any unit; ``sizes`` (n,) of the grids, at least ``count`` together. Shares that are no whole
    numbers are rounded up or down by systematic sampling in random order.
    """
    weight = np.clip(expected / max(float(expected.mean()), 1e-30), LEAST, MOST) if len(expected) else expected
    quota, full = np.zeros(len(sizes)), np.zeros(len(sizes), dtype=bool)
    while not full.all():
        quota = np.where(full, sizes, weight * (count - sizes[full].sum()) / weight[~full].sum())
        over = ~full & (quota > sizes)
        if not over.any():
            break
        full |= over
    whole = np.floor(quota + 1e-9).astype(np.int64)
    order = rng.permutation(len(sizes))
    steps = np.cumsum((quota - whole)[order])
    left = count - int(whole.sum())
    if left:
        whole[order[np.searchsorted(steps, (np.arange(left) + rng.random()) * steps[-1] / left)]] += 1
    return whole


def places_of(shapes: Index, turns: Index, rng: np.random.Generator) -> tuple[Index, Index]:
    """(count,) table and (count,) place in its grid of each simulation: every table's first before any table's second.

    ``shapes`` (n, r) of the grids; ``turns`` (n,) simulations in each.
    """
    sizes = shapes.prod(axis=1)
    places = {int(size): rng.permutation(int(size)) for size in np.unique(sizes)}
    order = rng.permutation(np.flatnonzero(turns))
    start = np.zeros(len(sizes), dtype=np.int64)
    for size in places:  # neighbours in the order begin at different places of the grid
        alike = order[sizes[order] == size]
        start[alike] = np.arange(len(alike))
    found = [(n, turn) for turn in range(int(turns.max(initial=0))) for n in order.tolist() if turn < turns[n]]
    tables = np.array([n for n, _ in found], dtype=np.int64)
    at = [_place(places[int(sizes[n])], int(start[n]), turn) for n, turn in found]
    return tables, np.array(at, dtype=np.int64)


def _place(places: Index, start: int, turn: int) -> int:
    """The place of a table's ``turn``-th simulation.

    Half way round the order each time, so that tables that share one place share no other.
    """
    size = len(places)
    step = next(s for s in range(max(size // 2, 1), size + 1) if np.gcd(s, size) == 1)
    return int(places[(start + turn * step) % size])
