"""The plugin host: what fires when and with which arguments, and what a broken plugin does to a run (nothing)."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import click
import numpy as np
import pytest

from eda_plugin.adapters.base import Format, ReadOptions, WriteOptions
from eda_plugin.adapters.registry import FormatRegistry
from eda_plugin.config import FillSettings, NullProgress
from eda_plugin.domain import Axis, Corner, Library, Origin, Points, Table, TableKey
from eda_plugin.errors import PluginError, UserError
from eda_plugin.flow.heard import Heard
from eda_plugin.hooks import hookimpl, specs
from eda_plugin.hooks.manager import Plugins
from eda_plugin.hooks.registries import Host, Model, ModelRegistry, Sampler
from eda_plugin.qa.findings import Rule, RuleRegistry

Install = Callable[..., Path]


def library(corner: Corner) -> Library:
    axis = Axis("total_output_net_capacitance", np.array([1e-15, 2e-15]))
    key = TableKey("INV", "Y", "A", "combinational", "negative_unate", "", "cell_rise")
    table = Table(key, (axis,), np.array([1e-11, 2e-11]), np.full(2, Origin.MEASURED, dtype=np.uint8))
    return Library.from_tables([table], name=f"lib_{corner.name}", corner=corner)


TT = library(Corner("tt", 1.8, 25))
POINTS = Points.plan((), (), np.zeros((0, 2)))


def plugin(**hooks: Callable[..., Any]) -> SimpleNamespace:
    """An object with these hooks."""
    return SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()})


class Recorder:
    """Implements every event and decision; keeps what each was called with, and answers what it was told to."""

    def __init__(self, answer: object = None) -> None:
        self.calls: list[dict[str, Any]] = []
        self.answer = answer

    def _heard(self, **arguments: object) -> Any:
        self.calls.append(arguments)
        return self.answer

    @hookimpl
    def library_loaded(self, library: Library) -> None:
        self._heard(library=library)

    @hookimpl
    def choose_corners(self, anchors: Any) -> Any:
        return self._heard(anchors=anchors)

    @hookimpl
    def choose_simulations(self, anchors: Any, template: Library, target: Corner, count: int, seed: int, filled: Any, asked: Any) -> Any:
        return self._heard(anchors=anchors, template=template, target=target, count=count, seed=seed, filled=filled, asked=asked)

    @hookimpl
    def before_fit(self, anchors: Any, template: Library, target: Corner, measured: Any, settings: FillSettings) -> None:
        self._heard(anchors=anchors, template=template, target=target, measured=measured, settings=settings)

    @hookimpl
    def fit_step(self, stage: str, step: int, total: int | None, figures: Any) -> None:
        self._heard(stage=stage, step=step, total=total, figures=figures)

    @hookimpl
    def after_fill(self, library: Library, report: Any, anchors: Any, model: Any) -> None:
        self._heard(library=library, report=report, anchors=anchors, model=model)

    @hookimpl
    def before_write(self, library: Library, path: Path) -> None:
        self._heard(library=library, path=path)

    @hookimpl
    def after_write(self, library: Library, path: Path) -> None:
        self._heard(library=library, path=path)

    @hookimpl
    def on_error(self, error: Exception) -> None:
        self._heard(error=error)


def recorded(answer: object = None) -> tuple[Plugins, list[dict[str, Any]]]:
    """Plugins with one recorder among them, and what it hears."""
    plugins, heard = Plugins(), Recorder(answer)
    plugins.register(heard, "heard")
    return plugins, heard.calls


# Each hook has a test


def test_every_hook_has_a_test() -> None:
    here = sys.modules[__name__]
    missing = [hook for hook in specs.__all__ if not hasattr(here, f"test_{hook}")]
    assert not missing, f"write a test called test_{missing[0]}"


def test_every_hook_is_documented_with_its_arguments_in_firing_order(repository: Path) -> None:
    text = (repository / "docs" / "hooks.md").read_text(encoding="utf-8")
    documented = re.findall(r"^#+ `(\w+)\((.*)\)`", text, flags=re.MULTILINE)
    order = [name for name, value in vars(specs).items() if inspect.isfunction(value) and hasattr(value, "eda_plugin_spec")]
    assert sorted(order) == sorted(specs.__all__)
    assert documented == [(name, ", ".join(inspect.signature(getattr(specs, name)).parameters)) for name in order]


def test_facade_has_a_method_for_every_hook_with_the_same_types() -> None:
    for name in specs.__all__:
        if not name.startswith("register_"):
            spec, method = inspect.signature(getattr(specs, name)), inspect.signature(getattr(Plugins, name))
            assert {key: value.annotation for key, value in spec.parameters.items()} == {
                key: value.annotation for key, value in method.parameters.items() if key != "self"
            }


def test_register_formats() -> None:
    def read(paths: Sequence[Path], options: ReadOptions) -> list[Library]:
        return [TT]

    plugins = Plugins()
    plugins.register(plugin(register_formats=lambda registry: registry.add(Format("toy", "a toy", ("*.toy",), read=read))), "toy")
    assert plugins.formats.names == ["liberty", "hspice", "results", "toy"]
    assert plugins.formats.reader(Path("a.TOY")).name == "toy"
    assert plugins.formats is plugins.formats


def test_register_models() -> None:
    plugins = Plugins()
    assert {"auto", "nearest", "interpolation", "ridge"} <= set(plugins.models.names)
    plugins = Plugins()
    plugins.register(plugin(register_models=lambda registry: registry.add(Model("mine", "of mine", lambda *_: None))), "mine")  # type: ignore[arg-type]
    assert plugins.models.get("mine").summary == "of mine"
    with pytest.raises(UserError, match="unknown model 'nosuch'; there are auto, "):
        plugins.models.get("nosuch")


def test_register_samplers() -> None:
    plugins = Plugins()
    assert plugins.samplers.names == ["variance", "even"]
    mine = Sampler("mine", "of mine", lambda *_: POINTS)
    plugins = Plugins()
    plugins.register(plugin(register_samplers=lambda registry: registry.add(mine)), "mine")
    assert plugins.samplers.get("mine") is mine
    with pytest.raises(UserError, match="unknown sampler 'nosuch'; there are variance, even, mine"):
        plugins.samplers.get("nosuch")


def test_register_hosts() -> None:
    plugins = Plugins()
    assert plugins.hosts.names == []
    plugins = Plugins()
    mine = Host("mine", "of mine", lambda plan, measured, corner: None)
    plugins.register(plugin(register_hosts=lambda registry: registry.add(mine)), "mine")
    assert plugins.hosts.get("mine") is mine


def test_register_checks() -> None:
    plugins = Plugins()
    rule = Rule("house-rule", "because", lambda _: ())
    plugins.register(plugin(register_checks=lambda registry: registry.add(rule)), "house")
    assert rule in list(plugins.checks)
    assert len(plugins.checks) > 10


def test_register_commands() -> None:
    @click.command()
    def hello() -> None:
        """Say hello."""

    group = click.Group("app")
    plugins = Plugins()
    plugins.register(plugin(register_commands=lambda group: group.add_command(hello)), "hello")
    plugins.add_commands(group)
    assert group.commands == {"hello": hello}


def test_a_command_does_not_replace_another() -> None:
    group, told = click.Group("app", {"fill": click.Command("fill")}), list[str]()
    kept = group.commands["fill"]
    plugins = Plugins(told.append)
    plugins.register(plugin(register_commands=lambda group: group.add_command(click.Command("fill"))), "greedy", distribution="greedy-dist")
    plugins.add_commands(group)
    assert group.commands == {"fill": kept}
    assert "greedy-dist" in told[0]
    assert "'fill' is there already" in told[0]


def test_library_loaded() -> None:
    plugins, calls = recorded()
    plugins.library_loaded(TT)
    assert calls == [{"library": TT}]


def test_choose_corners() -> None:
    anchors = [library(Corner("tt", volts, degrees)) for volts, degrees in ((1.6, 25), (1.8, 25), (1.8, 100))]
    plugins = Plugins()
    assert plugins.choose_corners(anchors) == [Corner("tt", 1.6, 100)]
    plugins, calls = recorded([Corner("ff", 1.8, 25)])
    assert plugins.choose_corners(anchors) == [Corner("ff", 1.8, 25)]
    assert calls == [{"anchors": anchors}]


def test_choose_simulations() -> None:
    plugins, calls = recorded(POINTS)
    second = Recorder(None)
    plugins.register(second, "second")
    assert plugins.choose_simulations([TT], TT, Corner("ss", 1.8, 25), 0, 7) is POINTS
    asked = {"anchors": [TT], "template": TT, "target": Corner("ss", 1.8, 25), "count": 0, "seed": 7, "filled": None, "asked": None}
    assert second.calls == [asked]
    assert second.calls == calls, "the last one added is asked first, and None passes the question on"


def test_before_fit() -> None:
    plugins, calls = recorded()
    plugins.before_fit([TT], TT, Corner("ss", 1.8, 25), None, FillSettings())
    assert calls == [{"anchors": [TT], "template": TT, "target": Corner("ss", 1.8, 25), "measured": None, "settings": FillSettings()}]


def test_fit_step() -> None:
    plugins, calls = recorded()
    plugins.fit_step("training", 25, 100, {"loss": 0.5})
    assert calls == [{"stage": "training", "step": 25, "total": 100, "figures": {"loss": 0.5}}]


def test_fit_step_is_heard_of_a_hundred_times_a_stage_and_with_every_figure() -> None:
    plugins, calls = recorded()
    with Heard(NullProgress(), plugins.fit_step).stage("training", 1000) as stage:
        for step in range(1000):
            stage.advance()
            if step == 4:
                stage.tell(loss=1.5)
    assert [call["figures"] for call in calls if call["figures"]] == [{"loss": 1.5}]
    assert calls[0]["step"] == 0
    assert calls[-1]["step"] == 1000
    assert 100 <= len(calls) <= 104


def test_after_fill() -> None:
    plugins, calls = recorded()
    fitted = SimpleNamespace(library=TT, report={}, save=lambda folder: None)
    plugins.after_fill(TT, {"model": "nearest"}, [TT], fitted)
    assert calls == [{"library": TT, "report": {"model": "nearest"}, "anchors": [TT], "model": fitted}]


def test_before_write() -> None:
    def refuse(library: Library, path: Path) -> None:
        raise UserError(f"{path.name}: not on a Friday")

    plugins = Plugins()
    plugins.register(plugin(before_write=refuse), "house")
    with pytest.raises(UserError, match=r"out\.lib: not on a Friday"):
        plugins.before_write(TT, Path("out.lib"))


def test_after_write() -> None:
    plugins, calls = recorded()
    plugins.after_write(TT, Path("out.lib"))
    assert calls == [{"library": TT, "path": Path("out.lib")}]


def test_on_error() -> None:
    plugins, calls = recorded()
    error = UserError("no")
    plugins.on_error(error)
    assert calls == [{"error": error}]


# Broken plugins


def test_an_implementation_may_take_fewer_arguments() -> None:
    heard: list[object] = []
    plugins = Plugins()
    plugins.register(plugin(before_fit=lambda target: heard.append(target)), "short")
    plugins.before_fit([TT], TT, Corner("ss", 1.8, 25), None, FillSettings())
    assert heard == [Corner("ss", 1.8, 25)]


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (plugin(libary_loaded=lambda library: None), "unknown hook 'libary_loaded'"),
        (plugin(library_loaded=lambda libary: None), "libary"),
        (SimpleNamespace(library_loaded=lambda library: None), "implements no hook"),
        (Rule, r"is the class Rule; expected an instance or a module \(forgotten the `\(\)`\?\)"),
    ],
)
def test_a_plugin_that_breaks_the_contract_is_refused(bad: object, text: str) -> None:
    plugins = Plugins()
    with pytest.raises(PluginError, match=text):
        plugins.register(bad, "bad")
    assert [info.name for info in plugins.infos] == ["builtin"]
    plugins.library_loaded(TT)


def test_wrappers_are_refused() -> None:
    @hookimpl(wrapper=True)
    def library_loaded(library: Library) -> Any:
        return (yield)

    with pytest.raises(PluginError, match="wraps a hook"):
        Plugins().register(SimpleNamespace(library_loaded=library_loaded), "wrapping")


def test_two_plugins_of_one_name_are_refused() -> None:
    with pytest.raises(PluginError, match="has the same name"):
        Plugins().register(Recorder(), "builtin")


def test_a_plugin_that_fails_in_an_event_is_named_and_left_out() -> None:
    told: list[str] = []
    plugins, heard = Plugins(told.append), Recorder()
    plugins.register(heard, "heard")
    plugins.register(plugin(library_loaded=lambda library: 1 / 0), "broken", distribution="broken-dist", version="2.1")
    plugins.library_loaded(TT)
    plugins.library_loaded(TT)
    assert told == ["plugin broken of broken-dist 2.1 failed and is left out: ZeroDivisionError: division by zero"]
    assert len(heard.calls) == 2
    assert [info.status for info in plugins.infos] == ["built-in", "loaded", "broken"]


def test_a_plugin_that_fails_half_way_registers_nothing() -> None:
    def half(registry: FormatRegistry) -> None:
        registry.add(Format("half", "", ("*.half",)))
        registry.add(Format("liberty", "", ("*.lib",)))

    told: list[str] = []
    plugins = Plugins(told.append)
    plugins.register(plugin(register_formats=half), "half")
    assert plugins.formats.names == ["liberty", "hspice", "results"]
    assert "the format 'liberty' is registered twice" in told[0]


def test_a_fault_of_the_built_in_plugin_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = Plugins()
    plugins.register(plugin(library_loaded=lambda library: 1 / 0), "ours", status="built-in")
    with pytest.raises(ZeroDivisionError):
        plugins.library_loaded(TT)


GOOD = "from eda_plugin.hooks import hookimpl\n@hookimpl\ndef library_loaded(library):\n    pass\n"


def test_installed_plugins_are_found_and_listed(install: Install) -> None:
    install("good", GOOD, distribution="good-dist", version="3.4")
    info = next(info for info in Plugins.load().infos if info.name == "good")
    assert (info.status, info.distribution, info.version, info.hooks) == ("loaded", "good-dist", "3.4", ("library_loaded",))


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("import nosuchmodule", "ModuleNotFoundError: No module named 'nosuchmodule'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def (", "SyntaxError"),
        ("x = 1", "implements no hook"),
        (GOOD.replace("library_loaded", "libary_loaded"), "unknown hook 'libary_loaded'"),
    ],
)
def test_a_broken_installed_plugin_is_named_and_left_out(install: Install, code: str, text: str) -> None:
    install("bad", code, distribution="bad-dist")
    install("good", GOOD)
    told: list[str] = []
    plugins = Plugins.load(warn=told.append)
    status = {info.name: info.status for info in plugins.infos}
    assert status["bad"] == "broken"
    assert status["good"] == "loaded"
    assert len(told) == 1
    assert "plugin bad of bad-dist 1.0" in told[0]
    assert text in told[0]


def test_broken_plugins_are_python_warnings_by_default(install: Install) -> None:
    install("bad", "1 / 0")
    with pytest.warns(UserWarning, match="bad-plugin 1.0 can't be loaded: ZeroDivisionError"):
        Plugins.load()


def test_disabled_plugins_are_not_even_imported(install: Install) -> None:
    install("one", "raise RuntimeError('imported')")
    install("two", "raise RuntimeError('imported')")
    told: list[str] = []
    plugins = Plugins.load(["one"], warn=told.append, environment={"EDA_PLUGIN_DISABLE": "two, gone"})
    assert {info.name: info.status for info in plugins.infos if info.name in {"one", "two"}} == {"one": "disabled", "two": "disabled"}
    assert told == ["there is no plugin 'gone' to disable; `eda-plugin plugins` lists those installed"]


def test_specs_name_types_only_for_type_checkers() -> None:
    assert not [name for name, value in vars(specs).items() if isinstance(value, ModuleType) and name != "pluggy"]


# Registries


def test_reader_is_chosen_by_name_then_by_content(tmp_path: Path) -> None:
    def read(paths: object, options: object) -> list[Library]:
        return []

    def write(library: Library, out: Path, options: WriteOptions) -> None:
        return None

    registry = FormatRegistry()
    registry.add(Format("a", "", ("*.csv",), read=read, sniff=lambda head: head.startswith(b"A")))
    registry.add(Format("b", "", ("*.csv", "*.b"), read=read, write=write, sniff=lambda head: head.startswith(b"B")))
    (tmp_path / "x.csv").write_text("B...")
    (tmp_path / "x.txt").write_text("A...")
    (tmp_path / "y.csv").write_text("...")
    assert registry.reader(tmp_path / "x.csv").name == "b"
    assert registry.reader(tmp_path / "x.txt").name == "a"
    assert registry.reader(tmp_path / "absent.b").name == "b"
    assert registry.writer(tmp_path / "x.b").name == "b"
    with pytest.raises(UserError, match=r"y.csv: no format claims this file; known are a \(\*.csv\), b \(\*.csv \*.b\)"):
        registry.reader(tmp_path / "y.csv")
    with pytest.raises(UserError, match=r"no format is written under such a name; known are b"):
        registry.writer(tmp_path / "x.lib")
    registry.add(Format("c", "", ("*.b",), read=read, sniff=lambda head: True))
    registry.add(Format("d", "", ("*.b",), read=read, sniff=lambda head: True))
    (tmp_path / "z.b").write_text("...")
    with pytest.raises(UserError, match=r"several formats claim this file \(c, d\)"):
        registry.reader(tmp_path / "z.b")


def test_registries_refuse_a_second_of_a_name() -> None:
    registry = ModelRegistry()
    model = Model("m", "", lambda *_: None)  # type: ignore[arg-type]
    registry.add(model)
    with pytest.raises(PluginError, match="the model 'm' is registered twice"):
        registry.add(model)
    assert (len(registry), len(registry.copy()), registry.names) == (1, 1, ["m"])
    with pytest.raises(UserError, match="registered already"):
        RuleRegistry([Rule("r", "", lambda _: ())] * 2)
