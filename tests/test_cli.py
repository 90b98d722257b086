"""The command line: what it prints, how it ends, and that a user's mistake never ends in a traceback or a half-written file."""

from __future__ import annotations

import csv
import errno
import gzip
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from eda_plugin.cli import show
from eda_plugin.cli.app import run
from eda_plugin.domain.quantity import TIMING

Make = Callable[..., Path]
Capture = pytest.CaptureFixture[str]
Command = Callable[..., subprocess.CompletedProcess[str]]

ROW = "Y,A,combinational,negative_unate,,rise,0.01,0.001,0.1,0.1"
FILL = ("--target", "ss,1.60,100", "--model", "toy")


def call(*arguments: object) -> int:
    """Run the command line in this process."""
    return run([str(argument) for argument in arguments])


def fails(capsys: Capture, status: int, *arguments: object) -> str:
    """Run what must end with ``status`` and a message without a traceback; gives the message."""
    capsys.readouterr()
    assert call(*arguments) == status
    text = capsys.readouterr().err
    assert text.strip()
    assert "Traceback" not in text
    return text


def answer(plan: Path, truth: Path, out: Path) -> None:
    """Stand in for the simulator."""
    import eda_plugin as ep

    library = ep.read(truth)[0]
    tables = {(key.arc, key.quantity): library[key] for key in library.keys}
    with plan.open(newline="") as source, out.open("w", newline="") as target:
        rows = csv.DictReader(source)
        writer = csv.writer(target)
        writer.writerow([*(rows.fieldnames or ()), "delay", "transition"])
        for row in rows:
            names = (f"cell_{row['edge']}", f"{row['edge']}_transition")
            found = [table for (arc, quantity), table in tables.items() if arc.cell == row["cell"] and quantity in names]
            asked = float(row["index_1"]) * 1e-9, float(row["index_2"]) * 1e-12
            places = [int(np.argmin(abs(axis.values - x))) for axis, x in zip(found[0].axes, asked, strict=True)]
            writer.writerow([*row.values(), *(float(table.values[*places] / 1e-9) for table in found)])


# What it does


def test_the_main_job(anchors: list[Path], make_library: Make, toy_model: str, tmp_path: Path, capsys: Capture) -> None:
    truth = make_library("ss,1.60,100", name="truth.lib")
    plan, measured, out = tmp_path / "plan.csv", tmp_path / "measured.csv", tmp_path / "filled.lib"
    assert call("plan", *anchors, "--template", truth, "--target", "ss,1.60,100", "--budget", "10%", "-o", plan) == 0
    planned = capsys.readouterr().out.splitlines()
    assert planned == ["plan of ss_100C_1v60", "  simulations  3 of 36 (8.33%)", "  arcs         2", f"  written      {plan}"]
    answer(plan, truth, measured)
    assert call("fill", *anchors, *FILL, "--template", truth, "--measured", measured, "-o", out, "--intervals", tmp_path / "i.csv") == 0
    printed = capsys.readouterr()
    assert "3 of 36 (8.33%)" in printed.out
    assert "model        toy" in printed.out
    assert "measured 6, predicted 106, copied 2" in printed.out
    assert printed.err == ""
    for name in ("filled.lib", "filled.lib.origin.parquet", "filled.lib.origin.csv.gz", "i.csv"):
        assert f"written      {tmp_path / name}" in printed.out
        assert (tmp_path / name).stat().st_size
    assert call("compare", out, truth, "--quiet") == 1
    assert call("compare", out, out) == 0
    assert "the same within the tolerances" in capsys.readouterr().out


def test_json_is_all_that_standard_output_gets(anchors: list[Path], toy_model: str, tmp_path: Path, capsys: Capture) -> None:
    out, report = tmp_path / "o.lib", tmp_path / "r.json"
    assert (
        call(
            "fill", *anchors, *FILL, "-o", out, "--values", tmp_path / "v.csv", "--report", report, "--save-model", tmp_path / "m", "--json"
        )
        == 0
    )
    summary = json.loads(capsys.readouterr().out)
    assert summary["target"] == "ss_100C_1v60"
    assert summary["files"] == [str(out), str(tmp_path / "v.csv"), str(report), str(tmp_path / "m")]
    assert {name: value for name, value in summary.items() if name != "files"} == json.loads(report.read_text())["fill"]
    assert not (tmp_path / "o.lib.origin.parquet").exists()
    assert call("plan", *anchors, "--target", "ss,1.60,100", "--budget", "0", "-o", tmp_path / "p.csv", "--json") == 0
    assert json.loads(capsys.readouterr().out)["simulations"] == 0
    assert (tmp_path / "p.csv").read_text().splitlines() == ["cell,pin,related_pin,timing_type,timing_sense,when,edge,index_1,index_2"]
    assert call("inspect", *anchors, "--json") == 0
    inspected = json.loads(capsys.readouterr().out)
    assert len(inspected["libraries"]) == 7
    assert "ss_100C_1v60" in inspected["missing_corners"]
    assert call("compare", anchors[0], anchors[1], "--json") == 1
    assert json.loads(capsys.readouterr().out)["passed"] is False


