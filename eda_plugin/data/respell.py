"""Points of somebody's naming as a library spells them: SPICE knows no case, and says nothing of ``timing_sense``."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace

from eda_plugin.domain import Arc, Library, Points
from eda_plugin.domain.arc import timing_quantities

__all__ = ["respell"]


def respell(points: Points, library: Library) -> tuple[Points, list[str]]:
    """The points whose arc the library has, in its spelling; and, once an arc, why others are left out.

    An arc is found by cell, pin and related pin in any case; sense, type and ``when`` decide only where the library has several. A point
    with a ``when`` that the library doesn't tell apart is the arc without one.
    """
    known: dict[tuple[str, str, str, str], list[Arc]] = defaultdict(list)
    for key in library.keys:
        for edge in ("rise", "fall"):
            if key.quantity == timing_quantities(edge)[0] and key.nth == 0:
                known[(*_lower(key.arc), edge)].append(key.arc)
    answers: dict[tuple[Arc, str], Arc | str] = {}
    for arc, edge in dict.fromkeys(zip(points.arcs, points.edges, strict=True)):
        answers[arc, edge] = _found(arc, edge, known[(*_lower(arc), edge)])
    keep: list[int] = []
    arcs: list[Arc] = []
    for row, point in enumerate(zip(points.arcs, points.edges, strict=True)):
        answer = answers[point]
        if isinstance(answer, Arc):
            keep.append(row)
            arcs.append(answer)
    edges = tuple(points.edges[row] for row in keep)
    chosen = replace(
        points, arcs=tuple(arcs), edges=edges, index=points.index[keep], delay=points.delay[keep], transition=points.transition[keep]
    )
    return chosen, list(dict.fromkeys(answer for answer in answers.values() if isinstance(answer, str)))


def _lower(arc: Arc) -> tuple[str, str, str]:
    return arc.cell.lower(), arc.pin.lower(), arc.related_pin.lower()


def _found(arc: Arc, edge: str, candidates: list[Arc]) -> Arc | str:
    left = candidates
    for name in ("when", "timing_sense", "timing_type"):
        if len(left) > 1:
            wanted = _state(getattr(arc, name))
            # Not told apart by the simulation, or not by the library: the group without a state stands for all.
            left = [other for other in left if _state(getattr(other, name)) == wanted] or [
                other for other in left if not getattr(other, name)
            ] or left  # fmt: skip
    if len(left) == 1 and _contradicts(arc, left[0]):
        left = []
    if len(left) == 1:
        return left[0]
    what = f"the library has {len(left)} arcs like it" if left else "the library has no such arc"
    return f"{edge} of {arc}: {what}"


def _contradicts(arc: Arc, other: Arc) -> bool:
    """Whether both state a ``when``, and not the same."""
    return bool(arc.when and other.when and _state(arc.when) != _state(other.when))


def _state(text: str) -> str:
    """A condition without blanks, case and the order of an and: ``!b * A`` is ``a&!b``."""
    plain = re.sub(r"(\w+)'", r"!\1", re.sub(r"[\s()]", "", text).lower().replace("*", "&")).replace("&&", "&")
    return "&".join(sorted(plain.split("&"), key=lambda part: part.lstrip("!"))) if not set(plain) & set("|+^") else plain
