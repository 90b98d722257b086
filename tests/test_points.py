"""Plans, answers, intervals and per-value origins as CSV and Parquet."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from eda_plugin.adapters import points as files
from eda_plugin.domain import Arc, Axis, Corner, Header, Library, Origin, Points, Table, TableKey
from eda_plugin.errors import ParseError, UserError

HEADER = Header(time=1e-9, capacitance=1e-12)
ARCS = (
    Arc("nand2_1", "Y", "A", "combinational", "negative_unate", "B&!C"),
    Arc("dfx_1", "Q", "CLK", "rising_edge", "non_unate", ""),
)
NAMES = "cell,pin,related_pin,timing_type,timing_sense,when,edge,index_1,index_2"


def some() -> Points:
    """Index values as a reader makes them of texts such as 0.0126: times the unit."""
    index = np.array([[0.0126 * 1e-9, 0.05234605 * 1e-12], [1.5 * 1e-9, 0.0005 * 1e-12], [0.23 * 1e-9, 0.3 * 1e-12]])
    return Points(
        (ARCS[0], ARCS[1], ARCS[0]),
        ("fall", "rise", "rise"),
        index,
        np.array([0.01, np.nan, -0.003]) * 1e-9,
        np.array([0.02, 0, 0.005]) * 1e-9,
    )


@pytest.mark.parametrize("name", ["points.csv", "points.csv.gz", "points.parquet"])
def test_index_values_come_back_with_the_same_bits(tmp_path: Path, name: str) -> None:
    given = some()
    files.write(given, tmp_path / name, header=HEADER, answered=True)
    if name == "points.csv":
        line = "nand2_1,Y,A,combinational,negative_unate,B&!C,fall,0.0126,0.05234605,0.01,0.02"
        assert (tmp_path / name).read_text().splitlines()[1] == line
    found = files.read(tmp_path / name, header=HEADER)
    assert found.arcs == given.arcs
    assert found.edges == given.edges
    np.testing.assert_array_equal(found.index, given.index)
    np.testing.assert_allclose(found.delay, given.delay, rtol=1e-15)
    np.testing.assert_allclose(found.transition, given.transition, rtol=1e-15)
    assert found.source == str(tmp_path / name)


def test_a_text_with_a_comma_is_quoted(tmp_path: Path) -> None:
    plan = Points.plan((ARCS[0]._replace(pin='A[1,"0]'),), ("rise",), np.array([[1e-9, 1e-12]]))
    files.write(plan, tmp_path / "plan.csv", header=HEADER, answered=False)
    assert files.read(tmp_path / "plan.csv", header=HEADER).arcs == plan.arcs


def test_every_short_number_survives_the_unit(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    texts = [f"{value:.{digits}g}" for value in rng.lognormal(-3, 2, 300) for digits in (3, 7, 10)]
    index = np.array([[float(text) * 1e-9, float(text) * 1e-12] for text in texts])
    plan = Points.plan((ARCS[0],) * len(texts), ("rise",) * len(texts), index)
    files.write(plan, tmp_path / "plan.csv", header=HEADER, answered=False)
    np.testing.assert_array_equal(files.read(tmp_path / "plan.csv", header=HEADER).index, index)
    with (tmp_path / "plan.csv").open(newline="") as text:
        rows = list(csv.DictReader(text))
    assert [float(row["index_1"]) for row in rows] == [float(text) for text in texts]
    assert list(rows[0]) == NAMES.split(",")


def test_load_may_come_first(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(f"{NAMES},note,transition\na,Y,A,,,,rise,0.5,2.0,x,\n\na,Y,A,,,,fall,0.5,2.0,x,0.25\n")
    found = files.read(tmp_path / "p.csv", header=HEADER, load_first=True)
    np.testing.assert_allclose(found.index, [[0.5e-12, 2e-9]] * 2)
    assert np.isnan(found.delay).all()
    np.testing.assert_allclose(found.transition, [np.nan, 0.25e-9])
    assert found.arcs[0] == Arc("a", "Y", "A", "combinational")
    assert found.arcs[0] is found.arcs[1]
    files.write(found, tmp_path / "again.csv", header=HEADER, answered=True, load_first=True)
    assert (tmp_path / "again.csv").read_text().splitlines()[1:] == [
        "a,Y,A,combinational,,,rise,0.5,2,,", "a,Y,A,combinational,,,fall,0.5,2,,0.25"
    ]  # fmt: skip


ROW = 'a,Y,A,combinational,negative_unate,"B,C",rise,0.1,0.2\n'
REFUSED = {
    "missing column": (NAMES.replace(",when", "") + "\n", r"p\.csv:1: no column when; the file has cell,pin".replace(",", ", ")),
    "short row": (f"{NAMES}\n{ROW}\na,b\n", r"p\.csv:4: 2 fields under 9 names \(found 'a,b'\)"),
    "edge": (f"{NAMES}\n{ROW}{ROW.replace('rise', 'up')}", r"p\.csv:3:42: column edge: expected rise or fall \(found 'up'\)"),
    "no number": (f"{NAMES}\n\n{ROW}{ROW.replace('0.1', '1ns')}", r"p\.csv:4:47: column index_1: expected a number \(found '1ns'\)"),
    "empty index": (f"{NAMES}\n{ROW.replace('0.2', '')}", r"p\.csv:2:51: column index_2: expected a finite number"),
    "infinite answer": (f"{NAMES},delay\n{ROW.strip()},inf\n", r"column delay: expected a finite number \(found 'inf'\)"),
    "empty": ("\n", "the file is empty; expected a first line cell,pin"),
    "binary": ("\x00\x01\x02", "binary content"),
    "a column twice": (NAMES + ",edge\n" + ROW, "a column stands twice"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_broken_rows_are_refused_with_their_place(tmp_path: Path, case: str) -> None:
    text, message = REFUSED[case]
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(ParseError, match=message):
        files.read(tmp_path / "p.csv", header=HEADER)


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*No such file"):
        files.read(tmp_path / "absent.csv", header=HEADER)
    (tmp_path / "p.parquet").write_text("no parquet")
    with pytest.raises(ParseError, match="unreadable as Parquet"):
        files.read(tmp_path / "p.parquet", header=HEADER)
    (tmp_path / "p.csv.gz").write_bytes(gzip.compress((NAMES + "\n" + ROW * 99).encode())[:-12])
    with pytest.raises(ParseError, match="damaged gzip data"):
        files.read(tmp_path / "p.csv.gz", header=HEADER)
    (tmp_path / "utf16.csv").write_bytes(b"\xff\xfe" + b"abc,\xff\n\xff\xff,1\n")
    with pytest.raises(ParseError, match="not UTF-8 text"):
        files.read(tmp_path / "utf16.csv", header=HEADER)


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown ending '\.xls'; expected \.csv"):
        files.write(some(), tmp_path / "p.xls", header=HEADER, answered=True)
    with pytest.raises(UserError, match="cannot write"):
        files.write(some(), tmp_path / "absent" / "p.csv", header=HEADER, answered=True)
    assert list(tmp_path.iterdir()) == []


def library() -> Library:
    slew = Axis("input_net_transition", np.array([0.01, 0.05]) * 1e-9)
    load = Axis("total_output_net_capacitance", np.array([0.0005, 0.0126, 0.3]) * 1e-12)

    def key(quantity: str, nth: int = 0) -> TableKey:
        return TableKey(*ARCS[0], quantity, nth)

    values = np.arange(6.0).reshape(2, 3) * 1e-11
    origin = np.array([[1, 2, 3], [4, 5, 0]], dtype=np.uint8)
    values[1, 2] = np.nan
    tables = [
        Table(key("cell_rise"), (slew, load), values, origin),
        Table(key("cell_rise", 1), (slew, load), values, origin),
        Table(key("rise_transition"), (load, slew), values.T.copy(), origin.T.copy()),
        Table(key("rise_constraint"), (slew, slew), values[:, :2].copy(), origin[:, :2].copy()),
        Table(TableKey("nand2_1", "", "VPWR", "leakage", "", "A", "leakage_power"), (), np.array(3e-12), np.array(3, dtype=np.uint8)),
    ]
    made = Library.from_tables(tables, name="lib", corner=Corner("tt", 1.8, 25), header=HEADER)
    bound = np.where(made.origin == Origin.MEASURED, np.nan, made.values)
    return made.with_values(made.values, made.origin, bound * 0.9, bound * 1.1)


def test_intervals_are_joined_by_key_and_index(tmp_path: Path) -> None:
    files.write_intervals(library(), tmp_path / "intervals.csv")
    with (tmp_path / "intervals.csv").open(newline="") as text:
        rows = list(csv.DictReader(text))
    assert list(rows[0]) == [*NAMES.split(",")[:6], "table", "index_1", "index_2", "lower", "upper"]
    assert [row["table"] for row in rows] == ["cell_rise"] * 4 + ["rise_transition"] * 4
    assert [(row["index_1"], row["index_2"]) for row in rows[:4]] == [
        ("0.01", "0.0126"),
        ("0.01", "0.3"),
        ("0.05", "0.0005"),
        ("0.05", "0.0126"),
    ]
    assert (rows[4]["index_1"], rows[4]["index_2"]) == ("0.0005", "0.05")
    assert float(rows[0]["lower"]) == pytest.approx(0.009)
    assert float(rows[0]["upper"]) == pytest.approx(0.011)


def test_intervals_of_a_library_without_any(tmp_path: Path) -> None:
    given = library()
    files.write_intervals(given.with_values(given.values, given.origin), tmp_path / "intervals.csv")
    assert len((tmp_path / "intervals.csv").read_text().splitlines()) == 1


@pytest.mark.parametrize("name", ["values.parquet", "values.csv", "values.csv.gz"])
def test_each_value_says_where_it_came_from(tmp_path: Path, name: str) -> None:
    given = library()
    files.write_values(given, tmp_path / name)
    found = files.read_values(tmp_path / name)
    rows = found.to_pylist()
    assert len(rows) == len(given.values) == 23
    assert [row["origin"] for row in rows[:6]] == ["measured", "filled", "predicted", "copied", "repaired", "missing"]
    at = 0
    for table in given:
        for place, index in enumerate(np.ndindex(table.values.shape)):
            row = rows[at]
            assert (row["cell"], row["when"], row["quantity"], row["nth"]) == (
                table.key.cell,
                table.key.when,
                table.key.quantity,
                table.key.nth,
            )
            assert row["position"] == place
            coordinates = [row["index_1"], row["index_2"], row["index_3"]]
            assert coordinates == [*(axis.values[i] for axis, i in zip(table.axes, index, strict=True)), *[None] * (3 - len(index))]
            value = table.values[index]
            assert row["value"] == (None if np.isnan(value) else value)
            assert (row["lower"] is None) == (np.isnan(value) or table.origin[index] == Origin.MEASURED)
            at += 1
    assert rows[-1]["unit"] == "W"
    assert rows[0]["unit"] == "s"


def test_values_without_intervals(tmp_path: Path) -> None:
    given = library()
    files.write_values(given.with_values(given.values, given.origin), tmp_path / "values.csv")
    assert files.read_values(tmp_path / "values.csv")["upper"].null_count == 23
