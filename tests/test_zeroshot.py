"""Weights over the anchors, and the prediction of a corner where nothing was simulated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic import ANCHORS, TARGET, anchors_of, build

from eda_plugin.domain import Corner
from eda_plugin.models import experts
from eda_plugin.models.corner import (
    Draw,
    draw_weights,
    interpolation_weights,
    kriging,
    nearest_weights,
    process_weights,
    slope_weights,
)
from eda_plugin.models.experts import PLAIN, Domain, Expert, Informed, Manner, blend_of
from eda_plugin.models.zeroshot import ZeroShot, fit_zero_shot, magnitude

Floats = NDArray[np.float64]
LOG = Domain("log")
EVERYONE = [*ANCHORS, TARGET]
USE = np.array([True] * len(ANCHORS) + [False])
TABLE = np.arange(10_000) // 25
DRAW = Draw(0.4, 5e-4, 0.05, 1.0, 300.0, 2.0, trend=3, nugget=0.0)


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experts, "DRAWS", 40)


def krige(corners: Sequence[Corner], draw: Draw, use: NDArray[np.bool_] = USE) -> tuple[Floats, float]:
    """Weights and standard deviation of the last corner from those in ``use``."""
    weights, sd = kriging(corners, [len(corners) - 1], use[None], draw)
    return weights[0, use], float(sd[0])


def plane(corners: Sequence[Corner]) -> Floats:
    return np.array([2.0 - 1.5 * c.voltage + 0.003 * c.temperature for c in corners])


def numbers(corners: Sequence[Corner]) -> Floats:
    return np.stack([build(corner, cells=3, rest=False).values for corner in corners], axis=1)


def test_kriging_weights_reproduce_constants() -> None:
    for draw in draw_weights(20, 3, latent=False):
        assert krige(EVERYONE, draw)[0].sum() == pytest.approx(1.0, abs=1e-6)


def test_kriging_reproduces_its_trend() -> None:
    volts = np.array([c.voltage for c in EVERYONE])
    degrees = np.array([c.temperature for c in EVERYONE])
    speed = np.array([{"ss": -1.0, "tt": 0.0, "ff": 1.0}[c.process] for c in EVERYONE])
    threshold = (DRAW.threshold - DRAW.per_process * speed) * volts.min() - DRAW.per_degree * (degrees - 25)
    trend = 0.3 - 1.2 * np.log(volts - threshold) + 0.4 * degrees / 100 + 0.2 * speed
    assert krige(EVERYONE, DRAW)[0] @ trend[:-1] == pytest.approx(trend[-1], abs=1e-6)


def test_kriging_without_a_nugget_goes_through_the_data() -> None:
    again = [*ANCHORS, ANCHORS[4]]
    weights, sd = krige(again, DRAW)
    np.testing.assert_allclose(weights, np.eye(len(ANCHORS))[4], atol=1e-6)
    assert sd == pytest.approx(0.0, abs=1e-3)
    assert krige(EVERYONE, DRAW)[1] > sd


def test_corners_are_kriged_together_as_each_alone() -> None:
    """Whatever each is predicted from: too few corners for the trend, corners that don't tell two terms apart, one far from all others."""
    rng = np.random.default_rng(2)
    uses = np.stack([np.isin(np.arange(len(EVERYONE)), rng.permutation(len(ANCHORS))[:count]) for count in (2, 3, 4, len(ANCHORS))])
    targets = [int(np.flatnonzero(~use)[0]) for use in uses]
    for draw in draw_weights(20, 3, latent=False, additive=True):
        weights, sd = kriging(EVERYONE, targets, uses, draw)
        assert not weights[~uses].any()
        for number, target in enumerate(targets):
            alone, own = kriging(EVERYONE, [target], uses[number : number + 1], draw)
            np.testing.assert_allclose(weights[number], alone[0], atol=1e-8)
            assert sd[number] == pytest.approx(own[0])


def test_interpolation_reproduces_planes_of_voltage_and_temperature() -> None:
    values = plane(EVERYONE)
    weights = interpolation_weights(EVERYONE, len(ANCHORS), USE)
    assert weights @ values[:-1] == pytest.approx(values[-1], abs=1e-9)
    own = np.array([corner.process == TARGET.process for corner in ANCHORS])
    assert not weights[~own].any()  # four corners of the target's process are enough


