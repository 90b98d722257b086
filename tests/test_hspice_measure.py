"""Measure files in every layout: read, refused, written."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from eda_plugin.adapters.hspice import is_measure, measure, read_alters, read_measure, stream_measure, tokens, write_measure
from eda_plugin.errors import ParseError, UserError

HEAD = "$DATA1 SOURCE='HSPICE' VERSION='L-2016.06 linux64' PARAM_COUNT=3\n.TITLE '* it''s a \"title\" = 1, 2'\n"
NAMES = " index            tin              cl               tphl_a[0]       \n xi.tr_y          temper           alter#          \n"
ROWS = (
    "  1.0000           1.000e-11        2.000e-15        1.500e-11      \n  9.000e-12         25.0000        1               \n"
    "  2.0000           1.000e-11        4.000e-15        failed         \n  0.                2.500e+01       1.0000         \n"
)


def file_of(folder: Path, text: str, name: str = "run.mt0") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_wrapped_rows_are_counted_by_tokens(tmp_path: Path) -> None:
    found = read_measure(file_of(tmp_path, HEAD + NAMES + ROWS))
    assert found.names == ("index", "tin", "cl", "tphl_a[0]", "xi.tr_y", "temper", "alter#")
    assert found.header.swept == ("tin", "cl")
    assert (found.header.source, found.header.version, found.header.param_count) == ("HSPICE", "L-2016.06 linux64", 3)
    assert found.header.title == "* it''s a \"title\" = 1, 2"
    np.testing.assert_array_equal(found.column("TPHL_A[0]"), [1.5e-11, np.nan])
    np.testing.assert_array_equal(found.column("xi.tr_y"), [9e-12, 0.0])
    np.testing.assert_array_equal(found.column("temper"), [25.0, 25.0])
    assert found.failed.sum() == 1
    assert found.failed[1, 3]
    assert found.lines.tolist() == [5, 7]
    assert found.alter == 1
    assert len(found) == 2


@pytest.mark.parametrize("per_line", [1, 2, 5, 7, 100])
def test_where_lines_break_does_not_matter(tmp_path: Path, per_line: int) -> None:
    plain = read_measure(file_of(tmp_path, HEAD + NAMES + ROWS))
    tokens = ROWS.split()
    body = "\n".join(" ".join(tokens[at : at + per_line]) for at in range(0, len(tokens), per_line)) + "\n"
    np.testing.assert_array_equal(read_measure(file_of(tmp_path, HEAD + NAMES + body)).values, plain.values)


def test_without_param_count_nothing_is_said_to_be_swept(tmp_path: Path) -> None:
    text = "$DATA1 SOURCE='HSPICE' VERSION='A-2008.03'\n.TITLE ''\n td temper alter#\n 1.e-9 25. 1\n"
    found = read_measure(file_of(tmp_path, text))
    assert found.header.param_count is None
    assert found.header.swept == ()
    assert found.header.title == ""
    assert found.values.tolist() == [[1e-9, 25.0, 1.0]]


@pytest.mark.parametrize("name", ["run.mt0", "run.ms0", "run.ma2"])
def test_windows_line_ends_and_gzip(tmp_path: Path, name: str) -> None:
    plain = read_measure(file_of(tmp_path, HEAD + NAMES + ROWS))
    path = tmp_path / f"{name}.gz"
    path.write_bytes(gzip.compress((HEAD + NAMES + ROWS).replace("\n", "\r\n").encode()))
    found = read_measure(path)
    np.testing.assert_array_equal(found.values, plain.values)
    assert found.header.title == plain.header.title
    assert found.lines.tolist() == plain.lines.tolist()
    assert is_measure(path)


def test_measform_1(tmp_path: Path) -> None:
    text = HEAD.replace(".TITLE", "$OPTION MEASFORM=1\n.TITLE") + " ".join(NAMES.split()) + "\n"
    tokens = ROWS.split()
    found = read_measure(file_of(tmp_path, text + " ".join(tokens[:7]) + "\n" + " ".join(tokens[7:]) + "\n"))
    assert found.header.measform == 1
    np.testing.assert_array_equal(found.values, read_measure(file_of(tmp_path, HEAD + NAMES + ROWS)).values)


PAIRS = "tphl_a = 1.500e-11\ncl=  2.000e-15 temper = 25.0000\nalter# = 1\n"


@pytest.mark.parametrize("head", ["", HEAD, "$DATA1 SOURCE='HSPICE' VERSION='x'\n$OPTION MEASFORM=2\n.TITLE 'a = b'\n"])
def test_measform_2_carries_its_names(tmp_path: Path, head: str) -> None:
    second = PAIRS.replace("1.500e-11", "failed").replace("2.000e-15", "4.000e-15")
    found = read_measure(file_of(tmp_path, head + PAIRS + "\n" + second))
    assert found.header.measform == 2
    assert found.names == ("tphl_a", "cl", "temper", "alter#")
    np.testing.assert_array_equal(found.values, [[1.5e-11, 2e-15, 25, 1], [np.nan, 4e-15, 25, 1]])
    first = head.count("\n") + 1
    assert found.lines.tolist() == [first, first + 4]


def test_measform_2_rows_state_the_same_names(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match=r"lacks 'cl'.*same names"):
        read_measure(file_of(tmp_path, "td = 1e-9\ncl = 1e-15\ntd = 2e-9\n"))
    with pytest.raises(ParseError, match="expected name = value"):
        read_measure(file_of(tmp_path, "td = 1e-9 cl\n"))


def test_measform_3(tmp_path: Path) -> None:
    text = HEAD.replace(".TITLE", "$OPTION MEASFORM=3\n.TITLE") + "index,tin,cl,tphl_a[0],temper,alter#\n"
    found = read_measure(
        file_of(tmp_path, text + " failed, 1e-11,   0.,-1.5e-11, 2.5e+01,1\r\n\n 2.0e+00, 1e-11, 4e-15,failed, 2.5e+01,1\n")
    )
    np.testing.assert_array_equal(found.values, [[np.nan, 1e-11, 0, -1.5e-11, 25, 1], [2, 1e-11, 4e-15, np.nan, 25, 1]])
    assert found.lines.tolist() == [5, 7]
    with pytest.raises(ParseError, match=r"run.mt0:5: 3 comma-separated fields under 6 names"):
        read_measure(file_of(tmp_path, text + "1,2,3\n"))
    with pytest.raises(ParseError, match=r"run.mt0:5:5: expected a number.*found ''"):
        read_measure(file_of(tmp_path, text + "1,2,,3,4,1\n"))


def test_alters_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (0, 1, 2, 10):
        file_of(tmp_path, (HEAD + NAMES + ROWS).replace("1               \n", f"{number + 1}\n"), f"inv.mt{number}")
    file_of(tmp_path, "not of this run", "inv.mt3.csv")
    assert [found.alter for found in read_alters(tmp_path / "inv.mt1")] == [1, 2, 3, 11]
    with pytest.raises(UserError, match=r"expected an ending such as \.mt0"):
        read_alters(tmp_path / "inv.lis")


REFUSED = {
    "no header": (NAMES + ROWS, r"run\.mt0:1: no measure header; expected \$DATA1"),
    "values only": (ROWS, r"run\.mt0:1: no measure header"),
    "empty": ("", "the file is empty"),
    "binary": ("\x00\x01\x02" * 400, "no measure header"),
    "names lost": (HEAD + ROWS, r"run\.mt0:3: a value where a name should be.*found '1.0000'"),
    "alter# lost": (HEAD + NAMES.replace("alter#", "") + ROWS, r"run\.mt0:5: a value where a name should be"),
    "cut in the names": (HEAD + " index  tin\n", "names do not end with alter#"),
    "cut in a row": (HEAD + NAMES + ROWS[:-60], r"run\.mt0:7: the file ends inside a row: 4 of 7 values"),
    "no rows": (HEAD + NAMES, "no row of values after the names"),
    "odd token": (HEAD + NAMES + ROWS.replace("1.500e-11", "1.5e-11s"), r"run\.mt0:5:54: expected a number .*\(found '1.5e-11s'\)"),
    "underscore": (HEAD + NAMES + ROWS.replace("1.500e-11", "1_5e-11"), "found '1_5e-11'"),
    "odd token on a later line": (HEAD + NAMES + ROWS.replace("0.   ", "zero "), r"run\.mt0:8:3: .*'zero'"),
    "odd count": (HEAD.replace("=3", "=x") + NAMES + ROWS, "PARAM_COUNT is not a whole number"),
    "a name twice": (HEAD + NAMES.replace("cl ", "TIN") + ROWS, "the same name stands twice.*'TIN'"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_broken_files_are_refused(tmp_path: Path, case: str) -> None:
    text, message = REFUSED[case]
    with pytest.raises(ParseError, match=message):
        read_measure(file_of(tmp_path, text))


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*No such file"):
        read_measure(tmp_path / "absent.mt0")
    (tmp_path / "cut.mt0.gz").write_bytes(gzip.compress((HEAD + NAMES + ROWS).encode())[:-20])
    with pytest.raises(ParseError, match="damaged gzip data"):
        read_measure(tmp_path / "cut.mt0.gz")
    assert not is_measure(tmp_path / "absent.mt0")
    found = read_measure(file_of(tmp_path, HEAD + NAMES + ROWS))
    with pytest.raises(UserError, match=r"no measure or parameter 'tplh'; the file has index, tin"):
        found.column("tplh")


def test_big_files_come_in_blocks(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(8000, 30))
    values[rng.random(values.shape) < 0.01] = np.nan
    path = tmp_path / "mc.mt0"
    names = [f"m{place}" for place in range(29)] + ["a_name_longer_than_its_field"]
    write_measure(path, names, values, title="many", digits=9)
    with stream_measure(path) as (header, blocks):
        sizes = [len(block.lines) for block in blocks]
    assert header.names[-2:] == ("a_name_longer_than_its_field", "alter#")
    assert len(sizes) >= 3
    found = read_measure(path)
    np.testing.assert_allclose(found.values[:, :-1], values, rtol=1e-9)
    text = path.read_text().splitlines()
    assert [text[line - 1].split()[0] for line in found.lines] == [
        "failed" if np.isnan(first) else f"{first:.9e}" for first in values[:, 0]
    ]
    damaged = path.read_text()
    damaged = damaged[: len(damaged) // 2] + " oops " + damaged[len(damaged) // 2 :]
    with pytest.raises(ParseError, match="expected a number") as caught:
        read_measure(file_of(tmp_path, damaged))
    line, column = caught.value.line, caught.value.column
    assert line is not None
    assert column is not None
    assert damaged.splitlines()[line - 1][column - 1 :].split()[0] == caught.value.token


@pytest.mark.parametrize("form", ["free", "comma", "named"])
@pytest.mark.parametrize("chunk", [1 << 10, 1 << 16])
def test_quick_and_slow_readings_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, chunk: int) -> None:
    rng = np.random.default_rng(chunk)
    values = rng.normal(size=(700, 5)) * 10.0 ** rng.integers(-25, 9, size=(700, 5))
    words = [[("FAILED" if rng.random() < 0.1 else "failed") if rng.random() < 0.03 else repr(float(v)) for v in row] for row in values]
    names = [f"m{place}" for place in range(4)] + ["alter#"]
    if form == "free":
        blanks = [" ", "  ", "\n", "\t", " \r\n ", "\n\n"]
        text = HEAD + " ".join(names) + "\n" + "".join(word + blanks[rng.integers(len(blanks))] for row in words for word in row)
    elif form == "comma":
        text = HEAD.replace(".TITLE", "$OPTION MEASFORM=3\n.TITLE") + ",".join(names) + "\n"
        text += "".join(", ".join(row) + ("\r\n" if place % 50 else "\n\n") for place, row in enumerate(words))
    else:
        text = "".join(f"{name} = {word}\n" for row in words for name, word in zip(names, row, strict=True))
    path = file_of(tmp_path, text)
    wanted = np.array([[np.nan if word.lower() == "failed" else float(word) for word in row] for row in words])
    monkeypatch.setattr(tokens, "CHUNK", chunk)
    monkeypatch.setattr(measure, "ROWS", chunk >> 5)
    for few in (0, 1 << 40):
        monkeypatch.setattr(tokens, "FEW", few)
        found = read_measure(path)
        np.testing.assert_array_equal(found.values, wanted)
        lines = text.split("\n")
        assert all(words[row][0] in lines[line - 1] for row, line in enumerate(found.lines.tolist()))
    with stream_measure(path) as (_, blocks):
        assert len(list(blocks)) > 1


@pytest.mark.parametrize("token", ["1.0\x002.0", "\x01", "NA", "null", '"1.0"', "1.0,2.0", "1_0", "1.5e-11s", "failed1", "0x10", "1e5e5"])
@pytest.mark.parametrize("form", ["free", "comma"])
def test_what_is_no_number_is_refused_among_many(tmp_path: Path, token: str, form: str) -> None:
    mark = "," if form == "comma" else " "
    words = [["1.5e-9"] * 4 for _ in range(2000)]
    words[1234][2] = token
    option = "$OPTION MEASFORM=3\n" if form == "comma" else ""
    text = HEAD.replace(".TITLE", option + ".TITLE") + mark.join(["a", "b", "c", "alter#"]) + "\n"
    begin = text.count("\n") + 1
    with pytest.raises(ParseError) as caught:
        read_measure(file_of(tmp_path, text + "".join(mark.join(row) + "\n" for row in words)))
    assert caught.value.line == begin + 1234


def test_missing_measures_say_why(tmp_path: Path) -> None:
    assert read_measure(file_of(tmp_path, HEAD + NAMES + ROWS)).missing() == ((1, "tphl_a[0]", "failed in the row of line 7"),)


def test_a_row_without_end_takes_no_memory(tmp_path: Path) -> None:
    text = HEAD + NAMES + "1" * (1 << 23)
    with pytest.raises(ParseError, match=r"run\.mt0:5:1: a row of more than \d+ bytes"):
        read_measure(file_of(tmp_path, text))


def test_written_in_the_simulators_layout(tmp_path: Path) -> None:
    path = tmp_path / "relay.mt0"
    names = ("rchg", "tmech", "trl", "tmechbb", "trlbb", "temper")
    write_measure(path, names, np.array([[1.623e-8, 1.559e-8, 5.675e-10, 1.434e-8, np.nan, 25]]), title="* relay", digits=3, version="L")
    assert path.read_text() == (
        "$DATA1 SOURCE='HSPICE' VERSION='L' PARAM_COUNT=0\n.TITLE '* relay'\n"
        " rchg             tmech            trl              tmechbb         \n trlbb            temper           alter#          \n"
        "  1.623e-08        1.559e-08        5.675e-10        1.434e-08      \n failed             25.0000        1               \n"
    )
    swept = np.array([[1e-9, 1e-11, 1e-15], [2e-9, np.nan, 2e-15]])
    write_measure(tmp_path / "sweep.mt0.gz", ["td", "tin", "cl"], swept, title="s", swept=["tin", "cl"], alter=2)
    found = read_measure(tmp_path / "sweep.mt0.gz")
    assert found.names == ("index", "tin", "cl", "td", "alter#")
    assert (found.header.param_count, found.header.swept, found.alter) == (3, ("tin", "cl"), 2)
    np.testing.assert_array_equal(found.column("index"), [1, 2])
    np.testing.assert_array_equal(found.values[:, 1:4], swept[:, [1, 2, 0]])


def test_unwritable_measures_leave_nothing(tmp_path: Path) -> None:
    for names, values, message in (
        (["a b"], [[1.0]], "can't name a measure"),
        (["alter#"], [[1.0]], "can't name a measure"),
        (["td"], [[1.0, 2.0]], "2 columns of values under 1 names"),
    ):
        with pytest.raises(UserError, match=message):
            write_measure(tmp_path / "x.mt0", names, np.array(values), title="")
    with pytest.raises(UserError, match="swept parameter 'cl' is no column"):
        write_measure(tmp_path / "x.mt0", ["td"], np.array([[1.0]]), title="", swept=["cl"])
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_hspice(shared_data: Path) -> None:
    found = read_measure(shared_data / "hspice" / "relay_L2016.mt0")
    assert dict(zip(found.names, found.values[0], strict=True)) == {
        "rchg": 1.623e-08, "tmech": 1.559e-08, "trl": 5.675e-10, "tmechbb": 1.434e-08, "trlbb": 1.067e-09, "temper": 25.0, "alter#": 1.0,
    }  # fmt: skip
    assert found.header.title == "* dc sweep of a relay to show that it works"
    assert found.header.param_count == 0


def test_a_comma_separated_file_of_hspice(shared_data: Path) -> None:
    found = read_measure(shared_data / "hspice" / "kcell_measform3.mt0.csv")
    assert (found.header.source, found.header.measform, found.header.param_count) == ("PrimeSim HSPICE", 3, 11)
    assert found.values.shape == (3, 52)
    lines = (shared_data / "hspice" / "kcell_measform3.mt0.csv").read_text().splitlines()
    assert ",".join(found.names) == lines[3].replace(" ", "")
    for row, line in zip(found.values, lines[4:], strict=True):
        np.testing.assert_array_equal(row, [np.nan if word.strip() == "failed" else float(word) for word in line.split(",")])
    assert found.header.swept[:2] == ("i_t_slew", "zn_cap")
    np.testing.assert_array_equal(found.column("index"), [np.nan, 2, 3])
    np.testing.assert_array_equal(found.column("zn_cap"), [1.5e-16, 1.824e-14, 5.441e-14])
    np.testing.assert_array_equal(found.column("kcell_delayend_zn"), [5.36942e-12, 7.06793e-12, 1.03398e-11])
    np.testing.assert_array_equal(found.column("temper"), [27.01, 27.01, 27.01])
