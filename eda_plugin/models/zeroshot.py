"""A corner without simulations, or a quantity that the simulations say nothing about: prediction from the anchors alone.

For each quantity group, kriging draws (models/corner.py), linear interpolation and the nearest corner compete on anchors held out whole;
where the group has a law (models/law.py), only kriging draws of what that leaves. Values are worked on as ratios to their magnitude over
the anchors, in linear and logarithmic domains. The better one scores, the more it counts: the mean of all is better than the best.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from eda_plugin.config import FillSettings, Progress
from eda_plugin.domain import Corner
from eda_plugin.models import experts as ways
from eda_plugin.models.experts import (
    PLAIN,
    Domain,
    Informed,
    Manner,
    Taught,
    blend_of,
    experts_of,
    kriged,
    table_errors,
)
from eda_plugin.models.features import PointTable
from eda_plugin.models.frame import frame_of
from eda_plugin.models.law import PHYSICS, common_part

__all__ = ["ZeroShot", "fit_timing_zero", "fit_zero_shot", "magnitude"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]

TIMING = Manner((PLAIN, Domain("log"), Domain("soft log", 0.2)), 0.1, least=0.25, law=PHYSICS)
TRUSTED = 2.5
"""With fewer anchors than this over ``Manner.least``, kriging's deviations are trusted less: that bound rises."""
MOST = 6.0
"""The target is taken to be no less certain than the anchors held out by this factor."""
LARGEST = 3.0
"""Errors, as shares of a value, are cut at this: one number off by orders of magnitude says nothing of the others."""


@dataclass(frozen=True, eq=False)
class ZeroShot:
    """Prediction of one group.

    ``mean`` (m,) SI; ``scale`` (m,) magnitude over the anchors and ``limit`` the share of it below which values count as that large;
    ``held_out`` (m, A) each anchor predicted from the others, SI, and ``residual`` (m, A) its error as a share of that prediction's size,
    but for what a law says of all values: ``unsure`` has that; ``widen`` (A,): how much less certain the target is than those anchors
    were, by kriging; ``relevance`` (A,): how much each tells of the target. ``scores``: mean error of each candidate on anchors held out,
    as a share of the truth's size; ``shares``: how much each counts in the mean. ``unsure`` (m,): deviation, as a share, of what all
    values of a kind have in common: no error of the anchors tells it where the target lies apart from them.
    """

    mean: Array
    scale: Array
    limit: float
    held_out: Array
    residual: Array
    widen: Array
    relevance: Array
    scores: dict[str, float]
    shares: dict[str, float]
    unsure: Array | float = 0.0

    def facts(self) -> dict[str, object]:
        """For a report, in per cent: which candidate counts most, how much each does, and how wrong each was on anchors held out."""
        scores, shares = ({name: round(100 * value, 4) for name, value in sorted(part.items())} for part in (self.scores, self.shares))
        return {"model": max(shares, key=shares.__getitem__), "share_pct": shares, "held_out_error_pct": scores}

    def half(self, table: Index, coverage: float) -> Array:
        """(m,) half width of the interval, SI.

        The scale of a value's error is that of the anchors held out, at the value itself and over its ``table``, each as much wider as
        kriging says; the factor is the quantile of their errors in units of that scale, each left out of its own. What the
        law says of its own uncertainty at the target comes on top, as a normal error.
        """
        expected = self.residual * self.widen
        A = expected.shape[1]
        square = expected**2
        numbers, place = np.unique(table, return_inverse=True)
        count = np.bincount(place, minlength=len(numbers))
        whole = np.stack([np.bincount(place, weights=square[:, a], minlength=len(numbers)) / count for a in range(A)], axis=1)[place]
        share = self.relevance / self.relevance.sum()
        both = 0.5 * (square + whole)
        scale = np.sqrt(both @ share) + 1e-9
        size = np.maximum(np.abs(self.mean), self.limit * self.scale)
        if A < 2:
            return np.asarray(2.0 * scale * size, dtype=np.float64)
        scores, weights = [], []
        for a in range(A):
            rest = np.delete(np.arange(A), a)
            left = np.sqrt(both[:, rest] @ (share[rest] / share[rest].sum())) + 1e-9
            scores.append(np.abs(expected[:, a]) / left)
            weights.append(np.full(len(left), share[a]))
        score, weight = np.concatenate(scores), np.concatenate(weights)
        order = np.argsort(score)
        last = np.searchsorted(np.cumsum(weight[order]) / weight.sum(), coverage)
        factor = score[order][min(int(last), len(score) - 1)]  # rounding may leave the sum of all weights below 1
        together = NormalDist().inv_cdf(0.5 + coverage / 2) * self.unsure
        return np.asarray(np.hypot(factor * scale, together) * size, dtype=np.float64)


