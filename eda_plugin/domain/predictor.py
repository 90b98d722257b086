"""A trained delay predictor as plain arrays: it answers without the library that trained it.

value = m + r * max(|m|, floor). m is a smooth surface of slew and load, one an arc, table and corner: a product of Chebyshev polynomials
in (slew / reference) ** 1/4 and (load / reference) ** 1/2. r comes of boosted trees over slew, load, corner and the surface's own shape.
Between corners, the surfaces' values are kriged with weights of the corner alone. Trees of two quantiles give the interval.

A constraint table is such a surface over the slews of the related and of the constrained pin, a leakage number one without axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain.arc import Arc, TableKey, timing_quantities
from eda_plugin.domain.corner import Corner, process_axes
from eda_plugin.domain.quantity import CONSTRAINT, LEAKAGE, TIMING
from eda_plugin.errors import UserError

__all__ = [
    "EXPONENTS",
    "FEATURES",
    "KINDS",
    "LEAST",
    "UNIT",
    "Predicted",
    "Status",
    "TreePredictor",
    "Trees",
    "chebyshev",
    "coordinates",
    "corner_weights",
]

Floats = NDArray[np.float64]

EXPONENTS = {"timing": (0.25, 0.5), "constraint": (1.0, 1.0), "leakage": (1.0, 1.0)}
"""Of slew and load on the axes of a kind's surfaces."""
FEATURES = ("load", "log slew", "log slew / scale", "log scale", "quantity", "nmos speed", "pmos speed", "voltage", "temperature")
KINDS = {"timing": TIMING, "constraint": CONSTRAINT, "leakage": LEAKAGE}
"""What predictors answer, each kind one of its own."""
UNIT = 1 / 32767
"""Of a stored coefficient: 16 bits keep it to 0.002 % of its surface."""
LEAST = 1e-4
"""Half an interval, relative, before it is calibrated: trees of quantiles that cross would give none."""
_CHUNK = 1 << 14
_TABLES, _GRID = 512, 8


class Status(IntFlag):
    """What every form of a predictor says of an answer; 0 where nothing is to be said."""

    GRID = 1  # slew or load outside the table that was trained on
    CORNER = 2  # a corner not trained on: interpolated
    COMPLETED = 4  # the arc had no table at this corner: taken over from the other corners
    REFUSED = 8  # no such table, or a slew or load that is negative or no number: there is no answer


@dataclass(frozen=True, eq=False)
class Trees:
    """A boosted ensemble, all nodes in flat arrays. A leaf's children are itself, so that ``depth`` steps end in a leaf from any root.

    ``feature``, ``left``, ``right`` (nodes,) int32; ``threshold``, ``value`` (nodes,); ``root`` (trees,); ``left`` is taken where
    feature <= threshold. The prediction is ``baseline`` plus the sum of one leaf a tree.
    """

    baseline: float
    feature: NDArray[np.int32]
    threshold: Floats
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: Floats
    root: NDArray[np.int32]
    depth: int

    def predict(self, X: Floats) -> Floats:
        """(rows, features) to (rows,)."""
        total = np.full(len(X), self.baseline)
        feature, threshold = self.feature.astype(np.int64), self.threshold
        child = np.stack([self.left, self.right], axis=1).ravel().astype(np.int64)
        for begin in range(0, len(X), _CHUNK):
            part = np.ascontiguousarray(X[begin : begin + _CHUNK])
            flat, row = part.ravel(), np.arange(len(part)) * part.shape[1]
            for root in self.root:
                node = np.full(len(part), root, dtype=np.int64)
                for _ in range(self.depth):
                    node = child.take(2 * node + (flat.take(row + feature.take(node)) > threshold.take(node)))
                total[begin : begin + _CHUNK] += self.value.take(node)
        return total


@dataclass(frozen=True, eq=False)
class Predicted:
    """n answers in s: ``delay`` and ``transition`` (n,), their intervals ``lower`` and ``upper`` (n, 2), delay first; NaN where the arc has
    no such table. ``outside`` (n,): slew, load or corner lies outside what the predictor was trained on, so the answer extrapolates."""

    delay: Floats
    transition: Floats
    lower: Floats
    upper: Floats
    outside: NDArray[np.bool_]


