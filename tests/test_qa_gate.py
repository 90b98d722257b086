"""The gate: what it refuses, what it moves, what it never moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from eda_plugin.domain import Axis, Cell, Corner, Library, Origin, Table, TableKey
from eda_plugin.qa.findings import Severity
from eda_plugin.qa.gate import GateResult, gate
from eda_plugin.qa.isotone import isotonic

SLEW = Axis("input_net_transition", np.array([10e-12, 50e-12, 200e-12]))
LOAD = Axis("total_output_net_capacitance", np.array([1e-15, 4e-15, 16e-15, 64e-15]))
DELAY = TableKey("inv", "Y", "A", "combinational", "negative_unate", "", "cell_rise")
SLOPE = DELAY._replace(quantity="rise_transition")
LEAK = TableKey("inv", "", "VDD", "leakage", "", "", "cell_leakage_power")
TARGET = Corner("tt", 0.8, 25)


def _library(corner: Corner = TARGET, origin: Origin = Origin.MEASURED, **replaced: object) -> Library:
    base = (10e-12 + 0.5 * SLEW.values[:, None] + 2e2 * LOAD.values) * 0.5 / (corner.voltage - 0.3)
    tables = {"delay": (DELAY, base), "slope": (SLOPE, 1.5 * base), "leak": (LEAK, np.array(1e-9 * corner.voltage))}
    built = []
    for name, (key, values) in tables.items():
        given = replaced.get(name, values)
        if given is not None:
            numbers = np.array(given, dtype=float)
            axes = (SLEW, LOAD) if numbers.ndim else ()
            built.append(Table(key, axes, numbers, np.full(numbers.shape, origin, dtype=np.uint8)))
    return Library.from_tables(built, name=corner.name, corner=corner)


ANCHORS = [_library(Corner("tt", volts, 25)) for volts in (0.7, 0.9, 1.0)]


def _filled(**replaced: object) -> Library:
    return _library(TARGET, Origin.FILLED, **replaced)


def _values(key: TableKey, library: Library | None = None) -> NDArray[np.float64]:
    return np.array((library or _filled())[key].values)


def _rules(result: GateResult) -> set[tuple[str, Severity]]:
    return {(found.rule, found.severity) for found in result.findings}


def test_a_sound_library_passes_unchanged() -> None:
    filled = _filled()
    result = gate(filled, ANCHORS, filled)
    assert result.findings == ()
    assert result.repaired == 0
    assert result.library is filled


def test_a_fall_along_the_load_is_repaired_and_said() -> None:
    values = _values(SLOPE)
    values[1, 2] = 0.99 * values[1, 1]
    filled = _filled(slope=values)
    result = gate(filled, ANCHORS, filled)
    fixed = result.library[SLOPE]
    assert (np.diff(fixed.values, axis=1) >= 0).all()
    assert fixed.values[1, 1] == fixed.values[1, 2] == pytest.approx(values[1, 1:3].mean())
    assert (fixed.origin == Origin.REPAIRED).sum() == result.repaired == 2
    assert _rules(result) == {("monotone-load", Severity.REPAIRED)}
    assert result.findings[0].key == SLOPE
    assert result.errors == ()
    assert len(result.violations) == 1
    assert np.array_equal(filled[SLOPE].values, values)


def test_intervals_hold_what_was_repaired() -> None:
    values = _values(SLOPE)
    values[1, 2] = 0.99 * values[1, 1]
    filled = _filled(slope=values)
    filled = filled.with_values(filled.values, filled.origin, filled.values * 0.999, filled.values * 1.001)
    library = gate(filled, ANCHORS).library
    assert library.lower is not None
    assert library.upper is not None
    assert ((library.lower <= library.values) & (library.values <= library.upper)).all()


def test_measured_values_are_never_moved() -> None:
    values = _values(SLOPE)
    values[1, 2] = 0.99 * values[1, 1]
    filled = _filled(slope=values)
    origin = filled.origin.copy()
    origin[int(filled.start[1]) + 6] = Origin.MEASURED  # (1, 2) of the second table
    result = gate(filled.with_values(filled.values, origin), ANCHORS)
    fixed = result.library[SLOPE]
    assert fixed.values[1, 2] == values[1, 2]
    assert fixed.values[1, 1] == values[1, 2]
    assert fixed.origin[1, 2] == Origin.MEASURED
    assert _rules(result) == {("monotone-load", Severity.REPAIRED)}


def test_measured_values_that_fall_are_left_and_listed() -> None:
    values = _values(SLOPE)
    values[1, 2] = 0.99 * values[1, 1]
    result = gate(_library(slope=values), ANCHORS)
    assert result.repaired == 0
    assert _rules(result) == {("monotone-load", Severity.INFO)}
    assert result.violations == ()


def test_a_table_that_falls_in_an_anchor_is_exempt() -> None:
    truth = _values(SLOPE, ANCHORS[0])
    truth[1, 2] = 0.99 * truth[1, 1]
    values = _values(SLOPE)
    values[1, 2] = 0.99 * values[1, 1]
    assert gate(_filled(slope=values), [_library(Corner("tt", 0.7, 25), slope=truth), *ANCHORS[1:]]).findings == ()


def test_a_fall_along_the_slew_is_repaired_where_the_anchors_rise() -> None:
    values = _values(DELAY)
    values[2] = 0.97 * values[1]
    result = gate(_filled(delay=values), ANCHORS)
    fixed = result.library[DELAY].values
    assert (np.diff(fixed, axis=0) >= -1e-18).all()
    assert (np.diff(fixed, axis=1) >= 0).all()
    assert ("monotone-slew", Severity.REPAIRED) in _rules(result)
    falling = [_library(anchor.corner, delay=_values(DELAY, anchor)[::-1]) for anchor in ANCHORS]
    assert "monotone-slew" not in {rule for rule, _ in _rules(gate(_filled(delay=values), falling))}


def test_what_must_be_positive_is_raised_to_the_anchors_smallest_share() -> None:
    values = _values(SLOPE)
    values[0, 0] = -1e-12
    result = gate(_filled(slope=values, leak=-1e-12), ANCHORS)
    share = min(_values(SLOPE, anchor).min() / _values(SLOPE, anchor).mean() for anchor in ANCHORS)
    rest = values[values > 0]
    assert result.library[SLOPE].values[0, 0] == pytest.approx(min(share * rest.mean(), rest.min()))
    assert float(result.library[LEAK].values) == pytest.approx(min(float(anchor[LEAK].values) for anchor in ANCHORS))
    assert result.repaired == 2
    assert _rules(result) == {("positive", Severity.REPAIRED)}


def test_negative_delays_pass_and_measured_negative_transitions_do_not() -> None:
    low = [_library(anchor.corner, delay=_values(DELAY, anchor) - 1e-9) for anchor in ANCHORS]
    assert gate(_filled(delay=_values(DELAY) - 1e-9), low).findings == ()
    values = _values(SLOPE)
    values[0, 0] = -1e-12
    result = gate(_library(slope=values), ANCHORS)
    assert _rules(result) == {("positive", Severity.ERROR)}
    assert result.library[SLOPE].values[0, 0] == -1e-12


@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_holes_are_errors(hole: float) -> None:
    values = _values(DELAY)
    values[0, 1] = hole
    [found] = gate(_filled(delay=values), ANCHORS).errors
    assert (found.rule, found.key) == ("finite", DELAY)
    assert "1 of 12 values" in found.message


def test_missing_tables_are_errors_and_missing_cells_are_said() -> None:
    template = _filled()
    [found] = gate(_filled(slope=None), ANCHORS, template).errors
    assert (found.rule, found.key) == ("missing-table", SLOPE)
    [found] = gate(_filled(slope=None), ANCHORS).errors
    assert (found.rule, found.key) == ("missing-table", SLOPE)
    thin = _filled(slope=None)
    assert _rules(gate(thin, ANCHORS, thin)) == {("missing-table", Severity.WARNING)}
    # a blank template does not name leakages and capacitances, and they are asked for all the same
    bare = _filled(leak=None)
    [found] = gate(bare, ANCHORS, bare).errors
    assert (found.rule, found.key) == ("missing-table", LEAK)
    alone = [replace(anchor.take([2]), cells=(Cell("inv"),)) for anchor in ANCHORS]
    nothing = replace(_filled().take([]), cells=(Cell("inv"),))
    assert [found.key for found in gate(nothing, alone, nothing).errors] == [LEAK]
    more = [
        Library.from_tables(
            [*anchor, Table(LEAK._replace(cell="buf"), (), np.array(1.0), np.array(1, dtype=np.uint8))], name="x", corner=anchor.corner
        )
        for anchor in ANCHORS
    ]
    [found] = gate(template, more, template).findings
    assert (found.rule, found.severity) == ("missing-cell", Severity.WARNING)
    assert "cell buf" in found.message


def test_values_far_outside_the_anchors_are_said_and_left() -> None:
    result = gate(_filled(slope=20 * _values(SLOPE), leak=1e-5), ANCHORS)
    assert {found.key for found in result.findings} == {SLOPE, LEAK}
    assert _rules(result) == {("anchor-range", Severity.WARNING)}
    assert result.repaired == 0


def test_order_across_supplies_follows_the_anchors() -> None:
    slower = _values(DELAY, ANCHORS[0]) * 1.1
    result = gate(_filled(delay=slower), ANCHORS)
    assert _rules(result) == {("anchor-order", Severity.WARNING)}
    assert result.findings[0].key == DELAY
    # anchors that show no such order ask for none
    flat = [
        _library(anchor.corner, delay=_values(DELAY, ANCHORS[0]) * factor) for anchor, factor in zip(ANCHORS, (0.9, 1.2, 1.0), strict=True)
    ]
    assert gate(_filled(delay=slower), flat).findings == ()


def test_an_interval_beside_its_value_is_said() -> None:
    filled = _filled()
    filled = filled.with_values(filled.values, filled.origin, filled.values * 1.1, filled.values * 1.2)
    assert _rules(gate(filled, ANCHORS)) == {("interval", Severity.WARNING)}


def test_no_anchors_still_checks_what_stands_alone() -> None:
    values = _values(SLOPE)
    values[1, 2] = 0.99 * values[1, 1]
    result = gate(_filled(slope=values, leak=-1.0), [])
    assert _rules(result) == {("monotone-load", Severity.REPAIRED), ("positive", Severity.ERROR)}


def _pava(values: Sequence[float]) -> list[float]:
    """The textbook algorithm: merge neighbours that are out of order."""
    pools: list[list[float]] = []
    for value in values:
        pools.append([value, 1.0])
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            (a, n), (b, m) = pools.pop(-2), pools.pop(-1)
            pools.append([(a * n + b * m) / (n + m), n + m])
    return [mean for mean, count in pools for _ in range(int(count))]


numbers = st.lists(st.floats(-10, 10, allow_nan=False), min_size=1, max_size=9)


@given(numbers)
def test_isotonic_is_the_textbook_s(values: list[float]) -> None:
    found = isotonic(np.array([values]), np.zeros((1, len(values)), dtype=bool))
    assert np.allclose(found, _pava(values), atol=1e-9)


@given(numbers, st.integers(0, 511))
def test_isotonic_keeps_what_is_fixed(values: list[float], mask: int) -> None:
    fixed = np.array([[bool(mask >> place & 1) for place in range(len(values))]])
    y = np.array([values])
    y[fixed] = np.sort(y[fixed])
    found = isotonic(y, fixed)
    assert np.array_equal(found[fixed], y[fixed])
    assert (np.diff(found) >= -1e-9).all()
    # the slow twin: each stretch between fixed values on its own, clipped to them
    slow = y[0].copy()
    stops = [-1, *np.flatnonzero(fixed[0]).tolist(), len(values)]
    for left, right in pairwise(stops):
        if right > left + 1:
            low = y[0, left] if left >= 0 else -np.inf
            high = y[0, right] if right < len(values) else np.inf
            slow[left + 1 : right] = np.clip(_pava(y[0, left + 1 : right].tolist()), low, high)
    assert np.allclose(found[0], slow, atol=1e-9)
