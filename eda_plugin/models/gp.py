"""Gaussian process over points: Matern-5/2 with a length scale a feature, quantities tied by a coregionalisation matrix.

Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006: equations 4.17 (kernel), 5.8 and 5.9 (likelihood and its slope),
5.12 (leave-one-out). Hyper-parameters are learnt on random subsets; the solution is exact on at most ``GPSettings.largest`` points, and of
more than these each kind has its own. A pass of Student-t weights keeps single odd tables from bending the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from eda_plugin.config import Stage

__all__ = ["GPSettings", "Hyper", "Process", "fit_hyper", "solve"]

Array = NDArray[np.float64]

BLOCK = 512
"""Columns of an inverse at a time."""


@dataclass(frozen=True)
class GPSettings:
    """``steps`` of Adam on subsets of ``subset`` points; ``largest``: points of the exact solution; ``degrees`` of freedom of the weights;
    ``batch``: points predicted at once."""

    steps: int = 120
    subset: int = 800
    rate: float = 0.1
    largest: int = 6000
    degrees: float = 4.0
    batch: int = 64


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
    """A solved process. At the points ``rows`` (N,) of those given, which it was solved on: ``noise`` (N,) variances, ``left_out`` (N,)
    leave-one-out residuals and their variance (N,). ``parts``: what kinds each part predicts."""

    hyper: Hyper
    parts: tuple[tuple[NDArray[np.int64], _Part], ...]
    rows: NDArray[np.int64]
    noise: Array
    left_out: Array
    left_out_variance: Array

    def predict(self, x: NDArray[np.float32], kind: NDArray[np.int64]) -> tuple[Array, Array]:
        """Mean (M,) and variance (M,) at new points ``x`` (M, F). The variance is that of the process given a subset of its points."""
        mean, variance = np.empty(len(x)), np.empty(len(x))
        for kinds, part in self.parts:
            at = np.flatnonzero(np.isin(kind, kinds))
            mean[at], variance[at] = part.predict(self.hyper, x, kind, at)
        return mean, variance


@dataclass(frozen=True, eq=False)
class _Part:
    """The solution on some points: ``x`` (N, F) scaled features, ``alpha`` (N,); ``some`` of them tell variances."""

    x: torch.Tensor
    kind: torch.Tensor
    alpha: torch.Tensor
    some: torch.Tensor
    some_inverse: torch.Tensor
    batch: int

    def predict(self, hyper: Hyper, x: NDArray[np.float32], kind: NDArray[np.int64], at: NDArray[np.int64]) -> tuple[Array, Array]:
        """Mean and variance (E,) at the points ``at`` (E,) of x (M, F) and kind (M,)."""
        scale = torch.exp(-hyper.length).float().to(self.x.device)
        tie = (hyper.kinds @ hyper.kinds.T).float().to(self.x.device)
        mean, variance = np.empty(len(at)), np.empty(len(at))
        by_kind = torch.zeros((len(self.x), len(tie)), device=self.x.device)
        by_kind[torch.arange(len(self.x)), self.kind] = self.alpha.float()
        known = _beside(self.x)
        for begin in range(0, len(at), self.batch):
            batch = slice(begin, begin + self.batch)
            near = torch.as_tensor(x[at[batch]]).to(self.x.device) * scale
            own = torch.as_tensor(kind[at[batch]]).to(self.x.device)
            K = _matern(_squares(near, known))
            mean[batch] = ((K @ by_kind) * tie[own]).sum(dim=1).double().cpu().numpy()  # the tie between kinds, without a matrix of its own
            k_some = K[:, self.some] * tie[own][:, self.kind[self.some]]
            spread = torch.diagonal(tie)[own] - ((k_some @ self.some_inverse) * k_some).sum(dim=1)
            variance[batch] = torch.clamp(spread, min=1e-6).double().cpu().numpy()
        return mean, variance


def _beside(b: torch.Tensor) -> torch.Tensor:
    """(F + 2, m) of b (m, F): what ``_squares`` multiplies by."""
    return torch.cat([b, torch.ones_like(b[:, :1]), (b * b).sum(dim=1, keepdim=True)], dim=1).T


def _squares(a: torch.Tensor, beside: torch.Tensor) -> torch.Tensor:
    """Five times the squared distances (n, m), of a (n, F) from the points ``beside`` was made of, in one product."""
    square = torch.cat([-2.0 * a, (a * a).sum(dim=1, keepdim=True), torch.ones_like(a[:, :1])], dim=1) @ beside
    return square.clamp_(min=1e-12).mul_(5.0)


def _matern(square: torch.Tensor) -> torch.Tensor:
    """Matern-5/2 correlation of ``_squares``: few matrices are made, what they cost is memory's time."""
    d = square.sqrt()
    steep = torch.add(d, square, alpha=1.0 / 3.0)
    correlation = d.neg_().exp_()
    return correlation.addcmul_(correlation, steep)


def _inverse_diagonal(C: torch.Tensor) -> torch.Tensor:
    """(n,) diagonal of the inverse of C C^T: the squares of the inverse of C, whose columns begin at their own row.

    Single precision: half the time, and the noise keeps the matrix well conditioned.
    """
    lower, out = C.float(), torch.empty(len(C), device=C.device)
    for begin in range(0, len(C), BLOCK):
        rest = lower[begin:, begin:]
        columns = torch.eye(len(rest), min(BLOCK, len(rest)), device=C.device)
        out[begin : begin + BLOCK] = torch.linalg.solve_triangular(rest, columns, upper=False).square().sum(dim=0)
    return out.double()


