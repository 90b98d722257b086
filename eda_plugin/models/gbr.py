"""Delay predictors: gradient boosting on the residual of a smooth mean, trained on the measured and the filled values of libraries.

A tree is a staircase, and on raw delays the stairs are the error: boosted trees alone stay above 1 % where a smooth model reaches 0.3 %.
So the trees see only what the surfaces of ``eda_plugin.models.surface`` leave over, on values that the surface did not see (two folds of
five), and are monotone in load: the sum rises with load wherever the surface does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain import Corner, Library, TableKey
from eda_plugin.domain.predictor import FEATURES, TreePredictor, Trees, coordinates, corner_weights
from eda_plugin.domain.quantity import TIMING
from eda_plugin.errors import UserError
from eda_plugin.models.surface import POWERS, Tables, fit_surfaces, surface_values

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

__all__ = ["PredictorSettings", "flattened", "train_predictor"]

Floats = NDArray[np.float64]
_FOLDS, _FOLDS_USED = 5, 2


@dataclass(frozen=True)
class PredictorSettings:
    """``rows``: how many values the trees learn from at most; ``components``: features that tell a surface's shape; ``coverage`` of the
    intervals; the same ``seed`` gives the same predictor."""

    trees: int = 200
    leaves: int = 63
    depth: int = 9
    learning_rate: float = 0.1
    rows: int = 250_000
    components: int = 12
    coverage: float = 0.9
    seed: int = 0


def train_predictor(
    libraries: Sequence[Library], *, quantities: Sequence[str] = TIMING, settings: PredictorSettings | None = None
) -> TreePredictor:
    """Train on all finite values of the libraries' slew-by-load timing tables, one library a corner.

    Raises ``UserError`` where two libraries have one corner, or where no such table has a value.
    """
    settings = settings or PredictorSettings()
    libraries = sorted(libraries, key=lambda library: library.corner)
    corners = tuple(library.corner for library in libraries)
    twice = next((corner for corner in corners if corners.count(corner) > 1), None)
    if twice is not None:
        raise UserError(f"two libraries of corner {twice}; give one a corner")
    strange = [quantity for quantity in quantities if quantity not in TIMING]
    if strange:
        raise UserError(f"a delay predictor can't learn {strange[0]!r}; it learns {', '.join(TIMING)}")
    keys, slew, load, y = _stacked(libraries, tuple(quantities))
    if not np.isfinite(y).any():
        raise UserError("no library has a slew-by-load timing table with values; a predictor needs some to learn from")
    n, C, p = y.shape
    slew_range = np.array([np.nanmin(slew), np.nanmax(slew)])
    load_reference = np.nanmax(load, axis=(1, 2))
    u, v = coordinates(slew, load, slew_range, load_reference[:, None, None])
    known = np.isfinite(y)
    floor = np.array([0.1 * np.median(np.abs(y[:, c][known[:, c]])) if known[:, c].any() else np.nan for c in range(C)])
    if np.isnan(floor).any():
        raise UserError(f"the library of corner {corners[int(np.flatnonzero(np.isnan(floor))[0])]} has no timing value; leave it out")
    floor = np.maximum(floor, np.finfo(float).tiny)
    tables = Tables(u.reshape(n * C, p), v.reshape(n * C, p), y.reshape(n * C, p), np.tile(floor, n))
    use = known.reshape(n * C, p)

    rng = np.random.default_rng(settings.seed)
    fold = rng.integers(0, _FOLDS, use.shape)
    unseen = np.full(use.shape, np.nan)
    for number in range(_FOLDS_USED):
        part = use & (fold == number)
        unseen[part] = surface_values(tables, fit_surfaces(tables, use & ~part, rounds=4))[part]
    shape, log_scale = _completed(fit_surfaces(tables, use).reshape(n, C, -1), np.asarray(known.any(axis=2)), corners, floor)
    span = np.stack([_least(slew), -_least(-slew), _least(load), -_least(-load)], axis=2)
    centre, components = _encoding(shape.reshape(n * C, -1), settings.components)
    draft = TreePredictor(
        keys, corners, POWERS, shape, log_scale, span, slew_range, load_reference, floor, centre, components, _nothing(), _nothing(),
        1.0, np.nan, settings.coverage,
    )  # fmt: skip
    return _boosted(draft, unseen.reshape(n, C, p), slew, load, y, settings, rng)


def _least(values: Floats) -> Floats:
    """Least of the last axis, NaN where all are NaN."""
    least = np.where(np.isnan(values), np.inf, values).min(axis=-1)
    return np.where(np.isinf(least), np.nan, least)


def _stacked(libraries: Sequence[Library], quantities: tuple[str, ...]) -> tuple[tuple[TableKey, ...], Floats, Floats, Floats]:
    """Keys n, and slew (s), load (F), value (s) of every point (n, C, p); p of the largest table, NaN where there is none."""
    rows: dict[TableKey, list[tuple[int, int]]] = {}
    points = 1
    for place, library in enumerate(libraries):
        loads = np.array([axis.is_load for axis in library.axes] + [False])
        for row, key in enumerate(library.keys):
            first, second, third = library.axis[row]
            if key.quantity in quantities and key.nth == 0 and first >= 0 and second >= 0 and third < 0 and loads[first] != loads[second]:
                rows.setdefault(key, []).append((place, row))
                points = max(points, int(library.start[row + 1] - library.start[row]))
    keys = tuple(sorted(rows))
    slew, load, y = (np.full((len(keys), len(libraries), points), np.nan) for _ in range(3))
    for at, key in enumerate(keys):
        for place, row in rows[key]:
            library = libraries[place]
            first, second = (library.axes[axis] for axis in library.axis[row, :2])
            grid = np.meshgrid(first.values, second.values, indexing="ij")
            part = (at, place, slice(0, grid[0].size))
            load[part], slew[part] = (axis.ravel() for axis in (grid if first.is_load else grid[::-1]))
            y[part] = library.values[library.start[row] : library.start[row + 1]]
    return keys, slew, load, y


def _completed(coefficients: Floats, present: NDArray[np.bool_], corners: tuple[Corner, ...], floor: Floats) -> tuple[Floats, Floats]:
    """Shape (n, C, K) of size one and log size (n, C); a surface that a corner lacks is kriged from the corners that have it."""
    size = np.maximum(np.linalg.norm(coefficients, axis=2), 1e-6 * floor)
    shape, log_scale = coefficients / size[:, :, None], np.log(size)
    for pattern in np.unique(present, axis=0):
        rows = np.flatnonzero((present == pattern).all(axis=1))
        source = np.flatnonzero(pattern)
        for lacking in np.flatnonzero(~pattern):
            weights = corner_weights(corners[lacking], [corners[place] for place in source])
            shape[rows, lacking] = np.einsum("c,rck->rk", weights, shape[np.ix_(rows, source)])
            log_scale[rows, lacking] = log_scale[np.ix_(rows, source)] @ weights
    return shape, log_scale


def _encoding(shape: Floats, components: int) -> tuple[Floats, Floats]:
    """Centre (K,) and principal axes (K, components), scaled to unit variance: an arc is told to the trees by its surface's scores."""
    centre = shape.mean(axis=0)
    _, size, axes = np.linalg.svd(shape - centre, full_matrices=False)
    spread = np.maximum(size / np.sqrt(len(shape)), 1e-9)
    # The sign of an axis is arbitrary: its largest part is made positive, so that every machine has the same.
    sign = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    return centre, np.ascontiguousarray((axes * (sign / spread)[:, None])[:components].T)


