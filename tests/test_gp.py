"""The Gaussian process over points, against brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from eda_plugin.models import gp
from eda_plugin.models.gp import GPSettings, Hyper, Process, fit_hyper, solve

Floats = NDArray[np.float64]
PLAIN = GPSettings(steps=25, degrees=1e9)  # so many degrees of freedom that no point is weighted down


def data(n: int, seed: int = 1) -> tuple[NDArray[np.float32], Floats, NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (n, 3)).astype(np.float32)
    kind = rng.integers(0, 2, n)
    y = np.sin(2 * x[:, 0].astype(float)) + 0.3 * kind * x[:, 1] + 0.05 * rng.standard_normal(n)
    return x, y, kind


def hyper(noise: float = 0.05) -> Hyper:
    tie = torch.linalg.cholesky(0.6 * torch.eye(2, dtype=torch.float64) + 0.4)
    return Hyper(torch.zeros(3, dtype=torch.float64), tie, torch.full((2,), float(np.log(noise)), dtype=torch.float64), 0.0)


def brute(x: Floats, y: Floats, kind: NDArray[np.int64], noise: Floats, at: Floats, at_kind: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Mean and variance by the text book, pair by pair."""
    tie = (hyper().kinds @ hyper().kinds.T).numpy()

    def kernel(a: Floats, ka: int, b: Floats, kb: int) -> float:
        d = float(np.sqrt(5 * ((a - b) ** 2).sum()))
        return float(tie[ka, kb] * (1 + d + d * d / 3) * np.exp(-d))

    K = np.array([[kernel(x[i], kind[i], x[j], kind[j]) for j in range(len(x))] for i in range(len(x))]) + np.diag(noise)
    k = np.array([[kernel(at[i], at_kind[i], x[j], kind[j]) for j in range(len(x))] for i in range(len(at))])
    variance = np.array([kernel(at[i], at_kind[i], at[i], at_kind[i]) for i in range(len(at))]) - np.einsum(
        "ij,ji->i", k, np.linalg.solve(K, k.T)
    )
    return k @ np.linalg.solve(K, y), variance


def test_leave_one_out_is_what_refits_give() -> None:
    x, y, kind = data(30)
    solved = solve(x, y, kind, hyper(), 0, PLAIN)
    for left in range(len(y)):
        rest = np.delete(np.arange(len(y)), left)
        mean, variance = brute(x[rest].astype(float), y[rest], kind[rest], solved.noise[rest], x[[left]].astype(float), kind[[left]])
        assert solved.left_out[left] == pytest.approx(y[left] - mean[0], abs=2e-5)
        assert solved.left_out_variance[left] == pytest.approx(variance[0] + solved.noise[left], rel=1e-3)


def test_prediction_is_the_text_book_s() -> None:
    x, y, kind = data(40)
    at, _, at_kind = data(15, seed=2)
    solved = solve(x, y, kind, hyper(), 0, replace(PLAIN, batch=4))
    mean, variance = solved.predict(at, at_kind)
    expected, spread = brute(x.astype(float), y, kind, solved.noise, at.astype(float), at_kind)
    np.testing.assert_allclose(mean, expected, atol=1e-4)
    np.testing.assert_allclose(variance, np.maximum(spread, 1e-6), atol=1e-3)


def test_an_odd_point_is_weighted_down() -> None:
    x, y, kind = data(60)
    y[7] += 10.0
    robust, plain = (solve(x, y, kind, hyper(), 0, GPSettings(degrees=degrees)) for degrees in (4.0, 1e9))
    assert robust.noise[7] > 3 * plain.noise[7]

    def error(solved: Process) -> float:
        clean, truth, code = data(200, seed=3)
        return float(np.abs(solved.predict(clean, code)[0] - truth).mean())

    assert error(robust) < error(plain)


def test_likelihood_finds_the_feature_that_matters_and_beats_the_mean() -> None:
    x, y, kind = data(200)
    y = np.sin(3 * x[:, 0].astype(float))
    found = fit_hyper(x, y, kind, 2, 0, PLAIN)
    assert int(found.length.argmin()) == 0
    solved = solve(x, y, kind, found, 0, PLAIN)
    at, _, code = data(50, seed=4)
    mean, _ = solved.predict(at, code)
    assert np.abs(mean - np.sin(3 * at[:, 0].astype(float))).mean() < 0.1


