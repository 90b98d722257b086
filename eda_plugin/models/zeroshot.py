"""A corner without simulations, or a quantity that the simulations say nothing about: prediction from the anchors alone.

For each quantity group, kriging draws (models/corner.py), linear interpolation and the nearest corner compete on anchors held out whole.
Values are worked on as ratios to their magnitude over the anchors, in the linear or the logarithmic domain, whichever scores better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eda_plugin.config import FillSettings
from eda_plugin.domain import Corner
from eda_plugin.models.corner import (
    NEAR_DEGREES,
    draw_weights,
    held_out,
    interpolation_weights,
    kriging,
    nearest_weights,
    process_weights,
    slope_weights,
)
from eda_plugin.models.features import PointTable

__all__ = ["Domain", "ZeroShot", "fit_timing_zero", "fit_zero_shot", "magnitude"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

DRAWS = 320
KEPT = 20
ROOM = 1.4
"""How far outside the anchors' range, as a natural logarithm, the logarithmic domain may extrapolate."""
MOST_LOWERED = 2.3
"""Natural logarithm by which an uncertain leakage is lowered at most."""
TRUST = {"own family": 0.5, "own process": 0.2}
"""What a leakage's error by its own family or process counts: few anchors keep theirs when held out, so these errors say too much."""
ROUGH = 2.3
"""Natural logarithm by which some anchor held out is missed, from which a leakage is unpredictable: one of several solutions."""
LARGEST = 3.0
"""Errors, as shares of a value, are cut at this: one number off by orders of magnitude says nothing of the others."""
SAMPLE = 3000
"""Values of a group on which draws are scored."""


@dataclass(frozen=True)
class Domain:
    """Where numbers are averaged over corners: ``linear``, or ``log`` by the odd function asinh(z / softness), close to a logarithm."""

    name: str
    softness: float = 0.02

    def forward(self, z: Array) -> Array:
        return z if self.name == "linear" else np.arcsinh(z / self.softness)

    def backward(self, t: Array) -> Array:
        return t if self.name == "linear" else np.asarray(np.sinh(np.clip(t, -60.0, 60.0)) * self.softness, dtype=np.float64)


PLAIN = Domain("linear")


