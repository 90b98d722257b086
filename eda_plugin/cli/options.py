"""Options that several commands share, and what they make of them."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from eda_plugin.cli.settings import CLUSTER
from eda_plugin.hooks.manager import Plugins

if TYPE_CHECKING:
    from eda_plugin.domain import Library
    from eda_plugin.flow import Session

__all__ = ["PATH", "SHARE", "Inputs", "as_json", "clustered", "fits", "needs_target", "reads", "session_of", "without_cache"]

PATH = click.Path(path_type=Path)


class _Share(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on only
    """``5%`` or ``0.05``."""

    name = "share"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value).strip()
        try:
            number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            number = float("nan")
        if not math.isfinite(number) or number <= 0:
            self.fail(f"{value!r} is no share; expected a positive one such as 5% or 0.05", param, ctx)
        return number


SHARE = _Share()
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Inputs:
    """The files that a command reads, and what the user told of them."""

    paths: tuple[Path, ...]
    corners: Path | None
    mapping: Path | None
    workers: int | None
    quiet: bool
    session: Session

    def read(self) -> tuple[Library, ...]:
        from eda_plugin import flow

        return flow.read(self.paths, corners=self.corners, mapping=self.mapping, workers=self.workers, session=self.session)


clustered = click.option(
    "--cluster",
    default="local",
    show_default=True,
    metavar="NAME",
    help="Where work is done: local, tcp://HOST:PORT (a Dask scheduler), lsf, slurm, sge, pbs.",
)
without_cache = click.option("--no-cache", is_flag=True, help="Read every file anew, and keep nothing of it.")


def reads(name: str, *, required: bool = True) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the argument ``name`` and the options of reading; it gets them as ``inputs``."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(
            paths: tuple[Path, ...],
            corners: Path | None,
            mapping: Path | None,
            workers: int | None,
            cluster: str,
            no_cache: bool,
            quiet: bool,
            **rest: object,
        ) -> None:
            session = session_of(quiet=quiet, cache=not no_cache, cluster=cluster, workers=workers)
            command(inputs=Inputs(paths, corners, mapping, workers, quiet, session), **rest)

        for option in (
            click.option("--quiet", is_flag=True, help="Show no progress and no summary."),
            without_cache,
            clustered,
            click.option("--workers", type=click.IntRange(min=1), help="Processes to work with.  [default: one a core]"),
            click.option("--mapping", type=PATH, metavar="MAP.toml", help="What the measures of HSPICE measure files are."),
            click.option("--corners", type=PATH, metavar="TABLE.csv", help="Corners: columns file, process, voltage, temperature."),
            click.argument("paths", nargs=-1, type=PATH, required=required, metavar=f"{name}..."),
        ):
            run = option(run)
        return run

    return add


def needs_target(command: F) -> F:
    """The corner to work on."""
    for option in (
        click.option("--extrapolate", is_flag=True, help="Go on with a target far outside the anchors."),
        click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed gives the same output."),
        click.option("--template", type=PATH, metavar="FILE", help="Library with the target's axes.  [default: the nearest anchor]"),
    ):
        command = option(command)
    return command


def fits(command: F) -> F:
    """How a corner is filled, and what is written beside its library."""
    for option in (
        click.option("--strict", is_flag=True, help="Fail, and write nothing, where a check had to repair a value."),
        click.option("--threads", type=click.IntRange(min=0), default=0, help="Threads of the numerical libraries.  [default: theirs]"),
        click.option("--no-diffusion", is_flag=True, help="Leave the diffusion model out: the mean model alone, faster."),
        click.option(
            "--interval", type=float, default=0.9, show_default=True, help="Share of the true values that the intervals shall cover."
        ),
        click.option("--pretrained", type=PATH, metavar="FILE", help="What other libraries taught: `pretrain` writes it. For few anchors."),
        click.option("--model", default="auto", show_default=True, help="Model; `eda-plugin plugins` lists them."),
        click.option(
            "--report", type=PATH, metavar="FILE", help="What was done, .json or .md: model, scores on anchors held out, findings."
        ),
        click.option("--intervals", type=PATH, metavar="OUT.csv", help="Interval of each timing value."),
    ):
        command = option(command)
    return command


as_json = click.option("--json", "json_", is_flag=True, help="Print a machine-readable summary on standard output.")


def session_of(*, quiet: bool, cache: bool = True, cluster: str = "local", workers: int | None = None) -> Session:
    """The run's session: plugins of the command line, progress on a terminal, warnings on standard error, the farm until the command ends.

    The options of a batch system are those of the settings file.
    """
    from eda_plugin.cli.recorded import recording
    from eda_plugin.cli.show import progress
    from eda_plugin.farm import BATCH, open_farm
    from eda_plugin.flow import Session

    ctx = click.get_current_context()
    plugins = ctx.find_object(Plugins)
    if plugins is None:
        raise click.UsageError("the command runs within eda-plugin only")
    shown, tell = progress(quiet=quiet), lambda text: click.echo(f"warning: {text}", err=True)
    record = recording()
    if record is not None:
        shown, tell = record.progress(shown), record.warn(tell)
    farm = open_farm(cluster, workers=workers, options=ctx.meta.get(CLUSTER) if cluster in BATCH else None)
    ctx.call_on_close(farm.close)
    return Session(plugins, shown, tell, cache, farm)
