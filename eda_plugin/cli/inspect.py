"""``eda-plugin inspect``: what is in these files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from eda_plugin.cli.options import Inputs, as_json, reads

__all__ = ["inspect"]

SHOWN = 8
"""Names of what is not interpreted that a summary lists."""


@click.command()
@reads("FILES")
@click.option("--carried", is_flag=True, help="List all that is carried through without being interpreted.")
@as_json
def inspect(inputs: Inputs, carried: bool, json_: bool) -> None:
    """Show the corner, cells and tables of each library, and which corners could be filled from them."""
    from eda_plugin import flow
    from eda_plugin.cli.show import print_json, table

    libraries = inputs.read()
    summaries = [flow.summarize(library) for library in libraries]
    uninterpreted = [flow.uninterpreted(library, session=inputs.session) for library in libraries]
    gaps = flow.choose_corners(libraries, session=inputs.session)
    if json_:
        told = [{**summary.to_dict(), "uninterpreted": names} for summary, names in zip(summaries, uninterpreted, strict=True)]
        print_json({"libraries": told, "missing_corners": [corner.name for corner in gaps]})
        return
    if inputs.quiet:
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
    most: Counter[str] = Counter()
    for names in uninterpreted:
        most |= Counter(names)
    if most:
        listed = [f"{count} {name}" for name, count in most.most_common(None if carried else SHOWN)]
        more = f" and {len(most) - len(listed)} more names (--carried)" if len(most) > len(listed) else ""
        click.echo(f"not interpreted, carried through as they stand: {', '.join(listed)}{more}")
    if gaps:
        click.echo(f"missing in the grid of these corners: {', '.join(corner.name for corner in gaps)}")


def _count(values: int, missing: int) -> str:
    return f"{values - missing}/{values}" if missing else str(values)
