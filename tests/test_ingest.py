"""Run trees to one tidy table: HSPICE, ngspice and Xyce results joined with their decks, and what is told about them."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import eda_plugin as ep
from eda_plugin.adapters import hspice, ngspice, runs
from eda_plugin.adapters.ngspice.run import ONE_THREAD
from eda_plugin.adapters.runs.waves import level
from eda_plugin.cli.app import run as command_line
from eda_plugin.domain import Corner
from eda_plugin.errors import ParseError, UserError

Row = dict[str, Any]

DECK = """\
* a {cell} under test
.lib 'models.l' {process}
.include "cells.sp"   $ the cells
.temp {degrees}
.param vsup={volts} cl=2f
+ tin='10p'
vdd vdd 0 dc 'vsup'
va a 0 pwl(0 0 100p 0 110p 'vsup')
x1 a vdd y vdd 0 NAND2
; only a remark
c1 y 0 'cl'
.tran 1p 2n
.meas tran first trig v(a) val='vsup/2' rise=1
+ targ v(y) val='vsup/2' fall=1
.measure tran second trig v(y) val='0.8*vsup' fall=1 targ v(y) val='0.2*vsup' fall=1
.meas tran third integ i(vdd) from=0 to=2n
"""
CELLS = ".subckt NAND2 A B Y vdd vss\nmp Y A vdd vdd p\n.ends\n"
ARC = {"cell": "NAND2", "pin": "Y", "related_pin": "A", "timing_sense": "negative_unate", "when": "B", "edge": "fall"}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def measures(path: Path, names: list[str], rows: list[list[float]], **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    hspice.write_measure(path, names, np.array(rows), title=options.pop("title", "x"), **options)
    return path


def rows_of(found: ep.Ingested) -> list[Row]:
    rows: list[Row] = found.table.to_pylist()
    return rows


def told(found: ep.Ingested) -> list[tuple[str, str, int | None]]:
    return [(finding.rule, finding.file, finding.line) for finding in found.findings]


def text_of(found: ep.Ingested, rule: str) -> str:
    return next(finding.message for finding in found.findings if finding.rule == rule)


def chosen(row: Row, *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


# What is read


def test_a_deck_tells_what_its_measures_mean(tmp_path: Path) -> None:
    write(tmp_path / "cells.sp", CELLS)
    write(tmp_path / "run.sp", DECK.format(cell="NAND2", process="SS", degrees=125, volts=0.72))
    measures(tmp_path / "run.mt0", ["first", "second", "third", "temper"], [[2e-11, 3e-11, -1e-15, 125]])
    found = ep.ingest(tmp_path)
    assert told(found) == []
    assert (found.runs, found.files, found.strange) == (1, {"HSPICE measure file": 1, "deck": 1}, ("cells.sp",))
    first, second, third = rows_of(found)
    for row in (first, second):
        assert {name: row[name] for name in ARC} == ARC
    for row in (first, second, third):
        assert chosen(row, "slew", "load", "process", "voltage", "temperature") == (1e-11, 2e-15, "ss", 0.72, 125.0)
        assert chosen(row, "file", "line", "alter", "index", "status", "reason") == ("run.mt0", 5, 1, None, "ok", None)
    assert chosen(first, "quantity", "value", "unit", "measure", "timing_type") == ("delay", 2e-11, "s", "first", "combinational")
    assert chosen(second, "quantity", "value", "unit", "measure") == ("transition", 3e-11, "s", "second")
    assert chosen(third, "cell", "quantity", "value", "unit", "edge") == ("NAND2", "charge", -1e-15, "C", None)


def test_alter_blocks_have_conditions_of_their_own(tmp_path: Path) -> None:
    write(tmp_path / "cells.sp", CELLS)
    deck = DECK.format(cell="NAND2", process="tt", degrees=25, volts=0.8)
    write(tmp_path / "run.sp", deck + ".alter slow\n.lib 'models.l' ss\n.temp -40\n.alter\n.param vsup=0.6\n.end\n")
    for number in range(3):
        measures(tmp_path / f"run.mt{number}", ["first"], [[1e-11 * (number + 1)]], alter=number + 1)
    corners = [chosen(row, "file", "alter", "process", "voltage", "temperature") for row in rows_of(ep.ingest(tmp_path))]
    assert corners == [
        ("run.mt0", 1, "tt", 0.8, 25.0),
        ("run.mt1", 2, "ss", 0.8, -40.0),
        ("run.mt2", 3, "ss", 0.6, -40.0),
    ]


def test_the_example_library_agrees_with_its_mapping(repository: Path) -> None:
    """The reader of measure files by mapping is another way to the same points."""
    folder, rules = repository / "examples" / "hkmg22" / "hspice", repository / "examples" / "hkmg22" / "measures.toml"
    found = ep.ingest(folder, rules=rules)
    by_mapping = hspice.read_points(sorted(folder.rglob("*.mt0")), rules)
    by_ingest, lost = runs.points_of(found.table)
    assert lost == 0
    assert list(by_ingest) == list(by_mapping)
    for corner, points in by_mapping.items():
        mine = by_ingest[corner]
        for at in (points, mine):
            assert len(at) == len(set(zip(at.arcs, at.edges, *at.index.T.tolist(), strict=True)))
        keys = [
            {
                key: (d, t)
                for *key_, d, t in zip(at.arcs, at.edges, *at.index.T, at.delay, at.transition, strict=True)
                for key in (tuple(key_),)
            }
            for at in (points, mine)
        ]
        assert keys[0] == keys[1]


def test_without_rules_the_example_library_is_recognised(repository: Path) -> None:
    found = ep.ingest(repository / "examples" / "hkmg22" / "hspice")
    assert {finding.rule for finding in found.findings} <= {"ingest-unplaced"}
    corners = {chosen(row, "process", "voltage", "temperature") for row in rows_of(found)}
    assert corners == {("tt", 0.8, 25.0), ("ss", 0.72, 125.0), ("ss", 0.72, -40.0)}
    # The clear of the flip-flop has a name of its own; a clock-to-q delay is known as one, of no known edge of the clock.
    assert {row["measure"] for row in rows_of(found) if row["quantity"] is None} == {"tahl_rn_q", "trahl_rn_q"}
    assert {row["timing_type"] for row in rows_of(found) if row["measure"] in ("tclh_ck_q", "trchl_ck_q")} == {None}
    _, points, _ = found.points("tt,0.8,25", template=ep.read(repository / "examples" / "hkmg22" / "lib" / "hkmg22_tt_025C_0v80.lib")[0])
    assert {arc.cell for arc in points.arcs} >= {"NAND2", "AOI21", "FA"}


def test_ngspice_runs(tmp_path: Path, repository: Path, needs_tool: Callable[[str], str]) -> None:
    program = needs_tool("ngspice")
    example = repository / "examples" / "hkmg22"
    for name, process, volts, degrees in (("ss_0p72v_125c", "ss", 0.72, 125), ("tt_0p80v_25c", "tt", 0.8, 25)):
        folder = tmp_path / "not" / name
        text = DECK.format(cell="NOT", process=process, degrees=degrees, volts=volts)
        text = text.replace("models.l", str(example / "models.sp")).replace("cells.sp", str(example / "cells.sp"))
        text = (
            text.replace("x1 a vdd y vdd 0 NAND2", "x1 a y vdd 0 NOT").replace(".tran 1p 2n", ".tran 1p 300p").replace("to=2n", "to=300p")
        )
        write(folder / "run.sp", text + ".meas tran late trig v(a) val='vsup/2' rise=7 targ v(y) val='vsup/2' fall=1\n.end\n")
        alone = {**os.environ, **ONE_THREAD}  # else its threads wait for each other on a busy machine
        subprocess.run([program, "-b", "run.sp", "-o", "run.log"], cwd=folder, check=True, capture_output=True, timeout=120, env=alone)
    found = ep.ingest(tmp_path)
    assert found.files == {"deck": 2, "ngspice log": 2}
    assert {rule for rule, _, _ in told(found)} == {"ingest-failed"}
    for row in rows_of(found):
        corner = ("ss", 0.72, 125.0) if "ss_" in row["file"] else ("tt", 0.8, 25.0)
        assert chosen(row, "process", "voltage", "temperature") == corner
        assert chosen(row, "cell", "slew", "load") == ("NOT", 1e-11, 2e-15)
        value = ngspice.read_log(tmp_path / row["file"])[row["measure"]] if row["measure"] != "late" else math.nan
        assert row["value"] == (None if math.isnan(value) else value)
        line = (tmp_path / row["file"]).read_text().splitlines()[row["line"] - 1]
        assert row["measure"] in line
    delays = [row for row in rows_of(found) if row["measure"] == "first"]
    assert [chosen(row, "pin", "related_pin", "edge", "timing_sense", "when") for row in delays] == [
        ("Y", "A", "fall", "negative_unate", None)
    ] * 2


def test_a_name_for_two_edges_tells_no_edge(tmp_path: Path) -> None:
    """As in a control loop that measures rises and falls under one name."""
    write(tmp_path / "cells.sp", CELLS)
    deck = DECK.format(cell="NAND2", process="tt", degrees=25, volts=0.8)
    write(tmp_path / "run.sp", deck + ".meas tran first trig v(a) val=0.4 fall=1 targ v(y) val=0.4 rise=1\n")
    measures(tmp_path / "run.mt0", ["first", "second"], [[2e-11, 3e-11]])
    found = ep.ingest(tmp_path)
    assert [chosen(row, "measure", "quantity", "edge") for row in rows_of(found)] == [
        ("first", None, None),
        ("second", "transition", "fall"),
    ]
    assert ("ingest-unplaced", "run.mt0", 4) in told(found)


def test_rows_of_one_log(tmp_path: Path) -> None:
    """A control loop prints its parameters and its measures again and again."""
    write(
        tmp_path / "inv.log",
        "Circuit: * inv\n"
        "Doing analysis at TEMP = 85.000000 and TNOM = 27.000000\n\n"
        "cl = 1.0e-15\ntphl_a_y  =  1.5e-11 targ=  2e-10 trig=  1e-10\nStack = 0 bytes.\n"
        "cl = 2.0e-15\n meas tran tphl_a_y trig v(a) val=0.4 failed!\n"
        "Doing analysis at TEMP = 25.000000 and TNOM = 27.000000\n"
        "tphl_a_y  =  1.7e-11 targ=  2e-10 trig=  1e-10\n"
        "doAnalyses: TRAN:  Timestep too small; time = 1e-12\n",
    )
    found = ep.ingest(tmp_path)
    rows = [chosen(row, "load", "temperature", "value", "status", "line", "index") for row in rows_of(found)]
    assert rows == [(1e-15, 85.0, 1.5e-11, "ok", 5, 1), (2e-15, 85.0, None, "failed", 8, 2), (None, 25.0, 1.7e-11, "ok", 10, 3)]
    assert ("ingest-convergence", "inv.log", 11) in told(found)


def test_xyce_steps(tmp_path: Path) -> None:
    write(tmp_path / "cells.sp", CELLS)
    deck = DECK.format(cell="NAND2", process="ff", degrees=0, volts=0.9).replace("c1 y 0 'cl'", "cload y 0 1f")
    write(tmp_path / "inv.cir", deck + ".step lin cload 1f 2f 1f\n.end\n")
    write(tmp_path / "inv.cir.mt0", "FIRST = 1.0e-11\nSECOND = FAILED    targ = 5.8e-04    trig = not found\n")
    write(tmp_path / "inv.cir.mt1", "FIRST = 2.000000e-11\nSECOND = 3.000000e-11\n")
    write(tmp_path / "inv.cir.res", "STEP  CLOAD:C\n0  1.00000000e-15\n1  2.00000000e-15\nEnd of Xyce(TM) Parameter Sweep\n")
    found = ep.ingest(tmp_path)
    assert [chosen(row, "measure", "quantity", "load", "value", "file", "line", "process", "temperature") for row in rows_of(found)] == [
        ("FIRST", "delay", 1e-15, 1e-11, "inv.cir.mt0", 1, "ff", 0.0),
        ("SECOND", "transition", 1e-15, None, "inv.cir.mt0", 2, "ff", 0.0),
        ("FIRST", "delay", 2e-15, 2e-11, "inv.cir.mt1", 1, "ff", 0.0),
        ("SECOND", "transition", 2e-15, 3e-11, "inv.cir.mt1", 2, "ff", 0.0),
    ]
    assert told(found) == [("ingest-failed", "inv.cir.mt0", 2)]


LISTING = """\
 ****** HSPICE -- L-2016.06 linux64 (May 25 2016) ******
 .param vdd=0.8 cl=2f
 ******
 * inverter

 ****** transient analysis tnom=  25.000 temp= -40.000 ******
 tphl_a_y=  82.1810p  targ=   2.6662n   trig=   2.5841n
 tplh_a_y=   failed

