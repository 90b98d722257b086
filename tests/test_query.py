"""SQL over libraries: what the rows say, where intervals come from, and what a query may not do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from eda_plugin import flow
from eda_plugin.adapters import points
from eda_plugin.cli.app import run
from eda_plugin.data.columnar import value_table
from eda_plugin.domain import Library, Origin
from eda_plugin.errors import UserError
from eda_plugin.flow.querying import open_store, write_answer

duckdb = pytest.importorskip("duckdb", reason="extra absent: query")
Make = Callable[..., Path]


def ask(sql: str, *paths: Path, **options: object) -> list[tuple[object, ...]]:
    with open_store(paths, **options) as store:  # type: ignore[arg-type]
        return [tuple(row.values()) for row in store.ask(sql).read_all().to_pylist()]


def test_each_value_has_a_row_with_its_place(make_library: Make) -> None:
    path = make_library("ss,1.60,100")
    (library,) = flow.read(path)
    table = value_table(library).to_pydict()
    expected = [  # one by one, from the tables
        (key.quantity, key.cell, row, float(value))
        for key, table_ in zip(library.keys, library, strict=True)
        for row, value in enumerate(table_.values.ravel())
    ]
    found = list(zip(table["quantity"], table["cell"], table["position"], table["value"], strict=True))
    assert found == expected
    place = next(
        i for i, (q, p, _) in enumerate(zip(table["quantity"], table["position"], found, strict=True)) if (q, p) == ("cell_rise", 5)
    )
    assert table["slew"][place] == pytest.approx(0.1e-9)
    assert table["load"][place] == pytest.approx(0.05e-12)
    area = next(i for i, q in enumerate(table["quantity"]) if q == "cell_leakage_power")
    assert (table["slew"][area], table["load"][area], table["unit"][area]) == (None, None, "W")


def test_slew_and_load_are_told_whichever_comes_first(make_library: Make) -> None:
    path = make_library("ss,1.60,100")
    text = path.read_text(encoding="utf-8")
    text = text.replace("input_transition_time", "input_net_transition")
    turned = text.replace("input_net_transition", "#").replace("total_output_net_capacitance", "input_net_transition")
    path.write_text(turned.replace("#", "total_output_net_capacitance"), encoding="utf-8")
    ((slew, load),) = ask("select max(slew), max(load) from values where quantity = 'cell_rise'", path)
    assert slew == pytest.approx(0.05e-9)
    assert load == pytest.approx(1e-12)


def test_corners_are_grouped(make_library: Make) -> None:
    paths = [make_library(corner) for corner in ("ss,1.60,100", "tt,1.80,25")]
    rows = ask(
        "select corner, process, voltage, temperature, count(*), max(value) from values"
        " where quantity = 'cell_rise' group by all order by 1",
        *paths,
    )
    assert [row[:5] for row in rows] == [("ss_100C_1v60", "ss", 1.6, 100.0, 18), ("tt_025C_1v80", "tt", 1.8, 25.0, 18)]
    k = 1.25 * (1.8 / 1.6) ** 1.5 * 1.075
    assert rows[0][5] == pytest.approx(k * 1e-9 * (0.02 + 0.2 * 1.0 + 2 * 0.05))


def test_a_filled_library_has_the_origins_and_intervals_beside_it(make_library: Make, tmp_path: Path) -> None:
    path = make_library("ss,1.60,100")
    (library,) = flow.read(path)
    filled = _predicted(library)
    points.write_values(filled, tmp_path / f"{path.name}.origin.parquet")
    sql = "select origin, count(*), max(upper / value) from values where corner = 'ss_100C_1v60' group by all"
    expected = [("predicted", len(library.values), pytest.approx(1.1))]
    assert ask(sql, path) == expected
    assert ask(sql, tmp_path / f"{path.name}.origin.parquet") == expected
    path.unlink()
    assert ask(sql, tmp_path / f"{path.name}.origin.parquet") == expected


def _predicted(library: Library) -> Library:
    origin = np.full(len(library.values), Origin.PREDICTED, dtype=np.uint8)
    return library.with_values(library.values, origin, library.values * 0.9, library.values * 1.1)


def test_what_a_store_keeps_is_taken_again_and_asked_alone(make_library: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, keep = make_library("ss,1.60,100"), tmp_path / "kept"
    sql = "select count(*), sum(value) from values"
    first = ask(sql, path, keep=keep)
    (file,) = keep.iterdir()
    stamp = file.stat().st_mtime_ns
    assert ask(sql, path, keep=keep) == first
    assert file.stat().st_mtime_ns == stamp
    assert ask(sql, keep) == first
    path.write_text(path.read_text(encoding="utf-8").replace("cell_leakage_power : 1", "cell_leakage_power : 2"), encoding="utf-8")
    assert ask(sql, path, keep=keep)[0][1] != first[0][1]
    assert len(list(keep.iterdir())) == 2


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("selec 1", "syntax error"),
        ("select nope from values", "nope"),
        ("select 1; select 2", "2 statements"),
        ("select * from read_csv('/etc/passwd')", "disabled by configuration"),
        ("copy (select 1) to 'out.csv'", "disabled by configuration"),
        ("install httpfs", "disabled by configuration"),
        ("set enable_external_access = true", "configuration"),
        ("select * from paths", "paths"),
    ],
)
def test_a_query_reads_the_tables_and_nothing_else(
    make_library: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str, problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_store([make_library("ss,1.60,100")]) as store, pytest.raises(UserError, match=problem):
        store.ask(sql)
    assert not (tmp_path / "out.csv").exists()


def test_answers_are_printed_and_written(make_library: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = make_library("ss,1.60,100")
    sql = "select cell, count(*) as n, null as nothing from values where quantity = 'cell_rise' group by all order by cell"
    assert run(["query", sql, str(path), "--json"]) == 0
    expected = [{"cell": "INV_1", "n": 9, "nothing": None}, {"cell": "INV_2", "n": 9, "nothing": None}]
    assert json.loads(capsys.readouterr().out) == expected
    assert run(["query", sql, str(path), "-o", str(tmp_path / "a.csv"), "--quiet"]) == 0
    assert (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines() == ['"cell","n","nothing"', '"INV_1",9,', '"INV_2",9,']
    assert run(["query", sql, str(path), "-o", str(tmp_path / "a.parquet")]) == 0
    assert capsys.readouterr().out.splitlines() == ["answer", "  rows     2", "  columns  3", f"  written  {tmp_path / 'a.parquet'}"]
    assert run(["query", sql, str(path), "--limit", "1"]) == 0
    assert "and more rows than 1" in capsys.readouterr().out
    assert run(["query", sql, str(path), "-o", str(tmp_path / "a.txt")]) == 2
    assert run(["query", sql, str(tmp_path / "absent.lib")]) == 2


def test_tables_of_ingest_are_results(repository: Path, tmp_path: Path) -> None:
    for name in ("tree.runs.parquet", "tree.runs.csv.gz"):
        result = flow.ingest(repository / "examples" / "hkmg22" / "hspice" / "ss_125C_0v72", output=tmp_path / name)
        assert ask("select count(*), count(value) from results", tmp_path / name) == [(result.rows, result.rows - result.failed)]


def test_batches_are_written_as_they_come(make_library: Make, tmp_path: Path) -> None:
    with open_store([make_library("ss,1.60,100")]) as store:
        count = write_answer(store.ask("select range as n from range(200000)"), tmp_path / "n.parquet")
    assert count == 200_000
