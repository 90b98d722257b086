"""``eda-plugin predict``: delay predictors that a flow can ask."""

from __future__ import annotations

import re
from pathlib import Path

import click

from eda_plugin.cli.options import PATH, Inputs, as_json, reads
from eda_plugin.cli.recorded import note, recorded

__all__ = ["predict"]


@click.command()
@recorded("output", "answers")
@reads("FILES")
@click.option("-o", "--output", type=PATH, metavar="OUT.safetensors", help="Predictor to write.")
@click.option("--points", type=PATH, metavar="FILE", help="Points to ask, with the columns of a plan.")
@click.option("--target", metavar="P,V,T", help="Corner of the points, such as ss,1.60,100.")
@click.option("--answers", type=PATH, metavar="FILE", help="The points with delay and transition, to write.")
@click.option("--query", metavar="NAME=VALUE,...", help="One point instead: cell=INV,related_pin=A,pin=Y,edge=fall,slew=0.1,load=0.01")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed gives the same predictor.")
@as_json
def predict(
    inputs: Inputs,
    output: Path | None,
    points: Path | None,
    target: str | None,
    answers: Path | None,
    query: str | None,
    seed: int,
    json_: bool,
) -> None:
    """Train a GBR delay predictor on libraries (or read one, FILE.safetensors), and ask it.

    Points are in the units of the first library; for a predictor that is read, in ns and pF.
    """
    from eda_plugin import flow
    from eda_plugin.cli.show import print_json

    if query is not None and (target is None or points is not None or answers is not None):
        raise click.UsageError("--query goes with --target alone")
    if query is None and len({points is None, target is None, answers is None}) > 1:
        raise click.UsageError("--points, --target and --answers go together")
    if output is None and points is None and query is None:
        raise click.UsageError("nothing to do: give -o to write a predictor, or --points, --target and --answers to ask one")
    if len(inputs.paths) == 1 and inputs.paths[0].suffix == ".safetensors":
        made = flow.read_predictor(inputs.paths[0], session=inputs.session)
    else:
        made = flow.train_predictor(inputs.read(), seed=seed, session=inputs.session)
    known = sorted(corner.name for corner in made.trees.corners)
    summary: dict[str, object] = {"tables": len(made.trees.keys), "corners": known}
    if output is not None:
        summary["predictor"] = str(made.write(output))
    if query is not None and target is not None:
        summary |= made.ask_one(_fields(query), target)
    if points is not None and target is not None and answers is not None:
        found = made.ask(points, target, answers)
        summary |= {"points": found.points, "outside": found.outside, "answers": str(found.path)}
    files = [Path(str(summary[name])) for name in ("predictor", "answers") if name in summary]
    note({name: value for name, value in summary.items() if name not in ("predictor", "answers")}, files)
    if json_:
        print_json(summary)
    elif not inputs.quiet:
        click.echo(f"{len(made.trees.keys)} tables at {', '.join(known)}")
        for name in ("predictor", "answers", "delay", "transition", "outside"):
            if name in summary and (name != "outside" or query is not None):
                click.echo(f"{name}: {summary[name]}")


def _fields(query: str) -> dict[str, str]:
    """``NAME=VALUE,...``; a comma that no name follows belongs to a value."""
    fields = dict(part.split("=", 1) for part in re.split(r",(?=\w+=)", query) if "=" in part)
    lacking = [name for name in ("cell", "pin", "related_pin", "edge", "slew", "load") if name not in fields]
    if lacking:
        raise click.UsageError(f"--query states no {lacking[0]}; expected NAME=VALUE,... with cell, pin, related_pin, edge, slew, load")
    return fields
