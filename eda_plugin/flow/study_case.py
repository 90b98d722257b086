"""One cell and one seed of the study: rows that each method makes of the same real rows, simulated again, and given to a regressor.

A method learns a sample of real rows once; the comparison with the simulator, the regressor and the ratios use the same made rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters.ngspice.variation import simulate_rows
from eda_plugin.flow.study_rows import RowSet, RowStore
from eda_plugin.models.rows.boosted import BoostingSettings, boosted_scores, shipped_scores
from eda_plugin.models.rows.conditional import ConditionalRows, coordinates, fit_conditional
from eda_plugin.models.rows.generators import SCHEDULES, GeneratorSettings, generate
from eda_plugin.models.rows.plain import BASELINES

__all__ = ["OURS", "PAPER", "StudyCase", "StudySettings"]

Floats = NDArray[np.float64]
Made = tuple[Floats, Floats]
OURS = "ours"
PAPER = "ddpm"
REAL = "real-only"
RIVALS = ("mixup", "smote", "gp-labelled")
VARIANTS: dict[str, GeneratorSettings] = {
    "gan": GeneratorSettings(kind="gan"),
    "vae": GeneratorSettings(kind="vae"),
    **{f"ddpm, {name}": GeneratorSettings(schedule=name) for name in list(SCHEDULES)[1:]},
    "ddpm, 3 layers": GeneratorSettings(layers=3),
    "ddpm, 7 layers": GeneratorSettings(layers=7),
    "ddpm, unet": GeneratorSettings(unet=True),
}


@dataclass(frozen=True)
class StudySettings:
    """What is measured.

    ``cells``: none for all; ``sizes`` of the real rows; ``real``: rows that the generators learn for the comparison with the simulator, of
    which ``checked`` invented rows are simulated; ``added`` rows for the regressor; ``ratios`` of added to ``ratio_size`` real rows;
    ``detailed``: on so many of the first cells the paper's open questions, the ratios, more rivals and the shipped estimator are measured
    too; ``seeds`` runs of each; ``outputs``: delays (of the first pin) that the regressor learns; ``updates`` of
    each network; ``trees`` of the regressor; ``workers``: cells that are measured at once, each in a process of its own.
    """

    cells: tuple[str, ...] = ()
    sizes: tuple[int, ...] = (100, 250, 500, 1000, 5000)
    real: int = 500
    checked: int = 40
    added: int = 5000
    ratios: tuple[float, ...] = (0.5, 1, 2, 5, 10)
    ratio_size: int = 250
    detailed: int = 1
    seeds: int = 5
    outputs: int = 1
    updates: int = 1500
    trees: int = 1000
    workers: int = 1

    def quick(self) -> StudySettings:
        """A short form: a hundred real rows, one seed, few invented rows and updates, no open questions: it shows that all runs."""
        return replace(
            self,
            sizes=(100,),
            real=100,
            checked=10,
            added=400,
            ratios=(1,),
            ratio_size=100,
            detailed=0,
            seeds=1,
            updates=100,
            trees=100,
        )


@dataclass(frozen=True, eq=False)
class StudyCase:
    """A cell, its rows and a seed. ``detailed``: with the paper's open questions."""

    store: RowStore
    cell: str
    learnt: RowSet
    unseen: RowSet
    settings: StudySettings
    seed: int
    detailed: bool
    _held: dict[tuple[str, int], Made] = field(default_factory=dict, init=False)
    """Rows made so far, by method and number of real rows: all outputs of the paper's model, else those that the regressor learns."""

    def parts(self, *, simulator: bool) -> dict[str, Callable[[], object]]:
        """What is measured, by name."""
        found: dict[str, Callable[[], object]] = {"generated": self.generated} if simulator else {}
        found["regressor"] = self.regressor
        if self.detailed:
            found |= {"estimator": self.estimator, "rivals": self.rivals, "ratios": self.ratios}
            if simulator:
                found["variants"] = self.variants
        return found

    @property
    def times(self) -> list[int]:
        """Columns of the outputs that the generators learn: delays, then transitions."""
        return [*self.learnt.columns("delay_"), *self.learnt.columns("transition_")]

    def sample(self, size: int) -> RowSet:
        """``size`` of the rows to learn from: for each seed others, where there are enough."""
        order = np.random.default_rng([self.seed, 1]).permutation(len(self.learnt))
        return self.learnt.taken(np.sort(order[:size]))

    def _conditional(self, real: RowSet, *, diffusion: bool) -> ConditionalRows:
        return fit_conditional(self.store.law, real.inputs, real.outputs[:, self.times], seed=self.seed, diffusion=diffusion)

    def _invented(self, real: RowSet, count: int, settings: GeneratorSettings) -> Made:
        settings = replace(settings, updates=self.settings.updates)
        return generate(real.inputs, real.outputs[:, self.times], count, self.seed, settings)

    def _made(self, method: str, size: int) -> Made:
        """``added`` rows that a method makes of ``size`` real ones, in the order in which they were drawn."""
        if (method, size) not in self._held:
            real, count = self.sample(size), self.settings.added
            outputs = self.times[: self.settings.outputs]
            if method in BASELINES:
                made = BASELINES[method](self.store.law, real.inputs, real.outputs[:, outputs], count, self.seed)
            elif method == OURS:
                model = self._conditional(real, diffusion=False)
                inputs = model.inputs(count, self.seed)
                made = (inputs, model.mean(inputs)[:, : len(outputs)])
            else:
                made = self._invented(real, count, GeneratorSettings())
            self._held[method, size] = made
        return self._held[method, size]

    def _off(self, drawn: dict[str, Made]) -> dict[str, float | None]:
        """Error of invented delays against their simulation at the same inputs, in per cent, all delays of the cell."""
        delays = len(self.learnt.columns("delay_"))
        bench = self.store.bench(self.cell)
        known: dict[int, Floats] = {}
        errors: dict[str, float | None] = {}
        for method, (inputs, made) in drawn.items():
            if id(inputs) not in known:
                known[id(inputs)] = simulate_rows(bench, inputs)[0][:, self.times[:delays]]
            off = 100 * np.abs(made[:, :delays] / known[id(inputs)] - 1)
            errors[method] = float(np.nanmean(off)) if np.isfinite(off).any() else None
        return errors

    def generated(self) -> dict[str, object]:
        """The paper's model and ours against the simulator; and the invented values for the plots."""
        size = min(self.settings.real, len(self.learnt))
        real = self.sample(size)
        drawn = {PAPER: self._checked(self._invented(real, self.settings.checked, GeneratorSettings()))}
        model = self._conditional(real, diffusion=True)
        inputs = model.inputs(self.settings.checked, self.seed)
        draws = model.draw(inputs, self.seed, 16)
        drawn[OURS] = (inputs, draws[0])
        drawn["ours, mean of 16 draws"] = (inputs, draws.mean(axis=0))
        drawn["ours, mean alone"] = (inputs, model.mean(inputs))
        shown = {"real": self.learnt.outputs[:, self.times[0]].tolist()}
        shown |= {method: drawn[method][1][:, 0].tolist() for method in (PAPER, OURS)}
        facts = {"real_rows": size, "checked": self.settings.checked, "output": self.learnt.names[1][self.times[0]]}
        return {**facts, "mape_pct": self._off(drawn), "density": shown}

    def variants(self) -> dict[str, object]:
        """The paper's open questions: other generators, schedules, networks and numbers of real rows against the simulator."""
        real, count = self.sample(min(self.settings.real, len(self.learnt))), self.settings.checked
        drawn = {name: self._checked(self._invented(real, count, settings)) for name, settings in VARIANTS.items()}
        for size in self._sizes:
            if size != self.settings.real:
                drawn[f"{PAPER}, {size} rows"] = self._checked(self._invented(self.sample(size), count, GeneratorSettings()))
        return {"mape_pct": self._off(drawn)}

    def _checked(self, made: Made) -> Made:
        """Rows whose inputs can be simulated."""
        return self.store.law.clipped(made[0]), made[1]

    def _judged(self, method: str, size: int, count: int, scored: Callable[..., dict[str, float]]) -> dict[str, float]:
        """Scores on unseen rows with ``count`` rows of a method added; none of real rows alone."""
        real, outputs = self.sample(size), self.times[: self.settings.outputs]
        made = None
        if method != REAL:
            inputs, labels = self._made(method, size)
            made = (coordinates(self.store.law, self.store.law.clipped(inputs[:count])), labels[:count, : len(outputs)])
        train, unseen = ((coordinates(self.store.law, rows.inputs), rows.outputs[:, outputs]) for rows in (real, self.unseen))
        return scored(train, made, unseen)

    @property
    def _sizes(self) -> list[int]:
        return [size for size in self.settings.sizes if size <= len(self.learnt)]

    def _boosted(self, train: Made, made: Made | None, unseen: Made) -> dict[str, float]:
        return boosted_scores(train, made, unseen, BoostingSettings(trees=self.settings.trees))

    def regressor(self) -> dict[str, object]:
        """Scores of boosted trees by real rows and method."""
        return {
            str(size): {method: self._judged(method, size, self.settings.added, self._boosted) for method in (REAL, *RIVALS, OURS)}
            for size in self._sizes
        }

    def rivals(self) -> dict[str, object]:
        """Scores with the rows of the weaker rivals, and of the paper's model, at ``real`` rows."""
        size = min(self.settings.real, len(self.learnt))
        methods = [*(name for name in BASELINES if name not in RIVALS), PAPER]
        return {method: self._judged(method, size, self.settings.added, self._boosted) for method in methods}

    def estimator(self) -> dict[str, object]:
        """The same with the shipped estimator: trees on what a smooth mean leaves over."""
        methods = (REAL, "mixup", "gp-labelled", OURS)
        scored = partial(shipped_scores, seed=self.seed)
        return {
            str(size): {method: self._judged(method, size, self.settings.added, scored) for method in methods}
            for size in self._sizes
            if size <= self.settings.real * 2
        }

    def ratios(self) -> dict[str, object]:
        """Scores with other ratios of added to real rows."""
        size = min(self.settings.ratio_size, len(self.learnt))
        methods = ("mixup", "gp-labelled", PAPER, OURS)
        return {
            f"{ratio:g}": {method: self._judged(method, size, math.ceil(ratio * size), self._boosted) for method in methods}
            for ratio in self.settings.ratios
        }
