"""The command group, its plugins, and how a run ends.

Exit status: 0 done, 1 findings, 2 a mistake in the input or the request, 70 a fault of this package, 130 interrupted. A mistake never ends
in a traceback; a fault shows one where EDA_PLUGIN_TRACEBACK is set. Nothing that imports numpy is imported here: ``--help`` is instant.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from eda_plugin import __version__
from eda_plugin.cli import commands
from eda_plugin.cli.settings import CLUSTER, CONFIG, Settings, from_environment, origin_of, read_settings
from eda_plugin.errors import EdaPluginError
from eda_plugin.hooks.manager import Plugins

__all__ = ["app", "main", "run"]

FAULT = 70


class PluginGroup(click.Group):
    """A group whose commands come from plugins, the built-in commands among them, once the disable list is known."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._fill(ctx)
        return list(self.commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        self._fill(ctx)
        return self.commands.get(cmd_name)

    def _fill(self, ctx: click.Context) -> None:
        if ctx.obj is None:
            settings = None if ctx.resilient_parsing else _settings(ctx.params.get("config"))
            disabled = (*(ctx.params.get("disable_plugin") or ()), *(settings.disabled if settings else ()))
            plugins = Plugins.load(disabled, warn=lambda text: click.echo(f"warning: {text}", err=True))
            plugins.register(commands, "commands", status="built-in")
            self.commands.clear()
            plugins.add_commands(self)
            for name, command in self.commands.items():
                from_environment(command, name)
            if settings:
                ctx.meta[CLUSTER] = settings.cluster
                ctx.default_map = settings.default_map(self.commands)
            ctx.obj = plugins


def _settings(named: Path | None) -> Settings | None:
    """The file that the user named, else the one that lies in this folder, if any."""
    return read_settings(named or Path(CONFIG)) if named or Path(CONFIG).is_file() else None


@click.group(cls=PluginGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="eda-plugin")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="EDA_PLUGIN_CONFIG",
    metavar="FILE.toml",
    is_eager=True,
    help=f"Options by command.  [default: {CONFIG}, where there is one]",
)
@click.option("--disable-plugin", multiple=True, metavar="NAME", is_eager=True, help="Leave out an installed plugin; may be repeated.")
def app(config: Path | None, disable_plugin: Sequence[str]) -> None:
    """Fill the PVT corners of a standard-cell library that nobody has characterized.

    Anchors are .lib or .lib.gz files, HSPICE measure files (with --mapping), or folders of them.

    Each option can be given as a variable too (EDA_PLUGIN_FILL_SEED for fill --seed) and in a settings file ([fill] seed = 1).
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """End the process with the status of the command line.

    Threads of OpenMP wait asleep unless the user says otherwise: where another program has a core, threads that spin cost minutes.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line on ``arguments`` (``sys.argv`` where there are none) and return its exit status."""
    try:
        status = app.main(args=None if arguments is None else list(arguments), prog_name="eda-plugin", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        if isinstance(error, click.BadParameter) and (origin := origin_of(error)):
            click.echo(origin, err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; nothing was left half-written", err=True)
        return 130
    except EdaPluginError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_status
    except Exception as error:  # noqa: BLE001 - the last resort of the program: a fault of ours, told without a traceback
        if os.environ.get("EDA_PLUGIN_TRACEBACK"):
            traceback.print_exc()
        place = "set EDA_PLUGIN_TRACEBACK=1 to see where, and please report it"
        click.echo(f"error: this is a fault of eda-plugin, not of your input: {type(error).__name__}: {error}; {place}", err=True)
        return FAULT
    return status if isinstance(status, int) else 0
