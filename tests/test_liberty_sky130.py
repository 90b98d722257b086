"""The Liberty adapters on a foundry's library, beside liberty-parser and the benchmark's own reader."""

from __future__ import annotations

import gzip
import importlib.util
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eda_plugin.adapters import liberty
from eda_plugin.domain import Corner, Library, TableKey
from eda_plugin.domain.quantity import CAPACITANCE, CONSTRAINT, LIMIT, POWER, TIMING, si_unit

Key = tuple[str, str, str, str, str, str, str]
NAME = "sky130_fd_sc_hd__tt_025C_1v80.lib.gz"


@pytest.fixture(scope="module")
def text(sky130: Path) -> bytes:
    return gzip.decompress((sky130 / NAME).read_bytes())


@pytest.fixture(scope="module")
def document(sky130: Path) -> liberty.Document:
    return liberty.open_document(sky130 / NAME)


@pytest.fixture(scope="module")
def library(document: liberty.Document) -> Library:
    return document.library()


@pytest.fixture(scope="module")
def bench(shared_data: Path) -> Path:
    folder = shared_data.parent / "bench"
    if not folder.is_dir():
        pytest.skip("shared data absent: ../shared/bench")
    return folder


def plain(value: Any) -> str:
    return str(value).strip('"')


def numbers(value: Any) -> list[float]:
    rows = value if isinstance(value, list) else [value]
    return [float(word) for row in rows for word in plain(row).replace(",", " ").split()]


def by_liberty_parser(text: str) -> Iterator[tuple[Key, list[float], list[list[float]]]]:
    """Key without ``nth``, values and own indices of every table and number that liberty-parser finds."""
    from liberty.parser import parse_liberty

    def said(group: Any, name: str) -> str:
        found = group.get_attribute(name)
        return "" if found is None else plain(found)

    for cell in parse_liberty(text).get_groups("cell"):
        name = plain(cell.args[0])
        if "cell_leakage_power" in cell:
            yield (name, "", "", "leakage", "", "", "cell_leakage_power"), numbers(cell["cell_leakage_power"]), []
        for group in cell.get_groups("leakage_power"):
            key = (name, "", said(group, "related_pg_pin"), "leakage", "", said(group, "when"), "leakage_power")
            yield key, numbers(group["value"]), []
        for pin in cell.get_groups("pin"):
            where = plain(pin.args[0])
            for scalar in (*CAPACITANCE, *LIMIT):
                if scalar in pin:
                    yield (name, where, "", "pin", "", "", scalar), numbers(pin[scalar]), []
            for kind in ("timing", "internal_power"):
                for group in pin.get_groups(kind):
                    first, second = said(group, "timing_type") or "combinational", said(group, "timing_sense")
                    if kind == "internal_power":
                        first, second = kind, said(group, "related_pg_pin")
                    for table in group.groups:
                        if table.group_name in (*TIMING, *CONSTRAINT, *POWER):
                            key = (name, where, said(group, "related_pin"), first, second, said(group, "when"), table.group_name)
                            axes = [numbers(table[index]) for index in ("index_1", "index_2") if index in table]
                            yield key, numbers(table["values"]), axes


def every_corner() -> list[str]:
    """With EDA_PLUGIN_EVERY_CORNER=1 all sixteen, which takes minutes: liberty-parser reads 4 MB/s."""
    names = sorted(path.name for path in (Path(__file__).parents[2] / "shared" / "data" / "sky130_fd_sc_hd").glob("*.lib.gz"))
    return names if os.environ.get("EDA_PLUGIN_EVERY_CORNER") == "1" and names else [NAME]


@pytest.mark.parametrize("name", every_corner())
def test_all_tables_indices_and_scalars_equal_those_of_liberty_parser(sky130: Path, name: str) -> None:
    document = liberty.open_document(sky130 / name)
    library = document.library()
    seen: Counter[Key] = Counter()
    for base, values, axes in by_liberty_parser(document.text.decode()):
        key = TableKey(*base, seen[base])
        seen[base] += 1
        table = library[key]
        factor = document.header.factor(si_unit(key.quantity))
        assert table.values.ravel().tolist() == [value * factor for value in values], key
        for axis, index in zip(table.axes, axes, strict=False):
            unit = document.header.capacitance if axis.is_load else document.header.time
            assert axis.values.tolist() == [value * unit for value in index], key
    assert seen.total() == len(library)


def test_keys_and_shapes_equal_those_of_the_neutral_reader(bench: Path, text: bytes, library: Library) -> None:
    spec = importlib.util.spec_from_file_location("libtables", bench / "libtables.py")
    if spec is None or spec.loader is None:
        pytest.fail("libtables.py cannot be loaded")
    neutral = importlib.util.module_from_spec(spec)
    sys.modules["libtables"] = neutral
    spec.loader.exec_module(neutral)
    theirs = {table.key: table for table in neutral.read_text(text.decode(), (*TIMING, *CONSTRAINT, *POWER))}
    mine = {key for key in library.keys if key.timing_type not in ("leakage", "pin")}
    assert mine == set(theirs)
    for key in mine:
        shape = tuple(n for n in (len(theirs[key].index_1), len(theirs[key].index_2)) if n)
        assert library[key].values.shape == shape
    assert len(neutral.read_scalars(text.decode())) == sum(
        key.quantity not in LIMIT for key in library.keys if key.timing_type in ("leakage", "pin")
    )


@pytest.mark.parametrize("name", every_corner())
def test_round_trip_is_byte_for_byte(tmp_path: Path, sky130: Path, name: str) -> None:
    library = liberty.read(sky130 / name, cache=False)
    report = liberty.write(library, tmp_path / "out.lib")
    assert (tmp_path / "out.lib").read_bytes() == gzip.decompress((sky130 / name).read_bytes())
    assert report.kept == len(library)


def test_a_blanked_corner_filled_with_the_truth_is_the_truth(
    tmp_path: Path, bench: Path, sky130: Path, text: bytes, library: Library
) -> None:
    command = [sys.executable, str(bench / "blank_lib.py"), str(sky130 / NAME), "blank.lib"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    report = liberty.write(library, tmp_path / "out.lib", template=tmp_path / "blank.lib")
    assert (tmp_path / "out.lib").read_bytes() == text
    assert report.replaced == 0


def test_a_template_of_another_corner_follows_the_target(
    tmp_path: Path, sky130: Path, document: liberty.Document, library: Library
) -> None:
    other = liberty.open_document(sky130 / NAME.replace("tt_025C_1v80", "tt_100C_1v80"))
    target = liberty.read(sky130 / NAME.replace("tt_025C_1v80", "tt_100C_1v80"), cache=False)
    assert set(target.keys) == set(library.keys), "in another order"
    liberty.write(target, tmp_path / "out.lib", template=document)
    back = liberty.read(tmp_path / "out.lib", cache=False)
    assert (back.corner, back.name) == (Corner("tt", 1.8, 100), target.name)
    for key in target.keys:
        mine, theirs = back[key], target[key]
        np.testing.assert_allclose(mine.values, theirs.values, rtol=1e-8, err_msg=str(key))
        for axis, true_axis in zip(mine.axes, theirs.axes, strict=True):
            np.testing.assert_allclose(axis.values, true_axis.values, rtol=1e-9, err_msg=str(key))
    head, true_head = (path.splitlines()[:70] for path in ((tmp_path / "out.lib").read_text(), other.text.decode()))
    assert [line for line in head if line not in true_head] == []
