"""Reading many libraries, and reading them again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from eda_plugin.adapters import liberty
from eda_plugin.adapters.liberty import cache, reading
from eda_plugin.domain import Corner, Library
from eda_plugin.errors import ParseError, UserError

FORMS = Path(__file__).parent / "data" / "liberty" / "forms.lib"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDA_PLUGIN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "liberty"


def same(a: Library, b: Library) -> bool:
    plain = (a.name, a.corner, a.header, a.keys, str(a.cells), a.source) == (b.name, b.corner, b.header, b.keys, str(b.cells), b.source)
    arrays = ((a.values, b.values), (a.axis, b.axis), (a.origin, b.origin))
    return plain and all(np.array_equal(x, y, equal_nan=True) and x.dtype == y.dtype for x, y in arrays)


def test_what_comes_from_the_cache_is_what_was_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = liberty.read(FORMS)
    assert len(list(folder.iterdir())) == 1
    monkeypatch.setattr(reading, "open_document", lambda *_: pytest.fail("the text was read again"))
    second = liberty.read(FORMS)
    assert same(first, second)
    assert [(a.variable, a.values.tolist()) for a in first.axes] == [(a.variable, a.values.tolist()) for a in second.axes]
    assert same(liberty.read(FORMS, corner=Corner("ff", 1, 0)), replace(first, corner=Corner("ff", 1, 0)))


def test_changed_bytes_or_another_name_are_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.lib"
    path.write_bytes(FORMS.read_bytes())
    before = liberty.read(path)
    path.write_bytes(FORMS.read_bytes().replace(b"7.5", b"8.5"))
    assert not np.array_equal(liberty.read(path).values, before.values)


def test_a_corner_given_once_is_not_remembered_as_the_files_own(tmp_path: Path) -> None:
    path = tmp_path / "plain.lib"
    path.write_text("library (cells) { cell (X) { cell_leakage_power : 1; } }")
    assert liberty.read(path, corner=Corner("ss", 1, 25)).corner == Corner("ss", 1, 25)
    with pytest.raises(UserError, match="cannot be told"):
        liberty.read(path)


@pytest.mark.parametrize("damage", [b"", b"ARROW1 no", None])
def test_a_damaged_entry_is_as_if_it_were_not_there(folder: Path, damage: bytes | None) -> None:
    first = liberty.read(FORMS)
    (entry,) = folder.iterdir()
    entry.write_bytes(entry.read_bytes()[:-100] if damage is None else damage)
    assert same(liberty.read(FORMS), first)
    assert same(liberty.read(FORMS), first)


def test_a_cache_that_cannot_be_written_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("EDA_PLUGIN_CACHE", str(tmp_path / "file"))
    assert len(liberty.read(FORMS)) == 43


def test_the_cache_is_bounded(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_LIMIT", 1)
    for number in range(3):
        liberty.read(FORMS)
        path = tmp_path / f"{number}.lib"
        path.write_bytes(FORMS.read_bytes())
        liberty.read(path)
    assert list(folder.iterdir()) == []


def test_the_folder_follows_the_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("EDA_PLUGIN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert cache.user_folder() == tmp_path / "eda_plugin"


@pytest.mark.parametrize("cached", [False, True])
def test_many_are_read_in_order_by_any_number_of_workers(tmp_path: Path, cached: bool) -> None:
    paths = []
    for number in range(3):
        paths.append(tmp_path / f"{number}.lib")
        paths[-1].write_bytes(FORMS.read_bytes().replace(b"7.5", f"{number}.5".encode()))
    corners = [None, Corner("ss", 1, 25), None]
    alone = liberty.read_many(paths, corners, workers=1, cache=False)
    together = liberty.read_many(paths, corners, workers=2, cache=cached)
    assert [library.source for library in together] == list(map(str, paths))
    assert together[1].corner == Corner("ss", 1, 25)
    assert all(same(a, b) for a, b in zip(alone, together, strict=True))


def test_many_with_one_broken_names_it(tmp_path: Path) -> None:
    broken = tmp_path / "broken.lib"
    broken.write_text("library (x) {")
    with pytest.raises(ParseError, match=r"broken.lib:1:1: the group library \(x\) is never closed"):
        liberty.read_many([FORMS, broken], workers=2)
    with pytest.raises(UserError, match="1 libraries and 2 corners"):
        liberty.read_many([FORMS], [None, None])
    assert liberty.read_many([]) == []


def test_the_command_leaves_the_cache_alone_where_asked_to(
    make_library: Callable[..., Path], command: Callable[..., CompletedProcess[str]], folder: Path
) -> None:
    path = make_library("tt,1.80,25")
    for arguments in (("inspect", path), ("check", path), ("compare", path, path), ("plan", path, "--target", "tt,1.8,30", "-o", "p.csv")):
        done = command(*arguments, "--no-cache", "--quiet") if arguments[0] != "plan" else command(*arguments, "--no-cache")
        assert done.returncode in (0, 1), done.stderr
        assert not folder.exists()
    command("inspect", path)
    assert len(list(folder.iterdir())) == 1