"""


def test_a_listing_alone_gives_values_and_trouble(tmp_path: Path) -> None:
    write(tmp_path / "tt" / "inv.lis", LISTING)
    found = ep.ingest(tmp_path)
    rows = [chosen(row, "cell", "edge", "process", "voltage", "temperature", "load", "value", "line") for row in rows_of(found)]
    assert rows == [
        ("inv", "fall", "tt", 0.8, -40.0, 2e-15, pytest.approx(82.181e-12), 7),
        ("inv", "rise", "tt", 0.8, -40.0, 2e-15, None, 8),
    ]
    assert [rule for rule, _, _ in told(found)] == ["ingest-aborted", "ingest-failed"]
    assert text_of(found, "ingest-aborted") == "the listing ends before the job concluded"


def test_a_listing_beside_measures_is_for_trouble_only(tmp_path: Path) -> None:
    write(tmp_path / "tt" / "inv.lis", LISTING + " **error** internal timestep too small in transient analysis\n ***** job aborted\n")
    measures(tmp_path / "tt" / "inv.mt0", ["tphl_a_y", "temper"], [[8.2e-11, -40]])
    found = ep.ingest(tmp_path)
    assert [chosen(row, "file", "value") for row in rows_of(found)] == [("tt/inv.mt0", 8.2e-11)]
    assert {rule for rule, _, _ in told(found)} >= {"ingest-aborted", "ingest-convergence"}


def test_real_files(shared_data: Path) -> None:
    found = ep.ingest(shared_data / "hspice")
    rows = rows_of(found)
    kcell = [row for row in rows if row["file"] == "kcell_measform3.mt0.csv"]
    # By hand: three rows of 52 names, of which index and ten parameters, temper and alter# are no results.
    assert len(kcell) == 3 * (52 - 1 - 10 - 2)
    assert chosen(kcell[0], "measure", "slew", "load", "temperature", "value") == ("kcell_delaybgn_i", 5.75e-12, 1.5e-16, 27.01, 2.875e-12)
    assert json.loads(kcell[0]["parameters"])["incap_time_i_8"] == 5.75e-12
    relay = {row["measure"]: row["value"] for row in rows if row["file"] == "relay_L2016.mt0"}
    assert relay == {"rchg": 1.623e-08, "tmech": 1.559e-08, "trl": 5.675e-10, "tmechbb": 1.434e-08, "trlbb": 1.067e-09}
    assert found.placed == 0
    assert ("ingest-unplaced", "relay_L2016.mt0", 5) in told(found)


# What belongs together


def test_results_in_a_folder_of_their_own_find_their_deck(tmp_path: Path) -> None:
    write(tmp_path / "decks" / "cells.sp", CELLS)
    for name, volts in (("one", 0.7), ("two", 0.9)):
        write(tmp_path / "decks" / f"{name}.sp", DECK.format(cell="NAND2", process="tt", degrees=25, volts=volts))
        measures(tmp_path / "results" / f"{name}.mt0", ["first"], [[1e-11 * volts]])
    assert [chosen(row, "file", "voltage") for row in rows_of(ep.ingest(tmp_path))] == [("results/one.mt0", 0.7), ("results/two.mt0", 0.9)]


def test_a_deck_without_result(tmp_path: Path) -> None:
    write(tmp_path / "a" / "run.sp", DECK.format(cell="NAND2", process="tt", degrees=25, volts=0.8))
    measures(tmp_path / "b" / "inv.mt0", ["tphl_a_y"], [[1e-11]])
    found = ep.ingest(tmp_path)
    assert ("ingest-no-result", "a/run.sp", None) in told(found)


def test_ignored_and_hidden_files(tmp_path: Path) -> None:
    for name in ("old/inv.mt0", ".cache/inv.mt0", "new/inv.mt0"):
        measures(tmp_path / name, ["tphl_a_y"], [[1e-11]])
    rules = write(tmp_path / "rules.toml", 'ignore = ["old/*"]\n[given]\nprocess = "tt"\nvoltage = 0.8\ntemperature = 25\nslew = 1e-11\n')
    found = ep.ingest(tmp_path, rules=rules)
    assert [chosen(row, "file", "process", "voltage", "slew") for row in rows_of(found)] == [("new/inv.mt0", "tt", 0.8, 1e-11)]


def test_what_is_given_is_believed(tmp_path: Path) -> None:
    measures(tmp_path / "tt_0p80v_25c" / "inv.mt0", ["tphl_a_y", "vdd", "temper"], [[1e-11, 0.8, 27]])
    rules = write(tmp_path / "rules.toml", "[given]\ntemperature = 25\n")
    (row,) = rows_of(ep.ingest(tmp_path, rules=rules))
    assert chosen(row, "temperature", "voltage", "parameters") == (25.0, 0.8, '{"temper": 27.0}')


# What is told

CORNER_NAMES = ["tin", "cl", "tphl_a_y", "trhl_a_y", "vdd", "temper"]


def library_of(folder: Path, corner: str, volts: float, degrees: float, scale: float, name: str = "inv.mt0") -> Path:
    rows = [
        [s, c, scale * (s + c * 1e4) * 1.2345678, scale * (s + c * 2e4) * 1.2345678, volts, degrees]
        for s in (1e-11, 2e-11)
        for c in (1e-15, 2e-15)
    ]
    return measures(folder / corner / name, CORNER_NAMES, rows, swept=("tin", "cl"))


def test_contradictions_and_copies(tmp_path: Path) -> None:
    library_of(tmp_path, "tt_0p80v_25c", 0.8, 25, 1.0)
    library_of(tmp_path, "ss_0p72v_125c", 0.72, 125, 1.3)
    assert told(ep.ingest(tmp_path)) == []
    library_of(tmp_path, "ff_0p88v_n40c", 0.88, -40, 1.0)
    found = ep.ingest(tmp_path)
    assert told(found) == [("ingest-copy", "tt_0p80v_25c/inv.mt0", 5)]
    assert "8 of 8 values at tt 0.8 25 are those at ff 0.88 -40 to the last digit" in text_of(found, "ingest-copy")
    again = library_of(tmp_path, "tt_0p80v_25c/again", 0.8, 25, 1.01)
    found = ep.ingest(tmp_path)
    assert ("ingest-contradiction", "tt_0p80v_25c/inv.mt0", 5) in told(found)
    assert "and 7 more" in text_of(found, "ingest-contradiction")
    assert "tt_0p80v_25c/again/inv.mt0:5" in text_of(found, "ingest-contradiction")
    with pytest.raises(UserError, match="leave one of the files out"):
        found.points("tt,0.8,25")
    shutil.copy(tmp_path / "tt_0p80v_25c" / "inv.mt0", again)
    assert "ingest-contradiction" not in {rule for rule, _, _ in told(ep.ingest(tmp_path))}


def test_a_folder_that_contradicts_its_results(tmp_path: Path) -> None:
    library_of(tmp_path, "tt_0p80v_25c", 0.8, 125, 1.0)
    found = ep.ingest(tmp_path)
    assert told(found) == [("ingest-conflict", "tt_0p80v_25c/inv.mt0", 5)]
    assert text_of(found, "ingest-conflict") == "temperature is 125 by column temper and 25 by the path; the first was taken"
    assert {row["temperature"] for row in rows_of(found)} == {125.0}


def test_a_folder_that_contradicts_its_deck(tmp_path: Path) -> None:
    write(tmp_path / "ff_0p80v_25c" / "run.sp", DECK.format(cell="NAND2", process="SS", degrees=25, volts=0.8))
    measures(tmp_path / "ff_0p80v_25c" / "run.mt0", ["first"], [[1e-11]])
    found = ep.ingest(tmp_path)
    assert text_of(found, "ingest-conflict") == "process is ss by the models 'SS' of the deck and ff by the path; the first was taken"
    assert rows_of(found)[0]["process"] == "ss"


def test_failed_and_nonsense(tmp_path: Path) -> None:
    names = ["tin", "tphl_a_y", "tplh_a_y", "trhl_a_y", "vdd", "temper"]
    rows = [[1e-11, math.nan, -5e-12, 1e-11, 0.8, 25], [2e-11, 1e-11, -5e-11, 0.0, 0.8, 25]]
    measures(tmp_path / "tt" / "inv.mt0", names, rows, swept=("tin",))
    found = ep.ingest(tmp_path)
    assert told(found) == [("ingest-failed", "tt/inv.mt0", 5), ("ingest-nonsense", "tt/inv.mt0", 7), ("ingest-nonsense", "tt/inv.mt0", 7)]
    messages = {finding.message for finding in found.findings}
    assert "measure tphl_a_y failed in 1 of 2 rows" in messages
    assert "measure tplh_a_y is negative by more than the input's slew: the wrong edges were paired (-5e-11 s)" in messages
    assert [row["status"] for row in rows_of(found)] == ["failed", "ok", "ok", "ok", "ok", "ok"]
    assert found.failed == 1


def test_longer_than_the_run(tmp_path: Path) -> None:
    write(tmp_path / "run.sp", DECK.format(cell="NAND2", process="tt", degrees=25, volts=0.8))
    measures(tmp_path / "run.mt0", ["first"], [[3e-9]])
    assert "is longer than the run of 2e-09 s" in text_of(ep.ingest(tmp_path), "ingest-nonsense")


def test_monte_carlo_rows_are_no_contradiction(tmp_path: Path) -> None:
    text = "$DATA1 SOURCE='HSPICE' VERSION='x' PARAM_COUNT=1\n.TITLE 'tt'\n index tphl_a_y vdd temper alter#\n"
    write(tmp_path / "tt" / "inv.mt0", text + "".join(f" {n} {1e-11 + n * 1e-13:.4e} 0.8 25 1\n" for n in range(1, 6)))
    found = ep.ingest(tmp_path)
    assert told(found) == [("ingest-samples", "tt/inv.mt0", 4)]
    assert [row["index"] for row in rows_of(found)] == [1, 2, 3, 4, 5]


def test_a_broken_file_does_not_stop_the_others(tmp_path: Path) -> None:
    library_of(tmp_path, "tt_0p80v_25c", 0.8, 25, 1.0)
    write(tmp_path / "tt_0p80v_25c" / "cut.mt0", "$DATA1 SOURCE='HSPICE' VERSION='x'\n.TITLE 't'\n tphl_a_y alter#\n 1e-11 1\n 2e-11\n")
    write(tmp_path / "tt_0p80v_25c" / "text.mt0", "no header\n")
    (tmp_path / "tt_0p80v_25c" / "damaged.mt0.gz").write_bytes(b"\x1f\x8b\x08\x00 nothing")
    found = ep.ingest(tmp_path)
    broken = [(file.rpartition("/")[2], line) for rule, file, line in told(found) if rule == "ingest-unreadable"]
    assert broken == [("cut.mt0", 5), ("damaged.mt0.gz", None), ("text.mt0", 1)]
    assert {row["file"] for row in rows_of(found)} >= {"tt_0p80v_25c/inv.mt0"}


def test_what_is_not_known_is_told(tmp_path: Path) -> None:
    measures(tmp_path / "deck.mt0", ["tphl", "vmax"], [[1e-11, 0.8]])
    found = ep.ingest(tmp_path)
    assert [finding.message for finding in found.findings if finding.rule == "ingest-incomplete"] == [
        "nothing tells the process, voltage, temperature of these results; a [[path]] or [[parameter]] rule or [given] could",
        "nothing tells cell, pin, related_pin of tphl; a rule for the path or the measure could",
    ]
    assert "1 measures are of no known kind: vmax" in text_of(found, "ingest-unplaced")
    assert [chosen(row, "measure", "quantity", "value") for row in rows_of(found)] == [("tphl", "delay", 1e-11), ("vmax", None, 0.8)]


def test_folders_without_results(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no result of a simulation below this folder"):
        ep.ingest(tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        ep.ingest(tmp_path / "absent")


# What comes out


def test_tables_on_disk_are_those_in_memory(tmp_path: Path) -> None:
    library_of(tmp_path / "runs", "tt_0p80v_25c", 0.8, 25, 1.0)
    measures(tmp_path / "runs" / "x.mt0", ["wn", "odd_one"], [[1e-6, 2.0], [2e-6, math.nan]], swept=("wn",))
    held = ep.ingest(tmp_path / "runs").table
    assert held.column_names == list(runs.COLUMNS)
    for name in ("t.parquet", "t.csv", "t.csv.gz"):
        written = ep.ingest(tmp_path / "runs", output=tmp_path / name)
        assert written.output == tmp_path / name
        assert written.table.to_pylist() == held.to_pylist()
        before = (tmp_path / name).read_bytes()
        ep.ingest(tmp_path / "runs", output=tmp_path / name)
        assert (tmp_path / name).read_bytes() == before
    assert [row["parameters"] for row in held.to_pylist() if row["measure"] == "odd_one"] == ['{"wn": 1e-06}', '{"wn": 2e-06}']
    with pytest.raises(UserError, match="unknown ending"):
        ep.ingest(tmp_path / "runs", output=tmp_path / "t.txt")


def test_a_large_file_goes_through_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from eda_plugin.adapters.hspice import tokens
    from eda_plugin.adapters.runs import table

    library_of(tmp_path / "runs", "tt_0p80v_25c", 0.8, 25, 1.0)
    whole = ep.ingest(tmp_path / "runs", output=tmp_path / "whole.csv")
    monkeypatch.setattr(tokens, "CHUNK", 64)
    monkeypatch.setattr(table, "ROWS", 3)
    parts = ep.ingest(tmp_path / "runs", output=tmp_path / "parts.csv")
    assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert parts.findings == whole.findings


def test_the_table_is_a_library_for_the_rest(tmp_path: Path) -> None:
    library_of(tmp_path / "runs", "tt_0p80v_25c", 0.8, 25, 1.0)
    ep.ingest(tmp_path / "runs", output=tmp_path / "t.parquet")
    ep.ingest(tmp_path / "runs", output=tmp_path / "t.csv")
    for name in ("t.parquet", "t.csv"):
        (library,) = ep.read(tmp_path / name)
        assert library.corner == Corner("tt", 0.8, 25)
        assert {key.quantity for key in library.keys} == {"cell_fall", "fall_transition"}
        table = next(library[key] for key in library.keys if key.quantity == "cell_fall")
        assert table.values.ravel().tolist() == pytest.approx([2.4691356e-11, 3.7037034e-11, 3.7037034e-11, 4.9382712e-11], rel=1e-6)
    ep.ingest(measures(tmp_path / "odd" / "x.mt0", ["odd"], [[1.0]]).parent, output=tmp_path / "odd.parquet")
    with pytest.raises(ParseError, match="no delay or transition whose arc, slew, load and corner are all known"):
        ep.read(tmp_path / "odd.parquet")


def test_points_for_fill(
    tmp_path: Path, make_library: Callable[..., Path], anchors: list[Path], toy_model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What HSPICE prints in lower case becomes measured values of a corner, spelled as the template spells them."""
    template = make_library("ss,1.60,100", name="template.lib")
    names = ["tin", "cl", "tphl_a_y", "trhl_a_y", "vdd", "temper"]
    rows = [[1e-11, 1e-15, 0.03046e-9, 0.0465e-9, 1.6, 100], [1e-10, 1e-14, 0.08819e-9, 0.10422e-9, 1.6, 100]]
    measures(tmp_path / "runs" / "ss_1p60v_100c" / "inv_1.mt0", names, rows, swept=("tin", "cl"))
    measures(tmp_path / "runs" / "ss_1p60v_100c" / "other.mt0", names, rows, swept=("tin", "cl"))
    points = tmp_path / "points.csv"
    assert command_line(["ingest", str(tmp_path / "runs"), "--points", str(points), "--template", str(template)]) == 0
    printed = capsys.readouterr()
    assert f"written      {points} (2 points)" in printed.out
    assert "fall of other a -> y combinational: the library has no such arc" in printed.err
    assert points.read_text().splitlines() == [
        "cell,pin,related_pin,timing_type,timing_sense,when,edge,index_1,index_2,delay,transition",
        "INV_1,Y,A,combinational,negative_unate,,fall,0.01,0.001,0.03046,0.0465",
        "INV_1,Y,A,combinational,negative_unate,,fall,0.1,0.01,0.08819,0.10422",
    ]
    out = tmp_path / "filled.lib"
    fill = ["fill", *map(str, anchors), "--target", "ss,1.60,100", "--model", toy_model, "--template", str(template)]
    assert command_line([*fill, "--measured", str(points), "-o", str(out), "--quiet"]) == 0
    filled = ep.read(out)[0]
    table = next(filled[key] for key in filled.keys if key.cell == "INV_1" and key.quantity == "cell_fall")
    assert table.values[0, 0] == pytest.approx(0.03046e-9)
    assert table.values[1, 1] == pytest.approx(0.08819e-9)


