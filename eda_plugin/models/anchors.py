"""Which corners to characterize, so that others can be filled from them.

The Gaussian process over corners (module ``corner``) says how uncertain a corner is from where the anchors are, before any number is known:
its variance depends on the corners alone. Anchors are taken one at a time, each the one that lowers the mean variance over the wanted
corners most (active learning, Cohn, JMLR 1996), averaged over draws of the hyper-parameters, since nothing is there to choose among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain import Corner
from eda_plugin.errors import UserError
from eda_plugin.models.corner import Draw, corner_coordinates, draw_weights, matern

__all__ = ["DRAWS", "TREND", "AnchorChoice", "choose_anchors"]

Array = NDArray[np.float64]

DRAWS = 64
TREND = 4.0
"""Prior variance of each trend's coefficient, in units of the process's own: how numbers follow P, V and T at large."""


@dataclass(frozen=True)
class AnchorChoice:
    """``corners``, the most useful first; ``sd``: after each, the root of the mean variance over the wanted corners, as a share of what it
    is without any anchor."""

    corners: tuple[Corner, ...]
    sd: tuple[float, ...]


def choose_anchors(candidates: Sequence[Corner], wanted: Sequence[Corner], count: int) -> AnchorChoice:
    """The ``count`` corners among ``candidates`` that would serve best as anchors for ``wanted``.

    The order of either does not matter. Raises ``UserError`` where there are not so many candidates, or nothing is wanted.
    """
    pool, goals = sorted(set(candidates)), sorted(set(wanted))
    if not goals:
        raise UserError("no corner is wanted; name one or more")
    if not 1 <= count <= len(pool):
        raise UserError(f"{count} anchors are to be chosen among {len(pool)} corners; expected 1 to {len(pool)}")
    covariances, noise = _covariances(pool, goals)
    first = len(pool)
    begin = _mean_variance(covariances, first)
    chosen: list[int] = []
    sd: list[float] = []
    for _ in range(count):
        across, own = covariances[:, first:, :first], np.diagonal(covariances, axis1=1, axis2=2)[:, :first] + noise[:, None]
        gain = (across**2 / own[:, None]).mean(axis=(0, 1))
        gain[chosen] = -np.inf
        best = int(np.argmax(np.round(gain, 12)))  # ties, but for rounding, go to the first in order
        chosen.append(best)
        column = covariances[:, :, best]
        covariances = covariances - column[:, :, None] * column[:, None, :] / own[:, best, None, None]
        sd.append(float(np.sqrt(_mean_variance(covariances, first) / begin)))
    return AnchorChoice(tuple(pool[place] for place in chosen), tuple(sd))


def _covariances(pool: Sequence[Corner], goals: Sequence[Corner]) -> tuple[Array, Array]:
    """(draws, n, n) of the numbers at all corners, the pool first; (draws,) the share that no other corner tells."""
    corners = [*pool, *goals]
    draws = draw_weights(DRAWS, 0, latent=False)
    return np.stack([_covariance(corners, draw) for draw in draws]), np.array([draw.nugget for draw in draws])


def _covariance(corners: Sequence[Corner], draw: Draw) -> Array:
    coordinates, trend = corner_coordinates(corners, draw, None)
    return matern(coordinates) + TREND * trend @ trend.T


def _mean_variance(covariances: Array, first: int) -> float:
    return float(np.diagonal(covariances, axis1=1, axis2=2)[:, first:].mean())
