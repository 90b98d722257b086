"""The edge that drives inputs: its form, where a library states it, and the simulations that follow it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import eda_plugin as ep
from eda_plugin.adapters.liberty import driver_waveform
from eda_plugin.adapters.ngspice import Bench, NgspiceSettings, Sweep, read_ports, sensitise, sweep
from eda_plugin.domain import Arc, Library, Points
from eda_plugin.domain.waveform import Waveform
from eda_plugin.errors import ParseError, UserError
from eda_plugin.flow.characterizing import SimulationSettings, characterize
from eda_plugin.flow.study_rows import RowStore
from eda_plugin.flow.variation import Variation, VariationSettings

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "hkmg22"
STAND_INS = ROOT / "tests" / "data" / "simulators"
NAMED = '    driver_waveform_rise : "own";\n    driver_waveform_fall : "own";\n'
ROUNDED = Waveform.rounded(0.3)


def stated(tmp_path: Path, *groups: str, attributes: str = "", name: str = "own.lib") -> Library:
    """The example's typical library with ``groups`` of driver waveforms; ``attributes`` stand in its first cell."""
    text = (EXAMPLE / "lib" / "hkmg22_tt_025C_0v80.lib").read_text()
    before, cells = text.split("  cell (", 1)
    first, rest = cells.split("\n", 1)
    (tmp_path / name).write_text("".join((before, *groups, "  cell (", first, "\n", attributes, rest)))
    return ep.read(tmp_path / name)[0]


def group(wave: Waveform, name: str = "own", slews: tuple[float, ...] = (0.002, 0.24)) -> str:
    rows = ", ".join(f'"{", ".join(f"{time * slew:.7g}" for time in wave.times)}"' for slew in slews)
    named = f'driver_waveform_name : "{name}";' if name else ""
    return (
        f'  normalized_driver_waveform (form) {{\n {named} index_1 ("{", ".join(map(str, slews))}");\n'
        f'  index_2 ("{", ".join(f"{level:.7g}" for level in wave.levels)}");\n  values ({rows});\n  }}\n'
    )


def test_a_rounded_edge_has_the_slew_that_it_stands_for_and_a_tail() -> None:
    first, last = np.interp((0.2, 0.8), ROUNDED.levels, ROUNDED.times)
    assert last - first == pytest.approx(1.0, abs=1e-6)
    tail = np.interp(0.95, ROUNDED.levels, ROUNDED.times) - ROUNDED.half
    assert tail > 1.3 * 0.75  # a ramp of this slew is there after 0.75
    assert Waveform.rounded(0.01).like(Waveform.ramp(0.6), 0.02)
    assert not ROUNDED.like(Waveform.ramp(0.6), 0.02)
    with pytest.raises(UserError, match=r"20 ramps; expected 0\.01 to 10"):
        Waveform.rounded(20)


@pytest.mark.parametrize(("times", "levels"), [((0, 1, 1), (0, 0.5, 1)), ((0, 1), (0, 0.9)), ((1, 2), (0, 1)), ((0, 1, 2), (0, 1.2, 1))])
def test_what_is_no_edge_is_refused(times: tuple[float, ...], levels: tuple[float, ...]) -> None:
    with pytest.raises(UserError, match="a waveform through"):
        Waveform(times, levels)


def test_a_library_states_its_waveform(tmp_path: Path) -> None:
    found = driver_waveform(stated(tmp_path, group(ROUNDED), attributes=NAMED))
    assert found is not None
    assert found.like(ROUNDED, 1e-3)
    assert driver_waveform(stated(tmp_path, group(ROUNDED, ""))) is not None  # without a name: the default of all cells
    assert driver_waveform(stated(tmp_path)) is None
    assert driver_waveform(stated(tmp_path, group(ROUNDED))) is None  # no cell uses it
    ramp = Waveform((0.0, 0.5 / 0.6, 1 / 0.6), (0.0, 0.5, 1.0))
    assert driver_waveform(stated(tmp_path, group(ramp), attributes=NAMED)) is None
    assert driver_waveform(replace(stated(tmp_path), source="out/points.csv")) is None


