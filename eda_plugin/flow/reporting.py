"""The report of a filled corner: what a fill left behind, a truth where there is one, and the baselines, as one page."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from eda_plugin import __version__
from eda_plugin.domain import Corner, Library, Origin, hull_distance
from eda_plugin.domain.quantity import TIMING
from eda_plugin.errors import UserError
from eda_plugin.flow.bench_report import COLUMNS, figure
from eda_plugin.flow.filling import FillResult
from eda_plugin.flow.inputs import nearest, simulations
from eda_plugin.flow.quality import check
from eda_plugin.flow.report_inputs import Fill, libraries, of_file, of_result, read_json
from eda_plugin.flow.report_numbers import Subject, calibration, curves, heat_maps, next_simulations
from eda_plugin.flow.report_run import run_sheets
from eda_plugin.flow.session import Session
from eda_plugin.qa.findings import Finding, Severity
from eda_plugin.qa.report import origin_counts
from eda_plugin.qa.scores import GROUPS, score
from eda_plugin.report import Budget, Place, Report, Sheet
from eda_plugin.report.contents import Value, rows_of

__all__ = ["make_report"]

LISTED = 1000
"""Findings that the page lists."""
TOLERANCE = 0.05
NOMINAL = 0.9
"""What counts as a narrow interval, and the nominal coverage, where the fill's report says neither."""
_SCORES = ("mape_pct", "median_pct", "p99_pct", "max_pct", "bias_pct", "ok_pct")
_SHOWN = ("mean", "median", "p99", "largest", "bias", "within 2 % or 2 ps", "covered", "mean width")
_WORST_FIRST = [str(severity) for severity in Severity]


def make_report(
    filled: FillResult | str | Path,
    *,
    values: str | Path | None = None,
    fill_report: str | Path | None = None,
    truth: Library | str | Path | None = None,
    anchors: Sequence[Library | str | Path] = (),
    bench: str | Path | None = None,
    tables: Sequence[str] = (),
    worst: int = 6,
    session: Session | None = None,
) -> Report:
    """Everything that a filled corner is judged by; ``Report.write`` makes the page, ``Report.figures`` the pictures.

    ``filled``: a result, a library that ``fill`` wrote, the folder in which it stands alone, or that of a recorded run, whose anchors are
    then taken where none are named. ``values`` (the table of origins and
    intervals) and ``fill_report`` (JSON) are looked for beside it. ``truth``: the corner as characterized. ``anchors``: libraries or
    folders; the truth's corner among them is left aside. ``bench``: folder of a benchmark's results. ``tables``: words that are all in
    the name of each table to be drawn, beside the ``worst``. Raises ``UserError`` for what is absent or does not fit.
    """
    session = session or Session.load()
    with session.errors_told():
        if worst < 0:
            raise UserError(f"the number of worst tables is {worst}; expected 0 or more")
        fill = of_result(filled) if isinstance(filled, FillResult) else of_file(Path(filled), values, fill_report, session)
        library = fill.library
        given = list(filled.anchors) if isinstance(filled, FillResult) and not anchors else []
        others = [one for one in [*given, *libraries(anchors or fill.anchors, session)] if one.corner != library.corner]
        known = _truth(truth, library, session)
        subject = Subject(library, known, _nominal(fill.facts), moved="guard_band" in fill.facts)
        corners = sorted({one.corner for one in others} or _corners(fill.facts))
        heat = heat_maps(subject)
        score_sheets, rows = _scores(subject, others)
        lines, wanted = next_simulations(subject, _tolerance(fill.facts))
        findings = [*fill.findings, *(found.to_dict() for found in _checked(library, others, session))]
        return Report(
            title=f"{library.corner.name}: {library.name}",
            lead=_lead(subject),
            facts=_facts(subject, fill, corners),
            places=(*(_place(corner, "anchor") for corner in corners), _place(library.corner, "target")),
            outside=hull_distance(library.corner, corners) if corners else 0.0,
            heat=heat,
            scores=score_sheets,
            curves=curves(subject, _rows(library, tables), worst),
            calibration=calibration(subject, _held_out(fill.facts)),
            budget=Budget(
                _spent(subject, fill.facts),
                simulations(library),
                lines,
                wanted,
                _BUDGET if lines else "No value has an interval to narrow.",
            ),
            findings=_findings(findings),
            baselines=_baselines(rows, fill.facts, bench, library.corner),
            run=() if fill.run is None else run_sheets(fill.run),
            provenance=_provenance(fill, known, others),
        )


