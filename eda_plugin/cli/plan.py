"""``eda-plugin plan``: which simulations to run at a corner."""

from __future__ import annotations

from pathlib import Path

import click

from eda_plugin.cli.options import PATH, Inputs, as_json, needs_target, reads

__all__ = ["plan"]


@click.command()
@reads("ANCHORS")
@needs_target
@click.option("--target", required=True, metavar="P,V,T", help="Corner: process, volts, degrees Celsius, such as ss,1.60,100.")
@click.option("--budget", default="2%", show_default=True, help="Share of the corner's simulations (2%, 0.02) or their number (500).")
@click.option("-o", "--output", type=PATH, required=True, metavar="PLAN", help="Plan to write: .csv or .parquet.")
@as_json
def plan(
    inputs: Inputs,
    template: Path | None,
    seed: int,
    extrapolate: bool,
    target: str,
    budget: str,
    output: Path,
    json_: bool,
) -> None:
    """Choose the simulations of a corner that teach most for the budget.

    Each row of the plan is one simulation: run it, add the columns delay and transition, and give the file to
    `eda-plugin fill --measured`.
    """
    from eda_plugin import flow
    from eda_plugin.cli.show import print_json

    made = flow.plan(inputs.read(), target, budget, template=template, seed=seed, extrapolate=extrapolate, session=inputs.session)
    path = made.write(output)
    if json_:
        summary = {"target": made.target.name, "simulations": len(made.points), "total": made.total, "share": made.share, "plan": str(path)}
        print_json(summary)
    elif not inputs.quiet:
        click.echo(f"{len(made.points)} of {made.total} simulations of {made.target} ({made.share:.2%}): {path}")
