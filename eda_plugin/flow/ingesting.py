"""Results of simulations as they lie on disk, to one tidy table and to what should be known about it."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain import Corner, Header, Library, Points
from eda_plugin.errors import UserError
from eda_plugin.flow.inputs import load_first
from eda_plugin.flow.session import Session
from eda_plugin.qa.findings import Finding, Severity, count_findings

if TYPE_CHECKING:
    import pyarrow as pa

    from eda_plugin.adapters import runs

__all__ = ["Ingested", "ingest", "suggest_rules"]

_SEVERITY = {
    "ingest-unreadable": Severity.ERROR,
    "ingest-aborted": Severity.ERROR,
    "ingest-convergence": Severity.ERROR,
    "ingest-error": Severity.ERROR,
    "ingest-waveform": Severity.INFO,
}  # the others that readers tell are warnings


@dataclass(frozen=True, eq=False)
class Ingested:
    """What a run tree held.

    ``rows``: values in the tidy table, of which ``placed`` have a known quantity and ``failed`` no value. ``files`` counts by kind;
    ``strange`` are those that are no part of a run. ``output``: where the table was written, else it is held in memory.
    """

    folder: Path
    runs: int
    files: dict[str, int]
    strange: tuple[str, ...]
    rows: int
    placed: int
    failed: int
    findings: tuple[Finding, ...]
    output: Path | None
    _table: pa.Table | None = None

    @property
    def table(self) -> pa.Table:
        """The tidy table (docs/ingest.md lists its columns), read again where it was written to a file."""
        from eda_plugin.adapters import runs

        return self._table if self._table is not None else runs.read_tidy(self.output or Path())

    def to_dict(self) -> dict[str, object]:
        """JSON-able form."""
        return {
            "folder": str(self.folder),
            "runs": self.runs,
            "files": self.files,
            "strange": list(self.strange),
            "rows": self.rows,
            "placed": self.placed,
            "failed": self.failed,
            "output": None if self.output is None else str(self.output),
            "counts": count_findings(self.findings),
            "findings": [found.to_dict() for found in self.findings],
        }

    def points(self, corner: Corner | str | None = None, *, template: Library | None = None) -> tuple[Corner, Points, list[str]]:
        """Delay and transition at one corner, for ``fill(measured=...)``; and what was left out, a sentence each.

        ``corner`` may be left out where there is only one. With ``template`` arcs are spelled as it spells them, and those that it hasn't
        are left out. Raises ``UserError`` where there is no such corner, or one point has two values.
        """
        from eda_plugin.adapters import runs

        by_corner, lost = runs.points_of(self.table, str(self.folder))
        if not by_corner:
            raise UserError(f"{self.folder}: no delay or transition whose arc, slew, load and corner are all known; see the findings")
        wanted = Corner.parse(corner) if isinstance(corner, str) else corner
        if wanted is None and len(by_corner) == 1:
            wanted = next(iter(by_corner))
        if wanted is None or wanted not in by_corner:
            asked = "several corners; name one of them" if wanted is None else f"no result at {wanted}"
            raise UserError(f"{self.folder}: {asked}: there are {', '.join(found.name for found in by_corner)}")
        left_out = [f"{lost} timing values lack cell, pins, edge, slew, load or corner"] if lost else []
        if template is None:
            return wanted, by_corner[wanted], left_out
        from eda_plugin.data.respell import respell

        points, unknown = respell(by_corner[wanted], template)
        if not len(points):
            raise UserError(f"none of the arcs at {wanted} is in {template.source or template.name}: {unknown[0]}")
        return wanted, points, [*left_out, *unknown]

    def write_points(
        self, path: str | Path, corner: Corner | str | None = None, *, template: Library | None = None
    ) -> tuple[int, list[str]]:
        """Write ``points`` as the file that ``fill --measured`` takes, in the template's units, else in ns and pF.

        Gives the number of points and what was left out. A template whose tables have the load first gets it first.
        """
        from eda_plugin.adapters import points as exchange

        _, points, left_out = self.points(corner, template=template)
        header = template.header if template is not None else Header(time=1e-9, capacitance=1e-12)
        turned = template is not None and load_first(template)
        if turned:
            points = replace(points, index=points.index[:, ::-1])
        units = np.array([header.capacitance, header.time] if turned else [header.time, header.capacitance])
        # 1e-11 s is 0.01 ns, though 0.01 times 1e-9 is another float: results have no more than these digits.
        points = replace(
            points,
            index=_rounded(points.index, units),
            delay=_rounded(points.delay, header.time),
            transition=_rounded(points.transition, header.time),
        )
        exchange.write(points, path, header=header, answered=True, load_first=turned)
        return len(points), left_out


def ingest(
    folder: str | Path,
    *,
    rules: str | Path | None = None,
    output: str | Path | None = None,
    rtol: float = 1e-4,
    waveforms: bool = False,
    session: Session | None = None,
) -> Ingested:
    """Read every result below ``folder``: decks, HSPICE measure files and listings, ngspice logs, Xyce measures, joined run by run.

    ``rules``: TOML that names what the built-in rules don't know (or a mapping for measure files). ``output``: .parquet or .csv, written as
    the results are read, so that memory doesn't follow their size; without it the table is held. Values of one point within ``rtol`` of
    each other are the same. ``waveforms``: where a run has waveforms and no measured value, the ``.measure`` lines of
    its deck are applied to them. A file that can't be read is a finding; ``UserError`` is raised for the folder, the rules and the output.
    """
    from eda_plugin.adapters import runs
    from eda_plugin.qa.runs import RunChecks

    session = session or Session.load()
    with session.errors_told():
        own = None if rules is None else runs.read_rules(rules)
        tree = runs.walk(folder, own.ignore if own else ())
        if not tree.runs:
            raise UserError(
                f"{folder}: no result of a simulation below this folder; expected .mt#, .ms#, .ma#, .lis, .log or decks (.sp, .cir, .net)"
            )
        checks = RunChecks(rtol)
        told = [runs.Told("ingest-unreadable", text, tree.name(path)) for path, text in tree.unreadable]
        counts: Counter[str] = Counter()
        held: list[pa.Table] = []
        with _writer(output, held) as writer, session.progress.stage("ingesting", len(tree.runs)) as stage:
            for run in tree.runs:
                for found in runs.read_run(tree, run, runs.Namer(own), waveforms=waveforms):
                    if isinstance(found, runs.Told):
                        told.append(found)
                        continue
                    writer.add(found.table)
                    checks.add(found.table, found.stop)
                    counts["placed"] += found.table.num_rows - found.table.column("quantity").null_count
                    counts["failed"] += found.table.column("value").null_count
                stage.advance()
        findings = [_finding(item) for item in told] + checks.findings()
        files: Counter[str] = Counter(str(part.kind) for run in tree.runs for part in run.parts)
        files["deck"] += sum(run.deck is not None for run in tree.runs)
        return Ingested(
            folder=Path(folder),
            runs=len(tree.runs),
            files={kind: count for kind, count in sorted(files.items()) if count},
            strange=tuple(tree.name(path) for path in tree.strange),
            rows=writer.rows,
            placed=counts["placed"],
            failed=counts["failed"],
            findings=tuple(sorted(findings, key=lambda found: (found.file, found.line or 0, found.rule, found.message))),
            output=None if output is None else Path(output),
            _table=held[0] if held else None,
        )


@contextlib.contextmanager
def _writer(output: str | Path | None, held: list[pa.Table]) -> Iterator[runs.TableWriter]:
    from eda_plugin.adapters import runs

    if output is not None:
        with runs.TableWriter.opened(output) as writer:
            yield writer
        return
    import pyarrow as pa

    parts: list[Any] = []
    writer = runs.TableWriter(parts.append)
    yield writer
    writer.flush()
    held.append(pa.concat_tables(parts).unify_dictionaries().combine_chunks() if parts else runs.SCHEMA.empty_table())


def _rounded(values: NDArray[np.float64], units: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """SI values that are numbers of twelve digits in their unit."""
    short = [float(f"{value:.12g}") for value in (values / units).ravel().tolist()]
    return np.array(short).reshape(values.shape) * units


def _finding(told: runs.Told) -> Finding:
    return Finding(told.rule, _SEVERITY.get(told.rule, Severity.WARNING), told.message, file=told.file, line=told.line)


def suggest_rules(folder: str | Path, *, rules: str | Path | None = None, session: Session | None = None) -> str:
    """A draft of a rules file for a run tree: what is recognised, and commented stubs for what is not."""
    from eda_plugin.adapters import runs

    session = session or Session.load()
    with session.errors_told():
        own = None if rules is None else runs.read_rules(rules)
        return runs.suggest(runs.walk(folder, own.ignore if own else ()), runs.Namer(own))