_BUDGET = (
    "Below: what is left after so many more, the widest intervals first, if each taught nothing but the delay and the transition that it "
    "gives. A fill learns more from them than that, so this is the least that they buy."
)


def _truth(given: Library | str | Path | None, library: Library, session: Session) -> Library | None:
    if given is None:
        return None
    found = libraries([given], session)
    if len(found) != 1:
        raise UserError(f"truth {given}: expected one library, found {len(found)}")
    if found[0].corner != library.corner:
        raise UserError(f"truth {given} is at {found[0].corner}; expected {library.corner}, the corner that was filled")
    if set(found[0].keys).isdisjoint(library.keys):
        raise UserError(f"truth {given} shares no table with {library.name}; expected a library of the same cells")
    return found[0]


def _nominal(facts: Mapping[str, object]) -> float:
    stated = facts.get("interval")
    return stated if isinstance(stated, float) and 0 < stated < 1 else NOMINAL


def _tolerance(facts: Mapping[str, object]) -> float:
    refused = facts.get("refused")
    stated = refused.get("max_interval") if isinstance(refused, Mapping) else None
    return float(stated) if isinstance(stated, int | float) and stated > 0 else TOLERANCE


def _corners(facts: Mapping[str, object]) -> list[Corner]:
    names = facts.get("anchors")
    return [Corner.parse(str(name)) for name in names] if isinstance(names, list | tuple) else []


def _place(corner: Corner, role: str) -> Place:
    return Place(corner.name, corner.process, corner.voltage, corner.temperature, role)


def _rows(library: Library, tables: Sequence[str]) -> list[int]:
    """Tables whose name holds every word of one of ``tables``: the first of each."""
    found = []
    for wanted in tables:
        words = wanted.lower().split()
        row = next((row for row, key in enumerate(library.keys) if words and all(word in str(key).lower() for word in words)), None)
        if row is None:
            raise UserError(
                f"no table of {library.name} has {wanted!r} in its name, such as {library.keys[0]}; name words of an arc and a table"
            )
        found.append(row)
    return found


def _spent(subject: Subject, facts: Mapping[str, object]) -> int:
    stated = facts.get("measured")
    return stated if isinstance(stated, int) else len(subject.simulated)


def _lead(subject: Subject) -> str:
    timing = np.isin(subject.view.quantity, TIMING)[subject.view.row_of_value]
    width, error = (
        float(np.mean(part)) if len(part := array[timing & np.isfinite(array)]) else np.nan for array in (subject.width, subject.error)
    )
    parts = [f"{len(subject.filled):,} tables and numbers, {len(subject.filled.values):,} values"]
    parts += [f"intervals of delay and transition {100 * width:.3g} % wide on average"] if np.isfinite(width) else []
    parts += [f"delay and transition {100 * error:.3g} % off the truth on average"] if np.isfinite(error) else []
    return "; ".join(parts) + "."


