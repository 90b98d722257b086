"""Look-up along one axis: exact where it must be, straight beyond the ends. Against another tool: tests/test_dataset.py."""

from __future__ import annotations

import numpy as np
import pytest

from eda_plugin.data.interpolate import axis_operators, exponent, overshoot, spline_operators
from eda_plugin.domain import Axis

SLEWS = np.geomspace(1e-11, 1e-9, 6)
LOADS = np.geomspace(1e-15, 1e-13, 6)


@pytest.mark.parametrize("nodes", [2, 3, 4, 7])
def test_a_polynomial_of_the_spline_s_own_order_comes_back(nodes: int) -> None:
    rng = np.random.default_rng(nodes)
    x = np.sort(rng.uniform(0, 3, (5, nodes)), axis=1)
    t = x[:, :1] + rng.random((5, 9)) * (x[:, -1:] - x[:, :1])
    law = np.polynomial.Polynomial(rng.standard_normal(min(nodes, 4)))
    W, D = spline_operators(x, t)
    np.testing.assert_allclose(np.einsum("nmk,nk->nm", W, law(x)), law(t), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(np.einsum("nmk,nk->nm", D, law(x)), law.deriv()(x), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("variable", "values", "power"), [("input_net_transition", SLEWS, 0.25), ("total_output_net_capacitance", LOADS, 0.5)]
)
def test_a_cubic_in_the_axis_s_own_coordinate_comes_back(variable: str, values: np.ndarray, power: float) -> None:
    source, target = Axis(variable, values), Axis(variable, np.sqrt(values[1:] * values[:-1]))
    assert exponent(source) == power
    W, same = axis_operators([source], [target])
    unit = values[-1] ** power
    law = np.polynomial.Polynomial([1.0, -2.0, 0.5, 3.0])
    np.testing.assert_allclose(W[0] @ law(source.values**power / unit), law(target.values**power / unit), rtol=1e-10)
    assert not same[0]


def test_beyond_the_ends_it_goes_on_straight() -> None:
    source = Axis("input_net_transition", SLEWS)
    target = Axis("input_net_transition", np.array([2e-12, 5e-12, 8e-12, 2e-9, 3e-9, 4e-9]))
    W, _ = axis_operators([source], [target])
    y = W[0] @ np.sqrt(SLEWS)
    for part in (slice(0, 3), slice(3, 6)):
        slopes = np.diff(y[part]) / np.diff(target.values[part])
        np.testing.assert_allclose(slopes[0], slopes[1], rtol=1e-9)
    np.testing.assert_allclose(axis_operators([source], [target])[0].sum(axis=2), 1.0, atol=1e-9)  # a constant stays one


def test_equal_axes_are_told_and_change_nothing() -> None:
    axis = Axis("input_net_transition", SLEWS)
    W, same = axis_operators([axis, axis], [Axis("input_net_transition", SLEWS * (1 + 1e-12)), Axis("input_net_transition", SLEWS * 1.1)])
    assert same.tolist() == [True, False]
    np.testing.assert_array_equal(W[0], np.eye(6))


def test_one_value_holds_everywhere() -> None:
    one = Axis("input_net_transition", np.array([1e-10]))
    W, same = axis_operators([one], [Axis("input_net_transition", SLEWS)])
    assert W.shape == (1, 6, 1)
    assert W.min() == W.max() == 1.0
    assert not same[0]
    np.testing.assert_array_equal(overshoot([one], [Axis("input_net_transition", SLEWS)]), np.zeros((1, 6)))


def test_overshoot_is_zero_inside_and_a_logarithm_outside() -> None:
    source = Axis("input_net_transition", np.array([1.0, 4.0]))
    found = overshoot([source], [Axis("input_net_transition", np.array([0.5, 2.0, 8.0]))])
    np.testing.assert_allclose(found, [[np.log(2), 0.0, np.log(2)]])