def chebyshev(x: Floats, degree: int) -> tuple[Floats, Floats]:
    """T_0..T_degree of ``x`` and their derivatives, each (..., degree + 1); degree 1 at least."""
    values = [np.ones_like(x), x]
    slopes = [np.zeros_like(x), np.ones_like(x)]
    for _ in range(degree - 1):
        values.append(2 * x * values[-1] - values[-2])
        slopes.append(2 * values[-2] + 2 * x * slopes[-1] - slopes[-2])
    return np.stack(values, axis=-1), np.stack(slopes, axis=-1)


def coordinates(slew: Floats, load: Floats, slew_range: Floats, load_reference: Floats, exponents: Floats) -> tuple[Floats, Floats]:
    """Slew (s) and load (F) on the surfaces' axes: -1 at the least slew and at no load, 1 at the largest slew and the reference load."""
    zero = (slew_range[0] / slew_range[1]) ** exponents[0]
    u = 2 * ((np.maximum(slew, 0) / slew_range[1]) ** exponents[0] - zero) / max(1 - zero, 1e-3) - 1
    v = 2 * (np.maximum(load, 0) / load_reference) ** exponents[1] - 1
    return u, v


def _place(corner: Corner) -> Floats:
    """A corner as numbers of about equal effect."""
    speed = process_axes(corner.process) or (0.0, 0.0)
    return np.array([*speed, 5 * np.log(corner.voltage), corner.temperature / 100])


