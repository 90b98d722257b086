"""Kriging across corners: what a library does at a corner where nothing was simulated.

Every number of a library is a function of process, voltage and temperature, and one set of weights over the anchors serves all numbers of
a kind, so a Gaussian process over the corners needs no more than an A x A matrix. What it needs is the right coordinates. The drive current
of a transistor follows the alpha-power law, I ~ (V - Vt)^alpha (Sakurai and Newton, JSSC 1990), with a threshold that falls with
temperature and differs between processes; so log(V - Vt), temperature and process are the coordinates, and the threshold's dependences are
hyper-parameters. They are drawn at random and scored on anchors held out whole; the best draws are averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain import Corner, process_axes

__all__ = [
    "NEAR_DEGREES",
    "Draw",
    "corner_coordinates",
    "draw_weights",
    "interpolation_weights",
    "kriging",
    "matern",
    "nearest_weights",
    "process_weights",
    "slope_weights",
]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


NEAR_DEGREES = 45.0
"""Corners within this many degrees are of like temperature."""


@dataclass(frozen=True)
class Draw:
    """One draw of the hyper-parameters.

    ``threshold`` at 25 degrees and typical process and ``per_process`` are shares of the lowest supply, ``per_degree`` is in V/K.
    ``additive``: share of the variance that supply, temperature and process have each on their own, as ``effects`` divides it; the rest
    is theirs together. ``own``: corners of the target's own process only.
    """

    threshold: float
    per_degree: float
    per_process: float
    scale_supply: float
    scale_temperature: float
    scale_process: float
    trend: int
    nugget: float
    latent: float = 0.0
    named: bool = False
    apart: float = np.inf
    additive: float = 0.0
    effects: tuple[float, float, float] = (1.0, 0.0, 0.0)
    own: bool = False


def _processes(corners: Sequence[Corner], named: bool = False) -> Array:
    """(n, q) process coordinates: device speeds where the names say them, else, or if ``named``, one column a name."""
    axes = [process_axes(corner.process) for corner in corners]
    if not named and all(axis is not None for axis in axes):
        return np.array(axes, dtype=np.float64)
    names = sorted({corner.process for corner in corners})
    return np.array([[float(corner.process == name) for name in names] for corner in corners])


def corner_coordinates(corners: Sequence[Corner], draw: Draw, latent: Array | None) -> tuple[Array, Array]:
    """Kernel coordinates (n, d) and trend (n, t) of the corners."""
    process = _processes(corners, draw.named)
    speed = _processes(corners).mean(axis=1)
    degrees = np.array([corner.temperature for corner in corners])
    volts = np.array([corner.voltage for corner in corners])
    threshold = draw.threshold * volts.min() - draw.per_degree * (degrees - 25.0) - draw.per_process * speed * volts.min()
    drive = np.log(np.maximum(volts - threshold, 0.05 * volts))
    columns = [drive[:, None] / draw.scale_supply, degrees[:, None] / draw.scale_temperature, process / draw.scale_process]
    trends = [np.ones(len(corners)), drive, degrees / 100.0, speed]
    if latent is not None and draw.latent > 0:
        columns.append(latent / draw.latent)
        trends = [trends[0], latent[:, 0], *trends[2:]]
    return np.concatenate(columns, axis=1), np.stack(trends[: draw.trend + 1], axis=1)


def matern(coordinates: Array) -> Array:
    """(n, n) Matern 5/2 of points (n, d)."""
    distance = np.linalg.norm(coordinates[:, None] - coordinates[None], axis=-1) * np.sqrt(5.0)
    return np.asarray((1 + distance + distance**2 / 3) * np.exp(-distance), dtype=np.float64)


LEAST = 1e-10
"""Of the nugget: two corners that nothing tells apart make the matrix singular."""


def kriging(corners: Sequence[Corner], targets: Sequence[int], uses: Mask, draw: Draw, latent: Array | None = None) -> tuple[Array, Array]:
    """Universal kriging (Cressie 1993, section 3.4) of each of the k corners ``targets`` from those in its row of ``uses`` (k, n).

    ``latent`` (n, r): measured coordinates of all corners, such as the scores of their known delays, used where ``draw.latent`` is not 0.
    Returns weights (k, n), 0 for a corner that is not used, and kriging standard deviations (k,) in units of the process's own.
    """
    coordinates, trend = corner_coordinates(corners, draw, latent)
    place = np.asarray(targets)
    degrees = np.array([corner.temperature for corner in corners])
    near = uses & (np.abs(degrees - degrees[place, None]) <= draw.apart)
    if draw.own:
        process = np.array([corner.process for corner in corners])
        near &= process == process[place, None]
    known = np.where(near.sum(axis=1, keepdims=True) >= 3, near, uses)
    covariance = matern(coordinates)
    if draw.additive > 0:
        alone = [matern(coordinates[:, columns]) for columns in ([0], [1], slice(2, 2 + _processes(corners, draw.named).shape[1]))]
        covariance *= 1 - draw.additive
        covariance += draw.additive * sum(share * each for share, each in zip(draw.effects, alone, strict=True))
    F = trend * known[:, :, None]
    sound = np.arange(trend.shape[1]) < _terms(F, known.sum(axis=1))[:, None]
    F, f = F * sound[:, None], trend[place] * sound
    # All in matrices of one size: a corner that is not known is one that nothing goes with, and a trend that is not sound is 0.
    K = covariance * (known[:, :, None] & known[:, None]) + np.eye(len(corners)) * np.where(known, max(draw.nugget, LEAST), 1.0)[:, None]
    k = covariance[place] * known
    left = np.linalg.solve(K, np.concatenate([F, k[:, :, None]], axis=2))
    Ki_F, Ki_k = left[:, :, :-1], left[:, :, -1]
    M = F.swapaxes(1, 2) @ Ki_F + 1e-10 * np.eye(F.shape[2])
    misfit = f - np.einsum("knt,kn->kt", F, Ki_k)
    slack = np.linalg.solve(M, misfit[:, :, None])[:, :, 0]
    variance = 1.0 + draw.nugget - (k * Ki_k).sum(axis=1) + (misfit * slack).sum(axis=1)
    return Ki_k + np.einsum("knt,kt->kn", Ki_F, slack), np.sqrt(np.maximum(variance, 1e-12))


def _terms(F: Array, count: NDArray[np.int64]) -> NDArray[np.int64]:
    """(k,) how many of the first terms of the trends F (k, n, t) their ``count`` (k,) of known corners tell apart; one at least."""
    terms = np.ones(len(F), dtype=np.int64)
    for number in range(2, F.shape[2] + 1):
        terms[(count > number) & (np.linalg.matrix_rank(F[:, :, :number]) == number)] = number
    return terms


def draw_weights(count: int, seed: int, latent: bool, additive: bool = False) -> list[Draw]:
    """``count`` random draws; the same seed gives the same draws. ``additive``: over half of them with effects that add up."""
    rng = np.random.default_rng(seed)
    draws = [
        Draw(
            threshold=rng.uniform(0.1, 0.85),
            per_degree=rng.uniform(0.0, 2.0e-3),
            per_process=rng.uniform(0.0, 0.15),
            scale_supply=float(np.exp(rng.uniform(np.log(0.3), np.log(6.0)))),
            scale_temperature=float(np.exp(rng.uniform(np.log(15.0), np.log(1500.0)))),
            scale_process=float(np.exp(rng.uniform(np.log(0.5), np.log(12.0)))),
            trend=int(rng.integers(0, 4)),
            nugget=float(10 ** rng.uniform(-6, -2)),
            latent=float(np.exp(rng.uniform(np.log(0.3), np.log(10.0)))) if latent and rng.random() < 0.7 else 0.0,
            named=bool(rng.random() < 0.3),
            apart=NEAR_DEGREES if rng.random() < 0.3 else np.inf,
        )
        for _ in range(count)
    ]
    if not additive:
        return draws
    return [
        replace(
            draw,
            additive=float(rng.uniform(0.2, 0.98)) if rng.random() < 0.6 else 0.0,
            effects=tuple(rng.dirichlet([1.0, 1.0, 1.0]).tolist()),
        )
        for draw in draws
    ]


def nearest_weights(corners: Sequence[Corner], target: int, use: Mask) -> Array:
    """1 for the nearest corner, of the target's process if there is one, by voltage and temperature in their spans."""
    known = np.flatnonzero(use)
    place = np.array([(corner.voltage, corner.temperature) for corner in corners])
    span = np.maximum(np.ptp(place, axis=0), 1e-9)
    apart = np.linalg.norm((place[known] - place[target]) / span, axis=1)
    process = _processes(corners)
    apart = apart + 1e3 * np.linalg.norm(process[known] - process[target], axis=1)
    weights = np.zeros(len(known))
    weights[int(np.argmin(apart))] = 1.0
    return weights


