"""The contract with plugins: its version, the conformance kit, and wheels of other people's in a clean environment."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from eda_plugin.adapters.base import Format
from eda_plugin.cli.app import run
from eda_plugin.domain import Library, Origin
from eda_plugin.errors import ParseError, PluginError, UserError
from eda_plugin.hooks import contract, hookimpl, specs, testing
from eda_plugin.hooks.manager import Plugins
from eda_plugin.hooks.registries import Host, Model, Sampler
from eda_plugin.hooks.testing import ConformanceError, check_model, faults, sample_case, sample_libraries
from eda_plugin.models.engine import fill_library
from eda_plugin.qa.findings import Rule


def plugin(needs: object = None, **hooks: Callable[..., Any]) -> SimpleNamespace:
    """An object with these hooks, which states the version of them that it needs."""
    stated = {} if needs is None else {contract.ATTRIBUTE: needs}
    return SimpleNamespace(**stated, **{name: hookimpl(function) for name, function in hooks.items()})


def quiet(**_: object) -> None:
    """A hook that does nothing."""


# Version


@pytest.mark.parametrize(("needs", "listed"), [(None, "1.0"), ("1.0", "1.0"), ("1.1", "1.1"), ("1.2", "1.2")])
def test_an_older_plugin_keeps_working(needs: object, listed: str) -> None:
    plugins, heard = Plugins(), list[object]()
    plugins.register(plugin(needs, library_loaded=lambda library: heard.append(library)), "old")
    library = sample_libraries()[0]
    plugins.library_loaded(library)
    assert heard == [library]
    assert plugins.infos[-1].contract == listed


@pytest.mark.parametrize("needs", ["1.99", "2.0", "10.0"])
def test_a_newer_plugin_gets_a_clear_message(needs: str) -> None:
    plugins = Plugins()
    with pytest.raises(
        PluginError,
        match=rf"new of new-dist 7 can't be used: it needs version {needs} of the hooks and eda-plugin \S+ has 1\.2; upgrade eda-plugin",
    ):
        plugins.register(plugin(needs, hook_of_tomorrow=quiet), "new", distribution="new-dist", version="7")
    assert [info.name for info in plugins.infos] == ["builtin"]


def test_a_plugin_older_than_all_that_is_served_gets_a_message() -> None:
    with pytest.raises(PluginError, match=r"written for version 0\.9 .* serves none before 1\.0; install a newer version of the plugin"):
        Plugins().register(plugin("0.9", library_loaded=quiet), "ancient")


@pytest.mark.parametrize("needs", [1.1, "1", "one", ("1", "1")])
def test_a_version_that_is_none_is_said(needs: object) -> None:
    with pytest.raises(PluginError, match=r"EDA_PLUGIN_HOOKS is .*; expected the version of the hooks as text, such as '1\.2'"):
        Plugins().register(plugin(needs, library_loaded=quiet), "odd")


def test_an_installed_plugin_that_is_too_new_is_left_out_with_its_distribution(install: Callable[..., Path]) -> None:
    code = "from eda_plugin.hooks import hookimpl\nEDA_PLUGIN_HOOKS = '9.0'\n@hookimpl\ndef hook_of_tomorrow():\n    pass\n"
    install("tomorrow", code, distribution="tomorrow-dist", version="4.2")
    told: list[str] = []
    infos = {info.name: info for info in Plugins.load(warn=told.append).infos}
    assert infos["tomorrow"].status == "broken"
    assert "tomorrow-dist 4.2 can't be used: it needs version 9.0" in told[0]


def test_every_hook_that_came_later_is_known_and_says_so(repository: Path) -> None:
    text = (repository / "docs" / "hooks.md").read_text(encoding="utf-8")
    assert set(contract.SINCE) <= set(specs.__all__)
    assert min(contract.SINCE.values()) >= contract.OLDEST
    assert max(contract.SINCE.values()) <= contract.VERSION
    for hook, since in contract.SINCE.items():
        assert f"Since {contract.version_text(since)}." in text.split(f"### `{hook}(")[1].split("###")[0]
        assert f"Since {contract.version_text(since)}." in (getattr(specs, hook).__doc__ or "")
    assert f"version {contract.version_text(contract.VERSION)}" in text


SAMPLER = """
from eda_plugin.hooks import hookimpl
from eda_plugin.hooks.registries import Sampler
EDA_PLUGIN_HOOKS = "1.2"

def first_places(anchors, template, target, count, seed, filled, asked):
    from eda_plugin.domain import Points
    import numpy as np
    tables = [table for table in template if table.key.quantity == "cell_rise"][:count]
    index = np.array([[axis.values[0] for axis in table.axes] for table in tables])
    return Points.plan(tuple(table.key.arc for table in tables), ("rise",) * len(tables), index)

@hookimpl
def register_samplers(registry):
    registry.add(Sampler("first", "the first place of each table", first_places))