@dataclass(frozen=True, eq=False)
class ZeroShot:
    """Prediction of one group.

    ``mean`` (m,) SI; ``scale`` (m,) magnitude over the anchors and ``limit`` the share of it below which values count as that large;
    ``held_out`` (m, A) each anchor predicted from the others, SI, and ``residual`` (m, A) its error as a share of that prediction's size;
    ``widen`` (A,): how much less certain the target is than those anchors were, by kriging; ``relevance`` (A,): how much each tells of the
    target. ``scores``: mean error of each candidate on anchors held out, as a share of the truth's size.
    """

    mean: Array
    scale: Array
    limit: float
    held_out: Array
    residual: Array
    widen: Array
    relevance: Array
    chosen: str
    scores: dict[str, float]

    def half(self, table: NDArray[np.int64], coverage: float) -> Array:
        """(m,) half width of the interval, SI.

        The scale of a value's error is that of the anchors held out, at the value itself and over its ``table``, each as much wider as
        kriging says; the factor is the quantile of their errors in units of that scale, each left out of its own.
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
        return np.asarray(factor * scale * size, dtype=np.float64)


def magnitude(anchors: Array, share: float = 0.1) -> Array:
    """(m,) mean magnitude of each value over the anchors, at least ``share`` of the median magnitude."""
    size = np.nanmean(np.abs(anchors), axis=1)
    positive = size[size > 0]
    floor = share * float(np.median(positive)) if len(positive) else 1.0
    return np.asarray(np.maximum(size, floor), dtype=np.float64)


def fit_zero_shot(
    anchors: Array,
    table: NDArray[np.int64],
    corners: Sequence[Corner],
    target: Corner,
    *,
    domains: Sequence[Domain],
    floor: float,
    seed: int,
    latent: Array | None = None,
    informed: Array | None = None,
    lowest: bool = False,
    only: str | None = None,
) -> ZeroShot:
    """Predict (m,) values at ``target`` from ``anchors`` (m, A), complete; ``table`` (m,) says which values stand in one table.

    ``floor``: share of the median magnitude below which errors count as errors of that magnitude. ``latent`` (A + 1, r): measured
    coordinates of the anchors and the target. ``informed`` (N, A + 1): simulated delays elsewhere in the library, of the anchors and the
    target: the mixture of anchors that reproduces them is one more candidate. ``lowest``: a value that no anchor
    predicts within a decade is the lowest of the corners of like temperature. ``only``: ``nearest`` or ``interpolation``, no competition.
    """
    A = anchors.shape[1]
    scale = magnitude(anchors)
    Z = anchors / scale[:, None]
    everyone = [*corners, target]
    use_all = np.array([True] * A + [False])
    if A == 1:
        spread = np.full((len(scale), 1), 0.5)
        return ZeroShot(anchors[:, 0].copy(), scale, floor, anchors, spread, np.ones(1), np.ones(1), "nearest", {})
    apart = _apart(everyone)
    others = [_as_far(apart, a, A) for a in range(A)]
    sample = np.random.default_rng(seed).permutation(len(scale))[:SAMPLE]
    limit = floor * float(np.median(np.abs(Z[sample])))
    along = slope_weights(everyone, A, use_all) if only is None else None
    families = [slope_weights(everyone, a, others[a]) for a in range(A)]
    weight = np.exp(-3.0 * apart[A, :A]) + 0.02
    if along is not None and sum(w is not None for w in families) >= 2:  # the target has a family: anchors that keep theirs tell of it
        weight = np.where([w is not None for w in families], weight, 0.1 * weight)
    like = np.array([abs(corner.temperature - target.temperature) <= NEAR_DEGREES for corner in corners])
    weight /= weight.sum()

    shown = Z[sample]
    size = np.maximum(np.abs(shown), limit)
    forward = {domain.name: domain.forward(shown) for domain in (PLAIN, *domains)}
    candidates: list[_Candidate] = []

    def consider(name: str, domain: Domain, each: list[Array], own: Array, sd: float = 1.0, sds: Sequence[float] = (1.0,) * A) -> None:
        error = np.abs(domain.backward(held_out(forward[domain.name], each)) - shown) / size
        candidates.append(_Candidate(float(np.minimum(error, 1.0).mean(axis=0) @ weight), name, domain, each, own, sd, sds))

    def left_out(found: Sequence[Array | None]) -> list[Array]:
        """Each anchor's weights over all others; where there are none, the nearest corner's."""
        full = [nearest_weights(everyone, a, others[a]) if w is None else w for a, w in enumerate(found)]
        return [_spread(w, others[a], a) for a, w in enumerate(full)]

    if only in (None, "nearest") or A == 2:
        consider("nearest", PLAIN, left_out([None] * A), nearest_weights(everyone, A, use_all))
    if A > 2 and only in (None, "interpolation"):
        each = left_out([interpolation_weights(everyone, a, others[a]) for a in range(A)])
        consider("interpolation", PLAIN, each, interpolation_weights(everyone, A, use_all))
    if A > 2 and only is None:
        for draw in draw_weights(DRAWS, seed, latent is not None):
            found = [kriging(everyone, a, others[a], draw, latent) for a in range(A)]
            here = kriging(everyone, A, use_all, draw, latent)
            each = left_out([w.weights for w in found])
            for domain in domains:
                consider(f"kriging, {domain.name}", domain, each, here.weights, here.sd, [w.sd for w in found])
    if along is not None and A > 2:
        for domain in domains:
            consider(f"own family, {domain.name}", domain, left_out(families), along)
    abroad = process_weights(everyone, A, use_all) if along is None and only is None and A > 4 else None
    if abroad is not None:
        each = left_out([process_weights(everyone, a, others[a]) for a in range(A)])
        for domain in domains:
            consider(f"own process, {domain.name}", domain, each, abroad)
    if informed is not None and A > 2 and only is None:
        each = left_out([_mixture(informed, others[a], a) for a in range(A)])
        consider("ridge on simulated delays", PLAIN, each, _mixture(informed, use_all, A))
    experts = [_expert(name, [c for c in candidates if c.name == name], Z) for name in dict.fromkeys(c.name for c in candidates)]
    lowest = lowest and A > 4 and only is None
    shares = [np.abs(e.hidden - Z) / np.maximum(np.abs(Z), limit) for e in experts]
    errors = [np.minimum(share, LARGEST) @ weight for share in shares]
    overall = np.array([float((np.minimum(share, 1.0) @ weight).mean()) for share in shares])
    trust = np.array([next((share for name, share in TRUST.items() if lowest and e.name.startswith(name)), 1.0) for e in experts])
    scores = {e.name: float(value) for e, value in zip(experts, overall, strict=True)}
    choice = _choose(np.stack(errors, axis=1), overall, table, trust)
    rows = np.arange(len(scale))
    lowered = np.ones(len(scale))
    if lowest:
        judged = np.flatnonzero(like if along is None else like & np.array([w is not None for w in families]))
        judged = np.arange(A) if along is None and len(judged) < 2 else judged
        left = np.stack([e.hidden for e in experts], axis=1)[rows, choice][:, judged]
        miss = np.log(np.maximum(left, 1e-30)) - np.log(np.maximum(Z[:, judged], 1e-30))
        if along is None:  # the value of least expected relative error, where the logarithm is normal: exp(mean - variance)
            lowered = np.exp(-np.minimum((miss**2).mean(axis=1), MOST_LOWERED))
        experts.append(_lowest(Z, others, like if like.any() else np.ones(A, dtype=bool)))
        rough = np.abs(miss).max(axis=1, initial=0.0) > ROUGH
        choice = np.where(rough, len(experts) - 1, choice)
        lowered[rough] = 1.0
    mean = np.stack([e.mean for e in experts], axis=1)[rows, choice] * lowered
    hidden = np.stack([e.hidden for e in experts], axis=1)[rows, choice]
    error = np.clip((Z - hidden) / np.maximum(np.abs(hidden), limit), -LARGEST, LARGEST)
    best = experts[int(np.argmin(overall))]
    widen = np.clip(best.widen, 0.5, 6.0)
    return ZeroShot(mean * scale, scale, limit, hidden * scale[:, None], error, widen, weight, best.name, scores)


@dataclass(frozen=True, eq=False)
class _Candidate:
    """One set of weights: for the target ``own`` (A,), for each anchor held out ``each``; ``sd`` and ``sds`` by kriging."""

    score: float
    name: str
    domain: Domain
    each: list[Array]
    own: Array
    sd: float
    sds: Sequence[float]


@dataclass(frozen=True, eq=False)
class _Expert:
    """The best candidates of one kind, averaged: ``mean`` (m,), ``hidden`` (m, A) anchors held out, as ratios; ``widen`` (A,)."""

    name: str
    mean: Array
    hidden: Array
    widen: Array


def _mixture(ratios: Array, use: Mask, column: int, strength: float = 1e-4) -> Array:
    """Weights over the corners in ``use`` with which they reproduce the ``column`` of ``ratios`` (N, A + 1), shrunk to equal weights."""
    X = ratios[:, use]
    G = X.T @ X
    size = strength * np.trace(G) / len(G)
    return np.asarray(np.linalg.solve(G + size * np.eye(len(G)), X.T @ ratios[:, column] + size / len(G)), dtype=np.float64)


def _spread(weights: Array, use: Mask, a: int) -> Array:
    """Weights over the corners in ``use`` as weights over all anchors but ``a``."""
    full = np.zeros(len(use))
    full[use] = weights
    return np.delete(full[:-1], a)


def _expert(name: str, candidates: Sequence[_Candidate], Z: Array) -> _Expert:
    ranked = sorted(candidates, key=lambda c: c.score)
    kept = [c for c in ranked[:KEPT] if c.score <= 1.25 * ranked[0].score + 1e-12]
    domain = kept[0].domain
    T = domain.forward(Z)
    room = ROOM if domain.name == "log" else np.inf
    mean = np.mean([_within(T @ c.own, T, room) for c in kept], axis=0)
    hidden = np.mean([_within(held_out(T, c.each), T, room) for c in kept], axis=0)
    widen = np.mean([[c.sd / max(sd, 1e-9) for sd in c.sds] for c in kept], axis=0)
    return _Expert(name, domain.backward(mean), domain.backward(hidden), widen)


def _lowest(Z: Array, others: Sequence[Mask], like: Mask) -> _Expert:
    """The lowest of the corners of ``like`` temperature (A,): for states whose simulation settles now in one, now in another solution."""
    A = Z.shape[1]
    rest = [use[:A] & like if (use[:A] & like).any() else use[:A] for use in others]
    hidden = np.stack([Z[:, use].min(axis=1) for use in rest], axis=1)
    return _Expert("lowest", Z[:, like].min(axis=1), hidden, np.ones(A))


def _choose(errors: Array, overall: Array, table: NDArray[np.int64], trust: Array) -> NDArray[np.int64]:
    """(m,) which expert fills each value: that with the least error on anchors held out, half of it the table's own, half the group's."""
    _, place = np.unique(table, return_inverse=True)
    count = np.bincount(place)
    own = np.stack([np.bincount(place, weights=errors[:, e]) / count for e in range(errors.shape[1])], axis=1)
    chosen = np.argmin((own + overall) * trust, axis=1)
    return np.asarray(chosen[place], dtype=np.int64)


def _within(predicted: Array, known: Array, most: float) -> Array:
    """Predictions no further outside the anchors' range than that range is wide, nor than ``most``: an extrapolation has no other bound."""
    low, high = known.min(axis=1), known.max(axis=1)
    room = np.minimum(high - low, most)
    if predicted.ndim == 2:
        low, high, room = low[:, None], high[:, None], room[:, None]
    return np.clip(predicted, low - room, high + room)


