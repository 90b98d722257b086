"""LVF tables put into a library's text: nothing else changes, they read back, OpenSTA takes them."""

from __future__ import annotations

import difflib
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eda_plugin.adapters import liberty
from eda_plugin.domain import Axis, Library, Origin, Table, TableKey
from eda_plugin.errors import TableError

FORMS = Path(__file__).parent / "data" / "liberty" / "forms.lib"
SLEW = Axis("input_net_transition", np.array([2e-12, 2e-11, 2e-10]))
LOAD = Axis("total_output_net_capacitance", np.array([1e-16, 1e-15]))
MOMENTS = ("ocv_sigma_{}:early", "ocv_sigma_{}:late", "ocv_mean_shift_{}", "ocv_std_dev_{}", "ocv_skewness_{}")


@pytest.fixture
def forms() -> Library:
    return liberty.read(FORMS, cache=False)


@pytest.fixture
def hkmg22(repository: Path) -> Path:
    return repository / "examples" / "hkmg22" / "lib" / "hkmg22_tt_025C_0v80.lib"


def table(key: TableKey, quantity: str, axes: tuple[Axis, ...] = (SLEW, LOAD), scale: float = 1e-12) -> Table:
    shape = tuple(len(axis) for axis in axes)
    values = scale * (1 + np.arange(np.prod(shape, dtype=int))).reshape(shape) / 7
    return Table(key._replace(quantity=quantity), axes, values, np.full(shape, Origin.PREDICTED, dtype=np.uint8))


def five(key: TableKey) -> list[Table]:
    return [table(key, form.format(key.quantity)) for form in MOMENTS]


def sigmas(path: Path) -> list[str]:
    return [key.quantity for key in liberty.read(path, cache=False).keys if key.quantity.startswith("ocv_sigma_cell_rise")]


def removed_and_added(before: Path, after: Path) -> tuple[list[str], list[str]]:
    lines = list(difflib.unified_diff(before.read_text().splitlines(), after.read_text().splitlines(), n=0, lineterm=""))
    return [line for line in lines[2:] if line[0] == "-"], [line for line in lines[2:] if line[0] == "+"]


def test_tables_read_back_and_nothing_else_changes(hkmg22: Path, tmp_path: Path) -> None:
    before = liberty.read(hkmg22, cache=False)
    keys = [key for key in before.keys if key.quantity in ("cell_rise", "fall_transition") and key.cell in ("NOT", "FA")]
    tables = [one for key in keys for one in five(key)]
    report = liberty.add_variation(hkmg22, tables, tmp_path / "out.lib")
    assert (report.added, report.replaced, report.templates) == (5 * len(keys), 0, ("lvf_3x2",))
    after = liberty.read(tmp_path / "out.lib", cache=False)
    for one in tables:
        got = after[one.key]
        assert got.values == pytest.approx(one.values, rel=1e-8)
        assert [axis.values.tolist() for axis in got.axes] == [pytest.approx(axis.values) for axis in one.axes]
        assert [axis.variable for axis in got.axes] == [axis.variable for axis in one.axes]
    assert set(after.keys) - set(before.keys) == {one.key for one in tables}
    removed, added = removed_and_added(hkmg22, tmp_path / "out.lib")
    assert not removed
    assert sum("ocv_" in line for line in added) == len(tables)


def test_the_nominal_template_serves_where_it_fits(hkmg22: Path, tmp_path: Path) -> None:
    library = liberty.read(hkmg22, cache=False)
    key = next(key for key in library.keys if key.quantity == "cell_rise")
    axes = library[key].axes
    report = liberty.add_variation(hkmg22, [table(key, "ocv_std_dev_cell_rise", axes)], tmp_path / "out.lib")
    assert report.templates == ()
    assert "ocv_std_dev_cell_rise (delay_7x7) {" in (tmp_path / "out.lib").read_text()


