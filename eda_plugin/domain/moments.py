"""What variation tables say of a delay's distribution: shift of the mean, deviation, skewness, and one sigma to either side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain.arc import TableKey
from eda_plugin.domain.table import Axis, Origin, Table

__all__ = ["SIGMAS", "Moments"]

Floats = NDArray[np.float64]
SIGMAS = 3.0
"""Liberty's tables hold one sigma; early and late are a third of the distance from nominal to the quantiles of three."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Arrays of one shape, s: ``nominal`` (all parameters at their means), ``mean``, ``deviation``, ``third`` (central moment, s^3), and
    ``early`` and ``late`` sigma, NaN where there were too few draws for them."""

    nominal: Floats
    mean: Floats
    deviation: Floats
    third: Floats
    early: Floats
    late: Floats

    @classmethod
    def of(cls, draws: Floats, nominal: Floats) -> Moments:
        """Of ``draws`` (n, ...): plain moments, and quantiles where n is at least 1,000."""
        mean = draws.mean(axis=0)
        off = draws - mean
        early = late = np.full(mean.shape, np.nan)
        if len(draws) >= 1000:
            chance = NormalDist().cdf(SIGMAS)
            low, high = np.quantile(draws, [1 - chance, chance], axis=0)
            early, late = (nominal - low) / SIGMAS, (high - nominal) / SIGMAS
        return cls(np.asarray(nominal), mean, np.sqrt((off**2).mean(axis=0)), (off**3).mean(axis=0), early, late)

    @property
    def skewness(self) -> Floats:
        """Of Pearson, a bare number."""
        return np.asarray(self.third / self.deviation**3)

    @classmethod
    def stacked(cls, parts: Sequence[Moments]) -> Moments:
        """Along a new first axis."""
        return cls(*(np.stack([getattr(part, one.name) for part in parts]) for one in fields(cls)))

    def column(self, place: int) -> Moments:
        """One of the last axis."""
        return Moments(*(getattr(self, one.name)[..., place] for one in fields(self)))

    def shaped(self, shape: tuple[int, ...]) -> Moments:
        return Moments(*(getattr(self, one.name).reshape(shape) for one in fields(self)))

    def tables(self, key: TableKey, axes: tuple[Axis, ...]) -> Iterator[Table]:
        """The five LVF tables beside the nominal table ``key``; Liberty's skewness is the cube root of the third moment.

        Shapes are those of the axes. A side's sigma that is negative (nominal lies outside of the quantiles) is written as 0."""
        values = {
            "ocv_sigma_{}:early": np.maximum(self.early, 0.0),
            "ocv_sigma_{}:late": np.maximum(self.late, 0.0),
            "ocv_mean_shift_{}": self.mean - self.nominal,
            "ocv_std_dev_{}": self.deviation,
            "ocv_skewness_{}": np.cbrt(self.third),
        }
        origin = np.full(self.mean.shape, Origin.PREDICTED, dtype=np.uint8)
        for form, numbers in values.items():
            yield Table(key._replace(quantity=form.format(key.quantity)), axes, np.asarray(numbers), origin)
