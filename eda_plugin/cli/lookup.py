"""``eda-plugin lookup``: a plan's answers out of a library that a host wrote."""

from __future__ import annotations

from pathlib import Path

import click

from eda_plugin.cli.options import PATH, SHARE, as_json, session_of

__all__ = ["lookup"]


@click.command()
@click.argument("plan", type=PATH, metavar="PLAN")
@click.argument("library", type=PATH, metavar="LIBRARY")
@click.option("--template", type=PATH, metavar="LIB", help="Library in whose units the plan was written.  [default: LIBRARY]")
@click.option("--tolerance", type=SHARE, default="0.0001%", show_default=True, help="How far off the library's grid a point may be.")
@click.option("-o", "--output", type=PATH, required=True, metavar="MEASURED", help="Points to write: .csv or .parquet.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@as_json
def lookup(plan: Path, library: Path, template: Path | None, tolerance: float, output: Path, quiet: bool, json_: bool) -> None:
    """Write the points of PLAN with the delay and transition that LIBRARY holds at them, as `fill --measured` reads them.

    For characterizers that write Liberty: the points must be on the library's grid. Arcs are found in any spelling.
    """
    from eda_plugin import flow
    from eda_plugin.cli.show import facts, print_json
    from eda_plugin.errors import UserError
    from eda_plugin.flow.lookup import look_up

    session = session_of(quiet=quiet)
    if output.resolve() in {plan.resolve(), library.resolve()}:
        raise UserError(f"{output} is read in this run; name another output")
    held = flow.read([library], session=session)[0]
    source = None if template is None else flow.read([template], session=session)[0]
    count, unknown = look_up(plan, held, output, template=source, tolerance=tolerance)
    if json_:
        print_json({"points": count, "left_out": unknown, "measured": str(output)})
    elif not quiet:
        for line in unknown:
            click.echo(f"left out: {line}")
        facts(f"points of {library.name}", [("points", count), ("left out", len(unknown)), ("written", output)])
