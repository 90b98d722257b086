"""The law of delays over process, voltage and temperature: what it must give back, and how sure it may be."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from eda_plugin.domain import Corner
from eda_plugin.models import experts
from eda_plugin.models.experts import PLAIN, Domain, Manner
from eda_plugin.models.frame import frame_of
from eda_plugin.models.law import LEAKAGE, PHYSICS, common_part, fit_law
from eda_plugin.models.others import LEAKING
from eda_plugin.models.zeroshot import fit_zero_shot

Floats = NDArray[np.float64]
FEW = [Corner("ss", 1.4, 100), Corner("ss", 1.6, -40), Corner("ff", 1.65, 100), Corner("ff", 1.95, -40), Corner("tt", 1.8, 25)]
MANY = [Corner(p, v, t) for p, v, t in product(("ss", "ff"), (1.4, 1.6, 1.8, 2.0), (-40, 25, 100))]
TARGETS = [Corner("ss", 1.45, -40), Corner("ff", 1.95, 100), Corner("tt", 1.8, 100)]
MANNER = Manner((PLAIN, Domain("log")), 0.1)
LAWFUL = replace(MANNER, law=PHYSICS)


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experts, "DRAWS", 30)


def truth(corners: list[Corner], alpha: float = 1.3, threshold: float = 0.75) -> Floats:
    """Log delay by an alpha-power law with its own numbers."""
    speed = np.array([{"ss": -1.0, "tt": 0.0, "ff": 1.0}[c.process] for c in corners])
    volts, degrees = np.array([c.voltage for c in corners]), np.array([c.temperature for c in corners])
    overdrive = volts - (threshold - 0.9e-3 * (degrees - 25) - 0.04 * speed)
    return np.asarray(np.log(volts) - alpha * np.log(overdrive) + 0.6 * np.log((degrees + 273.15) / 298.15) - 0.22 * speed)


@pytest.mark.parametrize(("known", "most"), [(FEW, 0.06), (MANY, 0.02)])
def test_a_law_of_its_form_comes_back(known: list[Corner], most: float) -> None:
    for target in TARGETS if known is FEW else TARGETS[:2]:
        corners = [*known, target]
        use = np.arange(len(corners)) < len(known)
        level = truth(corners)
        found, sd = fit_law(np.where(use, level, 0.0), corners, use)
        assert abs(found[-1] - level[-1]) < most
        assert abs(found[-1] - level[-1]) < 3 * sd[-1]
        np.testing.assert_allclose(found[:-1], level[:-1], atol=0.005)


def leaking(corners: list[Corner], barrier: float = 0.68, tunnel: float = -2.0) -> Floats:
    """Log leakage: a current below the threshold and one that tunnels, which hardly knows of temperature and process."""
    speed = np.array([{"ss": -1.0, "tt": 0.0, "ff": 1.0}[c.process] for c in corners])
    volts, heat = np.array([c.voltage for c in corners]), np.array([c.temperature for c in corners]) + 273.15
    weak = barrier / 0.02569 - (barrier - 0.05 * (volts - 1.65) - 0.04 * speed) / (8.617e-5 * heat)
    return np.asarray(np.logaddexp(weak, tunnel + 10.0 * (volts / 1.65 - 1.0)))


@pytest.mark.parametrize(("known", "most"), [(FEW, 0.5), (MANY, 0.1)])
def test_two_currents_that_leak_come_back(known: list[Corner], most: float) -> None:
    for target in [Corner("ss", 1.45, -40), Corner("ff", 1.95, 100), Corner("ss", 1.6, 25)]:
        corners = [*known, target]
        use = np.arange(len(corners)) < len(known)
        level = leaking(corners)
        found, sd = fit_law(np.where(use, level, 0.0), corners, use, LEAKAGE)
        assert abs(found[-1] - level[-1]) < min(most, 3 * sd[-1])


def test_leakage_from_few_corners_is_of_the_right_magnitude() -> None:
    """Tunnelling when cold, weak inversion when hot, in shares of its own for each state: kriging alone goes wrong by decades."""
    rng = np.random.default_rng(1)
    shares, size = rng.normal(-2.0, 0.5, 60), np.exp(rng.normal(0, 0.5, 60))
    corners = [*FEW, Corner("ss", 1.3, -40)]
    values = np.array([factor * np.exp(leaking(corners, tunnel=share)) for share, factor in zip(shares, size, strict=True)])
    table = np.arange(60)
    found = fit_zero_shot(values[:, :-1], table, FEW, corners[-1], LEAKING, seed=0)
    alone = fit_zero_shot(values[:, :-1], table, FEW, corners[-1], replace(LEAKING, law=None, decades=False), seed=0)
    wrong = [float(np.abs(np.log(one.mean / values[:, -1])).mean()) for one in (found, alone)]
    assert wrong[0] < 0.7 < 2.0 < wrong[1]
    assert (np.abs(found.mean - values[:, -1]) <= found.half(table, 0.9)).mean() > 0.8


def test_it_is_less_sure_further_away() -> None:
    corners = [*FEW, Corner("tt", 1.75, 25), Corner("ss", 1.2, -40)]
    use = np.arange(len(corners)) < len(FEW)
    _, sd = fit_law(np.where(use, truth(corners), 0.0), corners, use)
    assert sd[:5].max() < sd[5] < 0.3 * sd[6]


def test_a_process_of_an_unknown_name_is_taken_as_typical_and_less_sure() -> None:
    corners = [*FEW, Corner("tt", 1.8, 100), Corner("lot7", 1.8, 100)]
    use = np.arange(len(corners)) < len(FEW)
    level = np.append(truth(corners[:-1]), 0.0)
    found, sd = fit_law(np.where(use, level, 0.0), corners, use)
    assert found[6] == pytest.approx(found[5], abs=0.1)
    assert sd[6] > sd[5]


def test_the_common_part_needs_values_above_zero() -> None:
    frame = frame_of(FEW, TARGETS[0])
    kind = np.zeros(30, dtype=np.int64)
    assert common_part(-np.ones((30, 5)), kind, frame.corners, frame.others) is None
    found = common_part(np.exp(truth(FEW))[None] * np.ones((30, 1)), kind, frame.corners, frame.others)
    assert found is not None
    assert found.shown.shape == found.held_out.shape == (1, 5)


def test_kriging_after_the_law_is_better_from_few_corners() -> None:
    rng = np.random.default_rng(0)
    alpha, size = rng.normal(1.3, 0.05, 400), np.exp(rng.normal(0, 0.5, 400))
    kind, table = np.arange(400) % 2, np.arange(400) // 25
    plain: list[float] = []
    lawful: list[float] = []
    for target in TARGETS:
        values = np.stack([np.exp(truth([*FEW, target], a)) for a in alpha]) * size[:, None] * 1e-10
        for errors, manner in ((plain, MANNER), (lawful, LAWFUL)):
            found = fit_zero_shot(values[:, :-1], table, FEW, target, manner, seed=0, kind=kind)
            errors.append(float(np.abs(found.mean / values[:, -1] - 1).mean()))
    assert np.mean(lawful) < 0.7 * np.mean(plain)


def test_intervals_widen_by_what_the_law_does_not_know() -> None:
    rng = np.random.default_rng(1)
    size, kind, table = np.exp(rng.normal(0, 0.5, 200)), np.arange(200) % 2, np.arange(200) // 25
    values = np.exp(truth(FEW))[None] * size[:, None] * 1e-10
    near, far = (fit_zero_shot(values, table, FEW, target, LAWFUL, seed=0, kind=kind) for target in (TARGETS[0], Corner("ss", 1.2, -40)))
    assert np.all(far.unsure > 2 * near.unsure)
    alone = replace(far, unsure=0.0)
    assert (far.half(table, 0.9) >= 1.64 * far.unsure * far.mean).all()
    np.testing.assert_allclose(far.half(table, 0.9) ** 2, alone.half(table, 0.9) ** 2 + (1.6449 * far.unsure * far.mean) ** 2, rtol=1e-3)


def test_cells_of_three_supplies_have_one_threshold() -> None:
    """It is no share of their median supply, which is twice the lowest one."""
    known = [Corner("tt", 3.3, 25), Corner("ss", 1.62, -40), Corner("ff", 5.5, 125), Corner("ss", 4.5, 125), Corner("ff", 3.6, -40)]
    for target in [Corner("tt", 1.8, 25), Corner("ff", 1.98, -40), Corner("ss", 3.0, -40), Corner("ss", 1.62, 125)]:
        corners = [*known, target]
        use = np.arange(len(corners)) < len(known)
        level = truth(corners)
        found, sd = fit_law(np.where(use, level, 0.0), corners, use)
        assert abs(found[-1] - level[-1]) < min(0.2, 2 * sd[-1])


def test_corners_off_the_law_say_how_far_off_others_may_be() -> None:
    corners = [*MANY, Corner("ss", 1.7, 60)]
    use = np.arange(len(corners)) < len(MANY)
    bent = np.array([0.1 * np.cos(5 * np.pi * (c.voltage - 1.4)) for c in corners])
    (_, sure), (_, unsure) = (fit_law(np.where(use, level, 0.0), corners, use) for level in (truth(corners), truth(corners) + bent))
    assert unsure[-1] > 3 * sure[-1]


def test_an_anchor_that_the_law_foretells_wrongly_widens_intervals_once() -> None:
    """By what the law may be off at the target, not by what all values were off together where the anchor was held out as well."""
    rng = np.random.default_rng(2)
    size, kind, table = np.exp(rng.normal(0, 0.5, 200)), np.arange(200) % 2, np.arange(200) // 25
    level = truth([*FEW, TARGETS[0]]) + np.array([0.0, 0.2, 0.0, 0.0, 0.0, 0.0])
    values = np.exp(level)[None, :-1] * size[:, None] * 1e-10
    found = fit_zero_shot(values, table, FEW, TARGETS[0], LAWFUL, seed=0, kind=kind)
    assert np.abs(found.held_out / values - 1)[:, 1].min() > 0.02
    assert np.abs(found.residual).max() < 1e-3
    right = fit_zero_shot(np.exp(truth(FEW))[None] * size[:, None] * 1e-10, table, FEW, TARGETS[0], LAWFUL, seed=0, kind=kind)
    assert np.all(found.unsure > right.unsure)


def test_unlike_devices_shift_rise_and_fall_apart() -> None:
    """A slow PMOS makes rising edges slow, most of all; where both devices are alike nothing tells the edges apart."""
    corners = [*FEW, Corner("fs", 1.8, 25), Corner("ss", 1.8, 25)]
    use = np.arange(len(corners)) < len(FEW)
    level = np.where(use, truth([*FEW, *[Corner("tt", 1.8, 25)] * 2]), 0.0)
    (rise, _), (fall, _) = (fit_law(level, corners, use, kind=kind) for kind in (0, 1))
    typical = level[4]
    assert rise[5] > typical + 0.03
    assert fall[5] < typical - 0.03
    assert rise[6] == pytest.approx(fall[6])
