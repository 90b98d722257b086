"""Predictors: gradient boosting on the residual of a smooth mean, trained on the measured and the filled values of libraries.

A tree is a staircase, and on raw delays the stairs are the error: boosted trees alone stay above 1 % where a smooth model reaches 0.3 %.
So the trees see only what the surfaces of ``eda_plugin.models.surface`` leave over, each value against a surface that did not see it, and
are monotone in load: the sum rises with load wherever the surface does. They are few and shallow, as emitted forms answer a million
queries a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain import Axis, Corner, Library, TableKey
from eda_plugin.domain.families import families
from eda_plugin.domain.predictor import EXPONENTS, FEATURES, KINDS, LEAST, UNIT, TreePredictor, Trees, coordinates
from eda_plugin.domain.quantity import TIMING
from eda_plugin.errors import UserError
from eda_plugin.models.completion import Completed, complete
from eda_plugin.models.surface import POWERS, Tables, fit_surfaces

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

__all__ = ["PredictorSettings", "flattened", "train_predictor"]

Floats = NDArray[np.float64]
_JUDGED = 400


@dataclass(frozen=True)
class PredictorSettings:
    """``rows``: how many values the trees learn from at most; ``components``: features that tell a surface's shape; ``coverage`` of the
    intervals; the same ``seed`` gives the same predictor."""

    trees: int = 12
    leaves: int = 31
    depth: int = 5
    learning_rate: float = 0.25
    rows: int = 250_000
    components: int = 8
    coverage: float = 0.9
    seed: int = 0


def train_predictor(
    libraries: Sequence[Library], *, kind: str = "timing", quantities: Sequence[str] = (), settings: PredictorSettings | None = None
) -> TreePredictor:
    """Train on all finite values of the libraries' tables of one kind (``KINDS``), one library a corner.

    A table that some corners lack, or of which they have few values, is completed there (``eda_plugin.models.completion``). Raises
    ``UserError`` where two libraries have one corner, or where no such table has a value.
    """
    settings = settings or PredictorSettings()
    libraries = sorted(libraries, key=lambda library: library.corner)
    corners = tuple(library.corner for library in libraries)
    twice = next((corner for corner in corners if corners.count(corner) > 1), None)
    if twice is not None:
        raise UserError(f"two libraries of corner {twice}; give one a corner")
    quantities = tuple(quantities) or KINDS[kind]
    strange = [quantity for quantity in quantities if quantity not in KINDS[kind]]
    if strange:
        raise UserError(f"a {kind} predictor can't learn {strange[0]!r}; it learns {', '.join(KINDS[kind])}")
    keys, slew, load, y = _stacked(libraries, quantities)
    if not np.isfinite(y).any():
        what = "slew-by-load timing table" if quantities[0] in TIMING else f"{kind} table"
        raise UserError(f"no library has a {what} with values; a predictor needs some to learn from")
    n, C, p = y.shape
    slew_range = np.array([np.nanmin(slew), max(float(np.nanmax(slew)), np.finfo(float).tiny)])
    load_reference = _reference(_least(-load))
    exponents = np.array(EXPONENTS[kind])
    u, v = coordinates(slew, load, slew_range, load_reference[:, None, None], exponents)
    known = np.isfinite(y)
    floor = np.array([0.1 * np.median(np.abs(y[:, c][known[:, c]])) if known[:, c].any() else np.nan for c in range(C)])
    if np.isnan(floor).any():
        raise UserError(f"the library of corner {corners[int(np.flatnonzero(np.isnan(floor))[0])]} has no {kind} value; leave it out")
    floor = np.maximum(floor, np.finfo(float).tiny)
    tables = Tables(u.reshape(n * C, p), v.reshape(n * C, p), y.reshape(n * C, p), np.tile(floor, n))
    # Of an axis of three values, squares: what a higher degree adds no value of the table tells.
    powers = POWERS[(POWERS[:, 0] < _lengths(slew)) & (POWERS[:, 1] < _lengths(load))]
    own = families(libraries)
    family = np.array([own[key.cell] for key in keys])
    quantity = np.array([KINDS[kind].index(key.quantity) for key in keys])
    present = known.sum(axis=2) >= min(len(powers) // 2, int(known.sum(axis=2).max()))
    fitted, unseen = fit_surfaces(tables, known.reshape(n * C, p), powers)
    whole = complete(fitted.reshape(n, C, -1), present, quantity, family, corners, tables, powers)
    shape, log_scale = _scaled(whole.coefficients, floor)
    span = np.stack([_least(slew), -_least(-slew), _least(load), -_least(-load)], axis=2)
    widest = np.stack(
        [np.nanmin(span[..., 0], 1), np.nanmax(span[..., 1], 1), np.nanmin(span[..., 2], 1), np.nanmax(span[..., 3], 1)], axis=1
    )
    span = np.where(np.isnan(span), widest[:, None], span)
    centre, components = _encoding(shape.reshape(n * C, -1), settings.components)
    draft = TreePredictor(
        keys, corners, powers, _packed(shape), log_scale, span, exponents, slew_range, load_reference, floor, centre, components, ~present,
        _nothing(), _nothing(), _nothing(), np.nan if p > 1 else 0.0, 1.0, 1.0, settings.coverage, {},
    )  # fmt: skip
    rng = np.random.default_rng(settings.seed)
    unseen = np.where(present[:, :, None], unseen.reshape(n, C, p), np.nan)
    made = _boosted(draft, unseen, slew, load, y, settings, rng) if p > 1 else draft
    between, completed = _between(made, slew, load, y, settings, rng), _completed(made, whole, slew, load, y, settings)
    return replace(made, width_between=between, width_completed=completed)


def _least(values: Floats) -> Floats:
    """Least of the last axis, NaN where all are NaN."""
    least = np.where(np.isnan(values), np.inf, values).min(axis=-1)
    return np.where(np.isinf(least), np.nan, least)


def _lengths(axis: Floats) -> int:
    """How many different values of (n, C, p) the longest axis has."""
    steps = np.diff(np.sort(axis, axis=2), axis=2)
    return int((steps > 0).sum(axis=2).max(initial=0)) + 1


def _reference(lowest: Floats) -> Floats:
    """(n,) the load that is 1 on a table's axis: about the largest of all corners. It is told from the corners that all tables have, where
    there are such: a table that others lack must not have another measure than those it is completed from."""
    largest = -lowest
    most: Floats = np.nanmax(largest, axis=1)
    whole = np.isfinite(largest).all(axis=1) & (most > 0)
    if not whole.any():
        return np.asarray(most + (most == 0))
    ratio = np.median(largest[whole] / most[whole, None], axis=0)
    common = np.isfinite(largest).all(axis=0)
    used = (largest / ratio)[:, common if common.any() else slice(None)]
    found = np.nanmax(used, axis=1)
    return np.asarray(np.where(found > 0, found, 1.0))


def _stacked(libraries: Sequence[Library], quantities: tuple[str, ...]) -> tuple[tuple[TableKey, ...], Floats, Floats, Floats]:
    """Keys n, and slew (s), load (F), value (s) of every point (n, C, p); p of the largest table, NaN where there is none.

    Of a constraint, slew is the related pin's and load the constrained pin's slew; an axis that a table lacks is 0.
    """
    rows: dict[TableKey, list[tuple[int, int]]] = {}
    points = 1
    for place, library in enumerate(libraries):
        for row, key in enumerate(library.keys):
            if key.quantity not in quantities:
                continue
            axes = [library.axes[axis] for axis in library.axis[row] if axis >= 0]
            if (key.nth == 0 and _slew_by_load(axes)) if key.quantity in TIMING else len(axes) < 3:
                rows.setdefault(key, []).append((place, row))
                points = max(points, int(library.start[row + 1] - library.start[row]))
    keys = tuple(sorted(rows))
    slew, load, y = (np.full((len(keys), len(libraries), points), np.nan) for _ in range(3))
    for at, key in enumerate(keys):
        for place, row in rows[key]:
            library = libraries[place]
            axes = [library.axes[axis] for axis in library.axis[row] if axis >= 0]
            grid = np.meshgrid(*(axis.values for axis in axes), indexing="ij")
            part = (at, place, slice(0, int(library.start[row + 1] - library.start[row])))
            slew[part], load[part] = 0.0, 0.0
            for axis, values in zip(axes, grid, strict=True):
                (load if axis.is_load or axis.variable.startswith("constrained") else slew)[part] = values.ravel()
            y[part] = library.values[library.start[row] : library.start[row + 1]]
    return keys, slew, load, y


def _slew_by_load(axes: Sequence[Axis]) -> bool:
    return len(axes) == 2 and axes[0].is_load != axes[1].is_load


def _scaled(coefficients: Floats, floor: Floats) -> tuple[Floats, Floats]:
    """Shape (n, C, K) of size one and log size (n, C), in the precision in which they are kept."""
    size = np.maximum(np.linalg.norm(coefficients, axis=2), 1e-6 * floor)
    log_scale = np.log(size).astype(np.float32).astype(np.float64)
    return np.asarray(_packed(coefficients / np.exp(log_scale)[:, :, None]) * UNIT, dtype=np.float64), log_scale


def _packed(shape: Floats) -> NDArray[np.int16]:
    return np.rint(np.clip(shape, -1, 1) / UNIT).astype(np.int16)


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
    """The predictor with its trees and the width of its intervals.

    ``unseen`` (n, C, p): what the smooth mean would be without the value. Of the values, 55 % teach the residual, 30 % its quantiles, 15 %
    calibrate the intervals (split conformal, Romano et al. 2019).
    """
    found = np.flatnonzero(np.isfinite(unseen) & np.isfinite(y))
    found = np.sort(rng.permutation(found)[: settings.rows * 20 // 11])
    row, corner, _ = np.unravel_index(found, y.shape)
    features = np.empty((len(found), len(FEATURES) + draft.components.shape[1]))
    size = np.empty(len(found))
    for place, name in enumerate(draft.corners):
        at = np.flatnonzero(corner == place)
        _, features[at], floor, _ = draft.mean(row[at], slew.flat[found[at]], load.flat[found[at]], name)
        size[at] = np.maximum(np.abs(unseen.flat[found[at]]), floor)
    rest = (y.flat[found] - unseen.flat[found]) / size
    part = rng.choice(3, len(found), p=[0.55, 0.3, 0.15])
    learn, widen, calibrate = (np.flatnonzero(part == number) for number in range(3))
    if not len(learn) or not len(widen) or not len(calibrate):
        return draft  # too few values to learn more than the surfaces from: no trees, intervals unknown
    residual = flattened(_fitted(features[learn], rest[learn], settings, loss="absolute_error", monotone=True))
    off = rest - residual.predict(features)
    tail = (1 - settings.coverage) / 2
    low, high = (flattened(_fitted(features[widen], off[widen], settings, loss="quantile", quantile=q)) for q in (tail, 1 - tail))
    made = replace(draft, residual=residual, low=low, high=high)
    down, up = (np.maximum(side, LEAST) for side in (-low.predict(features[calibrate]), high.predict(features[calibrate])))
    far = np.where(off[calibrate] < 0, -off[calibrate] / down, off[calibrate] / up)
    width = _conformal(far, settings.coverage)
    truth = y.flat[found[calibrate]]
    percent = 100 * np.abs(off[calibrate]) * size[calibrate] / np.maximum(np.abs(truth), np.finfo(float).tiny)
    scores = {}
    for quantity in dict.fromkeys(key.quantity for key in draft.keys):
        own = np.array([key.quantity == quantity for key in draft.keys])[row[calibrate]]
        if own.any():
            scores[quantity] = {
                "values": float(own.sum()),
                "mean absolute error (%)": float(percent[own].mean()),
                "median error (%)": float(np.median(percent[own])),
                "99th percentile (%)": float(np.quantile(percent[own], 0.99)),
                "inside the interval": float((far[own] <= width).mean()),
            }
    return replace(made, width=width, scores=scores)


def _conformal(ratio: Floats, coverage: float) -> float:
    return float(np.quantile(ratio, min(1.0, coverage * (1 + 1 / len(ratio))))) if len(ratio) else float("nan")


def _ratio(made: TreePredictor, found: NDArray[np.int64], place: int, corner: Corner, grid: tuple[Floats, Floats, Floats]) -> Floats:
    """Errors in units of half the interval, of the values ``found`` among those (n, p) of the corner in ``place``."""
    slew, load, y = (part[:, place] for part in grid)
    value, lower, upper, _ = made.evaluate(found // y.shape[1], slew.flat[found], load.flat[found], corner)
    off = y.flat[found] - value
    return np.where(off < 0, off / (lower - value), off / (upper - value))


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
            completed=made.completed[:, others],
            floor=made.floor[others],
            width_between=1.0,
        )
        some = rng.permutation(len(y))[:_JUDGED]  # tables: each costs a surface between corners
        found = np.flatnonzero(np.isfinite(y[:, place]) & np.isin(np.arange(len(y)), some)[:, None])
        ratios.append(_ratio(without, np.sort(rng.permutation(found)[:rows]), place, corner, (slew, load, y)))
    return _conformal(np.concatenate(ratios), settings.coverage)


def _completed(made: TreePredictor, whole: Completed, slew: Floats, load: Floats, y: Floats, settings: PredictorSettings) -> float:
    """Width of the intervals of completed tables: of tables that have the corner, completed as if they had not. 0 to nothing known: NaN."""
    ratios = []
    for rows, place, coefficients in whole.trial:
        shape, log_scale = _scaled(coefficients[:, None], made.floor[[place]])
        packed, scales, completed = made.shape.copy(), made.log_scale.copy(), np.zeros_like(made.completed)
        packed[rows, place], scales[rows, place], completed[rows, place] = _packed(shape)[:, 0], log_scale[:, 0], True
        tried = replace(made, shape=packed, log_scale=scales, completed=completed, width_completed=1.0)
        grid = np.flatnonzero(np.isfinite(y[:, place]) & np.isin(np.arange(len(y)), rows)[:, None])
        ratios.append(_ratio(tried, grid, place, made.corners[place], (slew, load, y)))
    return _conformal(np.concatenate(ratios), settings.coverage) if ratios else made.width_between


def _nothing() -> Trees:
    """No tree at all: zero everywhere."""
    empty, none = np.zeros(0), np.zeros(0, dtype=np.int32)
    return Trees(0.0, none, empty, none, none, empty, none, 0)


def _fitted(
    features: Floats, target: Floats, settings: PredictorSettings, *, loss: str, quantile: float | None = None, monotone: bool = False
) -> HistGradientBoostingRegressor:
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        loss=loss,
        quantile=quantile,
        max_iter=max(settings.trees, 1),
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
    # A threshold can be a training value itself, and a logarithm differs in its last bit between forms: the next single-precision number
    # above is none.
    threshold = np.nextafter(every["num_threshold"].astype(np.float32), np.float32(np.inf)).astype(np.float64)
    return Trees(
        baseline=float(model._baseline_prediction.item()),
        feature=np.where(leaf, 0, every["feature_idx"]).astype(np.int32),
        threshold=np.where(leaf, 0.0, threshold),
        left=np.where(leaf, own, every["left"] + shift).astype(np.int32),
        right=np.where(leaf, own, every["right"] + shift).astype(np.int32),
        value=np.where(leaf, every["value"], 0.0),
        root=root.astype(np.int32),
        depth=int(every["depth"].max()),
    )
