"""Setup and hold, recovery and removal: a window that the prediction closed is opened again."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from eda_plugin.domain import Axis, Corner, Library, Origin, Table, TableKey
from eda_plugin.qa.findings import Severity
from eda_plugin.qa.gate import GateResult, gate

DATA = Axis("constrained_pin_transition", np.array([10e-12, 50e-12, 200e-12]))
CLOCK = Axis("related_pin_transition", np.array([20e-12, 100e-12]))
SETUP = TableKey("dff", "D", "CK", "setup_rising", "", "", "rise_constraint")
HOLD = SETUP._replace(timing_type="hold_rising")
TARGET = Corner("tt", 0.8, 25)
Floats = NDArray[np.float64]
BASE = 30e-12 + 0.2 * DATA.values + 0.1 * CLOCK.values[:, None]


def build(setup: Floats, hold: Floats, origins: tuple[Origin, Origin] = (Origin.PREDICTED,) * 2, corner: Corner = TARGET) -> Library:
    tables = [
        Table(key, (CLOCK, DATA), values, np.full(values.shape, origin, dtype=np.uint8))
        for key, values, origin in ((SETUP, setup, origins[0]), (HOLD, hold, origins[1]))
    ]
    return Library.from_tables(tables, name=corner.name, corner=corner)


ANCHORS = [build(BASE * f, -0.5 * BASE * f, (Origin.MEASURED,) * 2, Corner("tt", volts, 25)) for f, volts in ((1.2, 0.7), (0.9, 0.9))]


def closed(amount: float) -> Floats:
    """Hold times that leave one place of the window ``amount`` seconds short."""
    hold = -0.5 * BASE
    hold[1, 2] = -BASE[1, 2] - amount
    return hold


def found(result: GateResult) -> set[tuple[str, Severity]]:
    return {(f.rule, f.severity) for f in result.findings if f.rule == "setup-hold"}


def test_both_give_way_by_half() -> None:
    result = gate(build(BASE, closed(4e-12)), ANCHORS)
    assert found(result) == {("setup-hold", Severity.REPAIRED)}
    setup, hold = result.library[SETUP], result.library[HOLD]
    assert setup.values[1, 2] == pytest.approx(BASE[1, 2] + 2e-12)
    assert hold.values[1, 2] == pytest.approx(-BASE[1, 2] - 2e-12)
    assert (setup.values + hold.values).min() >= -1e-12
    assert setup.origin[1, 2] == hold.origin[1, 2] == Origin.REPAIRED
    others = np.ones(BASE.shape, dtype=bool)
    others[1, 2] = False
    np.testing.assert_array_equal(setup.values[others], BASE[others])


def test_a_measured_one_stays_and_the_other_gives_way() -> None:
    hold = closed(4e-12)
    result = gate(build(BASE, hold, (Origin.PREDICTED, Origin.MEASURED)), ANCHORS)
    np.testing.assert_array_equal(result.library[HOLD].values, hold)
    assert result.library[SETUP].values[1, 2] == pytest.approx(BASE[1, 2] + 4e-12)


def test_measured_on_both_sides_is_an_error() -> None:
    result = gate(build(BASE, closed(4e-12), (Origin.MEASURED,) * 2), ANCHORS)
    assert found(result) == {("setup-hold", Severity.ERROR)}
    assert result.repaired == 0


def test_a_window_that_an_anchor_closes_is_left() -> None:
    anchors = [*ANCHORS, build(BASE, closed(9e-12), (Origin.MEASURED,) * 2, Corner("tt", 1.0, 25))]
    result = gate(build(BASE, closed(4e-12)), anchors)
    assert not found(result)
    assert result.repaired == 0


def test_an_open_window_is_not_touched() -> None:
    filled = build(BASE, -0.5 * BASE)
    assert gate(filled, ANCHORS).library is filled
