"""``eda-plugin inspect``: what is in these files."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from eda_plugin.cli.options import Inputs, as_json, reads

__all__ = ["inspect"]

SHOWN = 8
"""Names of what is not interpreted, and troubles of a file, that a summary lists."""


@click.command()
@reads("FILES")
@click.option("--carried", is_flag=True, help="List all that is carried through without being interpreted.")
@as_json
def inspect(inputs: Inputs, carried: bool, json_: bool) -> None:
    """Show the corner, cells and tables of each library, and which corners could be filled from them; what is in HSPICE waveforms and
    listings."""
    from eda_plugin import flow
    from eda_plugin.cli.show import print_json, table
    from eda_plugin.flow.results import describe_result

    told = {path: found for path in inputs.paths if (found := describe_result(path)) is not None}
    if told and len(told) == len(inputs.paths):
        if json_:
            print_json({"results": list(told.values())})
        else:
            _results(list(told.values()))
        return
    libraries = replace(inputs, paths=tuple(path for path in inputs.paths if path not in told)).read()
    summaries = [flow.summarize(library) for library in libraries]
    uninterpreted = [flow.uninterpreted(library, session=inputs.session) for library in libraries]
    gaps = flow.choose_corners(libraries, session=inputs.session)
    if json_:
        shown = [{**summary.to_dict(), "uninterpreted": names} for summary, names in zip(summaries, uninterpreted, strict=True)]
        results = {"results": list(told.values())} if told else {}
        print_json({"libraries": shown, "missing_corners": [corner.name for corner in gaps], **results})
        return
    _results(list(told.values()))
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


def _results(results: list[dict[str, Any]]) -> None:
    """One line a file, then what is wrong with it."""
    from eda_plugin.cli.show import table

    if not results:
        return
    rows = []
    for found in results:
        if "signals" in found:
            points = sum(sweep["points"] for sweep in found["sweeps"])
            held = f"{len(found['signals'])} signals, {len(found['sweeps'])} sweeps, {points} points of {found['scale']}"
        else:
            measures = sum(len(run["measures"]) for run in found["runs"])
            degrees = sorted({f"{run['temperature']:g}" for run in found["runs"]}, key=float)
            held = f"{len(found['runs'])} runs at {', '.join(degrees) or 'no'} °C, {measures} measures"
        rows.append([Path(found["file"]).name, found["kind"], found["version"], held, len(found["trouble"])])
    table(f"{len(results)} results", ["file", "holds", "version", "what", "trouble"], rows)
    for found in results:
        for text in found["trouble"][:SHOWN]:
            click.echo(f"{found['file']}: {text}")
        if len(found["trouble"]) > SHOWN:
            click.echo(f"{found['file']}: and {len(found['trouble']) - SHOWN} more (--json)")


def _count(values: int, missing: int) -> str:
    return f"{values - missing}/{values}" if missing else str(values)
