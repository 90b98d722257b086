"""``eda-plugin ingest``: simulation results as they lie on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from eda_plugin.cli.found import show_findings, write_sarif
from eda_plugin.cli.options import PATH, as_json, session_of
from eda_plugin.cli.recorded import note, recorded

if TYPE_CHECKING:
    from eda_plugin.flow import Ingested, Session

__all__ = ["ingest"]


@click.command()
@recorded("output", "points", "sarif")
@click.argument("folder", type=PATH, metavar="DIR")
@click.option("-o", "--output", type=PATH, metavar="TABLE", help="Tidy table to write: .parquet, .csv or .csv.gz.")
@click.option("--rules", type=PATH, metavar="RULES.toml", help="Naming rules, or a mapping for measure files.")
@click.option("--suggest", is_flag=True, help="Draft a rules file from the files instead: on standard output, or into -o.")
@click.option("--points", type=PATH, metavar="FILE", help="Write one corner's delays and transitions for `fill --measured`.")
@click.option("--corner", metavar="P,V,T", help="The corner of --points, where there are several.")
@click.option(
    "--template", type=PATH, metavar="LIB", help="Library whose spelling of arcs and whose units --points takes.  [default: ns, pF]"
)
@click.option(
    "--rtol", type=click.FloatRange(min=0), default=1e-4, show_default=True, help="Relative difference of one point's values that is none."
)
@click.option("--waveforms", is_flag=True, help="Apply a deck's .measure lines to waveforms where nothing else measured them.")
@click.option("--strict", is_flag=True, help="Exit status 1 where a warning or an error is found.")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Findings of a rule to show.")
@click.option("--sarif", type=PATH, metavar="FILE", help="Write the findings as SARIF 2.1.0.")
@click.option("--quiet", is_flag=True, help="Print nothing.")
@as_json
def ingest(
    folder: Path,
    output: Path | None,
    rules: Path | None,
    suggest: bool,
    points: Path | None,
    corner: str | None,
    template: Path | None,
    rtol: float,
    waveforms: bool,
    strict: bool,
    limit: int,
    sarif: Path | None,
    quiet: bool,
    json_: bool,
) -> None:
    """Read a tree of simulation results into one tidy table.

    Decks, HSPICE measure files and listings, ngspice logs and Xyce measures are recognised and joined; names are understood by rules. What
    could not be placed, failed, contradicts itself or repeats another corner is told with file and line.
    """
    from eda_plugin import flow
    from eda_plugin.cli.show import facts, print_json

    session = session_of(quiet=quiet)
    if suggest:
        _draft(flow.suggest_rules(folder, rules=rules, session=session), output)
        return
    result = flow.ingest(folder, rules=rules, output=output, rtol=rtol, waveforms=waveforms, session=session)
    count = None if points is None else _points(result, points, corner, template, session)
    if sarif is not None:
        write_sarif(sarif, result.findings)
    figures = {name: value for name, value in result.to_dict().items() if name not in ("folder", "findings", "output", "strange")}
    note(figures, [path for path in (output, points, sarif) if path is not None])
    if json_:
        print_json({**result.to_dict(), "points": [] if count is None else [f"{count} points: {points}"]})
    elif not quiet:
        show_findings(result.findings, limit)
        facts(f"ingested {folder}", _summary(result, count, points))
    if strict and any(str(found.severity) in ("error", "warning") for found in result.findings):
        click.get_current_context().exit(1)


def _draft(text: str, output: Path | None) -> None:
    from eda_plugin.files import replace_atomically

    if output is None:
        click.echo(text, nl=False)
        return
    with replace_atomically(output) as part:
        part.write_text(text, encoding="utf-8")


def _points(result: Ingested, path: Path, corner: str | None, template: Path | None, session: Session) -> int:
    """Write the points; how many."""
    from eda_plugin import flow
    from eda_plugin.errors import UserError

    library = None
    if template is not None:
        found = flow.read(template, session=session)
        if len(found) != 1:
            raise UserError(f"template {template}: expected one library, found {len(found)}")
        library = found[0]
    count, left_out = result.write_points(path, corner, template=library)
    for text in left_out:
        session.warn(f"left out of {path}: {text}")
    return count


def _summary(result: Ingested, count: int | None, points: Path | None) -> list[tuple[str, object]]:
    """Name and value of each line."""
    files = ", ".join(f"{number} {kind}" for kind, number in result.files.items())
    rows: list[tuple[str, object]] = [
        ("runs", f"{result.runs}: {files}"),
        ("other files", len(result.strange)),
        ("values", f"{result.rows}, {result.placed} of known quantity, {result.failed} failed"),
    ]
    if result.output:
        rows.append(("written", result.output))
    if count is not None:
        rows.append(("written", f"{points} ({count} points)"))
    return rows
