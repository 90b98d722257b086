"""The networks of the unconditional row models, all of one size: an encoder-decoder of leaky ReLUs and batch normalisation, or a
UNet-like one."""

from __future__ import annotations

import itertools

import torch
from torch import nn

__all__ = ["WIDTHS", "EncoderDecoder", "UNetLike", "time_features"]

WIDTHS: dict[int, tuple[int, ...]] = {3: (128, 64, 128), 5: (256, 128, 64, 128, 256), 7: (256, 128, 64, 32, 64, 128, 256)}
"""Hidden layers by their number."""
TIME = 16


def _block(enter: int, leave: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(enter, leave), nn.BatchNorm1d(leave), nn.LeakyReLU(0.1))


class EncoderDecoder(nn.Module):
    """(n, enter) -> (n, leave) through ``layers`` hidden layers: the denoiser of arXiv 2310.10691, and with other ends the networks of the
    GAN and of the VAE."""

    def __init__(self, enter: int, leave: int, layers: int = 5) -> None:
        super().__init__()
        sizes = (enter, *WIDTHS[layers])
        self.body = nn.Sequential(*(_block(first, second) for first, second in itertools.pairwise(sizes)))
        self.last = nn.Linear(sizes[-1], leave)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.last(self.body(x))
        return out


class UNetLike(nn.Module):
    """The same widths with a residual link from each encoder layer to the decoder layer of its width."""

    def __init__(self, enter: int, leave: int, layers: int = 5) -> None:
        super().__init__()
        sizes = (enter, *WIDTHS[layers])
        self.blocks = nn.ModuleList(_block(first, second) for first, second in itertools.pairwise(sizes))
        self.last = nn.Linear(sizes[-1], leave)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept: list[torch.Tensor] = []
        half = len(self.blocks) // 2
        for place, block in enumerate(self.blocks):
            x = block(x)
            if place < half:
                kept.append(x)
            elif place > half:
                x = x + kept[len(self.blocks) - 1 - place]
        out: torch.Tensor = self.last(x)
        return out


def time_features(step: torch.Tensor, steps: int) -> torch.Tensor:
    """(n, ``TIME``) sines and cosines of a diffusion step."""
    angle = (step.float() / steps)[:, None] * torch.pi * 2.0 ** torch.arange(TIME // 2)
    return torch.cat([torch.sin(angle), torch.cos(angle)], dim=1)
