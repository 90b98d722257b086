"""CharLib 2: its output put right, a filled corner's answers, and CharLib itself with our procedures where a checkout of it is at hand.

CHARLIB_HOME names the checkout; its other requirements come with ``make hosts`` (Python 3.12 or newer there).
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import eda_plugin as ep
from eda_plugin.adapters import points
from eda_plugin.domain import Library, Origin
from eda_plugin.errors import UserError
from eda_plugin.hooks.hosts.charlib_corner import FilledCorner
from eda_plugin.hooks.hosts.charlib_text import repaired

WRITTEN = r"""library (demo){
  pulling_resistance_unit : "1uA" ;
  slew_upper_threshold_pct_rise : 0.80 ;
  input_threshold_pct_fall : 0.50 ;
  cell (INV) {
    pin (Y) {
      function : "Y=!A" ;
      timing () {
        cell_rise (grid) {
          values ( \
            "1.0, 2.0" \
            "3.0, 4.0" \
          ) ;
        }
      }
    }
  }
}
"""


def test_what_charlib_writes_is_put_right() -> None:
    text, said = repaired(WRITTEN)
    assert '"1.0, 2.0", \\\n            "3.0, 4.0" \\\n' in text
    assert "slew_upper_threshold_pct_rise : 80 ;" in text
    assert "input_threshold_pct_fall : 50 ;" in text
    assert 'function : "!A" ;' in text
    assert 'pulling_resistance_unit : "1kohm" ;' in text
    assert said == [
        "1 tables had no commas between their rows",
        "2 thresholds were shares, not per cent",
        "1 functions began with their output's name",
        "1 unit of resistance was one of current, now 1kohm",
    ]


def test_what_is_right_stays_as_it_is(make_library: Callable[..., Path]) -> None:
    text, _ = repaired(WRITTEN)
    assert repaired(text) == (text, [])
    right = make_library("ss,1.60,100").read_text()
    assert repaired(right) == (right, [])


@pytest.fixture
def corner(make_library: Callable[..., Path], tmp_path: Path) -> Callable[[float], FilledCorner]:
    """A corner whose values have intervals of 10 % of themselves; those of the largest load 40 %; INV_2's are measured."""
    path = make_library("ss,1.60,100")
    given = ep.read(path)[0]
    half = 0.05 * np.abs(given.values)
    for row, key in enumerate(given.keys):
        table = given.table(row)
        if len(table.axes) == 2:
            half[given.start[row] : given.start[row + 1]].reshape(table.values.shape)[:, -1] *= 4
        if key.cell == "INV_2":
            half[given.start[row] : given.start[row + 1]] = 0
    measured = np.repeat([key.cell == "INV_2" for key in given.keys], np.diff(given.start))
    origin = np.where(measured, Origin.MEASURED, Origin.PREDICTED).astype(np.uint8)
    values = tmp_path / "values.csv"
    points.write_values(given.with_values(given.values, origin, given.values - half, given.values + half), values)
    return lambda limit: FilledCorner(path, values, limit)


def test_a_point_is_answered_between_the_grid_and_refused_where_it_is_uncertain(corner: Callable[[float], FilledCorner]) -> None:
    given = corner(0.2)
    k = 1.25 * (1.8 / 1.6) ** 1.5 * 1.075  # the law of conftest's libraries; bilinear, so exact between the grid
    found = given.point("INV_1", "y", "a", "fall", 0.05e-9, 0.004e-12)
    assert found is not None
    assert found["cell_fall"] == pytest.approx(1e-9 * k * (0.015 + 0.2 * 0.05 + 2 * 0.004), rel=1e-5)
    assert found["fall_transition"] == pytest.approx(1e-9 * k * (0.025 + 0.2 * 0.05 + 2 * 0.004), rel=1e-5)
    assert given.point("INV_1", "Y", "A", "fall", 0.05e-9, 0.05e-12) is None, "too uncertain at the largest load"
    assert corner(0.5).point("INV_1", "Y", "A", "fall", 0.05e-9, 0.05e-12) is not None
    assert given.point("INV_2", "Y", "A", "fall", 0.05e-9, 0.05e-12) is not None, "measured"
    assert given.point("INV_1", "Y", "A", "fall", 0.05e-9, 0.06e-12) is None, "off the grid"
    assert given.point("INV_1", "Y", "B", "fall", 0.05e-9, 0.004e-12) is None, "no such arc"


def test_a_table_of_another_library_is_an_error(make_library: Callable[..., Path], corner: Callable[[float], FilledCorner]) -> None:
    other = make_library("ss,1.60,25", cells=("BUF_1",))
    values = other.parent / "values.csv"
    with pytest.raises(UserError, match="expected the table that was written beside it"):
        FilledCorner(other, values, 0.1)


