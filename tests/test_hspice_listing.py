"""Listings: corners, measures in every form, what went wrong, jobs that broke off."""

from __future__ import annotations

import gzip
import math
import tracemalloc
from pathlib import Path

import pytest

from eda_plugin.adapters.hspice import Note, Run, is_listing, is_measure, is_waveform, read_listing, stream_listing, tokens
from eda_plugin.adapters.hspice.tokens import opened, text_lines
from eda_plugin.errors import ParseError, UserError

HEAD = """\
Using: /tools/hspice/bin/hspice inv.sp
 ****** PrimeSim HSPICE -- S-2021.09 linux64 (Aug 25 2021 7230000) ******
  Input File: inv.sp
  Command line options: -i inv.sp -o inv
  Start time: Fri Feb  9 00:16:23 2024
  lic: FLEXlm: SDK_12.9.6
  **warning** (inv.sp:10) Unknown option print. Check the option name again.
 .param vdd=0.8 cl='2f'
 + slew=10p half='vdd/2'
 .option post=2 probe
1****** PrimeSim HSPICE -- S-2021.09 linux64 (Aug 25 2021 7230000) ******
 ******
 * an inverter = 1

 ****** mos   model parameters tnom=  25.000 temp=  25.000 ******
  toxe =  2e-09

 *****************************************************************
 ******  option summary
 ******
 runlvl  = 3         bypass  = 2.0000
  Opening plot unit= 79
 file=inv.pa0

 **info** dc convergence successful at Newton-Raphson method
 ******
 * an inverter = 1

 ****** operating point information tnom=  25.000 temp= -40.000 ******
 ****** operating point status is voltage   simulation time is     0.
 + 0:n1      = 999.9990m  0:n2      = 706.8680p

"""
TRANSIENT = """\
 ******
 * an inverter = 1

 ****** transient analysis tnom=  25.000 temp= -40.000 ******
 iavg=  -5.0718u  from=   0.             to=  10.0000n
 tphl_a[0]=  82.1810p  targ=   2.6662n   trig=   2.5841n
 xi.tplh=  4.016e-11  targ=  1.0e-09
              trig=  9.5984e-10
 a_measure_with_a_name_longer_than_its_field=
   1.5000x  at=   3.0000n
 tr=   failed        targ=   not found
 delay=  26.3770p

          ***** job concluded
"""
FOOT = """\
 ******
 * an inverter = 1

 ****** job statistics summary tnom=  25.000 temp= -40.000 ******
  ******  Runtime Statistics (seconds)  ******
  analysis           time    # points   tot. iter  conv.iter
           total cpu time            6.79 seconds
           total elapsed time       15.09 seconds
           job started at     00:16:23 02/09/2024
           job ended   at     00:16:38 02/09/2024
           job total runtime        15.09 seconds
"""


def file_of(folder: Path, text: str, name: str = "inv.lis") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_one_job(tmp_path: Path) -> None:
    path = file_of(tmp_path, HEAD + TRANSIENT + FOOT)
    found = read_listing(path)
    assert is_listing(path)
    assert not is_measure(path)
    assert not is_waveform(path)
    assert (found.simulator, found.version) == ("PrimeSim HSPICE", "S-2021.09 linux64")
    assert (found.title, found.input_file) == ("* an inverter = 1", "inv.sp")
    assert (found.started, found.ended) == ("Fri Feb  9 00:16:23 2024", "00:16:38 02/09/2024")
    assert (found.elapsed, found.cpu) == (15.09, 6.79)
    assert found.options == {"post": "2", "probe": "", "runlvl": "3", "bypass": "2.0000"}
    assert found.parameters == {"vdd": 0.8, "cl": 2e-15, "slew": 1e-11}
    assert (found.concluded, found.aborted) == (True, False)
    assert found.lines == (HEAD + TRANSIENT + FOOT).count("\n")
    assert [(note.kind, note.text, note.line, note.run) for note in found.notes] == [
        ("warning", "(inv.sp:10) Unknown option print. Check the option name again.", 7, 0)
    ]
    (run,) = found.runs
    first = HEAD.count("\n") + 4
    assert (run.analysis, run.temperature, run.tnom, run.alter, run.line) == ("transient", -40.0, 25.0, 1, first)
    assert run.title == "* an inverter = 1"
    values = {measure.name: measure.value for measure in run.measures}
    assert values == pytest.approx(
        {
            "iavg": -5.0718e-6,
            "tphl_a[0]": 82.181e-12,
            "xi.tplh": 4.016e-11,
            "a_measure_with_a_name_longer_than_its_field": 1.5e6,
            "tr": math.nan,
            "delay": 26.377e-12,
        },
        rel=1e-12,
        nan_ok=True,
    )
    by_name = {measure.name: measure for measure in run.measures}
    assert by_name["iavg"].details == {"from": 0.0, "to": 1e-8}
    assert by_name["xi.tplh"].details == {"targ": 1e-9, "trig": 9.5984e-10}
    assert by_name["a_measure_with_a_name_longer_than_its_field"].details == {"at": 3e-9}
    assert [measure.line - first for measure in run.measures] == [1, 2, 3, 6, 7, 8]
    assert by_name["tr"].failed
    assert math.isnan(by_name["tr"].details["targ"])
    assert not by_name["delay"].failed


