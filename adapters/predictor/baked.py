"""A predictor at chosen corners as plain tables: what every emitted form holds and indexes by table and corner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain import Corner
from eda_plugin.domain.corner import process_axes
from eda_plugin.domain.predictor import UNIT, Status, TreePredictor, Trees
from eda_plugin.errors import UserError

__all__ = ["Baked", "Paired", "bake", "paired"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Baked:
    """n tables, C corners. ``shape`` (n, C, K) int16 and ``log_scale`` (n, C) as in the predictor; ``span`` (n, C) rows of ``spans``
    (s, 4); ``level`` (n, C): 0 trained, 1 completed, 2 corner not trained, with ``widths`` and ``flags`` (3,) of each; ``floor`` (C,);
    ``conditions`` (C, 4): NMOS and PMOS speed, V, degrees."""

    predictor: TreePredictor
    corners: tuple[Corner, ...]
    shape: NDArray[np.int16]
    log_scale: Floats
    span: NDArray[np.int64]
    spans: Floats
    level: NDArray[np.uint8]
    floor: Floats
    conditions: Floats

    @property
    def widths(self) -> tuple[float, float, float]:
        return self.predictor.width, self.predictor.width_completed, self.predictor.width_between

    @property
    def flags(self) -> tuple[int, int, int]:
        return 0, int(Status.COMPLETED), int(Status.CORNER)

    @property
    def table_names(self) -> list[str]:
        """``cell|pin|related_pin|timing_type|timing_sense|when|quantity|nth`` of each table."""
        return ["|".join(map(str, key)) for key in self.predictor.keys]


def bake(predictor: TreePredictor, more: Sequence[Corner] = ()) -> Baked:
    """The predictor at its training corners, then at those of ``more`` that are not among them (interpolated, and flagged as such)."""
    corners = (*predictor.corners, *(corner for corner in dict.fromkeys(more) if corner not in predictor.corners))
    rows = np.arange(len(predictor.keys))
    found = [predictor.surfaces(rows, corner) for corner in corners]
    span = np.stack([part[2] for part in found], axis=1)
    spans, place = np.unique(span.reshape(-1, 4), axis=0, return_inverse=True)
    level = np.full((len(rows), len(corners)), 2, dtype=np.uint8)
    level[:, : len(predictor.corners)] = predictor.completed
    if not np.isfinite(predictor.log_scale).all():
        raise UserError("the predictor has tables without size; train it again")
    return Baked(
        predictor,
        corners,
        np.rint(np.stack([part[0] for part in found], axis=1) / UNIT).astype(np.int16),
        np.stack([part[1] for part in found], axis=1),
        place.reshape(span.shape[:2]).astype(np.int64),
        spans,
        level,
        np.array([part[3] for part in found]),
        np.array([(*(process_axes(corner.process) or (0.0, 0.0)), corner.voltage, corner.temperature) for corner in corners]),
    )


@dataclass(frozen=True, eq=False)
class Paired:
    """An ensemble whose right child is always the left's neighbour: one step is ``left + (x > threshold)``. A leaf is its own left child
    and its threshold infinite, so that ``depth`` steps from ``root`` end in a leaf, whose number stands in ``value``."""

    feature: NDArray[np.int64]
    threshold: Floats
    left: NDArray[np.int64]
    value: Floats
    root: NDArray[np.int64]
    baseline: float
    depth: int


def paired(trees: Trees) -> Paired:
    """The nodes in the order of their depth, children side by side."""
    order: list[int] = []
    left = np.zeros(len(trees.feature), dtype=np.int64)
    roots = []
    for root in trees.root.tolist():
        roots.append(len(order))
        order.append(root)
        place = roots[-1]
        while place < len(order):
            node = order[place]
            if trees.left[node] == node:
                left[place] = place
            else:
                left[place] = len(order)
                order.extend((int(trees.left[node]), int(trees.right[node])))
            place += 1
    index = np.array(order, dtype=np.int64)
    leaf = left == np.arange(len(left))
    threshold = np.where(leaf, np.inf, trees.threshold[index])
    return Paired(trees.feature[index].astype(np.int64), threshold, left, trees.value[index], np.array(roots), trees.baseline, trees.depth)
