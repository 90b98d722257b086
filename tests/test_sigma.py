"""``fill --sigma``: intervals as LVF sigma tables in the library, for timers built with statistics; the rest of the text stays."""

from __future__ import annotations

import difflib
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import eda_plugin as ep
from eda_plugin.cli.app import run
from eda_plugin.domain import Library, Origin
from eda_plugin.domain.quantity import TIMING
from eda_plugin.errors import UserError
from eda_plugin.qa.sigma import sigma_tables

Z90 = 1.6448536269514722
"""Quantile of a normal law whose middle 90 % end there."""
DESIGN = """module top (input a, output y);
  wire n;
  INV_1 u1 (.A(a), .Y(n));
  INV_2 u2 (.A(n), .Y(y));
endmodule
"""
CONSTRAINTS = """read_verilog top.v
link_design top
create_clock -name clock -period 10
set_input_delay 0 -clock clock [get_ports a]
set_output_delay 0 -clock clock [get_ports y]
set_input_transition 0.05 [get_ports a]
set_load 0.005 [get_ports y]
"""


@pytest.fixture
def filled(anchors: list[Path], tmp_path: Path) -> Callable[..., Path]:
    """A library that the command line filled, by its further options."""

    def fill(*options: str, name: str = "out.lib") -> Path:
        words = [*map(str, anchors), "--target", "ss,1.60,100", "--model", "ridge", "--quiet", "-o", str(tmp_path / name), *options]
        assert run(["fill", *words]) == 0
        return tmp_path / name

    return fill


def with_interval(library: Library, below: float, above: float) -> Library:
    """Every value predicted, with an interval of shares of itself."""
    size = np.abs(library.values)
    origin = np.full(len(library.values), Origin.PREDICTED, dtype=np.uint8)
    return library.with_values(library.values, origin, library.values - below * size, library.values + above * size)


def test_a_sigma_is_the_end_of_the_interval_over_its_quantile(make_library: Callable[..., Path]) -> None:
    library = with_interval(ep.read(make_library("tt,1.80,25"))[0], 0.1, 0.2)
    tables = {table.key: table for table in sigma_tables(library, 0.9)}
    nominal = [key for key in library.keys if key.quantity in TIMING]
    assert len(tables) == 2 * len(nominal) > 0
    for key in nominal:
        size = np.abs(library[key].values)
        for side, share in (("early", 0.1), ("late", 0.2)):
            table = tables[key._replace(quantity=f"ocv_sigma_{key.quantity}:{side}")]
            assert table.values == pytest.approx(share * size / Z90)
            assert [axis.values.tolist() for axis in table.axes] == [axis.values.tolist() for axis in library[key].axes]


def test_what_was_measured_is_certain_and_what_has_no_interval_has_no_sigma(make_library: Callable[..., Path]) -> None:
    library = with_interval(ep.read(make_library("tt,1.80,25"))[0], 0.1, 0.1)
    first, second = [row for row, key in enumerate(library.keys) if key.quantity in TIMING][:2]
    origin, lower = library.origin.copy(), np.array(library.lower)
    origin[library.start[first]] = Origin.MEASURED
    lower[library.start[second]] = np.nan
    tables = sigma_tables(library.with_values(library.values, origin, lower, library.upper), 0.9)
    names = {table.key: table for table in tables}
    measured = names[library.keys[first]._replace(quantity=f"ocv_sigma_{library.keys[first].quantity}:late")]
    assert measured.values.flat[0] == 0
    assert (measured.values.ravel()[1:] > 0).all()
    assert library.keys[second]._replace(quantity=f"ocv_sigma_{library.keys[second].quantity}:early") not in names


def test_libraries_that_have_no_place_for_it(make_library: Callable[..., Path]) -> None:
    library = ep.read(make_library("tt,1.80,25"))[0]
    with pytest.raises(UserError, match="its model gives no intervals"):
        sigma_tables(library, 0.9)
    row = next(row for row, key in enumerate(library.keys) if key.quantity == "cell_rise")
    keys = [key if nth != row else key._replace(quantity="ocv_sigma_cell_rise:late") for nth, key in enumerate(library.keys)]
    with pytest.raises(UserError, match="has LVF tables of its own"):
        sigma_tables(replace(with_interval(library, 0.1, 0.1), keys=tuple(keys)), 0.9)


def test_the_command_adds_tables_and_changes_nothing_else(filled: Callable[..., Path], tmp_path: Path) -> None:
    plain = filled("--intervals", str(tmp_path / "intervals.csv"), name="plain.lib")
    sigma = filled("--sigma", name="sigma.lib")
    lines = list(difflib.ndiff(plain.read_text().splitlines(), sigma.read_text().splitlines()))
    gone = [line for line in lines if line.startswith("- ")]
    assert all("comment" in line or "library (" in line for line in gone), gone
    before, after = ep.read(plain)[0], ep.read(sigma)[0]
    assert np.array_equal(before.values, np.concatenate([after[key].values.ravel() for key in before.keys]))
    added = set(after.keys) - set(before.keys)
    assert len(added) == 2 * sum(key.quantity in TIMING for key in before.keys)
    assert all((after[key].values > 0).all() for key in added)
    assert "ocv_sigma tables: how uncertain filled values are" in sigma.read_text()
    assert [finding for finding in ep.check([after]) if finding.rule.startswith("sigma")] == []


def test_a_guard_band_has_used_the_intervals_up(anchors: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*map(str, anchors), "--target", "ss,1.60,100", "--side", "late", "--sigma", "-o", str(tmp_path / "out.lib")]
    assert run(["fill", *words]) == 2
    assert "--sigma goes without --side" in capsys.readouterr().err
    assert not (tmp_path / "out.lib").exists()


@pytest.fixture
def sta(needs_tool: Callable[[str], str], tmp_path: Path) -> Callable[[str], str]:
    program = needs_tool("opensta")
    (tmp_path / "top.v").write_text(DESIGN)

    def ask(script: str) -> str:
        (tmp_path / "script.tcl").write_text(script)
        words = [program, "-no_splash", "-exit", "script.tcl"]
        return subprocess.run(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout

    return ask


def test_opensta_reads_it_without_a_word(filled: Callable[..., Path], sta: Callable[[str], str]) -> None:
    filled(name="plain.lib")
    filled("--sigma", name="sigma.lib")
    said = [sta(f"read_liberty {name}.lib\n{CONSTRAINTS}puts [worst_slack -max]\n") for name in ("plain", "sigma")]
    assert said[0] == said[1], "the same slack, and no warning more"
    assert 0 < float(said[1].split()[-1]) < 10


def test_a_timer_with_statistics_takes_the_sigma_off_the_slack(filled: Callable[..., Path], sta: Callable[[str], str]) -> None:
    """OpenSTA up to 2.7 has statistics where it was compiled with SSTA=1, and says so where not; 3.0.1 and newer always."""
    filled("--sigma", name="sigma.lib")
    newer = "yes" in sta("if {[info exists ::sta_pocv_mode]} { puts yes }\n")
    on = "set ::sta_pocv_mode normal\n" if newer else "set ::sta_pocv_enabled 1\n"
    if "SSTA=1" in sta(on):
        pytest.skip("tool absent: OpenSTA built with statistics (SSTA=1)")
    ask = f"read_liberty sigma.lib\n{CONSTRAINTS}puts [worst_slack -max]\n"
    plain, sure = (float(sta(start + ask).split()[-1]) for start in ("", on))
    assert sure < plain