"""


def test_a_sampler_is_found_by_entry_point_and_chosen_by_name(
    install: Callable[..., Path], anchors: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install("samplers", SAMPLER)
    assert run(["plugins", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["samplers"]["first"] == "the first place of each table"
    words = ["plan", *map(str, anchors), "--target", "ss,1.60,100", "--budget", "2", "--quiet", "-o"]
    assert run([*words, str(tmp_path / "first.csv"), "--sampler", "first"]) == 0
    rows = list(csv.DictReader((tmp_path / "first.csv").read_text().splitlines()))
    assert [(row["edge"], row["index_1"], row["index_2"]) for row in rows] == [("rise", "0.01", "0.001")] * 2
    assert run([*words, str(tmp_path / "own.csv")]) == 0
    assert run([*words, str(tmp_path / "named.csv"), "--sampler", "variance"]) == 0
    assert (tmp_path / "own.csv").read_bytes() == (tmp_path / "named.csv").read_bytes() != (tmp_path / "first.csv").read_bytes()
    assert run([*words, str(tmp_path / "no.csv"), "--sampler", "firts"]) == 2
    assert "unknown sampler 'firts'; there are variance, even, first" in capsys.readouterr().err


# Conformance kit


class Filled:
    def __init__(self, library: Library) -> None:
        self.library, self.report = library, dict[str, object]()

    def save(self, folder: Path) -> None:
        """Nothing to save."""


def fill_with(change: Callable[[Library], Library]) -> Callable[..., Filled]:
    """The ridge's answer, changed."""

    def fill(anchors: Any, template: Any, target: Any, measured: Any, settings: Any, progress: Any) -> Filled:
        settings = replace(settings, model="ridge")
        return Filled(change(fill_library(anchors, template, target, measured, settings, progress).library))

    return fill


def holed(library: Library) -> Library:
    values = library.values.copy()
    values[0] = np.nan
    return replace(library, values=values)


def relabelled(library: Library) -> Library:
    return replace(library, origin=np.full_like(library.origin, Origin.PREDICTED))


def test_the_built_in_model_conforms() -> None:
    library = check_model(fill_with(lambda library: library), sample_case())
    assert np.isfinite(library.values).all()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (holed, "values are missing"),
        (relabelled, "a measured value has another origin"),
        (lambda library: library.take(range(3)), "tables were lost or invented"),
        (lambda library: replace(library, upper=library.values * 0.9, lower=library.values * 0.8), "an interval begins above its value"),
    ],
)
def test_a_model_that_breaks_a_rule_is_told_which(change: Callable[[Library], Library], text: str) -> None:
    with pytest.raises(ConformanceError, match=text):
        check_model(fill_with(change), sample_case())
    model = Model("mine", "", fill_with(change))
    assert faults(plugin(register_models=lambda registry: registry.add(model))) == [f"the model mine: {text}"]


def reader(answer: Callable[[Path], Sequence[Library]]) -> Format:
    def read(paths: Sequence[Path], options: object) -> list[Library]:
        if not all(path.read_bytes() for path in paths):
            raise ParseError("an empty file", path=paths[0])
        return [library for path in paths for library in answer(path)]

    return Format("mine", "", ("*.mine",), read=read)


def test_formats_are_tried_on_files_that_are_good_empty_and_absent(tmp_path: Path) -> None:
    file = tmp_path / "a.mine"
    file.write_text("x")
    library = sample_libraries()[0]
    unlucky = iter([library, replace(library, values=library.values * 2)] * 9)

    def of(format: Format) -> list[str]:
        return faults(plugin(register_formats=lambda registry: registry.add(format)), files=[file])

    assert of(reader(lambda path: [replace(library, source=str(path))])) == []
    assert "source is 'sample_ss_025C_1v60.lib'" in of(reader(lambda path: [library]))[0]
    assert "differently the second time" in of(reader(lambda path: [replace(next(unlucky), source=str(path))]))[0]
    assert "NaN with the origin MISSING" in of(reader(lambda path: [replace(holed(library), source=str(path))]))[0]
    careless = of(Format("mine", "", ("*.MINE",), read=lambda paths, options: [library] if paths[0].read_bytes()[0] else []))
    assert careless[0] == "the format mine has a pattern with capitals; patterns are in lower case"
    assert careless[1].startswith("the format mine answers an empty file with IndexError")
    assert careless[2] == "no format of the plugin claims a.mine"
    assert of(Format("mine", "", ("*.mine",))) == ["the format mine neither reads nor writes"]
    assert "reads an empty file without an error" in of(Format("mine", "", ("*.mine",), read=lambda paths, options: []))[0]