def test_windows_line_ends_and_gzip(tmp_path: Path) -> None:
    plain = read_listing(file_of(tmp_path, HEAD + TRANSIENT + FOOT))
    path = tmp_path / "inv.lis.gz"
    path.write_bytes(gzip.compress((HEAD + TRANSIENT + FOOT).replace("\n", "\r\n").encode()))
    assert is_listing(path)
    assert str(read_listing(path).runs) == str(plain.runs)


SWEEP = """\
 ****** HSPICE -- L-2016.06 linux64 (May 25 2016) ******
 ****** transient analysis tnom=  25.000 temp= 125.000 ******
 *** parameter cl        =     1.0000f ***
 *** parameter 0:vg      =  -200.0000m       ***
 tphl=  10.0000p
 ****** transient analysis tnom=  25.000 temp= 125.000 ******
 *** parameter cl        =     2.0000f ***
 tphl=  12.0000p
 *** parameter cl        =     4.0000f ***
 tphl=  16.0000p
 ****** ac analysis tnom=  25.000 temp=  25.000 ******
 *** monte carlo   index =       7 ***
x

        freq     volt db
                     3
  100.00000     237.7513m
 gain= 3.0
y
 gain=  12.5000
 ****** dc transfer curves tnom=  25.000 temp=  25.000 ******
 vth= 300.0000m
 meas_variable = vth
 mean  =   4.0169p     varian =   1.2000e-25
 max= 9.0
"""


def test_sweeps_are_runs(tmp_path: Path) -> None:
    found = read_listing(file_of(tmp_path, SWEEP))
    told = [(run.analysis, run.temperature, run.parameters, run.monte_carlo, run.measures[0].value) for run in found.runs]
    assert told == [
        ("transient", 125.0, {"cl": 1e-15, "0:vg": -0.2}, None, 1e-11),
        ("transient", 125.0, {"cl": 2e-15}, None, 1.2e-11),
        ("transient", 125.0, {"cl": 4e-15}, None, 1.6e-11),
        ("ac", 25.0, {}, 7, 12.5),
        ("dc", 25.0, {}, None, 0.3),
    ]
    assert [len(run.measures) for run in found.runs] == [1] * 5
    assert not found.concluded


@pytest.mark.parametrize("mark", ["", " ****** .alter slow corner ******\n", " .alter slow corner\n"])
def test_alters(tmp_path: Path, mark: str) -> None:
    second = TRANSIENT.replace("-40.000", "125.000").replace("26.3770p", "31.0000p").replace("an inverter = 1", "slow")
    found = read_listing(file_of(tmp_path, HEAD + TRANSIENT + mark + second + FOOT))
    assert [(run.alter, run.temperature, run.alter_name) for run in found.runs] == [
        (1, -40.0, ""),
        (2, 125.0, "slow corner" if mark else ""),
    ]
    assert [run.title for run in found.runs] == ["* an inverter = 1", "* slow"]
    assert found.runs[1].measures[-1].value == 3.1e-11


