"""How wrong each table of a corner will be, before anything is known of the corner: anchors play it (models/pseudo.py).

What a rehearsal gets wrong in a table and how uncertain the process was there tell together how wrong the same table will be at the target:
rank correlation 0.65 and 0.71 at two corners of a foundry library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from eda_plugin.config import FillSettings, NullProgress
from eda_plugin.data.dataset import align
from eda_plugin.domain import Corner, Library, TableKey, edge_of, timing_quantities
from eda_plugin.domain.quantity import group_of
from eda_plugin.models.features import PointTable, timing_points
from eda_plugin.models.gp import GPSettings
from eda_plugin.models.pseudo import Cast, Rehearsal, choose_stand_ins, learn_from, rehearse
from eda_plugin.models.spread import parts_of, places_of, turns_of
from eda_plugin.models.threads import one_thread
from eda_plugin.models.zeroshot import fit_timing_zero

__all__ = ["foreseen"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]

FEWEST = 150
"""Simulations below which all tables are asked alike: with 95 of the example library a plan by rehearsals was worse, with 190 better."""
SIMULATED = 800
"""Simulations of a rehearsal, at most."""
STAND_INS = 2
VALUES = 300_000
"""Delays and transitions rehearsed at once: whole cells, so that memory does not hang on the library."""
LARGEST = 0.3
"""Errors, as shares of a value, are cut at this."""


def foreseen(anchors: Sequence[Library], template: Library, target: Corner, rows: Index, count: int, seed: int) -> Array:
    """(n,) expected error of the arcs' edges in ``rows``, as a share of their values, when ``count`` points of them are simulated.

    ``rows``: of the template's tables, one an edge. All alike where there are fewer than three anchors or ``FEWEST`` simulations.
    """
    found = np.ones(len(rows))
    if len(anchors) < 3:
        return found
    ordered = sorted(anchors, key=lambda anchor: (anchor.corner, anchor.source))
    sizes = template.shape[rows].prod(axis=1)
    parts = _parts(template, rows, sizes)
    simulated = [min(SIMULATED, round(count * float(sizes[part].sum()) / float(sizes.sum()))) for part in parts]
    if min(simulated, default=0) < FEWEST:
        return found
    for part, number in zip(parts, simulated, strict=True):
        found[part] = _errors(ordered, template, target, rows[part], number, seed)
    return found


def _parts(template: Library, rows: Index, sizes: Index) -> list[Index]:
    """Places in ``rows`` of whole cells that go together, in the template's order."""
    rank: dict[str, int] = {}
    cell = np.array([rank.setdefault(template.keys[row].cell, len(rank)) for row in rows], dtype=np.int64)
    values = np.bincount(cell, weights=2.0 * sizes).astype(np.float64)
    part = parts_of(values, int(np.ceil(values.sum() / VALUES)))[cell]
    return [np.flatnonzero(part == n) for n in range(int(part.max(initial=-1)) + 1)]


def _errors(anchors: Sequence[Library], template: Library, target: Corner, rows: Index, count: int, seed: int) -> Array:
    cells = {template.keys[row].cell for row in rows}
    wanted = [n for n, key in enumerate(template.keys) if key.cell in cells and group_of(key.quantity) == "timing"]
    with one_thread():  # the same plan on any number of cores
        aligned = align(anchors, template.take(wanted), target)
        points, floor = timing_points(aligned)
        zero = fit_timing_zero(points, aligned.corners, target, FillSettings(seed=seed), NullProgress())
        of_key = {aligned.template.keys[row]: n for n, row in enumerate(points.rows.tolist())}
        edges = [_edge(template.keys[row], of_key) for row in rows]
        known = _simulated(points, edges, count, np.random.default_rng(seed))
        cast = Cast(points, aligned.corners, known, floor, np.arange(len(points)), seed, GPSettings(), "process", None, "cpu")
        first, *rest = choose_stand_ins(aligned.corners, target, (points.beyond > 0).mean(axis=0), STAND_INS)
        rehearsals = [learn_from(cast, first, zero.held_out[:, first], NullProgress())]
        cast = replace(cast, start=rehearsals[0].fit.learnt)
        rehearsals += [rehearse(cast, number, zero.held_out[:, number]) for number in rest]
    tables = np.mean([_of_tables(points, rehearsal) for rehearsal in rehearsals], axis=0)
    return np.array([tables[edge].mean() for edge in edges])


def _edge(key: TableKey, of_key: dict[TableKey, int]) -> list[int]:
    """Numbers of the tables that a simulation of the key's edge answers."""
    partners = (TableKey(*key.arc, quantity, key.nth) for quantity in timing_quantities(edge_of(key.quantity)))
    return [of_key[partner] for partner in partners if partner in of_key]


def _simulated(points: PointTable, edges: Sequence[list[int]], count: int, rng: np.random.Generator) -> Index:
    """Points (N,) that ``count`` simulations answer, the same number of each edge."""
    shapes = points.shape[[edge[0] for edge in edges]]
    turns = turns_of(np.ones(len(edges)), shapes.prod(axis=1), count, rng)
    asked = zip(*places_of(shapes, turns, rng), strict=True)
    found = [points.first[t] + place for n, place in asked for t in edges[n] if (points.shape[t] == shapes[n]).all()]
    return np.unique(np.array(found, dtype=np.int64))


def _of_tables(points: PointTable, rehearsal: Rehearsal) -> Array:
    """(T,) expected error of each table, as a share of its values: the geometric mean of error and deviation, or that of all tables where
    none of the stand-in's values is known."""
    error = np.minimum(np.abs(rehearsal.error), LARGEST)
    sound = np.isfinite(error)
    table, T = points.table, len(points.rows)
    number = np.bincount(table[sound], minlength=T)
    wrong = np.bincount(table[sound], weights=error[sound], minlength=T) / np.maximum(number, 1)
    spread = np.bincount(table, weights=np.minimum(rehearsal.fit.spread, LARGEST), minlength=T) / np.bincount(table, minlength=T)
    found = np.sqrt(wrong * spread)
    return np.where(number > 0, found, found[number > 0].mean() if (number > 0).any() else 1.0)
