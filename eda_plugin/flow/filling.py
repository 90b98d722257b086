"""Fill a corner: check what goes in, fit, pass the gate, write."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eda_plugin import __version__
from eda_plugin.adapters.base import Format, WriteOptions
from eda_plugin.config import FillSettings, GuardBand
from eda_plugin.domain import Corner, Library, Origin, Points
from eda_plugin.errors import FindingsError, UserError
from eda_plugin.farm import at_work
from eda_plugin.flow.blocks import blocks_of, fill_blocks
from eda_plugin.flow.heard import Heard
from eda_plugin.flow.inputs import check_anchors, check_measured, load_first, read_points, simulations
from eda_plugin.flow.outputs import Output, plain, write_all
from eda_plugin.flow.planning import check_target, template_for
from eda_plugin.flow.session import Session
from eda_plugin.hooks.registries import FilledCorner

if TYPE_CHECKING:
    from eda_plugin.qa.findings import Finding

__all__ = ["FillResult", "fill"]

SHOWN = 10
"""Findings that an error's text lists."""
SIGMA_NOTE = "; ocv_sigma tables: how uncertain filled values are, not how the process varies"


@dataclass(frozen=True, eq=False)
class FillResult:
    """A filled corner that has passed the gate.

    ``library``: complete, with origin and interval of each value. ``findings``: what the gate found, repairs included. ``report``: what
    can stand in a JSON file: the model, its scores on anchors held out, seconds by stage, counts by origin and by finding. ``model``: what
    the model itself gave back. ``refused``: the simulations that give what is too uncertain for the user, none where no limit was set;
    such values have the origin ``REFUSED`` and the model's number.
    """

    library: Library
    template: Library
    anchors: tuple[Library, ...]
    findings: tuple[Finding, ...]
    report: Mapping[str, object]
    model: FilledCorner
    refused: Points
    session: Session = field(repr=False)

    def write(
        self,
        path: str | Path,
        *,
        intervals: str | Path | None = None,
        values: Sequence[str | Path] = (),
        report: str | Path | None = None,
        refused: str | Path | None = None,
        allow_refused: bool = False,
        sigma: bool = False,
        inputs: Sequence[str | Path] = (),
    ) -> list[Path]:
        """Write the library, in the template's text, and what goes beside it: all files or none.

        ``intervals``: CSV of the timing values' intervals. ``values``: tables (Parquet, CSV) of every value, its interval and its origin.
        ``report``: Markdown by suffix ``.md``, else JSON. ``refused``: the plan of ``FillResult.refused``. ``sigma``: the intervals of
        delays and transitions stand in the library, too, as LVF sigma tables. ``inputs`` are files that must not be overwritten, beside
        the template. Returns the paths written. Where values are refused, only that plan is written, and ``FindingsError`` raised,
        unless ``allow_refused``: then the library holds the model's numbers there.
        """
        from eda_plugin.adapters import points

        out = Path(path)
        with self.session.errors_told():
            writer = self.session.plugins.formats.writer(out)
            source = Path(self.template.source)
            if writer.write is None or not writer.claims(source):
                raise UserError(f"{out}: the template {source} is no {writer.name} file, so there is no text to put numbers into; give one")
            options = WriteOptions(source, self._note() + (SIGMA_NOTE if sigma else ""))
            write, library = writer.write, self.library
            outputs: list[Output] = [(out, lambda place: write(library, place, options))]
            if sigma:
                outputs = [(out, self._with_sigma(writer, options))]
            if intervals is not None:
                outputs.append((Path(intervals), lambda place: points.write_intervals(library, place)))
            outputs.extend((Path(value), lambda place: points.write_values(library, place)) for value in values)
            if report is not None:
                outputs.append((Path(report), self._write_report))
            stopped = bool(len(self.refused)) and not allow_refused
            if stopped:
                outputs = []
            if refused is not None:
                header, first = self.template.header, load_first(self.template)
                plan = self.refused
                outputs.append((Path(refused), lambda place: points.write(plan, place, header=header, answered=False, load_first=first)))
            taken = {Path(name).resolve() for name in (source, *inputs)}
            for name, _ in outputs:
                if name.resolve() in taken:
                    raise UserError(f"{name} is read in this run; name another output")
            if stopped:
                if outputs:
                    write_all(outputs)
                raise FindingsError(self._refusal(refused))
            self.session.plugins.before_write(library, out)
            written = write_all(outputs, self.session.progress)
            self.session.plugins.after_write(library, out)
            return written

    def _with_sigma(self, writer: Format, options: WriteOptions) -> Callable[[Path], object]:
        """What writes the library and then its sigma tables into the text."""
        from eda_plugin.adapters import liberty
        from eda_plugin.qa.sigma import sigma_tables

        write = writer.write
        if write is None or writer.name != "liberty":
            raise UserError(f"sigma tables are Liberty's; {writer.name} files have none")
        if "guard_band" in self.report:
            raise UserError("sigma tables go without a guard band: its values stand at one end of their intervals already")
        tables = sigma_tables(self.library, float(str(self.report["interval"])))

        def both(place: Path) -> None:
            write(self.library, place, options)
            liberty.add_variation(place, tables, place)

        return both

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

    def _repr_html_(self) -> str:
        """For notebooks: what ``make_report`` says of this corner."""
        from eda_plugin.flow.reporting import make_report

        return make_report(self, session=self.session)._repr_html_()

    def _write_report(self, path: Path) -> None:
        from eda_plugin.qa.report import render_json, render_markdown

        render = render_markdown if path.suffix == ".md" else render_json
        path.write_text(render(self.library, self.report, self.findings), encoding="utf-8")

    def _refusal(self, plan: str | Path | None) -> str:
        found, count = self.report["refused"], len(self.refused)
        values = f"{found['values']} delays and transitions" if isinstance(found, Mapping) else "values"
        where = f"{plan} lists the {count} simulations that give them" if plan else f"--refused FILE lists the {count} simulations"
        return (
            f"{values} have an interval wider than --max-interval allows and are left to simulation; no library was written: {where}. "
            "Simulate them and give them with --measured, or write the library all the same with --allow-refused"
        )

    def _note(self) -> str:
        origins, band = self.report["origins"], self.report.get("guard_band")
        counts = ", ".join(f"{count} {word}" for word, count in origins.items()) if isinstance(origins, Mapping) else ""
        side = (
            f"; {band['side']}: delays, transitions at the {band['quantile']} quantile, constraints beyond it"
            if isinstance(band, Mapping)
            else ""
        )
        return f"corner {self.library.corner} filled by eda-plugin {__version__}: {counts}{side}"


