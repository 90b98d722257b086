"""A configuration file with the filled corners, for LibreLane flows that stay as they are.

``python -m eda_plugin.hooks.hosts.librelane_config config.json -o filled.json`` fills what STA_CORNERS names and LIB lacks;
``librelane config.json filled.json`` runs with it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from librelane.config import Config, InvalidConfig
from librelane.flows import Flow, FlowException, SequentialFlow

from eda_plugin.errors import EdaPluginError
from eda_plugin.files import replace_atomically
from eda_plugin.hooks.hosts.command import library_files
from eda_plugin.hooks.hosts.librelane import corners_to_fill, filled_lib

__all__ = ["main", "resolved"]

PATH = click.Path(path_type=Path)


def resolved(files: tuple[Path, ...], pdk: str | None, pdk_root: Path | None) -> Any:
    """The configuration that LibreLane makes of these files. Raises ``click.UsageError`` with LibreLane's own reasons."""
    flow: Any = Flow.factory.get("Classic")
    for file in files:
        named = Config.get_meta(str(file)).flow
        if named is not None:
            flow = SequentialFlow.Make(named) if isinstance(named, list) else Flow.factory.get(named)
            if flow is None:
                raise click.UsageError(f"{file}: LibreLane has no flow {named!r}")
    try:
        return flow([str(file) for file in files], pdk=pdk, pdk_root=None if pdk_root is None else str(pdk_root)).config
    except InvalidConfig as error:
        raise click.UsageError("\n".join([f"LibreLane refuses the {error.config}:", *map(str, error.errors)])) from error
    except ValueError as error:
        raise click.UsageError(str(error)) from error


@click.command()
@click.argument("files", nargs=-1, required=True, type=PATH, metavar="CONFIG...")
@click.option("--pdk", metavar="NAME", envvar="PDK", help="As for librelane.")
@click.option("--pdk-root", type=PATH, envvar="PDK_ROOT", help="As for librelane.")
@click.option("--anchors", multiple=True, type=PATH, help="Libraries of other corners, or a folder of them.  [default: those of LIB]")
@click.option("--measured", multiple=True, type=(str, PATH), metavar="CORNER FILE", help="Simulations of a missing corner.")
@click.option("--option", "options", multiple=True, help="Option of `eda-plugin fill`, as it is.")
@click.option("--folder", type=PATH, default=Path("eda_plugin"), show_default=True, help="Where filled corners are kept.")
@click.option("-o", "--output", type=PATH, required=True, metavar="FILLED.json", help="Configuration file to write.")
def main(
    files: tuple[Path, ...],
    pdk: str | None,
    pdk_root: Path | None,
    anchors: tuple[Path, ...],
    measured: tuple[tuple[str, Path], ...],
    options: tuple[str, ...],
    folder: Path,
    output: Path,
) -> None:
    """Fill the corners that STA_CORNERS names and LIB lacks, and write LIB with them as one more configuration file."""
    config = resolved(files, pdk, pdk_root)
    missing = corners_to_fill(config)
    wanted = {
        "LIB": config["LIB"],
        "DEFAULT_CORNER": config["DEFAULT_CORNER"],
        "STA_CORNERS": config["STA_CORNERS"],
        "EDA_PLUGIN_OPTIONS": list(options),
        "EDA_PLUGIN_MEASURED": dict(measured),
    }
    try:
        if anchors:
            wanted["EDA_PLUGIN_ANCHORS"] = library_files(anchors)
        lib = filled_lib(wanted, folder.resolve())
        text = json.dumps({"LIB": {pattern: [str(path) for path in paths] for pattern, paths in lib.items()}}, indent=2) + "\n"
        with replace_atomically(output) as part:
            part.write_text(text, encoding="utf-8")
    except (EdaPluginError, FlowException) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_status if isinstance(error, EdaPluginError) else 2)
    click.echo(f"{output}: " + (f"filled {', '.join(missing)}" if missing else "LIB lacks no corner"))


if __name__ == "__main__":
    main()
