"""The network of the diffusion model, and the preconditioner around it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

__all__ = ["Denoiser", "DenoiserSpec"]


@dataclass(frozen=True)
class DenoiserSpec:
    """``size`` of a table's residual vector, ``condition`` features of a table, ``width`` and ``depth`` of the network."""

    size: int
    condition: int
    width: int = 192
    depth: int = 3


class _Layer(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, width)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        return h + torch.nn.functional.leaky_relu(self.inner(self.norm(h)), 0.1)


class Denoiser(nn.Module):
    """``D(x, sigma, c)``: the clean vector expected behind a noisy one, given the table's condition.

    Shapes: x (n, size), sigma (n, 1), c (n, condition) -> (n, size). Preconditioned as in arXiv 2206.00364, equation 7 and table 1, for
    data of unit variance.

    NOTE[DIFF]: arXiv 2310.10691 uses batch normalisation in an encoder-decoder; layer normalisation is used here so that an answer
    does not depend on what else is in its batch.
    """

    def __init__(self, spec: DenoiserSpec) -> None:
        super().__init__()
        self.spec = spec
        self.enter = nn.Linear(spec.size + spec.condition + 2, spec.width)
        self.layers = nn.ModuleList(_Layer(spec.width) for _ in range(spec.depth))
        self.leave = nn.Linear(spec.width, spec.size)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: torch.Tensor, sigma: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        total = sigma**2 + 1.0
        noise = torch.log(sigma) / 4.0
        h = self.enter(torch.cat([x / total.sqrt(), c, noise, noise**2], dim=1))
        for layer in self.layers:
            h = layer(h)
        out: torch.Tensor = x / total + self.leave(h) * sigma / total.sqrt()
        return out
