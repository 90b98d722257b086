"""Which simulations to buy."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from synthetic import ANCHORS, TARGET, anchors_of, build, template_of

from eda_plugin.domain import Library, Points, TableKey
from eda_plugin.domain.quantity import DELAY
from eda_plugin.errors import UserError
from eda_plugin.models.plan import plan_points

CORNERS = ANCHORS[:4]
EDGES = 8 * 2 * 2  # cells, arcs, edges


@pytest.fixture(scope="module")
def anchors() -> list[Library]:
    return anchors_of(CORNERS)


@pytest.fixture(scope="module")
def template() -> Library:
    return template_of(build(TARGET))


def rows(points: Points) -> list[tuple[object, ...]]:
    return [(arc, edge, *place) for arc, edge, place in zip(points.arcs, points.edges, points.index.tolist(), strict=True)]


@pytest.mark.parametrize("count", [0, 1, 31, EDGES, EDGES + 5, 7 * EDGES, 25 * EDGES])
def test_as_many_as_asked_for_and_none_twice(anchors: list[Library], template: Library, count: int) -> None:
    plan = plan_points(anchors, template, TARGET, count, 0)
    assert len(plan) == count
    assert len(set(rows(plan))) == count
    assert np.isnan(plan.delay).all()
    each = Counter(zip(plan.arcs, plan.edges, strict=True))
    turns = divmod(count, EDGES)
    assert set(each.values()) <= {turns[0], turns[0] + 1}  # every table before any gets one more
    for arc, edge, place in zip(plan.arcs, plan.edges, plan.index, strict=True):
        axes = template[TableKey(*arc, f"cell_{edge}")].axes
        assert place[0] in axes[0].values
        assert place[1] in axes[1].values


def test_all_places_of_the_grid_are_asked_equally_often(anchors: list[Library], template: Library) -> None:
    plan = plan_points(anchors, template, TARGET, EDGES, 0)
    places = Counter(map(tuple, plan.index.tolist()))
    assert len(places) == 25
    assert max(places.values()) - min(places.values()) <= 1


def test_the_seed_decides_and_the_order_of_anchors_does_not(anchors: list[Library], template: Library) -> None:
    plan = plan_points(anchors, template, TARGET, 50, 4)
    assert rows(plan) == rows(plan_points(anchors[::-1], template, TARGET, 50, 4))
    assert rows(plan) != rows(plan_points(anchors, template, TARGET, 50, 5))


def test_tables_about_which_anchors_disagree_come_first(anchors: list[Library], template: Library) -> None:
    plan = plan_points(anchors, template, TARGET, -(-EDGES // 5), 0)  # the first of five classes

    def disagreement(key: TableKey) -> float:
        return float(np.std([np.log(np.abs(anchor[key].values).mean()) for anchor in anchors]))

    keys = [key for key in template.keys if key.quantity in DELAY]
    chosen = {TableKey(*arc, f"cell_{edge}") for arc, edge in zip(plan.arcs, plan.edges, strict=True)}
    assert min(disagreement(key) for key in chosen) >= max(disagreement(key) for key in set(keys) - chosen) - 1e-12


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
