"""``eda-plugin characterize``: the simulations of a plan, by the user's own simulator."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eda_plugin.cli.options import PATH, as_json, clustered, session_of, without_cache
from eda_plugin.cli.recorded import note, recorded

if TYPE_CHECKING:
    from eda_plugin.flow import Characterized, SimulationSettings
    from eda_plugin.flow.characterizing import Failed

__all__ = ["characterize", "show_failures", "simulates"]

SHOWN = 10


def simulates(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of simulating; it gets them as ``simulation``, settings without the folder of the journal."""

    @functools.wraps(command)
    def run(
        netlists: Path,
        models: Path,
        simulator: str,
        simulate_with: str,
        jobs: int | None,
        timeout: float,
        retries: int,
        batch: int,
        simulator_version: str,
        **rest: object,
    ) -> None:
        from eda_plugin.flow import SimulationSettings

        settings = SimulationSettings(
            netlists, models, simulator, simulate_with, jobs or 0, timeout, retries, batch, version=simulator_version
        )
        command(simulation=settings, **rest)

    for option in (
        click.option("--simulator-version", default="", metavar="TEXT", help="Its version.  [default: it is asked, in a call of its own]"),
        click.option("--batch", type=click.IntRange(min=1), default=32, show_default=True, help="Simulations a call, at most."),
        click.option("--retries", type=click.IntRange(min=0), default=1, show_default=True, help="Further attempts where one fails."),
        click.option(
            "--timeout", type=click.FloatRange(min=0, min_open=True), default=300.0, show_default=True, help="Of a call, in seconds."
        ),
        click.option(
            "--jobs", type=click.IntRange(min=1), default=None, help="Calls at once.  [default: one a core, or all that the cluster does]"
        ),
        click.option(
            "--command",
            "simulate_with",
            default="",
            metavar="TEMPLATE",
            help="How the simulator is called, such as 'bsub -K ngspice -b {deck}'.  [default: the simulator's own]",
        ),
        click.option(
            "--simulator", type=click.Choice(["ngspice", "hspice", "xyce"]), default="ngspice", show_default=True, help="Its language."
        ),
        click.option("--models", type=PATH, required=True, metavar="FILE", help="Transistor models: a card, a .lib file, or .toml."),
        click.option("--netlists", type=PATH, required=True, metavar="DIR", help="Folder or file with a .subckt a cell."),
    ):
        run = option(run)
    return run


@click.command()
@recorded("output", "failures", work=("work",))
@click.option("--plan", "plan_", type=PATH, required=True, metavar="PLAN", help="Simulations to run: what `eda-plugin plan` wrote.")
@click.option("--template", type=PATH, required=True, metavar="FILE", help="Library whose units, thresholds, functions and axes hold.")
@click.option("--target", required=True, metavar="P,V,T", help="Corner: process, volts, degrees Celsius, such as ss,1.60,100.")
@simulates
@click.option("--work", type=PATH, metavar="DIR", help="Journal of what is simulated, and failed runs.  [default: MEASURED.work]")
@click.option("--failures", type=PATH, metavar="OUT.csv", help="What has no answer, and why.  [default: MEASURED.failures.csv]")
@click.option("-o", "--output", type=PATH, required=True, metavar="MEASURED", help="The plan with delay and transition: .csv or .parquet.")
@clustered
@without_cache
@click.option("--quiet", is_flag=True, help="Show no progress and no summary.")
@as_json
def characterize(
    simulation: SimulationSettings,
    plan_: Path,
    template: Path,
    target: str,
    work: Path | None,
    failures: Path | None,
    output: Path,
    cluster: str,
    no_cache: bool,
    quiet: bool,
    json_: bool,
) -> None:
    """Run the simulations of a plan with your own simulator.

    What is finished stands in a journal in the work folder, so a run that was stopped goes on where it was, and no simulation of the same
    circuit at the same corner is done twice. Exit status 1 where some have no answer: the others are written all the same.
    """
    from dataclasses import replace

    from eda_plugin import flow
    from eda_plugin.cli.show import print_json, written

    settings = replace(simulation, work=work or output.with_name(f"{output.name}.work"))
    session = session_of(quiet=quiet, cache=not no_cache, cluster=cluster)
    done = flow.characterize(plan_, target, settings, template=template, session=session)
    told = failures or output.with_name(f"{output.name}.failures.csv")
    files = done.write(output, failures=told)
    note(done.summary(), files)
    if json_:
        print_json({**done.summary(), "files": [str(file) for file in files]})
    elif not quiet:
        _summary(done, output)
        written(files)
    show_failures(done.failures, told)
    if done.failures:
        click.get_current_context().exit(1)


def _summary(done: Characterized, output: Path) -> None:
    from eda_plugin.cli.show import duration

    click.echo(
        f"{done.simulated} simulations of {done.target} by {done.version} in {done.calls} calls, {duration(done.seconds)}; "
        f"{done.reused} taken from the journal, which knows of {done.journal_calls} calls: {output}"
    )


def show_failures(failures: tuple[Failed, ...], table: Path) -> None:
    """The first failures, on standard error."""
    if not failures:
        return
    click.echo(f"error: {len(failures)} simulations have no answer; {table} lists them", err=True)
    for one in failures[:SHOWN]:
        click.echo(f"  row {one.row}: {one.what}: {one.reason}", err=True)
    if len(failures) > SHOWN:
        click.echo(f"  and {len(failures) - SHOWN} more", err=True)
