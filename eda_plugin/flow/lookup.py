"""A plan's answers out of a library that somebody characterized: what a host gives back that writes Liberty and no points."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from eda_plugin.data.oracle import answer
from eda_plugin.data.respell import respell
from eda_plugin.domain import Library
from eda_plugin.errors import UserError
from eda_plugin.flow.inputs import load_first, read_points

__all__ = ["look_up"]


def look_up(
    plan: str | Path, library: Library, out: str | Path, *, template: Library | None = None, tolerance: float = 1e-6
) -> tuple[int, list[str]]:
    """Write ``plan`` with the delay and transition that ``library`` holds at its points; their number, and why others are left out.

    ``template``: the library in whose units and axes the plan was written, ``library`` where none is named. ``tolerance``: how far off the
    grid a point may be, as a share: libraries round their indices. Arcs are found in any spelling. Raises ``UserError`` for a point that is
    not on the library's grid, and where no point's arc is in it.
    """
    from eda_plugin.adapters import points

    source = template or library
    asked = read_points(plan, source)
    turned = load_first(source) != load_first(library)
    if turned:
        asked = replace(asked, index=asked.index[:, ::-1])
    found, unknown = respell(asked, library)
    if len(asked) and not len(found):
        raise UserError(f"{plan}: no row's arc is in {library.source or library.name}: {'; '.join(unknown[:3])}")
    told = answer(found, library, tolerance=tolerance)
    if turned:
        told = replace(told, index=told.index[:, ::-1])
    points.write(told, out, header=source.header, answered=True, load_first=load_first(source))
    return len(told), unknown
