"""What every test may use: the shared data (absent on a fresh clone), the outside tools, the command line in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
_BINARIES = {"opensta": ("sta", "opensta")}  # Debian's package is opensta, its program sta


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data beside the repository; the test is skipped, by name, where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("shared data absent: ../shared/data")
    return folder


@pytest.fixture(scope="session")
def sky130(shared_data: Path) -> Path:
    """Folder of the sixteen sky130 corners."""
    folder = shared_data / "sky130_fd_sc_hd"
    if not folder.is_dir():
        pytest.skip("shared data absent: ../shared/data/sky130_fd_sc_hd")
    return folder


@pytest.fixture(scope="session")
def needs_tool() -> Callable[[str], str]:
    """``needs_tool("ngspice")`` gives the program's path, or skips by name.

    With EDA_PLUGIN_REQUIRE_TOOLS=1, as in CI, an absent tool fails the test instead: a skip there would hide that nothing was tested.
    """

    def find(name: str) -> str:
        for binary in _BINARIES.get(name, (name,)):
            if path := shutil.which(binary):
                return path
        if os.environ.get("EDA_PLUGIN_REQUIRE_TOOLS") == "1":
            pytest.fail(f"tool absent: {name}, and EDA_PLUGIN_REQUIRE_TOOLS=1 says that it must be here")
        pytest.skip(f"tool absent: {name}")

    return find


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """``command("plan", ...)`` runs the command line in a process of its own, in ``tmp_path``, with extra environment as keywords."""

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "eda_plugin", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH", str(ROOT)), "COLUMNS": "140", **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return run


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """``install("name", code)`` installs a plugin the way a wheel would: a module and the entry point that names it.

    It is found in this process and, through PYTHONPATH, in those that it starts.
    """
    site = tmp_path / "site"

    def make(name: str, code: str, *, distribution: str = "", version: str = "1.0", target: str = "") -> Path:
        distribution = distribution or f"{name}-plugin"
        module = f"plugin_{name}_{abs(hash((str(tmp_path), name))) % 10**8}"
        site.mkdir(exist_ok=True)
        (site / f"{module}.py").write_text(code, encoding="utf-8")
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[eda_plugin]\n{name} = {module}{target}\n", encoding="utf-8")
        monkeypatch.syspath_prepend(site)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(ROOT)]))
        return site

    return make
