"""Liberate, SiliconSmart, PrimeLib: the Tcl under tclsh, the hosts' own commands recorded, eda-plugin itself as it is."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import eda_plugin as ep

CORNERS = "ss_100C_1v60 tt_025C_1v80 ss_025C_1v60"
RECORDED = """
# The hosts' commands, as far as the packages call them: an unknown option is an error, every call is put down in order.
proc host {name options switches} {
    proc ::$name {args} [string map [list @name $name @options $options @switches $switches] {
        puts "CALL [list @name {*}$args]"
        for {set i 0} {$i < [llength $args]} {incr i} {
            set word [lindex $args $i]
            if {![string match {-[a-z]*} $word]} continue
            if {$word in {@switches}} continue
            if {$word ni {@options}} { error "@name: unknown option $word" }
            if {[incr i] >= [llength $args]} { error "@name: $word has no value" }
        }
        if {[info procs ::after_@name] ne ""} { ::after_@name {*}$args }
    }]
}
host define_pvt {} -default
host set_operating_condition {-voltage -temp} {}
host define_template {-type -index_1 -index_2} {}
host define_arc {-delay_template -related_pin -pin -pin_dir -when -type} {}
host write_library {-filename} -overwrite
host compare_library {-report -reference -test} -all_points
foreach name {create_operating_condition set_opc_process add_opc_supplies add_opc_grounds set_opc_temperature set_opc_default_voltage} {
    host $name {} {}
}
host set_config_opt -cell {}
host model -output {-timing -power}
"""
Tcl = Callable[[str], list[str]]


@pytest.fixture
def tcl(repository: Path, tmp_path: Path) -> Tcl:
    """Run a script with the packages and the recorded commands; the calls, a line each, and what else it printed."""
    program = shutil.which("tclsh")
    if program is None:
        pytest.skip("tool absent: tclsh")
    environment = {**os.environ, "EDA_PLUGIN_COMMAND": f"{sys.executable} -m eda_plugin", "PYTHONPATH": str(repository)}

    def run(script: str) -> list[str]:
        path = tmp_path / "script.tcl"
        folder = repository / "hooks" / "hosts" / "tcl"
        path.write_text(f"lappend auto_path {folder}\npackage require eda_plugin_characterizers\n{RECORDED}\n{script}")
        done = subprocess.run([program, path], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


def test_liberate_gets_the_anchors_alone(tcl: Tcl) -> None:
    said = tcl(f"puts [eda::liberate::cut_corners {{{CORNERS}}} -anchors {{ss_025C_1v60 tt_025C_1v80}}]")
    assert said == [
        "CALL define_pvt -default tt_025C_1v80 {process tt voltage 1.80 temperature 25}",
        "CALL define_pvt ss_025C_1v60 {process ss voltage 1.60 temperature 25}",
        "tt_025C_1v80 ss_025C_1v60",
    ]


@pytest.mark.parametrize("host", ["siliconsmart", "primelib"])
def test_siliconsmart_gets_conditions_of_the_anchors(tcl: Tcl, host: str) -> None:
    said = tcl(f"eda::{host}::cut_corners {{ss_n40C_0v72 tt_025C_0v80}} -anchors ss_n40C_0v72 -supply VPWR")
    assert said == [
        "CALL create_operating_condition ss_n40C_0v72",
        "CALL set_opc_process ss_n40C_0v72 ss",
        "CALL add_opc_supplies ss_n40C_0v72 VPWR 0.72",
        "CALL add_opc_grounds ss_n40C_0v72 VSS 0",
        "CALL set_opc_temperature ss_n40C_0v72 -40",
        "CALL set_opc_default_voltage ss_n40C_0v72 0.72",
        "CALL set_config_opt active_pvts ss_n40C_0v72",
    ]


def test_mistakes_name_what_was_expected(tcl: Tcl) -> None:
    said = tcl(
        "catch {eda::liberate::cut_corners {ss_n40C_0v72} -anchors tt_025C_0v80} text; puts $text\n"
        "catch {eda::liberate::cut_corners {ss_n40C_0v72}} text; puts $text\n"
        "catch {eda::corner_of slow} text; puts $text\n"
        "catch {eda::liberate::write_plan ss_n40C_0v72 -colour red} text; puts $text\n"
    )
    assert said[0] == "eda-plugin: the anchor tt_025C_0v80 is not among {ss_n40C_0v72}"
    assert "no anchor; name the corners to characterize" in said[1]
    assert said[2] == "eda-plugin: unreadable corner slow; expected a name such as ss_n40C_0v72"
    assert "unknown option -colour; there are -anchors, -folder, -budget" in said[3]


def test_a_plan_is_read_with_quotes_and_gathers_an_arcs_grid(tcl: Tcl, tmp_path: Path) -> None:
    head = "cell,pin,related_pin,timing_type,timing_sense,when,edge,index_1,index_2\n"
    rows = 'X,Y,A,combinational,,"f(B,C)",rise,0.1,0.02\nX,Y,A,combinational,,"f(B,C)",rise,0.05,0.02\nX,Y,A,,,,fall,1,2\n'
    (tmp_path / "plan.csv").write_text(head + rows)
    said = tcl("dict for {arc grid} [eda::plan_arcs plan.csv 0] { puts [list $arc $grid] }")
    assert said == ["{X Y A combinational f(B,C) rise} {{0.05 0.1} 0.02}", "{X Y A {} {} fall} {1 2}"]
    turned = tcl("dict for {arc grid} [eda::plan_arcs plan.csv 1] { puts $grid }")
    assert turned == ["0.02 {0.05 0.1}", "2 1"]


@pytest.mark.parametrize("host", ["liberate", "siliconsmart"])
def test_a_corner_is_planned_collected_filled_and_compared(
    host: str, tcl: Tcl, anchors: list[Path], make_library: Callable[..., Path], tmp_path: Path
) -> None:
    """The host's part is a library of the corner that it "characterized": the stub copies it to where it was told to write."""
    true = make_library("ss,1.60,100", name="true.lib")
    option, command = {"liberate": ("-filename", "write_library"), "siliconsmart": ("-output", "model")}[host]
    places = " ".join(str(anchor) for anchor in anchors)
    said = tcl(
        f"proc after_{command} {{args}} {{ set to [dict get [lrange $args [lsearch $args {option}] [lsearch $args {option}]+1] {option}]\n"
        f"  file copy -force {true} [file rootname $to].lib }}\n"
        f"set plan [eda::{host}::write_plan ss_100C_1v60 -anchors {{{places}}} -budget 8 -folder work]\n"
        f"set measured [eda::{host}::collect $plan host.lib {anchors[0]}]\n"
        f"puts [eda::{host}::fill ss_100C_1v60 -anchors {{{places}}} -measured $measured -options {{--model ridge}} -folder work "
        f"-reference {true}]\n"
    )
    calls = [line.split()[1] for line in said if line.startswith("CALL ")]
    with (tmp_path / "work" / "ss_100C_1v60.plan.csv").open() as plan, (tmp_path / "work" / "ss_100C_1v60.measured.csv").open() as measured:
        asked, told = list(csv.DictReader(plan)), list(csv.DictReader(measured))
    arcs = {(row["cell"], row["pin"], row["related_pin"], row["edge"]) for row in asked}
    if host == "liberate":
        assert calls == ["set_operating_condition", *["define_template", "define_arc"] * len(arcs), "write_library", "compare_library"]
        assert f"CALL compare_library -report compare.txt {true} work/ss_100C_1v60.lib" in said
        assert "CALL set_operating_condition -voltage 1.60 -temp 100" in said
    else:
        cells = {row["cell"] for row in asked}
        assert calls[:7][-1] == "set_config_opt"
        assert calls[7:] == [*["set_config_opt"] * (2 * len(cells)), "model", "compare_library"]
    held = ep.read(true)[0]
    assert [row["index_1"] for row in told] == [row["index_1"] for row in asked]
    assert all(float(row["delay"]) > 0 for row in told)
    filled = ep.read(tmp_path / said[-1])[0]
    assert ep.compare(filled, held).groups["timing"].mape_pct < 5
