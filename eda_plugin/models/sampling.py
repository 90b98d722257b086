"""Samplers. They need a callable, a start and the noise levels; they know nothing of tables."""

from __future__ import annotations

from collections.abc import Callable

import torch

__all__ = ["heun"]


def heun(denoise: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], start: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
    """Deterministic second-order sampler: arXiv 2206.00364, algorithm 1.

    ``denoise(x, sigma)`` with x (n, d), sigma (n, 1); ``start`` (n, d) unit noise; ``levels`` (k + 1,) descending, the last 0.
    """
    x = start * levels[0]
    for now, then in zip(levels[:-1].tolist(), levels[1:].tolist(), strict=True):
        sigma = torch.full((len(x), 1), now, device=x.device)
        slope = (x - denoise(x, sigma)) / now
        step = x + (then - now) * slope
        if then > 0:
            again = (step - denoise(step, torch.full_like(sigma, then))) / then
            step = x + (then - now) * (slope + again) / 2
        x = step
    return x
