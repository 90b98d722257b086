"""The plugins of one run behind typed methods: nothing else in the package calls a hook by name.

A plugin of somebody else's is loaded, checked and called on its own, so a fault in it names its distribution, leaves that plugin out and
lets the run go on. Only a ``UserError`` or a ``FindingsError`` that it raises on purpose in an event or a decision ends the run.
"""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from eda_plugin import __version__
from eda_plugin.errors import EdaPluginError, FindingsError, PluginError, UserError
from eda_plugin.hooks import ENTRY_POINTS, PROJECT, builtin, contract, specs

if TYPE_CHECKING:
    from pathlib import Path

    import click

    from eda_plugin.adapters.registry import FormatRegistry
    from eda_plugin.config import FillSettings
    from eda_plugin.domain import Corner, Library, Points
    from eda_plugin.hooks.registries import FilledCorner, HostRegistry, ModelRegistry, SamplerRegistry
    from eda_plugin.qa.findings import RuleRegistry

__all__ = ["DISABLE_VARIABLE", "PluginInfo", "Plugins"]

DISABLE_VARIABLE = "EDA_PLUGIN_DISABLE"
"""Environment variable: names of plugins to leave out, with commas between them."""


R = TypeVar("R")


@dataclass(frozen=True)
class PluginInfo:
    """One plugin. ``status`` is built-in, loaded, disabled or broken; ``problem`` says why it is broken.

    ``contract``: the version of the hooks that it needs, empty where it was not loaded so far.
    """

    name: str
    status: str
    distribution: str = ""
    version: str = ""
    hooks: tuple[str, ...] = ()
    problem: str = ""
    contract: str = ""

    def __str__(self) -> str:
        return f"plugin {self.name}" + (f" of {self.distribution} {self.version}" if self.distribution else "")


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=3)


