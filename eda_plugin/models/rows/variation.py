"""Moments of a table's delays and transitions under a known law of the process parameters, from few simulated rows.

The conditional model (``sensitivity``) of all rows gives each delay as a function of the parameters; integrated over many virtual rows of
the known law, with its Gaussian residual, that is a distribution. Where a point has simulated rows of its own, what these say beyond the
model is a control variate (Owen, Monte Carlo theory, methods and examples, 2013, 8.9), trusted as far as the corrections of all points
spread more than their sampling error explains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import qmc

from eda_plugin.domain.moments import SIGMAS, Moments
from eda_plugin.models.rows.sensitivity import SensitivityProcess, SensitivitySettings, fit_sensitivities

__all__ = ["TableRows", "VariationModel", "corrected", "fit_variation", "virtual_parameters"]

Floats = NDArray[np.float64]
_EVERY = 32  # the residual's size varies slowly: of each so many virtual rows one tells it


@dataclass(frozen=True, eq=False)
class TableRows:
    """Simulated rows of a table, or of tables of several corners.

    ``parameters`` (n, k) in deviations from the mean; ``conditions`` (n, f) of about unit deviation; ``times`` (n, o) in s; ``nominal``
    (n, o) the same with all parameters at their means; ``ahead`` (n, o) in s is added before logarithms are taken, so that they exist: half
    a ramp for delays, as no output moves before its input does, and 0 for transitions.
    """

    parameters: Floats
    conditions: Floats
    times: Floats
    nominal: Floats
    ahead: Floats

    @classmethod
    def joined(cls, parts: Sequence[TableRows]) -> TableRows:
        return cls(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(cls)))

    @property
    def relative(self) -> Floats:
        """(n, o) logarithms of the times over nominal: what is learnt."""
        return np.asarray(np.log((self.times + self.ahead) / (self.nominal + self.ahead)))

    def at(self, condition: Floats) -> TableRows:
        """The rows at a condition (f,)."""
        return self.taken(self.places(condition))

    def places(self, condition: Floats) -> NDArray[np.int64]:
        return np.flatnonzero((self.conditions == condition).all(axis=1))

    def taken(self, rows: NDArray[np.int64]) -> TableRows:
        parts = (self.parameters, self.conditions, self.times, self.nominal, self.ahead)
        return TableRows(*(part[rows] for part in parts))


def virtual_parameters(count: int, parameters: int, seed: int) -> Floats:
    """(2^m >= count, parameters) normal draws, evenly spread (scrambled Sobol points)."""
    exponent = max(int(np.ceil(np.log2(max(count, 2)))), 1)
    unit = qmc.Sobol(parameters, seed=seed).random_base2(exponent)
    return np.asarray(ndtri(np.clip(unit, 1e-9, 1 - 1e-9)))


@dataclass(frozen=True, eq=False)
class VariationModel:
    """A conditional model and the rows that it was learnt from."""

    process: SensitivityProcess
    rows: TableRows

    def times(self, parameters: Floats, condition: Floats, nominal: Floats, ahead: Floats, residual: int | None = None) -> Floats:
        """(m, o) at one condition (f,), ``nominal`` and ``ahead`` (o,) for it; ``residual``: the seed of residuals that are added."""
        conditions = np.tile(condition, (len(parameters), 1))
        mean = self.process.mean(parameters, conditions)
        if residual is not None:
            some = slice(0, None, _EVERY)
            size = np.sqrt((self.process.deviation(parameters[some], conditions[some]) ** 2).mean(axis=0))
            mean = mean + size * np.random.default_rng(residual).standard_normal(mean.shape)
        return np.asarray((nominal + ahead) * np.exp(mean) - ahead)

    def moments(self, condition: Floats, nominal: Floats, ahead: Floats, *, virtual: Floats, seed: int = 0) -> Moments:
        """Moments (o,) at one condition, of ``virtual`` (m, k) rows with residuals."""
        return Moments.of(self.times(virtual, condition, nominal, ahead, seed), nominal)

    def corrections(self, condition: Floats) -> tuple[Floats, Floats]:
        """What the rows at a condition say of the first three moments about nominal beyond the model, and the standard error of that:
        (3, o) each, in powers of s. NaN without rows there."""
        own = self.rows.places(condition)
        rows = self.rows.taken(own)
        size = rows.nominal + rows.ahead
        expected = size * np.exp(rows.relative - self.process.left_out[own]) - rows.ahead - rows.nominal
        seen = rows.times - rows.nominal
        spread = (self.process.left_out_deviation[own] * size) ** 2
        off = np.stack([seen - expected, seen**2 - expected**2 - spread, seen**3 - expected**3 - 3 * expected * spread])
        if len(seen) < 2:
            nothing = np.full((3, self.rows.times.shape[1]), np.nan)
            return nothing, nothing
        return off.mean(axis=1), off.std(axis=1, ddof=1) / np.sqrt(len(seen))


def fit_variation(rows: TableRows, *, seed: int, settings: SensitivitySettings | None = None) -> VariationModel:
    """Fit on the rows; outputs share the kernel. Rows with a time that is not known are left out."""
    rows = rows.taken(np.flatnonzero(np.isfinite(rows.times).all(axis=1)))
    process = fit_sensitivities(rows.parameters, rows.conditions, rows.relative, seed=seed, settings=settings)
    return VariationModel(process, rows)


def corrected(found: list[Moments], corrections: list[tuple[Floats, Floats]]) -> list[Moments]:
    """Moments (o,) of each point of a table with the points' corrections, each weighed by how much more all of them spread than their
    standard errors explain."""
    scales = np.stack([one.deviation for one in found])
    powers = np.arange(1, 4)[:, None]
    off = np.stack([mean / one.deviation**powers for one, (mean, _) in zip(found, corrections, strict=True)])
    error = np.stack([spread / one.deviation**powers for one, (_, spread) in zip(found, corrections, strict=True)])
    true = np.maximum((off**2).mean(axis=0) - (error**2).mean(axis=0), 0.0)
    weighed = off * true / (true + error**2 + 1e-300)
    out = []
    for place, one in enumerate(found):
        first, second, third = weighed[place] * scales[place] ** powers
        shift = one.mean - one.nominal
        about = np.stack([shift + first, one.deviation**2 + shift**2 + second, one.third + 3 * shift * one.deviation**2 + shift**3 + third])
        variance = np.maximum(about[1] - about[0] ** 2, (0.1 * one.deviation) ** 2)
        deviation = np.sqrt(variance)
        central = about[2] - 3 * about[0] * variance - about[0] ** 3
        wider = deviation / one.deviation
        late, early = (
            (sign * (first + shift) + wider * (SIGMAS * side - sign * shift)) / SIGMAS for sign, side in ((1, one.late), (-1, one.early))
        )
        out.append(replace(one, mean=one.nominal + about[0], deviation=deviation, third=central, early=early, late=late))
    return out
