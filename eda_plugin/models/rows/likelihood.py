"""Hyper-parameters of a Gaussian process of several outputs that share a kernel: one factorization serves them all.

Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, equation 5.8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["Parameters", "likeliest", "random_rows", "squared_distance"]

Parameters = dict[str, torch.Tensor]
LEAST_NOISE = -16.0
"""Logarithm of the variance."""


def random_rows(count: int, subset: int, seed: int) -> torch.Tensor:
    """``subset`` of ``count`` row numbers, ascending, or all of them."""
    return torch.as_tensor(np.sort(np.random.default_rng(seed).permutation(count)[:subset]))


def squared_distance(u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """(n, m) of the rows of u (n, f) and v (m, f)."""
    return ((u * u).sum(dim=1)[:, None] + (v * v).sum(dim=1)[None] - 2.0 * (u @ v.T)).clamp(min=0.0)


def likeliest(
    start: Mapping[str, NDArray[np.float64]],
    kernel: Callable[[Parameters], torch.Tensor],
    Y: torch.Tensor,
    *,
    steps: int,
    rate: float,
    jitter: float,
) -> Parameters:
    """Maximum likelihood by Adam from ``start``, in which ``noise`` is the logarithm of the rows' own variance.

    ``kernel``: the covariance (n, n) of the rows of Y (n, o) without that. Where it can't be factorized the last parameters stand.
    """
    parameters = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in start.items()}
    optimizer = torch.optim.Adam(parameters.values(), lr=rate)
    eye = torch.eye(len(Y), dtype=torch.float64)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * (1.0 - 0.9 * step / steps)
        C, wrong = torch.linalg.cholesky_ex(kernel(parameters) + (torch.exp(parameters["noise"]) + jitter) * eye)
        if int(wrong):
            break
        a = torch.cholesky_solve(Y, C)
        loss = (0.5 * (Y * a).sum() / Y.shape[1] + C.diagonal().log().sum()) / len(Y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            parameters["noise"].clamp_(min=LEAST_NOISE)
    return {name: value.detach() for name, value in parameters.items()}
