"""Waveform files: every version, byte order and text form, sweeps, and what a killed run leaves."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hspice_waves import ascii_, binary, block, header, write
from numpy.typing import NDArray

from eda_plugin.adapters.hspice import is_waveform, open_waveforms
from eda_plugin.errors import ParseError, UserError

NAMES = ("TIME", "v(in)", "v(x1.a_long_node_name_of_a_cell)", "i(vdd)")
TYPES = (1, 1, 1, 8)
VERSIONS = (9007, 9601, 2001, 2013)


def table(rows: int, columns: int = 4, seed: int = 0) -> NDArray[np.float64]:
    made = np.random.default_rng(seed).normal(size=(rows, columns)) * 10.0 ** np.arange(columns)[::-1]
    made[:, 0] = np.sort(np.abs(made[:, 0]))
    return made


def tolerance(version: int, column: int) -> float:
    return 1e-15 if version == 2001 or (version == 2013 and column == 0) else 1e-7


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("rows", [1, 2047, 5000])
def test_binary(tmp_path: Path, version: int, order: str, rows: int) -> None:
    path = write(tmp_path / "a.tr0", binary(NAMES, TYPES, [table(rows)], version=version, order=order))
    found = open_waveforms(path)
    assert is_waveform(path)
    assert (found.version, found.binary, found.analysis, found.scale) == (version, True, "transient", "TIME")
    assert found.names == ("v(in)", "v(x1.a_long_node_name_of_a_cell)", "i(vdd)")
    assert found.title == "* made by a test"
    assert found.date == "11/20/2026 12:00:00"
    assert [(sweep.parameters, sweep.points, sweep.complete) for sweep in found.sweeps] == [({}, rows, True)]
    assert found.notices == ()
    np.testing.assert_allclose(found.axis(), table(rows)[:, 0], rtol=tolerance(version, 0))
    for column, name in enumerate(found.names, start=1):
        signal = found.signal(name)
        assert signal.dtype == (np.float64 if version == 2001 else np.float32)
        np.testing.assert_allclose(signal, table(rows)[:, column], rtol=tolerance(version, column))
    np.testing.assert_array_equal(found.signal("V(IN"), found.signal("v(in)"))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("version", "lead"), [(9601, ""), (2001, ""), (2013, "f8"), (2013, "f4")])
@pytest.mark.parametrize("size", [64, 8192])
def test_sweeps(tmp_path: Path, version: int, lead: str, order: str, size: int) -> None:
    tables = [table(rows, seed=rows) for rows in (300, 1, 2500)]
    values = [(0.5,), (1.5,), (-2.5,)]
    data = binary(NAMES, TYPES, tables, version=version, order=order, swept=("cload",), values=values, size=size, lead=lead)
    found = open_waveforms(write(tmp_path / "a.tr0", data))
    assert [sweep.parameters for sweep in found.sweeps] == [{"cload": 0.5}, {"cload": 1.5}, {"cload": -2.5}]
    assert [sweep.points for sweep in found.sweeps] == [300, 1, 2500]
    assert found.notices == ()
    for sweep, wanted in enumerate(tables):
        np.testing.assert_allclose(found.axis(sweep), wanted[:, 0], rtol=1e-7)
        np.testing.assert_allclose(found.signal("i(vdd)", sweep), wanted[:, 3], rtol=1e-7)


@pytest.mark.parametrize("version", [9601, 2001])
def test_ascii(tmp_path: Path, version: int) -> None:
    tables = [table(rows, seed=rows) for rows in (3, 700)]
    data = ascii_(NAMES, TYPES, tables, version=version, swept=("vdd",), values=[(0.8,), (0.9,)])
    assert max(map(len, data.split(b"\n"))) == 80
    path = write(tmp_path / "a.tr0", data)
    found = open_waveforms(path)
    assert is_waveform(path)
    assert (found.version, found.binary) == (version, False)
    assert [sweep.parameters for sweep in found.sweeps] == [{"vdd": 0.8}, {"vdd": 0.9}]
    assert found.names[1] == "v(x1.a_long_node_name_of_a_cell)"
    for sweep, wanted in enumerate(tables):
        for column, name in enumerate(("TIME", *found.names)):
            np.testing.assert_allclose(found.signal(name, sweep), wanted[:, column], rtol=1e-4 if version == 9601 else 1e-6)
    packed = write(tmp_path / "b.tr0.gz", gzip.compress(data.replace(b"\n", b"\r\n")))
    np.testing.assert_array_equal(open_waveforms(packed).signal("v(in)", 1), found.signal("v(in)", 1))


@pytest.mark.parametrize("form", [(9601, "<"), (2001, ">"), (2013, "<"), (9601, "text"), (2001, "text")])
def test_ac_is_complex_by_type(tmp_path: Path, form: tuple[int, str]) -> None:
    names, types = ("HERTZ", "v(out)", "vdb(out)", "i(vin)"), (2, 1, 6, 8)
    wanted = table(900, 6)
    version, order = form
    data = (
        ascii_(names, types, [wanted], version=version) if order == "text" else binary(names, types, [wanted], version=version, order=order)
    )
    found = open_waveforms(write(tmp_path / "a.ac0", data))
    assert found.analysis == "ac"
    assert found.sweeps[0].points == 900
    assert np.iscomplexobj(found.signal("i(vin)"))
    np.testing.assert_allclose(found.signal("v(out)"), wanted[:, 1] + 1j * wanted[:, 2], rtol=1e-4)
    np.testing.assert_allclose(found.signal("vdb(out)"), wanted[:, 3], rtol=1e-4)
    np.testing.assert_allclose(found.signal("i(vin)"), wanted[:, 4] + 1j * wanted[:, 5], rtol=1e-4)


def test_ac_of_complex_probes_only(tmp_path: Path) -> None:
    """Where the codes don't fit the rows, all signals are pairs."""
    wanted = table(50, 5)
    found = open_waveforms(write(tmp_path / "a.ac0", binary(("HERTZ", "v(a)", "par(b)"), (2, 1, 78), [wanted])))
    assert found.sweeps[0].points == 50
    np.testing.assert_allclose(found.signal("par(b)"), wanted[:, 3] + 1j * wanted[:, 4], rtol=1e-6)


