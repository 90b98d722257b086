"""The example data of our own: complete, physical, read by other tools, and what ngspice says today."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from eda_plugin.adapters import liberty
from eda_plugin.adapters.hspice import read_points
from eda_plugin.adapters.ngspice import NgspiceSettings, simulate
from eda_plugin.domain import Cell, Corner, Library, Points, TableKey, timing_quantities
from eda_plugin.domain.quantity import TIMING
from eda_plugin.domain.waveform import Waveform

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "hkmg22"
PLAN = tomllib.loads((EXAMPLE / "corners.toml").read_text(encoding="utf-8"))
CORNERS = tuple(PLAN["corners"])
CELLS = ("NOT", "BUF", "NAND2", "NAND3", "NOR2", "NOR3", "AND2", "OR2", "XOR2", "XNOR2", "AOI21", "FA", "DFFR")
DELAYS = 2 * 47 + 3  # 47 arcs of gates, the flip-flop's clock and its reset, which has one edge


@cache
def library(corner: str) -> Library:
    return liberty.read(EXAMPLE / "lib" / f"hkmg22_{corner}.lib")


def delays(corner: str, cell: str = "") -> dict[TableKey, NDArray[np.float64]]:
    return {table.key: table.values for table in library(corner) if table.key.quantity.startswith("cell_") and cell in (table.key.cell, "")
            and table.values.ndim == 2}  # fmt: skip


def middle(corner: str, cell: str) -> float:
    """Delay of a cell at the third slew and the fifth load, where all corners of one supply have about the same slew and load."""
    return float(np.mean([values[2, 4] for values in delays(corner, cell).values()]))


def test_corners_are_sparse_and_there() -> None:
    assert len(CORNERS) >= 12
    assert {f"hkmg22_{name}.lib" for name in CORNERS} == {path.name for path in (EXAMPLE / "lib").glob("*")}
    assert all(Corner.parse(name).name == name for name in CORNERS)
    files = [path for path in EXAMPLE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sum(path.stat().st_size for path in files) < 8e6
    assert max(path.stat().st_size for path in files) < 1e6


@pytest.mark.parametrize("corner", CORNERS)
def test_every_corner_is_complete_and_physical(corner: str) -> None:
    read = library(corner)
    assert read.corner == Corner.parse(corner)
    assert tuple(cell.name for cell in read.cells) == CELLS
    assert len(delays(corner)) == DELAYS
    for table in read:
        quantity = table.key.quantity
        assert table.known.all()
        if quantity.endswith(("_transition", "capacitance", "leakage_power")):
            assert (table.values > 0).all(), table.key
        if quantity.startswith("cell_") and table.values.ndim == 2:
            assert (np.diff(table.values, axis=1) > 0).all(), f"{table.key} falls with load"


def test_all_corners_have_the_same_tables() -> None:
    assert len({library(corner).keys for corner in CORNERS}) == 1


def constraint(corner: str, pin: str, kind: str, edge: str) -> NDArray[np.float64]:
    """s, (slew of the related pin, slew of the constrained pin), of a pulse (slew,)."""
    related = pin if kind == "min_pulse_width" else "CK"
    return library(corner)[TableKey("DFFR", pin, related, kind, "", "", f"{edge}_constraint")].values


@pytest.mark.parametrize("corner", CORNERS)
def test_constraints_of_the_flip_flop_are_plausible(corner: str) -> None:
    pairs = [("D", "setup", "hold", "rise"), ("D", "setup", "hold", "fall"), ("RN", "recovery", "removal", "rise")]
    for pin, before, after, edge in pairs:
        early, late = (constraint(corner, pin, f"{kind}_rising", edge) for kind in (before, after))
        assert early.shape == late.shape == (3, 3)
        assert (early + late > 0).all(), "an edge in time for one value comes too early for the other"
        assert (early + late < 400e-12).all()
    for edge in ("rise", "fall"):
        assert (np.diff(constraint(corner, "D", "setup_rising", edge), axis=1) > 0).all(), "slow data must begin early"
    for pin, edge in (("CK", "rise"), ("CK", "fall"), ("RN", "fall")):
        width = constraint(corner, pin, "min_pulse_width", edge)
        assert (width > 5e-12).all()
        assert width[0] < width[-1] or (pin, edge) == ("CK", "fall")


@pytest.mark.parametrize("edge", ["rise", "fall"])
def test_slow_corners_need_more_time(edge: str) -> None:
    slow, fast = "ss_n40C_0v60", "tt_025C_0v60"
    assert (constraint(slow, "D", "setup_rising", edge)[0] > constraint(fast, "D", "setup_rising", edge)[0]).all()
    assert (constraint(slow, "CK", "min_pulse_width", edge) > constraint(fast, "CK", "min_pulse_width", edge)).all()


@pytest.mark.parametrize("cell", CELLS)
def test_process_corners_are_ordered(cell: str) -> None:
    assert middle("ss_125C_0v72", cell) > 1.1 * middle("ff_125C_0v72", cell)
    assert middle("ss_n40C_0v72", cell) > 1.1 * middle("ff_n40C_0v72", cell)
    assert middle("ss_125C_0v80", cell) > 1.05 * middle("tt_125C_0v80", cell)


@pytest.mark.parametrize("cell", CELLS)
def test_temperature_inverts_at_low_supply(cell: str) -> None:
    assert middle("ss_n40C_0v60", cell) > 1.05 * middle("ss_125C_0v60", cell)
    assert middle("tt_125C_0v80", cell) > 1.01 * middle("tt_n40C_0v80", cell)


def test_leakage_grows_with_temperature() -> None:
    cold, hot = (
        np.array([table.values for table in library(name) if table.key.quantity == "cell_leakage_power"])
        for name in ("tt_n40C_0v80", "tt_125C_0v80")
    )
    assert len(cold) == len(CELLS)
    assert (hot > 10 * cold).all()


def test_measure_files_hold_the_same_results() -> None:
    found = read_points(sorted((EXAMPLE / "hspice").glob("*/*.mt0")), EXAMPLE / "measures.toml")
    assert {corner.name for corner in found} == set(PLAN["measure_files"])
    for corner, points in found.items():
        read = library(corner.name)
        tables = {key.arc: {} for key in read.keys}  # type: dict[object, dict[str, tuple[NDArray[np.float64], ...]]]
        for table in read:
            if table.key.quantity in TIMING:
                tables[table.key.arc][table.key.quantity] = (table.axes[0].values, table.axes[1].values, table.values)
        assert len(points) == DELAYS * 49
        for arc, edge, (slew, load), delay, transition in zip(
            points.arcs, points.edges, points.index, points.delay, points.transition, strict=True
        ):
            for quantity, value in zip(timing_quantities(edge), (delay, transition), strict=True):
                slews, loads, values = tables[arc][quantity]
                stated = values[np.argmin(abs(slews - slew)), np.argmin(abs(loads - load))]
                assert value == pytest.approx(stated, rel=1e-6, abs=1e-18)


def test_the_command_skips_what_is_there_and_names_what_is_wrong(tmp_path: Path) -> None:
    def command(*arguments: object) -> subprocess.CompletedProcess[str]:
        call = [sys.executable, str(EXAMPLE / "characterize.py"), *map(str, arguments)]
        return subprocess.run(call, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)

    there = command("--corner", "tt_025C_0v80")
    assert (there.returncode, there.stdout) == (0, "tt_025C_0v80: there already\n")
    strange = command("--corner", "nowhere", "--out", tmp_path)
    assert (strange.returncode, strange.stdout) == (2, "")
    assert "unreadable corner 'nowhere'" in strange.stderr
    absent = command("--corner", "tt_025C_0v80", "--out", tmp_path, "--program", "nospice")
    assert absent.returncode == 2
    assert "cannot start the simulator 'nospice'" in absent.stderr
    assert not list((tmp_path / "lib").iterdir())


def test_a_library_of_rounded_edges(needs_tool: Callable[[str], str], tmp_path: Path) -> None:
    needs_tool("ngspice")

    def command(*arguments: object) -> subprocess.CompletedProcess[str]:
        call = [sys.executable, str(EXAMPLE / "characterize.py"), "--corner", "tt_025C_0v80", "--out", str(tmp_path), *map(str, arguments)]
        return subprocess.run(call, capture_output=True, text=True, timeout=120, check=False)

    assert command("--cells", "NOT", "--rounded", 0.3).returncode == 0
    made = liberty.read(tmp_path / "lib" / "hkmg22_tt_025C_0v80.lib")
    wave = liberty.driver_waveform(made)
    assert wave is not None
    assert wave.like(Waveform.rounded(0.3), 1e-3)
    key = next(key for key in made.keys if key.quantity == "cell_fall")
    later = made[key].values / library("tt_025C_0v80")[key].values
    assert abs(later - 1).max() > 0.02
    for refused, message in ((["--cells", "NOT"], "another waveform"), (["--cells", "NOTHING"], "no cell 'NOTHING'")):
        done = command(*refused)
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr


def test_other_tools_read_the_libraries_without_a_word(needs_tool: Callable[[str], str], tmp_path: Path) -> None:
    sta = needs_tool("opensta")
    script = tmp_path / "read.tcl"
    script.write_text("".join(f"read_liberty {{{EXAMPLE / 'lib' / f'hkmg22_{name}.lib'}}}\n" for name in CORNERS) + "puts done\n")
    done = subprocess.run([sta, "-no_splash", "-exit", str(script)], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout.split(), done.stderr) == (["done"], "")


def test_yosys_imports_the_cells(needs_tool: Callable[[str], str]) -> None:
    command = f"read_liberty -lib {EXAMPLE / 'lib' / 'hkmg22_tt_025C_0v80.lib'}"
    done = subprocess.run([needs_tool("yosys"), "-p", command], capture_output=True, text=True, timeout=120, check=False)
    assert f"Imported {len(CELLS)} cell types" in done.stdout
    assert "arning" not in done.stdout + done.stderr


def test_liberty_parser_reads_the_tables() -> None:
    parser = pytest.importorskip("liberty.parser")
    text = (EXAMPLE / "lib" / "hkmg22_tt_025C_0v80.lib").read_text(encoding="utf-8")
    cell = parser.parse_liberty(text).get_group("cell", "NOT")
    values = cell.get_group("pin", "Y").get_group("timing").get_group("cell_rise").get_array("values")
    key = next(key for key in delays("tt_025C_0v80", "NOT") if key.quantity == "cell_rise")
    assert np.allclose(values * 1e-9, delays("tt_025C_0v80")[key], rtol=1e-12)


@pytest.mark.parametrize("corner", ["ss_n40C_0v60", "ff_125C_0v88"])
def test_ngspice_says_the_same_today_and_with_finer_steps(needs_tool: Callable[[str], str], corner: str) -> None:
    read = library(corner)
    keys = [key for cell in ("NOT", "NAND2") for key in delays(corner, cell)]
    places = [(0, 0), (2, 3), (6, 1), (3, 6)]
    rows = [(key, i, j) for key in keys for i, j in places]
    plan = Points.plan(
        tuple(key.arc for key, *_ in rows),
        tuple(key.quantity.removeprefix("cell_") for key, *_ in rows),
        np.array([[read[key].axes[0].values[i], read[key].axes[1].values[j]] for key, i, j in rows]),
    )
    cells: tuple[Cell, ...] = read.cells
    fine = NgspiceSettings(program=needs_tool("ngspice"), options=("reltol=1e-5", "trtol=0.1", "chgtol=1e-19"))
    found = simulate(
        plan, corner=Corner.parse(corner), netlists=EXAMPLE / "cells.sp", models=EXAMPLE / "models.sp", cells=cells, settings=fine
    )
    assert not found.failures
    for place, (key, i, j) in enumerate(rows):
        transition = key._replace(quantity=timing_quantities(plan.edges[place])[1])
        for value, known in ((found.points.delay[place], read[key]), (found.points.transition[place], read[transition])):
            assert value == pytest.approx(known.values[i, j], rel=5e-3, abs=2e-14)
