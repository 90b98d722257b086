"""Which simulations to buy."""

from __future__ import annotations

from collections import Counter
from functools import partial

import numpy as np
import pytest
from synthetic import ANCHORS, TARGET, anchors_of, build, perturbed, template_of

from eda_plugin.domain import Library, Points, TableKey
from eda_plugin.errors import UserError
from eda_plugin.models.foreseen import foreseen
from eda_plugin.models.gp import GPSettings
from eda_plugin.models.network import NetworkSettings
from eda_plugin.models.plan import even_points, grids, plan_points

CORNERS = ANCHORS[:4]
EDGES = 8 * 2 * 2  # cells, arcs, edges


@pytest.fixture(scope="module")
def anchors() -> list[Library]:
    return anchors_of(CORNERS)


@pytest.fixture(scope="module")
def template() -> Library:
    return template_of(build(TARGET))


@pytest.fixture(autouse=True)
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rehearsals that learn for a moment only."""
    monkeypatch.setattr("eda_plugin.models.foreseen.GPSettings", partial(GPSettings, steps=30))
    monkeypatch.setattr("eda_plugin.models.fewshot.SPEED_NETWORKS", NetworkSettings(width=32, steps=60))


def rows(points: Points) -> list[tuple[object, ...]]:
    return [(arc, edge, *place) for arc, edge, place in zip(points.arcs, points.edges, points.index.tolist(), strict=True)]


@pytest.mark.parametrize("count", [0, 1, 31, EDGES, EDGES + 5, 7 * EDGES, 25 * EDGES])
def test_as_many_as_asked_for_and_none_twice(
    anchors: list[Library], template: Library, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eda_plugin.models.plan.foreseen", lambda *_: np.linspace(0.0, 1.0, EDGES))
    for plan in (plan_points(anchors, template, TARGET, count, 0), even_points(template, None, count, 0)):
        assert len(plan) == count
        assert len(set(rows(plan))) == count
        assert np.isnan(plan.delay).all()
        for arc, edge, place in zip(plan.arcs, plan.edges, plan.index, strict=True):
            axes = template[TableKey(*arc, f"cell_{edge}")].axes
            assert place[0] in axes[0].values
            assert place[1] in axes[1].values


@pytest.mark.parametrize("count", [31, EDGES, EDGES + 5, 7 * EDGES])
def test_an_even_plan_asks_every_table_equally_often(template: Library, count: int) -> None:
    plan = even_points(template, None, count, 0)
    turns = divmod(count, EDGES)
    assert set(Counter(zip(plan.arcs, plan.edges, strict=True)).values()) <= {turns[0], turns[0] + 1} - {0}


def test_an_even_plan_goes_on_where_it_stopped(template: Library) -> None:
    first = even_points(template, None, 20, 0)
    second = even_points(template, first, 30, 0)
    assert len(second) == 30
    assert not set(rows(first)) & set(rows(second))
    assert len(even_points(template, first, 25 * EDGES, 0)) == 25 * EDGES - 20


def test_all_places_of_the_grid_are_asked_equally_often(template: Library) -> None:
    places = Counter(map(tuple, even_points(template, None, EDGES, 0).index.tolist()))
    assert len(places) == 25
    assert max(places.values()) - min(places.values()) <= 1


def test_the_seed_decides_and_the_order_of_anchors_does_not(anchors: list[Library], template: Library) -> None:
    plan = plan_points(anchors, template, TARGET, 7 * EDGES, 4)
    assert rows(plan) == rows(plan_points(anchors[::-1], template, TARGET, 7 * EDGES, 4))
    assert rows(plan) != rows(even_points(template, None, 7 * EDGES, 4))
    assert rows(plan_points(anchors, template, TARGET, 50, 4)) != rows(plan_points(anchors, template, TARGET, 50, 5))


@pytest.fixture(scope="module")
def odd_ones() -> list[Library]:
    """Two cells whose tables follow no other corner's."""
    return [_with_strangers(library, seed) for seed, library in enumerate(anchors_of(ANCHORS[:7]))]


def _with_strangers(library: Library, seed: int) -> Library:
    values = library.values.copy()
    strange = np.repeat([key.cell in ("cell1", "cell6") for key in library.keys], np.diff(library.start))
    values[strange] = perturbed(library, 0.1, seed).values[strange]
    return library.with_values(values, library.origin)


@pytest.mark.parametrize("values", [300_000, 25 * EDGES])  # the second in two parts
def test_tables_that_other_corners_do_not_tell_get_more(
    odd_ones: list[Library], template: Library, values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eda_plugin.models.foreseen.VALUES", values)
    table_rows = grids(template)
    expected = foreseen(odd_ones, template, TARGET, table_rows, 10 * EDGES, 0)
    strange = np.array([template.keys[row].cell in ("cell1", "cell6") for row in table_rows])
    assert expected[strange].mean() > 2 * expected[~strange].mean()
    monkeypatch.setattr("eda_plugin.models.plan.foreseen", lambda *_: expected)
    asked = Counter(arc.cell for arc in plan_points(odd_ones, template, TARGET, 2 * EDGES, 0).arcs)
    assert min(asked["cell1"], asked["cell6"]) > max(count for cell, count in asked.items() if cell not in ("cell1", "cell6"))


def test_few_anchors_or_simulations_foresee_nothing(anchors: list[Library], template: Library) -> None:
    for few, count in ((anchors[:2], 10 * EDGES), (anchors, EDGES)):
        assert set(foreseen(few, template, TARGET, grids(template), count, 0)) == {1.0}


def test_more_than_there_is_is_refused(anchors: list[Library], template: Library) -> None:
    with pytest.raises(UserError, match=f"{25 * EDGES + 1} simulations were asked for, and the template has {25 * EDGES} places"):
        plan_points(anchors, template, TARGET, 25 * EDGES + 1, 0)


def test_tables_of_several_shapes_share_the_budget() -> None:
    template = template_of(build(TARGET, odd=True))
    total = 4 * (49 + 9 + 4 + 1 + 5 + 3 * 25)
    plan = plan_points(anchors_of(CORNERS, odd=True), template, TARGET, total, 0)
    assert len(set(rows(plan))) == total
    with pytest.raises(UserError):
        plan_points([], template, TARGET, total + 1, 0)
