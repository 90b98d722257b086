"""Gaussian process over points: Matern-5/2 with a length scale a feature, quantities tied by a coregionalisation matrix.

Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006: equations 4.17 (kernel), 5.8 (likelihood), 5.12 (leave-one-out).
Hyper-parameters are learnt on random subsets; the solution is exact on at most ``GPSettings.largest`` points. A pass of Student-t weights
keeps single odd tables from bending the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from eda_plugin.config import Stage

__all__ = ["GPSettings", "Hyper", "Process", "fit_hyper", "solve"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class GPSettings:
    """``steps`` of Adam on subsets of ``subset`` points; ``largest``: points of the exact solution; ``degrees`` of freedom of the weights;
    ``batch``: points predicted at once."""

    steps: int = 120
    subset: int = 800
    rate: float = 0.1
    largest: int = 6000
    degrees: float = 4.0
    batch: int = 256


@dataclass(frozen=True, eq=False)
class Hyper:
    """Logarithms of the F length scales and of the noise of each kind, and the lower Cholesky factor (K, K) that ties the kinds.

    ``groups``: how many features each group has, where they are components in the order of their size.
    """

    length: torch.Tensor
    kinds: torch.Tensor
    noise: torch.Tensor
    loss: float
    groups: tuple[int, ...] = ()

    def matched(self, groups: tuple[int, ...]) -> Hyper:
        """The same for as many groups with other numbers of components: of the first ones, and of the last one known for more."""
        parts = []
        for part, count in zip(torch.split(self.length, list(self.groups)), groups, strict=True):
            last = (part if len(part) else self.length)[-1:]
            parts.append(torch.cat([part, last.repeat(count)])[:count])
        return replace(self, length=torch.cat(parts), groups=groups)


@dataclass(frozen=True, eq=False)
class Process:
    """A solved process. ``x`` (N, F) scaled features, ``alpha`` (N,), ``noise`` (N,) variances, ``left_out`` (N,) leave-one-out residuals.

    ``rows`` (N,): which of the points given it was solved on.
    """

    hyper: Hyper
    x: torch.Tensor
    kind: torch.Tensor
    alpha: torch.Tensor
    noise: Array
    left_out: Array
    left_out_variance: Array
    rows: NDArray[np.int64]
    batch: int
    part: torch.Tensor
    part_inverse: torch.Tensor

    def predict(self, x: NDArray[np.float32], kind: NDArray[np.int64]) -> tuple[Array, Array]:
        """Mean (M,) and variance (M,) at new points ``x`` (M, F). The variance is that of the process given a subset of its points."""
        scale = torch.exp(-self.hyper.length).float().to(self.x.device)
        tie = (self.hyper.kinds @ self.hyper.kinds.T).float().to(self.x.device)
        mean, variance = np.empty(len(x)), np.empty(len(x))
        alpha = self.alpha.float()
        groups = [torch.nonzero(self.kind == k).ravel() for k in range(len(tie))]
        for begin in range(0, len(x), self.batch):
            part = slice(begin, begin + self.batch)
            near = torch.as_tensor(x[part]).to(self.x.device) * scale
            own = torch.as_tensor(kind[part]).to(self.x.device)
            K = _matern(near, self.x)
            total = torch.zeros(len(near), device=self.x.device)
            for k, rows in enumerate(groups):  # the tie between kinds goes into the vector: cheaper than into the matrix
                if len(rows):
                    total += tie[own, k] * (K[:, rows] @ alpha[rows])
            mean[part] = total.double().cpu().numpy()
            k_part = K[:, self.part] * tie[own][:, self.kind[self.part]]
            spread = torch.diagonal(tie)[own] - ((k_part @ self.part_inverse) * k_part).sum(dim=1)
            variance[part] = torch.clamp(spread, min=1e-6).double().cpu().numpy()
        return mean, variance


def _matern(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Matern-5/2 correlation (n, m) of scaled features a (n, F), b (m, F)."""
    square = (a * a).sum(dim=1)[:, None] + (b * b).sum(dim=1)[None] - 2.0 * (a @ b.T)
    d = square.clamp(min=1e-12).mul(5.0).sqrt()
    return (1.0 + d + d * d / 3.0) * torch.exp(-d)


