"""``eda-plugin train-predictor``: predictors that a flow can call, in the form that it can call."""

from __future__ import annotations

from pathlib import Path

import click

from eda_plugin.cli.options import PATH, Inputs, as_json, reads
from eda_plugin.cli.recorded import note, recorded

__all__ = ["train_predictor"]


@click.command("train-predictor")
@recorded("output")
@reads("LIBRARIES")
@click.option("-o", "--output", type=PATH, required=True, metavar="FOLDER", help="Where the predictors and card.json go.")
@click.option("--filled", type=PATH, multiple=True, metavar="LIB", help="Library of a filled corner to learn from too; may be repeated.")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="timing, constraint, leakage; may be repeated.  [default: all there]")
@click.option(
    "--form", "forms", multiple=True, default=["safetensors"], metavar="FORM", help="safetensors, c, tcl, onnx, skops; may be repeated."
)
@click.option("--at", multiple=True, metavar="P,V,T", help="Corner that c, tcl and onnx hold too, interpolated; may be repeated.")
@click.option("--distil", multiple=True, metavar="P,V,T", help="Corner to fill first, and to learn too; may be repeated.")
@click.option("--points", type=PATH, metavar="FILE", help="Points measured at the distilled corner.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed gives the same predictors.")
@as_json
def train_predictor(
    inputs: Inputs,
    output: Path,
    filled: tuple[Path, ...],
    kinds: tuple[str, ...],
    forms: tuple[str, ...],
    at: tuple[str, ...],
    distil: tuple[str, ...],
    points: Path | None,
    seed: int,
    json_: bool,
) -> None:
    """Train GBR predictors of delay and transition, constraints, leakage, and write them as C, Tcl, ONNX, skops.

    A cell that only some of the libraries hold is completed at the corners of the others.
    """
    from dataclasses import replace

    from eda_plugin import flow
    from eda_plugin.cli.show import print_json, written

    libraries = replace(inputs, paths=(*inputs.paths, *filled)).read()
    made = flow.train_predictors(libraries, kinds=kinds, distil=distil, points=points, seed=seed, session=inputs.session)
    files = flow.emit_predictors(made, output, forms=forms, at=at, libraries=libraries, seed=seed)
    scores = {kind: {"tables": len(one.trees.keys), "scores": one.trees.scores} for kind, one in made.items()}
    note(scores, files)
    if json_:
        print_json({"predictors": scores, "files": [str(file) for file in files]})
    elif not inputs.quiet:
        for kind, one in made.items():
            click.echo(f"{kind}: {len(one.trees.keys)} tables at {len(one.trees.corners)} corners")
            for quantity, score in one.trees.scores.items():
                click.echo(f"  {quantity}: {score['mean absolute error (%)']:.2f} % mean error on values not learnt from")
        written(files)
