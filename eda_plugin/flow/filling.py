"""Fill a corner: check what goes in, fit, pass the gate, write."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eda_plugin import __version__
from eda_plugin.adapters.base import WriteOptions
from eda_plugin.config import FillSettings
from eda_plugin.domain import Corner, Library, Points
from eda_plugin.errors import FindingsError, UserError
from eda_plugin.flow.inputs import check_anchors, check_measured, read_points, simulations
from eda_plugin.flow.outputs import Output, plain, write_all
from eda_plugin.flow.planning import check_target, template_for
from eda_plugin.flow.session import Session
from eda_plugin.hooks.registries import FilledCorner

if TYPE_CHECKING:
    from eda_plugin.qa.findings import Finding

__all__ = ["FillResult", "fill"]

SHOWN = 10
"""Findings that an error's text lists."""


@dataclass(frozen=True, eq=False)
class FillResult:
    """A filled corner that has passed the gate.

    ``library``: complete, with origin and interval of each value. ``findings``: what the gate found, repairs included. ``report``: what
    can stand in a JSON file: the model, its scores on anchors held out, seconds by stage, counts by origin and by finding. ``model``: what
    the model itself gave back.
    """

    library: Library
    template: Library
    anchors: tuple[Library, ...]
    findings: tuple[Finding, ...]
    report: Mapping[str, object]
    model: FilledCorner
    session: Session = field(repr=False)

    def write(
        self,
        path: str | Path,
        *,
        intervals: str | Path | None = None,
        values: Sequence[str | Path] = (),
        report: str | Path | None = None,
        inputs: Sequence[str | Path] = (),
    ) -> list[Path]:
        """Write the library, in the template's text, and what goes beside it: all files or none.

        ``intervals``: CSV of the timing values' intervals. ``values``: tables (Parquet, CSV) of every value, its interval and its origin.
        ``report``: Markdown by suffix ``.md``, else JSON. ``inputs`` are files that must not be overwritten, beside the template. Returns
        the paths written.
        """
        from eda_plugin.adapters import points

        out = Path(path)
        with self.session.errors_told():
            writer = self.session.plugins.formats.writer(out)
            source = Path(self.template.source)
            if writer.write is None or not writer.claims(source):
                raise UserError(f"{out}: the template {source} is no {writer.name} file, so there is no text to put numbers into; give one")
            options = WriteOptions(source, self._note())
            write, library = writer.write, self.library
            outputs: list[Output] = [(out, lambda place: write(library, place, options))]
            if intervals is not None:
                outputs.append((Path(intervals), lambda place: points.write_intervals(library, place)))
            outputs.extend((Path(value), lambda place: points.write_values(library, place)) for value in values)
            if report is not None:
                outputs.append((Path(report), self._write_report))
            taken = {Path(name).resolve() for name in (source, *inputs)}
            for name, _ in outputs:
                if name.resolve() in taken:
                    raise UserError(f"{name} is read in this run; name another output")
            self.session.plugins.before_write(library, out)
            written = write_all(outputs)
            self.session.plugins.after_write(library, out)
            return written

    def save(self, folder: str | Path) -> Path:
        """Write the fitted model, safetensors with its configuration, into a folder, which is made."""
        place = Path(folder)
        with self.session.errors_told():
            try:
                place.mkdir(parents=True, exist_ok=True)
                self.model.save(place)
            except OSError as error:
                raise UserError(f"cannot save the model in {place}: {error.strerror or error}") from error
        return place

    def _write_report(self, path: Path) -> None:
        from eda_plugin.qa.report import render_json, render_markdown

        render = render_markdown if path.suffix == ".md" else render_json
        path.write_text(render(self.library, self.report, self.findings), encoding="utf-8")

    def _note(self) -> str:
        origins = self.report["origins"]
        counts = ", ".join(f"{count} {word}" for word, count in origins.items()) if isinstance(origins, Mapping) else ""
        return f"corner {self.library.corner} filled by eda-plugin {__version__}: {counts}"


def fill(
    anchors: Sequence[Library],
    target: Corner | str,
    *,
    template: str | Path | Library | None = None,
    measured: Points | str | Path | None = None,
    settings: FillSettings | None = None,
    strict: bool = False,
    extrapolate: bool = False,
    session: Session | None = None,
) -> FillResult:
    """Fill ``target`` from ``anchors`` and what was ``measured`` there.

    ``template``: a file or library whose structure and axes the result has, else the nearest anchor. Values are SI; see ``FillResult``.
    Raises ``UserError`` for input that doesn't fit together and ``FindingsError`` where the gate finds what it can't repair or, under
    ``strict``, anything that it had to repair.
    """
    session = session or Session.load()
    settings = settings or FillSettings()
    from eda_plugin.qa.report import origin_counts

    with session.errors_told():
        begin = time.monotonic()
        corner = target if isinstance(target, Corner) else Corner.parse(target)
        anchors = tuple(sorted(anchors, key=lambda anchor: (anchor.corner, anchor.source)))
        blank = template_for(template, anchors, corner, session)
        check_anchors(anchors, blank, corner)
        session.warn(check_target(corner, anchors, extrapolate=extrapolate))
        points = None if measured is None else read_points(measured, blank)
        if points is not None:
            check_measured(points, blank)
        model = session.plugins.models.get(settings.model)
        session.plugins.before_fit(anchors, blank, corner, points, settings)
        filled = model.fill(anchors, blank, corner, points, settings, session.progress)
        library, findings = _gate(filled.library, anchors, blank, strict=strict)
        report = {
            "version": __version__,
            "library": library.name,
            "target": corner.name,
            "anchors": [anchor.corner.name for anchor in anchors],
            "template": Path(blank.source).name,
            "measured": 0 if points is None else len(points),
            "simulations": simulations(blank),
            "seed": settings.seed,
            "interval": settings.interval,
            **{name: plain(value) for name, value in filled.report.items()},
            "origins": origin_counts(library),
            "findings": _counts(findings),
            "seconds": round(time.monotonic() - begin, 2),
        }
        session.plugins.after_fill(library, report)
        return FillResult(library, blank, anchors, findings, report, filled, session)


def _gate(filled: Library, anchors: Sequence[Library], template: Library, *, strict: bool) -> tuple[Library, tuple[Finding, ...]]:
    from eda_plugin.qa.gate import gate

    result = gate(filled, anchors, template)
    missing = ~np.isfinite(result.library.values)
    faults = result.violations if strict else result.errors if missing.any() else ()
    if faults:
        shown = "\n".join(f"  {found}" for found in faults[:SHOWN])
        more = f"\n  and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise FindingsError(f"the filled corner does not pass the checks ({len(faults)} findings); nothing was written\n{shown}{more}")
    if missing.any():
        row = int(np.searchsorted(result.library.start, np.flatnonzero(missing)[0], side="right")) - 1
        raise FindingsError(
            f"the model left {int(missing.sum())} values missing, the first in {result.library.keys[row]}; nothing was written"
        )
    return result.library, result.findings


def _counts(findings: Sequence[Finding]) -> dict[str, int]:
    return dict(sorted(Counter(f"{found.severity}: {found.rule}" for found in findings).items()))
