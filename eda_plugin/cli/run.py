"""``eda-plugin run``: plan, simulate with a host that a plugin brought, fill."""

from __future__ import annotations

from pathlib import Path

import click

from eda_plugin.cli.options import PATH, Inputs, as_json, needs_target, reads
from eda_plugin.cli.recorded import note, recorded

__all__ = ["run"]


@click.command()
@recorded("output", "report", work=("work",))
@click.argument("host", metavar="HOST")
@reads("ANCHORS")
@needs_target
@click.option("--target", required=True, metavar="P,V,T", help="Corner: process, volts, degrees Celsius, such as ss,1.60,100.")
@click.option("--budget", default="2%", show_default=True, help="Share of the corner's simulations (2%, 0.02) or their number (500).")
@click.option("--model", default="auto", show_default=True, help="Model; `eda-plugin plugins` lists them.")
@click.option("--work", type=PATH, metavar="FOLDER", help="Keep the plan and its answers there.  [default: OUT.lib.run]")
@click.option("-o", "--output", type=PATH, required=True, metavar="OUT.lib", help="Library to write.")
@click.option("--report", type=PATH, metavar="FILE", help="What was done, .json or .md.")
@as_json
def run(
    host: str,
    inputs: Inputs,
    template: Path | None,
    seed: int,
    extrapolate: bool,
    target: str,
    budget: str,
    model: str,
    work: Path | None,
    output: Path,
    report: Path | None,
    json_: bool,
) -> None:
    """Fill a corner with simulations that HOST runs: plan, simulate, fill.

    A host is a characterization flow that a plugin registers; `eda-plugin plugins` lists them.
    """
    from eda_plugin import flow
    from eda_plugin.cli.show import print_json, written
    from eda_plugin.config import FillSettings

    libraries = inputs.read()
    result = flow.run_host(
        host,
        libraries,
        target,
        budget,
        work=work or output.with_name(f"{output.name}.run"),
        template=template,
        settings=FillSettings(seed=seed, model=model),
        extrapolate=extrapolate,
        session=inputs.session,
    )
    beside = [output.with_name(output.name + end) for end in (".origin.parquet", ".origin.csv.gz")]
    files = result.write(output, values=beside, report=report, inputs=[Path(library.source) for library in libraries])
    note(result.report, files)
    if json_:
        print_json({**result.report, "host": host, "files": [str(file) for file in files]})
    elif not inputs.quiet:
        click.echo(f"{result.library.name}: {result.report['measured']} of {result.report['simulations']} simulations by {host}: {output}")
        written(files)
