"""The example host: a flow that knows nothing of this package simulates what the plan asks, and a corner comes out."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import eda_plugin as ep
from eda_plugin.errors import UserError
from eda_plugin.hooks import hookimpl
from eda_plugin.hooks.manager import Plugins
from eda_plugin.hooks.registries import Host
from eda_plugin.hooks.testing import faults

Command = Callable[..., subprocess.CompletedProcess[str]]
CORNERS = ("ss,1.60,25", "ss,1.80,25", "ss,1.80,100", "tt,1.60,25", "tt,1.80,25", "tt,1.80,100", "ff,1.95,25")


def module(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def minichar(repository: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The host's flow, importable as its plugin imports it."""
    folder = repository / "examples" / "minimal_host"
    monkeypatch.syspath_prepend(folder)
    loaded = module(folder / "minichar.py", "minichar")
    monkeypatch.setitem(sys.modules, "minichar", loaded)
    return loaded


def plugins_with(simulate: Callable[[Path, Path, str], object]) -> Plugins:
    plugins = Plugins()
    made = SimpleNamespace(EDA_PLUGIN_HOOKS="1.1", register_hosts=hookimpl(lambda registry: registry.add(Host("mine", "", simulate))))
    plugins.register(made, "mine")
    return plugins


def test_the_host_registers_in_ten_lines(repository: Path, minichar: ModuleType) -> None:
    path = repository / "examples" / "minimal_host" / "minichar_host.py"
    text = path.read_text(encoding="utf-8")
    assert len([line for line in text.splitlines() if line.strip()]) <= 10
    assert "eda_plugin" not in Path(str(minichar.__file__)).read_text(encoding="utf-8")
    assert faults(module(path, "minichar_host")) == []


def test_a_corner_is_planned_simulated_and_filled(repository: Path, minichar: ModuleType, tmp_path: Path, command: Command) -> None:
    folder, site = tmp_path / "lib", tmp_path / "site"
    assert minichar.main([str(folder), *CORNERS]) == 0
    truth = ep.read(minichar.characterize(("ss", 1.6, 100.0), tmp_path))[0]
    info = site / "eda_plugin_minichar-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: eda-plugin-minichar\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[eda_plugin]\nminichar = minichar_host\n")
    where = {"PYTHONPATH": os.pathsep.join([str(site), str(repository / "examples" / "minimal_host"), str(repository)])}
    assert json.loads(command("plugins", "--json", **where).stdout)["hosts"] == {"minichar": "alpha-power inverters and gates"}
    ran = command(
        "run", "minichar", folder, "--target", "ss,1.60,100", "--budget", "10%", "-o", "filled.lib", "--model", "ridge", "--json", **where
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert (told["host"], told["measured"], told["simulations"]) == ("minichar", 19, 192)
    filled = ep.read(tmp_path / "filled.lib")[0]
    assert ep.compare(filled, truth).groups["timing"].mape_pct < 2
    rows = (tmp_path / "filled.lib.run" / "ss_100C_1v60.measured.csv").read_text().splitlines()
    assert len(rows) == 20
    absent = command("run", "nosuch", folder, "--target", "ss,1.60,100", "-o", "x.lib", **where)
    assert absent.returncode == 2
    assert "unknown host 'nosuch'; there are minichar" in absent.stderr
    without = command("run", "nosuch", folder, "--target", "ss,1.60,100", "-o", "x.lib")
    assert "unknown host 'nosuch'; there are none" in without.stderr


@pytest.mark.parametrize(
    ("simulate", "text"),
    [
        (lambda plan, measured, corner: 1 / 0, "the host mine failed at ss,1.6,100: ZeroDivisionError"),
        (lambda plan, measured, corner: None, "the host mine wrote no "),
        (lambda plan, measured, corner: Path(measured).write_text("cell,pin\nINV,Y\n"), "no column"),
    ],
)
def test_a_host_that_fails_is_named(simulate: Callable[[Path, Path, str], object], text: str, minichar: ModuleType, tmp_path: Path) -> None:
    anchors = ep.read([minichar.characterize(minichar.parse_corner(corner), tmp_path) for corner in CORNERS])
    session = ep.Session(plugins_with(simulate))
    with pytest.raises(UserError, match=text):
        ep.run_host("mine", anchors, "ss,1.6,100", "10", work=tmp_path / "work", session=session)