def test_the_nearest_corner_is_of_the_same_process() -> None:
    weights = nearest_weights(EVERYONE, len(ANCHORS), USE)
    assert weights.sum() == 1.0
    assert ANCHORS[int(weights.argmax())] in {
        Corner("ss", 0.8, -40),
        Corner("ss", 0.9, 100),
        Corner("ss", 0.9, -40),
        Corner("ss", 0.8, 100),
    }


def test_process_names_without_a_convention_work() -> None:
    strange = [Corner(f"lot{'ab'[n % 2]}", c.voltage, c.temperature) for n, c in enumerate(EVERYONE)]
    values = plane(strange)
    assert interpolation_weights(strange, len(ANCHORS), USE) @ values[:-1] == pytest.approx(values[-1])
    assert krige(strange, DRAW)[0] @ values[:-1] == pytest.approx(values[-1], rel=0.1)


def test_a_slope_shared_by_families_of_like_temperature_comes_back() -> None:
    corners = [
        Corner(p, v, c)
        for p, v, c in (("ss", 0.8, 100), ("ss", 0.9, 100), ("tt", 0.8, 100), ("tt", 1.0, 100), ("ff", 0.9, -40), ("ff", 1.0, -40))
    ]
    everyone = [*corners, Corner("ss", 0.7, 100)]
    use = np.array([True] * 6 + [False])
    level = {"ss": 1.0, "tt": -2.0, "ff": 30.0}
    slope = {100.0: 3.0, -40.0: -7.0}  # the cold family has another, and no say
    values = np.array([level[c.process] + slope[c.temperature] * np.log(c.voltage) for c in everyone])
    weights = slope_weights(everyone, 6, use)
    assert weights is not None
    assert weights @ values[:-1] == pytest.approx(values[-1])
    assert slope_weights([*corners, Corner("ss", 0.7, 25)], 6, use) is None


def test_domains_are_inverse_and_odd() -> None:
    z = np.array([-3.0, -1e-3, 0.0, 1e-3, 2.0])
    for domain in (PLAIN, LOG):
        np.testing.assert_allclose(domain.backward(domain.forward(z)), z, rtol=1e-12)
        np.testing.assert_allclose(domain.forward(-z), -domain.forward(z))


def test_magnitude_has_a_floor_and_is_never_zero() -> None:
    assert magnitude(np.zeros((3, 2))).min() > 0
    found = magnitude(np.array([[1.0, -1.0], [1e-9, 1e-9], [2.0, 2.0]]))
    assert found.tolist() == pytest.approx([1.0, 0.1, 2.0])


MANNER = Manner((PLAIN, LOG), 0.1)


def fit(
    values: Floats,
    corners: Sequence[Corner] = ANCHORS,
    target: Corner = TARGET,
    manner: Manner = MANNER,
    informed: Sequence[Informed] = (),
    only: str | None = None,
) -> ZeroShot:
    """``values`` (m, A) of the anchors in tables of 25."""
    return fit_zero_shot(values, TABLE[: len(values)], corners, target, manner, seed=0, informed=informed, only=only)


def test_it_is_better_than_the_nearest_corner_and_chosen_by_held_out_error() -> None:
    values = numbers(EVERYONE)
    values, truth = values[:, :-1], values[:, -1]
    found, nearest = fit(values), fit(values, only="nearest")

    def error(zero: ZeroShot) -> float:
        return float(np.abs(zero.mean / truth - 1).mean())

    assert error(found) < 0.5 * error(nearest)
    facts = found.facts()
    assert found.scores[str(facts["model"])] == min(found.scores.values())
    assert sum(found.shares.values()) == pytest.approx(1)
    assert facts["share_pct"] == {name: round(100 * share, 4) for name, share in found.shares.items()}
    assert list(nearest.scores) == ["nearest"]
    assert np.isclose(nearest.mean[:, None], values, rtol=1e-12, atol=0).all(axis=0).sum() == 1  # one anchor's numbers


def test_the_same_seed_gives_the_same() -> None:
    values = numbers(ANCHORS)
    assert np.array_equal(fit(values).mean, fit(values).mean)


def test_intervals_cover_targets() -> None:
    held = []
    for target in (TARGET, Corner("tt", 0.95, 60), Corner("ff", 0.9, 25), Corner("ss", 0.85, 80)):
        values = numbers([*ANCHORS, target])
        found = fit(values[:, :-1], target=target)
        half = found.half(TABLE[: len(values)], 0.9)
        assert (half > 0).all()
        assert (found.half(TABLE[: len(values)], 0.99) >= half).all()
        held.append(float((np.abs(values[:, -1] - found.mean) <= half).mean()))
    assert np.mean(held) >= 0.75  # all errors of one target go together: four targets tell no more than this


