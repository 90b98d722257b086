"""Anchors that play the target: the same fit, on a corner whose every value is known.

What it teaches: how errors are spread over points (models/intervals.py) and how they go together inside a table (models/diffusion.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eda_plugin.config import Stage
from eda_plugin.domain import Corner
from eda_plugin.models.features import PointTable
from eda_plugin.models.fewshot import FewShot, Layer, fit_few_shot
from eda_plugin.models.gp import GPSettings, Hyper

__all__ = ["Rehearsal", "choose_stand_ins", "rehearse"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """One anchor in the target's place. ``error`` (E,) at ``fit.where``, as a share of ``fit.unit``, NaN where the truth is unknown.

    ``columns``: the anchors that it was predicted from; ``tables``: the tables that were predicted whole.
    """

    corner: Corner
    columns: Index
    tables: Index
    fit: FewShot
    error: Array


def choose_stand_ins(corners: Sequence[Corner], target: Corner, beyond: Array, count: int) -> list[int]:
    """Anchors most like the target, of those whose axes cover the target's points (``beyond`` (A,): share of points outside)."""
    volts = np.array([corner.voltage for corner in corners])
    degrees = np.array([corner.temperature for corner in corners])
    apart = np.hypot(np.log(volts / target.voltage) / 0.15, (degrees - target.temperature) / 120.0)
    strange = np.array([corner.process != target.process for corner in corners])
    order = np.argsort(apart + 0.7 * strange + 4.0 * beyond, kind="stable")
    return [int(a) for a in order[:count]]


def rehearse(
    points: PointTable,
    corners: Sequence[Corner],
    stand_in: int,
    zero: Array,
    known: Index,
    floor: float,
    tables: Index,
    *,
    seed: int,
    settings: GPSettings,
    layer: Layer,
    hyper: Hyper | None,
    device: str,
    stage: Stage,
) -> Rehearsal:
    """Fit anchor ``stand_in`` from the others, with simulations at the same points ``known`` as the target's.

    ``zero`` (M,): its prediction from the others without simulations. Points outside its own axes are extrapolated, so neither known nor
    judged. ``hyper``: of the target's own fit.
    """
    columns = np.delete(np.arange(points.anchors.shape[1]), stand_in)
    truth = points.anchors[:, stand_in]
    sound = points.beyond[:, stand_in] <= 0
    own = known[sound[known]]
    where = points.of_tables(tables)
    fit = fit_few_shot(
        points,
        columns,
        zero,
        own,
        truth[own],
        floor,
        where=where,
        seed=seed,
        settings=settings,
        layer=layer,
        hyper=hyper,
        device=device,
    )
    error = np.where(sound[where], (truth[where] - fit.mean) / fit.unit[where], np.nan)
    error[np.isin(where, own)] = np.nan
    stage.advance()
    return Rehearsal(corners[stand_in], columns, tables, fit, error)
