"""The mean of a corner of which a few points were simulated.

Layers, each on the residual of the one before: a ridge across the anchors that shrinks to the prediction without simulations; a ridge
across the anchors and the anchors at the target's own speed (models/speed.py); a Gaussian process over point features (models/gp.py), with
networks; and kriging of what is left, from a table's own measured points and its relatives' (models/relatives.py). What the target's
speed is, the first ridge tells, then small networks on what that gave, each table by one that never saw its measured points: a speed that
follows them would make the anchors agree with them, and nothing be left to learn from. Baselines: the first ridge alone, and the second
with boosted trees in the process's place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from eda_plugin.config import Stage
from eda_plugin.models.features import AtSpeed, PointTable, point_features
from eda_plugin.models.gp import GPSettings, Hyper, Process, fit_hyper, solve
from eda_plugin.models.network import NetworkSettings, fit_ensemble
from eda_plugin.models.relatives import Kinship, among_relatives, learn_kinship
from eda_plugin.models.speed import at_own_speed

__all__ = ["FewShot", "Layer", "Learnt", "fit_few_shot", "ridge"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Layer = Literal["process", "trees", "none"]
"""What learns the ridge's residual."""

FEWEST = 40
"""Measured points below which nothing but the ridge is fitted."""
SPEED_NETWORKS = NetworkSettings(width=96, steps=200, rate=3e-3, passes=0)
FOLDS = 5
SHRINK = tuple(10.0**power for power in range(-7, 2))
CLIP = 20.0
HARMLESS = 1.06


@dataclass(frozen=True, eq=False)
class Learnt:
    """What a fit of another corner of the same library may start from."""

    process: Hyper
    kinship: Kinship


@dataclass(frozen=True, eq=False)
class FewShot:
    """``where`` (E,) the points predicted; ``mean`` (E,) SI; ``base`` (M,) of the ridge; ``unit`` (M,) what a residual of 1 means, SI.

    ``spread`` (E,) standard deviation of the process, in ``unit``. At the N measured points: ``known``, ``left_out`` (N,) residual of
    the prediction that was made without them, SI; ``variance`` (N,) of the process there, in ``unit`` squared.
    ``own`` (E,) what the points of the table and its relatives added, SI. ``blend``: share of the networks in the mean.
    """

    where: Index
    mean: Array
    base: Array
    unit: Array
    spread: Array
    own: Array
    known: Index
    left_out: Array
    variance: Array
    learnt: Learnt | None
    blend: float = 0.0


def ridge(Z: Array, zero: Array, y: Array, kind: Index, known: Index, floor: Array) -> tuple[Array, Array]:
    """Linear across the anchors, one fit a quantity: ``z0 + Z w`` with w shrunk to 0, strength by leave-one-out.

    Z (M, A) anchors and ``zero`` (M,) prediction without simulations, both as ratios to the magnitude; ``y`` (N,) and ``floor`` (N,)
    likewise at the points ``known`` (N,). Returns the prediction (M,) and the leave-one-out residual (N,).
    """
    out, left = zero.copy(), np.zeros(len(known))
    for code in np.unique(kind):
        at = np.flatnonzero(kind[known] == code)
        if not len(at):
            continue
        every = kind == code
        X = np.column_stack([Z[known[at]], zero[known[at]]])
        target = y[at] - zero[known[at]]
        weight = 1.0 / np.maximum(np.abs(y[at]), floor[at])
        U, s, Vt = np.linalg.svd(X * weight[:, None], full_matrices=False)
        t = target * weight
        projected = U.T @ t
        best = (np.inf, np.zeros(X.shape[1]), target)
        for strength in SHRINK:
            filter_ = s**2 / (s**2 + strength * s[0] ** 2 + 1e-300)
            hat = np.clip((U**2) @ filter_, 0.0, 0.999)
            residual = (t - U @ (filter_ * projected)) / (1.0 - hat)
            size = float(np.minimum(np.abs(residual), 1.0).mean())
            if size < best[0]:
                best = size, Vt.T @ (filter_ * projected / np.maximum(s, 1e-300)), residual / weight
        out[every] = zero[every] + np.column_stack([Z[every], zero[every]]) @ best[1]
        left[at] = best[2]
    return out, left


