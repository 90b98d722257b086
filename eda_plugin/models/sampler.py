"""Joint samples of whole tables, and nothing else of the fitted models: what a checkpoint holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eda_plugin.config import FillSettings
from eda_plugin.domain import Library, TableKey
from eda_plugin.errors import UserError
from eda_plugin.models.diffusion import DiffusionSettings
from eda_plugin.models.features import PointTable
from eda_plugin.models.fewshot import correlation
from eda_plugin.models.residual import ResidualModel
from eda_plugin.models.timing import TimingFill

__all__ = ["Family", "TableSampler"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Family:
    """T tables of one shape: ``mean`` and ``sigma`` (T, P) SI, ``condition`` (T, C), ``kind`` (T,), ``fixed`` (T, P) measured points."""

    keys: tuple[TableKey, ...]
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
    def empty(cls) -> TableSampler:
        return cls(())

    @classmethod
    def of_timing(cls, library: Library, fill: TimingFill) -> TableSampler:
        """Sampler of a corner with simulations. Draws are stretched so that their spread is that of the calibrated intervals."""
        points = fill.points
        known = np.zeros(len(points), dtype=bool)
        known[fill.fit.known] = True
        families = []
        for shape, model in sorted(fill.residual.items()):
            tables, condition = fill.condition[shape]
            flat = points.first[tables][:, None] + np.arange(int(np.prod(shape)))
            kind = points.kind[points.first[tables]]
            wide = model.draw(condition[:400], kind[:400], 16, 0)
            typical = float(np.quantile(np.abs(wide), fill.coverage)) if wide.size else 1.0
            sigma = fill.half[flat] / max(typical, 1e-12)
            keys = tuple(library.keys[row] for row in points.rows[tables])
            families.append(Family(keys, fill.mean[flat], sigma, known[flat], condition, kind, model))
        return cls(tuple(families))

    @classmethod
    def of_zero_shot(cls, library: Library, points: PointTable, mean: Array, half: Array, settings: FillSettings) -> TableSampler:
        """Sampler of a corner without simulations: normal errors, correlated by distance in the grid."""
        from scipy.stats import norm

        families = []
        shapes, inverse = np.unique(points.shape, axis=0, return_inverse=True)
        for number, shape in enumerate(shapes):
            tables = np.flatnonzero(inverse.ravel() == number)
            grid = points.of_tables(tables[:1])
            factor: Array = np.asarray(np.linalg.cholesky(correlation(points, grid, grid) + 1e-6 * np.eye(len(grid))))
            flat = points.first[tables][:, None] + np.arange(len(grid))
            kind = np.zeros(len(tables), dtype=np.int64)
            form = tuple(int(n) for n in shape)
            model = ResidualModel(form, {0: factor}, None, DiffusionSettings(), None)
            sigma = half[flat] / float(norm.ppf(0.5 + settings.interval / 2))
            keys = tuple(library.keys[row] for row in points.rows[tables])
            families.append(Family(keys, mean[flat], sigma, np.zeros(flat.shape, dtype=bool), np.zeros((len(tables), 1)), kind, model))
        return cls(tuple(families))

    def sample(self, count: int, seed: int = 0) -> dict[TableKey, Array]:
        """``count`` draws of every delay and transition table, SI: (count, n1, n2, ...) by key. Measured points are the same in each."""
        if count < 1:
            raise UserError(f"{count} samples were asked for; expected 1 or more")
        found = {}
        for family in self.families:
            drawn = family.model.draw(family.condition, family.kind, count, seed)
            tables = family.mean + np.where(family.fixed, 0.0, family.sigma) * drawn
            shape = tuple(n for n in family.model.shape if n > 1)
            for place, key in enumerate(family.keys):
                found[key] = tables[:, place].reshape(count, *shape)
        return found
