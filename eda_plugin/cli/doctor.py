"""``eda-plugin doctor``: is everything there, and what to do where it is not."""

from __future__ import annotations

import click

from eda_plugin.cli.options import as_json, session_of

__all__ = ["doctor"]


@click.command()
@click.option("--quiet", is_flag=True, help="Print nothing but what needs a hand.")
@as_json
def doctor(quiet: bool, json_: bool) -> None:
    """Look at packages, extras, simulators, GPU, threads, cache, disk and plugins.

    Exit status 1 where something that is needed is broken; what is only absent is a note.
    """
    from eda_plugin.cli.show import print_json, table
    from eda_plugin.errors import FindingsError
    from eda_plugin.flow.doctor import BROKEN, OK, examine

    items = examine(session_of(quiet=True).plugins)
    broken = [item for item in items if item.status == BROKEN]
    if json_:
        print_json({"healthy": not broken, "items": [item.to_dict() for item in items]})
    else:
        for group in [] if quiet else dict.fromkeys(item.group for item in items):
            table(group, ["name", "status", "found"], [(item.name, item.status, item.found) for item in items if item.group == group])
        advised = [item for item in items if item.status != OK and item.advice and (not quiet or item.status == BROKEN)]
        if advised:
            table("what to do", ["name", "status", "advice"], [(item.name, item.status, item.advice) for item in advised])
    if broken:
        raise FindingsError(f"{len(broken)} needed things are broken: {', '.join(item.name for item in broken)}")