def test_points_of_one_corner_only(tmp_path: Path) -> None:
    library_of(tmp_path, "tt_0p80v_25c", 0.8, 25, 1.0)
    library_of(tmp_path, "ss_0p72v_125c", 0.72, 125, 1.3)
    found = ep.ingest(tmp_path)
    with pytest.raises(UserError, match="several corners; name one of them: there are ss_125C_0v72, tt_025C_0v80"):
        found.points()
    with pytest.raises(UserError, match="no result at ff_025C_0v80"):
        found.points("ff,0.8,25")
    corner, points, left_out = found.points("tt,0.8,25")
    assert (corner, len(points), left_out) == (Corner("tt", 0.8, 25), 4, [])


# The command


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    library_of(tmp_path / "runs", "tt_0p80v_25c", 0.8, 25, 1.0)
    assert command_line(["ingest", str(tmp_path / "runs"), "-o", str(tmp_path / "t.parquet"), "--strict"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"ingested {tmp_path / 'runs'}",
        "  runs         1: 1 HSPICE measure file",
        "  other files  0",
        "  values       8, 8 of known quantity, 0 failed",
        f"  written      {tmp_path / 't.parquet'}",
    ]
    library_of(tmp_path / "runs", "ff_0p88v_n40c", 0.88, -40, 1.0)
    assert command_line(["ingest", str(tmp_path / "runs")]) == 0
    assert "tt_0p80v_25c/inv.mt0:5 warning [ingest-copy] 8 of 8 values" in capsys.readouterr().out
    assert command_line(["ingest", str(tmp_path / "runs"), "--strict", "--quiet"]) == 1
    assert capsys.readouterr().out == ""
    assert command_line(["ingest", str(tmp_path / "runs"), "--json", "--sarif", str(tmp_path / "s.json")]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["rows"], summary["counts"]["warning"], summary["findings"][0]["line"]) == (16, 1, 5)
    assert json.loads((tmp_path / "s.json").read_text())["runs"][0]["results"][0]["ruleId"] == "ingest-copy"
    assert command_line(["inspect", str(tmp_path / "t.parquet")]) == 0
    assert "tt_025C_0v80" in capsys.readouterr().out
    assert command_line(["ingest", str(tmp_path / "absent")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_suggested_rules_say_what_the_built_in_ones_do(repository: Path, tmp_path: Path) -> None:
    folder = repository / "examples" / "hkmg22" / "hspice"
    draft = tmp_path / "draft.toml"
    assert command_line(["ingest", str(folder), "--suggest", "-o", str(draft)]) == 0
    text = draft.read_text()
    assert "pattern = 'tin'\nfield = \"slew\"" in text
    draft.write_text(text.replace("builtin = true", "builtin = false").replace('case = "upper"', 'case = "keep"'))
    assert ep.ingest(folder, rules=draft).table.to_pylist() == ep.ingest(folder).table.to_pylist()


def test_stubs_for_what_could_not_be_placed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measures(tmp_path / "deck.mt0", ["wn", "odd_1", "odd_2", "tphl"], [[1e-6, 1.0, 2.0, 3e-12]], swept=("wn",))
    write(tmp_path / "notes.doc", "x")
    assert command_line(["ingest", str(tmp_path), "--suggest"]) == 0
    text = capsys.readouterr().out
    assert "# pattern = 'odd_\\d+'" in text
    assert "could not be placed: odd_1, odd_2" in text
    assert '# process = "tt"     # nothing tells it of deck.mt0' in text
    assert "# pattern = 'wn'" in text
    assert "1 files are no part of a run: notes.doc" in text
    runs.read_rules(write(tmp_path / "rules.toml", text))


# Waveforms


PULSE = """\
* inverter
.param vsup=1 cl=2f
vdd vdd 0 'vsup'
va a 0 pwl(0 0 1n 1)
x1 a y vdd 0 NOT
.tran 1p 4n
.meas tran tphl_a_y trig v(a) val='0.5*vsup' rise=1 targ v(y) val='0.5*vsup' fall=1
.meas tran trhl_a_y trig v(y) val='0.8*vsup' fall=1 targ v(y) val='vsup/5' fall=last
.meas tran tplh_a_y trig v(a) val='0.5*vsup' fall=1 targ v(y) val='0.5*vsup' rise=1
"""
# By hand: a reaches 0.5 at 0.5 ns; y falls from 1 to 0 between 1 and 2 ns: 0.5 at 1.5 ns, 0.8 at 1.2 ns, 0.2 at 1.8 ns; a never falls.
POINTS = ((0.0, 0.0, 1.0), (1e-9, 1.0, 1.0), (2e-9, 1.0, 0.0), (4e-9, 1.0, 0.0))


def expected_of(found: ep.Ingested) -> None:
    rows = [chosen(row, "measure", "quantity", "edge", "value", "status", "load", "line") for row in rows_of(found)]
    assert rows == [
        ("tphl_a_y", "delay", "fall", pytest.approx(1e-9), "ok", 2e-15, None),
        ("trhl_a_y", "transition", "fall", pytest.approx(6e-10), "ok", 2e-15, None),
        ("tplh_a_y", "delay", "rise", None, "failed", 2e-15, None),
    ]


def test_printed_waveforms_are_measured_where_asked(tmp_path: Path) -> None:
    write(tmp_path / "inv.cir", PULSE)
    table = "".join(f"{place} {time:.8e} {a:.8e} {y:.8e}\n" for place, (time, a, y) in enumerate(POINTS))
    printed = write(tmp_path / "inv.cir.prn", f"Index TIME V(A) V(Y)\n{table}End of Xyce(TM) Simulation\n")
    found = ep.ingest(tmp_path)
    assert (found.rows, told(found)) == (0, [("ingest-waveform", "inv.cir.prn", None)])
    expected_of(ep.ingest(tmp_path, waveforms=True))
    printed.write_text(printed.read_text().replace("End of Xyce(TM) Simulation\n", ""))
    assert ("ingest-aborted", "inv.cir.prn", None) in told(ep.ingest(tmp_path, waveforms=True))
    printed.write_text(printed.read_text().replace("V(Y)", "V(Z)"))
    assert "no signal 'V(y)'; the file has TIME, V(A), V(Z)" in text_of(ep.ingest(tmp_path, waveforms=True), "ingest-unreadable")


def test_raw_waveforms_are_measured_where_asked(tmp_path: Path) -> None:
    pytest.importorskip("spicelib", reason="spicelib absent: no reader of raw files")
    write(tmp_path / "inv.cir", PULSE)
    head = "Title: * inverter\nDate: today\nPlotname: Transient Analysis\nFlags: real\nNo. Variables: 3\nNo. Points: 4\n"
    names = "Variables:\n\t0\ttime\ttime\n\t1\tv(a)\tvoltage\n\t2\tv(y)\tvoltage\nBinary:\n"
    (tmp_path / "inv.raw").write_bytes((head + names).encode() + np.array(POINTS).tobytes())
    expected_of(ep.ingest(tmp_path, waveforms=True))
    (tmp_path / "inv.raw").write_bytes((head + names).encode() + np.array(POINTS).tobytes()[:-20])
    assert "not a whole raw file" in text_of(ep.ingest(tmp_path, waveforms=True), "ingest-unreadable")


def test_levels_are_arithmetic_only() -> None:
    assert level("vdd*(1-0.2)/2", {"vdd": 0.8}) == pytest.approx(0.32)
    assert level("400m", {}) == pytest.approx(0.4)
    for text in ("__import__('os')", "vdd.real", "2**9", "vss", "", "1/0", "(" * 1000):
        with pytest.raises(UserError, match="can't be worked out"):
            level(text, {"vdd": 0.8})
