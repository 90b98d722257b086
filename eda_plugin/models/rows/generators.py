"""Models that invent whole rows, inputs and outputs together: the DDPM of arXiv 2310.10691, and a GAN and a VAE of the same size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from eda_plugin.errors import UserError
from eda_plugin.models.rows.networks import TIME, EncoderDecoder, UNetLike, time_features

__all__ = ["SCHEDULES", "GeneratorSettings", "generate"]

Floats = NDArray[np.float64]
NOISE = 16

SCHEDULES: dict[str, tuple[float, float] | None] = {
    "linear 0.001-0.02": (1e-3, 2e-2),
    "linear 0.0001-0.02": (1e-4, 2e-2),
    "linear 0.001-0.05": (1e-3, 5e-2),
    "cosine": None,
}
"""First and last beta; the paper's first. The cosine is that of arXiv 2102.09672."""


@dataclass(frozen=True)
class GeneratorSettings:
    """``kind``: ddpm, gan or vae. ``layers``: 3, 5 or 7; ``unet``: residual links across; ``schedule``: of the DDPM, with ``steps`` steps.
    ``updates`` of ``batch`` rows at the learning ``rate``: the same for all three kinds."""

    kind: str = "ddpm"
    layers: int = 5
    unet: bool = False
    schedule: str = "linear 0.001-0.02"
    steps: int = 500
    updates: int = 2000
    batch: int = 128
    rate: float = 1e-3


def generate(inputs: Floats, outputs: Floats, count: int, seed: int, settings: GeneratorSettings | None = None) -> tuple[Floats, Floats]:
    """Learn ``inputs`` (n, i) and ``outputs`` (n, o) and invent ``count`` rows of both. Columns are learnt standardized."""
    settings = settings or GeneratorSettings()
    if settings.kind not in _KINDS:
        raise UserError(f"no generator {settings.kind!r}; there are {', '.join(_KINDS)}")
    rows = np.hstack([inputs, outputs])
    centre, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-300
    with _seeded(seed):
        made = _KINDS[settings.kind](torch.as_tensor((rows - centre) / scale, dtype=torch.float32), count, settings)
    back = made.double().numpy() * scale + centre
    return back[:, : inputs.shape[1]], back[:, inputs.shape[1] :]


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """The global generator at a seed, and afterwards as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _batches(rows: torch.Tensor, settings: GeneratorSettings, *optimizers: torch.optim.Optimizer) -> Iterator[torch.Tensor]:
    """Batches of at least two rows (batch normalisation needs them), the learning rate falling to nothing along a cosine."""
    for step in range(settings.updates):
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = settings.rate * 0.5 * (1 + np.cos(np.pi * step / settings.updates))
        yield rows[torch.randint(len(rows), (settings.batch,))]


def _step(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def betas(schedule: str, steps: int) -> torch.Tensor:
    """(steps,) variances of the forward process."""
    if schedule not in SCHEDULES:
        raise UserError(f"no schedule {schedule!r}; there are {', '.join(SCHEDULES)}")
    ends = SCHEDULES[schedule]
    if ends is not None:
        return torch.linspace(*ends, steps)
    t = torch.linspace(0, 1, steps + 1)
    kept = torch.cos((t + 0.008) / 1.008 * torch.pi / 2) ** 2
    return (1 - kept[1:] / kept[:-1]).clamp(max=0.999)


def _ddpm(rows: torch.Tensor, count: int, settings: GeneratorSettings) -> torch.Tensor:
    """Ho et al. 2020 (arXiv 2006.11239), algorithms 1 and 2."""
    width = rows.shape[1]
    beta = betas(settings.schedule, settings.steps)
    kept = torch.cumprod(1 - beta, dim=0)
    network = (UNetLike if settings.unet else EncoderDecoder)(width + TIME, width, settings.layers)
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.rate)
    for batch in _batches(rows, settings, optimizer):
        step = torch.randint(settings.steps, (len(batch),))
        noise = torch.randn_like(batch)
        noisy = kept[step].sqrt()[:, None] * batch + (1 - kept[step]).sqrt()[:, None] * noise
        _step(optimizer, ((network(torch.cat([noisy, time_features(step, settings.steps)], dim=1)) - noise) ** 2).mean())
    network.eval()
    x = torch.randn(count, width)
    with torch.no_grad():
        for t in range(settings.steps - 1, -1, -1):
            step = torch.full((count,), t)
            noise = network(torch.cat([x, time_features(step, settings.steps)], dim=1))
            x = (x - beta[t] / (1 - kept[t]).sqrt() * noise) / (1 - beta[t]).sqrt()
            if t:
                x = x + beta[t].sqrt() * torch.randn_like(x)
            x = x.clamp(-8.0, 8.0)  # a network in its first steps may send a row to infinity
    return x


def _gan(rows: torch.Tensor, count: int, settings: GeneratorSettings) -> torch.Tensor:
    """Goodfellow et al. 2014 (arXiv 1406.2661), the loss that does not saturate."""
    maker, judge = EncoderDecoder(NOISE, rows.shape[1], settings.layers), EncoderDecoder(rows.shape[1], 1, settings.layers)
    first, second = (torch.optim.Adam(part.parameters(), lr=settings.rate, betas=(0.5, 0.999)) for part in (maker, judge))
    loss = nn.functional.binary_cross_entropy_with_logits
    for batch in _batches(rows, settings, first, second):
        ones, zeros = torch.ones(len(batch), 1), torch.zeros(len(batch), 1)
        made = maker(torch.randn(len(batch), NOISE))
        _step(second, loss(judge(batch), 0.9 * ones) + loss(judge(made.detach()), zeros))
        _step(first, loss(judge(made), ones))
    maker.eval()
    with torch.no_grad():
        out: torch.Tensor = maker(torch.randn(count, NOISE))
    return out


def _vae(rows: torch.Tensor, count: int, settings: GeneratorSettings) -> torch.Tensor:
    """Kingma and Welling 2014 (arXiv 1312.6114), Gaussian decoder with a variance that is learnt."""
    width = rows.shape[1]
    encoder, decoder = EncoderDecoder(width, 2 * NOISE, settings.layers), EncoderDecoder(NOISE, width, settings.layers)
    spread = nn.Parameter(torch.zeros(width))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters(), spread], lr=settings.rate)
    for batch in _batches(rows, settings, optimizer):
        mean, log_variance = encoder(batch).chunk(2, dim=1)
        code = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        off = ((batch - decoder(code)) ** 2 * torch.exp(-spread) + spread).sum(dim=1)
        far = (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1)
        _step(optimizer, 0.5 * (off + far).mean())
    decoder.eval()
    with torch.no_grad():
        out: torch.Tensor = decoder(torch.randn(count, NOISE)) + torch.exp(0.5 * spread) * torch.randn(count, width)
    return out


_KINDS: dict[str, Callable[[torch.Tensor, int, GeneratorSettings], torch.Tensor]] = {"ddpm": _ddpm, "gan": _gan, "vae": _vae}