def test_quiet_prints_nothing(anchors: list[Path], toy_model: str, tmp_path: Path, capsys: Capture) -> None:
    assert call("fill", *anchors, *FILL, "-o", tmp_path / "o.lib", "--quiet") == 0
    assert call("check", *anchors, "--quiet") in (0, 1)
    assert capsys.readouterr() == ("", "")


def test_every_gap_is_filled(anchors: list[Path], toy_model: str, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "out").mkdir()
    assert call("fill", *anchors, "--target", "missing", "--model", "toy", "-o", tmp_path / "out", "--json") == 0
    assert [summary["target"] for summary in json.loads(capsys.readouterr().out)] == [
        "ss_025C_1v40", "ss_100C_1v60", "tt_025C_1v60", "tt_100C_1v80",
    ]  # fmt: skip
    assert len(list((tmp_path / "out").glob("demo_*.lib"))) == 4
    assert "expected an existing folder" in fails(capsys, 2, "fill", *anchors, "--target", "missing", "-o", tmp_path / "absent")
    assert "goes without" in fails(capsys, 2, "fill", *anchors, "--target", "missing", "--measured", "x", "-o", tmp_path / "out")


def test_inspect_and_plugins_are_readable(anchors: list[Path], toy_model: str, capsys: Capture) -> None:
    assert call("inspect", *anchors) == 0
    out = capsys.readouterr().out
    assert "ss_100C_1v40  demo_ss_100C_1v40.lib  1.4   100" in out
    assert "missing in the grid of these corners: ss_025C_1v40, ss_100C_1v60" in out
    assert call("plugins") == 0
    out = capsys.readouterr().out
    for text in ("builtin", "toy-plugin 1.0", "liberty", "hspice", "nearest", "load-axis-limit"):
        assert text in out


def test_check_shows_findings_and_fails_on_errors(make_library: Make, capsys: Capture) -> None:
    path = make_library("tt,1.80,25")
    assert call("check", path) == 0
    assert "1 libraries: 0 error" in capsys.readouterr().out
    assert call("check", path, "--strict", "--limit", "1") == 1
    assert "more; --limit shows them" in capsys.readouterr().out
    path.write_text(path.read_text().replace("max_capacitance : 0.05", "max_capacitance : -0.05"))
    assert call("check", path, "--json") == 1
    assert json.loads(capsys.readouterr().out)["counts"]["error"] >= 1


def test_help_names_every_command(command: Command) -> None:
    result = command("--help")
    assert result.returncode == 0
    for name in ("inspect", "plan", "fill", "predict", "check", "compare", "plugins"):
        assert f"  {name} " in result.stdout
        assert command(name, "--help").returncode == 0
    assert command("--version").stdout.startswith("eda-plugin, version 0.1.0")


def test_a_broken_plugin_does_not_take_the_command_line_down(install: Callable[..., Path], command: Command) -> None:
    install("bad", "import nosuchmodule", distribution="bad-dist")
    result = command("plugins")
    assert result.returncode == 0
    assert "warning: plugin bad of bad-dist 1.0 can't be loaded: ModuleNotFoundError" in result.stderr
    assert "broken" in result.stdout
    assert "bad-dist" not in command("--disable-plugin", "bad", "inspect", ".").stderr
    assert "bad-dist" not in command("inspect", ".", EDA_PLUGIN_DISABLE="bad").stderr


# Bad input: exit status 2, a clear text, nothing left behind


@pytest.mark.parametrize(
    "content", [b"", b"\x7fELF\x02\x01\x01\x00\x00\x93\xff", b"not a library", b"library (x) {\n  cell (a) {\n", b"\x1f\x8b\x08broken"]
)
@pytest.mark.parametrize("name", ["bad.lib", "bad.lib.gz"])
def test_files_that_are_no_library(anchors: list[Path], tmp_path: Path, capsys: Capture, content: bytes, name: str) -> None:
    bad = tmp_path / name
    bad.write_bytes(content)
    assert str(bad) in fails(capsys, 2, "inspect", *anchors, bad)
    assert str(bad) in fails(capsys, 2, "plan", *anchors, "--template", bad, "--target", "ss,1.60,100", "-o", tmp_path / "p.csv")
    assert not (tmp_path / "p.csv").exists()


