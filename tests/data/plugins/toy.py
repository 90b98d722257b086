"""A plugin for tests: the model ``toy`` (the nearest anchor's numbers, measured points kept) and a plan that goes table by table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from eda_plugin.config import FillSettings, Progress
from eda_plugin.domain import Corner, Library, Origin, Points, timing_quantities
from eda_plugin.domain.quantity import DELAY
from eda_plugin.hooks import hookimpl
from eda_plugin.hooks.registries import Model, ModelRegistry

__all__ = ["choose_simulations", "register_models"]


@dataclass(frozen=True)
class Filled:
    library: Library
    report: dict[str, object]

    def save(self, folder: Path) -> None:
        (folder / "toy.txt").write_text("toy")


def fill(
    anchors: Sequence[Library], template: Library, target: Corner, measured: Points | None, settings: FillSettings, progress: Progress
) -> Filled:
    source = min(anchors, key=lambda anchor: (anchor.corner.process != target.process, abs(anchor.corner.voltage - target.voltage)))
    values, origin = template.values.copy(), template.origin.copy()
    with progress.stage("toy", len(template)) as stage:
        for row, key in enumerate(template.keys):
            part = slice(template.start[row], template.start[row + 1])
            empty = np.isnan(values[part])
            values[part] = np.where(empty, source[key].values.ravel() if key in source else np.nan, values[part])
            origin[part] = np.where(empty & np.isfinite(values[part]), Origin.PREDICTED, origin[part])
            stage.advance()
            if row % 5 == 4:
                stage.tell(filled=float(np.isfinite(values).mean()))
    for i in range(0 if measured is None else len(measured)):
        assert measured is not None
        known = (measured.delay[i], measured.transition[i])
        for quantity, value in zip(timing_quantities(measured.edges[i]), known, strict=True):
            row = next(row for row, key in enumerate(template.keys) if key.arc == measured.arcs[i] and key.quantity == quantity)
            axes = template.table(row).axes
            places = [int(np.argmin(abs(axis.values - x))) for axis, x in zip(axes, measured.index[i], strict=True)]
            at = template.start[row] + np.ravel_multi_index(places, [len(axis) for axis in axes])
            values[at], origin[at] = value, Origin.MEASURED
    return Filled(replace(template, values=values, origin=origin, lower=values * 0.9, upper=values * 1.1), {"model": "toy"})


@hookimpl
def register_models(registry: ModelRegistry) -> None:
    registry.add(Model("toy", "nearest, for tests", fill))


@hookimpl
def choose_simulations(template: Library, count: int) -> Points:
    tables = [table for table in template if table.key.quantity in DELAY]
    places = [(table, i, j) for i in range(3) for j in range(3) for table in tables][:count]
    index = np.array([[table.axes[0].values[i], table.axes[1].values[j]] for table, i, j in places]).reshape(-1, 2)
    return Points.plan(tuple(t.key.arc for t, _, _ in places), tuple(t.key.quantity[5:] for t, _, _ in places), index)
