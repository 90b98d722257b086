"""``eda-plugin close``: plan, simulate and fill in rounds, until the intervals are narrow enough."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from eda_plugin.cli.characterize import show_failures, simulates
from eda_plugin.cli.options import PATH, Inputs, as_json, fits, needs_target, reads
from eda_plugin.cli.recorded import note, recorded

if TYPE_CHECKING:
    from eda_plugin.flow import SimulationSettings
    from eda_plugin.flow.closing import Round

__all__ = ["close"]


@click.command()
@recorded("output", "measured", "failures", "intervals", "report", work=("work",))
@reads("ANCHORS")
@needs_target
@click.option("--target", required=True, metavar="P,V,T", help="Corner: process, volts, degrees Celsius, such as ss,1.60,100.")
@simulates
@click.option("--budget", default="2%", show_default=True, help="Simulations of all rounds: a share of the corner's, or their number.")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="Rounds at most.")
@click.option("--sampler", metavar="NAME", help="Who chooses the simulations.  [default: a plugin's decision, else variance]")
@click.option("--until", default="p99=2%", show_default=True, help="Tolerances of the intervals' half-widths: p99=, mean=, max=.")
@click.option("--work", type=PATH, metavar="DIR", help="Journal of what is simulated, and failed runs.  [default: OUT.lib.work]")
@click.option("-o", "--output", type=PATH, required=True, metavar="OUT.lib", help="Library to write.")
@click.option("--measured", type=PATH, metavar="OUT.csv", help="All simulations and their answers.  [default: OUT.lib.measured.csv]")
@click.option("--failures", type=PATH, metavar="OUT.csv", help="What has no answer, and why.  [default: OUT.lib.failures.csv]")
@fits
@as_json
def close(
    inputs: Inputs,
    simulation: SimulationSettings,
    template: Path | None,
    seed: int,
    extrapolate: bool,
    target: str,
    budget: str,
    rounds: int,
    sampler: str | None,
    until: str,
    work: Path | None,
    output: Path,
    measured: Path | None,
    failures: Path | None,
    intervals: Path | None,
    report: Path | None,
    model: str,
    interval: float,
    no_diffusion: bool,
    threads: int,
    pretrained: Path | None,
    strict: bool,
    json_: bool,
) -> None:
    """Fill a corner with as few simulations as its intervals ask for.

    Each round plans, simulates and fills; the first spreads its share of the budget over all tables, the others ask where the fill before
    is least certain. Exit status 1 where simulations have no answer: the library is written all the same.
    """
    from dataclasses import replace

    from eda_plugin import flow
    from eda_plugin.cli.show import print_json, written
    from eda_plugin.config import FillSettings

    beside = {end: output.with_name(f"{output.name}.{end}") for end in ("work", "measured.csv", "failures.csv")}
    settings = FillSettings(seed=seed, interval=interval, diffusion=not no_diffusion, threads=threads, model=model, pretrained=pretrained)
    libraries = inputs.read()
    closed = flow.close(
        libraries,
        target,
        replace(simulation, work=work or beside["work"]),
        template=template,
        budget=budget,
        rounds=rounds,
        until=until,
        settings=settings,
        strict=strict,
        extrapolate=extrapolate,
        sampler=sampler,
        tell=_nothing if inputs.quiet or json_ else _show,
        session=inputs.session,
    )
    told = failures or beside["failures.csv"]
    files = closed.write(
        output,
        measured=measured or beside["measured.csv"],
        failures=told,
        intervals=intervals,
        report=report,
        inputs=[Path(library.source) for library in libraries],
    )
    note(closed.summary(), files)
    if json_:
        print_json({**closed.summary(), "files": [str(file) for file in files]})
    elif not inputs.quiet:
        spent = closed.rounds[-1]
        ending = f"the intervals meet {until}" if closed.met else f"the budget or the rounds are spent before the intervals meet {until}"
        click.echo(f"{ending}: {spent.spent} of {spent.total} simulations ({spent.spent / max(spent.total, 1):.2%}): {output}")
        written(files)
    show_failures(closed.failures, told)
    if closed.failures:
        click.get_current_context().exit(1)


def _nothing(_: Round) -> None:
    """Shows nothing."""


def _show(one: Round) -> None:
    from eda_plugin.cli.show import duration, table

    widths = ", ".join(f"{name} {width:.2%}" for name, width in one.widths.items())
    failed = f", {one.failed} of them failed" if one.failed else ""
    click.echo(
        f"round {one.number}: {one.asked} simulations{failed} in {one.calls} calls, {duration(one.simulate_seconds)} "
        f"(journal: {one.reused} used again, {one.journal_calls} calls in all); fill {duration(one.fill_seconds)}; "
        f"{one.spent} of {one.total} spent"
    )
    click.echo(f"  half-widths of the intervals: {widths}; {one.open_share:.1%} of the timing values are wider than asked for")
    if not one.met:
        rows = [(f"{found.mean:.2%}", f"{found.largest:.2%}", found.key) for found in one.worst]
        table("  least certain tables", ["mean", "largest", "table"], rows)
