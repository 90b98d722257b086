"""How errors go together inside a table: their size (models/sizes.py), covariance, and diffusion on what the covariance leaves.

Learnt on rehearsals (models/pseudo.py). What draws the samples is decided on tables held out: one Gaussian, a Gaussian of drawn size, or
the network with drawn size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from eda_plugin.config import Stage
from eda_plugin.models.denoiser import Denoiser
from eda_plugin.models.diffusion import DiffusionSettings, draw, train_denoiser
from eda_plugin.models.features import PointTable
from eda_plugin.models.sizes import Sizes, fit_sizes, log_size, of_size_one

__all__ = ["Judged", "ResidualModel", "TableSet", "conditions", "correlation", "fit_residual_model", "table_set"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]

FEWEST = 150
"""Tables of one shape below which no covariance is learnt: correlation by distance is used instead."""
RANGE = (1.4, 5.0)
"""Correlation lengths of residuals along slew and load, in grid steps: correlation .50 to the next slew, .82 to the next load."""
SHRINK = 0.15
CLIP = 8.0
ROUNDS = 4
"""Of finding covariance and sizes, each by the other (Tyler, Annals of Statistics 1987)."""
CHANCE = 5.0
"""Percent by which coverage of a few hundred tables, alike in threes, may be off."""
JUDGE_DRAWS, INSIDE = 39, 2
"""From the second lowest to the second highest of 39 draws a further draw lies in 36 of 40 cases, whatever the distribution."""


@dataclass(frozen=True, eq=False)
class TableSet:
    """Residuals of T whole tables of P points.

    ``vector`` (T, P) in units of the error scale, ``condition`` (T, C), ``kind`` (T,), ``table`` (T,).
    """

    vector: Array
    condition: Array
    kind: Index
    table: Index


@dataclass(frozen=True)
class Judged:
    """On the same held-out tables: one Gaussian, a Gaussian of drawn size, diffusion of drawn size. CRPS of a table's largest absolute
    error and of its mean error (lower is better), and how often their 90 % intervals hold (percent)."""

    tables: int
    gaussian: dict[str, float]
    sized: dict[str, float]
    diffusion: dict[str, float]
    used: str


@dataclass(frozen=True, eq=False)
class ResidualModel:
    """Draws residuals of tables of one ``shape``.

    ``factor``: lower Cholesky factors (P, P) of the covariance by kind, of tables of size one where there are ``sizes``;
    ``network``: ``None`` where the Gaussian draws.
    """

    shape: tuple[int, ...]
    factor: dict[int, Array]
    sizes: Sizes | None
    network: Denoiser | None
    settings: DiffusionSettings
    judged: Judged | None

    def draw(self, condition: Array, kind: Index, count: int, seed: int) -> Array:
        """(count, T, P) residuals in units of the error scale, around zero.

        The network's take either sign: what it learnt of their mean on rehearsals made sums over paths worse.
        """
        if self.network is None:
            white = np.random.default_rng(seed).standard_normal((count, len(kind), next(iter(self.factor.values())).shape[0]))
        else:
            white = draw(self.network, condition, count, seed=seed, settings=self.settings)
            white *= np.random.default_rng([seed, 2]).choice([-1.0, 1.0], size=(count, len(kind), 1))
        if self.sizes is None:
            return _colour(white, self.factor, kind)
        return _colour(of_size_one(white), self.factor, kind) * self.sizes.draw(_size_features(condition), count, seed)


def _colour(white: Array, factor: dict[int, Array], kind: Index) -> Array:
    out = np.empty_like(white)
    for code in np.unique(kind):
        out[:, kind == code] = white[:, kind == code] @ factor[int(code)].T
    return out


OWN = -4
"""Place in a condition of the table's own left-out residual; its error scale's level and span stand before it."""


def _size_features(condition: Array) -> Array:
    """(T, F) what may tell a table's size: its condition, the squares of its error scale's level and span, the size of its own residual."""
    return np.column_stack([condition, condition[:, OWN - 2 : OWN] ** 2, np.abs(condition[:, OWN])])


def correlation(points: PointTable, a: Index, b: Index) -> Array:
    """(len(a), len(b)) correlation of residuals of points of one table by their distance in grid steps; separable, exponential."""
    steps = np.maximum(points.shape[points.table[a]][:, :2] - 1, 1)
    apart = np.abs(points.rank[a][:, None] - points.rank[b][None]) * steps[:, None]
    return np.asarray(np.exp(-apart[..., 0] / RANGE[0] - apart[..., 1] / RANGE[1]), dtype=np.float64)


def conditions(points: PointTable, tables: Index, scale: Array, known: Index, surprise: Array) -> Array:
    """(T, C) what the network is told of each table.

    ``scale`` (T, P) error scale; ``known`` (N,) measured points and ``surprise`` (N,) their left-out residuals in units of the scale.
    """
    count = len(points.first) - 1
    own = np.zeros(count)
    place = np.full((count, 2), 0.5)
    seen = np.zeros(count)
    own[points.table[known]] = np.clip(surprise, -CLIP, CLIP) / 2.0
    place[points.table[known]] = points.rank[known]
    seen[points.table[known]] = 1.0
    kinds = int(points.kind.max()) + 1
    kind = np.eye(kinds)[points.kind[points.first[tables]]]
    logs = np.log(np.maximum(scale, 1e-9))
    shapes = points.shapes - points.shapes.mean(axis=0)
    _, vectors = np.linalg.eigh(shapes.T @ shapes)
    parts = shapes @ vectors[:, ::-1][:, :8]
    parts = parts / (parts.std(axis=0) + 1e-9)
    level = np.column_stack([logs.mean(axis=1) + 5.0, logs.max(axis=1) - logs.mean(axis=1)])
    told = np.column_stack([kind, parts[tables], level, own[tables], place[tables], seen[tables]])
    return np.asarray(np.clip(told, -CLIP, CLIP), dtype=np.float64)


def table_set(
    points: PointTable, tables: Index, shape: tuple[int, ...], error: Array, scale: Array, known: Index, surprise: Array
) -> TableSet:
    """Those of ``tables`` that have the ``shape``. ``error`` and ``scale`` stand point by point for all of ``tables``, in their order; an
    unknown error (NaN: a point that was given, or lies outside the stand-in's axes) is filled by its neighbours' correlation."""
    lengths = np.diff(points.first)[tables]
    begins = np.concatenate([[0], np.cumsum(lengths)])[:-1]
    right = (points.shape[tables] == np.array(shape)).all(axis=1)
    P = int(np.prod(shape))
    flat = begins[right][:, None] + np.arange(P)
    vector, size = error[flat] / scale[flat], scale[flat]
    chosen = tables[right]
    whole = np.isfinite(vector).mean(axis=1) > 0.6
    vector, size, chosen = vector[whole], size[whole], chosen[whole]
    grid = points.of_tables(chosen[:1])
    near = correlation(points, grid, grid) if len(chosen) else np.zeros((P, P))
    holes = np.isnan(vector)
    weight = (~holes)[:, None, :] * near[None] ** 4
    smooth = (weight * np.nan_to_num(vector)[:, None, :]).sum(axis=2) / np.maximum(weight.sum(axis=2), 1e-9)
    vector = np.clip(np.where(holes, smooth, vector), -CLIP, CLIP)
    return TableSet(vector, conditions(points, chosen, size, known, surprise), points.kind[points.first[chosen]], chosen)


def fit_residual_model(
    points: PointTable,
    shape: tuple[int, ...],
    sets: Sequence[TableSet],
    *,
    seed: int,
    diffusion: bool,
    settings: DiffusionSettings,
    stage: Stage,
    device: str,
) -> ResidualModel:
    """Covariances, sizes and, with ``diffusion``, the network; of the three that one will draw whose intervals hold on tables held out,
    and of these the sharpest.

    Too few tables: correlation by distance in the grid, unit variance.
    """
    kinds = range(int(points.kind.max()) + 1)
    like = np.flatnonzero((points.shape == np.array(shape)).all(axis=1))[:1]
    grid = points.of_tables(like)
    prior = correlation(points, grid, grid) + 1e-6 * np.eye(len(grid))
    vector = np.concatenate([part.vector for part in sets]) if sets else np.zeros((0, len(grid)))
    if len(vector) < FEWEST or len(grid) < 2:
        by_distance: Array = np.asarray(np.linalg.cholesky(prior), dtype=np.float64)
        return ResidualModel(shape, dict.fromkeys(kinds, by_distance), None, None, settings, None)
    condition = np.concatenate([part.condition for part in sets])
    kind = np.concatenate([part.kind for part in sets])
    table = np.concatenate([part.table for part in sets])
    rehearsal = np.repeat(np.arange(len(sets)), [len(part.table) for part in sets])
    held = np.random.default_rng(seed).permutation(table.max() + 1)[table] % 4 == 0  # whole tables, in all rehearsals at once
    shared = {k: _factor(vector[~held], kind[~held], k, prior) for k in kinds}
    factor, white = shared, _whiten(vector, shared, kind)
    for _ in range(ROUNDS):
        unit = vector / np.exp(log_size(white))[:, None]
        factor = {k: _factor(unit[~held], kind[~held], k, prior) for k in kinds}
        white = _whiten(vector, factor, kind)
    sizes = fit_sizes(_size_features(condition[~held]), log_size(white[~held]), rehearsal[~held])
    sized = ResidualModel(shape, factor, sizes, None, settings, None)
    if not diffusion:
        return sized
    network = train_denoiser(of_size_one(white[~held]), condition[~held], seed=seed, settings=settings, stage=stage, device=device)
    models = {
        "gaussian": ResidualModel(shape, shared, None, None, settings, None),
        "sized": sized,
        "diffusion": replace(sized, network=network),
    }
    at = np.flatnonzero(held)[:600]
    scores = {name: _judge(model.draw(condition[at], kind[at], JUDGE_DRAWS, seed), vector[at]) for name, model in models.items()}
    used = min(reversed(scores), key=lambda name: _worth(scores[name]))
    return replace(models[used], judged=Judged(len(at), **scores, used=used))


def _worth(score: dict[str, float]) -> tuple[float, float]:
    """The smaller the better: by how much intervals miss their 90 %, beyond what chance makes of it, then CRPS. One that doesn't hold is no
    better for being narrow."""
    missed = sum(max(abs(score[f"coverage_{name}_pct"] - 90.0) - CHANCE, 0.0) for name in ("largest", "mean"))
    return missed, score["crps_largest"] + score["crps_mean"]


def _factor(vector: Array, kind: Index, code: int, prior: Array) -> Array:
    own = vector[kind == code]
    own = own if len(own) >= FEWEST else vector
    empirical = own.T @ own / len(own)
    variance = float(np.trace(empirical)) / len(empirical)
    return np.asarray(np.linalg.cholesky((1 - SHRINK) * empirical + SHRINK * variance * prior), dtype=np.float64)


def _whiten(vector: Array, factor: dict[int, Array], kind: Index) -> Array:
    out = np.empty_like(vector)
    for code in np.unique(kind):
        out[kind == code] = np.linalg.solve(factor[int(code)], vector[kind == code].T).T
    return out


def _judge(samples: Array, truth: Array) -> dict[str, float]:
    """CRPS and coverage of two features of a table: its largest absolute and its mean error. samples (S, T, P), truth (T, P)."""
    out: dict[str, float] = {}
    features = {
        "largest": (np.abs(samples).max(axis=-1), np.abs(truth).max(axis=-1)),
        "mean": (samples.mean(axis=-1), truth.mean(axis=-1)),
    }
    for name, (drawn, true) in features.items():
        pairs = np.abs(drawn[:, None] - drawn[None]).sum(axis=(0, 1)) / (len(drawn) * (len(drawn) - 1))
        out[f"crps_{name}"] = float((np.abs(drawn - true).mean(axis=0) - pairs / 2).mean())
        ordered = np.sort(drawn, axis=0)
        out[f"coverage_{name}_pct"] = float(100 * ((ordered[INSIDE - 1] <= true) & (true <= ordered[-INSIDE])).mean())
    return {name: round(value, 4) for name, value in out.items()}
