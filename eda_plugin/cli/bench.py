"""``eda-plugin bench``: the sparse-corner benchmark on a folder of libraries."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from eda_plugin.cli.options import PATH, as_json, clustered, session_of, without_cache
from eda_plugin.cli.recorded import note, recorded

__all__ = ["bench"]


@click.command()
@recorded(work=("out",))
@click.argument("libraries", nargs=-1, type=PATH, required=True, metavar="LIBRARIES...")
@click.option("--case", "cases", multiple=True, default=["A"], show_default=True, metavar="A..E", help="Case; may be repeated.")
@click.option("--target", "targets", multiple=True, metavar="P,V,T", help="Corner to take away.  [default: all of the case]")
@click.option("--anchor", "anchors", multiple=True, metavar="P,V,T", help="Anchors of the cases C and D.  [default: by a rule]")
@click.option("--budget", "budgets", multiple=True, metavar="SHARE", help="Simulations to buy.  [default: those of the case]")
@click.option("--sampler", metavar="NAME", help="Who chooses the simulations.  [default: as `plan`]")
@click.option("--model", "models", multiple=True, metavar="NAME", help="Model, options of fill behind: auto+no-diffusion.  [default: all]")
@click.option("--out", type=PATH, required=True, metavar="FOLDER", help="Results; what is finished there is not run again.")
@click.option("--jobs", type=click.IntRange(min=1), help="Fills that run at once.  [default: 1, or all that the cluster does]")
@clustered
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed gives the same figures.")
@click.option("--corners", type=PATH, metavar="TABLE.csv", help="Corners: columns file, process, voltage, temperature.")
@click.option("--check-leakage", is_flag=True, help="Watch every file that plans and fills open: none may be the target's truth.")
@click.option("--joint", is_flag=True, help="Score samples of whole tables too: worst errors, slopes, path sums.")
@click.option("--keep", is_flag=True, help="Keep the filled libraries.")
@click.option("--quiet", is_flag=True, help="Show no progress and no figures.")
@without_cache
@as_json
def bench(
    libraries: tuple[Path, ...],
    cases: tuple[str, ...],
    targets: tuple[str, ...],
    anchors: tuple[str, ...],
    budgets: tuple[str, ...],
    sampler: str | None,
    models: tuple[str, ...],
    out: Path,
    jobs: int | None,
    cluster: str,
    seed: int,
    corners: Path | None,
    check_leakage: bool,
    joint: bool,
    keep: bool,
    quiet: bool,
    no_cache: bool,
    json_: bool,
) -> None:
    """Take corners of a library away, fill them, and score what was filled against the truth.

    Every model fills every target in a process of its own, baselines included. Exit status 1 where a fill failed, left a number missing
    or opened the truth.
    """
    from eda_plugin import flow
    from eda_plugin.cli.show import print_json, written
    from eda_plugin.domain import Corner
    from eda_plugin.errors import FindingsError

    local = cluster == "local"
    session = session_of(quiet=quiet, cache=not no_cache, cluster=cluster, workers=jobs or (1 if local else None))
    settings = flow.BenchSettings(
        cases=cases,
        models=models,
        targets=tuple(map(Corner.parse, targets)),
        anchors=tuple(map(Corner.parse, anchors)),
        budgets=budgets,
        sampler=sampler,
        seed=seed,
        workers=jobs or session.farm.width,
        corners=corners,
        check_leakage=check_leakage,
        joint=joint,
        keep=keep,
    )
    told = None if quiet or json_ else _tell
    result = flow.bench(libraries, out, settings, session=session, told=told)
    note({f"{row['case']} {row['target']} {row['budget']} {row['model']}": row.get("score", "failed") for row in result.rows}, result.files)
    if json_:
        print_json({"runs": result.rows, "files": list(map(str, result.files)), "faults": result.faults})
    elif not quiet:
        written(result.files)
    if result.faults:
        raise FindingsError("\n".join(result.faults))


def _tell(row: Mapping[str, object]) -> None:
    from eda_plugin.flow.bench_report import COLUMNS, figure

    numbers = " ".join(f"{name} {figure(row, path):.4g}" for name, path in COLUMNS) if "score" in row else "failed"
    click.echo(f"case {row['case']} {row['target']} {row['budget']} {row['model']}: {numbers}")
