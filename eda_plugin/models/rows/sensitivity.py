"""Variation of many outputs as a function of process parameters whose coefficients vary smoothly with the conditions: one Gaussian process.

y(p, c) = sum of a_k(c) p_k + sum of b_kl(c) p_k p_l + third order, where a, b are unknown smooth functions of the conditions c (slew, load,
and supply, temperature, process corner where they vary): a kernel that is polynomial in p times one that is stationary in c (Rasmussen
and Williams, Gaussian Processes for Machine Learning, 2006, 4.2.4: products of kernels). It is zero at p = 0, as a deviation from nominal
is. All rows of a table, and of all corners, learn the same coefficients: fifty rows a point are several hundred for twelve sensitivities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from eda_plugin.models.rows.likelihood import Parameters, likeliest, random_rows, squared_distance

__all__ = ["SensitivityProcess", "SensitivitySettings", "fit_sensitivities"]

Floats = NDArray[np.float64]
_JITTER = 1e-8


@dataclass(frozen=True)
class SensitivitySettings:
    """``subset`` rows and ``steps`` of Adam at ``rate`` for the hyper-parameters; ``length``: of every condition at the start."""

    subset: int = 300
    steps: int = 120
    rate: float = 0.1
    length: float = 3.0


@dataclass(frozen=True, eq=False)
class SensitivityProcess:
    """A solved process. ``left_out`` (n, o): what each row's output was off by where it was left out, and ``left_out_deviation`` (n, o)
    what the process expected of that."""

    parameters: Parameters
    p: torch.Tensor
    c: torch.Tensor
    alpha: torch.Tensor
    factor: torch.Tensor
    scale: Floats
    left_out: Floats
    left_out_deviation: Floats

    def mean(self, p: Floats, c: Floats) -> Floats:
        """(m, o) at ``p`` (m, k), ``c`` (m, f)."""
        found = [self._across(p, c, part) @ self.alpha for part in _parts(len(p))]
        return torch.cat(found).numpy() * self.scale

    def deviation(self, p: Floats, c: Floats) -> Floats:
        """(m, o) of what is not known of an output, that of a row's own noise included."""
        noise = torch.exp(self.parameters["noise"])
        found = []
        for part in _parts(len(p)):
            half = torch.linalg.solve_triangular(self.factor, self._across(p, c, part).T, upper=False)
            own = _diagonal(self.parameters, torch.as_tensor(p[part])) + noise
            found.append((own - (half * half).sum(dim=0)).clamp(min=1e-14).sqrt())
        return torch.cat(found).numpy()[:, None] * self.scale

    def _across(self, p: Floats, c: Floats, part: slice) -> torch.Tensor:
        return _kernel(self.parameters, torch.as_tensor(p[part]), torch.as_tensor(c[part]), self.p, self.c)


def _parts(count: int, most: int = 2000) -> list[slice]:
    return [slice(begin, begin + most) for begin in range(0, count, most)]


def fit_sensitivities(p: Floats, c: Floats, y: Floats, *, seed: int, settings: SensitivitySettings | None = None) -> SensitivityProcess:
    """Fit on ``p`` (n, k) and ``c`` (n, f) of about unit deviation, ``y`` (n, o) deviations from nominal. The result depends on the seed
    alone."""
    settings = settings or SensitivitySettings()
    scale = np.sqrt((y**2).mean(axis=0)) + 1e-300
    P, C, Y = torch.as_tensor(p), torch.as_tensor(c), torch.as_tensor(y / scale)
    parameters = _learnt(P, C, Y, seed, settings)
    noise = float(torch.exp(parameters["noise"]))
    K = _kernel(parameters, P, C, P, C) + (noise + _JITTER) * torch.eye(len(P), dtype=torch.float64)
    factor = torch.linalg.cholesky(K)
    alpha = torch.cholesky_solve(Y, factor)
    own = 1.0 / torch.cholesky_inverse(factor).diagonal()
    left_out = (alpha * own[:, None]).numpy() * scale
    return SensitivityProcess(parameters, P, C, alpha, factor, scale, left_out, own.sqrt().numpy()[:, None] * scale)


def _learnt(P: torch.Tensor, C: torch.Tensor, Y: torch.Tensor, seed: int, settings: SensitivitySettings) -> Parameters:
    """Maximum likelihood on a random subset."""
    rows = random_rows(len(P), settings.subset, seed)
    P, C, Y = P[rows], C[rows], Y[rows]
    count, conditions = P.shape[1], C.shape[1]
    start = {
        "linear": np.full(count, -0.5 * np.log(count)),
        "square": np.full(count, -2.5),
        "cube": np.array(-1.0),
        "varies": np.full(3, -0.5),
        "length": np.full(conditions, np.log(settings.length)),
        "noise": np.array(-8.0),
    }
    return likeliest(start, lambda parameters: _kernel(parameters, P, C, P, C), Y, steps=settings.steps, rate=settings.rate, jitter=_JITTER)


def _orders(parameters: Parameters, p: torch.Tensor, q: torch.Tensor) -> list[torch.Tensor]:
    """First, second and third order in the process parameters, (n, m) each."""
    first = (p * torch.exp(2.0 * parameters["linear"])) @ q.T
    second = (p * torch.exp(2.0 * parameters["square"])) @ q.T
    return [first, second**2, torch.exp(2.0 * parameters["cube"]) * second**3]


def _kernel(parameters: Parameters, p: torch.Tensor, c: torch.Tensor, q: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    """(n, m): each order times a constant and a rational quadratic of the conditions."""
    scale = torch.exp(-parameters["length"])
    near = (1.0 + squared_distance(c * scale, d * scale) / 4.0) ** -2.0
    part = torch.exp(2.0 * parameters["varies"])
    return torch.stack([order * (1.0 + part[n] * near) for n, order in enumerate(_orders(parameters, p, q))]).sum(dim=0)


def _diagonal(parameters: Parameters, p: torch.Tensor) -> torch.Tensor:
    part = torch.exp(2.0 * parameters["varies"])
    first = (p * p * torch.exp(2.0 * parameters["linear"])).sum(dim=1)
    second = (p * p * torch.exp(2.0 * parameters["square"])).sum(dim=1)
    return first * (1 + part[0]) + second**2 * (1 + part[1]) + torch.exp(2.0 * parameters["cube"]) * second**3 * (1 + part[2])
