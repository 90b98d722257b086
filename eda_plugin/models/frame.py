"""Which corners tell of the target, and from which corners each anchor is predicted when it is held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain import Corner
from eda_plugin.models.corner import nearest_weights, slope_weights

__all__ = ["Frame", "frame_of"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Frame:
    """The corners, the target last, and how anchors are held out.

    ``everyone`` (A + 1,) the anchors; ``others`` the same for each anchor held out; ``along`` and ``families``: weights along the target's,
    each anchor's own family, or ``None``; ``weight`` (A,), sum 1: how much each anchor's error tells of the target's.
    """

    corners: list[Corner]
    everyone: Mask
    others: list[Mask]
    along: Array | None
    families: list[Array | None]
    weight: Array

    def left_out(self, found: Sequence[Array | None]) -> Array:
        """(A, A) weights over all anchors of each one held out, a column an anchor, from those over ``others``; where there are none, the
        nearest corner's."""
        weights = np.zeros((len(found), len(found)))
        for a, own in enumerate(found):
            weights[self.others[a][:-1], a] = nearest_weights(self.corners, a, self.others[a]) if own is None else own
        return weights


def frame_of(corners: Sequence[Corner], target: Corner) -> Frame:
    A = len(corners)
    everyone = [*corners, target]
    use_all = np.array([True] * A + [False])
    apart = _apart(everyone)
    others = [_as_far(apart, a, A) for a in range(A)]
    along = slope_weights(everyone, A, use_all)
    families = [slope_weights(everyone, a, others[a]) for a in range(A)]
    weight = np.exp(-3.0 * apart[A, :A]) + 0.02
    if along is not None and sum(w is not None for w in families) >= 2:  # the target has a family: anchors that keep theirs tell of it
        weight = np.where([w is not None for w in families], weight, 0.1 * weight)
    return Frame(everyone, use_all, others, along, families, weight / weight.sum())


def _apart(corners: Sequence[Corner]) -> Array:
    """(n, n) distances between corners, in spans of voltage and temperature; another process counts half a span."""
    place = np.array([(corner.voltage, corner.temperature) for corner in corners])
    place = place / np.maximum(np.ptp(place, axis=0), 1e-9)
    strange = np.array([[one.process != other.process for other in corners] for one in corners])
    return np.asarray(np.linalg.norm(place[:, None] - place[None], axis=-1) + 0.5 * strange, dtype=np.float64)


def _as_far(apart: Array, a: int, A: int) -> Mask:
    """(A + 1,) the anchors from which anchor ``a`` is predicted when it is held out.

    None is nearer to it than the target's nearest anchor is to the target, so that its error tells of the target's. A third of the anchors,
    and three, are left at least.
    """
    order = np.argsort(-apart[a, :A], kind="stable")
    order = order[order != a]
    far = order[apart[a, order] >= 0.9 * apart[A, :A].min()]
    fewest = min(max(3, A // 3), len(order))
    use = np.zeros(A + 1, dtype=bool)
    use[far if len(far) >= fewest else order[:fewest]] = True
    return use