def magnitude(anchors: Array, share: float = 0.1) -> Array:
    """(m,) mean magnitude of each value over the anchors, at least ``share`` of the median magnitude."""
    size = np.nanmean(np.abs(anchors), axis=1)
    positive = size[size > 0]
    floor = share * float(np.median(positive)) if len(positive) else 1.0
    return np.asarray(np.maximum(size, floor), dtype=np.float64)


def fit_zero_shot(
    anchors: Array,
    table: Index,
    corners: Sequence[Corner],
    target: Corner,
    manner: Manner,
    *,
    seed: int,
    latent: Array | None = None,
    informed: Sequence[Informed] = (),
    only: str | None = None,
    kind: Index | None = None,
    taught: Taught | None = None,
    told: Callable[[], None] = lambda: None,
) -> ZeroShot:
    """Predict (m,) values at ``target`` from ``anchors`` (m, A), complete; ``table`` (m,) says which values stand in one table.

    ``latent`` (A + 1, r): measured coordinates of the anchors and the target. ``informed``: delays elsewhere in the library: mixtures of
    anchors that reproduce them are further candidates. ``only``: ``nearest`` or ``interpolation``, no competition. ``kind`` (m,): values
    of a kind share the manner's law, if it has one (models/law.py); it is taken out, and what remains is kriged: nothing else competes
    then, as from few anchors whatever was chosen on them looks too good. ``taught``: what other libraries say of the draws; they know of no
    latent coordinates, so it counts without them only. ``told`` is called twice for each draw of kriging.
    """
    A = anchors.shape[1]
    growth = manner.growth(corners, target) if only is None and A > 1 else np.ones(A)
    level = anchors / growth
    scale = magnitude(level)
    Z = level / scale[:, None]
    if A == 1:
        spread = np.full((len(scale), 1), 0.5)
        return ZeroShot(anchors[:, 0].copy(), scale, manner.floor, anchors, spread, np.ones(1), np.ones(1), {}, {"nearest": 1.0})
    frame = frame_of(corners, target)
    if latent is not None:
        taught = None
    draws = kriged(frame, manner, seed=seed, latent=latent, taught=taught, told=told) if only is None else []
    codes = np.zeros(len(Z), dtype=np.int64) if kind is None else kind
    common = common_part(Z, codes, frame.corners, frame.others, manner.law) if manner.law and A > 2 and only is None else None
    unsure: Array | float = 0.0
    if common is None:
        experts = experts_of(Z, frame, manner, draws, seed=seed, informed=informed, only=only, told=told)
    else:
        rest = experts_of(Z / np.exp(common.shown[codes]), frame, manner, draws, seed=seed, informed=(), only="kriging", told=told)
        here, held, unsure = np.exp(common.target[codes]), np.exp(common.held_out[codes]), common.sd[codes]
        experts = [replace(e, name=f"law, {e.name}", mean=e.mean * here, hidden=e.hidden * held) for e in rest]
    limit = manner.floor * float(np.median(np.abs(Z)))
    errors, overall = np.empty((len(Z), len(experts))), np.empty(len(experts))
    for number, expert in enumerate(experts):
        off = manner.errors(expert.hidden, Z, limit)
        errors[:, number] = np.minimum(off, max(manner.most, LARGEST)) @ frame.weight
        overall[number] = (np.minimum(off, manner.most) @ frame.weight).mean()
    mean, hidden, share = blend_of(experts, table_errors(errors, overall, table))
    own = hidden
    if common is not None and not manner.decades:  # what is off by decades is not normal: anchors held out tell it as well
        own = hidden * np.exp(common.shown - common.held_out)[codes]
    error = np.clip((Z - own) / np.maximum(np.abs(own), limit), -LARGEST, LARGEST)
    widen = np.clip(share @ [expert.widen for expert in experts], max(manner.least, TRUSTED / A), MOST)
    scores, shares = ({e.name: float(value) for e, value in zip(experts, found, strict=True)} for found in (overall, share))
    return ZeroShot(mean * scale, scale, manner.floor, hidden * scale[:, None] * growth, error, widen, frame.weight, scores, shares, unsure)


def fit_timing_zero(
    points: PointTable,
    corners: Sequence[Corner],
    target: Corner,
    settings: FillSettings,
    progress: Progress,
    taught: Taught | None = None,
) -> ZeroShot:
    """Delay and transition without simulations."""
    only = settings.model if settings.model in ("nearest", "interpolation") else None
    steps = 2 * ways.DRAWS if only is None and len(corners) > 2 else None
    with progress.stage("predicting without simulations", steps) as stage:
        return fit_zero_shot(
            points.anchors,
            points.table,
            corners,
            target,
            TIMING,
            seed=settings.seed,
            only=only,
            kind=points.edge,
            taught=taught,
            told=stage.advance,
        )
