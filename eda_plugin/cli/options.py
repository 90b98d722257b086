"""Options that several commands share, and what they make of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from eda_plugin.hooks.manager import Plugins

if TYPE_CHECKING:
    from eda_plugin.flow import Session

__all__ = ["PATH", "as_json", "inputs", "needs_target", "session_of"]

PATH = click.Path(path_type=Path)
P = ParamSpec("P")
R = TypeVar("R")


def inputs(name: str = "anchors") -> Callable[[Callable[P, R]], Callable[P, R]]:
    """The files to read, and what they don't tell themselves."""

    def add(command: Callable[P, R]) -> Callable[P, R]:
        for option in (
            click.option("--quiet", is_flag=True, help="Show no progress and no summary."),
            click.option("--workers", type=click.IntRange(min=1), help="Processes to read with.  [default: one a core]"),
            click.option("--mapping", type=PATH, metavar="MAP.toml", help="What the measures of HSPICE measure files are."),
            click.option(
                "--corners", type=PATH, metavar="TABLE.csv", help="Corners of files: columns file, process, voltage, temperature."
            ),
            click.argument(name, nargs=-1, type=PATH, required=True, metavar=f"{name.upper()}..."),
        ):
            command = option(command)
        return command

    return add


def needs_target(command: Callable[P, R]) -> Callable[P, R]:
    """The corner to work on."""
    for option in (
        click.option("--extrapolate", is_flag=True, help="Go on with a target far outside the anchors."),
        click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed gives the same output."),
        click.option("--template", type=PATH, metavar="FILE", help="Library with the target's axes.  [default: the nearest anchor]"),
    ):
        command = option(command)
    return command


as_json = click.option("--json", "json_", is_flag=True, help="Print a machine-readable summary on standard output.")


def session_of(context: click.Context, *, quiet: bool) -> Session:
    """The run's session: plugins of the command line, progress on a terminal, warnings on standard error."""
    from eda_plugin.cli.show import progress
    from eda_plugin.flow import Session

    plugins = context.find_object(Plugins)
    if plugins is None:
        raise click.UsageError("the command runs within eda-plugin only")
    return Session(plugins, progress(quiet=quiet), lambda text: click.echo(f"warning: {text}", err=True))
