"""Kriging of what is left at measured points: from a table's own points, and from those of tables that are alike.

Alike are tables of the same pin in cells of the same function, most of all of the same arc: such cells of other sizes are nearly the same
circuit, scaled, and so is what the anchors say wrong of them. How alike two tables are the anchors tell, by how far apart their whole
tables are in logarithms, whatever their level. The covariance of what is left at two points is the sum of three parts, each an
exponential of distances (Rasmussen and Williams, 2006, equation 4.18), and noise::

    own g(1) [same table] + arc g(2) exp(-D / l(1)) [same arc] + like g(2) exp(-D / l(2))

with g over the steps between the points along slew and load and D the distance of the tables. What the parts weigh is learnt by the
likelihood, with a prior, so that few points change little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from eda_plugin.models.features import PointTable

__all__ = ["Kinship", "among_relatives", "learn_kinship"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]

START = (0.3, 0.2, 0.1, 0.3, 2.0, 4.0, 2.0, 4.0, 0.15, 0.15)
"""Shares of the variance: own, arc, like, noise; steps along slew and load of own points, and of others'; distances of tables of one arc,
and of others."""
LOOSE = 1.5
"""How far the prior lets the logarithms of these go."""
STEPS, RATE = 50, 0.1
BLOCKS, LENGTH = 96, 48
"""Groups of relatives that the likelihood is of, and points of each, at most."""
MOST = 400
"""Measured points of a group from which on it is taken apart."""
LARGEST = 4.0
"""Residual above which it says no more of the parts' weights: what the process learns is of about unit size."""
FAINT = 1e-3
"""Noise that there is at least, so that points of one place are no contradiction."""


@dataclass(frozen=True, eq=False)
class Kinship:
    """``parts`` (K, 10): what ``START`` has, by kind of quantity."""

    parts: Array


@dataclass(frozen=True, eq=False)
class _Near:
    """How near points are to others, each (..., n, m): steps apart along slew and load, distance of their tables, whether these are one,
    or of one arc."""

    slew: torch.Tensor
    load: torch.Tensor
    tables: torch.Tensor
    own: torch.Tensor
    arc: torch.Tensor

    def covariance(self, parts: torch.Tensor) -> torch.Tensor:
        """(..., n, m), without noise, by ``parts`` (10,)."""
        own, arc, like, _, own_slew, own_load, slew, load, in_arc, others = parts
        among = torch.exp(-self.slew / slew - self.load / load)
        kin = arc * self.arc * torch.exp(-self.tables / in_arc) + like * torch.exp(-self.tables / others)
        covariance: torch.Tensor = own * self.own * torch.exp(-self.slew / own_slew - self.load / own_load) + among * kin
        return covariance


class _Relations:
    """Who is related to whom, as seen by the anchors in ``columns`` (C,)."""

    def __init__(self, points: PointTable, columns: Index) -> None:
        A = points.anchors.shape[1]
        tables = points.shapes.reshape(len(points.shapes), -1, A)[:, :, columns].reshape(len(points.shapes), -1)
        tables = tables - tables.mean(axis=1, keepdims=True)
        self._tables = torch.as_tensor(tables / np.sqrt(tables.shape[1]))
        self._points = points
        self._place = points.rank * np.maximum(points.shape[points.table][:, :2] - 1, 1)

    def near(self, a: Index, b: Index) -> _Near:
        """Of points a (n,) to points b (m,)."""
        table, points = self._points.table, self._points
        steps = np.abs(self._place[a][:, None] - self._place[b][None])
        return _Near(
            torch.as_tensor(steps[..., 0]),
            torch.as_tensor(steps[..., 1]),
            torch.cdist(self._tables[table[a]], self._tables[table[b]]),
            torch.as_tensor(table[a][:, None] == table[b][None]).double(),
            torch.as_tensor(points.arc[table[a]][:, None] == points.arc[table[b]][None]).double(),
        )


def _groups(points: PointTable, known: Index) -> Index:
    """(T,) number of the group of relatives that each table is in: of the same pin and function, or of the same arc where those have more
    than ``MOST`` measured points, or as many neighbours of one arc as do not."""
    measured = np.bincount(points.table[known], minlength=len(points.kin))

    def large(group: Index) -> NDArray[np.bool_]:
        return np.asarray(np.bincount(group, weights=measured)[group] > MOST)

    group = np.where(large(points.kin), points.kin.max() + 1 + points.arc, points.kin)
    part = np.zeros(len(group), dtype=np.int64)
    for number in np.unique(group[large(group)]):
        members = np.flatnonzero(group == number)
        part[members] = (np.cumsum(measured[members]) - 1) // MOST
    return np.unique(np.stack([group, part]), axis=1, return_inverse=True)[1].ravel()


