"""Conditional diffusion of a table's residual.

The residual of a whole table around the mean model, divided by the error scale and whitened by its empirical covariance, so that what is
left to learn is what is not Gaussian. Trained on anchors that played the target; conditioned on what the anchors say of the table and on
what the table's own measured point showed (CSDI-style conditioning, arXiv 2107.03502; a mean with diffusion around it as in CARD, arXiv
2206.07275).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from eda_plugin.config import Stage
from eda_plugin.models.denoiser import Denoiser, DenoiserSpec
from eda_plugin.models.sampling import heun
from eda_plugin.models.schedule import karras_levels, training_levels

__all__ = ["DiffusionSettings", "draw", "train_denoiser"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DiffusionSettings:
    """Training (Adam with a cosine rate, exponential averaging) and sampling (Heun steps) of the residual model."""

    steps: int = 1500
    batch: int = 256
    rate: float = 1e-3
    average: float = 0.995
    levels: int = 18
    clip: float = 8.0


TOLD = 25
"""Steps of training from one loss that is told to the next."""


def train_denoiser(
    vectors: Array, condition: Array, *, seed: int, settings: DiffusionSettings, stage: Stage, device: str = "cpu"
) -> Denoiser:
    """Fit on whitened residual ``vectors`` (n, d) and ``condition`` (n, c). Returns the averaged network, ready for use."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):  # initial weights come from the global generator, which is left as it was
        torch.manual_seed(seed)
        network = Denoiser(DenoiserSpec(vectors.shape[1], condition.shape[1])).to(device)
    average = copy.deepcopy(network).requires_grad_(False)
    data = torch.as_tensor(np.clip(vectors, -settings.clip, settings.clip), dtype=torch.float32)
    given = torch.as_tensor(condition, dtype=torch.float32)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=1e-2, fused=True)
    for step in range(settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * 0.5 * (1 + np.cos(np.pi * step / settings.steps))
        rows = torch.randint(len(data), (settings.batch,), generator=generator)
        sigma = training_levels(settings.batch, generator)
        noise = torch.randn(settings.batch, data.shape[1], generator=generator)
        x, c, s = data[rows].to(device), given[rows].to(device), sigma.to(device)
        weight = (s**2 + 1.0) / s**2  # table 1 of arXiv 2206.00364
        loss = (weight * (network(x + s * noise.to(device), s, c) - x) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay = min(settings.average, (step + 1) / (step + 10))
        with torch.no_grad():
            for kept, new in zip(average.parameters(), network.parameters(), strict=True):
                kept.lerp_(new, 1 - decay)
        stage.advance()
        if step % TOLD == TOLD - 1:
            stage.tell(loss=float(loss.detach()))
    return average.eval()


def _bounded(network: Denoiser, condition: torch.Tensor, most: float) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """The denoiser kept to the range that it was trained in: a condition unlike any seen must not send a sample to infinity."""
    return lambda x, sigma: network(x, sigma, condition).clamp(-most, most)


def draw(network: Denoiser, condition: Array, count: int, *, seed: int, settings: DiffusionSettings, batch: int = 8192) -> Array:
    """``count`` vectors for each row of ``condition`` (n, c): (count, n, d), whitened."""
    device = next(network.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    given = torch.as_tensor(condition, dtype=torch.float32).repeat(count, 1)
    levels = karras_levels(settings.levels)
    out = np.empty((len(given), network.spec.size))
    with torch.no_grad():
        for begin in range(0, len(given), batch):
            c = given[begin : begin + batch].to(device)
            start = torch.randn(len(c), network.spec.size, generator=generator).to(device)
            x = heun(_bounded(network, c, settings.clip), start, levels)
            out[begin : begin + batch] = x.double().cpu().numpy()
    return out.reshape(count, len(condition), network.spec.size)
