"""Our rows: inputs from their known law, outputs from a conditional model of all pins and edges at once: a mean and the residual around it.

The mean is a Gaussian process of the outputs' logarithms over physical coordinates; what it leaves over where it did not see a row
(leave-one-out),
whitened across the outputs, is what the diffusion model of the fill engine learns, given the inputs (CARD, arXiv 2206.07275). The
simulator is
deterministic, so the residual is what the mean doesn't know yet: one draw is a possible truth, the mean of the draws is the best label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from eda_plugin.config import NullProgress
from eda_plugin.domain.variation import InputLaw
from eda_plugin.models.denoiser import Denoiser
from eda_plugin.models.diffusion import DiffusionSettings, draw, train_denoiser
from eda_plugin.models.rows.kernel import KernelSettings, RowProcess, fit_process

__all__ = ["ConditionalRows", "coordinates", "fit_conditional"]

Floats = NDArray[np.float64]
_DIFFUSION = DiffusionSettings(steps=400, batch=128, clip=5.0)
_LOAD, _SLEW = 3.5e-16, 5.5e-12
_DELAY = 5e-12
"""F, s and s: about a cell's own output capacitance, shortest ramp and delay at 22 nm; below them a logarithm must flatten."""


def coordinates(law: InputLaw, inputs: Floats) -> Floats:
    """(n, inputs) of about unit deviation: process parameters, supply and temperature as they are, load and slew by their logarithms
    beyond a
    cell's own load and delay."""
    out = law.scaled(inputs)
    for place, own in ((-2, _LOAD), (-1, _SLEW)):
        low, high = law.ranges[place]
        ends = np.log(np.array([low, high]) + own)
        out[:, place] = (np.log(inputs[:, place] + own) - ends.mean()) / ((ends[1] - ends[0]) / 12**0.5)
    return out


@dataclass(frozen=True, eq=False)
class ConditionalRows:
    """A fitted conditional model of positive outputs."""

    law: InputLaw
    process: RowProcess
    factor: Floats
    network: Denoiser | None

    def inputs(self, count: int, seed: int) -> Floats:
        """(count, inputs) of the known law, evenly spread (scrambled Sobol points)."""
        size = len(self.law.names)
        exponent = max(int(np.ceil(np.log2(max(count, 2)))), 1)
        return self.law.from_unit(qmc.Sobol(size, seed=seed).random_base2(exponent)[:count])

    def mean(self, inputs: Floats) -> Floats:
        """(n, outputs): the labels."""
        return np.asarray(np.exp(self.process.predict(coordinates(self.law, inputs))[0]) - _DELAY)

    def draw(self, inputs: Floats, seed: int, count: int = 1) -> Floats:
        """(count, n, outputs): possible truths, rows of all outputs jointly."""
        x = coordinates(self.law, inputs)
        mean, deviation = self.process.predict(x)
        if self.network is None:
            white = np.random.default_rng(seed).standard_normal((count, len(x), len(self.factor)))
        else:
            white = draw(self.network, x, count, seed=seed, settings=_DIFFUSION)
        rest = (white @ self.factor.T) * deviation[:, None] * self.process.scale
        return np.asarray(np.exp(mean + rest) - _DELAY)


def fit_conditional(
    law: InputLaw, inputs: Floats, outputs: Floats, *, seed: int, diffusion: bool = True, settings: KernelSettings | None = None
) -> ConditionalRows:
    """Fit on rows ``inputs`` (n, inputs), ``outputs`` (n, outputs) of positive times in s. ``diffusion``: else the residual is Gaussian."""
    x = coordinates(law, inputs)
    process = fit_process(x, np.log(outputs + _DELAY), seed=seed, settings=settings)
    standard = process.left_out / process.left_out_deviation[:, None]
    covariance = standard.T @ standard / len(standard)
    ridge = 0.05 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    factor = np.linalg.cholesky(0.95 * covariance + ridge)
    network = None
    if diffusion:
        white = np.asarray(np.linalg.solve(factor, standard.T).T, dtype=np.float64)
        network = train_denoiser(white, x, seed=seed, settings=_DIFFUSION, stage=NullProgress())
    return ConditionalRows(law, process, factor, network)
