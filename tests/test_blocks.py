"""Libraries in blocks of cells: how they are cut, joined again, and written part by part."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import eda_plugin as ep
from eda_plugin.adapters.points import sidecar
from eda_plugin.domain import Library
from eda_plugin.flow import blocks
from eda_plugin.flow.blocks import blocks_of, merged

CELLS = tuple(f"INV_{size}" for size in range(1, 9))


@pytest.fixture
def library(make_library: Callable[..., Path]) -> Library:
    return ep.read(make_library("ss,1.60,25", cells=CELLS))[0]


def test_a_small_library_is_one_block(library: Library) -> None:
    assert set(blocks_of(library, [library]).values()) == {0}


def test_a_large_one_is_cut_between_cells_into_even_blocks(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(library.values) // len(CELLS)
    monkeypatch.setattr(blocks, "VALUES", 2 * size)
    assert [blocks_of(library, [library])[cell] for cell in CELLS] == [0, 0, 1, 1, 2, 2, 3, 3]
    monkeypatch.setattr(blocks, "VALUES", 10**9)
    monkeypatch.setattr(blocks, "NUMBERS", 6 * len(library.values) // 2)
    assert [blocks_of(library, [library] * 6)[cell] for cell in CELLS] == [0] * 4 + [1] * 4
    monkeypatch.setattr(blocks, "NUMBERS", 1)
    assert [blocks_of(library, [library])[cell] for cell in CELLS] == list(range(8)), "a block holds a cell at least"


def test_cells_of_the_anchors_alone_are_in_a_block_too(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    less = library.take([row for row, key in enumerate(library.keys) if key.cell != "INV_8"])
    monkeypatch.setattr(blocks, "VALUES", len(library.values) // 4)
    number = blocks_of(replace(less, cells=less.cells[:7]), [library])
    assert number["INV_8"] == 0
    assert number["INV_7"] > 0


def test_parts_joined_are_the_library_in_its_own_order(library: Library) -> None:
    rows = np.arange(len(library))
    parts = [library.take(rows[rows % 3 == n]) for n in (2, 0, 1)]
    whole = Library.joined(parts, library.keys)
    assert whole.keys == library.keys
    np.testing.assert_array_equal(whole.values, library.values)
    for one, two in zip(whole, library, strict=True):
        assert [(axis.variable, axis.values.tolist()) for axis in one.axes] == [(axis.variable, axis.values.tolist()) for axis in two.axes]
    assert Library.joined(parts).keys == tuple(key for part in parts for key in part.keys)


def test_a_library_sent_elsewhere_arrives_as_it_was(library: Library) -> None:
    assert library.position
    again = pickle.loads(pickle.dumps(library))
    assert "position" not in vars(again)
    assert again.keys == library.keys
    np.testing.assert_array_equal(again.values, library.values)
    with pytest.raises(ValueError, match="read-only"):
        again.values[0] = 1.0


def test_reports_become_one() -> None:
    reports: list[dict[str, object]] = [
        {"timing": {"model": "ridge", "error": 1.0, "none": None}, "seconds_by_stage": {"align": 1.0}, "same": "a"},
        {"timing": {"model": "nearest", "error": 4.0, "none": None}, "seconds_by_stage": {"align": 2.5, "more": 1.0}, "same": "a"},
        {"timing": {"model": "ridge", "error": None, "none": None}, "seconds_by_stage": {}, "same": "b"},
    ]
    assert merged(reports, [1, 2, 5]) == {
        "timing": {"model": "ridge", "error": 3.0, "none": None},
        "seconds_by_stage": {"align": 3.5, "more": 1.0},
        "same": "a",
    }


@pytest.mark.parametrize("name", ["values.parquet", "values.csv", "values.csv.gz"])
def test_values_written_in_parts_read_as_those_written_at_once(
    library: Library, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = tmp_path / name, tmp_path / f"parts-{name}"
    sidecar.write_values(library, whole)
    monkeypatch.setattr(sidecar, "PART", 100)
    sidecar.write_values(library, parts)
    assert sidecar.read_values(parts).to_pylist() == sidecar.read_values(whole).to_pylist()
    if name == "values.csv":
        assert parts.read_bytes() == whole.read_bytes()