def fit_timing_zero(points: PointTable, corners: Sequence[Corner], target: Corner, settings: FillSettings) -> ZeroShot:
    """Delay and transition without simulations."""
    only = settings.model if settings.model in ("nearest", "interpolation") else None
    return fit_zero_shot(
        points.anchors, points.table, corners, target, domains=(Domain("linear"), Domain("log")), floor=0.1, seed=settings.seed, only=only
    )


def _apart(corners: Sequence[Corner]) -> Array:
    """(n, n) distances between corners, in spans of voltage and temperature; another process counts half a span."""
    place = np.array([(corner.voltage, corner.temperature) for corner in corners])
    place = place / np.maximum(np.ptp(place, axis=0), 1e-9)
    strange = np.array([[one.process != other.process for other in corners] for one in corners])
    return np.asarray(np.linalg.norm(place[:, None] - place[None], axis=-1) + 0.5 * strange, dtype=np.float64)


def _as_far(apart: Array, a: int, A: int) -> Mask:
    """(A + 1,) the anchors from which anchor ``a`` is predicted when it is held out.

    None is nearer to it than the target's nearest anchor is to the target, so that its error tells of the target's. A third of the anchors,
    and three, are left at least.
    """
    order = np.argsort(-apart[a, :A], kind="stable")
    order = order[order != a]
    far = order[apart[a, order] >= 0.9 * apart[A, :A].min()]
    fewest = min(max(3, A // 3), len(order))
    use = np.zeros(A + 1, dtype=bool)
    use[far if len(far) >= fewest else order[:fewest]] = True
    return use
