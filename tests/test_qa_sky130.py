"""The gate and the checks on a foundry's libraries: what was characterized passes, what is broken is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eda_plugin.adapters import liberty
from eda_plugin.domain import Library, Origin
from eda_plugin.domain.quantity import TRANSITION
from eda_plugin.qa import checks
from eda_plugin.qa.compare import compare
from eda_plugin.qa.findings import Severity
from eda_plugin.qa.gate import gate
from eda_plugin.qa.subject import View

NAMES = ("tt_025C_1v80", "ff_n40C_1v65", "ff_n40C_1v76", "ff_n40C_1v56", "ss_n40C_1v76")


@pytest.fixture(scope="module")
def libraries(sky130: Path) -> list[Library]:
    return liberty.read_many([sky130 / f"sky130_fd_sc_hd__{name}.lib.gz" for name in NAMES])


def _filled(library: Library) -> Library:
    return library.with_values(library.values, np.full(library.origin.shape, Origin.FILLED, dtype=np.uint8))


def test_the_truth_passes_the_gate(libraries: list[Library]) -> None:
    truth = _filled(libraries[1])
    anchors = [libraries[0], *libraries[2:]]
    result = gate(truth, anchors, truth)
    assert result.errors == ()
    # of 24,000 tables; simulation noise along the load, tri-state arcs out of order
    assert len(result.findings) < 100
    assert result.repaired < 300
    shift = np.abs(result.library.values - truth.values) / np.maximum(np.abs(truth.values), 20e-12)
    assert np.nanmax(shift) < 0.1
    again = gate(truth, anchors[::-1], truth)
    assert np.array_equal(again.library.values, result.library.values)
    assert {(found.rule, found.key) for found in again.findings} == {(found.rule, found.key) for found in result.findings}


def test_broken_values_are_found_and_repaired(libraries: list[Library]) -> None:
    truth = _filled(libraries[1])
    view = View(truth)
    rows = view.rows(*TRANSITION)
    row = int(rows[np.diff(truth.start)[rows] == 49][100])
    values = truth.values.copy()
    values[int(truth.start[row]) + 10] *= -1
    result = gate(truth.with_values(values, truth.origin), [libraries[0], *libraries[2:]], truth)
    mine = [found for found in result.findings if found.key == truth.keys[row]]
    assert {(found.rule, found.severity) for found in mine} >= {("positive", Severity.REPAIRED)}
    fixed = result.library.table(row)
    assert (np.diff(fixed.values, axis=1) >= -1e-18).all()
    assert (fixed.values > 0).all()


def test_the_rules_find_what_the_libraries_are_known_for(libraries: list[Library]) -> None:
    count: dict[str, int] = {}
    for found in checks.run(libraries):
        count[found.rule] = count.get(found.rule, 0) + 1
    assert sum(count.values()) < 600
    assert count["setup-hold"] > 0  # windows of negative width, two dozen cells a corner
    # every cell and arc is at every corner, no table is empty, no numbers are copied
    quiet = ("empty-table", "missing-value", "cell-missing", "corner-repeats", "table-repeats", "delay-load", "corner-name", "corner-file")
    assert not set(quiet) & count.keys()


def test_a_neighbouring_corner_is_told_apart(libraries: list[Library]) -> None:
    found = compare(libraries[2], libraries[1])
    assert not found.passed
    assert not found.unknown
    assert 2 < found.groups["timing"].mape_pct < 30
    assert compare(libraries[0], libraries[0]).passed
