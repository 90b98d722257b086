"""Delay and transition of a corner of which some points were simulated: mean, interval and joint samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eda_plugin.config import FillSettings, Progress
from eda_plugin.domain import Corner
from eda_plugin.models.diffusion import DiffusionSettings
from eda_plugin.models.features import PointTable
from eda_plugin.models.fewshot import FEWEST, FewShot, Layer, fit_few_shot
from eda_plugin.models.gp import GPSettings
from eda_plugin.models.intervals import ENOUGH, Factors, Scale, conformal, error_features, fit_scale
from eda_plugin.models.network import NetworkSettings
from eda_plugin.models.pseudo import Cast, Rehearsal, Rehearsals, choose_stand_ins, learn_from
from eda_plugin.models.residual import ResidualModel, conditions, fit_residual_model, table_set
from eda_plugin.models.zeroshot import ZeroShot

__all__ = ["TimingFill", "fit_timing", "mended", "scales"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]

LAYERS: dict[str, Layer] = {"ridge": "none", "gbr": "trees"}
"""By the model's name; every other has the process."""
NAMES = {"process": "ridge, Gaussian process, own points", "trees": "ridge, boosted trees", "none": "ridge"}
STAND_INS = 3
TABLES = 600
"""Whole tables predicted in each rehearsal."""
CALIBRATE = 700
"""Measured values from which on the process learns its hyper-parameters from them, and intervals are calibrated at the target itself. From
fewer it learns the values by heart: what is left of 190 of them is too small by a half (examples/hkmg22). Then an anchor teaches it."""

ALIKE, MOST = 0.5, 2.0
"""How far apart two corners are, by the logarithm of how certain kriging is of them, before one says little of the other's intervals; and
the most by which these say that the other's are too narrow."""
SEVERAL = 2
"""Simulated points of a table from which on there are several."""


@dataclass(frozen=True, eq=False)
class TimingFill:
    """At every point (M,): ``mean`` SI, ``half`` width of the interval SI, ``sigma`` error scale SI.

    ``residual``: models of the tables' joint errors, by shape, and ``condition``: which tables have that shape, and what the model is told
    of each. ``coverage``: of the intervals.
    """

    points: PointTable
    fit: FewShot
    mean: Array
    half: Array
    sigma: Array
    residual: dict[tuple[int, ...], ResidualModel]
    condition: dict[tuple[int, ...], tuple[Index, Array]]
    coverage: float
    report: dict[str, object]


