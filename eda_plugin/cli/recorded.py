"""Run folders for commands: ``@recorded(...)`` above a command's other decorators, ``note(...)`` where it has its result."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from eda_plugin.cli.options import PATH
from eda_plugin.cli.settings import long_name
from eda_plugin.errors import EdaPluginError
from eda_plugin.hooks.manager import Plugins

if TYPE_CHECKING:
    from eda_plugin.flow.runs import Argument, Request, RunRecord

__all__ = ["note", "recorded", "recording"]

_KEY = "eda_plugin.run_record"
_SOURCES = {
    ParameterSource.COMMANDLINE: "command line",
    ParameterSource.ENVIRONMENT: "variable",
    ParameterSource.DEFAULT_MAP: "settings file",
}
_OWN = ("run_folder", "runs")


def recorded(*outputs: str, work: Sequence[str] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of run folders. ``outputs`` are its parameters that name what it writes, ``work`` those that name
    folders of journals; every other path is an input."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(run_folder: Path | None, runs: Path | None, **rest: object) -> None:
            if run_folder is None and runs is None:
                command(**rest)
            else:
                _record(functools.partial(command, **rest), run_folder, runs, outputs, work)

        for option in (
            click.option("--runs", type=PATH, metavar="FOLDER", help="Record the run in a new, numbered folder there."),
            click.option("--run-folder", type=PATH, metavar="FOLDER", help="Record the run in this folder, to repeat and compare it."),
        ):
            run = option(run)
        return run

    return add


def recording() -> RunRecord | None:
    """The record of the run under way, where there is one."""
    record: RunRecord | None = click.get_current_context().meta.get(_KEY)
    return record


def note(summary: Mapping[str, object], files: Sequence[str | Path] = ()) -> None:
    """Tell the run's folder, if there is one, what came out: figures and files."""
    record = recording()
    if record is not None:
        record.note(summary, [Path(file) for file in files])


def _record(command: Callable[[], None], named: Path | None, runs: Path | None, outputs: Sequence[str], work: Sequence[str]) -> None:
    from eda_plugin.flow.runs import RunRecord, next_folder

    ctx = click.get_current_context()
    plugins = ctx.find_object(Plugins)
    if plugins is None:
        raise click.UsageError("the command runs within eda-plugin only")
    request = _request(ctx, outputs, work, plugins)
    record = RunRecord(named or next_folder(runs or Path(), request.command), request, plugins)
    ctx.meta[_KEY] = record
    status, error = 70, "a fault of eda-plugin"
    try:
        command()
        status, error = 0, ""
    except click.exceptions.Exit as ending:
        status, error = ending.exit_code, ""
        raise
    except click.ClickException as mistake:
        status, error = mistake.exit_code, mistake.format_message()
        raise
    except EdaPluginError as mistake:
        status, error = mistake.exit_status, str(mistake)
        raise
    except (click.Abort, KeyboardInterrupt):
        status, error = 130, "interrupted"
        raise
    finally:
        record.end(status, error)


def _request(ctx: click.Context, outputs: Sequence[str], work: Sequence[str], plugins: Plugins) -> Request:
    from eda_plugin.flow.runs import Request

    options: list[Argument] = []
    rest: list[Argument] = []
    for parameter in ctx.command.params:
        if parameter.name and parameter.name not in _OWN:
            made = _argument(ctx, parameter, outputs, work)
            (options if isinstance(parameter, click.Option) else rest).append(made)
    disabled = tuple(info.name for info in plugins.infos if info.status == "disabled")
    return Request(str(ctx.info_name), (*options, *rest), Path.cwd(), disabled)


def _argument(ctx: click.Context, parameter: click.Parameter, outputs: Sequence[str], work: Sequence[str]) -> Argument:
    from eda_plugin.flow.runs import Argument

    name = str(parameter.name)
    value: Any = ctx.params[name]
    several = list(value) if isinstance(value, tuple) else [] if value is None else [value]
    paths = tuple(str(item) for item in several if isinstance(item, Path))
    kind = "setting" if not isinstance(parameter.type, click.Path) else "output" if name in outputs else "work" if name in work else "input"
    source = _SOURCES.get(ctx.get_parameter_source(name) or ParameterSource.DEFAULT, "default")
    shown = value if isinstance(value, bool | int | float | str | None) else " ".join(map(str, several))
    return Argument(name, shown, () if source == "default" else _words(parameter, value, several), source, kind, paths)


def _words(parameter: click.Parameter, value: object, several: Sequence[object]) -> tuple[str, ...]:
    """What says the same on a command line."""
    if not isinstance(parameter, click.Option):
        return ("--", *map(str, several)) if any(str(item).startswith("-") for item in several) else tuple(map(str, several))
    if parameter.is_flag:
        return (f"--{long_name(parameter)}",) if value is True else ()
    return tuple(word for item in several for word in (f"--{long_name(parameter)}", str(item)))