def test_a_truncated_library_says_where(make_library: Make, capsys: Capture) -> None:
    path = make_library("tt,1.80,25")
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    assert f"{path}:" in fails(capsys, 2, "inspect", path)
    packed = path.with_suffix(".lib.gz")
    packed.write_bytes(gzip.compress(text.encode())[:-200])
    assert str(packed) in fails(capsys, 2, "inspect", packed)


def test_a_library_without_the_arc_of_another(anchors: list[Path], make_library: Make, tmp_path: Path, capsys: Capture) -> None:
    more = make_library("ss,1.60,100", name="more.lib", cells=("INV_1", "NAND_1"))
    text = fails(capsys, 2, "plan", *anchors, "--template", more, "--target", "ss,1.60,100", "-o", tmp_path / "p.csv")
    assert "no anchor has 8 of the tables of the template" in text
    assert "NAND_1" in text


@pytest.mark.parametrize(
    ("target", "match"),
    [
        ("ss", "unreadable corner 'ss'"),
        ("ss,high,100", "unreadable corner"),
        ("ss,-1,100", "the supply is -1.0 V"),
        ("ss,1.6,-400", "the temperature is -400.0"),
        ("vendor7,1.6,100", "no anchor has the process 'vendor7'"),
        ("ss,0.4,100", "more than the limit of 1"),
        ("ss,1.6,900", "more than the limit of 1"),
        ("ss,1.40,100", "this anchor is the target corner"),
    ],
)
def test_unknown_and_far_corners(anchors: list[Path], tmp_path: Path, capsys: Capture, target: str, match: str) -> None:
    for command in ("plan", "fill"):
        assert match in fails(capsys, 2, command, *anchors, "--target", target, "-o", tmp_path / f"{command}.lib")
        assert not (tmp_path / f"{command}.lib").exists()


def test_far_targets_warn_and_can_be_forced(anchors: list[Path], toy_model: str, tmp_path: Path, capsys: Capture) -> None:
    assert call("fill", *anchors, "--target", "ss,0.70,100", "--model", "toy", "--extrapolate", "-o", tmp_path / "o.lib") == 0
    assert "warning: the target ss_100C_0v70 lies outside the anchors" in capsys.readouterr().err


def test_units_and_thresholds_that_differ(anchors: list[Path], make_library: Make, toy_model: str, tmp_path: Path, capsys: Capture) -> None:
    picoseconds = make_library("ff,1.80,25", time_unit="1ps")
    assert call("fill", *anchors, picoseconds, *FILL, "-o", tmp_path / "o.lib") == 0
    odd = make_library("ff,1.60,25", threshold=30)
    assert "their delays and slews do not mean the same" in fails(capsys, 2, "fill", *anchors, odd, *FILL, "-o", tmp_path / "p.lib")
    unit = make_library("ff,1.60,100")
    unit.write_text(unit.read_text().replace('"1ns"', '"1 parsec"'))
    assert str(unit) in fails(capsys, 2, "fill", *anchors, unit, *FILL, "-o", tmp_path / "p.lib")
    assert not (tmp_path / "p.lib").exists()


def test_measure_files_need_a_header_and_a_mapping(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "inv.mt0"
    file.write_text("$DATA1 SOURCE='HSPICE' VERSION='L-2016.06' PARAM_COUNT=0\n.TITLE 'x'\n tphl temper alter#\n 1e-11 25.0 1\n")
    assert "give --mapping" in fails(capsys, 2, "inspect", file)
    mapping = tmp_path / "map.toml"
    mapping.write_text("not = toml = at all")
    assert str(mapping) in fails(capsys, 2, "inspect", file, "--mapping", mapping)
    file.write_text(" tphl temper alter#\n 1e-11 25.0 1\n")
    mapping.write_text("")
    assert fails(capsys, 2, "inspect", file, "--mapping", mapping)


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        (
            "INV_1,Y,A,combinational,negative_unate,,rise,0.01,0.001,0.1,0.1\nINV_9,Y,A,combinational,negative_unate,,rise,0.01,0.001,0.1,0.1",
            "row 2",
        ),
        ("INV_1,Y,A,combinational,negative_unate,!B,fall,0.01,0.001,0.1,0.1", "row 1: the template has no fall delay"),
        ("INV_1,Y,A,combinational,negative_unate,,up,0.01,0.001,0.1,0.1", "'up'"),
        ("INV_1,Y,A,combinational,negative_unate,,rise,x,0.001,0.1,0.1", "m.csv:2"),
        ("INV_1,Y,A", "m.csv"),
    ],
)
def test_measured_rows_that_no_arc_answers_to(
    anchors: list[Path], toy_model: str, tmp_path: Path, capsys: Capture, rows: str, match: str
) -> None:
    measured = tmp_path / "m.csv"
    measured.write_text(f"cell,pin,related_pin,timing_type,timing_sense,when,edge,index_1,index_2,delay,transition\n{rows}\n")
    assert match in fails(capsys, 2, "fill", *anchors, *FILL, "--measured", measured, "-o", tmp_path / "o.lib")
    assert not (tmp_path / "o.lib").exists()