def test_a_table_that_is_there_is_replaced(forms: Library, tmp_path: Path) -> None:
    key = next(key for key in forms.keys if key.quantity == "cell_rise")
    late = table(key, "ocv_sigma_cell_rise:late")
    liberty.add_variation(FORMS, [late], tmp_path / "one.lib")
    one = liberty.read(tmp_path / "one.lib", cache=False)
    early = late.key._replace(quantity="ocv_sigma_cell_rise:early")
    assert one[late.key].values == pytest.approx(late.values)
    assert one[early].values.tolist() == forms[early].values.tolist(), "the other side stays"
    both = table(key, "ocv_sigma_cell_rise")
    report = liberty.add_variation(tmp_path / "one.lib", [both], tmp_path / "two.lib")
    assert report.replaced == 2
    sigmas = [
        key.quantity for key in liberty.read(tmp_path / "two.lib", cache=False).keys if key.quantity.startswith("ocv_sigma_cell_rise")
    ]
    assert sigmas == ["ocv_sigma_cell_rise"]
    liberty.add_variation(tmp_path / "two.lib", [late], tmp_path / "three.lib")
    sigmas = [
        key.quantity for key in liberty.read(tmp_path / "three.lib", cache=False).keys if key.quantity.startswith("ocv_sigma_cell_rise")
    ]
    assert sigmas == ["ocv_sigma_cell_rise:late"], "a table for one side takes the place of one for both"


def test_scalars_other_orders_and_compression(forms: Library, tmp_path: Path) -> None:
    key = next(key for key in forms.keys if key.quantity == "cell_fall")
    tables = [table(key, "ocv_std_dev_cell_fall", (LOAD, SLEW)), table(key, "ocv_mean_shift_cell_fall", ())]
    liberty.add_variation(FORMS, tables, tmp_path / "out.lib.gz", note="sigma made by a test")
    after = liberty.read(tmp_path / "out.lib.gz", cache=False)
    for one in tables:
        assert after[one.key].values == pytest.approx(one.values)
    assert [axis.variable for axis in after[tables[0].key].axes] == [LOAD.variable, SLEW.variable]
    import gzip

    text = gzip.decompress((tmp_path / "out.lib.gz").read_bytes()).decode()
    assert "sigma made by a test" in text
    assert "ocv_std_dev_cell_fall (swapped)" in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: replace(one, values=one.values * np.nan), "missing or not finite"),
        (lambda one: replace(one, values=-one.values), "is negative"),
        (lambda one: replace(one, key=one.key._replace(quantity="ocv_kurtosis_cell_rise")), "no LVF table"),
        (lambda one: replace(one, key=one.key._replace(quantity="ocv_skewness_cell_rise:late")), "no LVF table"),
        (lambda one: replace(one, key=one.key._replace(quantity="ocv_sigma_rise_constraint:late")), "no early and late side"),
        (lambda one: replace(one, key=one.key._replace(related_pin="Z9")), "has no cell_rise of this arc"),
    ],
)
def test_what_cannot_be_written_is_refused(forms: Library, tmp_path: Path, change: Callable[[Table], Table], said: str) -> None:
    good = table(next(key for key in forms.keys if key.quantity == "cell_rise"), "ocv_sigma_cell_rise:late")
    with pytest.raises(TableError, match=said):
        liberty.add_variation(FORMS, [good, change(good)], tmp_path / "out.lib")
    assert not (tmp_path / "out.lib").exists()


def test_opensta_reads_it_without_a_word(hkmg22: Path, tmp_path: Path, needs_tool: Callable[[str], str]) -> None:
    library = liberty.read(hkmg22, cache=False)
    quantities = ("cell_rise", "cell_fall", "rise_transition", "fall_transition")
    tables = [one for key in library.keys if key.quantity in quantities for one in five(key)]
    liberty.add_variation(hkmg22, tables, tmp_path / "out.lib")
    script = tmp_path / "read.tcl"
    script.write_text(f'read_liberty {tmp_path / "out.lib"}\nputs "cells [llength [get_lib_cells */*]]"\n')
    done = subprocess.run([needs_tool("opensta"), "-no_splash", "-exit", script], capture_output=True, text=True, check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert said == ["cells 13"]
