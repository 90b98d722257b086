"""The known law of a study's inputs: process parameters are normal, supply, temperature, load and input slew are even over a range."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from eda_plugin.errors import UserError

__all__ = ["CONDITIONS", "InputLaw", "Parameter"]

CONDITIONS = ("vdd", "temp", "load", "slew")
"""Inputs that are no process parameters: V, degrees Celsius, F, s (between the transition's thresholds)."""
_TAIL = 1e-12


@dataclass(frozen=True)
class Parameter:
    """A process parameter with its mean and standard deviation, in the unit of the models' card.

    ``sets``: what it sets, as (model, model's parameter, that parameter's value at the mean); the difference from the mean is added.
    """

    name: str
    mean: float
    sigma: float
    sets: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True)
class InputLaw:
    """``parameters`` (normal, independent) and ``ranges``: least and most of each of ``CONDITIONS`` (uniform)."""

    parameters: tuple[Parameter, ...]
    ranges: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if len(self.ranges) != len(CONDITIONS) or any(not low < high for low, high in self.ranges):
            raise UserError(f"ranges {self.ranges}; expected least and most of {', '.join(CONDITIONS)}")
        wrong = [one.name for one in self.parameters if not one.sigma > 0]
        if wrong:
            raise UserError(f"sigma of the process parameter {wrong[0]!r} must be positive")

    @property
    def names(self) -> tuple[str, ...]:
        """Columns of the inputs: the parameters, then the conditions."""
        return (*(one.name for one in self.parameters), *CONDITIONS)

    def rows(self, cell: str, numbers: Sequence[int], seed: int = 0) -> NDArray[np.float64]:
        """Inputs (n, inputs) of rows of a cell: row k is the same whatever other rows are asked for."""
        spread = len(self.parameters) + len(CONDITIONS)
        key = zlib.crc32(cell.encode())
        draws = [np.random.default_rng([seed, key, number]).random(spread) for number in numbers]
        return self.from_unit(np.array(draws).reshape(len(numbers), spread))

    def from_unit(self, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        """Inputs of points in the unit cube (n, inputs): each through the inverse of its distribution. Seven digits, as the files have."""
        out = np.empty_like(unit)
        inverse = np.vectorize(NormalDist().inv_cdf, otypes=[np.float64])
        for place, one in enumerate(self.parameters):
            out[:, place] = one.mean + one.sigma * inverse(np.clip(unit[:, place], _TAIL, 1 - _TAIL)) if len(unit) else 0.0
        for place, (low, high) in enumerate(self.ranges, start=len(self.parameters)):
            out[:, place] = low + (high - low) * unit[:, place]
        return rounded(out)

    def scaled(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Inputs of mean 0 and deviation 1 under the law."""
        means, sigmas = self._moments()
        return np.asarray((inputs - means) / sigmas, dtype=np.float64)

    def unscaled(self, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
        """The inverse of ``scaled``."""
        means, sigmas = self._moments()
        return np.asarray(means + sigmas * scaled, dtype=np.float64)

    def _moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        means = [one.mean for one in self.parameters] + [(low + high) / 2 for low, high in self.ranges]
        sigmas = [one.sigma for one in self.parameters] + [(high - low) / 12**0.5 for low, high in self.ranges]
        return np.array(means), np.array(sigmas)

    def clipped(self, inputs: NDArray[np.float64], most: float = 5.0) -> NDArray[np.float64]:
        """Inputs kept where a simulation makes sense: conditions in their ranges, parameters within ``most`` deviations."""
        low = [one.mean - most * one.sigma for one in self.parameters] + [low for low, _ in self.ranges]
        high = [one.mean + most * one.sigma for one in self.parameters] + [high for _, high in self.ranges]
        return rounded(np.clip(inputs, low, high))


def rounded(values: NDArray[np.float64], digits: int = 7) -> NDArray[np.float64]:
    """Values to so many significant digits, as a measure file would have them."""
    return np.array([float(f"{value:.{digits - 1}e}") for value in values.ravel()]).reshape(values.shape)