def interpolation_weights(corners: Sequence[Corner], target: int, use: Mask) -> Array:
    """Linear over voltage, temperature and process: the least-norm weights that reproduce every linear function of them.

    With corners of the target's own process enough to span voltage and temperature, only those.
    """
    known = np.flatnonzero(use)
    same = np.array([corners[i].process == corners[target].process for i in known.tolist()])
    process = _processes(corners)

    def basis(rows: NDArray[np.int64], full: bool) -> Array:
        volts = np.array([corners[i].voltage for i in rows.tolist()])
        degrees = np.array([corners[i].temperature for i in rows.tolist()]) / 100.0
        columns = [np.ones(len(rows)), volts, degrees]
        return np.column_stack([*columns, process[rows]] if full else columns)

    own = known[same]
    full = len(own) < 3 or np.linalg.matrix_rank(basis(own, False)) < 3
    rows = known if full else own
    B, b = basis(rows, full), basis(np.array([target]), full)[0]
    solved = np.linalg.lstsq(B.T, b, rcond=1e-9)[0]
    weights = np.zeros(len(known))
    weights[np.isin(known, rows)] = solved
    return weights


def slope_weights(corners: Sequence[Corner], target: int, use: Mask) -> Array | None:
    """From the corners of the target's own process and temperature, along a slope over log voltage that corners of like temperature share.

    Each process at each temperature has a level of its own; only differences inside such a family make the slope, the target's own family
    counting threefold. ``None`` where the target's family has no corner. What leaks when hot and when cold are different currents, so
    families more than 45 degrees away have no say.
    """
    known = np.flatnonzero(use)
    volts = np.log([corner.voltage for corner in corners])
    degrees = np.array([corner.temperature for corner in corners])
    family = [(corners[i].process, round(corners[i].temperature)) for i in known.tolist()]
    mine = (corners[target].process, round(corners[target].temperature))
    own = np.array([name == mine for name in family])
    if not own.any():
        return None
    weights = np.where(own, 1.0 / own.sum(), 0.0)
    slope, spread = np.zeros(len(known)), 0.0
    for name in sorted(set(family)):
        inside = np.array([other == name for other in family])
        if abs(degrees[target] - name[1]) > NEAR_DEGREES:
            continue
        apart = np.where(inside, volts[known] - volts[known][inside].mean(), 0.0)
        factor = 3.0 if name == mine else 1.0
        slope += factor * apart
        spread += factor * float(apart @ apart)
    if spread > 1e-12:
        weights = weights + slope / spread * (volts[target] - volts[known][own].mean())
    return np.asarray(weights, dtype=np.float64)


def process_weights(corners: Sequence[Corner], target: int, use: Mask) -> Array | None:
    """From the corners of the target's own process, along slopes over log voltage and temperature that all processes share.

    For a target at a temperature where its process has no other corner. ``None`` where its process has no corner, or where the processes'
    corners do not span both slopes.
    """
    known = np.flatnonzero(use)
    place = np.array([(np.log(corner.voltage), corner.temperature / 100.0) for corner in corners])
    process = np.array([corners[i].process for i in known.tolist()])
    own = process == corners[target].process
    if not own.any():
        return None
    apart = place[known].copy()
    for name in sorted(set(process.tolist())):
        apart[process == name] -= apart[process == name].mean(axis=0)
    spread = apart.T @ apart
    if np.linalg.cond(spread) > 1e8:
        return None
    slopes = np.linalg.solve(spread, apart.T)
    weights = np.where(own, 1.0 / own.sum(), 0.0) + (place[target] - place[known][own].mean(axis=0)) @ slopes
    return np.asarray(weights, dtype=np.float64)
