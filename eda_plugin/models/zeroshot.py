"""A corner without simulations, or a quantity that the simulations say nothing about: prediction from the anchors alone.

For each quantity group, kriging draws (models/corner.py), linear interpolation and the nearest corner compete on anchors held out whole.
Values are worked on as ratios to their magnitude over the anchors, in the linear or the logarithmic domain, whichever scores better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from eda_plugin.config import FillSettings
from eda_plugin.domain import Corner
from eda_plugin.models.corner import (
    draw_weights,
    held_out,
    interpolation_weights,
    kriging,
    nearest_weights,
    process_weights,
    slope_weights,
)
from eda_plugin.models.features import PointTable

__all__ = ["PLAIN", "Domain", "Manner", "ZeroShot", "fit_timing_zero", "fit_zero_shot", "magnitude"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

DRAWS = 320
KEPT = 20
OWN_DRAWS = 80
"""Draws that see the target's own process only, where it has ``OWN_CORNERS`` corners."""
OWN_CORNERS = 4
TINY = 1e-30
OWN_FAMILY, OWN_PROCESS = "own family", "own process"
ROOM = 1.4
"""How far outside the anchors' range, as a natural logarithm, the logarithmic domains may extrapolate."""
LARGEST = 3.0
"""Errors, as shares of a value, are cut at this: one number off by orders of magnitude says nothing of the others."""
SAMPLE = 3000
"""Values of a group on which draws are scored."""


@dataclass(frozen=True)
class Domain:
    """Where numbers are averaged over corners: ``linear``, or by the odd function asinh(z / softness).

    That is a logarithm above ``softness``, a share of the value's magnitude over the anchors, and linear below it.
    """

    name: str
    softness: float = 0.02

    def forward(self, z: Array) -> Array:
        return z if self.name == "linear" else np.arcsinh(z / self.softness)

    def backward(self, t: Array) -> Array:
        return t if self.name == "linear" else np.asarray(np.sinh(np.clip(t, -60.0, 60.0)) * self.softness, dtype=np.float64)


PLAIN = Domain("linear")


@dataclass(frozen=True)
class Manner:
    """What a group of quantities is like.

    ``floor``: share of the median magnitude below which errors count as errors of that magnitude. ``additive``: currents, to which supply,
    temperature and process may each add their own part. ``own``: the target's own process may be all that tells. ``averaged``: positive
    values, for which kriging and the expert of the target's own family are averaged where both are there. ``own_process``: what the error
    of the expert counts that follows the target's process to a temperature where that has no corner; few anchors are alone like that when
    they are held out, so this error says too much.
    """

    domains: tuple[Domain, ...]
    floor: float
    additive: bool = False
    own: bool = False
    averaged: bool = False
    own_process: float = 1.0


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
    manner: Manner,
    *,
    seed: int,
    latent: Array | None = None,
    informed: Array | None = None,
    only: str | None = None,
) -> ZeroShot:
    """Predict (m,) values at ``target`` from ``anchors`` (m, A), complete; ``table`` (m,) says which values stand in one table.

    ``latent`` (A + 1, r): measured coordinates of the anchors and the target. ``informed`` (N, A + 1): simulated delays elsewhere in the
    library, of the anchors and the target: the mixture of anchors that reproduces them is one more candidate. ``only``: ``nearest`` or
    ``interpolation``, no competition.
    """
    A = anchors.shape[1]
    scale = magnitude(anchors)
    Z = anchors / scale[:, None]
    if A == 1:
        spread = np.full((len(scale), 1), 0.5)
        return ZeroShot(anchors[:, 0].copy(), scale, manner.floor, anchors, spread, np.ones(1), np.ones(1), "nearest", {})
    frame = _frame(corners, target)
    sample = np.random.default_rng(seed).permutation(len(scale))[:SAMPLE]
    limit = manner.floor * float(np.median(np.abs(Z[sample])))
    judged = _Judged(Z[sample], limit, frame.weight, {domain.name: domain.forward(Z[sample]) for domain in (PLAIN, *manner.domains)})
    candidates = _plain(frame, judged, only)
    if A > 2 and only is None:
        candidates += _krigings(frame, judged, manner, seed, latent)
        candidates += _relatives(frame, judged, manner)
        if informed is not None:
            each = frame.left_out([_mixture(informed, frame.others[a], a) for a in range(A)])
            candidates.append(judged.candidate("ridge on simulated delays", PLAIN, each, _mixture(informed, frame.everyone, A)))
    experts = [_expert(name, [c for c in candidates if c.name == name], Z) for name in dict.fromkeys(c.name for c in candidates)]
    shares = [np.abs(e.hidden - Z) / np.maximum(np.abs(Z), limit) for e in experts]
    errors = np.stack([np.minimum(share, LARGEST) @ frame.weight for share in shares], axis=1)
    overall = np.array([float((np.minimum(share, 1.0) @ frame.weight).mean()) for share in shares])
    both = _both(errors, overall, table)
    both *= [manner.own_process if e.name.startswith(OWN_PROCESS) else 1.0 for e in experts]
    choice = both.argmin(axis=1)
    rows = np.arange(len(scale))
    mean = np.stack([e.mean for e in experts], axis=1)[rows, choice]
    hidden = np.stack([e.hidden for e in experts], axis=1)[rows, choice]
    pair = [i for i, e in enumerate(experts) if e.name.startswith(("kriging", OWN_FAMILY))]
    if manner.averaged and frame.along is not None and len(pair) == 2:
        near = np.isin(choice, pair)
        mean[near], hidden[near] = _average([experts[i] for i in pair], both[:, pair], near)
    error = np.clip((Z - hidden) / np.maximum(np.abs(hidden), limit), -LARGEST, LARGEST)
    best = experts[int(np.argmin(overall))]
    widen = np.clip(best.widen, 0.5, 6.0)
    scores = {e.name: float(value) for e, value in zip(experts, overall, strict=True)}
    return ZeroShot(mean * scale, scale, manner.floor, hidden * scale[:, None], error, widen, frame.weight, best.name, scores)