def corner_weights(target: Corner, known: Sequence[Corner]) -> Floats:
    """(known,) weights of the known corners' surfaces at the target: 1 for itself, else kriging with a constant, a linear and a local part.

    Processes without an order between them (``process_axes`` is None) share only the constant part's half.
    """
    if target in known:
        return np.array([float(corner == target) for corner in known])
    corners = [*known, target]
    places = np.stack([_place(corner) for corner in corners])
    ordered = np.array([process_axes(corner.process) is not None for corner in corners])
    names = np.array([corner.process for corner in corners])
    alike = (ordered[:, None] & ordered) | (names[:, None] == names)
    square = ((places[:, None] - places) ** 2).sum(axis=2)
    kernel = np.where(alike, 100 + places @ places.T + 0.3 * np.exp(-0.5 * square), 50)
    inner = kernel[:-1, :-1] + 1e-6 * np.eye(len(known))
    weights = np.linalg.solve(inner, kernel[:-1, -1])
    return np.asarray(weights / weights.sum(), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class TreePredictor:
    """Values of known tables at any slew, load and corner.

    n surfaces, C training corners, K basis functions, F features. ``keys`` n tables; ``powers`` (K, 2) degrees in slew and load;
    ``shape`` (n, C, K) int16 coefficients of size one in ``UNIT``, ``log_scale`` (n, C) the log of their size (s); ``span`` (n, C, 4)
    least and largest slew (s), least and largest load (F) of the training tables, of all corners where one had no such table;
    ``completed`` (n, C): taken over from other corners; ``exponents`` (2,) of slew and load; ``slew_range`` (2,) s; ``load_reference``
    (n,) F; ``floor`` (C,) s; ``centre`` (K,) and ``components`` (K, F - 9) make features of a shape. An interval reaches from ``low`` to
    ``high`` (of r), ``width`` times as far, at a corner not trained on ``width_between`` times, where completed ``width_completed``
    times (NaN where unknown). Of other kinds than timing, slew and load stand for the slews of the related and the constrained pin, s
    for the quantity's unit. ``scores`` by quantity: errors (%) and coverage on values that nothing was learnt from.
    """

    keys: tuple[TableKey, ...]
    corners: tuple[Corner, ...]
    powers: NDArray[np.int32]
    shape: NDArray[np.int16]
    log_scale: Floats
    span: Floats
    exponents: Floats
    slew_range: Floats
    load_reference: Floats
    floor: Floats
    centre: Floats
    components: Floats
    completed: NDArray[np.bool_]
    residual: Trees
    low: Trees
    high: Trees
    width: float
    width_between: float
    width_completed: float
    coverage: float
    scores: Mapping[str, Mapping[str, float]]

    @cached_property
    def quantity(self) -> NDArray[np.int64]:
        """(n,) place of each table's quantity among those of its kind."""
        return np.array([next(names.index(key.quantity) for names in KINDS.values() if key.quantity in names) for key in self.keys])

    @cached_property
    def position(self) -> dict[TableKey, int]:
        """Row of each key."""
        return {key: row for row, key in enumerate(self.keys)}

    def surfaces(self, rows: NDArray[np.int64], corner: Corner) -> tuple[Floats, Floats, Floats, float]:
        """At a corner: shape (r, K), log scale (r,), span (r, 4) of the surfaces in ``rows``, and the floor (s)."""
        weights = corner_weights(corner, self.corners)
        nearest = int(np.argmax(weights))
        floor = float(np.exp(np.log(self.floor) @ weights))
        if corner in self.corners or not len(rows):
            return self.shape[rows, nearest] * UNIT, self.log_scale[rows, nearest], self.span[rows, nearest], floor
        own, place = np.unique(rows, return_inverse=True)
        parts = [self._between(own[begin : begin + _TABLES], weights, nearest) for begin in range(0, len(own), _TABLES)]
        shape, scale = (np.concatenate([part[side] for part in parts])[place] for side in range(2))
        return shape, scale, self.span[rows, nearest], floor

    def _between(self, rows: NDArray[np.int64], weights: Floats, nearest: int) -> tuple[Floats, Floats]:
        """Shape and log scale from the corners' values on the nearest one's grid: their size by its logarithm, their pattern as it is.

        Values, not coefficients: what a surface would be outside of its own corner's loads is nobody's knowledge.
        """
        K, r = len(self.powers), len(rows)
        grid = np.cos(np.pi * (np.arange(_GRID) + 0.5) / _GRID) / 2 + 0.5
        at = [part.ravel() for part in np.meshgrid(grid, grid, indexing="ij")]
        span = self.span[rows, nearest]
        slew, load = (
            (span[:, [low]] ** power + at[side] * (span[:, [low + 1]] ** power - span[:, [low]] ** power)) ** (1 / power)
            for side, (low, power) in enumerate(zip((0, 2), self.exponents, strict=True))
        )
        every, points = np.repeat(rows, slew.shape[1]), (slew.ravel(), load.ravel())
        pattern, log_size = np.zeros(slew.shape), np.zeros(r)
        for used in np.flatnonzero(weights).tolist():
            shape, scale, own = self.shape[every, used] * UNIT, self.log_scale[every, used], self.span[every, used]
            value = self._smooth(shape, scale, own, self.load_reference[every], *points)[0].reshape(slew.shape)
            size = np.maximum(np.sqrt((value**2).mean(axis=1)), np.finfo(float).tiny)
            pattern += weights[used] * value / size[:, None]
            log_size += weights[used] * np.log(size)
        u, v = coordinates(slew, load, self.slew_range, self.load_reference[rows, None], self.exponents)
        i, j = self.powers.T
        degrees = [max(int(power.max()), 1) for power in (i, j)]
        design = chebyshev(u, degrees[0])[0][..., i] * chebyshev(v, degrees[1])[0][..., j]
        gram = design.transpose(0, 2, 1) @ design + 1e-5 * len(at[0]) * np.eye(K)
        found = np.linalg.solve(gram, design.transpose(0, 2, 1) @ pattern[..., None])[..., 0]
        size = np.maximum(np.linalg.norm(found, axis=1), np.finfo(float).tiny)
        # Kept as those of the training corners are: emitted forms hold them so.
        return np.rint(found / size[:, None] / UNIT) * UNIT, (log_size + np.log(size)).astype(np.float32).astype(np.float64)

    def _smooth(
        self, shape: Floats, log_scale: Floats, span: Floats, reference: Floats, slew: Floats, load: Floats
    ) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
        """Surfaces (r,) s, the slew (s) within the tables, the load on its axis, and which queries lie outside.

        Outside its table's range a surface goes on along its tangent plane, as a timer extrapolates a table.
        """
        scale = np.exp(log_scale)
        inner_slew = np.clip(slew, span[:, 0], span[:, 1])
        inner_load = np.clip(load, span[:, 2], span[:, 3])
        u, v = coordinates(inner_slew, inner_load, self.slew_range, reference, self.exponents)
        p, dp = chebyshev(u, max(int(self.powers[:, 0].max()), 1))
        q, dq = chebyshev(v, max(int(self.powers[:, 1].max()), 1))
        i, j = self.powers.T
        value = scale * np.einsum("rk,rk,rk->r", shape, p[:, i], q[:, j])
        outside = (np.abs(inner_slew - slew) > 1e-6 * slew) | (np.abs(inner_load - load) > 1e-6 * load)
        at = np.flatnonzero(outside)
        if len(at):
            along_slew = np.einsum("rk,rk,rk->r", shape[at], dp[at][:, i], q[at][:, j])
            along_load = np.einsum("rk,rk,rk->r", shape[at], p[at][:, i], dq[at][:, j])
            # The slope at zero is infinite; nothing is measured below a millionth of the reference.
            low, high = self.slew_range
            first, second = self.exponents
            near_slew = np.maximum(inner_slew[at] / high, 1e-6)
            near_load = np.maximum(inner_load[at] / reference[at], 1e-6)
            du = 2 * first * near_slew ** (first - 1) / high / max(1 - (low / high) ** first, 1e-3)
            dv = 2 * second * near_load ** (second - 1) / reference[at]
            step = along_slew * du * (slew - inner_slew)[at] + along_load * dv * (load - inner_load)[at]
            value[at] += scale[at] * step
        return value, inner_slew, v, outside

    def mean(self, rows: NDArray[np.int64], slew: Floats, load: Floats, corner: Corner) -> tuple[Floats, Floats, float, NDArray[np.bool_]]:
        """Smooth mean (r,) s, the trees' features (r, F), the floor (s), and which queries lie outside the training range."""
        shape, log_scale, span, floor = self.surfaces(rows, corner)
        value, inner_slew, v, outside = self._smooth(shape, log_scale, span, self.load_reference[rows], slew, load)
        quantity = self.quantity[rows].astype(np.float64)
        log_slew = np.log(np.maximum(inner_slew, 1e-6 * self.slew_range[1]))
        nmos, pmos = process_axes(corner.process) or (0.0, 0.0)
        same = [np.full(len(rows), number) for number in (nmos, pmos, corner.voltage, corner.temperature)]
        columns = [v, log_slew - np.log(self.slew_range[1]), log_slew - log_scale, log_scale, quantity, *same]
        features = np.concatenate([np.stack(columns, axis=1), (shape - self.centre) @ self.components], axis=1)
        return value, features, floor, outside

    def evaluate(
        self, rows: NDArray[np.int64], slew: Floats, load: Floats, corner: Corner
    ) -> tuple[Floats, Floats, Floats, NDArray[np.uint8]]:
        """Value, lower, upper (r,) in s, and ``Status``, for surfaces in ``rows``, slew (r,) s and load (r,) F."""
        if len(rows) > _CHUNK:
            parts = [slice(begin, begin + _CHUNK) for begin in range(0, len(rows), _CHUNK)]
            found = zip(*(self.evaluate(rows[part], slew[part], load[part], corner) for part in parts), strict=True)
            value, lower, upper, told = (np.concatenate(pieces) for pieces in found)
            return value, lower, upper, told
        mean, features, floor, outside = self.mean(rows, slew, load, corner)
        size = np.maximum(np.abs(mean), floor)
        value = mean + self.residual.predict(features) * size
        if corner in self.corners:
            completed = self.completed[rows, self.corners.index(corner)]
            width, status = np.where(completed, self.width_completed, self.width), np.where(completed, Status.COMPLETED, 0)
        else:
            width, status = np.full(len(rows), self.width_between), np.full(len(rows), int(Status.CORNER))
        down, up = (np.maximum(side, LEAST) * width * size for side in (-self.low.predict(features), self.high.predict(features)))
        return value, value - down, value + up, (status + outside * int(Status.GRID)).astype(np.uint8)

    def predict(self, arcs: Sequence[Arc] | Arc, edges: Sequence[str] | str, slew: object, load: object, corner: Corner) -> Predicted:
        """Delay and transition of ``edges`` (``rise`` or ``fall`` of the arc's pin) at ``slew`` (s) and ``load`` (F), all n long or single.

        Raises ``UserError`` for an arc that the predictor was not trained on, an unknown edge, a slew or load that is no number.
        """
        s, c = np.broadcast_arrays(np.atleast_1d(np.asarray(slew, dtype=np.float64)), np.atleast_1d(np.asarray(load, dtype=np.float64)))
        n = max(len(s), 1 if isinstance(arcs, Arc) else len(arcs), 1 if isinstance(edges, str) else len(edges))
        names = [arcs] * n if isinstance(arcs, Arc) else list(arcs)
        sides = [edges] * n if isinstance(edges, str) else list(edges)
        s, c = (np.full(n, part[0]) if len(part) == 1 else part for part in (s, c))
        if {len(names), len(sides), len(s)} != {n}:
            raise UserError(f"{len(names)} arcs, {len(sides)} edges, {len(s)} slews and loads; expected as many of each, or one")
        if not (np.isfinite(s).all() and np.isfinite(c).all() and (s >= 0).all() and (c >= 0).all()):
            raise UserError("a slew or load is negative or no number; expected seconds and farads")
        answers = np.full((3, 2, n), np.nan)
        outside = np.zeros(n, dtype=np.bool_)
        asked = list(zip(names, sides, strict=True))
        known_rows = {pair: [self._row(*pair, place) for place in range(2)] for pair in dict.fromkeys(asked)}  # millions ask of few arcs
        rows = np.array([known_rows[pair] for pair in asked]).reshape(n, 2)
        lost = np.flatnonzero((rows < 0).all(axis=1))
        if len(lost):
            arc = names[int(lost[0])]
            known = sorted({str(key.arc) for key in self.keys if key.cell == arc.cell})
            told = f"of {arc.cell} it knows {'; '.join(known[:4])}" if known else f"it knows no cell {arc.cell}"
            raise UserError(f"query {lost[0] + 1}: the predictor was not trained on {arc} {sides[int(lost[0])]}; {told}")
        for place in range(2):
            at = np.flatnonzero(rows[:, place] >= 0)
            value, lower, upper, far = self.evaluate(rows[at, place], s[at], c[at], corner)
            answers[:, place, at] = value, lower, upper
            outside[at] |= far != 0
        return Predicted(answers[0, 0], answers[0, 1], answers[1].T, answers[2].T, outside)

    def _row(self, arc: Arc, edge: str, place: int) -> int:
        if edge not in ("rise", "fall"):
            raise UserError(f"unknown edge {edge!r}; expected rise or fall")
        return self.position.get(TableKey(*arc, timing_quantities(edge)[place]), -1)

    def to_arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """All arrays by name, and the rest as values that JSON holds."""
        arrays: dict[str, NDArray[Any]] = {name: getattr(self, name) for name in _ARRAYS}
        rest: dict[str, Any] = {name: float(getattr(self, name)) for name in _NUMBERS if np.isfinite(getattr(self, name))}
        for name in _ENSEMBLES:
            trees: Trees = getattr(self, name)
            arrays |= {f"{name}.{part}": getattr(trees, part) for part in _TREE_ARRAYS}
            rest[name] = {"baseline": trees.baseline, "depth": trees.depth}
        rest["scores"] = {name: dict(score) for name, score in self.scores.items()}
        rest["keys"] = [list(key) for key in self.keys]
        rest["corners"] = [[corner.process, corner.voltage, corner.temperature] for corner in self.corners]
        return arrays, rest

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], rest: dict[str, Any]) -> TreePredictor:
        """The inverse of ``to_arrays``. Raises ``UserError`` where a part is missing."""
        try:
            ensembles: dict[str, Any] = {
                name: Trees(
                    baseline=float(rest[name]["baseline"]),
                    depth=int(rest[name]["depth"]),
                    **{part: arrays[f"{name}.{part}"] for part in _TREE_ARRAYS},
                )
                for name in _ENSEMBLES
            }
            keys = tuple(TableKey(*key) for key in rest["keys"])
            corners = tuple(Corner(*corner) for corner in rest["corners"])
            parts: dict[str, Any] = {name: arrays[name] for name in _ARRAYS} | {name: rest.get(name, np.nan) for name in _NUMBERS}
            return cls(keys=keys, corners=corners, scores=rest["scores"], **parts, **ensembles)
        except (KeyError, TypeError) as error:
            raise UserError(f"not a predictor, or of another version: {error} is missing") from error


_ARRAYS = (
    "powers",
    "shape",
    "log_scale",
    "span",
    "exponents",
    "slew_range",
    "load_reference",
    "floor",
    "centre",
    "components",
    "completed",
)
_NUMBERS = ("width", "width_between", "width_completed", "coverage")
_ENSEMBLES = ("residual", "low", "high")
_TREE_ARRAYS = ("feature", "threshold", "left", "right", "value", "root")
