"""The doctor: what is there, what lacks, and what it advises."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from eda_plugin.cli.app import run
from eda_plugin.flow import doctor
from eda_plugin.flow.doctor import Item, examine
from eda_plugin.flow.runs.facts import requirements
from eda_plugin.flow.tested import TESTED
from eda_plugin.hooks.manager import Plugins


def by_name(items: list[Item]) -> dict[str, Item]:
    return {item.name: item for item in items}


@pytest.fixture
def programs(tmp_path: Path) -> Callable[[str, str], str]:
    """``programs("ngspice", script)`` puts a program into the folder whose name it returns."""

    def make(name: str, script: str) -> str:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
        return str(folder)

    return make


def test_a_sound_installation_has_nothing_broken(tmp_path: Path) -> None:
    items = examine(Plugins.load(), search=str(tmp_path))
    assert [item for item in items if item.status == "broken"] == []
    found = by_name(items)
    assert found["numpy"].found.startswith(metadata.version("numpy"))
    assert found["ngspice"].status == "note"
    assert "PATH" in found["ngspice"].advice
    assert found["builtin"].found == "built-in"
    assert all(item.advice for item in items if item.status != "ok")


def test_programs_tell_their_versions(programs: Callable[[str, str], str]) -> None:
    programs("ngspice", "echo '******'; echo '** ngspice-44.2 : Circuit level simulation program'")
    programs("yosys", "echo 'Yosys 0.52 (git sha1 fee39a3284c90249e1d9684cf6944ffbbcbb8f90)'")
    programs("sta", "echo 2.7.0")
    programs("hspice", "echo 'cannot reach the licence server' >&2; exit 3")
    found = by_name(examine(Plugins.load(), search=programs("Xyce", "echo 'Xyce Release 7.8.0-opensource'")))
    assert [found[name].found.split(":")[0] for name in ("ngspice", "yosys", "OpenSTA", "Xyce")] == [
        "44.2",
        "0.52",
        "2.7.0",
        "7.8.0-opensource",
    ]
    assert found["hspice"].status == "note"
    assert "ended with status 3" in found["hspice"].found
    assert "licence" in found["hspice"].advice


def test_a_package_that_is_missing_or_too_old_is_broken(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    stated = {**requirements(), "numpy": ("99.0", ()), "no-such-package": ("1.0", ()), "no-such-tool": ("2.0", ("plots",))}
    monkeypatch.setattr(doctor, "requirements", lambda: stated)
    monkeypatch.setenv("PATH", "")
    assert run(["doctor", "--json"]) == 1
    told = capsys.readouterr()
    assert "2 needed things are broken: numpy, no-such-package" in told.err
    answer = json.loads(told.out)
    assert answer["healthy"] is False
    found = {item["name"]: item for item in answer["items"]}
    assert found["numpy"]["advice"] == "99.0 or newer is needed: pip install 'numpy>=99.0'"
    assert found["no-such-package"]["found"] == "not installed"
    assert found["plots"]["status"] == "note"
    assert "brings no-such-tool" in found["plots"]["advice"]


def test_a_broken_plugin_and_an_odd_setting_are_told(install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install("crooked", "raise RuntimeError('no luck')\n")
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    with pytest.warns(UserWarning, match="no luck"):
        plugins = Plugins.load()
    found = by_name(examine(plugins, search=str(tmp_path)))
    assert found["crooked"].status == "broken"
    assert "--disable-plugin crooked" in found["crooked"].advice
    assert found["threads"].advice == "set OMP_NUM_THREADS to a number, or not at all"


def test_cache_and_disk_are_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "a.arrow").write_bytes(bytes(3_000_000))
    monkeypatch.setenv("EDA_PLUGIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(doctor, "ROOM", 1 << 60)
    found = by_name(list(doctor._folders()))
    assert found["cache"].found.endswith("1 files, 3 MB")
    assert found["working folder"].status == "note"
    assert "no room" in found["working folder"].advice


def test_tested_versions_are_those_of_the_constraints(repository: Path) -> None:
    text = (repository / "constraints.txt").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)$", text, flags=re.MULTILINE))
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [text for extra, texts in project["optional-dependencies"].items() if extra != "dev" for text in texts]
    asked = {re.split(r"[^\w.-]", text)[0] for text in (*project["dependencies"], *extras)}
    assert {name: version for name, version in pinned.items() if name in asked} == TESTED