def fill(
    anchors: Sequence[Library],
    target: Corner | str,
    *,
    template: str | Path | Library | None = None,
    measured: Points | str | Path | None = None,
    settings: FillSettings | None = None,
    guard: GuardBand | None = None,
    max_interval: float | None = None,
    strict: bool = False,
    extrapolate: bool = False,
    session: Session | None = None,
) -> FillResult:
    """Fill ``target`` from ``anchors`` and what was ``measured`` there.

    ``template``: a file or library whose structure and axes the result has, else the nearest anchor. ``guard`` moves delays and
    transitions to one side and constraints to their demanding one; intervals then cover ``guard.interval``, whatever ``settings`` say.
    ``max_interval``: the width of an interval, as a share of max(|value|, 20 ps), beyond which a delay or transition is refused. Values
    are SI; see ``FillResult``. Raises ``UserError`` for input that doesn't fit together and ``FindingsError`` where the gate finds what
    it can't repair or, under ``strict``, anything that it had to repair.
    """
    session = session or Session.load()
    settings = settings or FillSettings()
    if guard is not None:
        settings = replace(settings, interval=guard.interval)
    if max_interval is not None and not max_interval > 0:
        raise UserError(f"the widest interval is {max_interval}; expected a positive share, such as 0.05")
    from eda_plugin.qa.gate import gate
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
        number = blocks_of(blank, anchors)
        filled: FilledCorner
        if any(number.values()):
            filled = blocks = fill_blocks(number, anchors, blank, corner, points, settings, session)
            library, findings = _passed(blocks.library, blocks.findings, strict=strict)
        else:
            with at_work(session.farm):
                filled = model.fill(anchors, blank, corner, points, settings, Heard(session.progress, session.plugins.fit_step))
            result = gate(filled.library, anchors, blank)
            library, findings = _passed(result.library, result.findings, strict=strict)
        library, refused, further = _limited(library, guard, max_interval)
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
            **further,
            "origins": origin_counts(library),
            "findings": _counts(findings),
            "seconds": round(time.monotonic() - begin, 2),
        }
        session.plugins.after_fill(library, report, anchors, filled)
        return FillResult(library, blank, anchors, findings, report, filled, refused, session)


def _limited(library: Library, guard: GuardBand | None, max_interval: float | None) -> tuple[Library, Points, dict[str, object]]:
    """The library on its side, what is refused marked; the simulations that are left; what the report says of both."""
    from eda_plugin.qa.guard import guard_band
    from eda_plugin.qa.refusal import refused_points, refused_values

    report: dict[str, object] = {}
    refused = np.zeros(len(library.values), dtype=bool) if max_interval is None else refused_values(library, max_interval)
    points = refused_points(library, refused)
    if guard is not None:
        moved = guard_band(library, late=guard.side == "late")
        changed = int((moved.values != library.values).sum())
        library = moved
        report["guard_band"] = {"side": guard.side, "quantile": guard.quantile, "values": changed}
    if max_interval is not None:
        origin = np.where(refused, np.uint8(Origin.REFUSED), library.origin)
        library = library.with_values(library.values, origin, library.lower, library.upper)
        report["refused"] = {"max_interval": max_interval, "values": int(refused.sum()), "simulations": len(points)}
    return library, points, report


def _passed(library: Library, findings: tuple[Finding, ...], *, strict: bool) -> tuple[Library, tuple[Finding, ...]]:
    """What the gate let through. Raises ``FindingsError`` where it must not be written."""
    from eda_plugin.qa.gate import errors, violations

    missing = ~np.isfinite(library.values)
    faults = violations(findings) if strict else errors(findings) if missing.any() else ()
    if faults:
        shown = "\n".join(f"  {found}" for found in faults[:SHOWN])
        more = f"\n  and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise FindingsError(f"the filled corner does not pass the checks ({len(faults)} findings); nothing was written\n{shown}{more}")
    if missing.any():
        row = int(np.searchsorted(library.start, np.flatnonzero(missing)[0], side="right")) - 1
        raise FindingsError(f"the model left {int(missing.sum())} values missing, the first in {library.keys[row]}; nothing was written")
    return library, findings


def _counts(findings: Sequence[Finding]) -> dict[str, int]:
    return dict(sorted(Counter(f"{found.severity}: {found.rule}" for found in findings).items()))