def test_dc_sweep_scale(tmp_path: Path) -> None:
    found = open_waveforms(write(tmp_path / "a.sw0", binary(("vin", "v(out)"), (3, 1), [table(9, 2)])))
    assert (found.analysis, found.scale) == ("dc", "vin")


@pytest.mark.parametrize("cut", [1, 3, 4, 5, 17, 20, 21, 100, 9000])
@pytest.mark.parametrize(("version", "order"), [(9601, "<"), (2001, ">"), (2013, "<")])
def test_what_a_killed_run_leaves_is_used(tmp_path: Path, version: int, order: str, cut: int) -> None:
    data = binary(NAMES, TYPES, [table(3000)], version=version, order=order)
    found = open_waveforms(write(tmp_path / "a.tr0", data[:-cut]))
    points = found.sweeps[0].points
    assert points > 2000
    np.testing.assert_allclose(found.signal("i(vdd)"), table(3000)[:points, 3], rtol=1e-7)
    if cut > 4:  # less takes only the closing count of the last block
        assert any("run was cut short" in notice for notice in found.notices)
        assert not found.sweeps[0].complete


def test_notices_name_the_place(tmp_path: Path) -> None:
    data = binary(NAMES, TYPES, [table(3000)])
    blocks = len(block(header(NAMES, TYPES, 9601).encode()))
    found = open_waveforms(write(tmp_path / "a.tr0", data[: blocks + 8212 + 100]))
    assert found.notices[0] == f"the last block, at byte {blocks + 8212}, holds 84 of 8192 bytes"
    assert found.sweeps[0].points == (2048 + 21) // 4
    broken = data[: blocks + 8212] + b"garbage." * 20
    assert open_waveforms(write(tmp_path / "b.tr0", broken)).notices[0] == f"no block at byte {blocks + 8212}; what follows is left out"
    torn = bytearray(data)
    torn[blocks + 8212 - 4] ^= 1
    found = open_waveforms(write(tmp_path / "c.tr0", bytes(torn)))
    assert found.notices[0] == f"the block at byte {blocks} does not end as it begins; what follows is left out"
    assert found.sweeps[0].points == 512
    found = open_waveforms(write(tmp_path / "d.tr0", data[:blocks]))
    assert found.sweeps == ()
    assert found.notices == ("no value after the header",)
    with pytest.raises(UserError, match="no sweep 0; the file has 0"):
        found.axis()


def test_a_cut_text_file_is_used(tmp_path: Path) -> None:
    data = ascii_(NAMES, TYPES, [table(200)])
    found = open_waveforms(write(tmp_path / "a.tr0", data[:-18]))
    assert found.sweeps[0].points == 199
    assert not found.sweeps[0].complete
    assert found.notices[0].startswith("the last number is cut short ('")


def test_fewer_sweeps_than_announced(tmp_path: Path) -> None:
    data = block(header(NAMES, TYPES, 9601, ("cl",), 10).encode())
    data += binary(NAMES, TYPES, [table(5)], swept=("cl",), values=[(1.0,)])[len(data) :]
    found = open_waveforms(write(tmp_path / "a.tr0", data))
    assert found.notices == ("the header announces 10 sweeps, the file holds 1",)
    assert found.sweeps[0].parameters == {"cl": 1.0}


def test_large_values_inside_a_row_end_no_sweep(tmp_path: Path) -> None:
    wanted = table(2000)
    wanted[511, 3] = 2e30  # the last value of the first block
    found = open_waveforms(write(tmp_path / "a.tr0", binary(NAMES, TYPES, [wanted])))
    assert found.sweeps[0].points == 2000
    assert found.notices == ("1 values of 1e30 stand inside a row, where no sweep can end",)