def test_a_mixture_learnt_on_delays_is_used_where_it_is_better() -> None:
    """Corners that differ in what their P, V, T do not say: only other numbers of the same corners can tell."""
    rng = np.random.default_rng(5)
    hidden = rng.random((2, len(ANCHORS) + 1)) + 0.5
    values, delays = (rng.random((200, 2)) + 0.2) @ hidden, (rng.random((80, 2)) + 0.2) @ hidden
    truth = values[:, -1]
    alone, told = fit(values[:, :-1]), fit(values[:, :-1], informed=[Informed(delays[:, :-1], delays)])
    assert np.abs(told.mean / truth - 1).mean() < 0.2 * np.abs(alone.mean / truth - 1).mean()


def test_of_several_sets_of_delays_those_tell_that_mix_as_the_values_do() -> None:
    """As flip-flops' own delays tell of setup times, and those of all cells less so."""
    rng = np.random.default_rng(6)
    own, other = (rng.random((2, len(ANCHORS) + 1)) + 0.5 for _ in range(2))
    values, near, far = ((rng.random((n, 2)) + 0.2) @ hidden for n, hidden in ((200, own), (60, own), (300, other)))
    truth = values[:, -1]
    sets = [Informed(delays[:, :-1], delays) for delays in (far, near)]
    both, misled = (np.abs(fit(values[:, :-1], informed=told).mean / truth - 1).mean() for told in (sets, sets[:1]))
    assert both < 0.3 * misled


def test_experts_count_by_their_errors_for_each_value_and_equals_alike() -> None:
    rng = np.random.default_rng(0)
    three = [Expert(f"{n}", rng.random(4), rng.random((4, 2)), np.full(2, n + 1.0)) for n in range(3)]
    errors = np.array([[1.0, 9.0, 9.0], [9.0, 1.0, 9.0], [2.0, 2.0, 20.0], [0.0, 0.0, 0.0]])
    mean, hidden, shares = blend_of(three, errors)
    means = np.stack([expert.mean for expert in three])
    np.testing.assert_allclose(mean, [means[0, 0], means[1, 1], means[:2, 2].mean(), means[:, 3].mean()], rtol=1e-9)
    np.testing.assert_allclose(hidden[3], np.mean([expert.hidden[3] for expert in three], axis=0))
    np.testing.assert_allclose(shares, [(1 + 0.5 + 1 / 3) / 4, (1 + 0.5 + 1 / 3) / 4, 1 / 12], atol=1e-9)
    worse = blend_of(three[:2], np.tile([1.0, 1.06], (4, 1)))[0]
    np.testing.assert_allclose(worse, (2 * means[0] + means[1]) / 3, rtol=0.01)  # 6 % more: half as much


def test_one_anchor_gives_its_own_numbers_and_a_wide_interval() -> None:
    values = numbers([ANCHORS[0]])
    found = fit(values, ANCHORS[:1])
    np.testing.assert_array_equal(found.mean, values[:, 0])
    assert (found.half(np.zeros(len(values), dtype=np.int64), 0.9) >= 0.5 * np.abs(found.mean)).all()


def test_two_anchors_give_the_nearer_one() -> None:
    corners = (Corner("ss", 0.9, 25), Corner("ss", 0.6, 100))
    values = numbers(corners)
    found = fit(values, corners)
    np.testing.assert_allclose(found.mean, values[:, 0], rtol=1e-12)
    assert found.shares == {"nearest": 1.0}


def test_an_extrapolation_is_bounded_by_the_anchors_range() -> None:
    values = numbers(ANCHORS)
    found = fit(values, ANCHORS, Corner("ss", 0.45, -40))
    low, high = values.min(axis=1), values.max(axis=1)
    assert np.isfinite(found.mean).all()
    assert (found.mean <= high * (high / low) * 1.01).all()  # as much again, on the logarithmic scale


