"""Gaussian process of all outputs of a cell's rows at once: one kernel, whose hyper-parameters every output helps to learn.

Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006: equations 2.23 to 2.26 (prediction), 4.16 (polynomial), 5.12
(leave-one-out); the likelihood is in likelihood.py. With few rows the length scales, not the data, are what a plain process lacks: delays
and transitions of all pins and edges share them here, and a quadratic in the inputs carries what process parameters do, so that the
stationary part has only the rest to learn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from eda_plugin.models.rows.likelihood import Parameters, likeliest, random_rows, squared_distance

__all__ = ["KernelSettings", "RowProcess", "fit_process"]

Floats = NDArray[np.float64]
_JITTER = 1e-7


@dataclass(frozen=True)
class KernelSettings:
    """``polynomial``: with linear and quadratic parts; ``directions``: learnt directions across the inputs, along which the stationary part
    may vary faster (the first starts along the last input but one less the last: load against slew); ``subset`` rows and ``steps`` of
    Adam for the hyper-parameters; ``length``: of every
    input at the start."""

    polynomial: bool = True
    directions: int = 3
    subset: int = 250
    steps: int = 150
    rate: float = 0.08
    length: float = 4.0


@dataclass(frozen=True, eq=False)
class RowProcess:
    """A solved process. ``x`` (n, f) rows learnt from; ``alpha`` (n, o); ``inverse`` (n, n) of the kernel matrix; ``centre`` and
    ``scale`` (o,) of
    the outputs; ``variance`` (o,): of each output's left-out residual over the process's own."""

    parameters: Parameters
    polynomial: bool
    x: torch.Tensor
    alpha: torch.Tensor
    inverse: torch.Tensor
    centre: Floats
    scale: Floats
    left_out: Floats
    left_out_deviation: Floats

    def predict(self, x: Floats, *, batch: int = 2000) -> tuple[Floats, Floats]:
        """Mean (m, o), and the deviation (m,) in units of the outputs' scale, at ``x`` (m, f)."""
        means, deviations = [], []
        noise = torch.exp(self.parameters["noise"])
        for begin in range(0, len(x), batch):
            near = torch.as_tensor(x[begin : begin + batch])
            K = _kernel(self.parameters, near, self.x, polynomial=self.polynomial)
            own = _diagonal(self.parameters, near, polynomial=self.polynomial)
            means.append((K @ self.alpha).numpy())
            deviations.append((own + noise - ((K @ self.inverse) * K).sum(dim=1)).clamp(min=1e-12).sqrt().numpy())
        return np.concatenate(means) * self.scale + self.centre, np.concatenate(deviations)


def fit_process(x: Floats, y: Floats, *, seed: int, settings: KernelSettings | None = None) -> RowProcess:
    """Fit on ``x`` (n, f) of about unit deviation and ``y`` (n, o). Single-threaded sums are small: the result depends on the seed
    alone."""
    settings = settings or KernelSettings()
    centre, scale = y.mean(axis=0), y.std(axis=0) + 1e-300
    X, Y = torch.as_tensor(x), torch.as_tensor((y - centre) / scale)
    parameters = _learnt(X, Y, seed, settings)
    noise = float(torch.exp(parameters["noise"]))
    K = _kernel(parameters, X, X, polynomial=settings.polynomial) + (noise + _JITTER) * torch.eye(len(X), dtype=torch.float64)
    C = torch.linalg.cholesky(K)
    alpha = torch.cholesky_solve(Y, C)
    inverse = torch.cholesky_inverse(C)
    own = 1.0 / inverse.diagonal()
    left_out = (alpha * own[:, None]).numpy()
    return RowProcess(parameters, settings.polynomial, X, alpha, inverse, centre, scale, left_out, own.sqrt().numpy())


def _learnt(X: torch.Tensor, Y: torch.Tensor, seed: int, settings: KernelSettings) -> Parameters:
    """Maximum likelihood on a random subset."""
    F = X.shape[1]
    rows = random_rows(len(X), settings.subset, seed)
    X, Y = X[rows], Y[rows]
    start = {
        "length": np.full(F, np.log(settings.length)),
        "size": np.array(0.0 if not settings.polynomial else -1.5),
        "noise": np.array(-8.0),
    }
    if settings.directions:
        across = 0.02 * np.random.default_rng(seed).standard_normal((settings.directions, F))
        across[0, -2:] += [0.3, -0.3]
        start["across"] = across
    if settings.polynomial:
        start |= {"constant": np.array(0.0), "linear": np.full(F, -1.0), "square": np.full(F, -2.5)}
    return likeliest(
        start,
        lambda parameters: _kernel(parameters, X, X, polynomial=settings.polynomial),
        Y,
        steps=settings.steps,
        rate=settings.rate,
        jitter=_JITTER,
    )


def _kernel(parameters: Parameters, a: torch.Tensor, b: torch.Tensor, *, polynomial: bool) -> torch.Tensor:
    """(n, m): a length scale an input (and learnt directions); squared exponential, or rational quadratic with a constant, a linear and a
    quadratic part beside it."""
    scale = torch.exp(-parameters["length"])
    u, v = a * scale, b * scale
    if "across" in parameters:
        u, v = torch.cat([u, a @ parameters["across"].T], dim=1), torch.cat([v, b @ parameters["across"].T], dim=1)
    square = squared_distance(u, v)
    K = torch.exp(2.0 * parameters["size"]) * ((1.0 + square / 4.0) ** -2.0 if polynomial else torch.exp(-0.5 * square))
    if polynomial:
        K = K + torch.exp(2.0 * parameters["constant"]) + (a * torch.exp(2.0 * parameters["linear"])) @ b.T
        K = K + ((a * torch.exp(2.0 * parameters["square"])) @ b.T) ** 2
    return K


def _diagonal(parameters: Parameters, a: torch.Tensor, *, polynomial: bool) -> torch.Tensor:
    own = torch.exp(2.0 * parameters["size"]).expand(len(a))
    if polynomial:
        own = own + torch.exp(2.0 * parameters["constant"]) + (a * a * torch.exp(2.0 * parameters["linear"])).sum(dim=1)
        own = own + (a * a * torch.exp(2.0 * parameters["square"])).sum(dim=1) ** 2
    return own