def _facts(subject: Subject, fill: Fill, corners: Sequence[Corner]) -> tuple[tuple[str, str], ...]:
    library, facts = fill.library, fill.facts
    total, spent = simulations(library), _spent(subject, fill.facts)
    share = f" ({spent / total:.2%})" if total else ""
    refused = int((library.origin == Origin.REFUSED).sum())
    rows = [
        (
            "asked: corner",
            f"{library.corner.name}: process {library.corner.process}, {library.corner.voltage:g} V, {library.corner.temperature:g} °C",
        ),
        ("model", _models(facts)),
        ("asked: coverage of the intervals", f"{subject.nominal:.0%}" + ("" if "interval" in facts else " (assumed)")),
        ("anchors", f"{len(corners)}: {', '.join(corner.name for corner in corners)}" if corners else "not told"),
        ("template", str(facts.get("template", "not told"))),
        ("simulations of the target", f"{spent:,} of {total:,}{share}"),
        (
            "delivered",
            f"{len({key.cell for key in library.keys}):,} cells, {len(library):,} tables and numbers, {len(library.values):,} values",
        ),
        ("values by origin", ", ".join(f"{count:,} {name}" for name, count in origin_counts(library).items())),
        ("refused", f"{refused:,} values, at intervals wider than {_tolerance(facts):.0%}" if refused else "nothing"),
        ("missing", f"{int((~np.isfinite(library.values)).sum()):,} values"),
    ]
    band = facts.get("guard_band")
    if isinstance(band, Mapping):
        rows.append(("guard band", f"{band.get('side')}, at the {band.get('quantile')} quantile"))
    return tuple(rows)


def _models(facts: Mapping[str, object]) -> str:
    """The model, or that of each group of quantities."""
    groups = {name: entry["model"] for name, entry in facts.items() if isinstance(entry, Mapping) and "model" in entry}
    return str(facts.get("model") or ", ".join(f"{name}: {model}" for name, model in groups.items()) or "not told")


def _scores(subject: Subject, others: Sequence[Library]) -> tuple[tuple[Sheet, ...], dict[str, Mapping[str, object]]]:
    """Figures by group against the truth, of the fill and of the nearest anchor as it stands."""
    if subject.truth is None:
        return (), {}
    given = subject.simulated
    ones = np.ones(len(given))
    measured = replace(given, delay=ones, transition=ones)  # which were given away is asked for, not what they are
    found: dict[str, Mapping[str, object]] = {"this fill": score(subject.filled, subject.truth, measured)}
    if others:
        near = nearest(subject.filled.corner, others)
        found[f"nearest anchor, {near.corner.name}"] = score(near, subject.truth, measured)
    rows = [_score_row((group,), found["this fill"][group]) for group in GROUPS if group in found["this fill"]]
    sheet = Sheet("Errors against the truth, %", ("group", "values", *_SHOWN), tuple(rows),
                  "Simulated values do not count. Floors: docs/bench.md; covered, mean width: of the intervals.")  # fmt: skip
    return (sheet,), found


def _score_row(head: tuple[Value, ...], figures: object) -> tuple[Value, ...]:
    row = figures if isinstance(figures, Mapping) else {}
    count = row.get("values")
    held = [figure(row, ("interval_90", name)) for name in ("coverage_pct", "mean_width_pct")]
    return (*head, int(count) if isinstance(count, int) else 0, *(figure(row, (name,)) for name in _SCORES), *held)


def _baselines(
    found: Mapping[str, Mapping[str, object]], facts: Mapping[str, object], bench: str | Path | None, corner: Corner
) -> tuple[Sheet, ...]:
    sheets = []
    if len(found) > 1:
        rows = tuple(_score_row((group, name), one[group]) for group in GROUPS for name, one in found.items() if group in one)
        sheets.append(Sheet("This fill and the nearest anchor, against the truth, %", ("group", "library", "values", *_SHOWN), rows))
    rivals: list[tuple[Value, ...]] = []
    for group, entry in facts.items():
        scores = entry.get("held_out_error_pct", entry.get("left_out_error_pct")) if isinstance(entry, Mapping) else None
        if isinstance(entry, Mapping) and isinstance(scores, Mapping):
            rivals += [(group, str(name), figure(scores, (name,)), figure(entry, ("share_pct", name))) for name in scores]
    if rivals:
        head = ("group", "model", "mean error, %", "share of the mean, %")
        sheets.append(Sheet("Models on values that were held out of the fill", head, tuple(rivals)))
    return (*sheets, *([] if bench is None else _bench(Path(bench), corner)))


