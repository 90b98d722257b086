"""Constraints, internal power, leakage, capacitances and limits: no simulation of them is sold, so the anchors must tell.

What leaks follows a law of its own (models/law.py). The others are helped by what the timing simulations taught: they show where the target
lies among the anchors (latent coordinates, models/corner.py), and which mixture of anchors behaves like it. Without simulations, delays as
predicted show the latter.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eda_plugin.config import FillSettings, Progress
from eda_plugin.data.dataset import Aligned
from eda_plugin.domain import Origin
from eda_plugin.models.branches import lower_branch
from eda_plugin.models.corner import nearest_weights
from eda_plugin.models.experts import PLAIN, Domain, Informed, Manner, Taught
from eda_plugin.models.features import PointTable, without_holes
from eda_plugin.models.law import LEAKAGE
from eda_plugin.models.searches import within_reach
from eda_plugin.models.zeroshot import TIMING, ZeroShot, fit_zero_shot

__all__ = [
    "LEAKING",
    "Delays",
    "GroupFill",
    "delays_foretold",
    "delays_taught",
    "fill_groups",
    "latent_coordinates",
    "manner_of",
    "same_everywhere",
]

Array = NDArray[np.float64]

LOG = Domain("log")
TELLING = 20_000
"""Predicted delays that tell of a whole library."""
_ORDINARY = Manner((PLAIN,), 0.1)
LEAKING = Manner((Domain("log", 1e-9),), 1e-3, additive=True, law=LEAKAGE, decades=True)
_MANNERS = {
    "timing": TIMING,
    "power": Manner((PLAIN, LOG, Domain("soft log", 0.2)), 0.1, additive=True, own=True, supply=2.0),  # energies: C V^2
    "leakage": LEAKING,
    "variation": Manner((PLAIN, LOG), 0.1),
}


def manner_of(group: str) -> Manner:
    """How a group of quantities is predicted without simulations."""
    return _MANNERS.get(group, _ORDINARY)


def same_everywhere(values: Array) -> NDArray[np.bool_]:
    """(m,) which of the values (m, corners) are the same at all corners, but for rounding: nothing is to be learnt of them."""
    return np.asarray(np.ptp(values, axis=1) <= 1e-9 * np.abs(values).max(axis=1))


@dataclass(frozen=True, eq=False)
class GroupFill:
    """Values of one group at the flat positions ``flat`` (k,): ``mean`` and ``half`` width of the interval, SI; ``origin`` codes."""

    flat: NDArray[np.int64]
    mean: Array
    half: Array
    origin: NDArray[np.uint8]
    report: dict[str, object]


def latent_coordinates(points: PointTable, known: NDArray[np.int64], y: Array) -> Array:
    """(A + 1, 2) coordinates of the anchors and, last, the target among each other.

    Principal components of their log delays at the measured points, in units of the first one's spread.
    """
    every = np.column_stack([points.anchors[known], y]) / points.scale[known, None]
    T = np.arcsinh(every / 0.05)
    T = T - T.mean(axis=1, keepdims=True)
    _, s, Vt = np.linalg.svd(T, full_matrices=False)
    scores = Vt[:2].T * s[:2]
    scores = scores * np.sign(scores[np.abs(scores).argmax(axis=0), np.arange(scores.shape[1])])
    return np.asarray(scores / max(float(scores[:, 0].std()), 1e-12), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Delays:
    """What is known of delays and transitions, as ratios to their magnitude: the ``anchors``' (M, A), and ``shown`` (M, A + 1) of each
    anchor held out and, last, the target; see ``Informed``.

    ``telling`` (N,): points that tell of the whole library; ``table`` (M,) in which of T tables, ``cell`` (T,) whose these are.
    """

    anchors: Array
    shown: Array
    telling: NDArray[np.int64]
    table: NDArray[np.int64]
    cell: NDArray[np.str_]

    def of(self, cells: Collection[str]) -> list[Informed]:
        """What tells of quantities of some ``cells``: the whole library and, where these are not all cells, their own delays."""
        whole = Informed(self.anchors[self.telling], self.shown[self.telling])
        own = np.isin(self.cell, list(cells))
        if own.all() or not own.any():
            return [whole]
        here = own[self.table]
        return [whole, Informed(self.anchors[here], self.shown[here])]


def delays_taught(points: PointTable, known: NDArray[np.int64], y: Array, mean: Array, cell: NDArray[np.str_]) -> Delays:
    """``y`` (N,) SI simulated at ``known`` (N,), ``mean`` (M,) SI filled from that, ``cell`` (T,) that each table is of."""
    every = mean.copy()
    every[known] = y
    anchors = points.anchors / points.scale[:, None]
    return Delays(anchors, np.column_stack([anchors, every / points.scale]), known, points.table, cell)


def delays_foretold(points: PointTable, zero: ZeroShot, cell: NDArray[np.str_]) -> Delays:
    """Without simulations: as predicted, and so is each anchor from the others. ``cell`` (T,) that each table is of."""
    shown = np.column_stack([zero.held_out, zero.mean]) / points.scale[:, None]
    some = np.sort(np.random.default_rng(0).permutation(len(points))[:TELLING])
    return Delays(points.anchors / points.scale[:, None], shown, some, points.table, cell)


def fill_groups(
    aligned: Aligned,
    latent: Array | None,
    delays: Delays | None,
    settings: FillSettings,
    progress: Progress,
    taught: Mapping[str, Taught],
) -> dict[str, GroupFill]:
    """Every group but timing. ``taught``: what other libraries say, by group."""
    found = {}
    names = sorted(set(aligned.group.tolist()) - {"timing"})
    with progress.stage("filling the other quantities", len(names)) as stage:
        for name in names:
            rows = aligned.rows_of(name)
            if name in ("limit", "other"):
                found[name] = _policy(aligned, _flat(aligned, rows))
            else:
                found[name] = _group(aligned, rows, name, latent, delays, settings, taught.get(name))
            stage.advance()
    return found


def _flat(aligned: Aligned, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """(k,) positions of the values of some tables."""
    return np.concatenate([np.arange(aligned.template.start[row], aligned.template.start[row + 1]) for row in rows])


def _policy(aligned: Aligned, flat: NDArray[np.int64]) -> GroupFill:
    """Limits are the library maker's policy, not a measurement: the nearest anchor's, and marked as copied."""
    anchors = aligned.anchors[flat]
    A = anchors.shape[1]
    weights = nearest_weights([*aligned.corners, aligned.target], A, np.array([True] * A + [False]))
    order = np.argsort(-weights, kind="stable")
    mean = np.full(len(flat), np.nan)
    for a in order[::-1]:
        mean = np.where(np.isfinite(anchors[:, a]), anchors[:, a], mean)
    report: dict[str, object] = {"model": f"nearest corner, {aligned.corners[int(order[0])]}"}
    return GroupFill(flat, mean, np.zeros(len(flat)), np.full(len(flat), Origin.COPIED, dtype=np.uint8), report)


def _group(
    aligned: Aligned,
    rows: NDArray[np.int64],
    name: str,
    latent: Array | None,
    delays: Delays | None,
    settings: FillSettings,
    taught: Taught | None,
) -> GroupFill:
    flat = _flat(aligned, rows)
    anchors = without_holes(aligned.anchors[flat])
    mean = anchors[:, 0].copy()
    half = np.zeros(len(flat))
    scores: dict[str, object] = {}
    moving = np.flatnonzero(~same_everywhere(anchors))
    table = aligned.table_of[flat]
    learnt = anchors[moving]
    plain = settings.model if settings.model in ("nearest", "interpolation") else None
    if name == "leakage" and plain is None:  # its states follow laws of their own: where the delays lie between the anchors misleads
        latent = delays = None
        learnt, kept = lower_branch(learnt)
        scores["entries_on_a_higher_branch"] = int(kept.size - kept.sum())
    if name == "constraint" and plain is None:
        learnt, stated = within_reach(learnt, table[moving]), learnt
        scores["entries_out_of_reach"] = int((learnt != stated).sum())
    if len(moving):
        fit: ZeroShot = fit_zero_shot(
            learnt,
            table[moving],
            aligned.corners,
            aligned.target,
            manner_of(name),
            seed=settings.seed,
            latent=latent,
            informed=() if delays is None else delays.of({aligned.template.keys[row].cell for row in rows}),
            only=plain,
            taught=taught,
        )
        mean[moving] = fit.mean
        half[moving] = fit.half(table[moving], settings.interval)
        scores |= fit.facts()
    if name in ("leakage", "capacitance"):  # a magnitude: an interval that reaches below zero says nothing more
        low = np.nanmin(np.where(anchors > 0, anchors, np.inf), axis=1)
        mean = np.where((mean <= 0) & np.isfinite(low), 0.5 * low, mean)
    return GroupFill(flat, mean, half, np.full(len(flat), Origin.PREDICTED, dtype=np.uint8), scores)