def _at_speed(
    points: PointTable, columns: Index, prior: Array, estimate: Array, known: Index, y: Array, floor: float
) -> tuple[Array, AtSpeed]:
    """The second ridge (M,) SI: across the anchors and the anchors at the speed of the ``estimate``, shrunk to the ``prior``, (M,) SI."""
    speed = at_own_speed(points, columns, estimate)
    unit = np.maximum(np.abs(prior), floor)
    X = np.concatenate([points.anchors[:, columns], speed.values], axis=1) / unit[:, None]
    return ridge(X, prior / unit, y / unit[known], points.kind, known, floor / unit[known])[0] * unit, speed


def _residual(base: Array, known: Index, y: Array, floor: float, size: float | None = None) -> tuple[Array, float]:
    """What a layer learns, (N,) of about unit scale, and its unit as a share of the ``base`` (M,): ``size``, or what fits these."""
    share = (y - base[known]) / np.maximum(np.abs(base[known]), floor)
    size = max(1.5 * float(np.median(np.abs(share))), 1e-6) if size is None else size
    return np.clip(share / size, -CLIP, CLIP), size


def _without_own(
    points: PointTable, features: NDArray[np.float32], base: Array, known: Index, y: Array, floor: float, seed: int, device: str
) -> Array:
    """(M,) SI: ``base`` corrected by small networks, each table by what its own measured points did not teach."""
    target, size = _residual(base, known, y, floor)
    codes, tables = points.kind[known], points.table[known]
    kinds = int(points.kind.max()) + 1
    networks = fit_ensemble(features[known], target, codes, tables, kinds, seed=seed, settings=SPEED_NETWORKS, device=device)
    added = networks.predict(features, points.kind, points.table)
    return np.asarray(base + added * size * np.maximum(np.abs(base), floor), dtype=np.float64)


def _left_out(features: NDArray[np.float32], kind: Index, known: Index, target: Array, solved: Process) -> tuple[Array, Array, Array]:
    """Residual, its variance and the noise at every measured point, each predicted without itself."""
    left = np.empty(len(known))
    variance = np.empty(len(known))
    noise = np.empty(len(known))
    left[solved.rows], variance[solved.rows], noise[solved.rows] = solved.left_out, solved.left_out_variance, solved.noise
    rest = np.setdiff1d(np.arange(len(known)), solved.rows)
    if len(rest):
        mean, spread = solved.predict(features[known[rest]], kind[known[rest]])
        left[rest] = target[rest] - mean
        noise[rest] = np.exp(solved.hyper.noise.numpy())[kind[known[rest]]]
        variance[rest] = spread + noise[rest]
    return left, variance, noise


