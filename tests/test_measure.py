"""Measures from waveforms: by hand, and against ngspice's own ``meas`` of the same run, through every form of waveform file."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hspice_waves import ascii_, binary, write
from numpy.typing import NDArray

from eda_plugin.adapters.hspice import open_waveforms
from eda_plugin.adapters.ngspice import Bench, NgspiceSettings, Row, read_ports, sensitise, transient_deck
from eda_plugin.adapters.ngspice.log import parse_rows
from eda_plugin.data.measure import Thresholds, charge, crossings, delay, energy, input_capacitance, transition
from eda_plugin.domain import Arc, Cell, Corner, Pin
from eda_plugin.errors import UserError

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "hkmg22"
SETTINGS = NgspiceSettings(threshold=0.45, lower=0.3, upper=0.7)
SUPPLY = 0.8
LIMITS = Thresholds(input=0.45, output=0.45, lower=0.3, upper=0.7)


def test_crossings_by_hand() -> None:
    time, wave = np.array([0.0, 1.0, 2.0, 3.0, 5.0]), np.array([0.0, 1.0, 0.5, 0.0, 1.0])
    np.testing.assert_allclose(crossings(time, wave, 0.25, "rise"), [0.25, 3.5])
    np.testing.assert_allclose(crossings(time, wave, 0.25, "fall"), [2.5])
    np.testing.assert_allclose(crossings(time, wave, 0.25, "rise", after=1.0), [3.5])
    np.testing.assert_allclose(crossings(time, wave, 0.5, "fall"), [2.0])
    assert len(crossings(time, wave, 2.0, "rise")) == 0


def test_edges_by_hand() -> None:
    time = np.arange(0.0, 11.0)
    rising, falling = np.clip((time - 1) / 4, 0, 1) * 2.0, 2.0 - np.clip((time - 4) / 5, 0, 1) * 2.0
    limits = Thresholds(input=0.25, output=0.6, lower=0.1, upper=0.9, derate=0.5)
    assert delay(time, rising, falling, supply=2.0, input_edge="rise", output_edge="fall", thresholds=limits) == pytest.approx(6.0 - 2.0)
    assert transition(time, falling, supply=2.0, edge="fall", thresholds=limits) == pytest.approx(4.0 / 0.5)
    assert transition(time, rising, supply=2.0, edge="rise") == pytest.approx(2.4)
    assert math.isnan(delay(time, rising, falling, supply=2.0, input_edge="fall", output_edge="fall"))
    assert math.isnan(transition(time, falling, supply=4.0, edge="fall", after=3.0))


def test_charges_by_hand() -> None:
    time, current = np.array([0.0, 2.0, 4.0]), np.array([0.0, -2.0, 0.0])
    assert charge(time, current, 0.0, 4.0) == pytest.approx(-4.0)
    assert charge(time, current, 1.0, 3.0) == pytest.approx(-3.0)
    assert energy(time, current, 1.0, 3.0, supply=0.5) == pytest.approx(1.5)
    assert input_capacitance(time, np.array([0.0, 1.0, 2.0]), current, 0.0, 4.0) == pytest.approx(2.0)
    assert math.isnan(input_capacitance(time, np.zeros(3), current, 0.0, 4.0))
    assert math.isnan(charge(time, current, 1.0, 5.0))


def test_what_is_no_waveform_is_refused() -> None:
    time = np.array([0.0, 1.0, 2.0])
    with pytest.raises(UserError, match=r"\(2,\) values over \(3,\) times"):
        crossings(time, np.zeros(2), 0.5, "rise")
    with pytest.raises(UserError, match="expected rise or fall"):
        crossings(time, time, 0.5, "up")
    with pytest.raises(UserError, match="do not rise"):
        crossings(time[::-1], time, 0.5, "rise")
    with pytest.raises(UserError, match="complex"):
        crossings(time, time * 1j, 0.5, "rise")
    with pytest.raises(UserError, match="no span"):
        charge(time, time, 1.0, 1.0)
    with pytest.raises(UserError, match="lower < upper"):
        Thresholds(lower=0.8, upper=0.2)


Transient = tuple[Row, dict[str, float], NDArray[Any], NDArray[Any]]


@pytest.fixture(scope="module")
def runs(needs_tool: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> list[Transient]:
    """Transients of an inverter: row, what ngspice measured, times, and drive, sense, supply's and driver's current as columns."""
    spicelib = pytest.importorskip("spicelib", reason="spicelib absent: no reader of raw files")
    ngspice = needs_tool("ngspice")
    folder = tmp_path_factory.mktemp("ngspice")
    cell = Cell("NOT", pins=(Pin("A", "input"), Pin("Y", "output", "!A")))
    netlists = EXAMPLE / "cells.sp"
    bench = Bench(Corner("tt", SUPPLY, 25), netlists, EXAMPLE / "models.sp", read_ports(netlists), SETTINGS)
    rows = [Row(slew, load, edge, 3e-10) for slew, load, edge in ((5e-12, 5e-16, "rise"), (4e-11, 4e-15, "fall"), (1e-11, 2e-15, "rise"))]
    stimulus = sensitise(cell, Arc("NOT", "Y", "A", "combinational", "negative_unate"))
    deck = transient_deck(bench, cell, stimulus, rows, charge=True)
    for number in range(len(rows)):
        deck = deck.replace(f"echo done {number}\n", f"write row{number}.raw\necho done {number}\n")
    (folder / "deck.sp").write_text(deck, encoding="utf-8")
    done = subprocess.run([ngspice, "-b", "deck.sp"], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    found = []
    for number, row in parse_rows(done.stdout).items():
        raw = spicelib.RawRead(str(folder / f"row{number}.raw"), dialect="ngspice", verbose=False)
        columns = [np.asarray(raw.get_trace(name).get_wave()) for name in ("time", "v(drive)", "v(sense)", "i(vsupply)", "i(vdrive)")]
        found.append((rows[number], row.values, columns[0], np.stack(columns[1:], axis=1)))
    assert len(found) == len(rows)
    return found


FORMS = ("memory", "9601<", "9601>", "2001<", "2001>", "2013<", "2013>", "9601text", "2001text")


def through(form: str, folder: Path, time: NDArray[Any], columns: NDArray[Any]) -> Sequence[NDArray[Any]]:
    """The same vectors, read back from a waveform file."""
    if form == "memory":
        return [time, *columns.T]
    names, types = ("TIME", "v(drive)", "v(sense)", "i(vsupply)", "i(vdrive)"), (1, 1, 1, 8, 8)
    table = np.column_stack([time, columns])
    version, kind = int(form[:4]), form[4:]
    data = ascii_(names, types, [table], version=version) if kind == "text" else binary(names, types, [table], version=version, order=kind)
    found = open_waveforms(write(folder / "a.tr0", data))
    assert found.notices == ()
    return [found.axis(), *(found.signal(name) for name in names[1:])]


@pytest.mark.parametrize("form", FORMS)
def test_measures_are_those_of_the_simulator(runs: list[Transient], tmp_path: Path, form: str) -> None:
    for row, wanted, times, columns in runs:
        time, drive, sense, supply, driver = through(form, tmp_path, times, columns)
        full = row.slew * SETTINGS.ramp
        start, stop = full / 10, full * 1.1 + row.window
        out = "fall" if row.edge == "rise" else "rise"
        took = delay(time, drive, sense, supply=SUPPLY, input_edge=row.edge, output_edge=out, thresholds=LIMITS, after=start)
        assert took == pytest.approx(wanted["delay"], rel=1e-3)
        assert transition(time, sense, supply=SUPPLY, edge=out, thresholds=LIMITS, after=start) == pytest.approx(
            wanted["transition"], rel=1e-3
        )
        stop = min(stop, float(time[-1]))
        assert energy(time, supply, start, stop, supply=SUPPLY) == pytest.approx(-SUPPLY * wanted["supply"], rel=1e-3, abs=1e-20)
        swing = SUPPLY if row.edge == "rise" else -SUPPLY
        assert input_capacitance(time, drive, driver, start, stop) == pytest.approx(-wanted["input"] / swing, rel=1e-3)