@dataclass(frozen=True, eq=False)
class _Slope:
    """Derivatives of the loss by a process's parameters, of their shapes."""

    length: torch.Tensor
    factor: torch.Tensor
    noise: torch.Tensor


def _loss(
    X: torch.Tensor, y: torch.Tensor, code: torch.Tensor, length: torch.Tensor, factor: torch.Tensor, noise: torch.Tensor
) -> tuple[float, _Slope]:
    """Negative logarithm of the likelihood of y (n,) at X (n, F), a point (equation 5.8), and its derivatives in closed form (5.9)."""
    n, lower = len(y), torch.tril(factor)
    x = X * torch.exp(-length)
    square = _squares(x, _beside(x))
    matern, d = _matern(square), square.sqrt()
    member = torch.nn.functional.one_hot(code, len(noise)).to(X)
    tie = member @ (lower @ lower.T) @ member.T
    C = torch.linalg.cholesky(matern * tie + torch.diag(torch.exp(noise)[code] + 1e-5))
    a = torch.cholesky_solve(y[:, None], C)[:, 0]
    by_K = (torch.cholesky_inverse(C) - a[:, None] * a) / (2 * n)
    by_tie = member.T @ (by_K * matern) @ member
    by_square = by_K * tie * (-5.0 / 6.0) * (1.0 + d) * torch.exp(-d)
    by_length = -4.0 * (by_square.sum(dim=1) @ (x * x) - ((by_square @ x) * x).sum(dim=0))
    slope = _Slope(by_length, torch.tril((by_tie + by_tie.T) @ lower), (by_K.diagonal() @ member) * torch.exp(noise))
    return float((0.5 * (y @ a) + C.diagonal().log().sum()) / n), slope


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
    optimizer = torch.optim.Adam([length, factor, noise], lr=settings.rate)
    value = float("nan")
    for step in range(settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * (1.0 - 0.8 * step / settings.steps)
        rows = torch.as_tensor(np.sort(rng.choice(len(y), min(settings.subset, len(y)), replace=False))).to(device)
        value, slope = _loss(X[rows], Y[rows], code[rows], length, factor, noise)
        length.grad, factor.grad, noise.grad = slope.length, slope.factor, slope.noise
        optimizer.step()
        if stage is not None:
            stage.advance()
    return Hyper(length.cpu(), torch.tril(factor).cpu(), noise.clamp(min=-9.0).cpu(), value)


def solve(
    x: NDArray[np.float32], y: Array, kind: NDArray[np.int64], hyper: Hyper, seed: int, settings: GPSettings, device: str = "cpu"
) -> Process:
    """Exact solution on the points; of more than ``settings.largest``, one for each kind, on so many: its own, which tell it most, and
    those of other kinds where there is room. Chosen at random.
    """
    rng, every = np.random.default_rng(seed), np.arange(len(y))
    kinds = np.arange(len(hyper.noise))
    sets = [(kinds, every)]
    if len(y) > settings.largest:
        order = rng.permutation(len(y))
        sets = [(code, np.sort(order[np.argsort(kind[order] != code, kind="stable")][: settings.largest])) for code in kinds[:, None]]
    parts, told = [], []
    for codes, rows in sets:
        part, *about = _solve(x[rows], y[rows], kind[rows], hyper, rng, settings, device)
        own = np.isin(kind[rows], codes)
        parts.append((codes, part))
        told.append([array[own] for array in (rows, *about)])
    return Process(hyper, tuple(parts), *(np.concatenate(arrays) for arrays in zip(*told, strict=True)))


def _solve(
    x: NDArray[np.float32], y: Array, kind: NDArray[np.int64], hyper: Hyper, rng: np.random.Generator, settings: GPSettings, device: str
) -> tuple[_Part, Array, Array, Array]:
    """The solution on these points; noise, leave-one-out residual and its variance at each, (N,)."""
    scaled = (torch.as_tensor(x) * torch.exp(-hyper.length).float()).to(device)
    code, Y = torch.as_tensor(kind).to(device), torch.as_tensor(y).to(device)
    tie = (hyper.kinds @ hyper.kinds.T).to(device)
    K = (_matern(_squares(scaled, _beside(scaled))) * tie.float()[code][:, code]).double()
    base = torch.exp(hyper.noise).to(device)[code] + 1e-5
    weight = torch.ones_like(Y)
    for again in (True, False):
        C = torch.linalg.cholesky(K + torch.diag(base / weight))
        alpha = torch.cholesky_solve(Y[:, None], C)[:, 0]
        variance = 1.0 / _inverse_diagonal(C)
        left_out = alpha * variance
        if again:
            weight = torch.clamp((settings.degrees + 1.0) / (settings.degrees + left_out**2 / variance), max=1.0)
    some = torch.as_tensor(np.sort(rng.choice(len(y), min(600, len(y)), replace=False))).to(device)
    inner = K[some][:, some] + torch.diag((base / weight)[some])
    part = _Part(scaled, code, alpha, some, torch.linalg.inv(inner).float(), settings.batch)
    return part, (base / weight).cpu().numpy(), left_out.cpu().numpy(), variance.cpu().numpy()
