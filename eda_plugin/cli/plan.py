"""``eda-plugin plan``: which simulations to run at a corner, or which corners to characterize first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from eda_plugin.cli.options import PATH, Inputs, as_json, needs_target, reads
from eda_plugin.cli.recorded import note, recorded

__all__ = ["plan"]


@click.command()
@recorded("output")
@reads("ANCHORS", required=False)
@needs_target
@click.option("--target", metavar="P,V,T", help="Corner: process, volts, degrees Celsius, such as ss,1.60,100.")
@click.option("--budget", default="2%", show_default=True, help="Share of the corner's simulations (2%, 0.02) or their number (500).")
@click.option("-o", "--output", type=PATH, metavar="PLAN", help="Plan to write: .csv or .parquet.")
@click.option("--from-sta", type=PATH, metavar="REPORT", help="OpenSTA's paths of a design: buy what they use. (docs/hosts/opensta.md)")
@click.option(
    "--sampler", metavar="NAME", help="Who chooses, of those that `plugins` lists.  [default: a plugin's decision, else variance]"
)
@click.option("--anchors-only", type=click.IntRange(min=1), metavar="K", help="Name the K corners that serve best as anchors instead.")
@click.option("--wanted", multiple=True, metavar="P,V,T", help="Corner to fill from those anchors.  [default: every candidate]")
@click.option(
    "--candidate", "candidates", multiple=True, metavar="P,V,T", help="Corner that may be one.  [default: the libraries' corners]"
)
@as_json
def plan(
    inputs: Inputs,
    template: Path | None,
    seed: int,
    extrapolate: bool,
    target: str | None,
    budget: str,
    output: Path | None,
    from_sta: Path | None,
    sampler: str | None,
    anchors_only: int | None,
    wanted: tuple[str, ...],
    candidates: tuple[str, ...],
    json_: bool,
) -> None:
    """Choose the simulations of a corner that teach most for the budget.

    Each row of the plan is one simulation: run it, add the columns delay and transition, and give the file to
    `eda-plugin fill --measured`. With --anchors-only, choose corners to characterize in full; libraries are then asked for their corners
    only, and none is needed with --candidate.
    """
    from eda_plugin import flow
    from eda_plugin.cli.show import facts, print_json

    if anchors_only is not None:
        if target is not None:
            raise click.UsageError("--target goes without --anchors-only; name the corners to fill with --wanted")
        _anchors(inputs, anchors_only, wanted, candidates, output, json_=json_)
        return
    if wanted or candidates:
        raise click.UsageError("--wanted and --candidate go with --anchors-only")
    if not inputs.paths or target is None or output is None:
        lacking = "ANCHORS" if not inputs.paths else "--target" if target is None else "--output"
        raise click.UsageError(f"{lacking} is missing; expected ANCHORS... --target P,V,T -o PLAN, or --anchors-only K")
    made = flow.plan(
        inputs.read(),
        target,
        budget,
        template=template,
        seed=seed,
        extrapolate=extrapolate,
        from_sta=from_sta,
        sampler=sampler,
        session=inputs.session,
    )
    path = made.write(output)
    summary = {"target": made.target.name, "simulations": len(made.points), "total": made.total, "share": made.share}
    note(summary, [path])
    if json_:
        print_json({**summary, "plan": str(path)})
    elif not inputs.quiet:
        share = f"{len(made.points)} of {made.total} ({made.share:.2%})"
        rows = [("simulations", share), ("arcs", len(set(made.points.arcs))), ("written", path)]
        facts(f"plan of {made.target.name}", rows)


def _anchors(inputs: Inputs, count: int, wanted: Sequence[str], candidates: Sequence[str], output: Path | None, *, json_: bool) -> None:
    """Print the corners that would serve best, and write them where a file is named."""
    from eda_plugin import flow
    from eda_plugin.cli.show import print_json, table, written

    if bool(candidates) == bool(inputs.paths):
        raise click.UsageError("--anchors-only takes the corners of LIBRARIES... or those of --candidate, one or the other")
    pool = list(candidates) or [library.corner.name for library in inputs.read()]
    made = flow.plan_anchors(pool, count, wanted=wanted, session=inputs.session)
    if output is not None:
        made.write(output)
    summary = {"anchors": made.rows(), "wanted": [corner.name for corner in made.wanted]}
    note(summary, [] if output is None else [output])
    if json_:
        print_json(summary)
    elif not inputs.quiet:
        rows = [(place + 1, corner, f"{left:.1%}") for place, (corner, left) in enumerate(zip(made.corners, made.uncertainty, strict=True))]
        table(f"anchors for {len(made.wanted)} corners", ["", "corner", "uncertainty left"], rows)
        written([] if output is None else [output])
