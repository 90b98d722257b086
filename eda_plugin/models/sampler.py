"""Joint samples of whole tables, and nothing else of the fitted models: what a checkpoint holds."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from eda_plugin.config import FillSettings
from eda_plugin.domain import Library, Origin, TableKey
from eda_plugin.errors import UserError
from eda_plugin.models.diffusion import DiffusionSettings
from eda_plugin.models.features import PointTable
from eda_plugin.models.residual import ResidualModel, correlation
from eda_plugin.models.timing import TimingFill

__all__ = ["Family", "TableSampler"]

Array = NDArray[np.float64]

TABLES, DRAWS = 200, 3200
"""From how many tables of a kind, and draws of theirs, it is told how wide a model draws at each place."""


@dataclass(frozen=True, eq=False)
class Family:
    """T tables of P values in one shape; ``forms``: the shape of each by its own axes, of which it may have fewer.

    ``mean`` and ``sigma`` (T, P) SI, ``condition`` (T, C), ``kind`` (T,), ``fixed`` (T, P) measured points.
    """

    keys: tuple[TableKey, ...]
    forms: tuple[tuple[int, ...], ...]
    mean: Array
    sigma: Array
    fixed: NDArray[np.bool_]
    condition: Array
    kind: NDArray[np.int64]
    model: ResidualModel


@dataclass(frozen=True, eq=False)
class TableSampler:
    """Draws delay and transition tables of the filled corner.

    Means and intervals stand in the library; a draw is one table that could be.
    """

    families: tuple[Family, ...]

    @classmethod
    def of_timing(cls, library: Library, fill: TimingFill) -> TableSampler:
        """Sampler of the filled ``library``. Draws are stretched so that at each place of the grid their spread is that of the calibrated
        intervals."""
        points = fill.points
        known = np.zeros(len(points), dtype=bool)
        known[fill.fit.known] = True
        families = []
        for shape, model in sorted(fill.residual.items()):
            tables, condition = fill.condition[shape]
            flat = points.first[tables][:, None] + np.arange(int(np.prod(shape)))
            kind = points.kind[points.first[tables]]
            sigma = fill.half[flat] / _half_drawn(model, condition, kind, fill.coverage)
            mean = library.values[points.flat[flat]]
            families.append(Family(*_names(library, points.rows[tables]), mean, sigma, known[flat], condition, kind, model))
        return cls(tuple(families))

    @classmethod
    def of_zero_shot(cls, library: Library, points: PointTable, half: Array, settings: FillSettings) -> TableSampler:
        """Sampler of a ``library`` filled without simulations: normal errors, correlated by distance in the grid. ``half`` (M,) SI."""
        families = []
        shapes, inverse = np.unique(points.shape, axis=0, return_inverse=True)
        for number, shape in enumerate(shapes):
            tables = np.flatnonzero(inverse.ravel() == number)
            grid = points.of_tables(tables[:1])
            factor: Array = np.asarray(np.linalg.cholesky(correlation(points, grid, grid) + 1e-6 * np.eye(len(grid))))
            flat = points.first[tables][:, None] + np.arange(len(grid))
            kind = np.zeros(len(tables), dtype=np.int64)
            form = tuple(int(n) for n in shape)
            model = ResidualModel(form, {0: factor}, None, None, DiffusionSettings(), None)
            sigma = half[flat] / NormalDist().inv_cdf(0.5 + settings.interval / 2)
            place = points.flat[flat]
            names = _names(library, points.rows[tables])
            fixed = library.origin[place] == Origin.MEASURED
            families.append(Family(*names, library.values[place], sigma, fixed, np.zeros((len(tables), 1)), kind, model))
        return cls(tuple(families))

    def sample(self, count: int, seed: int = 0) -> dict[TableKey, Array]:
        """``count`` draws of every delay and transition table, SI: (count, n1, n2, ...) by key. Measured points are the same in each."""
        if count < 1:
            raise UserError(f"{count} samples were asked for; expected 1 or more")
        found = {}
        for family in self.families:
            drawn = family.model.draw(family.condition, family.kind, count, seed)
            tables = family.mean + np.where(family.fixed, 0.0, family.sigma) * drawn
            for place, (key, form) in enumerate(zip(family.keys, family.forms, strict=True)):
                found[key] = tables[:, place].reshape(count, *form)
        return found


def _half_drawn(model: ResidualModel, condition: Array, kind: NDArray[np.int64], coverage: float) -> Array:
    """(T, P) half width of the intervals that a share ``coverage`` of the model's draws keeps to, by kind and place of the grid."""
    out = np.empty((len(kind), int(np.prod(model.shape))))
    for code in np.unique(kind):
        own = np.flatnonzero(kind == code)
        some = np.random.default_rng(0).permutation(own)[:TABLES]
        drawn = np.abs(model.draw(condition[some], kind[some], -(-DRAWS // len(some)), 0))
        out[own] = np.quantile(drawn.reshape(-1, out.shape[1]), coverage, axis=0)
    return np.maximum(out, 1e-12)


def _names(library: Library, rows: NDArray[np.int64]) -> tuple[tuple[TableKey, ...], tuple[tuple[int, ...], ...]]:
    """Key and shape of the tables in ``rows``."""
    tables = [library.table(row) for row in rows.tolist()]
    return tuple(table.key for table in tables), tuple(table.values.shape for table in tables)