@dataclass(frozen=True, eq=False)
class _Frame:
    """The corners, the target last, and how anchors are held out.

    ``everyone`` (A + 1,) the anchors; ``others`` the same for each anchor held out; ``along`` and ``families``: weights along the target's,
    each anchor's own family, or ``None``; ``weight`` (A,), sum 1: how much each anchor's error tells of the target's.
    """

    corners: list[Corner]
    everyone: Mask
    others: list[Mask]
    along: Array | None
    families: list[Array | None]
    weight: Array

    def left_out(self, found: Sequence[Array | None]) -> list[Array]:
        """Each anchor's weights over all others; where there are none, the nearest corner's."""
        full = [nearest_weights(self.corners, a, self.others[a]) if w is None else w for a, w in enumerate(found)]
        return [_spread(w, self.others[a], a) for a, w in enumerate(full)]


def _frame(corners: Sequence[Corner], target: Corner) -> _Frame:
    A = len(corners)
    everyone = [*corners, target]
    use_all = np.array([True] * A + [False])
    apart = _apart(everyone)
    others = [_as_far(apart, a, A) for a in range(A)]
    along = slope_weights(everyone, A, use_all)
    families = [slope_weights(everyone, a, others[a]) for a in range(A)]
    weight = np.exp(-3.0 * apart[A, :A]) + 0.02
    if along is not None and sum(w is not None for w in families) >= 2:  # the target has a family: anchors that keep theirs tell of it
        weight = np.where([w is not None for w in families], weight, 0.1 * weight)
    return _Frame(everyone, use_all, others, along, families, weight / weight.sum())


@dataclass(frozen=True, eq=False)
class _Judged:
    """The values on which candidates are judged: ``shown`` (k, A) ratios, and in each domain; errors below ``limit`` count as that size."""

    shown: Array
    limit: float
    weight: Array
    forward: dict[str, Array]

    def candidate(
        self, name: str, domain: Domain, each: list[Array], own: Array, sd: float = 1.0, sds: Sequence[float] | None = None
    ) -> _Candidate:
        size = np.maximum(np.abs(self.shown), self.limit)
        error = np.abs(domain.backward(held_out(self.forward[domain.name], each)) - self.shown) / size
        score = float(np.minimum(error, 1.0).mean(axis=0) @ self.weight)
        return _Candidate(score, name, domain, each, own, sd, [1.0] * len(each) if sds is None else sds)