REFUSED = {
    "empty": (b"", "no waveform header"),
    "text": (b"$DATA1 SOURCE='HSPICE'\n", "no waveform header.*found .*DATA1"),
    "version": (header(NAMES, TYPES, 9601).replace("9601    ", "00001999").encode(), "no waveform header"),
    "no mark": (header(NAMES, TYPES, 9601).encode()[:-20], "ends inside its header"),
    "no mark in a block": (block(header(NAMES, TYPES, 9601).encode()[:-20]), "ends inside its header"),
    "a block of a gigaword": (struct.pack("<4i", 4, 10**9, 4, 2**31 - 8) + header(NAMES, TYPES, 9601).encode()[:-20], "inside its header"),
    "a name lost": (block(header(NAMES, TYPES, 9601).replace("v(in", "    ").encode()), "4 type codes and 3 names"),
    "swept": (block(b"000400000003" + header(NAMES, TYPES, 9601)[12:].encode()), "announces 3 swept parameters and names 0"),
    "no number": (ascii_(NAMES, TYPES, [table(3)]).replace(b"E+31", b"Q+31"), r"a\.tr0:7:63: expected numbers such as .*'Q"),
    "two dots": (ascii_(NAMES, TYPES, [table(3)]).replace(b"\n0.", b"\n.."), r"a\.tr0:6:1: expected numbers .*found '\.\."),
    "digits": (ascii_(NAMES, TYPES, [table(3)]) + b"1" * 100, "expected numbers"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_broken_files_are_refused(tmp_path: Path, case: str) -> None:
    data, message = REFUSED[case]
    with pytest.raises(ParseError, match=message):
        open_waveforms(write(tmp_path / "a.tr0", data))


def test_requests_that_do_not_fit(tmp_path: Path) -> None:
    found = open_waveforms(write(tmp_path / "a.tr0", binary(NAMES, TYPES, [table(3)])))
    with pytest.raises(UserError, match=r"no signal 'v\(inn\)' among 3; there are v\(in\)"):
        found.signal("v(inn)")
    with pytest.raises(UserError, match="no sweep 1; the file has 1"):
        found.signal("v(in)", 1)
    with pytest.raises(UserError, match="unpack it first"):
        open_waveforms(write(tmp_path / "b.tr0.gz", gzip.compress(binary(NAMES, TYPES, [table(3)]))))
    with pytest.raises(UserError, match="cannot read"):
        open_waveforms(tmp_path / "absent.tr0")
    assert not is_waveform(tmp_path / "absent.tr0")


def by_hand(data: bytes, names: int, code: str) -> tuple[bytes, NDArray[np.float64]]:
    """Header and values of a binary file of one sweep, by struct alone."""
    text, at = b"", 0
    values: list[float] = []
    width = struct.calcsize(code)
    while at < len(data):
        four, _, again, length = struct.unpack_from("<4i", data, at)
        assert four == again == 4
        payload = data[at + 16 : at + 16 + length]
        if at:
            values += struct.unpack(f"<{length // width}{code}", payload)
        else:
            text = payload
        at += 20 + length
    assert values[-1] >= 9e29
    return text, np.array(values[:-1]).reshape(-1, names)


@pytest.mark.parametrize(
    ("name", "code", "columns"),
    [("rc_binary_9601.tr0", "f", 5), ("rc_binary_2001.tr0", "d", 5), ("rc_binary_9601.sw0", "f", 5), ("rc_binary_9601.ac0", "f", 9)],
)
def test_real_binary_files(shared_data: Path, name: str, code: str, columns: int) -> None:
    path = shared_data / "hspice" / name
    text, rows = by_hand(path.read_bytes(), columns, code)
    found = open_waveforms(path)
    assert found.notices == ()
    assert [name.removesuffix(")") for name in (found.scale, *found.names)] == text.decode().split()[-6:-1]
    assert found.sweeps[0].points == len(rows)
    np.testing.assert_array_equal(found.axis(), rows[:, 0])
    for place, signal in enumerate(found.names, start=1):
        wanted = rows[:, 2 * place - 1] + 1j * rows[:, 2 * place] if columns == 9 else rows[:, place]
        np.testing.assert_array_equal(found.signal(signal), wanted)


def test_real_ascii_file(shared_data: Path) -> None:
    path = shared_data / "hspice" / "netlistdb_ascii_2001.sw0"
    lines = path.read_text().splitlines()
    body = "".join(lines[next(place for place, line in enumerate(lines) if "$&%#" in line) + 1 :])
    numbers: Sequence[float] = [float(body[at : at + 13]) for at in range(0, len(body) - 12, 13)]
    assert numbers[-1] == 1e30
    rows = np.array(numbers[:-1]).reshape(-1, 24)
    found = open_waveforms(path)
    assert found.names[8] == "v(x1.net027)"
    assert found.sweeps[0].points == len(rows) == 8
    for place, signal in enumerate((found.scale, *found.names)):
        np.testing.assert_array_equal(found.signal(signal), rows[:, place])
