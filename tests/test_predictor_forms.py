"""Emitted predictors: C, Tcl, ONNX and skops give the numbers of the predictor itself, and refuse or flag what it does."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from test_gbr import CORNERS, LOADS, SLEWS, SMALL, arc, libraries

from eda_plugin.adapters import predictor as forms
from eda_plugin.adapters.predictor.baked import Baked, bake, paired
from eda_plugin.domain import Corner, TableKey
from eda_plugin.domain.predictor import Status, TreePredictor
from eda_plugin.errors import UserError
from eda_plugin.models.gbr import train_predictor

Floats = NDArray[np.float64]
BETWEEN = Corner("tt", 0.77, 60)


@pytest.fixture(scope="module")
def baked() -> Baked:
    """A small predictor; one table is completed at a corner, one corner is interpolated."""
    given = libraries(cells=5)
    lost = TableKey(*arc(3), "cell_rise")
    given[2] = given[2].take([row for row, key in enumerate(given[2].keys) if key != lost])
    return bake(train_predictor(given, settings=SMALL), [BETWEEN, CORNERS[0]])


def queries(baked: Baked, count: int) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats, Floats]:
    """Half within the tables, half outside of them on some side."""
    rng = np.random.default_rng(4)
    table, corner = (rng.integers(0, size, count).astype(np.int32) for size in baked.shape.shape[:2])
    spread = np.where(np.arange(count) % 2, 1.0, 0.4)
    slew = np.exp(rng.uniform(np.log(SLEWS[0] / spread), np.log(SLEWS[-1] / spread)))
    load = np.where(np.arange(count) % 7, np.exp(rng.uniform(np.log(LOADS[0] / spread), np.log(LOADS[-1] / spread))), 0.0)
    return table, corner, slew, load


def expected(baked: Baked, table: NDArray[np.int32], corner: NDArray[np.int32], slew: Floats, load: Floats) -> list[Floats]:
    """Value, lower, upper and status by the predictor itself."""
    found = [np.empty(len(table)) for _ in range(4)]
    for number, name in enumerate(baked.corners):
        at = np.flatnonzero(corner == number)
        answers = baked.predictor.evaluate(table[at].astype(np.int64), slew[at], load[at], name)
        for part, numbers in zip(found, map(np.asarray, answers), strict=True):
            part[at] = numbers
    return found


def in_c(baked: Baked, folder: Path, gcc: str) -> Callable[..., tuple[int, list[Floats]]]:
    forms.write_c(baked, folder / "p.c", "demo")
    options = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run([gcc, *options, "-o", folder / "p.so", folder / "p.c", "-lm"], check=True)
    function = ctypes.CDLL(str(folder / "p.so")).demo_predict

    def ask(*columns: NDArray[np.generic], bounds: bool = True) -> tuple[int, list[Floats]]:
        out = [np.full(len(columns[0]), 7.0) for _ in range(3)]
        status = np.zeros(len(columns[0]), dtype=np.uint8)
        arrays = [*columns, *out, status]
        pointers = [array.ctypes.data_as(ctypes.c_void_p) if bounds or place not in (5, 6) else None for place, array in enumerate(arrays)]
        told = function(ctypes.c_size_t(len(columns[0])), *pointers)
        return told, [*out, status.astype(np.float64)]

    return ask


def test_nodes_in_pairs_walk_to_the_same_leaves(baked: Baked) -> None:
    trees = baked.predictor.residual
    made = paired(trees)
    X = np.random.default_rng(0).normal(size=(50, baked.predictor.components.shape[1] + 9))
    total = np.full(len(X), made.baseline)
    for row, x in enumerate(X):
        for root in made.root:
            at = int(root)
            for _ in range(made.depth):
                at = int(made.left[at]) + int(x[made.feature[at]] > made.threshold[at])
            total[row] += made.value[at]
    np.testing.assert_allclose(total, trees.predict(X), rtol=0, atol=1e-12)


def test_c_gives_the_predictors_own_numbers(baked: Baked, tmp_path: Path, needs_tool: Callable[[str], str]) -> None:
    ask = in_c(baked, tmp_path, needs_tool("gcc"))
    asked = queries(baked, 3000)
    told, found = ask(*asked)
    for one, other in zip(found, expected(baked, *asked), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)
    assert told == np.count_nonzero(found[3])
    assert {0.0, 1.0, 2.0, 3.0, 4.0} <= set(found[3])
    values = ask(*asked, bounds=False)[1]
    np.testing.assert_array_equal(values[0], found[0])
    assert (values[1] == 7.0).all()  # not asked, not written


def test_c_refuses_what_has_no_answer(baked: Baked, tmp_path: Path, needs_tool: Callable[[str], str]) -> None:
    ask = in_c(baked, tmp_path, needs_tool("gcc"))
    table = np.array([0, -1, 20, 0, 0, 0, 0], dtype=np.int32)
    corner = np.array([0, 0, 0, 6, 0, 0, 0], dtype=np.int32)
    slew, load = np.array([1e-11, 1e-11, 1e-11, 1e-11, -1e-12, np.nan, 1e-11]), np.array([1e-15] * 6 + [np.inf])
    told, (value, lower, upper, status) = ask(table, corner, slew, load)
    assert told == 6
    assert status.tolist() == [0] + [int(Status.REFUSED)] * 6
    for part in (value, lower, upper):
        assert np.isfinite(part).tolist() == [True] + [False] * 6


def test_tcl_gives_the_predictors_own_numbers(baked: Baked, tmp_path: Path, needs_tool: Callable[[str], str]) -> None:
    forms.write_tcl(baked, tmp_path / "p.tcl", "demo")
    table, corner, slew, load = queries(baked, 150)
    names = baked.table_names
    lines = ["source p.tcl"]
    for t, c, s, x in zip(table, corner, slew, load, strict=True):
        lines.append(f"puts [demo::predict {{{names[t]}}} {baked.corners[c].name} {float(s)!r} {float(x)!r}]")
    wrong = ("absent 0 1e-11 1e-15", "0 absent 1e-11 1e-15", "0 0 -1 1e-15", "0 0 1e-11 few", "0 0 NaN 1e-15", "20 0 1e-11 1e-15")
    lines.extend(f"puts [catch {{demo::predict {query}}} said]; puts $said" for query in wrong)
    (tmp_path / "ask.tcl").write_text("\n".join(lines) + "\n")
    said = subprocess.run([needs_tool("tclsh"), "ask.tcl"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.splitlines()
    found = np.array([line.split() for line in said[:150]], dtype=np.float64).T
    for one, other in zip(found, expected(baked, table, corner, slew, load), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)
    assert said[150::2] == ["1"] * 6
    assert "no table 'absent'" in said[151]
    assert "the slew is '-1'" in said[155]


def test_opensta_sources_the_tcl_form(baked: Baked, tmp_path: Path, needs_tool: Callable[[str], str]) -> None:
    forms.write_tcl(baked, tmp_path / "p.tcl", "demo")
    (tmp_path / "ask.tcl").write_text('source p.tcl\nputs "answer [demo::predict 2 1 4e-11 3e-15]"\nexit\n')
    said = subprocess.run([needs_tool("opensta"), "-no_splash", "ask.tcl"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    answer = next(line.split()[1:] for line in said.splitlines() if line.startswith("answer"))
    one = (np.array([2], dtype=np.int32), np.array([1], dtype=np.int32), np.array([4e-11]), np.array([3e-15]))
    np.testing.assert_allclose(np.array(answer, dtype=np.float64), np.concatenate(expected(baked, *one)), rtol=1e-9)


@pytest.mark.parametrize("intervals", [False, True])
def test_onnx_gives_the_predictors_own_numbers(baked: Baked, tmp_path: Path, intervals: bool) -> None:
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    forms.write_onnx(baked, tmp_path / "p.onnx", intervals=intervals)
    onnx.checker.check_model(onnx.load(tmp_path / "p.onnx"), full_check=True)
    session = runtime.InferenceSession(tmp_path / "p.onnx", providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map["tables"].split("\n") == baked.table_names
    table, corner, slew, load = queries(baked, 3000)
    wrong = np.arange(3000) % 100 == 0
    strange = {"table": np.where(wrong, -1, table).astype(np.int64), "corner": corner.astype(np.int64), "slew": slew, "load": load}
    found = session.run(None, strange)
    true = expected(baked, table, corner, slew, load)
    order = [0, 3, 1, 2] if intervals else [0, 3]
    for one, other in zip(found, [true[place] for place in order], strict=True):
        np.testing.assert_allclose(one[~wrong], other[~wrong], rtol=1e-6)
    assert np.isnan(found[0][wrong]).all()
    assert set(found[1][wrong].tolist()) == {int(Status.REFUSED)}
    # A batch that lies within the tables takes the graph's other branch.
    inside = np.flatnonzero(true[3].astype(np.int64) & Status.GRID == 0)
    assert 0 < len(inside) < 3000
    columns = {"table": table.astype(np.int64), "corner": corner.astype(np.int64), "slew": slew, "load": load}
    for one, place in zip(session.run(None, {name: part[inside] for name, part in columns.items()}), order, strict=True):
        np.testing.assert_allclose(one, true[place][inside], rtol=1e-6)


def test_leakage_and_constraints_have_forms_too(tmp_path: Path, needs_tool: Callable[[str], str]) -> None:
    gcc = needs_tool("gcc")
    numbers = predictor_of_leakage()
    baked = bake(numbers, [BETWEEN])
    ask = in_c(baked, tmp_path, gcc)
    n = len(numbers.keys)
    asked = (np.arange(n, dtype=np.int32), np.full(n, 1, dtype=np.int32), np.zeros(n), np.zeros(n))
    for one, other in zip(ask(*asked)[1], expected(baked, *asked), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def leakage(corner: Corner) -> Floats:
    """Of three made-up cells, in W."""
    return np.asarray((1 + np.arange(3)) * 1e-12 * np.exp(8 * corner.voltage + corner.temperature / 40))


def predictor_of_leakage() -> TreePredictor:
    from eda_plugin.domain import Library, Origin, Table

    made = []
    for corner in CORNERS:
        tables = []
        for cell in range(3):
            key = TableKey(f"c{cell}", "", "", "leakage", "", "", "cell_leakage_power")
            tables.append(Table(key, (), leakage(corner)[cell], np.array(Origin.MEASURED, dtype=np.uint8)))
        made.append(Library.from_tables(tables, name=corner.name, corner=corner))
    return train_predictor(made, kind="leakage")


def test_leakage_is_kept_at_known_corners_and_kriged_between() -> None:
    model = predictor_of_leakage()
    rows, none = np.arange(3), np.zeros(3)
    for corner in CORNERS:
        value, lower, upper, status = model.evaluate(rows, none, none, corner)
        np.testing.assert_allclose(value, leakage(corner), rtol=1e-6)
        np.testing.assert_array_equal(lower, upper)
        assert not status.any()
    value, lower, upper, status = model.evaluate(rows, none, none, BETWEEN)
    np.testing.assert_allclose(value, leakage(BETWEEN), rtol=0.6)
    assert (lower < upper).all()
    assert (status == Status.CORNER).all()


def test_absent_packages_and_wrong_names_are_told(baked: Baked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UserError, match=r"install eda-plugin\[onnx\]"):
        forms.write_onnx(baked, tmp_path / "p.onnx", intervals=False)
    for write in (forms.write_c, forms.write_tcl):
        with pytest.raises(UserError, match="'9 lives' is no name"):
            write(baked, tmp_path / "p", "9 lives")
    assert not list(tmp_path.iterdir())
