"""States that settle in more than one solution: the branch that the library's own law explains.

A simulator's operating point of a stack with floating nodes is not unique. In real libraries a few per cent of the leakage states come out,
at some corners and not at others, one to three decades above what every other state's law says; the value below is the current that the
transistors carry. Such entries say nothing of a corner elsewhere and spoil what is learnt from their row, so they are replaced, row by row,
by what the row's other corners imply.

The law is the joint normal distribution of the logarithms over corners, learnt on the rows that agree with it. In a row that disagrees, the
entry furthest above what its fellows predict is left out, one at a time, until the rest agree (backward elimination of outliers, as in
Hadi and Simonoff, JASA 88, 1993, one-sided here).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["lower_branch"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

APART = 1.0
"""Natural logarithm by which an entry must differ from what its row implies to count as another branch."""
DEVIATIONS = 4.0
"""The same in standard deviations of that prediction."""
ABOVE = 0.3
"""Natural logarithm above its prediction from which an entry may be the one that is left out."""
NOISE = 0.15
"""Standard deviation of a logarithm that the law doesn't explain; it bounds what one entry may say of another."""
ROWS_A_CORNER = 10
"""Rows that the law of so many corners needs, each."""
ROUNDS = 40


def lower_branch(values: Array) -> tuple[Array, Mask]:
    """Replace the entries of ``values`` (m, A), positive, that stand on a higher branch.

    Returns the values (m, A), on the lower branch throughout, and which entries are as they were (m, A). With too few rows to learn a law
    from, or a value that is not positive, all stay.
    """
    m, A = values.shape
    keep = np.ones((m, A), dtype=bool)
    if A < 3 or m < ROWS_A_CORNER * A or not (values > 0).all():
        return values, keep
    T = np.log(values)
    fitted = T
    for _ in range(ROUNDS):
        fitted, above = _imply(T, keep)
        if not above.any() or (keep & ~above).all(axis=1).sum() < 2 * A:
            break
        keep = keep & ~above
    return np.where(keep, values, np.exp(fitted)), keep


def _imply(T: Array, keep: Mask) -> tuple[Array, Mask]:
    """What the kept entries imply for those left out (m, A), and which entry of each row to leave out next (m, A)."""
    agreeing = keep.all(axis=1)
    mean = T[agreeing].mean(axis=0)
    size, directions = np.linalg.eigh(np.cov(T[agreeing].T))
    law = (directions * np.maximum(size, NOISE**2)) @ directions.T
    fitted, leave = T.copy(), np.zeros_like(keep)
    patterns, member = np.unique(keep, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        rows = np.flatnonzero(member.ravel() == number)
        kept, out = np.flatnonzero(pattern), np.flatnonzero(~pattern)
        precision = np.linalg.inv(law[np.ix_(kept, kept)] + NOISE**2 * np.eye(len(kept)))
        pull = (T[np.ix_(rows, kept)] - mean[kept]) @ precision
        fitted[np.ix_(rows, out)] = mean[out] + pull @ law[np.ix_(kept, out)]
        if len(kept) < 2:
            continue
        spread = 1.0 / np.diag(precision)
        error = pull * spread  # each entry against the prediction from the others (Rasmussen and Williams 2006, equation 5.12)
        apart = (np.abs(error) > np.maximum(APART, DEVIATIONS * np.sqrt(spread))).any(axis=1)
        highest = error.argmax(axis=1)
        drop = apart & (error[np.arange(len(rows)), highest] > ABOVE)
        leave[rows[drop], kept[highest[drop]]] = True
    return fitted, leave