def _bench(folder: Path, corner: Corner) -> list[Sheet]:
    """The benchmark's rows of this corner, and the means of each model."""
    path = folder / "results.json" if folder.is_dir() else folder
    data = read_json(path)
    runs, means = (data.get(name) for name in ("runs", "summaries"))
    if not isinstance(runs, list) or not isinstance(means, list):
        raise UserError(f"{path}: no results of eda-plugin bench; name the folder that its --out named")
    own = [run for run in runs if isinstance(run, Mapping) and run.get("target") == corner.name and "score" in run]
    names = tuple(name for name, _ in COLUMNS)
    head = ("case", "budget", "model")
    rows: list[tuple[Value, ...]] = [
        (*(str(run.get(name, "")) for name in head), *(figure(run, place) for _, place in COLUMNS)) for run in own
    ]
    averages: list[tuple[Value, ...]] = [
        (*(str(one.get(name, "")) for name in head), *(figure(one, ("mean", name)) for name in names)) for one in means
    ]
    note = "Columns as in docs/bench.md: mean errors in per cent, seconds and MB of the fill."
    found = [Sheet(f"Benchmark at {corner.name}", (*head, *names), tuple(rows), note)] if rows else []
    return [*found, Sheet("Benchmark, means over its corners", (*head, *names), tuple(averages), note)]


def _held_out(facts: Mapping[str, object]) -> list[Sheet]:
    """What the fill's report says of values held out, coverage above all."""
    rows = [row for row in rows_of(facts) if any(word in str(row[0]) for word in ("held_out", "left_out", "coverage"))]
    return [Sheet("What the model held out while it was fitted", ("figure of the fill's report", "value"), tuple(rows))] if rows else []


def _checked(library: Library, others: Sequence[Library], session: Session) -> list[Finding]:
    """What the rules find in the library and, where the anchors are known, between it and them."""
    return [found for found in check([library, *others], session=session) if found.corner == library.corner]


def _findings(found: Sequence[Mapping[str, object]]) -> Sheet:
    rows = sorted({_finding_row(one): None for one in found}, key=lambda row: (_WORST_FIRST.index(str(row[0])), row[1:]))
    counts = ", ".join(f"{sum(row[0] == word for row in rows):,} {word}" for word in _WORST_FIRST)
    return Sheet("Findings", ("severity", "rule", "table or place", "file and line", "what was found"), tuple(rows[:LISTED]), f"{counts}.",
                 len(rows), wide=True)  # fmt: skip


def _finding_row(one: Mapping[str, object]) -> tuple[str, str, str, str, str]:
    key, file, line = one.get("key"), one.get("file"), one.get("line")
    place = " ".join(str(part) for part in key.values() if part not in ("", 0)) if isinstance(key, Mapping) else str(one.get("place") or "")
    name = Path(str(file)).name if file else ""
    severity = str(one.get("severity"))
    known = severity if severity in _WORST_FIRST else str(Severity.INFO)
    return known, str(one.get("rule")), place, f"{name}:{line}" if name and line else name, str(one.get("message"))


def _provenance(fill: Fill, truth: Library | None, others: Sequence[Library]) -> tuple[Sheet, ...]:
    """Files by their hashes, versions, and all that the fill's report says of itself."""
    files = [("filled", fill.files[0])] if fill.files else []
    files += [("of the fill", path) for path in fill.files[1:]]
    files += [
        (role, Path(one.source)) for role, part in (("truth", [truth] if truth else []), ("anchor", others)) for one in part if one.source
    ]
    rows = tuple((role, path.name, _digest(path), path.stat().st_size) for role, path in files if path.is_file())
    made = (("eda-plugin", __version__), ("Python", platform.python_version()), ("numpy", np.__version__))
    sheets = [Sheet("Files", ("role", "file", "SHA-256", "bytes"), rows)] if rows else []
    sheets.append(Sheet("This report was made with", ("what", "version"), made))
    if fill.facts:
        sheets.append(Sheet("What the fill's report says", ("name", "value"), tuple(rows_of(fill.facts)), wide=True))
    return tuple(sheets)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