ANCHORS = ("ss_n40C_0v72", "ss_125C_0v72", "ss_125C_0v60", "ss_n40C_0v60", "tt_025C_0v60", "tt_025C_0v80", "tt_085C_0v72")
TIMED = ("cell_rise", "cell_fall", "rise_transition", "fall_transition")
FUNCTIONS = {
    "NOT": ["Y=!A"],
    "BUF": ["Y=A"],
    "NAND2": ["Y=!(A&B)"],
    "NAND3": ["Y=!(A&B&C)"],
    "NOR2": ["Y=!(A|B)"],
    "NOR3": ["Y=!(A|B|C)"],
    "AND2": ["Y=A&B"],
    "OR2": ["Y=A|B"],
    "XOR2": ["Y=A^B"],
    "XNOR2": ["Y=!(A^B)"],
    "AOI21": ["Y=!((A1&A2)|B)"],
    "FA": ["CO=(A&B)|(CI&(A|B))", "S=A^B^CI"],
    "DFFR": ["Q=IQ"],
}
FLIPFLOP = {"state": ["IQ=D"], "clock": "posedge CK", "reset": "not RN"}
Run = Callable[..., Path]


@pytest.fixture(scope="module")
def charlib(needs_host: Callable[[str], Path], needs_tool: Callable[[str], str]) -> tuple[Path, Path]:
    """Python of the hosts' environment, and CharLib's checkout."""
    home = os.environ.get("CHARLIB_HOME")
    if not home:
        pytest.skip("host absent: CharLib 2 (CHARLIB_HOME names its checkout)")
    needs_tool("ngspice")
    python = needs_host("tqdm") / "python"
    tried = subprocess.run(
        [python, "-c", "import charlib.characterizer.characterizer"], env={**os.environ, "PYTHONPATH": home}, check=False
    )
    if tried.returncode:
        pytest.skip(f"host absent: CharLib 2 cannot be imported by {python}")
    return python, Path(home)