def fit_timing(
    points: PointTable,
    corners: Sequence[Corner],
    target: Corner,
    zero: ZeroShot,
    known: Index,
    y: Array,
    floor: float,
    settings: FillSettings,
    progress: Progress,
) -> TimingFill:
    """Fit, calibrate, and learn the tables' joint errors.

    ``zero``: the target, and each anchor held out, predicted without simulations. ``y`` (N,) SI at the points ``known``; ``floor`` (s):
    errors of smaller values count as errors of that size.
    """
    layer = LAYERS.get(settings.model, "process")
    gp = GPSettings()
    everywhere = np.arange(len(points))
    columns = np.arange(points.anchors.shape[1])
    networks = NetworkSettings() if settings.model == "auto" else None
    steps = gp.steps + (0 if networks is None else networks.steps_for(len(known)))
    rng = np.random.default_rng(settings.seed)
    tables = np.sort(rng.permutation(len(points.rows))[:TABLES])
    outside = (points.beyond > 0).mean(axis=0)
    chosen = choose_stand_ins(corners, target, outside, STAND_INS) if len(corners) > 2 else []
    cast = Cast(points, tuple(corners), known, floor, points.of_tables(tables), settings.seed, gp, layer, None, settings.device)
    teachers = chosen[:1] if layer == "process" and len(known) < CALIBRATE else []
    with Rehearsals(cast, chosen[len(teachers) :], zero.held_out) as others:
        with progress.stage("fitting delay and transition", steps if layer == "process" else None) as stage:
            rehearsals = [learn_from(cast, number, zero.held_out[:, number], stage) for number in teachers]
            fit = fit_few_shot(
                points,
                columns,
                zero.mean,
                known,
                y,
                floor,
                where=everywhere,
                seed=settings.seed,
                settings=gp,
                layer=layer,
                networks=networks,
                start=rehearsals[0].fit.learnt if rehearsals else None,
                ready=others.begin,
                device=settings.device,
                stage=stage,
            )
        with progress.stage("rehearsing on anchors", len(chosen) - len(teachers)) as stage:
            rehearsals += others.results(stage)
    kinds = int(points.kind.max()) + 1
    with progress.stage("calibrating intervals"):
        scale, scale_known, rehearsed = scales(points, fit, rehearsals, settings.seed)
        left = fit.left_out / fit.unit[known]
        if len(known) >= CALIBRATE:
            factors = _at_simulated(points, fit, scale_known, settings.interval)
            wider = mended(points, rehearsed, zero.widen[chosen], settings.interval)[_simulated(points, fit)]
        else:
            pairs = [
                (r.error[np.isfinite(r.error)], s[np.isfinite(r.error)], points.kind[r.fit.where][np.isfinite(r.error)])
                for r, s, _ in rehearsed
            ]
            error, size, kind = (
                (np.concatenate(part) for part in zip(*pairs, strict=True)) if pairs else (left, scale_known, points.kind[known])
            )
            factors = conformal(error, size, kind, kinds, settings.interval).at_least(left, scale_known, settings.interval)
            wider = np.ones(len(points))
        half = wider * factors.of(points.kind, scale) * scale * fit.unit
    shapes = _shapes(points)
    diffusion = DiffusionSettings()
    sampled = settings.diffusion and settings.model == "auto"
    residual, condition = {}, {}
    judged: dict[str, object] = {}
    with progress.stage("training the diffusion model", diffusion.steps if sampled else None) as stage:
        for shape, members in shapes.items():
            sets = [table_set(points, tables, shape, r.error, s, r.fit.known, _surprise(r.fit, s, points)) for r, s, _ in rehearsed]
            sets = [part for part in sets if len(part.table)]
            model = fit_residual_model(
                points,
                shape,
                sets,
                seed=settings.seed,
                diffusion=sampled,
                settings=diffusion,
                stage=stage,
                device=settings.device,
            )
            residual[shape] = model
            flat = points.first[members][:, None] + np.arange(int(np.prod(shape)))
            surprise = left / np.maximum(scale_known, 1e-9)
            condition[shape] = members, conditions(points, members, scale[flat], known, surprise)
            if model.judged is not None:
                judged["x".join(map(str, shape))] = model.judged.__dict__
    left_share = np.abs(fit.left_out) / np.maximum(np.abs(y), floor)
    report: dict[str, object] = {
        "model": NAMES[layer if len(known) >= FEWEST else "none"] + (", networks" if fit.blend else ""),
        "networks_share": fit.blend,
        "left_out_error_pct": round(100 * float(left_share.mean()), 4) if len(y) else None,
        "rehearsed": {r.corner.name: {"error_pct": _mean_pct(r.error)} for r, _, _ in rehearsed},
        "table_samples": judged,
    }
    return TimingFill(points, fit, fit.mean, half, scale * fit.unit, residual, condition, settings.interval, report)


def _mean_pct(error: Array) -> float | None:
    """Mean size of the known errors; ``None`` where every point of a rehearsal was given."""
    known = error[np.isfinite(error)]
    return round(100 * float(np.abs(known).mean()), 4) if len(known) else None


def scales(
    points: PointTable, fit: FewShot, rehearsals: Sequence[Rehearsal], seed: int
) -> tuple[Array, Array, list[tuple[Rehearsal, Array, Array]]]:
    """Error scale (M,) of the target, (N,) of its measured points, and both of each rehearsal, by the other rehearsals: what an error of a
    corner looks like whose errors are not known."""
    columns = np.arange(points.anchors.shape[1])
    own, at_known = error_features(points, columns, fit), error_features(points, columns, fit, at_known=True)
    if not rehearsals:
        level = float(np.sqrt(np.mean((fit.left_out / fit.unit[fit.known]) ** 2))) if len(fit.known) else float(fit.spread.mean())
        return np.full(len(own), level), np.full(len(at_known), level), []
    where = [error_features(points, r.columns, r.fit) for r in rehearsals]
    known = [error_features(points, r.columns, r.fit, at_known=True) for r in rehearsals]
    features = [np.concatenate(parts) for parts in zip(where, known, strict=True)]
    errors = [np.concatenate([r.error, r.fit.left_out / r.fit.unit[r.fit.known]]) for r in rehearsals]

    def learnt(numbers: Sequence[int]) -> Scale:
        X, e = (np.concatenate([part[n] for n in numbers]) for part in (features, errors))
        sound = np.isfinite(e)
        return fit_scale(X[sound], e[sound], seed)

    every = range(len(rehearsals))
    scale = learnt(every)
    others = [learnt([m for m in every if m != n]) if len(every) > 1 else scale for n in every]
    rehearsed = [(r, other.predict(a), other.predict(b)) for r, other, a, b in zip(rehearsals, others, where, known, strict=True)]
    return scale.predict(own), scale.predict(at_known), rehearsed


