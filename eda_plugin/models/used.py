"""Which simulations to buy for one design: those beside the slews and loads at which its paths use an arc.

A delay is looked up between four places of the grid, so a use weighs each of them by how near it is. Places are bought table by table, the
tables that are used most first, one place each before any gets its second. A share of the budget goes to tables that no path uses, so that
the model still sees the whole library.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain import Library, Points, edge_of
from eda_plugin.models.plan import grids, points_at

__all__ = ["REST", "Used", "places_used", "plan_used"]

REST = 0.25
"""Share of the budget that does not look at the design."""

Floats = NDArray[np.float64]


class Used(Protocol):
    """A use of an arc: ``edge`` of ``related_pin`` in, ``out_edge`` of ``pin`` out, ``slew`` in s and ``load`` in F."""

    @property
    def cell(self) -> str: ...
    @property
    def related_pin(self) -> str: ...
    @property
    def pin(self) -> str: ...
    @property
    def edge(self) -> str: ...
    @property
    def out_edge(self) -> str: ...
    @property
    def slew(self) -> float: ...
    @property
    def load(self) -> float: ...


def places_used(uses: Sequence[Used], template: Library) -> dict[int, Floats]:
    """Weight of each place of the grid, by row of the template's delay tables that ``uses`` go through.

    Where an arc has several states (``when``), a timer takes the worst of them, so all of them count.
    """
    rows: dict[tuple[str, str, str, str], list[int]] = defaultdict(list)
    for row in grids(template):
        key = template.keys[row]
        rows[key.cell, key.related_pin, key.pin, edge_of(key.quantity)].append(int(row))
    found: dict[int, Floats] = {}
    for use in uses:
        for row in rows.get((use.cell, use.related_pin, use.pin, use.out_edge), ()):
            sense = template.keys[row].timing_sense
            if sense in ("positive_unate", "negative_unate") and (use.edge == use.out_edge) != (sense == "positive_unate"):
                continue
            axes = [template.axes[a] for a in template.axis[row] if a >= 0]
            weight = np.ones(())
            for axis in axes:
                weight = np.multiply.outer(weight, _shares(axis.values, use.load if axis.is_load else use.slew))
            known = found.setdefault(row, np.zeros(weight.size))
            known += weight.ravel()
    return found


def _shares(values: Floats, at: float) -> Floats:
    """What each of ``values`` weighs in a linear look-up at ``at``; the end's value beyond the ends."""
    shares = np.zeros(len(values))
    above = int(np.searchsorted(values, at))
    if above in (0, len(values)):
        shares[min(above, len(values) - 1)] = 1.0
        return shares
    share = (at - values[above - 1]) / (values[above] - values[above - 1])
    shares[above - 1], shares[above] = 1 - share, share
    return shares


def plan_used(uses: Sequence[Used], template: Library, count: int, general: Points) -> Points:
    """``count`` simulations: first those that ``uses`` ask for, but for a share of the budget (``REST``); then the plan ``general``.

    ``general`` has ``count`` points too; those of it that are in already are passed over, so that none is asked twice.
    """
    weights = places_used(uses, template)
    tables = sorted(weights, key=lambda row: (-float(weights[row].sum()), template.keys[row]))
    order = {row: np.lexsort((np.arange(weights[row].size), -weights[row])) for row in tables}
    chosen: list[tuple[int, int]] = []
    turns = max((weight.size for weight in weights.values()), default=0)
    for turn in range(turns):
        chosen += [(row, int(order[row][turn])) for row in tables if turn < len(order[row]) and weights[row][order[row][turn]] > 0]
    first = points_at(template, chosen[: count - round(REST * count)])
    arcs, edges, index = list(first.arcs), list(first.edges), first.index.tolist()
    known = set(zip(arcs, edges, map(tuple, index), strict=True))
    for arc, edge, at in zip(general.arcs, general.edges, general.index.tolist(), strict=True):
        if len(arcs) < count and (arc, edge, tuple(at)) not in known:
            arcs.append(arc)
            edges.append(edge)
            index.append(at)
    return Points.plan(tuple(arcs), tuple(edges), np.array(index, dtype=np.float64).reshape(len(arcs), 2))
