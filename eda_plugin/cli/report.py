"""``eda-plugin report``: a filled corner as one page."""

from __future__ import annotations

from pathlib import Path

import click

from eda_plugin.cli.options import PATH, as_json, session_of, without_cache

__all__ = ["report"]


@click.command()
@click.argument("filled", type=PATH, metavar="FOLDER|FILLED.lib")
@click.option(
    "-o", "--output", type=PATH, required=True, metavar="REPORT.html", help="The page: one file that asks the network for nothing."
)
@click.option("--truth", type=PATH, metavar="LIB", help="The corner as characterized: errors, calibration, the truth in the curves.")
@click.option("--anchors", type=PATH, multiple=True, metavar="LIB", help="Anchor, or a folder of them; may be repeated.")
@click.option("--bench", type=PATH, metavar="FOLDER", help="Results of `eda-plugin bench`, for the baselines.")
@click.option(
    "--table", "tables", multiple=True, metavar="WORDS", help='Table to draw, by words of its name: "inv_1 Y cell_rise"; may be repeated.'
)
@click.option("--worst", type=click.IntRange(min=0), default=6, show_default=True, help="Worst tables to draw.")
@click.option("--values", type=PATH, metavar="FILE", help="Origins and intervals.  [default: FILLED.lib.origin.parquet]")
@click.option("--fill-report", type=PATH, metavar="FILE.json", help="What fill --report wrote.  [default: looked for beside the library]")
@click.option("--figures", type=PATH, metavar="FOLDER", help="The figures as PNG and SVG too; needs the extra `plots`.")
@click.option("--quiet", is_flag=True, help="Show no progress and no summary.")
@without_cache
@as_json
def report(
    filled: Path,
    output: Path,
    truth: Path | None,
    anchors: tuple[Path, ...],
    bench: Path | None,
    tables: tuple[str, ...],
    worst: int,
    values: Path | None,
    fill_report: Path | None,
    figures: Path | None,
    quiet: bool,
    no_cache: bool,
    json_: bool,
) -> None:
    """Show a filled corner: what was asked and delivered, errors, intervals, refusals, curves, findings, provenance."""
    from eda_plugin import flow
    from eda_plugin.cli.show import print_json, written
    from eda_plugin.errors import UserError

    read = {path.resolve() for path in (filled, truth, values, fill_report, *anchors) if path is not None}
    if output.resolve() in read:
        raise UserError(f"{output} is read in this run; name another output")
    made = flow.make_report(
        filled,
        values=values,
        fill_report=fill_report,
        truth=truth,
        anchors=anchors,
        bench=bench,
        tables=tables,
        worst=worst,
        session=session_of(quiet=quiet, cache=not no_cache),
    )
    drawn = [] if figures is None else made.figures(figures)
    files = [made.write(output), *drawn]
    if json_:
        print_json({"title": made.title, "lead": made.lead, "findings": made.findings.note, "files": [str(file) for file in files]})
    elif not quiet:
        click.echo(f"{made.title}: {made.lead}")
        click.echo(f"findings: {made.findings.note}")
        written(files)