def test_rules_decisions_events_and_hosts_are_tried() -> None:
    bad = Rule("mine", "", lambda subject: ["a text"])  # type: ignore[list-item]
    assert faults(plugin(register_checks=lambda registry: registry.add(bad))) == [
        "the rule mine gives no reason",
        "the rule mine found 'a text'; expected Finding objects",
    ]
    case = sample_case()
    assert case.measured is not None
    assert faults(plugin(choose_simulations=lambda count: case.measured)) == []
    swinging = iter([case.measured, replace(case.measured, index=case.measured.index[::-1])])
    assert "depends on the order of the anchors" in faults(plugin(choose_simulations=lambda count: next(swinging)))[0]
    swinging = iter([case.measured, replace(case.measured, index=case.measured.index[::-1])])
    bad_choice = Sampler("mine", "", lambda *_: next(swinging))
    assert "the sampler mine depends on the order" in faults(plugin("1.2", register_samplers=lambda registry: registry.add(bad_choice)))[0]
    good_choice = Sampler("mine", "", lambda *_: case.measured)  # type: ignore[arg-type]
    assert faults(plugin("1.2", register_samplers=lambda registry: registry.add(good_choice))) == []
    assert faults(plugin(before_write=lambda path: 1 / 0))[0].endswith("failed and is left out: ZeroDivisionError: division by zero")

    def refuse(path: Path) -> None:
        raise UserError("not on a Friday")

    assert faults(plugin(before_write=refuse)) == []
    silent = Host("mine", "", lambda plan, measured, corner: None)
    assert "measured.csv" in faults(plugin("1.1", register_hosts=lambda registry: registry.add(silent)))[0]
    copying = Host("mine", "", lambda plan, measured, corner: shutil.copy(plan, measured))
    assert faults(plugin("1.1", register_hosts=lambda registry: registry.add(copying))) == []
    assert faults(plugin(register_hosts=lambda registry: registry.add(copying))) == [
        "it implements register_hosts, which version 1.1 of the hooks brought; state EDA_PLUGIN_HOOKS"
    ]
    assert "unknown hook" in faults(plugin(libary_loaded=lambda library: None))[0]


def test_the_kit_needs_no_test_runner() -> None:
    code = "import sys, eda_plugin.hooks.testing; print('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
    assert testing.faults(SimpleNamespace(library_loaded=hookimpl(lambda library: None))) == []


# Wheels in a clean environment


@pytest.fixture(scope="module")
def clean(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A virtual environment with the wheels of this package, of the example plugin and of a broken one; what they need is borrowed."""
    folder = tmp_path_factory.mktemp("clean")
    broken = folder / "broken"
    broken.mkdir()
    (broken / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "eda-plugin-broken"\nversion = "0.7"\n'
        '[project.entry-points.eda_plugin]\nbroken = "broken_rules"\n[tool.setuptools]\npy-modules = ["broken_rules"]\n'
    )
    (broken / "broken_rules.py").write_text("import a_module_that_nobody_has\n")
    wheels = folder / "wheels"
    for source in (repository, repository / "examples" / "format_plugin", broken):
        copy = folder / f"source-{source.name}"
        ignore = shutil.ignore_patterns("build", "dist", "out", "*.egg-info", "__pycache__", ".*", "tests", "benchmarks", "hkmg22")
        shutil.copytree(source, copy, symlinks=True, ignore=ignore)
        options = ["--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check", "-w", str(wheels)]
        built = subprocess.run([sys.executable, "-m", "pip", "wheel", str(copy), *options], capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stderr
    home = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    python = home / "bin" / "python"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--no-deps",
        "--no-index",
        "--quiet",
        "--disable-pip-version-check",
    ]
    subprocess.run([*pip, *map(str, sorted(wheels.glob("*.whl")))], check=True)
    site = next((home / "lib").glob("python*/site-packages"))
    (site / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [str(home / "bin" / "eda-plugin"), *map(str, arguments)]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return run


def test_a_plugin_of_somebody_elses_is_found_listed_used_and_disabled(clean: Callable[..., Any], repository: Path) -> None:
    data = repository / "examples" / "format_plugin" / "data" / "inv.dataset.csv"
    listed = clean("plugins", "--json")
    plugins = {info["name"]: info for info in json.loads(listed.stdout)["plugins"]}
    assert (plugins["vyges-dataset"]["status"], plugins["vyges-dataset"]["distribution"]) == ("loaded", "eda-plugin-vyges-dataset")
    used = clean("inspect", data, "--json")
    assert used.returncode == 0, used.stderr
    assert len(json.loads(used.stdout)["libraries"]) == 2
    refused = clean("--disable-plugin", "vyges-dataset", "inspect", data)
    assert refused.returncode == 2
    assert "no format claims this file" in refused.stderr


def test_a_broken_plugin_is_reported_with_its_distribution_and_left_out(clean: Callable[..., Any], repository: Path) -> None:
    listed = clean("plugins", "--json")
    assert listed.returncode == 0
    broken = next(info for info in json.loads(listed.stdout)["plugins"] if info["name"] == "broken")
    assert (broken["status"], broken["distribution"], broken["version"]) == ("broken", "eda-plugin-broken", "0.7")
    assert "plugin broken of eda-plugin-broken 0.7 can't be loaded: ModuleNotFoundError" in listed.stderr
    assert "it is left out" in listed.stderr
    assert clean("--disable-plugin", "broken", "plugins", "--json").stderr == ""
