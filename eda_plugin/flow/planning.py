"""Which simulations to buy, and which corners are worth filling."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eda_plugin.domain import Corner, Library, Points, hull_distance, process_axes
from eda_plugin.errors import UserError
from eda_plugin.flow.inputs import check_anchors, check_measured, load_first, make_template, nearest, read_template, simulations
from eda_plugin.flow.outputs import write_all
from eda_plugin.flow.session import Session

__all__ = ["Plan", "budget_count", "check_target", "choose_corners", "plan", "template_for"]

LIMIT = 1.0
"""Hull distance beyond which a target is refused: one more width of the anchors' box (see ``hull_distance``)."""

_BUDGET = re.compile(r"\s*([0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?)\s*(%?)\s*$", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Plan:
    """``points`` to simulate at ``target``; ``total``: how many characterize the corner; ``template``: whose axes and units they have."""

    points: Points
    target: Corner
    template: Library
    total: int

    @property
    def share(self) -> float:
        """Share of the corner's simulations that the plan buys."""
        return len(self.points) / self.total if self.total else 0.0

    def write(self, path: str | Path) -> Path:
        """Write the plan's columns as CSV or Parquet (docs/cli.md), in the template's units."""
        from eda_plugin.adapters import points

        header, first = self.template.header, load_first(self.template)
        return write_all([(Path(path), lambda out: points.write(self.points, out, header=header, answered=False, load_first=first))])[0]


def budget_count(text: str | float, total: int) -> int:
    """Number of simulations that a budget buys: ``2%``, a share such as ``0.02`` or ``1.0``, or a count such as ``500``.

    >>> budget_count("2%", 131516), budget_count("0.02", 131516), budget_count("500", 131516), budget_count(0, 131516)
    (2630, 2630, 500, 0)
    """
    found = _BUDGET.match(str(text))
    if not found:
        raise UserError(f"unreadable budget {text!r}; expected a share such as 2% or 0.02, or a number of simulations")
    number, percent = float(found[1]), bool(found[2])
    whole = not percent and found[1].isdigit()
    share = number / (100 if percent else 1)
    if not whole and share > 1:
        raise UserError(f"budget {text!r} is more than all simulations; expected at most 100%")
    count = int(number) if whole else math.floor(share * total + 1e-9)
    if count > total:
        raise UserError(f"budget {text!r} is more than the {total} simulations that characterize the corner; expected at most as many")
    return count


def check_target(target: Corner, anchors: Sequence[Library], *, extrapolate: bool) -> str:
    """What there is to warn of, or empty. Raises ``UserError`` for a target too far outside the anchors, unless ``extrapolate``."""
    corners = [anchor.corner for anchor in anchors]
    processes = sorted({corner.process for corner in corners})
    stranger = "" if target.process in processes else f"no anchor has the process {target.process!r} of the target {target}"
    if stranger and process_axes(target.process) is None and not extrapolate:
        raise UserError(f"{stranger}; they have {', '.join(processes)}; add an anchor of it, or give --extrapolate to fill it all the same")
    distance = hull_distance(target, corners)
    if distance <= 0:
        return ""
    volts = f"{min(c.voltage for c in corners):g} to {max(c.voltage for c in corners):g} V"
    degrees = f"{min(c.temperature for c in corners):g} to {max(c.temperature for c in corners):g} degrees"
    where = f"the target {target} lies outside the anchors ({', '.join(processes)}; {volts}; {degrees}), at a distance of {distance:.2g}"
    if distance > LIMIT and not extrapolate:
        raise UserError(f"{where}, more than the limit of {LIMIT:g}; add a nearer anchor, or give --extrapolate to fill it all the same")
    return f"{stranger or where}: expect larger errors than the intervals say"


def template_for(template: str | Path | Library | None, anchors: Sequence[Library], target: Corner, session: Session) -> Library:
    """The template given, or the nearest anchor's structure; of those that stand in a file of a format that can be written, if any."""
    if isinstance(template, Library):
        return make_template(template, target)
    if template is not None:
        return read_template(Path(template), target, plugins=session.plugins, cache=session.cache)
    if not anchors:
        raise UserError("no anchor; name at least one library at another corner")
    writers = [format for format in session.plugins.formats if format.write is not None]
    writable = [anchor for anchor in anchors if any(format.claims(Path(anchor.source)) for format in writers)]
    return make_template(nearest(target, writable or anchors), target)


def plan(
    anchors: Sequence[Library],
    target: Corner | str,
    budget: str | float = "2%",
    *,
    template: str | Path | Library | None = None,
    seed: int = 0,
    extrapolate: bool = False,
    filled: Library | None = None,
    asked: Points | None = None,
    from_sta: str | Path | None = None,
    sampler: str | None = None,
    session: Session | None = None,
) -> Plan:
    """Choose the simulations of ``target`` that teach most for ``budget``.

    ``template``: a file or library at the target's axes, else the nearest anchor. ``filled``: the corner as it was filled before, whose
    intervals then say where more is to be learnt; ``asked``: what was simulated or tried already, and is not asked for again.
    ``from_sta``: OpenSTA's report of a design's paths, whose arcs, slews and loads come first. ``sampler``: who
    chooses, by name; else the plugins' decision, and last the built-in one. Raises ``UserError`` for anchors, target,
    budget or report that don't fit.
    """
    session = session or Session.load()
    with session.errors_told():
        corner = target if isinstance(target, Corner) else Corner.parse(target)
        blank = template_for(template, anchors, corner, session)
        check_anchors(anchors, blank, corner)
        session.warn(check_target(corner, anchors, extrapolate=extrapolate))
        total = simulations(blank)
        count = budget_count(budget, total)
        choose = session.plugins.choose_simulations if sampler is None else session.plugins.samplers.get(sampler).choose
        with session.progress.stage("choosing simulations", None):
            points = choose(anchors, blank, corner, count, seed, filled, asked)
        check_measured(points, blank)
        if from_sta is not None:
            points = _for_design(Path(from_sta), blank, count, points)
        if len(points) > count:
            raise UserError(f"the plan has {len(points)} simulations and the budget buys {count}; mend the plugin that chose them")
        return Plan(points, corner, blank, total)


def _for_design(report: Path, template: Library, count: int, general: Points) -> Points:
    from eda_plugin.adapters import sta
    from eda_plugin.models.used import places_used, plan_used

    uses = sta.read_report(report, header=template.header)
    if not places_used(uses, template):
        known = template.source or template.name
        raise UserError(f"{report}: no arc of the report's paths, such as that of {uses[0].cell}, is in {known}; is it another library's?")
    return plan_used(uses, template, count, general)


def choose_corners(anchors: Sequence[Library], *, session: Session | None = None) -> list[Corner]:
    """Corners worth filling, as the plugins say; built in: the gaps of each process's grid of voltages and temperatures."""
    session = session or Session.load()
    with session.errors_told():
        return list(session.plugins.choose_corners(anchors))