def _trees(features: NDArray[np.float32], kind: Index, known: Index, target: Array, where: Index, seed: int) -> tuple[Array, Array]:
    """Boosted trees on the same features: prediction (E,) at ``where``, and residual (N,) of each measured point, its fold left out."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    X = np.column_stack([features, kind])

    def predict(rows: NDArray[np.bool_], at: Index) -> Array:
        model = HistGradientBoostingRegressor(
            max_iter=200,
            learning_rate=0.06,
            max_leaf_nodes=15,
            min_samples_leaf=10,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=seed,
        )
        model.fit(X[known[rows]], target[rows])
        return np.asarray(model.predict(X[at]), dtype=np.float64)

    fold = np.random.default_rng(seed).permutation(len(known)) % FOLDS
    left = np.empty(len(known))
    for number in range(FOLDS):
        held = fold == number
        left[held] = target[held] - predict(~held, known[held])
    return predict(np.ones(len(known), dtype=bool), where), left


def _blend(process: Array, ensemble: Array) -> float:
    """Share of the ensemble in the mean: half, or what the left-out residuals (N,) of the two say where half harms.

    A left-out residual is one network's that has seen a fifth less, and the mean of them all predicts: so half may look a little worse.
    """
    shares = np.array([0.5, 0.0, 0.15, 0.3])
    errors = [float(np.abs((1 - share) * process + share * ensemble).mean()) for share in shares]
    return 0.5 if errors[0] <= HARMLESS * errors[1] else float(shares[int(np.argmin(errors))])


def fit_few_shot(
    points: PointTable,
    columns: Index,
    zero: Array,
    known: Index,
    y: Array,
    floor: float,
    *,
    where: Index,
    seed: int,
    settings: GPSettings,
    layer: Layer = "process",
    networks: NetworkSettings | None = None,
    start: Learnt | None = None,
    taught: tuple[Index, Array] | None = None,
    ready: Callable[[Learnt], None] | None = None,
    device: str = "cpu",
    stage: Stage | None = None,
) -> FewShot:
    """Predict the points ``where`` (E,) from the anchors in ``columns``, the prediction ``zero`` (M,) SI and y (N,) SI at ``known``.

    ``floor`` (s): errors of smaller values count as errors of that size. ``layer``: what learns the ridge's residual; with ``none``, or too
    few points, the ridge stands alone. ``networks``: blended with the process. ``start``: of a fit of the same library at another corner,
    from more anchors or fewer; learnt anew where there is none, from the measured points or, at a corner whose values are
    known, the process's part from those of ``taught``: points (L,) and their values (L,) SI. ``ready`` is told it as soon as it is known,
    ``stage`` each step of training.
    """
    Z = points.anchors[:, columns] / points.scale[:, None]
    ratio, left = ridge(Z, zero / points.scale, y / points.scale[known], points.kind, known, floor / points.scale[known])
    base = ratio * points.scale
    unit = np.maximum(np.abs(base), floor)
    nothing = np.zeros(len(where))
    if layer == "none" or len(known) < FEWEST:
        spread = float(np.sqrt(np.mean((left * points.scale[known] / unit[known]) ** 2))) if len(known) else 1.0
        return FewShot(where, base[where], base, unit, np.full(len(where), spread), nothing, known, left * points.scale[known],
                       np.full(len(known), spread**2), None)  # fmt: skip
    kinds = int(points.kind.max()) + 1
    codes = points.kind[known]
    base, speed = _at_speed(points, columns, base, base, known, y, floor)
    estimate = _without_own(points, point_features(points, columns, base, speed)[0], base, known, y, floor, seed, device)
    base, speed = _at_speed(points, columns, base, estimate, known, y, floor)
    unit = np.maximum(np.abs(base), floor)
    features, groups = point_features(points, columns, base, speed)
    target, size = _residual(base, known, y, floor)
    if layer == "trees":
        added, left = _trees(features, points.kind, known, target, where, seed)
        spread = float(np.sqrt(np.mean(left**2))) * size
        return FewShot(where, base[where] + added * size * unit[where], base, unit, np.full(len(where), spread), nothing, known,
                       left * size * unit[known], np.full(len(known), spread**2), None)  # fmt: skip
    if start is None:
        at, truth = (known, y) if taught is None else taught
        hyper = fit_hyper(features[at], _residual(base, at, truth, floor, size)[0], points.kind[at], kinds, seed, settings, device, stage)
        hyper = replace(hyper, groups=groups)
    else:
        hyper = start.process
    solved = solve(features[known], target, codes, hyper.matched(groups), seed, settings, device)
    left_out, left_variance, noise = _left_out(features, points.kind, known, target, solved)
    unsure = np.clip(left_variance / np.maximum(noise, 1e-9) - 1.0, 0.05, 20.0)
    if start is None:
        start = Learnt(hyper, learn_kinship(points, columns, known, left_out, unsure, seed))
    if ready is not None:
        ready(start)
    mean, variance = solved.predict(features[where], points.kind[where])
    if networks is not None:
        ensemble = fit_ensemble(
            features[known], target, codes, points.table[known], kinds, seed=seed, settings=networks, device=device, stage=stage
        )
        blend = _blend(left_out, ensemble.left_out)
        mean = (1 - blend) * mean + blend * ensemble.predict(features[where], points.kind[where])
        left_out = (1 - blend) * left_out + blend * ensemble.left_out
    else:
        blend = 0.0
    own, left_out = among_relatives(points, columns, known, left_out, unsure, where, start.kinship)
    scale = size * unit[where]
    return FewShot(
        where=where,
        mean=base[where] + (mean + own) * scale,
        base=base,
        unit=unit,
        spread=np.sqrt(variance) * size,
        own=own * scale,
        known=known,
        left_out=left_out * size * unit[known],
        variance=left_variance * size**2,
        learnt=start,
        blend=blend,
    )
