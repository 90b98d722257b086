"""``eda-plugin check`` and ``eda-plugin compare``: findings, and the exit status that goes with them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from eda_plugin.cli.options import PATH, as_json, inputs, session_of

__all__ = ["check", "compare"]


@click.command()
@inputs("files")
@click.option("--rule", "rules", multiple=True, metavar="NAME", help="Apply this rule only; may be repeated. docs/checks.md lists them.")
@click.option("--strict", is_flag=True, help="Warnings fail the run as errors do.")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Findings of a rule to show.")
@as_json
@click.pass_context
def check(
    context: click.Context,
    files: tuple[Path, ...],
    corners: Path | None,
    mapping: Path | None,
    workers: int | None,
    quiet: bool,
    rules: tuple[str, ...],
    strict: bool,
    limit: int,
    json_: bool,
) -> None:
    """Check libraries, each and across corners. Exit status 1 where something is found."""
    from eda_plugin import flow
    from eda_plugin.cli.show import print_json
    from eda_plugin.qa.findings import count_findings

    session = session_of(context, quiet=quiet)
    libraries = flow.read(files, corners=corners, mapping=mapping, workers=workers, session=session)
    findings = flow.check(libraries, rules=rules, session=session)
    counts = count_findings(findings)
    if json_:
        print_json({"libraries": len(libraries), "counts": counts, "findings": [found.to_dict() for found in findings]})
    elif not quiet:
        shown: Counter[str] = Counter()
        for found in findings:
            shown[found.rule] += 1
            if shown[found.rule] <= limit:
                click.echo(str(found))
        for rule, count in shown.items():
            if count > limit:
                click.echo(f"{rule}: {count - limit} more; --limit shows them")
        click.echo(f"{len(libraries)} libraries: " + ", ".join(f"{count} {severity}" for severity, count in counts.items()))
    if counts["error"] or (strict and counts["warning"]):
        context.exit(1)


@click.command()
@click.argument("library", type=PATH)
@click.argument("reference", type=PATH)
@click.option("--rtol", type=click.FloatRange(min=0), default=0.02, show_default=True, help="Relative difference of a value that is none.")
@click.option(
    "--atol", type=click.FloatRange(min=0), default=2e-12, show_default=True, help="Difference of a time that is none, in seconds."
)
@click.option("--quiet", is_flag=True, help="Print nothing: the exit status tells.")
@as_json
@click.pass_context
def compare(context: click.Context, library: Path, reference: Path, rtol: float, atol: float, quiet: bool, json_: bool) -> None:
    """Compare a library with a reference, table by table, the worst first. Exit status 1 where they differ."""
    from eda_plugin import flow
    from eda_plugin.cli.show import print_json
    from eda_plugin.errors import UserError

    session = session_of(context, quiet=quiet)
    read = [flow.read(path, session=session) for path in (library, reference)]
    for path, found in zip((library, reference), read, strict=True):
        if len(found) != 1:
            raise UserError(f"{path}: expected one library, found {len(found)}")
    result = flow.compare(read[0][0], read[1][0], rtol=rtol, atol=atol, session=session)
    if json_:
        print_json(result.to_dict())
    elif not quiet:
        click.echo(str(result))
    if not result.passed:
        context.exit(1)
