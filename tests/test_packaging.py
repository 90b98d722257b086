"""What is installed: every sub-package, under one name, nothing heavy at import; and a plugin of somebody else's beside it."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import eda_plugin

HEAVY = ("torch", "sklearn", "pandas", "scipy", "pyarrow", "rich")
FOLDERS = {"eda_plugin": "eda_plugin", "eda_plugin.adapters": "adapters", "eda_plugin.hooks": "hooks"}
OWN_NAME = "librelane_plugin_eda_plugin"  # of the top level, as LibreLane wants it; it lies in hooks/hosts


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def packages(root: Path) -> set[str]:
    """Every sub-package that the folders hold; the links inside eda_plugin lead to folders that are counted on their own."""
    found = set()
    for name, folder in FOLDERS.items():
        for init in sorted((root / folder).rglob("__init__.py")):
            parts = init.parent.relative_to(root / folder).parts
            if not (folder == "eda_plugin" and parts[:1] in {("adapters",), ("hooks",)}):
                found.add(OWN_NAME if parts[-1:] == (OWN_NAME,) else ".".join([name, *parts]))
    return found


def test_packages_list_names_every_folder(repository: Path) -> None:
    settings = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(settings["tool"]["setuptools"]["packages"]) == packages(repository)
    assert settings["tool"]["setuptools"]["package-dir"] == {**FOLDERS, OWN_NAME: f"hooks/hosts/{OWN_NAME}"}


def test_links_for_static_readers_are_there(repository: Path) -> None:
    for name in ("adapters", "hooks"):
        link = repository / "eda_plugin" / name
        assert link.is_symlink()
        assert link.readlink() == Path("..") / name


def test_wheel_holds_every_module_and_nothing_else(repository: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"  # a copy: the repository's own build folder may hold modules that are gone
    for name in (*FOLDERS.values(), "pyproject.toml", "README.md", "LICENSE"):
        if (repository / name).is_dir():
            shutil.copytree(repository / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(repository / name, source / name)
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check", "-w", str(tmp_path)]
    built = run("-m", "pip", "wheel", str(source), *options, cwd=tmp_path)
    assert built.returncode == 0, built.stderr
    wheel = next(tmp_path.glob("eda_plugin-*.whl"))
    assert wheel.name.split("-")[1] == eda_plugin.__version__
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    modules = {name for name in names if name.endswith(".py")}
    wanted = set()
    for folder in FOLDERS.values():
        target = "eda_plugin" if folder == "eda_plugin" else f"eda_plugin/{folder}"
        for path in (repository / folder).rglob("*.py"):
            parts = path.relative_to(repository / folder).parts
            if not (folder == "eda_plugin" and parts[0] in {"adapters", "hooks"}):
                wanted.add("/".join(parts[-2:] if OWN_NAME in parts else [target, *parts]))
    assert modules == wanted
    assert "eda_plugin/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_folders_are_no_packages_of_their_own(tmp_path: Path) -> None:
    code = "from importlib.util import find_spec as f; print([f(n) is None for n in ('adapters', 'hooks', 'eda_plugin.hooks')])"
    found = run("-I", "-c", code, cwd=tmp_path)
    assert found.stdout.strip() == "[True, True, False]", found.stderr


@pytest.mark.parametrize(
    "start", ["import eda_plugin", "import eda_plugin.cli.app as a; a.run(['--help'])", "import eda_plugin.hooks.specs"]
)
def test_nothing_heavy_is_imported_at_start(start: str, tmp_path: Path) -> None:
    code = f"import sys\n{start}\nprint([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    assert run("-c", code, cwd=tmp_path).stderr.strip() == "[]"


def test_help_does_not_import_numpy(tmp_path: Path) -> None:
    """It costs more than all the rest together."""
    code = "import sys, eda_plugin.cli.app as a; a.run(['--help']); print('numpy' in sys.modules, file=sys.stderr)"
    assert run("-c", code, cwd=tmp_path).stderr.strip() == "False"


def test_every_module_names_what_it_offers(repository: Path) -> None:
    for folder in FOLDERS.values():
        for path in sorted((repository / folder).rglob("*.py")):
            if path.name == "__main__.py":
                continue
            body = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if not isinstance(node, ast.Expr)]
            named = [node.targets[0] for node in body if isinstance(node, ast.Assign)]
            assert not body or any(isinstance(name, ast.Name) and name.id == "__all__" for name in named), f"{path} has no __all__"


def test_python_interface_is_what_it_says() -> None:
    assert sorted(eda_plugin.__all__) == dir(eda_plugin)
    for name in eda_plugin.__all__:
        assert getattr(eda_plugin, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        eda_plugin.nosuch  # noqa: B018


def test_format_plugin_installs_and_reads(
    repository: Path, tmp_path: Path, command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    example, site = repository / "examples" / "format_plugin", tmp_path / "site"
    copy = tmp_path / "source"
    for path in example.rglob("*.*"):
        if path.is_file() and not {"build", "__pycache__"} & set(path.parts):
            (copy / path.relative_to(example)).parent.mkdir(parents=True, exist_ok=True)
            (copy / path.relative_to(example)).write_bytes(path.read_bytes())
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check", "--target", str(site)]
    installed = run("-m", "pip", "install", str(copy), *options, cwd=tmp_path)
    assert installed.returncode == 0, installed.stderr
    where = {"PYTHONPATH": os.pathsep.join([str(site), str(repository)])}
    data = example / "data" / "inv.dataset.csv"

    listed = json.loads(command("plugins", "--json", **where).stdout)
    mine = next(plugin for plugin in listed["plugins"] if plugin["name"] == "vyges-dataset")
    assert (mine["status"], mine["distribution"]) == ("loaded", "eda-plugin-vyges-dataset")
    read = json.loads(command("inspect", data, "--json", **where).stdout)
    assert [(found["corner"], found["values"], found["missing"]) for found in read["libraries"]] == [
        ("ss_100C_1v60", {"timing": 16}, {"timing": 1}),
        ("tt_025C_1v80", {"timing": 16}, {}),
    ]
    without = command("--disable-plugin", "vyges-dataset", "inspect", data, **where)
    assert without.returncode == 2
    assert "no format claims this file" in without.stderr