def _inverse_diagonal(C: torch.Tensor) -> torch.Tensor:
    """(n,) diagonal of the inverse of C C^T. Single precision: half the time, and the noise keeps the matrix well conditioned."""
    root = torch.linalg.solve_triangular(C.float(), torch.eye(len(C), device=C.device), upper=False)
    square: torch.Tensor = (root * root).sum(dim=0)
    return square.double()


def fit_hyper(
    x: NDArray[np.float32],
    y: Array,
    kind: NDArray[np.int64],
    kinds: int,
    seed: int,
    settings: GPSettings,
    device: str = "cpu",
    stage: Stage | None = None,
) -> Hyper:
    """Maximum likelihood on random subsets. x (N, F), y (N,) of about unit scale, kind (N,) codes below ``kinds``.

    ``stage`` is told each of the ``settings.steps``.
    """
    rng = np.random.default_rng(seed)
    X, Y, code = torch.as_tensor(x).double().to(device), torch.as_tensor(y).to(device), torch.as_tensor(kind).to(device)
    F = X.shape[1]
    length = torch.full((F,), float(np.log(3.0 * np.sqrt(F / 10.0))), dtype=torch.float64, device=device)
    factor = torch.linalg.cholesky(0.7 * torch.eye(kinds, dtype=torch.float64, device=device) + 0.3)
    noise = torch.full((kinds,), float(np.log(0.2)), dtype=torch.float64, device=device)
    parameters = [length.requires_grad_(), factor.requires_grad_(), noise.requires_grad_()]
    optimizer = torch.optim.Adam(parameters, lr=settings.rate)
    value = float("nan")
    for step in range(settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * (1.0 - 0.8 * step / settings.steps)
        rows = torch.as_tensor(np.sort(rng.choice(len(y), min(settings.subset, len(y)), replace=False))).to(device)
        lower = torch.tril(factor)
        own = code[rows]
        scaled = X[rows] * torch.exp(-length)
        K = _matern(scaled, scaled) * (lower @ lower.T)[own][:, own] + torch.diag(torch.exp(noise)[own] + 1e-5)
        C = torch.linalg.cholesky(K)
        a = torch.cholesky_solve(Y[rows][:, None], C)[:, 0]
        loss = (0.5 * (Y[rows] @ a) + C.diagonal().log().sum()) / len(rows)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        value = float(loss.detach())
        if stage is not None:
            stage.advance()
    return Hyper(length.detach().cpu(), torch.tril(factor.detach()).cpu(), noise.detach().clamp(min=-9.0).cpu(), value)


def solve(
    x: NDArray[np.float32], y: Array, kind: NDArray[np.int64], hyper: Hyper, seed: int, settings: GPSettings, device: str = "cpu"
) -> Process:
    """Exact solution on the points, or on a random ``settings.largest`` of them."""
    rng = np.random.default_rng(seed)
    rows = np.arange(len(y)) if len(y) <= settings.largest else np.sort(rng.choice(len(y), settings.largest, replace=False))
    scaled = (torch.as_tensor(x[rows]) * torch.exp(-hyper.length).float()).to(device)
    code = torch.as_tensor(kind[rows]).to(device)
    Y = torch.as_tensor(y[rows]).to(device)
    tie = (hyper.kinds @ hyper.kinds.T).to(device)
    K = (_matern(scaled, scaled) * tie.float()[code][:, code]).double()
    base = torch.exp(hyper.noise).to(device)[code] + 1e-5
    weight = torch.ones_like(Y)
    for again in (True, False):
        C = torch.linalg.cholesky(K + torch.diag(base / weight))
        alpha = torch.cholesky_solve(Y[:, None], C)[:, 0]
        variance = 1.0 / _inverse_diagonal(C)
        left_out = alpha * variance
        if again:
            weight = torch.clamp((settings.degrees + 1.0) / (settings.degrees + left_out**2 / variance), max=1.0)
    part = torch.as_tensor(np.sort(rng.choice(len(rows), min(600, len(rows)), replace=False))).to(device)
    inner = K[part][:, part] + torch.diag((base / weight)[part])
    inverse = torch.linalg.inv(inner).float()
    return Process(
        hyper=hyper,
        x=scaled,
        kind=code,
        alpha=alpha,
        noise=(base / weight).cpu().numpy(),
        left_out=left_out.cpu().numpy(),
        left_out_variance=variance.cpu().numpy(),
        rows=rows,
        batch=settings.batch,
        part=part,
        part_inverse=inverse,
    )
