"""The experts that compete for a group of quantities: kriging draws, interpolation, relatives, each averaged over its best candidates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain import Corner
from eda_plugin.models.corner import (
    Draw,
    draw_weights,
    interpolation_weights,
    kriging,
    nearest_weights,
    process_weights,
)
from eda_plugin.models.frame import Frame
from eda_plugin.models.law import Prior

__all__ = [
    "OWN_FAMILY",
    "OWN_PROCESS",
    "PLAIN",
    "Domain",
    "Expert",
    "Informed",
    "Kriged",
    "Manner",
    "Taught",
    "blend_of",
    "experts_of",
    "kriged",
    "table_errors",
    "within",
]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

DRAWS = 320
KEPT = 20
OWN_DRAWS = 80
"""Draws that see the target's own process only, where it has ``OWN_CORNERS`` corners."""
OWN_CORNERS = 4
OWN_FAMILY, OWN_PROCESS = "own family", "own process"
ROOM = 1.4
"""How far outside the anchors' range, as a natural logarithm, the logarithmic domains may extrapolate."""
DECADES = 5.0
"""Logarithm of a ratio from which on one is as wrong as any other."""
STRENGTHS = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)
"""How strongly mixtures of anchors that reproduce delays are drawn to equal weights."""
FAVOUR = 12.0
"""How much less an expert counts whose error on anchors held out is larger: half at 6 % more."""
SAMPLE = 3000
"""Values of a group on which draws are scored."""
TRUST, FEW = 2.0, 5
"""How much what other libraries taught of a draw counts, in logarithms of the error on the library's own anchors, where these are up to
``FEW``; of more it counts the less, the more there are."""


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
    temperature and process may each add their own part. ``own``: the target's own process may be all that tells. ``least``: factor by which
    the target may be more certain than anchors held out. ``law``: of what all values have in common. ``decades``: values differ by orders
    of magnitude, so errors are logarithms of ratios: as shares, what is far too large is alike.
    """

    domains: tuple[Domain, ...]
    floor: float
    additive: bool = False
    own: bool = False
    least: float = 0.5
    law: Prior | None = None
    decades: bool = False
    supply: float = 0.0

    def growth(self, corners: Sequence[Corner], target: Corner) -> Array:
        """(n,) factor by which values at ``corners`` are larger than at the ``target`` as they grow with the supply."""
        volts = np.array([corner.voltage for corner in corners])
        return np.asarray((volts / target.voltage) ** self.supply, dtype=np.float64)

    def errors(self, predicted: Array, true: Array, limit: float) -> Array:
        """Errors; those of values below ``limit`` count as of that size."""
        if self.decades:
            return np.abs(np.log(np.maximum(predicted, limit) / np.maximum(true, limit)))
        return np.asarray(np.abs(predicted - true) / np.maximum(np.abs(true), limit), dtype=np.float64)

    @property
    def most(self) -> float:
        """Of an error that counts."""
        return DECADES if self.decades else 1.0


@dataclass(frozen=True, eq=False)
class Taught:
    """``draws`` that other libraries were predicted by, and ``worth`` (draws, domains of the manner): the logarithm of each one's error
    there, less that of the mean draw (models/experience.py)."""

    draws: tuple[Draw, ...]
    worth: Array


@dataclass(frozen=True, eq=False)
class Informed:
    """Delays elsewhere in the library that tell of its corners, as ratios: the ``anchors``' (N, A), and ``shown`` (N, A + 1) of each anchor
    and, last, the target what a mixture of the other anchors is to reproduce: what is known of the target is what is taken for known of an
    anchor held out."""

    anchors: Array
    shown: Array


@dataclass(frozen=True, eq=False)
class Kriged:
    """One draw's weights over the anchors, whatever the values are: ``each`` (A, A) for each anchor held out, a column an anchor, for the
    target ``own`` (A,); kriging standard deviations ``sds`` (A,) and ``sd``; ``worth`` (domains,) as ``Taught`` has it, else 0."""

    draw: Draw
    each: Array
    own: Array
    sds: Array
    sd: float
    worth: Array


def kriged(
    frame: Frame, manner: Manner, *, seed: int, latent: Array | None, taught: Taught | None = None, told: Callable[[], None]
) -> list[Kriged]:
    """The weights of every draw, those of ``taught`` if it is there; none from fewer than three anchors. ``told`` is called after each."""
    A = len(frame.others)
    if A < 3:
        return []
    if taught is None:
        draws = draw_weights(DRAWS, seed, latent is not None, manner.additive)
        worth = np.zeros((len(draws), len(manner.domains)))
    else:
        draws, worth = list(taught.draws), taught.worth
    if manner.own and sum(corner.process == frame.corners[A].process for corner in frame.corners[:A]) >= OWN_CORNERS:
        worth = np.concatenate([worth, worth[:OWN_DRAWS]])
        draws += [replace(draw, own=True) for draw in draws[:OWN_DRAWS]]
    uses = np.stack([*frame.others, frame.everyone])
    found = []
    for draw, known in zip(draws, worth, strict=True):
        weights, sd = kriging(frame.corners, range(A + 1), uses, draw, latent)
        found.append(Kriged(draw, weights[:A, :A].T, weights[A, :A], sd[:A], float(sd[A]), known))
        told()
    return found


def experts_of(
    Z: Array,
    frame: Frame,
    manner: Manner,
    draws: Sequence[Kriged],
    *,
    seed: int,
    informed: Sequence[Informed],
    only: str | None,
    told: Callable[[], None],
) -> list[Expert]:
    """Predict the target, and each anchor held out, from ``Z`` (m, A) ratios, in every way that the manner allows.

    ``draws``: see ``kriged``; ``told`` is called after each draw; the other arguments: see ``fit_zero_shot``.
    """
    A = Z.shape[1]
    sample = np.random.default_rng(seed).permutation(len(Z))[:SAMPLE]
    limit = manner.floor * float(np.median(np.abs(Z[sample])))
    judged = _Judged(
        Z[sample], limit, manner, frame.weight, {domain.name: domain.forward(Z[sample]) for domain in (PLAIN, *manner.domains)}
    )
    candidates = _plain(frame, judged, only)
    if A > 2 and only in (None, "kriging"):
        candidates += _krigings(draws, judged, manner, told)
    if A > 2 and only is None:
        candidates += _relatives(frame, judged, manner)
        candidates += [_mixed(delays, strength, frame, judged) for delays in informed for strength in STRENGTHS]
    names = dict.fromkeys(candidate.name for candidate in candidates)
    return [_expert(name, [c for c in candidates if c.name == name], Z) for name in names]


@dataclass(frozen=True, eq=False)
class _Judged:
    """The values on which candidates are judged: ``shown`` (k, A) ratios, and in each domain; errors below ``limit`` count as that size."""

    shown: Array
    limit: float
    manner: Manner
    weight: Array
    forward: dict[str, Array]

    def candidate(self, name: str, domain: Domain, each: Array, own: Array, sd: float = 1.0, sds: Array | None = None) -> _Candidate:
        error = self.manner.errors(domain.backward(self.forward[domain.name] @ each), self.shown, self.limit)
        score = float(np.minimum(error, self.manner.most).mean(axis=0) @ self.weight)
        return _Candidate(score, name, domain, each, own, sd, np.ones(len(each)) if sds is None else sds)


def _plain(frame: Frame, judged: _Judged, only: str | None) -> list[_Candidate]:
    A = len(frame.others)
    found = []
    if only in (None, "nearest") or A == 2:
        each = frame.left_out([None] * A)
        found.append(judged.candidate("nearest", PLAIN, each, nearest_weights(frame.corners, A, frame.everyone)))
    if A > 2 and only in (None, "interpolation"):
        each = frame.left_out([interpolation_weights(frame.corners, a, frame.others[a]) for a in range(A)])
        found.append(judged.candidate("interpolation", PLAIN, each, interpolation_weights(frame.corners, A, frame.everyone)))
    return found


def _krigings(draws: Sequence[Kriged], judged: _Judged, manner: Manner, told: Callable[[], None]) -> list[_Candidate]:
    found = []
    trust = TRUST * min(1.0, FEW / len(judged.weight))
    for one in draws:
        place = " in its process" if one.draw.own else ""
        for domain, worth in zip(manner.domains, np.exp(trust * one.worth).tolist(), strict=True):
            candidate = judged.candidate(f"kriging{place}, {domain.name}", domain, one.each, one.own, one.sd, one.sds)
            found.append(replace(candidate, score=candidate.score * worth))
        told()
    return found


def _relatives(frame: Frame, judged: _Judged, manner: Manner) -> list[_Candidate]:
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
    """One set of weights, as in ``Kriged``; what is not kriged has deviations of 1."""

    score: float
    name: str
    domain: Domain
    each: Array
    own: Array
    sd: float
    sds: Array


@dataclass(frozen=True, eq=False)
class Expert:
    """The best candidates of one kind, averaged: ``mean`` (m,), ``hidden`` (m, A) anchors held out, as ratios; ``widen`` (A,)."""

    name: str
    mean: Array
    hidden: Array
    widen: Array


def blend_of(experts: Sequence[Expert], errors: Array) -> tuple[Array, Array, Array]:
    """``mean`` (m,) and ``hidden`` (m, A) of all experts as one: each counts for a value by its ``errors`` (m, experts) to the power
    -``FAVOUR``; and by how much in the mean (experts,)."""
    ratio = (errors.min(axis=1, keepdims=True) + 1e-12) / (errors + 1e-12)
    share = ratio**FAVOUR
    share /= share.sum(axis=1, keepdims=True)
    mean, hidden = np.zeros(len(errors)), np.zeros_like(experts[0].hidden)
    for expert, part in zip(experts, share.T, strict=True):
        mean += part * expert.mean
        hidden += part[:, None] * expert.hidden
    return mean, hidden, share.mean(axis=0)


def _mixed(delays: Informed, strength: float, frame: Frame, judged: _Judged) -> _Candidate:
    A = len(frame.others)
    each = frame.left_out([_mixture(delays, frame.others[a], a, strength) for a in range(A)])
    return judged.candidate("ridge on delays", PLAIN, each, _mixture(delays, frame.everyone, A, strength))


def _mixture(delays: Informed, use: Mask, corner: int, strength: float) -> Array:
    """Weights over the anchors in ``use`` (A + 1,) with which they reproduce the delays ``shown`` of a ``corner``, shrunk to equal ones."""
    X = delays.anchors[:, use[:-1]]
    G = X.T @ X
    size = strength * np.trace(G) / len(G)
    return np.asarray(np.linalg.solve(G + size * np.eye(len(G)), X.T @ delays.shown[:, corner] + size / len(G)), dtype=np.float64)


def _expert(name: str, candidates: Sequence[_Candidate], Z: Array) -> Expert:
    ranked = sorted(candidates, key=lambda c: c.score)
    kept = [c for c in ranked[:KEPT] if c.score <= 1.25 * ranked[0].score + 1e-12]
    domain = kept[0].domain
    T = domain.forward(Z)
    mean = within(T @ np.mean([c.own for c in kept], axis=0), T, domain)
    hidden = within(T @ np.mean([c.each for c in kept], axis=0), T, domain)
    widen = np.mean([c.sd / np.maximum(c.sds, 1e-9) for c in kept], axis=0)
    return Expert(name, domain.backward(mean), domain.backward(hidden), widen)


def table_errors(errors: Array, overall: Array, table: NDArray[np.int64]) -> Array:
    """(m, experts) error of each on anchors held out: half of it the table's own, half the group's."""
    _, place = np.unique(table, return_inverse=True)
    count = np.bincount(place)
    own = np.stack([np.bincount(place, weights=errors[:, e]) / count for e in range(errors.shape[1])], axis=1)
    return np.asarray((own + overall)[place], dtype=np.float64)


def within(predicted: Array, known: Array, domain: Domain) -> Array:
    """Predictions no further outside the anchors' range than that range is wide, nor in a logarithmic domain than ``ROOM``: an
    extrapolation has no other bound."""
    low, high = known.min(axis=1), known.max(axis=1)
    room = np.minimum(high - low, np.inf if domain == PLAIN else ROOM)
    if predicted.ndim == 2:
        low, high, room = low[:, None], high[:, None], room[:, None]
    return np.clip(predicted, low - room, high + room)