TROUBLE = {
    "**error** (inv.sp:7) reference to undefined model nch": ("error", "(inv.sp:7) reference to undefined model nch"),
    " ** warning** associated with encrypted blocks were suppressed": ("warning", "associated with encrypted blocks were suppressed"),
    " **error** internal timestep too small in transient analysis": ("convergence", "internal timestep too small in transient analysis"),
    "**error** no convergence in operating point": ("convergence", "no convergence in operating point"),
    " *** non-convergence at time= 1.2000n": ("convergence", "*** non-convergence at time= 1.2000n"),
    ">warning: the circuit failed to converge": ("convergence", "the circuit failed to converge"),
}


@pytest.mark.parametrize("line", TROUBLE)
def test_trouble_is_told_with_its_line(tmp_path: Path, line: str) -> None:
    text = HEAD + TRANSIENT.replace(" delay=", f"{line}\n delay=")
    found = read_listing(file_of(tmp_path, text))
    note = found.notes[-1]
    assert (note.kind, note.text) == TROUBLE[line]
    assert (text.split("\n")[note.line - 1], note.run) == (line, 1)
    assert found.runs[0].measures[-1].name == "delay"


@pytest.mark.parametrize("line", [">error ***** hspice job aborted", " ***** hspice job aborted", "***** hspice job aborted *****"])
def test_aborted_jobs(tmp_path: Path, line: str) -> None:
    found = read_listing(file_of(tmp_path, HEAD + "**error** (inv.sp:7) no such model\n" + line + "\n"))
    assert (found.concluded, found.aborted) == (False, True)
    assert found.runs == ()
    assert found.notes[1].kind == "error"


def test_a_job_that_broke_off(tmp_path: Path) -> None:
    found = read_listing(file_of(tmp_path, (HEAD + TRANSIENT)[: -len(" delay=  26.3770p\n\n          ***** job concluded\n")]))
    assert (found.concluded, found.aborted) == (False, False)
    assert [measure.name for measure in found.runs[0].measures][-1] == "tr"


@pytest.mark.parametrize("text", ["", "hello\n", "$DATA1 SOURCE='HSPICE'\n.TITLE ''\n", "a = 1\nb = 2\n"])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    path = file_of(tmp_path, text)
    assert not is_listing(path)
    with pytest.raises(ParseError, match="no HSPICE listing"):
        read_listing(path)


def test_absent_files(tmp_path: Path) -> None:
    assert not is_listing(tmp_path / "absent.lis")
    with pytest.raises(UserError, match="cannot read"):
        read_listing(tmp_path / "absent.lis")


def test_streaming_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "CHUNK", 1 << 14)
    page = " ****** transient analysis tnom=  25.000 temp=  25.000 ******\n *** monte carlo   index = {} ***\n" + " td=  10.0p\n" * 50
    path = file_of(tmp_path, "".join(page.format(place) for place in range(1, 1001)), "monte.lis")
    tracemalloc.start()
    with stream_listing(path) as listing:
        runs = [item.monte_carlo for item in listing if isinstance(item, Run) and len(item.measures) == 50]
        assert listing.summary().lines == 1000 * 52
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert runs == list(range(1, 1001))
    assert peak < path.stat().st_size / 2  # a chunk of text, its lines, one run


def test_notes_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = SWEEP.replace(" *** parameter cl        =     2.0000f ***", "**warning** one\n *** parameter cl        =     2.0000f ***")
    with stream_listing(file_of(tmp_path, text)) as listing:
        kinds = [type(item) for item in listing]
    assert kinds == [Run, Note, Run, Run, Run, Run]


def test_lines_beyond_all_measure_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(b"a\n" + b"b" * 3_000_000 + b"\nc\n" + b"d" * 100)
    with opened(path) as stream:
        lines = list(text_lines(stream, longest=1000))
    assert [(line[:1], len(line)) for line in lines] == [(b"a", 1), (b"b", 1000), (b"c", 1), (b"d", 100)]