def _plain(frame: _Frame, judged: _Judged, only: str | None) -> list[_Candidate]:
    A = len(frame.others)
    found = []
    if only in (None, "nearest") or A == 2:
        each = frame.left_out([None] * A)
        found.append(judged.candidate("nearest", PLAIN, each, nearest_weights(frame.corners, A, frame.everyone)))
    if A > 2 and only in (None, "interpolation"):
        each = frame.left_out([interpolation_weights(frame.corners, a, frame.others[a]) for a in range(A)])
        found.append(judged.candidate("interpolation", PLAIN, each, interpolation_weights(frame.corners, A, frame.everyone)))
    return found


def _krigings(frame: _Frame, judged: _Judged, manner: Manner, seed: int, latent: Array | None) -> list[_Candidate]:
    A = len(frame.others)
    draws = draw_weights(DRAWS, seed, latent is not None, manner.additive)
    if manner.own and sum(corner.process == frame.corners[A].process for corner in frame.corners[:A]) >= OWN_CORNERS:
        draws += [replace(draw, own=True) for draw in draws[:OWN_DRAWS]]
    candidates = []
    for draw in draws:
        found = [kriging(frame.corners, a, frame.others[a], draw, latent) for a in range(A)]
        here = kriging(frame.corners, A, frame.everyone, draw, latent)
        each = frame.left_out([w.weights for w in found])
        for domain in manner.domains:
            name = f"kriging{' in its process' if draw.own else ''}, {domain.name}"
            candidates.append(judged.candidate(name, domain, each, here.weights, here.sd, [w.sd for w in found]))
    return candidates


def _relatives(frame: _Frame, judged: _Judged, manner: Manner) -> list[_Candidate]:
    """From the target's own family or, where it has no corner of like temperature, its own process."""
    A = len(frame.others)
    if frame.along is not None:
        each = frame.left_out(frame.families)
        return [judged.candidate(f"{OWN_FAMILY}, {domain.name}", domain, each, frame.along) for domain in manner.domains]
    abroad = process_weights(frame.corners, A, frame.everyone) if A > 4 else None
    if abroad is None:
        return []
    each = frame.left_out([process_weights(frame.corners, a, frame.others[a]) for a in range(A)])
    return [judged.candidate(f"{OWN_PROCESS}, {domain.name}", domain, each, abroad) for domain in manner.domains]


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
    room = np.inf if domain == PLAIN else ROOM
    mean = np.mean([_within(T @ c.own, T, room) for c in kept], axis=0)
    hidden = np.mean([_within(held_out(T, c.each), T, room) for c in kept], axis=0)
    widen = np.mean([[c.sd / max(sd, 1e-9) for sd in c.sds] for c in kept], axis=0)
    return _Expert(name, domain.backward(mean), domain.backward(hidden), widen)


def _both(errors: Array, overall: Array, table: NDArray[np.int64]) -> Array:
    """(m, experts) error of each on anchors held out: half of it the table's own, half the group's."""
    _, place = np.unique(table, return_inverse=True)
    count = np.bincount(place)
    own = np.stack([np.bincount(place, weights=errors[:, e]) / count for e in range(errors.shape[1])], axis=1)
    return np.asarray((own + overall)[place], dtype=np.float64)


def _average(experts: Sequence[_Expert], errors: Array, rows: Mask) -> tuple[Array, Array]:
    """Geometric mean of experts, weights by their squared errors (m, experts); at ``rows``: ratios (k,), and held out (k, A)."""
    weights = errors[rows] ** -2.0
    weights /= weights.sum(axis=1, keepdims=True)
    means = np.log(np.maximum([e.mean[rows] for e in experts], TINY))
    hidden = np.log(np.maximum([e.hidden[rows] for e in experts], TINY))
    return np.exp(np.einsum("ke,ek->k", weights, means)), np.exp(np.einsum("ke,eka->ka", weights, hidden))


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
    manner = Manner((PLAIN, Domain("log")), 0.1)
    return fit_zero_shot(points.anchors, points.table, corners, target, manner, seed=settings.seed, only=only)


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
