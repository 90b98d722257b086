"""Variation along a path: independent cells, slews that carry it on; and the example's own netlist of five cells."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eda_plugin.adapters import liberty
from eda_plugin.adapters.sta import Use
from eda_plugin.domain import Axis, Corner, Library, Origin, Table, TableKey
from eda_plugin.errors import UserError
from eda_plugin.flow.variation_path import path_variation

SLEWS = Axis("input_net_transition", np.geomspace(2e-12, 2e-10, 7))
LOADS = Axis("total_output_net_capacitance", np.geomspace(1e-16, 1e-14, 7))
KEY = TableKey("INV", "Y", "A", "combinational", "negative_unate", "", "cell_rise")


def table(quantity: str, base: float, of_slew: float, of_load: float) -> Table:
    values = base + of_slew * SLEWS.values[:, None] + of_load * LOADS.values[None]
    return Table(KEY._replace(quantity=quantity), (SLEWS, LOADS), values, np.full(values.shape, Origin.MEASURED, dtype=np.uint8))


@pytest.fixture
def inverter() -> Library:
    tables = []
    for edge in ("rise", "fall"):
        tables += [table(f"cell_{edge}", 5e-12, 0.3, 2e3), table(f"{edge}_transition", 4e-12, 0.1, 4e3)]
        tables += [table(f"ocv_std_dev_cell_{edge}", 1e-12, 0.0, 0.0), table(f"ocv_std_dev_{edge}_transition", 0.5e-12, 0.0, 0.0)]
        tables += [table(f"ocv_mean_shift_cell_{edge}", 0.1e-12, 0.0, 0.0)]
    return Library.from_tables(tables, name="toy", corner=Corner("tt", 0.8, 25))


def test_a_path_of_inverters(inverter: Library) -> None:
    uses = [
        Use("INV", "A", "Y", *edges, slew, 1e-15)
        for edges, slew in ((("rise", "fall"), 2e-11), (("fall", "rise"), 1e-11), (("rise", "fall"), 9e-12))
    ]
    found = path_variation(inverter, uses)
    assert found.nominal == pytest.approx(sum(5e-12 + 0.3 * use.slew + 2e3 * use.load for use in uses), rel=1e-3)
    assert found.mean - found.nominal == pytest.approx(0.3e-12, rel=1e-6)
    assert found.without_slews == pytest.approx(3**0.5 * 1e-12)
    # A slower slew costs 0.3 in the cell behind, and by the 0.1 of it that is left at that one's output 0.3 of that in the next.
    shares = np.array([1 + 0.5 * (0.3 + 0.1 * 0.3), 1 + 0.5 * 0.3, 1.0])
    assert found.deviation == pytest.approx(1e-12 * np.sqrt((shares**2).sum()), rel=2e-3)


def test_a_library_without_tables_is_told(inverter: Library) -> None:
    bare = inverter.take([row for row, key in enumerate(inverter.keys) if not key.quantity.startswith("ocv_")])
    use = Use("INV", "A", "Y", "rise", "fall", 1e-11, 1e-15)
    with pytest.raises(UserError, match="eda-plugin variation adds it"):
        path_variation(bare, [use])
    with pytest.raises(UserError, match="which the path goes through"):
        path_variation(inverter, [replace(use, cell="NAND2")])


def test_the_examples_path_is_the_timers(repository: Path, tmp_path: Path, needs_tool: Callable[[str], str]) -> None:
    """A few rows of the five cells lie around the delay that OpenSTA reports; cells of one process vary more than independent ones."""
    needs_tool("ngspice")
    needs_tool("opensta")
    example = runpy.run_path(str(repository / "examples" / "process_variation" / "path.py"))
    file = repository / "examples" / "hkmg22" / "lib" / "hkmg22_tt_025C_0v80.lib"
    library = liberty.read(file, cache=False)
    uses = example["read_report"](example["report"](file, "rise", tmp_path), header=library.header)
    assert [use.cell for use in uses] == ["NAND2", "NOR2", "NOT", "BUF", "NAND2"]
    wired = example["read_report"](example["report"](file, "rise", tmp_path, 1e-15), header=library.header)
    more = [two.load - one.load for one, two in zip(uses, wired, strict=True)]
    assert more == pytest.approx([1e-15] * 4 + [0.0], abs=2e-17)
    independent, common = (example["simulate"](library, "rise", 20, independent=alone) for alone in (True, False))
    assert np.median(independent) == pytest.approx(51.07e-12, rel=0.05)
    assert common.std() > 1.3 * independent.std()