def mended(points: PointTable, rehearsed: Sequence[tuple[Rehearsal, Array, Array]], widen: Array, coverage: float) -> Array:
    """Factors (``SEVERAL`` + 1,), 1 or more, by which intervals are to be wider that were calibrated at the points simulated at a target:
    in tables without simulations, with one, with several.

    It is what the rehearsals' intervals lacked that were calibrated so, each as alike to the target as kriging says that it is as certain
    as the target (``widen`` (R,), 1 for equal): where a corner is extrapolated, errors at its simulated points say too little, and tables
    are simulated several times because they are hard to tell. One that lacked nothing is taken to have been seen, too: they are few.
    """
    classes = range(SEVERAL + 1)
    lacked: list[list[float]] = []
    for r, scale, scale_known in rehearsed:
        kind, sound = points.kind[r.fit.where], np.isfinite(r.error)
        if not sound.any() or not len(r.fit.known):
            return np.ones(len(classes))
        factors = _at_simulated(points, r.fit, scale_known, coverage)
        missed = np.abs(r.error[sound]) / (factors.of(kind[sound], scale[sound]) * scale[sound])
        simulated = _simulated(points, r.fit)[r.fit.where][sound]
        groups = [missed[simulated == n] for n in classes]
        lacked.append([float(np.quantile(group if len(group) >= ENOUGH else missed, coverage)) for group in groups])
    if not lacked:
        return np.ones(len(classes))
    alike = np.exp(-0.5 * (np.log(widen) / ALIKE) ** 2)
    return np.asarray(np.clip((alike @ np.array(lacked) + 1.0) / (alike.sum() + 1.0), 1.0, MOST), dtype=np.float64)


def _simulated(points: PointTable, fit: FewShot) -> Index:
    """(M,) simulated points of each point's table, up to ``SEVERAL``."""
    return np.minimum(np.bincount(points.table[fit.known], minlength=len(points.rows)), SEVERAL)[points.table]


def _at_simulated(points: PointTable, fit: FewShot, scale_known: Array, coverage: float) -> Factors:
    """Factors by the simulated points, each predicted without itself: by those that are alone in their table, where they are enough. What
    its own table's other points predict is less wrong than any point of a table without simulations."""
    kind = points.kind[fit.known]
    alone = _simulated(points, fit)[fit.known] == 1
    used = alone if alone.sum() >= CALIBRATE else np.ones(len(kind), dtype=bool)
    left = fit.left_out / fit.unit[fit.known]
    return conformal(left[used], scale_known[used], kind[used], int(points.kind.max()) + 1, coverage)


def _surprise(fit: FewShot, scale: Array, points: PointTable) -> Array:
    """Left-out residuals of a rehearsal in units of its own typical scale, by kind."""
    level = np.array(
        [
            np.median(scale[points.kind[fit.where] == code]) if (points.kind[fit.where] == code).any() else 1.0
            for code in range(int(points.kind.max()) + 1)
        ]
    )
    return np.asarray(fit.left_out / fit.unit[fit.known] / level[points.kind[fit.known]], dtype=np.float64)


def _shapes(points: PointTable) -> dict[tuple[int, ...], Index]:
    shapes, inverse = np.unique(points.shape, axis=0, return_inverse=True)
    return {tuple(int(n) for n in shape): np.flatnonzero(inverse.ravel() == number) for number, shape in enumerate(shapes)}
