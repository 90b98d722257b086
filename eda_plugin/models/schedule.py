"""Noise levels. Karras et al., Elucidating the Design Space of Diffusion-Based Generative Models, 2022 (arXiv 2206.00364)."""

from __future__ import annotations

import numpy as np
import torch

__all__ = ["karras_levels", "training_levels"]


def karras_levels(steps: int, low: float = 0.02, high: float = 20.0, rho: float = 7.0) -> torch.Tensor:
    """(steps + 1,) descending levels of equation 5, the last 0."""
    ramp = np.linspace(0, 1, steps)
    levels = (high ** (1 / rho) + ramp * (low ** (1 / rho) - high ** (1 / rho))) ** rho
    return torch.tensor([*levels, 0.0], dtype=torch.float32)


def training_levels(count: int, generator: torch.Generator, mean: float = -0.6, deviation: float = 1.2) -> torch.Tensor:
    """(count, 1) log-normal levels, table 1."""
    return torch.exp(mean + deviation * torch.randn(count, 1, generator=generator))
