"""How delays, and how leakage, follow process, voltage and temperature at large: laws of few parameters, with what physics says of them.

A gate's delay is charge over drive current, and the current of a transistor follows the alpha-power law (Sakurai and Newton, JSSC 1990):
delay ~ V^v / (V - Vt)^alpha x (T / 298 K)^m, the threshold Vt falling with temperature and with the process's speed, every process with a
factor of its own. Near the threshold the overdrive passes into the exponential of weak inversion, as in the EKV model (Enz, Krummenacher,
Vittoz, 1995).

What leaks is the sum of two currents (Roy, Mukhopadhyay, Mahmoodi-Meimand, Proc. IEEE 91, 2003): below the threshold, exp(-(E - d V) / kT)
with a barrier that the process moves, and where the drain's field tunnels, exp(b V), which hardly knows of temperature and process. When
cold the second is what is left, so corners that are cold tell little of those that are hot, and a law of one current goes wrong by decades.

Five corners don't tell ten parameters, so each has a prior; what the law doesn't explain is a Gaussian process over the corners, and how
large that is the corners tell, too: with few it is what libraries have in common, with many it is this one's own. All are fitted together:
maximum a posteriori by Levenberg-Marquardt, uncertainty and evidence by Laplace's approximation (MacKay, Neural Computation 4, 1992).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain import Corner, process_axes
from eda_plugin.models.corner import matern
from eda_plugin.units import KELVIN

__all__ = ["LEAKAGE", "PHYSICS", "Common", "LawPrior", "LeakagePrior", "Prior", "common_part", "fit_law"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

ROOM = 25.0 + KELVIN
VOLTS_A_KELVIN = 8.617e-5
"""Boltzmann's constant over the electron's charge."""
NOISE = 1e-6
STEPS = 40
WEAKEST = -30.0
"""Overdrive in widths of weak inversion below which the current is the exponential alone, to the last digit."""
SEEN = 3.0
"""Of how many corners a law's deviation counts as right before any number, in saying by how much it is off in this library."""
SIZES = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Logarithms of the misfits, over the one expected, that are tried."""


@dataclass(frozen=True)
class Prior(ABC):
    """What is known of a law before any number, each parameter by mean and standard deviation.

    ``misfit``: standard deviation of the logarithm that the law leaves unexplained, and deviation of that one's own logarithm; ``reach``:
    over which it is alike, in logarithms, 100 K and processes. ``level``: variance of the level that all corners share. ``shown``: values
    below this share of their magnitude at any corner say nothing of the law. ``devices``: how much the speeds of NMOS and PMOS count, by
    kind.
    """

    misfit: tuple[float, float]
    reach: tuple[float, float, float]
    level: float
    shown: float
    devices: tuple[tuple[float, float], ...]

    @abstractmethod
    def at(self, corners: Sequence[Corner], use: Mask, kind: int) -> _Law:
        """The law of a kind at ``corners`` (n,), of which those in ``use`` (n,) are known."""


@dataclass(frozen=True)
class LawPrior(Prior):
    """Of delays.

    ``threshold``: Vt at 25 degrees, and ``per_degrees``: its fall over 100 K, as shares of the anchors' lowest supply, as cells of several
    supplies have one threshold; ``alpha``: log of the exponent; ``heat``: the exponent of temperature; ``weak``: log of the width of weak
    inversion at 25 degrees, V; ``supply``: the exponent of the supply; ``speed`` and ``shift``: what a process adds to the log of the
    current, and takes from the threshold (share), at a speed of one. Small values are left out: there, what crosses zero counts. Kinds are
    the rising and the falling edge: most of its delay is that of the device that pulls the output, some that of the stages before.
    """

    misfit: tuple[float, float] = (0.045, 0.7)
    reach: tuple[float, float, float] = (1.0, 1.5, 1.5)
    level: float = 4.0
    shown: float = 0.08
    devices: tuple[tuple[float, float], ...] = ((0.25, 0.75), (0.75, 0.25))
    threshold: tuple[float, float] = (0.68, 0.08)
    per_degrees: tuple[float, float] = (0.065, 0.022)
    alpha: tuple[float, float] = (0.3, 0.15)
    heat: tuple[float, float] = (0.5, 0.3)
    weak: tuple[float, float] = (-2.66, 0.3)
    supply: tuple[float, float] = (1.1, 0.25)
    speed: tuple[float, float] = (0.25, 0.08)
    shift: tuple[float, float] = (0.035, 0.015)

    def at(self, corners: Sequence[Corner], use: Mask, kind: int) -> _Law:
        return _DelayLaw(corners, use, self, kind)


@dataclass(frozen=True)
class LeakagePrior(Prior):
    """Of leakage.

    ``barrier`` at the median supply and ``dibl``: how much of the supply is taken from it, both in V over the slope factor n of weak
    inversion; ``shift``: what a process takes from it at a speed of one, V. ``tunnel``: log of the tunnelling current over the other at 25
    degrees and the median supply, ``field`` its slope over the relative supply, ``warm`` over 100 K.
    """

    misfit: tuple[float, float] = (0.25, 0.7)
    reach: tuple[float, float, float] = (3.0, 1.0, 1.5)
    level: float = 100.0
    shown: float = 0.0
    devices: tuple[tuple[float, float], ...] = ((0.5, 0.5),)
    barrier: tuple[float, float] = (0.6, 0.15)
    dibl: tuple[float, float] = (0.07, 0.04)
    shift: tuple[float, float] = (0.03, 0.03)
    tunnel: tuple[float, float] = (-3.0, 4.0)
    field: tuple[float, float] = (8.0, 4.0)
    warm: tuple[float, float] = (0.3, 0.4)

    def at(self, corners: Sequence[Corner], use: Mask, kind: int) -> _Law:
        return _LeakageLaw(corners, use, self, kind)


PHYSICS, LEAKAGE = LawPrior(), LeakagePrior()
"""From textbooks and what libraries have in common: the example library of a 22 nm process, those of sg13g2 (130 nm) and of gf180mcu, whose
cells have three supplies; how steep tunnelling is was seen at the cold corners of sky130_fd_sc_hd."""


@dataclass(frozen=True, eq=False)
class Common:
    """The part of the logarithms that all values of a kind have in common. K kinds, A anchors.

    ``shown`` (K, A) at the anchors; ``held_out`` (K, A) each from the others; ``target`` (K,) and its standard deviation ``sd`` (K,), by
    what the law says and how far it was off where anchors were held out.
    """

    shown: Array
    held_out: Array
    target: Array
    sd: Array


def common_part(
    Z: Array, kind: NDArray[np.int64], corners: Sequence[Corner], others: Sequence[Mask], prior: Prior = PHYSICS
) -> Common | None:
    """Predict the mean logarithm of ``Z`` (m, A), by ``kind`` (m,) 0 to K - 1, as ``Prior.devices`` has them, at the last of ``corners``
    (A + 1).

    ``others``: from which anchors (A + 1,) each is predicted when it is held out. ``None`` where a kind has no value that is well above
    zero at all anchors.
    """
    A, kinds = Z.shape[1], int(kind.max()) + 1
    sound = (prior.shown < Z).all(axis=1)
    shown, left = np.zeros((kinds, A)), np.zeros((kinds, A))
    target, sd = np.zeros(kinds), np.zeros(kinds)
    everyone = np.arange(A + 1) < A
    for code in range(kinds):
        rows = sound & (kind == code)
        if not rows.any():
            return None
        shown[code] = np.log(Z[rows]).mean(axis=0)
        level = np.append(shown[code], 0.0)
        found, spread = fit_law(level, corners, everyone, prior, code)
        target[code] = found[A]
        off = np.empty(A)
        for a in range(A):
            held, deviation = fit_law(level, corners, others[a], prior, code)
            left[code, a], off[a] = held[a], (shown[code, a] - held[a]) / deviation[a]
        sd[code] = spread[A] * np.sqrt((off @ off + SEEN) / (A + SEEN))
    return Common(shown, left, target, sd)


def fit_law(level: Array, corners: Sequence[Corner], use: Mask, prior: Prior = PHYSICS, kind: int = 0) -> tuple[Array, Array]:
    """Predict ``level`` (n,), logarithms of a ``kind``, at all ``corners`` from those in ``use`` (n,). Returns the prediction and its
    deviation (n,): over all sizes of the misfit, by how probable each makes the levels."""
    law = prior.at(corners, use, kind)
    known = np.flatnonzero(use)
    expected, spread = prior.misfit
    fits = [_fitted(law, level, known, expected * np.exp(size)) for size in SIZES]
    odds = np.array([fit[2] for fit in fits]) - 0.5 * (np.array(SIZES) / spread) ** 2
    share = np.exp(odds - odds.max())
    share /= share.sum()
    means, variances = (np.stack([fit[part] for fit in fits]) for part in (0, 1))
    mean = share @ means
    return mean, np.sqrt(share @ (variances + (means - mean) ** 2))


def _fitted(law: _Law, level: Array, known: NDArray[np.int64], misfit: float) -> tuple[Array, Array, float]:
    """Prediction and variance (n,) at all corners from the ``known``, and the logarithm of the evidence, but for a constant."""
    theta, damping = law.mean.copy(), 1e-3

    def off(at: Array, W: Array) -> float:
        rest = level[known] - law.value(at)[known]
        return float(rest @ W @ rest + (((at - law.mean) / law.sd) ** 2).sum())

    for _ in range(STEPS):
        value, J, W, _ = law.linear(theta, known, misfit)
        H = J[known].T @ W @ J[known] + np.diag(law.sd**-2.0)
        slope = J[known].T @ W @ (level[known] - value[known]) - (theta - law.mean) / law.sd**2
        now = off(theta, W)
        for _ in range(8):
            step = np.linalg.solve(H + damping * np.diag(np.diag(H)), slope)
            if off(theta + step, W) <= now:
                damping = max(damping / 5, 1e-6)
                break
            damping *= 5
        else:
            break
        theta = theta + step
        if np.abs(step / law.sd).max() < 1e-4:
            break
    value, J, W, K = law.linear(theta, known, misfit)
    across = K[:, known] @ W
    left = J - across @ J[known]
    H = J[known].T @ W @ J[known] + np.diag(law.sd**-2.0)
    variance = np.diag(K) - np.einsum("ik,ik->i", across, K[:, known]) + np.einsum("ij,jk,ik->i", left, np.linalg.inv(H), left)
    evidence = 0.5 * (np.linalg.slogdet(W)[1] - np.linalg.slogdet(H)[1] - off(theta, W))
    return value + across @ (level[known] - value[known]), np.maximum(variance, 0.0), float(evidence)


class _Law(ABC):
    """A law at some corners (n), and what is known of its p parameters before any number: ``mean`` and ``sd`` (p,)."""

    mean: Array
    sd: Array

    def __init__(self, corners: Sequence[Corner], use: Mask, prior: Prior, kind: int) -> None:
        self.volts = np.array([corner.voltage for corner in corners])
        self.supplies = self.volts[use]
        self.kelvin = np.array([corner.temperature for corner in corners]) + KELVIN
        names = sorted({corner.process for corner in corners})
        self.of_process = np.array([[float(corner.process == name) for name in names] for corner in corners])
        self.speeds = np.array([process_axes(name) or (0.0, 0.0) for name in names]) @ np.array(prior.devices[kind])
        self.prior = prior

    @abstractmethod
    def value(self, theta: Array) -> Array:
        """(n,) logarithms."""

    def linear(self, theta: Array, known: NDArray[np.int64], misfit: float) -> tuple[Array, Array, Array, Array]:
        """Value (n,), slopes (n, p), precision of a ``misfit`` at the ``known`` corners, and its covariance at all (n, n)."""
        value = self.value(theta)
        step = 1e-4 * self.sd
        J = np.stack([(self.value(theta + step[i] * np.eye(len(theta))[i]) - value) / step[i] for i in range(len(theta))], axis=1)
        size, heat, process = (
            value[:, None] / self.prior.reach[0],
            self.kelvin[:, None] / 100.0 / self.prior.reach[1],
            self.of_process / self.prior.reach[2],
        )
        parts = matern(size) + matern(heat) + matern(np.concatenate([size, heat, process], axis=1))
        K = self.prior.level + misfit**2 / 3.0 * parts
        precision = np.asarray(np.linalg.inv(K[np.ix_(known, known)] + NOISE * np.eye(len(known))), dtype=np.float64)
        return value, J, precision, K


class _DelayLaw(_Law):
    def __init__(self, corners: Sequence[Corner], use: Mask, prior: LawPrior, kind: int) -> None:
        super().__init__(corners, use, prior, kind)
        self.lowest = float(self.supplies.min())
        single = (prior.threshold, prior.per_degrees, prior.alpha, prior.heat, prior.weak, prior.supply)
        mean, sd = np.array(single).T
        many = np.ones(len(self.speeds))
        self.mean = np.concatenate([mean, prior.speed[0] * self.speeds, prior.shift[0] * self.speeds])
        self.sd = np.concatenate([sd, prior.speed[1] * many, prior.shift[1] * many])

    def value(self, theta: Array) -> Array:
        threshold, per_degrees, alpha, heat, weak, supply = theta[:6]
        speed, shift = (self.of_process @ part for part in np.split(theta[6:], 2))
        vt = self.lowest * (threshold - per_degrees * (self.kelvin - ROOM) / 100.0 - shift)
        width = np.exp(weak) * self.kelvin / ROOM
        over = (self.volts - vt) / width
        strong = np.log(np.logaddexp(0.0, np.maximum(over, WEAKEST)))
        overdrive = np.where(over < WEAKEST, over, strong) + np.log(width / self.lowest)
        current = np.exp(alpha) * overdrive + speed
        return np.asarray(supply * np.log(self.volts / self.lowest) - current + heat * np.log(self.kelvin / ROOM))


class _LeakageLaw(_Law):
    def __init__(self, corners: Sequence[Corner], use: Mask, prior: LeakagePrior, kind: int) -> None:
        super().__init__(corners, use, prior, kind)
        self.typical = float(np.median(self.supplies))
        mean, sd = np.array((prior.barrier, prior.dibl, prior.tunnel, prior.field, prior.warm)).T
        self.mean = np.concatenate([mean, prior.shift[0] * self.speeds])
        self.sd = np.concatenate([sd, np.full(len(self.speeds), prior.shift[1])])

    def value(self, theta: Array) -> Array:
        barrier, dibl, tunnel, field, warm = theta[:5]
        shift = self.of_process @ theta[5:]
        above = self.volts - self.typical
        weak = barrier / (VOLTS_A_KELVIN * ROOM) - (barrier - dibl * above - shift) / (VOLTS_A_KELVIN * self.kelvin)
        through = tunnel + field * above / self.typical + warm * (self.kelvin - ROOM) / 100.0
        return np.asarray(np.logaddexp(weak, through), dtype=np.float64)
