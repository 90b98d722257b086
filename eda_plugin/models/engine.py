"""Fill a corner: timing from the anchors and from what was simulated, everything else from the anchors and what the timing taught.

The order: look the anchors up on the target's points, predict every group without simulations, correct delay and transition by the measured
points, calibrate intervals, learn the tables' joint errors, and put measured values back as they are.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from eda_plugin.config import FillSettings, Progress
from eda_plugin.data.dataset import Aligned, align
from eda_plugin.domain import Corner, Library, Origin, Points
from eda_plugin.errors import UserError
from eda_plugin.models.checkpoint import save_filled
from eda_plugin.models.experience import load_experience
from eda_plugin.models.features import PointTable, timing_points
from eda_plugin.models.others import Delays, delays_foretold, delays_taught, fill_groups, latent_coordinates
from eda_plugin.models.sampler import TableSampler
from eda_plugin.models.timing import TimingFill, fit_timing
from eda_plugin.models.zeroshot import fit_timing_zero

__all__ = ["Filled", "fill_library"]

Array = NDArray[np.float64]

FEWEST = 8
"""Measured values below which the simulations are kept but teach nothing."""


@dataclass(frozen=True, eq=False)
class Filled:
    """A complete library with intervals, what the models report, and the sampler of whole tables."""

    library: Library
    report: dict[str, object]
    sampler: TableSampler
    timing: TimingFill | None = field(repr=False)

    def save(self, folder: str | Path) -> None:
        """Write ``model.safetensors`` into ``folder``: the sampler with its configuration, loadable without running code."""
        save_filled(self.sampler, self.report, folder)


@dataclass
class _Clock:
    """Seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)
    begin: float = field(default_factory=time.monotonic)

    def mark(self, name: str) -> None:
        now = time.monotonic()
        self.seconds[name] = round(now - self.begin, 2)
        self.begin = now


def fill_library(
    anchors: Sequence[Library], template: Library, target: Corner, measured: Points | None, settings: FillSettings, progress: Progress
) -> Filled:
    """Fill ``target`` on the template's tables.

    Measured and given values stay as they are. ``settings.model``: ``auto`` the whole method, ``gp`` without diffusion, ``ridge`` and
    ``gbr`` without or with trees in place of the process, ``nearest`` and ``interpolation`` plain look-ups for every group. Raises
    ``UserError`` where anchors and template don't fit together, or the device is not there.
    """
    _check_device(settings.device)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    experience = None if settings.pretrained is None else load_experience(settings.pretrained)
    taught = {} if experience is None else experience.groups
    ordered = sorted(anchors, key=lambda anchor: (anchor.corner, anchor.source))
    clock = _Clock()
    with progress.stage("aligning anchors"):
        aligned = align(ordered, template, target, measured)
    clock.mark("align")
    m = len(aligned.known)
    values, half = np.full(m, np.nan), np.full(m, np.nan)
    origin = np.full(m, Origin.PREDICTED, dtype=np.uint8)
    report: dict[str, object] = {}
    timing: TimingFill | None = None
    latent: Array | None = None
    delays: Delays | None = None
    points: PointTable | None = None
    if len(aligned.rows_of("timing")):
        points, floor = timing_points(aligned)
        known = np.flatnonzero(np.isfinite(aligned.known[points.flat]))
        y = aligned.known[points.flat[known]]
        zero = fit_timing_zero(points, aligned.corners, target, settings, progress, taught.get("timing"))
        clock.mark("zero-shot")
        cell = np.array([aligned.template.keys[row].cell for row in points.rows])
        if len(known) >= FEWEST and settings.model not in ("nearest", "interpolation"):
            latent = latent_coordinates(points, known, y)
            timing = fit_timing(points, aligned.corners, target, zero, known, y, floor, settings, progress)
            delays = delays_taught(points, known, y, timing.mean, cell)
            values[points.flat], half[points.flat] = timing.mean, timing.half
            origin[points.flat] = Origin.FILLED
            report["timing"] = timing.report
        else:
            values[points.flat], half[points.flat] = zero.mean, zero.half(points.table, settings.interval)
            delays = delays_foretold(points, zero, cell)
            report["timing"] = zero.facts()
        clock.mark("timing")
    groups = fill_groups(aligned, latent, delays, settings, progress, taught)
    for name, group in groups.items():
        values[group.flat], half[group.flat] = group.mean, group.half
        origin[group.flat] = group.origin
        report[name] = group.report
    clock.mark("other quantities")
    library = _compose(aligned, values, half, origin)
    if points is None:
        sampler = TableSampler(())
    elif timing is not None:
        sampler = TableSampler.of_timing(library, timing)
    else:
        sampler = TableSampler.of_zero_shot(library, points, half[points.flat], settings)
    if experience is not None:
        report["pretrained"] = {"libraries": list(experience.libraries), "groups": sorted(experience.groups)}
    report["seconds_by_stage"] = clock.seconds
    return Filled(library, report, sampler, timing)


def _check_device(name: str) -> None:
    try:
        usable = torch.empty(0, device=name).device.type in ("cpu", "cuda")
    except (RuntimeError, AssertionError) as error:  # the latter from a torch that was built without CUDA
        raise UserError(
            f"cannot use the device {name!r}: {str(error).splitlines()[0]}; expected cpu, or cuda where there is one"
        ) from error
    if not usable:
        raise UserError(f"the device {name!r} is not supported; expected cpu or cuda")


def _compose(aligned: Aligned, values: Array, half: Array, origin: NDArray[np.uint8]) -> Library:
    """Known values as they are; a measured one keeps its own origin, and its interval is the value itself."""
    given = np.isfinite(aligned.known)
    stated = np.zeros(len(given), dtype=bool)
    stated[: len(aligned.template.origin)] = aligned.template.origin != Origin.MISSING
    values = np.where(given, aligned.known, values)
    half = np.where(given, 0.0, half)
    kept = np.where(stated, aligned.template.origin, Origin.MEASURED)
    origin = np.where(given, kept, origin).astype(np.uint8)
    origin[np.isnan(values)] = Origin.MISSING
    return aligned.template.with_values(values, origin, values - half, values + half)
