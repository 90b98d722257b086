"""Tables of variation judged: many simulated rows of one edge of an arc a cell, against the conditional model and its baselines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import eda_plugin
from eda_plugin.adapters import liberty
from eda_plugin.domain import TableKey
from eda_plugin.domain.arc import edge_of
from eda_plugin.domain.moments import Moments
from eda_plugin.errors import UserError
from eda_plugin.files import replace_atomically
from eda_plugin.flow.kept import kept as kept_figures
from eda_plugin.flow.study_rows import RowStore
from eda_plugin.flow.variation import ArcTable, Told, Variation, VariationSettings
from eda_plugin.flow.variation_rows import JUDGING, judging
from eda_plugin.models.rows.moment_baselines import BASELINES, Relative
from eda_plugin.models.rows.variation import VariationModel, corrected

__all__ = ["OURS", "PLAIN", "SKEWED", "judge_variation"]

Floats = NDArray[np.float64]
OURS, PLAIN, NEAREST = "conditional model", "plain moments", "nearest corner"
MODEL_ONLY = "conditional model, rows not used again"
SKEWED = 0.15
"""Skewness beyond which its sign counts."""


def judge_variation(
    study: str | Path,
    library: str | Path,
    out: str | Path,
    settings: VariationSettings | None = None,
    *,
    draws: int,
    sources: Sequence[str | Path] = (),
    kept: str | Path,
    command: str = "",
    told: Told | None = None,
) -> dict[str, object]:
    """Simulate ``draws`` rows at each point of one edge of an arc a cell (rise and fall in turn) and compare.

    Writes variation.json and variation.md into ``out``, and keeps there what is finished of a cell until settings or models change.
    Arguments are those of ``add_variation``; the figures are returned.

    ``common``: moments of the model's times at the very draws that were simulated, so that the draws' own sampling error drops out;
    ``independent``: moments over the known law, against the simulated draws with their sampling error.
    """
    from eda_plugin.flow.variation_report import write_report

    settings = settings or VariationSettings()
    if draws < 100:
        raise UserError(f"{draws} rows to judge by; expected at least 100")
    here, *others = liberty.read_many([library, *sources], workers=1)
    work = Variation(RowStore(Path(study)), here, settings, sources=others, kept=Path(kept), told=told)
    cells: dict[str, object] = {}
    parts = Path(out) / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    for cell in work.cells:
        edge = ("rise", "fall")[work.store.study.cells.index(cell) % 2]
        keys = [key for key in work.keys(cell) if edge_of(key.quantity) == edge]
        if not keys:
            raise UserError(f"{here.name}: cell {cell} has no {edge} delay")

        def judged(key: TableKey = keys[0]) -> object:
            return _Judged(work, key, draws).figures()

        def done(cell: str = cell) -> None:
            if told is not None:
                told(f"{cell}: judged")

        cells[cell] = kept_figures(parts / f"{cell}.json", _mark(work, keys[0], draws), judged, done)
    facts: dict[str, object] = {
        "version": eda_plugin.__version__, "command": command, "corner": str(here.corner), "sources": [str(one.corner) for one in others],
        "draws": draws, "settings": asdict(settings), "cells": cells,
    }  # fmt: skip
    folder = Path(out)
    with replace_atomically(folder / "variation.json") as part:
        part.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    write_report(facts, folder)
    return facts


def _mark(work: Variation, key: TableKey, draws: int) -> str:
    """Fingerprint of what a cell's figures are made from; rows are told by their arcs, law and simulator's settings."""
    settings = replace(work.settings, cells=(), workers=1)
    corners = [work.table(library, key) for library in (work.library, *work.sources)]
    digest = hashlib.sha256(repr((settings, draws, work.own, [work.store.mark(one.what) for one in corners])).encode())
    for one in corners:
        digest.update(one.points.tobytes() + one.nominal.tobytes())
    for file in sorted((Path(eda_plugin.__file__).parent / "models" / "rows").glob("*.py")):
        if file.stem in ("kernel", "likelihood", "moment_baselines", "sensitivity", "variation"):
            digest.update(file.read_bytes())
    return digest.hexdigest()


class _Judged:
    """One edge of an arc."""

    def __init__(self, work: Variation, key: TableKey, draws: int) -> None:
        self.work = work
        self.table: ArcTable = work.table(work.library, key)
        self.nominal = work.nominal(self.table)
        points = self.table.points
        times = work.store.rows(self.table.what, judging(points, draws), workers=work.settings.workers, told=work.told)
        times = times.reshape(draws, len(points), 2)
        self.whole = np.isfinite(times).all(axis=(1, 2))
        self.truth = times[self.whole]
        self.parameters = work.scaled(key.cell, np.arange(JUDGING, JUDGING + draws)[self.whole])
        self.model: VariationModel = work.model(key)
        self.conditions = work.conditions(self.table, self.nominal)
        self.baselines = self._fitted()

    def figures(self) -> dict[str, object]:
        truth = Moments.of(self.truth, self.nominal)
        found = {"common": self._methods(self.parameters), "independent": self._methods(self.work.virtual)}
        if self.work.own:
            plain_ = Moments.stacked([Moments.of(rows, nominal) for rows, nominal in zip(self._own_rows(), self.nominal, strict=True)])
            found["common"][PLAIN] = found["independent"][PLAIN] = plain_
        else:
            found["common"][NEAREST] = found["independent"][NEAREST] = self._nearest()
        return {
            "arc": str(self.table.what),
            "points": self.table.points,
            "rows_lost": int((~self.whole).sum()),
            "truth": _said(truth),
            **{kind: {name: _said(one) for name, one in methods.items()} for kind, methods in found.items()},
        }

    def _methods(self, parameters: Floats) -> dict[str, Moments]:
        """Moments (points, 2) by each method over the same rows of parameters."""
        seed, ahead = self.work.settings.seed, self.table.ahead
        alone = [self.model.moments(*one, virtual=parameters, seed=seed) for one in zip(self.conditions, self.nominal, ahead, strict=True)]
        found = {OURS: Moments.stacked(alone)}
        if self.work.own:
            found = {
                OURS: Moments.stacked(corrected(alone, [self.model.corrections(one) for one in self.conditions])),
                MODEL_ONLY: found[OURS],
            }
        for name, functions in self.baselines.items():
            parts = []
            for relative, condition, nominal, half in zip(functions, self.conditions, self.nominal, ahead, strict=True):
                parts.append(Moments.of((nominal + half) * np.exp(relative(parameters, condition)) - half, nominal))
            found[name] = Moments.stacked(parts)
        return found

    def _fitted(self) -> dict[str, list[Relative]]:
        """What each baseline makes of the rows, point by point."""
        rows, seed = self.model.rows, self.work.settings.seed
        found: dict[str, list[Relative]] = {}
        for baseline in BASELINES:
            if baseline.across:
                found[baseline.name] = [baseline.fit(rows, seed)] * len(self.conditions)
            elif self.work.own:
                found[baseline.name] = [baseline.fit(rows.at(condition), seed) for condition in self.conditions]
        return found

    def _own_rows(self) -> list[Floats]:
        return [self.model.rows.at(condition).times for condition in self.conditions]

    def _nearest(self) -> Moments:
        """Deviation and skewness over nominal as plain moments have them at the corner whose conditions are nearest, point by point."""
        rows = self.model.rows
        parts = []
        for condition, nominal in zip(self.conditions, self.nominal, strict=True):
            far = ((rows.conditions - condition) ** 2).sum(axis=1)
            near = far <= far.min() + 1e-9
            share = Moments.of(rows.times[near] / rows.nominal[near], np.ones(2))
            lost = np.full(2, np.nan)
            parts.append(Moments(nominal, share.mean * nominal, share.deviation * nominal, share.third * nominal**3, lost, lost))
        return Moments.stacked(parts)


def _said(one: Moments) -> Mapping[str, Floats]:
    return {
        "nominal": one.nominal,
        "mean": one.mean,
        "deviation": one.deviation,
        "skewness": one.skewness,
        "early": one.early,
        "late": one.late,
    }
