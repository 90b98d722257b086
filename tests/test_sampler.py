"""Joint samples of whole tables."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
from synthetic import ANCHORS, TARGET, anchors_of, build, points_of

from eda_plugin.models.diffusion import DiffusionSettings
from eda_plugin.models.residual import ResidualModel
from eda_plugin.models.sampler import TableSampler
from eda_plugin.models.sizes import Sizes
from eda_plugin.models.timing import TimingFill


def test_draws_spread_like_the_intervals_at_every_place_and_for_every_quantity() -> None:
    """Whatever the model learnt of the places: errors at the far corner of the grid five times as large, those of one quantity twice."""
    truth = build(TARGET, cells=6, rest=False)
    points, _ = points_of(anchors_of(ANCHORS[:3], cells=6, rest=False), truth)
    tables = np.arange(len(points.rows))
    wide = np.linspace(1.0, 5.0, 25)
    model = ResidualModel(
        (5, 5, 1),
        {kind: np.diag(wide * (2.0 if kind == 2 else 1.0)) for kind in range(4)},
        Sizes(np.zeros(10), np.linspace(-0.5, 0.5, 9)),
        None,
        DiffusionSettings(),
        None,
    )
    condition = np.zeros((len(tables), 6))
    fill = SimpleNamespace(
        points=points,
        fit=SimpleNamespace(known=np.zeros(0, dtype=np.int64)),
        residual={(5, 5, 1): model},
        condition={(5, 5, 1): (tables, condition)},
        half=np.full(len(points), 3e-12),
        coverage=0.9,
    )
    drawn = TableSampler.of_timing(truth, cast(TimingFill, fill)).sample(200, seed=1)
    for quantity in {key.quantity for key in drawn}:
        errors = np.concatenate([np.abs(samples - truth[key].values) for key, samples in drawn.items() if key.quantity == quantity])
        np.testing.assert_allclose(np.quantile(errors, 0.9, axis=0), 3e-12, rtol=0.1)