def test_the_likelihood_s_slope_is_the_derivative() -> None:
    x, y, kind = data(40)
    X, Y, code = torch.as_tensor(x).double(), torch.as_tensor(y), torch.as_tensor(kind)
    parameters = [
        torch.tensor([0.3, -0.2, 0.6], dtype=torch.float64),
        torch.tensor([[0.9, 0.0], [0.4, 0.7]], dtype=torch.float64),
        torch.tensor([-2.0, -1.0], dtype=torch.float64),
    ]
    value, slope = gp._loss(X, Y, code, *parameters)

    def by_hand(length: torch.Tensor, factor: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        apart = X[:, None] * torch.exp(-length) - X[None] * torch.exp(-length)
        d = (5.0 * apart.square().sum(dim=2) + 1e-12).sqrt()
        K = (1 + d + d * d / 3) * torch.exp(-d) * (factor @ factor.T)[code][:, code] + torch.diag(torch.exp(noise)[code] + 1e-5)
        loss: torch.Tensor = (0.5 * Y @ torch.linalg.solve(K, Y) + 0.5 * torch.logdet(K)) / len(Y)
        return loss

    wanted = [parameter.requires_grad_() for parameter in parameters]
    loss = by_hand(*wanted)
    torch.autograd.backward(loss)
    assert value == pytest.approx(float(loss.detach()), rel=1e-9)
    for found, parameter in zip((slope.length, slope.factor, slope.noise), wanted, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(found, torch.tril(parameter.grad) if parameter.ndim == 2 else parameter.grad, rtol=1e-6, atol=1e-8)


def test_an_inverse_is_found_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gp, "BLOCK", 7)
    X = torch.as_tensor(data(30)[0]).double()
    K = X @ X.T + torch.eye(30, dtype=torch.float64)
    torch.testing.assert_close(gp._inverse_diagonal(torch.linalg.cholesky(K)), torch.linalg.inv(K).diagonal(), rtol=1e-4, atol=1e-6)


def test_hyper_parameters_follow_the_groups_of_features() -> None:
    known = Hyper(torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.eye(2), torch.zeros(2), 0.0, groups=(1, 3, 0))
    assert known.matched((1, 2, 0)).length.tolist() == [1, 2, 3]
    assert known.matched((1, 5, 2)).length.tolist() == [1, 2, 3, 4, 4, 4, 4, 4]
    assert known.matched((1, 3, 0)).length.tolist() == known.length.tolist()
    assert known.matched((1, 2, 0)).groups == (1, 2, 0)


def test_the_same_seed_gives_the_same_and_a_subset_is_taken_of_many() -> None:
    x, y, kind = data(80)
    settings = replace(PLAIN, subset=40, largest=30, steps=5)
    pairs = [solve(x, y, kind, fit_hyper(x, y, kind, 2, 3, settings), 3, settings) for _ in range(2)]
    assert len(pairs[0].rows) == 60  # thirty of either kind, of its own points
    assert np.array_equal(pairs[0].rows, pairs[1].rows)
    assert np.array_equal(pairs[0].predict(x, kind)[0], pairs[1].predict(x, kind)[0])


def test_of_many_points_each_kind_is_told_by_its_own_and_what_room_is_left_by_others() -> None:
    x, y, kind = data(60)
    at, _, at_kind = data(25, seed=2)
    assert (kind == 0).sum() != (kind == 1).sum()
    solved = solve(x, y, kind, hyper(), 0, replace(PLAIN, largest=59))
    assert sorted(solved.rows.tolist()) == list(range(60))  # each kind has all its own, and but one of the other
    mean, _ = solved.predict(at, at_kind)
    expected, _ = brute(x.astype(float), y, kind, np.full(60, solved.noise[0]), at.astype(float), at_kind)
    np.testing.assert_allclose(mean, expected, atol=0.05)
    # a point that its kind's process has not seen is of the other kind
    alone = solve(x, y, kind, hyper(), 0, replace(PLAIN, largest=int((kind == 0).sum())))
    own = kind == 0
    expected, _ = brute(x[own].astype(float), y[own], kind[own], np.full(own.sum(), solved.noise[0]), at[at_kind == 0].astype(float),
                        at_kind[at_kind == 0])  # fmt: skip
    np.testing.assert_allclose(alone.predict(at, at_kind)[0][at_kind == 0], expected, atol=1e-4)