def test_a_process_carries_its_own_part_to_a_temperature_where_it_is_unknown() -> None:
    """Effects that add up: what sets the process apart when cold does so when hot, however far that is."""
    others = [Corner(p, v, t) for p in ("ss", "ff") for v in (1.4, 1.6, 1.8) for t in (-40, 25, 100)]
    corners = [*others, Corner("tt", 1.6, -40), Corner("tt", 1.6, 100)]
    level = {"ss": 0.0, "ff": 0.2, "tt": -1.0}
    values = np.array([level[c.process] + 2.0 * np.log(c.voltage) + 0.01 * c.temperature for c in corners])
    use = np.arange(len(corners)) < len(others) + 1
    draw = Draw(0.4, 0.0, 0.0, 2.0, 60.0, 0.7, trend=0, nugget=1e-6, named=True)
    together = krige(corners, draw, use)[0] @ values[use]
    alone = krige(corners, replace(draw, additive=0.98, effects=(0.3, 0.3, 0.4)), use)[0] @ values[use]
    assert abs(alone - values[-1]) < 0.3 * abs(together - values[-1])


def test_additive_draws_keep_the_others_hyper_parameters() -> None:
    plain, additive = draw_weights(50, 4, latent=False), draw_weights(50, 4, latent=False, additive=True)
    assert [replace(d, additive=0.0, effects=(1.0, 0.0, 0.0)) for d in additive] == plain
    assert 10 < sum(d.additive > 0 for d in additive) < 50
    assert all(sum(d.effects) == pytest.approx(1.0) for d in additive)


def test_a_process_of_its_own_kind_is_predicted_from_itself() -> None:
    """Values of one process that the others contradict: kriging within the process is among the experts and wins."""
    corners = [Corner(p, v, t) for p in ("ss", "ff") for v in (1.4, 1.5, 1.6, 1.7) for t in (-40, 100)]
    target = Corner("ss", 1.55, 100)
    rng = np.random.default_rng(6)
    own, foreign = rng.random((300, 3)) + 0.5, rng.random((300, 3)) * 5

    def value(c: Corner) -> Floats:
        part = own if c.process == "ss" else foreign
        return np.asarray(part @ np.array([1.0, c.voltage - 1.2, (c.temperature + 100) / 300]))

    values, truth = np.stack([value(c) for c in corners], axis=1), value(target)
    inside = fit(values, corners, target, Manner((PLAIN,), 0.1, own=True))
    assert np.abs(inside.mean / truth - 1).mean() < 0.02
    assert "kriging in its process, linear" in inside.scores


def test_anchors_of_the_synthetic_truth_are_libraries_of_one_structure() -> None:
    assert len({library.keys for library in anchors_of(ANCHORS[:3], cells=2)}) == 1


def test_own_process_tells_of_a_temperature_that_it_has_no_corner_at() -> None:
    others = [Corner(p, v, t) for p in ("ss", "ff") for v in (1.4, 1.6, 1.8) for t in (-40, 100)]
    corners = [*others, Corner("tt", 1.8, 25), Corner("tt", 1.6, 100)]
    level = {"ss": 1.0, "ff": -2.0, "tt": 0.5}
    values = np.array([level[c.process] + 3.0 * np.log(c.voltage) + 0.02 * c.temperature for c in corners])
    weights = process_weights(corners, 13, np.arange(14) < 13)
    assert weights is not None
    assert weights @ values[:-1] == pytest.approx(values[-1])
    assert process_weights([*others, Corner("sf", 1.6, 100)], 12, np.arange(13) < 12) is None


def test_energies_grow_with_the_square_of_the_supply() -> None:
    """At a supply below all anchors' what is learnt is the share that is left after it; held-out anchors come back as they are."""
    corners = [Corner("tt", volts, heat) for volts in (1.5, 1.8, 3.3, 5.0) for heat in (-40.0, 25.0, 125.0)]
    target = Corner("tt", 1.0, 25.0)
    rng = np.random.default_rng(0)
    size, slope = rng.lognormal(0.0, 1.0, 40), rng.normal(1e-3, 3e-4, 40)

    def energies(corner: Corner) -> Floats:
        return np.asarray(1e-15 * size * corner.voltage**2 * (1.0 + slope * corner.temperature), dtype=np.float64)

    values, truth = np.column_stack([energies(corner) for corner in corners]), energies(target)
    ordinary = Manner((PLAIN, LOG), 0.1)
    off = {}
    for name, manner in {"ordinary": ordinary, "energy": replace(ordinary, supply=2.0)}.items():
        found = fit_zero_shot(values, np.arange(40), corners, target, manner, seed=0)
        off[name] = float(np.abs(found.mean / truth - 1.0).mean())
        assert np.abs(found.held_out / values - 1.0).mean() < 0.3
    assert off["energy"] < 0.02
    assert off["ordinary"] > 5 * off["energy"]