def test_an_empty_folder(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "empty").mkdir()
    text = fails(capsys, 2, "fill", tmp_path / "empty", *FILL, "-o", tmp_path / "o.lib")
    assert "the folder holds no file that could be read" in text


def test_a_full_disk_leaves_nothing(
    anchors: list[Path], toy_model: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = sorted(tmp_path.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        text = fails(capsys, 2, "fill", *anchors, *FILL, "-o", tmp_path / "o.lib")
        assert "No space left on device; nothing was written" in text
        assert "No space left" in fails(capsys, 2, "plan", *anchors, "--target", "ss,1.60,100", "-o", tmp_path / "p.csv")
    assert sorted(tmp_path.iterdir()) == before


def test_places_that_can_not_be_written(anchors: list[Path], toy_model: str, tmp_path: Path, capsys: Capture) -> None:
    assert "does not exist" in fails(capsys, 2, "fill", *anchors, *FILL, "-o", tmp_path / "absent" / "o.lib")
    assert "it is no regular file" in fails(capsys, 2, "fill", *anchors, *FILL, "-o", tmp_path / "o.lib", "--report", "/dev/full")
    assert "is read in this run" in fails(capsys, 2, "fill", *anchors, *FILL, "-o", anchors[0])
    assert not (tmp_path / "o.lib").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nosuch",),
        ("fill",),
        ("fill", "{anchor}"),
        ("fill", "{anchor}", "--target", "ss,1.6,100", "-o", "o.lib", "--interval", "2"),
        ("fill", "{anchor}", "--target", "ss,1.6,100", "-o", "o.lib", "--seed", "-1"),
        ("fill", "{anchor}", "--target", "ss,1.6,100", "-o", "o.lib", "--model", "nosuch"),
        ("plan", "{anchor}", "--target", "ss,1.6,100", "-o", "p.csv", "--budget", "much"),
        ("inspect", "absent.lib"),
        ("inspect", "{anchor}", "--corners", "absent.csv"),
        ("check", "{anchor}", "--rule", "nosuch"),
        ("compare", "{anchor}", "{anchor}", "--rtol", "-1"),
        ("compare", "{anchor}", "."),
    ],
)
def test_mistakes_in_the_request(
    make_library: Make, capsys: Capture, arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anchor = make_library("ss,1.80,100")
    make_library("ss,1.80,25")
    monkeypatch.chdir(tmp_path)
    fails(capsys, 2, *(argument.replace("{anchor}", str(anchor)) for argument in arguments))
    assert not {"o.lib", "p.csv"} & {path.name for path in tmp_path.iterdir()}


def test_strict_findings_end_with_1_and_write_nothing(
    install: Callable[..., Path], anchors: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    install(
        "house",
        "from eda_plugin.errors import FindingsError\nfrom eda_plugin.hooks import hookimpl\n"
        "@hookimpl\ndef before_fit(target):\n    raise FindingsError(f'{target} is not for us')\n",
    )
    assert fails(capsys, 1, "fill", *anchors, *FILL[:2], "-o", tmp_path / "o.lib") == "error: ss_100C_1v60 is not for us\n"
    assert not (tmp_path / "o.lib").exists()


def test_an_interrupt_ends_with_130(anchors: list[Path], capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("eda_plugin.flow.read", interrupted)
    assert "interrupted" in fails(capsys, 130, "inspect", *anchors)


def test_a_fault_of_ours_is_told_as_such(anchors: list[Path], capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(*arguments: object, **more: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("eda_plugin.flow.read", faulty)
    assert "a fault of eda-plugin, not of your input: ZeroDivisionError" in fails(capsys, 70, "inspect", *anchors)
    monkeypatch.setenv("EDA_PLUGIN_TRACEBACK", "1")
    assert call("inspect", *anchors) == 70
    assert "Traceback" in capsys.readouterr().err


# What people see


def test_tables_on_a_terminal(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    show.table("title", ["a", "b"], [("[x]", 1)])
    assert "[x]" in capsys.readouterr().out, "text in brackets is no markup"


def test_progress_shows_on_a_terminal_only(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(show.progress(quiet=False)).__name__ == "NullProgress"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert type(show.progress(quiet=True)).__name__ == "NullProgress"
    with show.progress(quiet=False).stage("reading", 2) as stage:
        stage.advance()


def test_json_has_no_nan(capsys: Capture) -> None:
    show.print_json({"a": [float("nan"), 1.0]})
    assert json.loads(capsys.readouterr().out) == {"a": [None, 1.0]}


# HSPICE results


def test_measure_files_make_the_library_that_liberty_tells(repository: Path, capsys: Capture) -> None:
    import eda_plugin as ep

    example = repository / "examples" / "hkmg22"
    assert call("inspect", example / "hspice", "--mapping", example / "measures.toml", "--json") == 0
    assert {library["missing"].get("timing", 0) for library in json.loads(capsys.readouterr().out)["libraries"]} == {0}
    for measured in ep.read(example / "hspice", mapping=example / "measures.toml"):
        library = ep.read(example / "lib" / f"hkmg22_{measured.corner}.lib")[0]
        assert set(measured.keys) == {key for key in library.keys if key.quantity in TIMING}
        for key in measured.keys:
            np.testing.assert_allclose(measured[key].values, library[key].values, rtol=1e-6)


# Predictors


def test_a_predictor_is_trained_kept_and_asked(
    anchors: list[Path], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries, kept, answers = tmp_path / "q.csv", tmp_path / "p.safetensors", tmp_path / "a.csv"
    fields = ["cell", "pin", "related_pin", "timing_type", "timing_sense", "when", "edge", "index_1", "index_2"]
    queries.write_text(",".join(fields) + "\n" + "INV_1,Y,A,combinational,negative_unate,,rise,0.1,0.01\n")
    ask = ("--points", queries, "--target", "tt,1.80,25", "--answers", answers)
    assert call("predict", *anchors, "-o", kept, *ask, "--json") == 0
    assert json.loads(capsys.readouterr().out)["points"] == 1
    first = answers.read_text()
    with answers.open(newline="") as stream:
        assert float(next(csv.DictReader(stream))["delay"]) == pytest.approx(0.02 + 0.2 * 0.1 + 2 * 0.01, rel=0.02)
    assert call("predict", kept, *ask) == 0
    assert answers.read_text() == first
    assert f"answers: {answers}" in capsys.readouterr().out
    queries.write_text(queries.read_text().replace("INV_1", "NAND"))
    assert "it knows no cell NAND" in fails(capsys, 2, "predict", kept, *ask)
    assert "nothing to do" in fails(capsys, 2, "predict", kept)
    assert "go together" in fails(capsys, 2, "predict", kept, "--points", queries)

    row = "INV_1,Y,A,combinational,negative_unate,,rise,{},0.01\n"  # many points are asked part by part
    queries.write_text(",".join(fields) + "\n" + "".join(row.format((5 + number) / 100) for number in range(16)))
    assert call("predict", kept, *ask) == 0
    once = answers.read_bytes()
    assert len(once.splitlines()) == 17
    monkeypatch.setattr("eda_plugin.flow.prediction.PART", 7)
    for ending in ("csv", "csv.gz", "parquet"):
        assert call("predict", kept, *ask[:-1], tmp_path / f"parts.{ending}") == 0
    assert once == (tmp_path / "parts.csv").read_bytes() == gzip.decompress((tmp_path / "parts.csv.gz").read_bytes())
    assert pq.read_table(tmp_path / "parts.parquet").column("delay").to_pylist() == [
        float(line.split(b",")[-2]) for line in once.splitlines()[1:]
    ]
    queries.write_text(queries.read_text() + row.format(0.1).replace("INV_1", "NAND"))
    told = fails(capsys, 2, "predict", kept, *ask)
    assert "behind its first 14 points: query 3" in told
    assert "it knows no cell NAND" in told
    assert answers.read_bytes() == once
    assert "cannot read" in fails(capsys, 2, "predict", kept, "--points", tmp_path / "none.csv", *ask[2:])
    kept.write_bytes(b"broken")
    assert str(kept) in fails(capsys, 2, "predict", kept, *ask)
