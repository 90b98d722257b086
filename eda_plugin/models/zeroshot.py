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
from eda_plugin.models.corner import draw_weights, held_out, interpolation_weights, kriging, nearest_weights
from eda_plugin.models.features import PointTable

__all__ = ["Domain", "ZeroShot", "fit_timing_zero", "fit_zero_shot", "magnitude"]

Array = NDArray[np.float64]

DRAWS = 240
KEPT = 8
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
        factor = score[order][np.searchsorted(np.cumsum(weight[order]) / weight.sum(), coverage)]
        return np.asarray(factor * scale * size, dtype=np.float64)


def magnitude(anchors: Array, share: float = 0.1) -> Array:
    """(m,) mean magnitude of each value over the anchors, at least ``share`` of the median magnitude."""
    size = np.nanmean(np.abs(anchors), axis=1)
    positive = size[size > 0]
    floor = share * float(np.median(positive)) if len(positive) else 1.0
    return np.asarray(np.maximum(size, floor), dtype=np.float64)


def fit_zero_shot(
    anchors: Array,
    corners: Sequence[Corner],
    target: Corner,
    *,
    domains: Sequence[Domain],
    floor: float,
    seed: int,
    latent: Array | None = None,
    informed: Sequence[Array] | None = None,
    only: str | None = None,
) -> ZeroShot:
    """Predict (m,) values at ``target`` from ``anchors`` (m, A), complete.

    ``floor``: share of the median magnitude below which errors count as errors of that magnitude. ``latent`` (A + 1, r): measured
    coordinates of the anchors and the target. ``informed``: weights for the target (A,) and for each anchor held out (A - 1,), learnt from
    simulations elsewhere in the library: one more candidate. ``only``: ``nearest`` or ``interpolation``, no competition.
    """
    A = anchors.shape[1]
    scale = magnitude(anchors)
    Z = anchors / scale[:, None]
    everyone = [*corners, target]
    use_all = np.array([True] * A + [False])
    if A == 1:
        spread = np.full((len(scale), 1), 0.5)
        return ZeroShot(anchors[:, 0].copy(), scale, floor, anchors, spread, np.ones(1), np.ones(1), "nearest", {})
    others = [use_all & (np.arange(A + 1) != a) for a in range(A)]
    sample = np.random.default_rng(seed).permutation(len(scale))[:SAMPLE]
    limit = floor * float(np.median(np.abs(Z[sample])))
    weight = _relevance(everyone, A)

    def score(predicted: Array) -> float:
        error = np.abs(predicted - Z[sample]) / np.maximum(np.abs(Z[sample]), limit)
        return float(np.minimum(error, 1.0).mean(axis=0) @ weight)

    candidates: list[tuple[float, str, Domain, list[Array], Array, float, list[float]]] = []
    plain = Domain("linear")

    def consider(name: str, domain: Domain, each: list[Array], own: Array, sd: float, sds: list[float]) -> None:
        T = domain.forward(Z[sample])
        candidates.append((score(domain.backward(held_out(T, each))), name, domain, each, own, sd, sds))

    if only in (None, "nearest") or A == 2:
        each = [nearest_weights(everyone, a, others[a]) for a in range(A)]
        consider("nearest", plain, each, nearest_weights(everyone, A, use_all), 1.0, [1.0] * A)
    if A > 2 and only in (None, "interpolation"):
        each = [interpolation_weights(everyone, a, others[a]) for a in range(A)]
        consider("interpolation", plain, each, interpolation_weights(everyone, A, use_all), 1.0, [1.0] * A)
    if A > 2 and only is None:
        for draw in draw_weights(DRAWS, seed, latent is not None):
            found = [kriging(everyone, a, others[a], draw, latent) for a in range(A)]
            here = kriging(everyone, A, use_all, draw, latent)
            for domain in domains:
                consider(f"kriging, {domain.name}", domain, [w.weights for w in found], here.weights, here.sd, [w.sd for w in found])
    if informed is not None and A > 2 and only is None:
        consider("ridge on simulated delays", plain, list(informed[1:]), informed[0], 1.0, [1.0] * A)
    scores: dict[str, float] = {}
    for value, name, *_ in candidates:
        scores[name] = min(value, scores.get(name, np.inf))
    ranked = sorted(range(len(candidates)), key=lambda n: (candidates[n][0], n))
    best = candidates[ranked[0]]
    kept = [candidates[n] for n in ranked[:KEPT] if candidates[n][0] <= 1.25 * best[0] + 1e-12]
    mean = np.zeros(len(scale))
    hidden = np.zeros_like(Z)
    for _, _, domain, each, own, _, _ in kept:
        T = domain.forward(Z)
        mean += domain.backward(_within(T @ own, T)) / len(kept)
        hidden += domain.backward(_within(held_out(T, each), T)) / len(kept)
    error = np.clip((Z - hidden) / np.maximum(np.abs(hidden), limit), -LARGEST, LARGEST)
    widen = np.mean([[sd / max(s, 1e-9) for s in sds] for *_, sd, sds in kept], axis=0)
    return ZeroShot(mean * scale, scale, limit, hidden * scale[:, None], error, np.clip(widen, 0.5, 6.0), weight, best[1], scores)


def _within(predicted: Array, known: Array) -> Array:
    """Predictions no further outside the anchors' range than that range is wide: an extrapolation of a power law has no other bound."""
    low, high = known.min(axis=1), known.max(axis=1)
    room = high - low
    if predicted.ndim == 2:
        low, high, room = low[:, None], high[:, None], room[:, None]
    return np.clip(predicted, low - room, high + room)


def fit_timing_zero(points: PointTable, corners: Sequence[Corner], target: Corner, settings: FillSettings) -> ZeroShot:
    """Delay and transition without simulations."""
    only = settings.model if settings.model in ("nearest", "interpolation") else None
    return fit_zero_shot(
        points.anchors, corners, target, domains=(Domain("linear"), Domain("log")), floor=0.1, seed=settings.seed, only=only
    )


def _relevance(corners: Sequence[Corner], A: int) -> Array:
    """(A,) how much each held-out anchor's error tells of the target's: those near it more. Sums to 1."""
    place = np.array([(corner.voltage, corner.temperature) for corner in corners])
    place = place / np.maximum(np.ptp(place, axis=0), 1e-9)
    process = np.array([corner.process == corners[A].process for corner in corners])
    apart = np.linalg.norm(place[:A] - place[A], axis=1) + 0.5 * ~process[:A]
    weight = np.exp(-2.0 * apart) + 0.05
    return np.asarray(weight / weight.sum(), dtype=np.float64)