def test_waveforms_that_make_no_sense_are_refused_with_their_place(tmp_path: Path) -> None:
    named = '    driver_waveform : "own";\n'
    with pytest.raises(ParseError, match=r"own\.lib:\d+:\d+: no normalized_driver_waveform of this name in the library \(found 'own'\)"):
        driver_waveform(stated(tmp_path, attributes=named))
    with pytest.raises(ParseError, match=r"5 values for 2 slews .* and 2 levels"):
        driver_waveform(stated(tmp_path, group(Waveform.ramp(0.6)).replace('"0, 0.4"', '"0, 0.2, 0.4"'), attributes=named))
    with pytest.raises(ParseError, match=r"the row of slew 0\.002 has one of 0\.0012 between the thresholds"):
        driver_waveform(stated(tmp_path, group(Waveform.ramp()), attributes=named))
    with pytest.raises(ParseError, match=r"at a slew of 0\.002: a waveform through"):
        driver_waveform(stated(tmp_path, group(ROUNDED).replace("(0,", "(1,").replace('"0, ', '"9, '), attributes=named))
    two = (group(ROUNDED), group(Waveform.rounded(1.0), "slow"))
    with pytest.raises(UserError, match="'own' and 'slow' have different forms"):
        driver_waveform(stated(tmp_path, *two, attributes='    driver_waveform_rise : "own";\n    driver_waveform_fall : "slow";\n'))
    both = group(ROUNDED, slews=(0.002,)) + group(Waveform.rounded(1.0), slews=(0.24,))
    line = [part for part in both.splitlines() if "values" in part]
    mixed = group(ROUNDED).replace(
        group(ROUNDED).split("values (")[1].split(");")[0], ", ".join(part.split("values (")[1].removesuffix(");") for part in line)
    )
    with pytest.raises(ParseError, match=r"its form changes from slew 0\.002 to 0\.24"):
        driver_waveform(stated(tmp_path, mixed, attributes=named))


def test_simulations_follow_the_template_in_three_languages(needs_tool: Callable[[str], str], tmp_path: Path) -> None:
    program = needs_tool("ngspice")
    template = stated(tmp_path, group(ROUNDED), attributes=NAMED)
    arc = Arc("NOR2", "Y", "A", "combinational", "negative_unate")
    points = Points.plan((arc, arc), ("rise", "fall"), np.array([[2e-11, 1e-15], [6e-11, 1e-15]]))
    stand_in = f"{sys.executable} {STAND_INS}"
    commands = {
        "ngspice": f"{program} -b {{deck}}",
        "hspice": f"{stand_in}/hspice.py --by ngspice -i {{deck}} -o {{folder}}/deck",
        "xyce": f"{stand_in}/xyce.py --by ngspice {{deck}}",
    }
    cell = next(cell for cell in template.cells if cell.name == "NOR2")
    rows = tuple((*row, edge) for row, edge in zip(points.index.tolist(), points.edges, strict=True))
    ask = Sweep(sensitise(cell, arc), cell, rows)
    ports = read_ports(EXAMPLE / "cells.sp")

    def alone(wave: Waveform | None) -> list[float]:
        bench = Bench(template.corner, EXAMPLE / "cells.sp", EXAMPLE / "models.sp", ports, NgspiceSettings(program=program, wave=wave))
        return [getattr(edge, "delay", float("nan")) for edge in sweep(bench, ask)]

    wanted = alone(ROUNDED)
    assert abs(alone(None)[1] / wanted[1] - 1) > 0.02
    for name, command in commands.items():
        own = SimulationSettings(EXAMPLE / "cells.sp", EXAMPLE / "models.sp", simulator=name, command=command, work=tmp_path / name)
        done = characterize(points, template.corner, own, template=template)
        assert not done.failures
        assert done.points.delay == pytest.approx(wanted, rel=3e-3)


def test_constraints_are_searched_for_with_ramps_only(tmp_path: Path) -> None:
    template = stated(tmp_path, group(ROUNDED), attributes=NAMED)
    setup = next(key for key in template.keys if key.timing_type == "setup_rising")
    asked = Points.plan((setup.arc,), ("rise",), np.array([[axis.values[0] for axis in template[setup].axes]]))
    own = SimulationSettings(EXAMPLE / "cells.sp", EXAMPLE / "models.sp", command="true {deck}", version="1", work=tmp_path / "work")
    done = characterize(asked, template.corner, own, template=template)
    assert ["flip-flops are simulated with ramps" in one.reason for one in done.failures] == [True]


def test_rows_of_variation_follow_the_library(tmp_path: Path, needs_tool: Callable[[str], str]) -> None:
    needs_tool("ngspice")
    study = RowStore(ROOT / "examples" / "process_variation")
    library = stated(tmp_path, group(ROUNDED), attributes=NAMED)
    ramps = stated(tmp_path, name="ramps.lib")
    settings = VariationSettings(cells=("NOT",), grid=2)
    with pytest.raises(UserError, match=r"ramps\.lib was characterized with another driver waveform than .*own\.lib"):
        Variation(study, library, settings, sources=(ramps,), kept=tmp_path)
    nominal = []
    for one in (library, ramps):
        work = Variation(study, one, settings, kept=tmp_path)
        table = work.table(one, work.keys("NOT")[0])
        nominal.append(work.nominal(table))
        assert table.ahead[:, 0] == pytest.approx(table.points[:, 0] * (ROUNDED.half if one is library else 0.5 / 0.6), rel=1e-4)
    own = np.abs(nominal[1] / table.nominal - 1)
    assert own.max() < 0.01  # the rows of nominal process are the library's own numbers
    assert np.abs(nominal[0] / table.nominal - 1)[:, 0].max() > 0.02
