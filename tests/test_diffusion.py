"""Schedule, network, sampler and training, apart from tables."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eda_plugin.config import NullProgress
from eda_plugin.models.denoiser import Denoiser, DenoiserSpec
from eda_plugin.models.diffusion import DiffusionSettings, draw, train_denoiser
from eda_plugin.models.sampling import heun
from eda_plugin.models.schedule import karras_levels, training_levels

FEW = DiffusionSettings(steps=250, batch=128, levels=12)


def test_levels_fall_to_zero() -> None:
    levels = karras_levels(18)
    assert len(levels) == 19
    assert levels[0] == pytest.approx(20.0, rel=1e-5)
    assert levels[-2] == pytest.approx(0.02, rel=1e-5)
    assert levels[-1] == 0.0
    assert (levels.diff() < 0).all()


def test_training_levels_are_log_normal() -> None:
    logs = training_levels(20_000, torch.Generator().manual_seed(0)).log()
    assert logs.shape == (20_000, 1)
    assert float(logs.mean()) == pytest.approx(-0.6, abs=0.03)
    assert float(logs.std()) == pytest.approx(1.2, abs=0.03)


def test_without_noise_the_denoiser_gives_its_input_back() -> None:
    network = Denoiser(DenoiserSpec(6, 3, width=16, depth=2))
    torch.nn.init.normal_(network.leave.weight)
    x, c = torch.randn(5, 6), torch.randn(5, 3)
    torch.testing.assert_close(network(x, torch.full((5, 1), 1e-5), c), x, atol=1e-3, rtol=1e-3)


def test_an_untrained_denoiser_is_the_best_of_a_standard_normal() -> None:
    """E[x | x + sigma n] = y / (1 + sigma^2) for x ~ N(0, 1)."""
    network = Denoiser(DenoiserSpec(4, 2))
    x, sigma = torch.randn(7, 4), torch.rand(7, 1) * 3 + 0.1
    torch.testing.assert_close(network(x, sigma, torch.randn(7, 2)), x / (1 + sigma**2))


def test_an_answer_does_not_depend_on_its_batch() -> None:
    network = Denoiser(DenoiserSpec(4, 2, width=16)).eval()
    torch.nn.init.normal_(network.leave.weight)
    x, sigma, c = torch.randn(7, 4), torch.rand(7, 1) + 0.1, torch.randn(7, 2)
    torch.testing.assert_close(network(x, sigma, c)[2:3], network(x[2:3], sigma[2:3], c[2:3]))


@pytest.mark.parametrize("deviation", [0.5, 1.0, 2.0])
def test_heun_on_the_exact_denoiser_draws_the_right_gaussian(deviation: float) -> None:
    start = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0))
    centre = torch.tensor([1.0, -3.0])

    def denoise(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return centre + (x - centre) * deviation**2 / (deviation**2 + sigma**2)

    drawn = heun(denoise, start, karras_levels(18, high=80.0))
    torch.testing.assert_close(drawn.mean(dim=0), centre, atol=0.1, rtol=0)
    torch.testing.assert_close(drawn.std(dim=0), torch.full((2,), deviation), rtol=0.05, atol=0)


def test_training_learns_two_modes_and_their_condition() -> None:
    rng = np.random.default_rng(0)
    side = rng.choice([-1.0, 1.0], 2_000)
    told = rng.random(2_000) < 0.5  # the condition says the side for half of them
    vectors = np.column_stack([side, side]) + 0.2 * rng.standard_normal((2_000, 2))
    condition = np.column_stack([np.where(told, side, 0.0), told])
    network = train_denoiser(vectors, condition, seed=0, settings=FEW, stage=NullProgress())
    zero = Denoiser(network.spec)

    def loss(model: Denoiser) -> float:
        generator = torch.Generator().manual_seed(1)
        x, c = torch.as_tensor(vectors).float(), torch.as_tensor(condition).float()
        sigma = training_levels(len(x), generator)
        noise = torch.randn(x.shape, generator=generator)
        with torch.no_grad():
            weight = (sigma**2 + 1) / sigma**2
            return float((weight * (model(x + sigma * noise, sigma, c) - x) ** 2).mean())

    assert loss(network) < 0.8 * loss(zero)
    drawn = draw(network, np.array([[1.0, 1.0], [-1.0, 1.0], [0.0, 0.0]]), 400, seed=0, settings=FEW)
    assert drawn.shape == (400, 3, 2)
    assert (drawn[:, 0] > 0).mean() > 0.9
    assert (drawn[:, 1] < 0).mean() > 0.9
    free = drawn[:, 2]
    assert 0.3 < (free[:, 0] > 0).mean() < 0.7
    assert float(np.mean(free[:, 0] * free[:, 1])) > 0.7
    assert (np.abs(free[:, 0]) > 0.4).mean() > 0.75  # two modes: little in between


def test_the_seed_decides_and_the_global_generator_is_left_alone() -> None:
    rng = np.random.default_rng(1)
    vectors, condition = rng.standard_normal((200, 3)), rng.standard_normal((200, 2))
    settings = DiffusionSettings(steps=5, batch=32, levels=4)
    state = torch.random.get_rng_state()
    one, two, other = (train_denoiser(vectors, condition, seed=seed, settings=settings, stage=NullProgress()) for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), state)
    drawn = [draw(network, condition[:4], 5, seed=0, settings=settings) for network in (one, two, other)]
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    assert not np.array_equal(drawn[0], draw(one, condition[:4], 5, seed=1, settings=settings))