def _boosted(
    draft: TreePredictor, unseen: Floats, slew: Floats, load: Floats, y: Floats, settings: PredictorSettings, rng: np.random.Generator
) -> TreePredictor:
    """The predictor with its trees and the widths of its intervals.

    ``unseen`` (n, C, p): the smooth mean at values that it did not see. Of these, 70 % teach the residual, 15 % its spread, 15 %
    calibrate the intervals (split conformal).
    """
    found = np.flatnonzero(np.isfinite(unseen) & np.isfinite(y))
    found = np.sort(rng.permutation(found)[: settings.rows * 10 // 7])
    row, corner, _ = np.unravel_index(found, y.shape)
    features = np.empty((len(found), len(FEATURES) + draft.components.shape[1]))
    size = np.empty(len(found))
    for place, name in enumerate(draft.corners):
        at = np.flatnonzero(corner == place)
        _, features[at], floor, _ = draft.mean(row[at], slew.flat[found[at]], load.flat[found[at]], name)
        size[at] = np.maximum(np.abs(unseen.flat[found[at]]), floor)
    rest = (y.flat[found] - unseen.flat[found]) / size
    part = rng.choice(3, len(found), p=[0.7, 0.15, 0.15])
    learn, widen, calibrate = (np.flatnonzero(part == number) for number in range(3))
    if not len(learn) or not len(widen) or not len(calibrate):
        return draft  # too few values to learn more than the surfaces from: no trees, intervals unknown
    residual = _fitted(features[learn], rest[learn], settings, loss="absolute_error", trees=settings.trees, monotone=True)
    off = np.abs(rest - residual.predict(features))
    # How far off is a rougher question than what: fewer trees answer it as well.
    spread = _fitted(features[widen], np.log(off[widen] + 1e-4), settings, loss="squared_error", trees=settings.trees // 4, monotone=False)
    ratio = off[calibrate] / np.exp(spread.predict(features[calibrate]))
    width = float(np.quantile(ratio, min(1.0, settings.coverage * (1 + 1 / len(ratio)))))
    made = replace(draft, residual=flattened(residual), spread=flattened(spread), width=width)
    return replace(made, width_between=_between(made, slew, load, y, settings, rng))


def _between(
    made: TreePredictor, slew: Floats, load: Floats, y: Floats, settings: PredictorSettings, rng: np.random.Generator, *, rows: int = 5_000
) -> float:
    """Width of the intervals at a corner not trained on: each training corner in turn is asked of the surfaces of the others."""
    ratios = []
    for place, corner in enumerate(made.corners):
        others = [other for other in range(len(made.corners)) if other != place]
        if not others:
            return np.nan
        without = replace(
            made,
            corners=tuple(made.corners[other] for other in others),
            shape=made.shape[:, others],
            log_scale=made.log_scale[:, others],
            span=made.span[:, others],
            floor=made.floor[others],
            width_between=1.0,
        )
        found = np.flatnonzero(np.isfinite(y[:, place]))
        found = np.sort(rng.permutation(found)[:rows])
        row = found // y.shape[2]
        value, lower, _, _ = without.evaluate(row, slew[:, place].flat[found], load[:, place].flat[found], corner)
        ratios.append(np.abs(y[:, place].flat[found] - value) / (value - lower))
    return float(np.quantile(np.concatenate(ratios), settings.coverage))


def _nothing() -> Trees:
    """No tree at all: zero everywhere."""
    empty, none = np.zeros(0), np.zeros(0, dtype=np.int32)
    return Trees(0.0, none, empty, none, none, empty, none, 0)


def _fitted(
    features: Floats, target: Floats, settings: PredictorSettings, *, loss: str, trees: int, monotone: bool
) -> HistGradientBoostingRegressor:
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        loss=loss,
        max_iter=max(trees, 1),
        max_leaf_nodes=settings.leaves,
        max_depth=settings.depth,
        learning_rate=settings.learning_rate,
        monotonic_cst=[1] + [0] * (features.shape[1] - 1) if monotone else None,
        early_stopping=False,
        random_state=settings.seed,
    )
    return model.fit(features, target)


def flattened(model: HistGradientBoostingRegressor) -> Trees:
    """The arrays of a fitted scikit-learn ensemble of numerical features, whose predictions they give again."""
    nodes = [predictor.nodes for iteration in model._predictors for predictor in iteration]
    begin = np.cumsum([0, *map(len, nodes)])
    root = begin[:-1]
    every = np.concatenate(nodes)
    leaf = every["is_leaf"].astype(bool)
    own = np.arange(len(every))
    shift = np.repeat(root, np.diff(begin))
    return Trees(
        baseline=float(model._baseline_prediction.item()),
        feature=np.where(leaf, 0, every["feature_idx"]).astype(np.int32),
        threshold=np.where(leaf, 0.0, every["num_threshold"]),
        left=np.where(leaf, own, every["left"] + shift).astype(np.int32),
        right=np.where(leaf, own, every["right"] + shift).astype(np.int32),
        value=np.where(leaf, every["value"], 0.0),
        root=root.astype(np.int32),
        depth=int(every["depth"].max()),
    )
