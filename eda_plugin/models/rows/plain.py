"""Baselines that make more rows of some rows: mixup, SMOTE-style interpolation, Gaussian noise, a joint Gaussian, a Gaussian process on the
known law. All take and give whole rows, inputs and outputs side by side."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain.variation import InputLaw
from eda_plugin.models.rows.kernel import KernelSettings, fit_process

__all__ = ["BASELINES", "labelled"]

Floats = NDArray[np.float64]
Made = tuple[Floats, Floats]
_PLAIN = KernelSettings(polynomial=False, directions=0)


def mixup(law: InputLaw, inputs: Floats, outputs: Floats, count: int, seed: int) -> Made:  # noqa: ARG001 - one signature for all
    """Convex mixtures of pairs of rows, weights from Beta(0.4, 0.4) (arXiv 1710.09412)."""
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, len(inputs), (2, count))
    share = rng.beta(0.4, 0.4, (count, 1))
    x, y = (share * part[first] + (1 - share) * part[second] for part in (inputs, outputs))
    return x, y


def smote(law: InputLaw, inputs: Floats, outputs: Floats, count: int, seed: int) -> Made:
    """Points between a row and one of its five nearest neighbours (Chawla et al., JAIR 2002), outputs between theirs."""
    rng = np.random.default_rng(seed)
    x = law.scaled(inputs)
    square = (x * x).sum(axis=1)
    far = square[:, None] + square[None] - 2 * x @ x.T
    np.fill_diagonal(far, np.inf)
    near = np.argsort(far, axis=1)[:, :5]
    first = rng.integers(0, len(inputs), count)
    second = near[first, rng.integers(0, near.shape[1], count)]
    share = rng.random((count, 1))
    x, y = (part[first] + share * (part[second] - part[first]) for part in (inputs, outputs))
    return x, y


def noise(law: InputLaw, inputs: Floats, outputs: Floats, count: int, seed: int) -> Made:  # noqa: ARG001 - one signature for all
    """Rows again, with noise of 2 % of each column's deviation."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(inputs), count)
    x, y = (part[rows] + 0.02 * part.std(axis=0) * rng.standard_normal((count, part.shape[1])) for part in (inputs, outputs))
    return x, y


def joint_gaussian(law: InputLaw, inputs: Floats, outputs: Floats, count: int, seed: int) -> Made:
    """Draws of the Gaussian with the rows' mean and covariance, a little shrunk, of inputs and outputs together."""
    rows = np.hstack([law.scaled(inputs), outputs])
    centre, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-300
    z = (rows - centre) / scale
    covariance = 0.999 * (z.T @ z) / len(z) + 0.001 * np.eye(z.shape[1])
    drawn = np.random.default_rng(seed).standard_normal((count, len(centre))) @ np.linalg.cholesky(covariance).T * scale + centre
    width = inputs.shape[1]
    return law.unscaled(drawn[:, :width]), drawn[:, width:]


def labelled(law: InputLaw, inputs: Floats, outputs: Floats, count: int, seed: int) -> Made:
    """Random inputs of the known law, each output labelled by a Gaussian process of its own (squared exponential, a length scale an
    input)."""
    made = law.from_unit(np.random.default_rng(seed).random((count, inputs.shape[1])))
    x, new = law.scaled(inputs), law.scaled(made)
    columns = [fit_process(x, outputs[:, [place]], seed=seed, settings=_PLAIN).predict(new)[0] for place in range(outputs.shape[1])]
    return made, np.hstack(columns)


BASELINES: dict[str, Callable[[InputLaw, Floats, Floats, int, int], Made]] = {
    "mixup": mixup,
    "smote": smote,
    "noise": noise,
    "joint-gaussian": joint_gaussian,
    "gp-labelled": labelled,
}