class Plugins:
    """The built-in plugin and those added to it. Build one with ``load`` and pass it on.

    ``warn`` is told, in a sentence, of each plugin that is left out.
    """

    def __init__(self, warn: Callable[[str], None] = _warn) -> None:
        self._warn = warn
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(specs)
        self._infos: dict[str, PluginInfo] = {}
        self._formats: FormatRegistry | None = None
        self._models: ModelRegistry | None = None
        self._samplers: SamplerRegistry | None = None
        self._hosts: HostRegistry | None = None
        self._checks: RuleRegistry | None = None
        self.register(builtin, "builtin", status="built-in")

    @classmethod
    def load(
        cls, disabled: Iterable[str] = (), *, warn: Callable[[str], None] = _warn, environment: Mapping[str, str] = os.environ
    ) -> Plugins:
        """The built-in plugin and every installed one that neither ``disabled`` nor ``EDA_PLUGIN_DISABLE`` names."""
        plugins = cls(warn)
        listed = environment.get(DISABLE_VARIABLE, "").split(",")
        without = {name.strip() for name in (*disabled, *listed)} - {""}
        installed = sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: (entry.name, entry.dist.name if entry.dist else ""))
        for entry in installed:
            plugins._install(entry, entry.name in without)
        for name in sorted(without - {entry.name for entry in installed}):
            warn(f"there is no plugin {name!r} to disable; `eda-plugin plugins` lists those installed")
        return plugins

    def register(self, plugin: object, name: str, *, status: str = "loaded", distribution: str = "", version: str = "") -> None:
        """Add a plugin. Raises ``PluginError``, and adds nothing, where it breaks the contract."""
        info = PluginInfo(name, status, distribution, version)
        if name in self._infos:
            raise PluginError(f"{info} can't be added: {self._infos[name]} has the same name")
        if inspect.isclass(plugin):
            raise PluginError(f"{info} is the class {plugin.__name__}; expected an instance or a module (forgotten the `()`?)")
        try:
            needed = contract.needed_version(plugin)
            contract.refuse_newer(needed, f"eda-plugin {__version__}")
        except PluginError as error:
            raise PluginError(f"{info} can't be used: {error}") from error
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
            callers = self._manager.get_hookcallers(plugin) or []
            hooks = tuple(hook for hook in specs.__all__ if hook in {caller.name for caller in callers})
            if not hooks:
                raise PluginError(f"{info} implements no hook; mark its functions with eda_plugin.hooks.hookimpl")
            implementations = [found for caller in callers for found in caller.get_hookimpls() if found.plugin is plugin]
            if any(found.wrapper or found.hookwrapper for found in implementations):
                raise PluginError(f"{info} wraps a hook; expected plain implementations")
        except pluggy.PluginValidationError as error:
            self._forget(plugin)
            raise PluginError(f"{info} breaks the contract: {error}") from error
        except PluginError:
            self._forget(plugin)
            raise
        self._infos[name] = replace(info, hooks=hooks, contract=contract.version_text(needed))

    @property
    def infos(self) -> list[PluginInfo]:
        """All plugins that were found, those left out included."""
        return list(self._infos.values())

    # Registration: each plugin adds to a copy, so that one that fails half-way leaves nothing behind.

    @property
    def formats(self) -> FormatRegistry:
        if self._formats is None:
            from eda_plugin.adapters.registry import FormatRegistry  # costs numpy: not before it is needed

            self._formats = self._registered("register_formats", FormatRegistry(), FormatRegistry.copy)
        return self._formats

    @property
    def models(self) -> ModelRegistry:
        if self._models is None:
            from eda_plugin.hooks.registries import ModelRegistry

            self._models = self._registered("register_models", ModelRegistry(), ModelRegistry.copy)
        return self._models

    @property
    def samplers(self) -> SamplerRegistry:
        if self._samplers is None:
            from eda_plugin.hooks.registries import SamplerRegistry

            self._samplers = self._registered("register_samplers", SamplerRegistry(), SamplerRegistry.copy)
        return self._samplers

    @property
    def hosts(self) -> HostRegistry:
        if self._hosts is None:
            from eda_plugin.hooks.registries import HostRegistry

            self._hosts = self._registered("register_hosts", HostRegistry(), HostRegistry.copy)
        return self._hosts

    @property
    def checks(self) -> RuleRegistry:
        if self._checks is None:
            from eda_plugin.qa.findings import RuleRegistry

            self._checks = self._registered("register_checks", RuleRegistry(), RuleRegistry)
        return self._checks

    def add_commands(self, group: click.Group) -> None:
        """Let the plugins add commands; one that is there already is not replaced."""
        for name, hook in self._implementations("register_commands"):
            trial = type(group)(group.name)
            if self._guard(name, hook, {"group": trial}) is _FAILED:
                continue
            taken = sorted(set(trial.commands) & set(group.commands))
            if taken:
                self._leave_out(name, PluginError(f"the command {taken[0]!r} is there already"))
            else:
                group.commands.update(trial.commands)

    # Events

    def library_loaded(self, library: Library) -> None:
        self._tell("library_loaded", library=library)

    def before_fit(
        self, anchors: Sequence[Library], template: Library, target: Corner, measured: Points | None, settings: FillSettings
    ) -> None:
        self._tell("before_fit", anchors=anchors, template=template, target=target, measured=measured, settings=settings)

    def fit_step(self, stage: str, step: int, total: int | None, figures: Mapping[str, float]) -> None:
        self._tell("fit_step", stage=stage, step=step, total=total, figures=figures)

    def after_fill(self, library: Library, report: Mapping[str, object], anchors: Sequence[Library], model: FilledCorner) -> None:
        self._tell("after_fill", library=library, report=report, anchors=anchors, model=model)

    def before_write(self, library: Library, path: Path) -> None:
        self._tell("before_write", library=library, path=path)

    def after_write(self, library: Library, path: Path) -> None:
        self._tell("after_write", library=library, path=path)

    def on_error(self, error: Exception) -> None:
        self._tell("on_error", error=error)

    # Decisions

    def choose_corners(self, anchors: Sequence[Library]) -> Sequence[Corner]:
        """The first plugin's answer that is not ``None``."""
        return self._first("choose_corners", anchors=anchors) or ()

    def choose_simulations(
        self,
        anchors: Sequence[Library],
        template: Library,
        target: Corner,
        count: int,
        seed: int,
        filled: Library | None = None,
        asked: Points | None = None,
    ) -> Points:
        """The first plugin's answer that is not ``None``; the built-in one always answers."""
        points: Points = self._first(
            "choose_simulations",
            anchors=anchors,
            template=template,
            target=target,
            count=count,
            seed=seed,
            filled=filled,
            asked=asked,
        )
        return points

    def _install(self, entry: EntryPoint, disabled: bool) -> None:
        distribution, version = (entry.dist.name, entry.dist.version) if entry.dist else ("", "")
        info = PluginInfo(entry.name, "disabled", distribution, version)
        if disabled:
            self._infos[entry.name] = info
            return
        try:
            self.register(entry.load(), entry.name, distribution=distribution, version=version)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's module may raise anything when it is imported
            text = str(error) if isinstance(error, PluginError) else f"{info} can't be loaded: {type(error).__name__}: {error}"
            self._warn(f"{text}; it is left out")
            place = entry.name if entry.name not in self._infos else f"{entry.name} ({distribution})"
            self._infos[place] = PluginInfo(entry.name, "broken", distribution, version, problem=text)

    def _forget(self, plugin: object) -> None:
        if self._manager.is_registered(plugin):
            self._manager.unregister(plugin)

    def _leave_out(self, name: str, error: BaseException) -> None:
        info = self._infos[name]
        self._manager.unregister(name=name)
        problem = f"{type(error).__name__}: {error}"
        self._infos[name] = replace(info, status="broken", problem=problem)
        self._warn(f"{info} failed and is left out: {problem}")

    def _implementations(self, hook: str) -> list[tuple[str, Callable[..., Any]]]:
        """Name of the plugin and its implementation, in the order in which the plugins were added."""
        caller = getattr(self._manager.hook, hook)
        by_name = {found.plugin_name: found for found in caller.get_hookimpls()}
        return [(name, _keyed(by_name[name])) for name in self._infos if name in by_name]

    def _called(self, hook: str) -> list[tuple[str, Callable[..., Any]]]:
        """The same in pluggy's order: last added first, unless an implementation asks to be first or last."""
        return [(found.plugin_name, _keyed(found)) for found in reversed(getattr(self._manager.hook, hook).get_hookimpls())]

    def _guard(self, name: str, call: Callable[..., Any], arguments: Mapping[str, object], *passed: type[EdaPluginError]) -> Any:
        """The answer, or ``_FAILED`` where a plugin of somebody else's raised: it is then left out. ``passed`` errors are raised on."""
        try:
            return call(**arguments)
        except passed:
            raise
        except (Exception, SystemExit) as error:
            if self._infos[name].status == "built-in":
                raise
            self._leave_out(name, error)
            return _FAILED

    def _registered(self, hook: str, registry: R, clone: Callable[[R], R]) -> R:
        for name, implementation in self._implementations(hook):
            trial = clone(registry)
            if self._guard(name, implementation, {"registry": trial}) is not _FAILED:
                registry = trial
        return registry

    def _tell(self, hook: str, **arguments: object) -> None:
        for name, implementation in self._called(hook):
            self._guard(name, implementation, arguments, UserError, FindingsError)

    def _first(self, hook: str, **arguments: object) -> Any:
        for name, implementation in self._called(hook):
            answer = self._guard(name, implementation, arguments, UserError, FindingsError)
            if answer is not None and answer is not _FAILED:
                return answer
        return None


_FAILED = object()


def _keyed(found: pluggy.HookImpl) -> Callable[..., Any]:
    """The implementation with just the arguments that it takes, as pluggy itself would call it."""
    return lambda **arguments: found.function(**{name: arguments[name] for name in found.argnames})