@pytest.fixture(scope="module")
def characterize(charlib: tuple[Path, Path], repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """``characterize(cells, limit)``: the library that CharLib writes of ss, 0.66 V, 25 degrees; ``simulated`` lets it call ngspice."""
    python, home = charlib
    example, folder = repository / "examples" / "hkmg22", tmp_path_factory.mktemp("charlib")
    (folder / "anchors").mkdir()
    for name in ANCHORS:
        shutil.copy(example / "lib" / f"hkmg22_{name}.lib", folder / "anchors")
    stand_in = folder / "stand_in"
    stand_in.mkdir()
    shutil.copy(repository / "tests" / "data" / "charlib" / "sitecustomize.py.txt", stand_in / "sitecustomize.py")

    def make(cells: dict[str, dict[str, object]], limit: float, *, simulated: bool) -> Path:
        common = {"netlist": str(example / "cells.sp"), "models": [f"{example / 'models.sp'} {{process}}"]}
        nodes = {"primary_power": {"name": "VDD", "voltage": 0.72}, "primary_ground": {"name": "VSS", "voltage": 0}}
        units = {"time": "ps", "voltage": "V", "current": "uA", "pulling_resistance": "kOhm", "leakage_power": "nW"}
        settings = {
            "lib_name": "hkmg22",
            "units": {**units, "capacitive_load": "pF", "energy": "pJ"},
            "named_nodes": nodes,
            "simulation": {"backend": "ngspice-subprocess"},
        }
        config = {"settings": settings, "cells": {name: {**common, **cell} for name, cell in cells.items()}}
        (folder / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
        words = ["--anchors", "anchors", "--corner", "ss,0.66,25", "--max-interval", str(limit), "--option=--model", "--option=ridge"]
        environment = {**os.environ, "EDA_PLUGIN_COMMAND": f"{sys.executable} -m eda_plugin", "MPLCONFIGDIR": str(folder / "mpl")}
        environment["PYTHONPATH"] = os.pathsep.join(map(str, [*([stand_in] if simulated else []), home, repository]))
        if not simulated:
            environment["PATH"] = str(folder)  # there is no simulator there
        subprocess.run(
            [python, "-m", "eda_plugin.hooks.hosts.charlib_run", "config.yaml", *words, "-o", "out"],
            cwd=folder,
            env=environment,
            check=True,
        )
        return folder / "out" / "hkmg22_ss_025C_0v66.lib"

    return make


def grids(library: Library, cell: str) -> dict[str, object]:
    """Slews in ps and loads in pF of a cell's delay tables."""
    axes = next(library[key].axes for key in library.keys if key.cell == cell and key.quantity == "cell_rise")
    return {"data_slews": (axes[0].values / 1e-12).round(6).tolist(), "loads": (axes[1].values / 1e-12).round(9).tolist()}


def test_charlib_writes_the_whole_library_without_a_simulator(characterize: Run, repository: Path) -> None:
    """Thirteen cells, flip-flop included; every table is the filled corner's, states of an arc joined by the slowest as CharLib does."""
    truth = ep.read(repository / "examples" / "hkmg22" / "lib" / "hkmg22_ss_025C_0v66.lib")[0]
    cells: dict[str, dict[str, object]] = {
        name: {"functions": functions, **grids(truth, name), **(FLIPFLOP if name == "DFFR" else {})}
        for name, functions in FUNCTIONS.items()
    }
    path = characterize(cells, 100.0, simulated=False)
    made = ep.read(path)[0]
    filled = ep.read(path.parent / "eda_plugin" / "ss_025C_0v66.lib")[0]
    assert made.corner == filled.corner == truth.corner
    slowest: dict[tuple[str, ...], NDArray[np.float64]] = {}
    for key in filled.keys:
        if key.quantity in TIMED or key.quantity in ("rise_constraint", "fall_constraint"):
            kind = f"combinational_{key.quantity.replace('cell_', '')[:4]}" if key.timing_type == "combinational" else key.timing_type
            place = (key.cell, key.pin, key.related_pin, kind, key.quantity)
            values = filled[key].values.T if key.quantity in TIMED else filled[key].values  # delay tables begin with the load in CharLib
            slowest[place] = np.maximum(values, slowest.get(place, values))
    written = {
        (key.cell, key.pin, key.related_pin, key.timing_type, key.quantity): made[key].values
        for key in made.keys
        if key.timing_type not in ("pin", "leakage", "internal_power")
    }
    for place, values in written.items():
        assert values == pytest.approx(slowest[place], rel=1e-6, abs=1e-18), place
    wanted = {place for place in slowest if place[3] != "min_pulse_width"}
    assert set(written) == wanted
    numbers = {(key.cell, key.pin, key.quantity): float(made[key].values) for key in made.keys if key.timing_type in ("pin", "leakage")}
    for key in filled.keys:
        if key.quantity == "capacitance":
            assert numbers[key.cell, key.pin, "capacitance"] == pytest.approx(float(filled[key].values), rel=1e-6)
    assert {cell for cell, _, quantity in numbers if quantity == "cell_leakage_power"} == set(FUNCTIONS) - {"DFFR"}
    assert not [found for found in ep.check([made]) if found.severity.name == "ERROR"]


def test_charlib_simulates_what_is_too_uncertain(characterize: Run, repository: Path) -> None:
    """Half of an inverter's points are certain enough; the others come from CharLib's own procedure and ngspice."""
    truth = ep.read(repository / "examples" / "hkmg22" / "lib" / "hkmg22_ss_025C_0v66.lib")[0]
    cell: dict[str, object] = {"functions": FUNCTIONS["NOT"], "data_slews": [9.865, 48.66], "loads": [0.0004932, 0.002433]}
    path = characterize({"NOT": cell}, 100.0, simulated=False)
    filled = ep.read(path)[0]
    delays = {key.quantity: filled[key].values for key in filled.keys if key.quantity in TIMED}
    assert set(delays) == set(TIMED)
    mixed = ep.read(
        characterize({"NOT": cell}, _limit_that_splits(path.parent / "eda_plugin" / "ss_025C_0v66.values.csv"), simulated=True)
    )[0]
    unchanged: list[NDArray[np.bool_]] = []
    for key in mixed.keys:
        if key.quantity in delays:
            same = np.isclose(mixed[key].values, delays[key.quantity], rtol=1e-6, atol=0)
            real = next(truth[other] for other in truth.keys if other.cell == "NOT" and other.quantity == key.quantity)
            rows = [int(abs(real.axes[0].values - slew).argmin()) for slew in (9.865e-12, 48.66e-12)]
            columns = [int(abs(real.axes[1].values - load).argmin()) for load in (0.4932e-15, 2.433e-15)]
            expected = real.values[np.ix_(rows, columns)].T
            assert mixed[key].values[~same] == pytest.approx(expected[~same], rel=0.05), "simulated"
            unchanged.append(same.ravel())
    shares = np.concatenate(unchanged)
    assert 0 < shares.sum() < shares.size


def _limit_that_splits(values: Path) -> float:
    """Between the widths of two of the points that CharLib is asked for."""
    widths: dict[tuple[str, str], float] = {}
    with values.open(newline="") as stream:
        for line in csv.DictReader(stream):
            near = any(abs(float(line["index_1"] or 0) - slew) < 1e-14 for slew in (9.865e-12, 48.66e-12)) and any(
                abs(float(line["index_2"] or 0) - load) < 1e-19 for load in (0.4932e-15, 2.433e-15)
            )
            if line["cell"] == "NOT" and line["pin"] == "Y" and near and re.search("rise|fall", line["quantity"]) and line["when"] == "":
                if "power" in line["quantity"]:
                    continue
                width = (float(line["upper"]) - float(line["lower"])) / max(abs(float(line["value"])), 20e-12)
                place = (line["quantity"][-4:] if line["quantity"].startswith("cell") else line["quantity"][:4], line["position"])
                widths[place] = max(width, widths.get(place, 0.0))
    found = sorted(widths.values())
    assert len(found) == 8
    return (found[3] + found[4]) / 2
