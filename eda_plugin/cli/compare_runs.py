"""``eda-plugin compare-runs``: two run folders beside each other."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eda_plugin.cli.options import PATH, as_json

if TYPE_CHECKING:
    from eda_plugin.flow.runs import Difference

__all__ = ["compare_runs"]


@click.command("compare-runs")
@click.argument("first", type=PATH, metavar="A")
@click.argument("second", type=PATH, metavar="B")
@click.option("--all", "all_", is_flag=True, help="Show what is the same, too.")
@click.option("--quiet", is_flag=True, help="Print nothing.")
@as_json
def compare_runs(first: Path, second: Path, all_: bool, quiet: bool, json_: bool) -> None:
    """Compare two runs: settings, versions, inputs, outputs, figures, seconds by stage.

    A and B are folders that --run-folder or --runs made. What is the same is only counted.
    """
    from dataclasses import asdict

    from eda_plugin import flow
    from eda_plugin.cli.show import print_json, table
    from eda_plugin.flow.runs.compare import SECTIONS

    found = flow.compare_runs(first, second)
    if json_:
        print_json({"first": str(first), "second": str(second), "differences": [asdict(one) for one in found]})
        return
    if quiet:
        return
    for section in SECTIONS:
        own = [one for one in found if one.section == section]
        shown = [one for one in own if all_ or not one.same]
        same = sum(one.same for one in own)
        if shown:
            table(
                f"{section} ({same} the same)",
                ["", "A", "B", ""],
                [(one.name, _text(one.first), _text(one.second), _last(one)) for one in shown],
            )
        else:
            click.echo(f"{section}: {same} the same, no difference")


def _text(value: object) -> str:
    return "-" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _last(one: Difference) -> str:
    return one.note or ("" if math.isnan(one.ratio) or one.same else f"x {one.ratio:.3g}")
