"""CharLib 2: its output put right, a filled corner's answers, and CharLib itself with our procedures where a checkout of it is at hand.

CHARLIB_HOME names the checkout; its other requirements come with ``make hosts`` (Python 3.12 or newer there).
"""

from __future__ import annotations

import csv
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
from eda_plugin.domain import Origin
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


CONFIG = """
settings:
    lib_name: hkmg22
    units: {{time: ps, voltage: V, current: uA, pulling_resistance: kOhm, leakage_power: nW, capacitive_load: pF, energy: fJ}}
    named_nodes: {{primary_power: {{name: VDD, voltage: 0.72}}, primary_ground: {{name: VSS, voltage: 0}}}}
    simulation: {{backend: ngspice-subprocess}}
cells:
    NOT:
        netlist: {example}/cells.sp
        models: ["{example}/models.sp {{process}}"]
        inputs: [A]
        outputs: ['Y']
        functions: [Y=!A]
        data_slews: [9.865, 48.66]
        loads: [0.0004932, 0.002433]
"""
ANCHORS = ("ss_n40C_0v72", "ss_125C_0v72", "ss_125C_0v60", "ss_n40C_0v60", "tt_025C_0v60", "tt_025C_0v80", "tt_085C_0v72")


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


def test_charlib_writes_a_library_of_filled_and_simulated_points(charlib: tuple[Path, Path], repository: Path, tmp_path: Path) -> None:
    """Rising delays are certain enough in part only: the others come from CharLib's own procedure and ngspice."""
    python, home = charlib
    example = repository / "examples" / "hkmg22"
    (tmp_path / "config.yaml").write_text(CONFIG.format(example=example))
    for name in ANCHORS:
        (tmp_path / "anchors").mkdir(exist_ok=True)
        shutil.copy(example / "lib" / f"hkmg22_{name}.lib", tmp_path / "anchors")
    stand_in = tmp_path / "stand_in"
    stand_in.mkdir()
    shutil.copy(repository / "tests" / "data" / "charlib" / "sitecustomize.py.txt", stand_in / "sitecustomize.py")
    environment = {**os.environ, "EDA_PLUGIN_COMMAND": f"{sys.executable} -m eda_plugin", "MPLCONFIGDIR": str(tmp_path / "mpl")}

    def characterize(limit: float, path: list[Path]) -> Path:
        out = tmp_path / "out"
        words = ["--anchors", "anchors", "--corner", "ss,0.66,25", "--max-interval", str(limit), "--option=--model", "--option=ridge"]
        subprocess.run(
            [python, "-m", "eda_plugin.hooks.hosts.charlib_run", "config.yaml", *words, "-o", out],
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": os.pathsep.join(map(str, [*path, home, repository]))},
            check=True,
        )
        return out / "hkmg22_ss_025C_0v66.lib"

    filled = ep.read(characterize(100.0, []))[0]
    truth = ep.read(example / "lib" / "hkmg22_ss_025C_0v66.lib")[0]
    delays = {key.quantity: filled[key].values for key in filled.keys if key.pin == "Y" and key.timing_type.startswith("combinational")}
    assert set(delays) == {"cell_rise", "cell_fall", "rise_transition", "fall_transition"}
    assert {key.quantity for key in filled.keys} >= {"capacitance", "cell_leakage_power"}
    assert filled.corner == truth.corner
    assert ep.check([filled]) is not None
    kept = tmp_path / "out" / "eda_plugin" / "ss_025C_0v66.values.csv"
    limit = _limit_that_splits(kept)
    mixed = ep.read(characterize(limit, [stand_in]))[0]
    unchanged: list[NDArray[np.bool_]] = []
    for key in mixed.keys:
        if key.quantity in delays:
            same = np.isclose(mixed[key].values, delays[key.quantity], rtol=1e-6)
            real = next(truth[other] for other in truth.keys if other.cell == "NOT" and other.quantity == key.quantity)
            rows = [int(abs(real.axes[0].values - slew).argmin()) for slew in (9.865e-12, 48.66e-12)]
            columns = [int(abs(real.axes[1].values - load).argmin()) for load in (0.4932e-15, 2.433e-15)]
            expected = real.values[np.ix_(rows, columns)].T  # CharLib's tables begin with the load
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
