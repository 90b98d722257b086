"""``eda-plugin inspect``: what is in these files."""

from __future__ import annotations

from pathlib import Path

import click

from eda_plugin.cli.options import Inputs, as_json, reads

__all__ = ["inspect"]


@click.command()
@reads("FILES")
@as_json
def inspect(inputs: Inputs, json_: bool) -> None:
    """Show the corner, cells and tables of each library, and which corners could be filled from them."""
    from eda_plugin import flow
    from eda_plugin.cli.show import print_json, table

    libraries = inputs.read()
    summaries = [flow.summarize(library) for library in libraries]
    gaps = flow.choose_corners(libraries, session=inputs.session)
    if json_:
        print_json({"libraries": [summary.to_dict() for summary in summaries], "missing_corners": [corner.name for corner in gaps]})
        return
    groups = sorted({group for summary in summaries for group in summary.values})
    rows = [
        [
            summary.corner,
            Path(summary.source).name or summary.name,
            f"{summary.voltage:g}",
            f"{summary.temperature:g}",
            summary.cells,
            summary.tables,
            *(_count(summary.values.get(group, 0), summary.missing.get(group, 0)) for group in groups),
        ]
        for summary in summaries
    ]
    table(f"{len(libraries)} libraries", ["corner", "file", "V", "°C", "cells", "tables", *groups], rows)
    if gaps:
        click.echo(f"missing in the grid of these corners: {', '.join(corner.name for corner in gaps)}")


def _count(values: int, missing: int) -> str:
    return f"{values - missing}/{values}" if missing else str(values)
