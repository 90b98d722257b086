"""``eda-plugin check`` and ``eda-plugin compare``: findings, and the exit status that goes with them."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eda_plugin.cli.found import show_findings, write_sarif
from eda_plugin.cli.options import PATH, Inputs, as_json, reads, session_of, without_cache

if TYPE_CHECKING:
    from eda_plugin.adapters.liberty import Change
    from eda_plugin.qa.compare import Comparison

__all__ = ["check", "compare"]


@click.command()
@reads("FILES")
@click.option("--rule", "rules", multiple=True, metavar="NAME", help="Apply this rule only; may be repeated. docs/checks.md lists them.")
@click.option("--strict", is_flag=True, help="Warnings fail the run as errors do.")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Findings of a rule to show.")
@click.option("--sarif", type=PATH, metavar="FILE", help="Write the findings as SARIF 2.1.0, for editors and code hosts.")
@as_json
def check(
    inputs: Inputs,
    rules: tuple[str, ...],
    strict: bool,
    limit: int,
    sarif: Path | None,
    json_: bool,
) -> None:
    """Check libraries, each and across corners. Exit status 1 where something is found."""
    from eda_plugin import flow
    from eda_plugin.cli.show import print_json
    from eda_plugin.qa.findings import count_findings

    libraries = inputs.read()
    findings = flow.check(libraries, rules=rules, session=inputs.session)
    counts = count_findings(findings)
    if sarif is not None:
        write_sarif(sarif, findings, inputs.session.plugins.checks)
    if json_:
        print_json({"libraries": len(libraries), "counts": counts, "findings": [found.to_dict() for found in findings]})
    elif not inputs.quiet:
        show_findings(findings, limit)
        click.echo(f"{len(libraries)} libraries: " + ", ".join(f"{count} {severity}" for severity, count in counts.items()))
    if counts["error"] or (strict and counts["warning"]):
        click.get_current_context().exit(1)


@click.command()
@click.argument("library", type=PATH)
@click.argument("reference", type=PATH)
@click.option("--rtol", type=click.FloatRange(min=0), default=0.02, show_default=True, help="Relative difference of a value that is none.")
@click.option("--atol", type=click.FloatRange(min=0), default=2e-12, show_default=True, help="The same of a time, in seconds.")
@click.option("--limit", type=click.IntRange(min=0), default=10, show_default=True, help="Tables, or changes of the text, to show.")
@click.option("--bytes", "bytes_", is_flag=True, help="Compare the texts of two Liberty files, not their numbers.")
@click.option("--csv", "csv_", type=PATH, metavar="FILE", help="Write all that differs, the worst first, as CSV (SI units).")
@click.option("--quiet", is_flag=True, help="Print nothing: the exit status tells.")
@without_cache
@as_json
def compare(
    library: Path,
    reference: Path,
    rtol: float,
    atol: float,
    limit: int,
    bytes_: bool,
    csv_: Path | None,
    no_cache: bool,
    quiet: bool,
    json_: bool,
) -> None:
    """Compare a library with a reference, table by table, the worst first. Exit status 1 where they differ.

    Power, leakage and capacitance pass within the relative tolerance of the value or of their group's floor, whichever is more.
    """
    from eda_plugin import flow
    from eda_plugin.cli.show import print_json
    from eda_plugin.errors import UserError

    session = session_of(quiet=quiet, cache=not no_cache)
    if bytes_:
        found = flow.compare_text(library, reference, session=session)
        _write_csv(csv_, ("kind", "path", "line", "reference_line", "before", "after"), map(asdict, found))
        if json_:
            print_json({"a": library, "b": reference, "same": not found, "counts": _kinds(found), "changes": list(map(asdict, found))})
        elif not quiet:
            _text_changes(found, limit)
        click.get_current_context().exit(1 if found else 0)
    read = [flow.read(path, session=session) for path in (library, reference)]
    for path, libraries in zip((library, reference), read, strict=True):
        if len(libraries) != 1:
            raise UserError(f"{path}: expected one library, found {len(libraries)}")
    result = flow.compare(read[0][0], read[1][0], rtol=rtol, atol=atol, session=session)
    _write_csv(csv_, _COLUMNS, result.rows())
    if json_:
        print_json(result.to_dict())
    elif not quiet:
        _differences(result, limit)
    if not result.passed:
        click.get_current_context().exit(1)


_COLUMNS = (
    "what", "cell", "pin", "related_pin", "timing_type", "timing_sense", "when", "quantity", "nth", "unit", "mean_pct", "worst_pct",
    "outside", "index", "found", "expected",
)  # fmt: skip


def _write_csv(path: Path | None, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    if path is None:
        return
    from eda_plugin.files import replace_atomically

    with replace_atomically(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _kinds(found: Sequence[Change]) -> dict[str, int]:
    return dict(sorted(Counter(str(change.kind) for change in found).items()))


def _text_changes(found: Sequence[Change], limit: int) -> None:
    """Counts, then what changed outside the numbers of tables, then inside them."""
    if not found:
        click.echo("the same bytes")
        return
    click.echo(f"{len(found)} statements or gaps differ: " + ", ".join(f"{count} {kind}" for kind, count in _kinds(found).items()))
    inside = [change for change in found if change.kind == "table"]
    outside = [change for change in found if change.kind != "table"]
    for title, part in (("outside the numbers of tables", outside), ("numbers of tables", inside)):
        if part and limit:
            click.echo(f"{title}, line (line of the reference):")
            for change in part[:limit]:
                click.echo(f"  {change}")
            if len(part) > limit:
                click.echo(f"  {len(part) - limit} more; --limit shows them")


def _differences(result: Comparison, limit: int) -> None:
    from eda_plugin.cli.show import table

    rows = [
        (group, s.values, *(f"{x:.3g}" for x in (s.mape_pct, s.median_pct, s.p99_pct, s.max_pct, s.bias_pct)), f"{s.ok_pct:.2f}")
        for group, s in result.groups.items()
    ]
    table(f"{result.a} against {result.b}, in %", ["group", "values", "mean", "median", "p99", "max", "bias", "within"], rows)
    if result.offenders and limit:
        worst = [(f"{found.mean_pct:.3g}", f"{found.worst_pct:.3g}", found.outside, found.key) for found in result.offenders[:limit]]
        table(f"{len(result.offenders)} tables differ", ["mean %", "worst %", "values", "table"], worst)
    only = ((result.only_in_a, f"only in {result.a}"), (result.only_in_b, f"only in {result.b}"))
    for keys, where in (*only, (result.unknown, "not comparable")):
        if keys:
            click.echo(f"{len(keys)} tables {where}: {keys[0]}" + (", ..." if len(keys) > 1 else ""))
    click.echo("the same within the tolerances" if result.passed else f"{result.outside} values differ")
