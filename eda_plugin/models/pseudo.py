"""Anchors that play the target: the same fit, on a corner whose every value is known.

What it teaches: how errors are spread over points (models/intervals.py) and how they go together inside a table (models/diffusion.py).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from eda_plugin.config import Stage
from eda_plugin.domain import Corner
from eda_plugin.farm import Farm, Here, all_of, farm_at_work
from eda_plugin.models.features import PointTable
from eda_plugin.models.fewshot import FewShot, Layer, Learnt, fit_few_shot
from eda_plugin.models.gp import GPSettings
from eda_plugin.models.threads import fewer_threads, one_thread

__all__ = ["Cast", "Rehearsal", "Rehearsals", "choose_stand_ins", "learn_from", "rehearse"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]

TAUGHT, SUBSET = 3000, 400
"""Points of a stand-in from which hyper-parameters are learnt, and of these at a time: 800 take three times as long and teach no more."""
LARGE = 50_000
"""Delays and transitions from which on a rehearsal takes longer than a process to start."""


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """One anchor in the target's place. ``error`` (E,) at ``fit.where``, as a share of ``fit.unit``, NaN where the truth is unknown.

    ``columns``: the anchors that it was predicted from.
    """

    corner: Corner
    columns: Index
    fit: FewShot
    error: Array


def choose_stand_ins(corners: Sequence[Corner], target: Corner, beyond: Array, count: int) -> list[int]:
    """Anchors most like the target, of those whose axes cover the target's points (``beyond`` (A,): share of points outside)."""
    volts = np.array([corner.voltage for corner in corners])
    degrees = np.array([corner.temperature for corner in corners])
    apart = np.hypot(np.log(volts / target.voltage) / 0.15, (degrees - target.temperature) / 120.0)
    strange = np.array([corner.process != target.process for corner in corners])
    order = np.argsort(apart + 0.7 * strange + 4.0 * beyond, kind="stable")
    return [int(a) for a in order[:count]]


@dataclass(frozen=True, eq=False)
class Cast:
    """What all rehearsals of a fill share: the ``points``, the anchors' ``corners``, where the target is simulated (``known``), ``where``
    (E,) the stand-ins are predicted, and how the target itself was fitted. ``floor`` in s."""

    points: PointTable
    corners: tuple[Corner, ...]
    known: Index
    floor: float
    where: Index
    seed: int
    settings: GPSettings
    layer: Layer
    start: Learnt | None
    device: str


def rehearse(cast: Cast, stand_in: int, zero: Array, *, taught: tuple[Index, Array] | None = None, stage: Stage | None = None) -> Rehearsal:
    """Fit anchor ``stand_in`` from the others, with simulations at the same points as the target's.

    ``zero`` (M,): its prediction from the others without simulations. Points outside its own axes are extrapolated, so neither known nor
    judged. ``taught``, ``stage``: see ``fit_few_shot``.
    """
    points, truth = cast.points, cast.points.anchors[:, stand_in]
    own = cast.known[points.beyond[cast.known, stand_in] <= 0]
    columns = np.delete(np.arange(points.anchors.shape[1]), stand_in)
    where = cast.where
    fit = fit_few_shot(
        points,
        columns,
        zero,
        own,
        truth[own],
        cast.floor,
        where=where,
        seed=cast.seed,
        settings=cast.settings,
        layer=cast.layer,
        start=cast.start,
        taught=taught,
        device=cast.device,
        stage=stage,
    )
    sound = points.beyond[where, stand_in] <= 0
    error = np.where(sound, (truth[where] - fit.mean) / fit.unit[where], np.nan)
    error[np.isin(where, fit.known)] = np.nan
    return Rehearsal(cast.corners[stand_in], columns, fit, error)


def learn_from(cast: Cast, stand_in: int, zero: Array, stage: Stage) -> Rehearsal:
    """The rehearsal of anchor ``stand_in`` whose process learns its hyper-parameters, in ``fit.learnt``, from the anchor's values, which
    are known at far more points than are simulated. ``zero`` (M,) as in ``rehearse``; ``stage`` is told each step."""
    sound = np.flatnonzero(cast.points.beyond[:, stand_in] <= 0)
    at = np.sort(np.random.default_rng(cast.seed).permutation(sound)[:TAUGHT])
    alone = replace(cast, settings=replace(cast.settings, subset=SUBSET), start=None)
    return rehearse(alone, stand_in, zero, taught=(at, cast.points.anchors[at, stand_in]), stage=stage)


class Rehearsals:
    """Rehearsals of the anchors ``chosen``, with their columns of ``zero_held`` (M, A).

    Of a large library they are done on the farm at work, with one thread each, so what they give does not hang on where they are done; and
    beside what their caller does between ``begin`` and ``results``, since the caller's own work leaves cores idle. Leaving the
    block early ends them.
    """

    def __init__(self, cast: Cast, chosen: Sequence[int], zero_held: Array) -> None:
        apart = len(cast.points) >= LARGE and cast.device == "cpu"
        self._farm: Farm = farm_at_work() if apart else Here()
        self._cast, self._chosen, self._zero = cast, chosen, zero_held
        self._aside = ThreadPoolExecutor(1)
        self._apart, self._beside = apart, ExitStack()
        self._begun: Future[list[Rehearsal]] | None = None
        self._told = threading.Lock()
        self._stage: Stage | None = None
        self._done = 0

    def __enter__(self) -> Rehearsals:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and self._begun is not None:
            self._farm.close()
        self._beside.close()
        self._aside.shutdown()

    def begin(self, start: Learnt) -> None:
        """What they start from is known of the target's fit: begin, where a farm does it. The caller has one thread fewer for each then."""
        self._cast = replace(self._cast, start=start)
        if self._apart:  # whatever farm it is: the same bytes
            self._beside.enter_context(fewer_threads(len(self._chosen)))
        if self._chosen and not isinstance(self._farm, Here):
            self._begun = self._aside.submit(copy_context().run, self._all)

    def results(self, stage: Stage) -> list[Rehearsal]:
        """Those of all, in their order; ``stage`` is told each. Raises ``UserError`` for one whose workers died."""
        self._beside.close()
        with self._told:
            for _ in range(self._done):
                stage.advance()
            self._stage = stage
        return self._all() if self._begun is None else self._begun.result()

    def _all(self) -> list[Rehearsal]:
        tasks = [(self._cast, number, self._zero[:, number]) for number in self._chosen]
        names = [f"rehearsal on {self._cast.corners[number].name}" for number in self._chosen]
        return all_of(self._farm, _task, tasks, names, lambda *_: self._tell())

    def _tell(self) -> None:
        with self._told:
            self._done += 1
            if self._stage is not None:
                self._stage.advance()


def _task(task: tuple[Cast, int, Array]) -> Rehearsal:
    """A farm's task."""
    with one_thread():
        return rehearse(*task)
