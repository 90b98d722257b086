"""``eda-plugin host-files``: where the files lie that a host includes."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from eda_plugin.cli.options import as_json

__all__ = ["host_files"]

FOLDERS = {
    "tcl": "Tcl packages: OpenSTA, OpenROAD, Liberate, SiliconSmart, PrimeLib",
    "orfs": "Make fragment and Tcl for OpenROAD-flow-scripts",
}


@click.command("host-files")
@click.argument("name", required=False, type=click.Choice(list(FOLDERS)))
@click.option("--quiet", is_flag=True, help="Print nothing: the exit status tells whether they are there.")
@as_json
def host_files(name: str | None, quiet: bool, json_: bool) -> None:
    """Print the folder of a host's files, for its own scripts to include; all folders where no NAME is given."""
    from eda_plugin.cli.show import print_json, table
    from eda_plugin.errors import UserError

    root = Path(str(files("eda_plugin.hooks.hosts")))
    absent = [folder for folder in FOLDERS if not (root / folder).is_dir()]
    if absent:
        raise UserError(f"{root / absent[0]}: the folder is missing; install eda-plugin anew")
    if json_:
        print_json({folder: str(root / folder) for folder in ([name] if name else FOLDERS)})
    elif quiet:
        return
    elif name:
        click.echo(root / name)
    else:
        table("", ["name", "folder", "is"], [(folder, root / folder, summary) for folder, summary in FOLDERS.items()])
