"""``eda-plugin rerun``: the command of a run folder once more, and whether the same came out."""

from __future__ import annotations

from pathlib import Path

import click

from eda_plugin.cli.options import PATH, as_json, session_of

__all__ = ["rerun"]


@click.command()
@click.argument("folder", type=PATH, metavar="FOLDER")
@click.option("--changed", is_flag=True, help="Go on with inputs that are not what they were.")
@click.option("--quiet", is_flag=True, help="Show no progress and no summary.")
@as_json
def rerun(folder: Path, changed: bool, quiet: bool, json_: bool) -> None:
    """Repeat the run of a folder that --run-folder or --runs made, and compare the bytes.

    Outputs go below FOLDER/reruns; those of the first run stay as they are. Exit status 1 where it ended in another way or with other
    bytes; reports may differ in their times.
    """
    from dataclasses import asdict

    from eda_plugin import flow
    from eda_plugin.cli.show import print_json, table
    from eda_plugin.errors import FindingsError

    session = session_of(quiet=quiet)
    found = flow.rerun(folder, session.plugins, changed=changed, quiet=quiet or json_)
    for one in found.versions:
        session.warn(f"{one.name} is {one.second or 'absent'} now; the run had {one.first or 'none'}")
    for name in found.changed:
        session.warn(f"the input {name} is not what it was")
    if json_:
        print_json({"folder": str(found.folder), "same": found.same, "status": found.status, "outputs": list(map(asdict, found.outputs))})
    elif not quiet:
        rows = [(one.name, one.note, one.first or "", one.second or "") for one in found.outputs]
        table(f"{folder} again: {found.folder}", ["output", "is", "before", "now"], rows)
        click.echo("the same came out" if found.same else "not the same came out")
    if not found.same:
        other = [one.name for one in found.outputs if not one.same]
        was, now = found.status
        ending = f"exit status {now} instead of {was}" if was != now else f"other bytes: {', '.join(other)}"
        raise FindingsError(f"{folder}: the second run gave something else: {ending}; both stand in {found.folder}")