def _blocks(group: Index) -> list[Index]:
    """Places of each number in ``group`` (n,), in the order of the numbers."""
    order = np.argsort(group, kind="stable")
    bounds = np.concatenate([[0], np.flatnonzero(np.diff(group[order])) + 1, [len(group)]])
    return [order[begin:end] for begin, end in pairwise(bounds)] if len(group) else []


def learn_kinship(points: PointTable, columns: Index, known: Index, residual: Array, noise: Array, seed: int) -> Kinship:
    """What the parts weigh, by the likelihood of the ``residual`` (N,) at ``known``, each predicted without itself, and the prior.

    ``noise`` (N,): how far from certain that prediction was, in any unit.
    """
    relations, groups, rng = _Relations(points, columns), _groups(points, known), np.random.default_rng(seed)
    parts = np.tile(START, (int(points.kind.max()) + 1, 1))
    for code in range(len(parts)):
        own = np.flatnonzero(points.kind[known] == code)
        blocks = [own[block] for block in _blocks(groups[points.table[known[own]]]) if len(block) > 1]
        if blocks:
            chosen = [blocks[n] for n in np.sort(rng.permutation(len(blocks))[:BLOCKS])]
            starts = [int(rng.integers(max(len(block) - LENGTH, 0) + 1)) for block in chosen]
            parts[code] = _likeliest(
                relations, [block[s : s + LENGTH] for block, s in zip(chosen, starts, strict=True)], known, residual, noise
            )
    return Kinship(parts)


def _likeliest(relations: _Relations, blocks: Sequence[Index], known: Index, residual: Array, noise: Array) -> Array:
    """(10,) parts; blocks of unequal length are one batch, filled up with certain zeros."""
    size, count = max(len(block) for block in blocks), len(blocks)
    used = torch.zeros(count, size, dtype=torch.float64)
    y, unsure = torch.zeros_like(used), torch.zeros_like(used)
    fields = [torch.zeros(count, size, size, dtype=torch.float64) for _ in range(5)]
    for n, block in enumerate(blocks):
        m = len(block)
        used[n, :m], unsure[n, :m] = 1.0, torch.as_tensor(noise[block])
        y[n, :m] = torch.as_tensor(np.clip(residual[block], -LARGEST, LARGEST))
        near = relations.near(known[block], known[block])
        for field, value in zip(fields, (near.slew, near.load, near.tables, near.own, near.arc), strict=True):
            field[n, :m, :m] = value
    total = used.sum()
    y = y / (y.square().sum() / total).clamp(min=1e-12).sqrt()
    unsure = unsure * total / unsure.sum()
    near, both = _Near(*fields), used[:, :, None] * used[:, None]
    start = torch.log(torch.tensor(START, dtype=torch.float64))
    logs = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([logs], lr=RATE)
    for _ in range(STEPS):
        parts = torch.exp(logs)
        K = near.covariance(parts) * both + torch.diag_embed(used * (parts[3] * unsure + FAINT) + 1.0 - used)
        C = torch.linalg.cholesky(K)
        white = torch.linalg.solve_triangular(C, y[..., None], upper=False)
        loss = 0.5 * white.square().sum() + C.diagonal(dim1=1, dim2=2).log().sum() + 0.5 * ((logs - start) / LOOSE).square().sum()
        optimizer.zero_grad()
        torch.autograd.backward(loss / total)
        optimizer.step()
    return np.asarray(torch.exp(logs.detach()).numpy(), dtype=np.float64)


def among_relatives(
    points: PointTable, columns: Index, known: Index, residual: Array, noise: Array, where: Index, kinship: Kinship
) -> tuple[Array, Array]:
    """What the ``residual`` (N,) at ``known`` adds at the points ``where``: (E,), and what is left of it (N,) where each is predicted from
    the others. ``noise``: see ``learn_kinship``."""
    relations, groups = _Relations(points, columns), _groups(points, known)
    added, left = np.zeros(len(where)), residual.copy()
    measured, wanted = groups[points.table[known]], groups[points.table[where]]
    asked = {int(wanted[block[0]]): block for block in _blocks(wanted)}
    level = np.bincount(points.kind[known], weights=noise) / np.maximum(np.bincount(points.kind[known]), 1)
    for block in _blocks(measured):
        own = known[block]
        code = int(points.kind[own[0]])
        parts = torch.as_tensor(kinship.parts[code])
        certain = kinship.parts[code, 3] * noise[block] / level[code] + FAINT
        inverse = torch.linalg.inv(relations.near(own, own).covariance(parts) + torch.diag(torch.as_tensor(certain)))
        weight = inverse @ torch.as_tensor(residual[block])
        left[block] = (weight / inverse.diagonal()).numpy()
        at = asked.get(int(measured[block[0]]))
        if at is not None:
            added[at] = (relations.near(where[at], own).covariance(parts) @ weight).numpy()
    return added, left
