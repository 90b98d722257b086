"""The hooks, typed, in the order in which they fire.

Three kinds. Registration hooks get a registry (or the command group) and add to it. Events get what has just happened or is about to, and
return nothing; one that raises a ``UserError`` or a ``FindingsError`` ends the run with that message, which is how a house rule refuses a
result. Decisions return an answer or ``None``; the first answer counts, and the built-in one comes last. Libraries, points and corners are
immutable. An implementation may leave out arguments that it does not need, so a hook can grow; ``eda_plugin.hooks.contract`` has the
version of what stands here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

from eda_plugin.hooks import PROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import click

    from eda_plugin.adapters.registry import FormatRegistry
    from eda_plugin.config import FillSettings
    from eda_plugin.domain import Corner, Library, Points
    from eda_plugin.hooks.registries import FilledCorner, HostRegistry, ModelRegistry, SamplerRegistry
    from eda_plugin.qa.findings import RuleRegistry

__all__ = [
    "after_fill",
    "after_write",
    "before_fit",
    "before_write",
    "choose_corners",
    "choose_simulations",
    "fit_step",
    "library_loaded",
    "on_error",
    "register_checks",
    "register_commands",
    "register_formats",
    "register_hosts",
    "register_models",
    "register_samplers",
]

hookspec = pluggy.HookspecMarker(PROJECT)


@hookspec
def register_formats(registry: FormatRegistry) -> None:
    """Add file formats: ``registry.add(Format(...))``. Called once, before the first file is read."""


@hookspec
def register_models(registry: ModelRegistry) -> None:
    """Add models that fill a corner: ``registry.add(Model(...))``. Called once, before the first fit."""


@hookspec
def register_samplers(registry: SamplerRegistry) -> None:
    """Add ways to choose a corner's simulations: ``registry.add(Sampler(...))``. Called once, before the first is asked for. Since 1.2."""


@hookspec
def register_hosts(registry: HostRegistry) -> None:
    """Add hosts that simulate a plan: ``registry.add(Host(...))``. Called once, before the first is asked for. Since 1.1."""


@hookspec
def register_checks(registry: RuleRegistry) -> None:
    """Add rules that ``check`` applies to libraries: ``registry.add(rule)``. Called once, before the first check."""


@hookspec
def register_commands(group: click.Group) -> None:
    """Add commands to the command line: ``group.add_command(command)``. Called before the arguments are read, so import late."""


@hookspec
def library_loaded(library: Library) -> None:
    """A library was read: an anchor, or one to check or compare. ``library.source`` names its file."""


@hookspec(firstresult=True)
def choose_corners(anchors: Sequence[Library]) -> Sequence[Corner] | None:
    """Which corners are worth filling. Built in: what is missing in each process's grid of voltages and temperatures."""


@hookspec(firstresult=True)
def choose_simulations(
    anchors: Sequence[Library], template: Library, target: Corner, count: int, seed: int, filled: Library | None, asked: Points | None
) -> Points | None:
    """Which ``count`` simulations to run at the target, on the template's axes. Built in: ``eda_plugin.models.plan``.

    In later rounds (since 1.1) ``filled`` is the corner as it was filled last, with intervals, and ``asked`` what was simulated or tried;
    built in: ``eda_plugin.models.refine``.
    """


@hookspec
def before_fit(anchors: Sequence[Library], template: Library, target: Corner, measured: Points | None, settings: FillSettings) -> None:
    """The input is read and checked; a model is about to be fitted."""


@hookspec
def fit_step(stage: str, step: int, total: int | None, figures: Mapping[str, float]) -> None:
    """A stage of the fit is at ``step`` of ``total``; ``figures``: what it told of that step, such as ``loss``. Since 1.2.

    Called when a stage begins (step 0) and ends, whenever it tells figures, and between them at most a hundred times a stage.
    """


@hookspec
def after_fill(library: Library, report: Mapping[str, object], anchors: Sequence[Library], model: FilledCorner) -> None:
    """The corner is filled and has passed the QA gate; ``report`` is what ``--report`` writes.

    ``anchors`` (since 1.2) are those that it was filled from; ``model`` (since 1.2) is what the model gave back: ``model.save(folder)``.
    """


@hookspec
def before_write(library: Library, path: Path) -> None:
    """A filled library is about to be written to ``path``; to raise a ``UserError`` here keeps it from being written."""


@hookspec
def after_write(library: Library, path: Path) -> None:
    """A filled library stands complete in ``path``."""


@hookspec
def on_error(error: Exception) -> None:
    """A run failed with ``error``, which is raised on afterwards. Nothing was written by the step that failed."""
