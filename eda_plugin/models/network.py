"""A cross-fitted ensemble of small networks: as many as there are folds, each trained without its fold, all in one batched product.

What a Gaussian process with one length scale a feature misses, networks partly catch, and the other way round: their mean is better than
either. The mean of the ensemble is the prediction; each point's own fold gives its left-out residual.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from eda_plugin.config import Stage

__all__ = ["Ensemble", "NetworkSettings", "fit_ensemble"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class NetworkSettings:
    """``folds`` networks of two hidden layers of ``width``; ``steps`` of AdamW, cosine rate, on ``batch`` points each or all there are.

    Of many points they take more steps, up to ``most``: as many as pass ``passes`` times through them.
    """

    folds: int = 5
    width: int = 192
    steps: int = 1200
    batch: int = 512
    rate: float = 2e-3
    decay: float = 0.2
    passes: int = 100
    most: int = 6000

    def steps_for(self, points: int) -> int:
        """Steps that networks take that learn from as many points, each from all folds but one."""
        learnt = points * (self.folds - 1) // self.folds
        return max(self.steps, min(self.most, self.passes * learnt // self.batch))


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Weights (folds, in, out) and biases (folds, 1, out) of the layers.

    ``left_out`` (N,) residual of each training point, from the network that did not see it; ``groups`` (G,) ascending, of the training
    points, and ``folds`` (G,) the network that did not see each.
    """

    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    left_out: Array
    kinds: int
    groups: NDArray[np.int64]
    folds: NDArray[np.int64]

    def predict(
        self, x: NDArray[np.float32], kind: NDArray[np.int64], group: NDArray[np.int64] | None = None, *, batch: int = 1024
    ) -> Array:
        """(M,) mean of the networks at features ``x`` (M, F) of quantities ``kind`` (M,).

        With ``group`` (M,): in groups that were trained on, the network that did not see them instead.
        """
        out = np.empty(len(x))
        device = self.layers[0][0].device
        for begin in range(0, len(x), batch):
            part = slice(begin, begin + batch)
            given = _inputs(x[part], kind[part], self.kinds).to(device)
            with torch.no_grad():
                each = _forward(given.expand(len(self.layers[0][0]), *given.shape), self.layers).double().cpu().numpy()
            out[part] = each.mean(axis=0)
            if group is not None:
                place = np.minimum(np.searchsorted(self.groups, group[part]), len(self.groups) - 1)
                own = np.flatnonzero(self.groups[place] == group[part])
                out[begin + own] = each[self.folds[place[own]], own]
        return out


def _inputs(x: NDArray[np.float32], kind: NDArray[np.int64], kinds: int) -> torch.Tensor:
    return torch.cat([torch.as_tensor(x), torch.nn.functional.one_hot(torch.as_tensor(kind), kinds).float()], dim=1)


def _forward(x: torch.Tensor, layers: tuple[tuple[torch.Tensor, torch.Tensor], ...]) -> torch.Tensor:
    """x (folds, n, in) -> (folds, n)."""
    for number, (weight, bias) in enumerate(layers):
        x = torch.baddbmm(bias, x, weight)
        if number < len(layers) - 1:
            x = torch.nn.functional.silu(x, inplace=True)
    return x[..., 0]


def fit_ensemble(
    x: NDArray[np.float32],
    y: Array,
    kind: NDArray[np.int64],
    group: NDArray[np.int64],
    kinds: int,
    *,
    seed: int,
    settings: NetworkSettings,
    device: str = "cpu",
    stage: Stage | None = None,
) -> Ensemble:
    """Fit on x (N, F), y (N,) of about unit scale. Points of one ``group`` (N,) stand in one fold.

    ``stage`` is told each of the ``settings.steps_for(N)``.
    """
    generator = torch.Generator().manual_seed(seed)
    folds, width = settings.folds, settings.width
    names, place = np.unique(group, return_inverse=True)
    unseen = np.random.default_rng(seed).permutation(len(names)) % folds
    fold = unseen[place]
    given = _inputs(x, kind, kinds).to(device)
    target = torch.as_tensor(y, dtype=torch.float32).to(device)
    sizes = [given.shape[1], width, width, 1]
    layers = []
    for enter, leave in pairwise(sizes):
        size = (1.0 / enter) ** 0.5 if leave > 1 else 0.1 / enter**0.5
        weight = (torch.randn(folds, enter, leave, generator=generator) * size).to(device).requires_grad_()
        layers.append((weight, torch.zeros(folds, 1, leave, device=device, requires_grad=True)))
    parameters = [tensor for layer in layers for tensor in layer]
    optimizer = torch.optim.AdamW(parameters, lr=settings.rate, weight_decay=settings.decay, fused=True)
    own = [torch.as_tensor(np.flatnonzero(fold != k)) for k in range(folds)]
    steps = settings.steps_for(len(y))
    for step in range(steps):
        for options in optimizer.param_groups:
            options["lr"] = settings.rate * 0.5 * (1 + np.cos(np.pi * step / steps))
        rows = torch.stack([mine[torch.randint(len(mine), (min(settings.batch, len(y)),), generator=generator)] for mine in own]).to(device)
        loss = torch.nn.functional.smooth_l1_loss(_forward(given[rows], tuple(layers)), target[rows], beta=0.3)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        if stage is not None:
            stage.advance()
    fitted = tuple((weight.detach(), bias.detach()) for weight, bias in layers)
    with torch.no_grad():
        every = _forward(given.expand(folds, *given.shape), fitted).double().cpu().numpy()
    return Ensemble(fitted, y - every[fold, np.arange(len(y))], kinds, names, unseen)
