"""``eda-plugin variation``: LVF tables from few Monte Carlo rows a point, or from other corners' rows alone; and how good they are."""

from __future__ import annotations

from pathlib import Path

import click

from eda_plugin.cli import recorded
from eda_plugin.cli.options import PATH, as_json

__all__ = ["variation"]


@click.command()
@recorded.recorded(work=("out",))
@click.argument("study", type=PATH, metavar="STUDY")
@click.argument("library", type=PATH, metavar="LIB")
@click.option("--out", type=PATH, required=True, metavar="DIR", help="Library with tables, or report; simulated rows in DIR/rows.")
@click.option(
    "--from", "sources", type=PATH, multiple=True, metavar="LIB", help="Learn from rows at this library's corner, not at LIB's own."
)
@click.option("--rows", type=click.IntRange(min=10), default=50, show_default=True, help="Rows simulated at each point of the grid.")
@click.option("--grid", type=click.IntRange(min=2), default=3, show_default=True, help="Slews and loads, evenly among the nominal table's.")
@click.option("--cells", metavar="NAME,...", help="Cells.  [default: all of STUDY]")
@click.option("--judge", type=click.IntRange(min=100), metavar="N", help="Write no library: judge one arc a cell by N rows at each point.")
@click.option("--kept", type=PATH, metavar="DIR", help="Simulated rows.  [default: DIR/rows]")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the models; the draws' own stands in study.toml.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Simulators that run at once.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@as_json
def variation(
    study: Path,
    library: Path,
    out: Path,
    sources: tuple[Path, ...],
    rows: int,
    grid: int,
    cells: str | None,
    judge: int | None,
    kept: Path | None,
    seed: int,
    workers: int,
    quiet: bool,
    json_: bool,
) -> None:
    """Add LVF tables (early and late sigma, mean shift, deviation, skewness) to the library LIB.

    STUDY names netlists, models and the law of the process parameters (examples/process_variation). ngspice simulates few rows of each arc,
    a conditional model learns a table's rows together, the known law is integrated over. What is simulated is kept: a run that was stopped
    goes on where it was.
    """
    from eda_plugin.cli.show import print_json, written
    from eda_plugin.flow.variation import VariationSettings, add_variation
    from eda_plugin.flow.variation_judge import judge_variation
    from eda_plugin.flow.variation_report import summary

    names = tuple(name.strip() for name in cells.split(",")) if cells else ()
    settings = VariationSettings(rows=rows, grid=grid, cells=names, seed=seed, workers=workers)
    told = None if quiet or json_ else click.echo
    out.mkdir(parents=True, exist_ok=True)
    kept = kept or out / "rows"
    if judge:
        parts = [f"eda-plugin variation {study} {library} --out {out} --judge {judge} --rows {rows} --grid {grid} --seed {seed}"]
        parts += [f"--from {source}" for source in sources] + ([f"--cells {cells}"] if cells else [])
        facts = judge_variation(study, library, out, settings, draws=judge, sources=sources, kept=kept, command=" ".join(parts), told=told)
        files = [out / "variation.md", out / "variation.json"]
        found: dict[str, object] = {"judged": summary(facts), "files": [str(file) for file in files]}
    else:
        result = add_variation(study, library, out / library.name, settings, sources=sources, kept=kept, told=told)
        files = [result.path]
        found = {"arcs": result.arcs, "tables": result.tables, "rows": result.rows, "skipped": result.skipped, "files": [str(result.path)]}
        for note in result.skipped if not json_ else ():
            click.echo(f"note: {note}", err=True)
    recorded.note(found, files)
    if json_:
        print_json(found)
    elif not quiet:
        written(files)
