"""Which corners to characterize first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import eda_plugin as ep
from eda_plugin.cli.app import run
from eda_plugin.data.dataset import look_up
from eda_plugin.domain import Corner
from eda_plugin.domain.quantity import group_of
from eda_plugin.errors import UserError
from eda_plugin.models.anchors import DRAWS, TREND, choose_anchors
from eda_plugin.models.corner import corner_coordinates, draw_weights, nearest_weights

Capture = pytest.CaptureFixture[str]
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "hkmg22" / "lib"
SKY130 = [
    Corner.parse(name)
    for name in (
        "ff_100C_1v65", "ff_100C_1v95", "ff_n40C_1v56", "ff_n40C_1v65", "ff_n40C_1v76", "ff_n40C_1v95", "ss_100C_1v40", "ss_100C_1v60",
        "ss_n40C_1v28", "ss_n40C_1v35", "ss_n40C_1v40", "ss_n40C_1v44", "ss_n40C_1v60", "ss_n40C_1v76", "tt_025C_1v80", "tt_100C_1v80",
    )
]  # fmt: skip


def uncertainty(anchors: Sequence[Corner], wanted: Sequence[Corner]) -> float:
    """The slow twin: the posterior at each wanted corner from all anchors at once, draw by draw."""
    corners, n = [*anchors, *wanted], len(anchors)
    before = after = 0.0
    for draw in draw_weights(DRAWS, 0, latent=False):
        places, trend = corner_coordinates(corners, draw, None)
        K = np.empty((len(corners), len(corners)))
        for i in range(len(corners)):
            for j in range(len(corners)):
                d = np.sqrt(5) * float(np.linalg.norm(places[i] - places[j]))
                K[i, j] = (1 + d + d * d / 3) * np.exp(-d) + TREND * float(trend[i] @ trend[j])
        told = K[n:, :n] @ np.linalg.inv(K[:n, :n] + draw.nugget * np.eye(n)) @ K[:n, n:]
        before += float(np.trace(K[n:, n:]))
        after += float(np.trace(K[n:, n:] - told))
    return float(np.sqrt(after / before))


def test_the_choice_is_greedy_and_the_figure_is_what_it_says() -> None:
    chosen = choose_anchors(SKY130, SKY130, 4)
    for count in (1, 4):
        assert chosen.sd[count - 1] == pytest.approx(uncertainty(chosen.corners[:count], SKY130), rel=1e-6)
    for other in SKY130[::5]:
        if other not in chosen.corners:
            assert uncertainty([*chosen.corners[:3], other], SKY130) > chosen.sd[3]
    assert list(chosen.sd) == sorted(chosen.sd, reverse=True)


def test_the_choice_spreads_over_processes_and_temperatures_and_beats_chance() -> None:
    chosen = choose_anchors(SKY130, SKY130, 5)
    assert {corner.process for corner in chosen.corners} == {"ff", "ss", "tt"}
    assert {corner.temperature for corner in chosen.corners} >= {-40.0, 100.0}
    rng = np.random.default_rng(0)
    chance = [uncertainty([SKY130[i] for i in rng.choice(16, 5, replace=False)], SKY130) for _ in range(12)]
    assert chosen.sd[-1] < min(chance)


def test_what_is_wanted_matters_and_the_order_does_not() -> None:
    hot = [corner for corner in SKY130 if corner.temperature == 100]
    one = choose_anchors(SKY130, hot, 3)
    assert sum(corner.temperature == 100 for corner in one.corners) >= 2
    assert choose_anchors(SKY130[::-1], hot[::-1] * 2, 3) == one
    (best,) = choose_anchors(SKY130, [SKY130[8]], 1).corners
    assert best == SKY130[8], "a corner tells most of itself"


@pytest.mark.parametrize(
    ("wanted", "count", "match"), [(SKY130, 17, "17 anchors are to be chosen among 16"), ([], 1, "no corner is wanted")]
)
def test_what_cannot_be_chosen(wanted: list[Corner], count: int, match: str) -> None:
    with pytest.raises(UserError, match=match):
        choose_anchors(SKY130, wanted, count)


@cache
def example() -> tuple[list[Corner], NDArray[np.float64]]:
    """Corners of the example library, and its delays and transitions at each (values, corners)."""
    libraries = ep.read(EXAMPLE)
    timing = np.repeat([group_of(key.quantity) == "timing" for key in libraries[0].keys], np.diff(libraries[0].start))
    values = look_up(libraries[0], libraries)[0][timing][::17]
    return [library.corner for library in libraries], values[(values > 0).all(axis=1)]


def nearest_error(anchors: Sequence[int]) -> float:
    """Mean error of every other corner of the example library filled by its nearest anchor."""
    corners, values = example()
    use = np.isin(np.arange(len(corners)), anchors)
    errors = [np.abs(values[:, use] @ nearest_weights(corners, t, use) / values[:, t] - 1).mean() for t in np.flatnonzero(~use).tolist()]
    return float(np.mean(errors))


def test_the_choice_serves_a_real_library_better_than_most() -> None:
    corners, _ = example()
    mine = nearest_error([corners.index(corner) for corner in choose_anchors(corners, corners, 5).corners])
    rng = np.random.default_rng(0)
    chance = [nearest_error(rng.choice(len(corners), 5, replace=False).tolist()) for _ in range(60)]
    assert mine < float(np.median(chance))


# The command line


def test_corners_are_named_without_a_library(tmp_path: Path, capsys: Capture) -> None:
    words = [word for corner in SKY130 for word in ("--candidate", corner.name)]
    assert run(["plan", "--anchors-only", "3", *words, "--wanted", "ss,1.5,25", "-o", str(tmp_path / "a.csv"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["wanted"] == ["ss_025C_1v50"]
    assert [row["corner"] for row in told["anchors"]] == [str(c) for c in choose_anchors(SKY130, [Corner("ss", 1.5, 25)], 3).corners]
    rows = (tmp_path / "a.csv").read_text().splitlines()
    assert rows[0] == "corner,process,voltage,temperature,uncertainty"
    assert len(rows) == 4


def test_corners_of_libraries(anchors: list[Path], capsys: Capture) -> None:
    assert run(["plan", *map(str, anchors), "--anchors-only", "2"]) == 0
    out = capsys.readouterr().out
    assert "anchors for 7 corners" in out
    assert "uncertainty left" in out


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("--anchors-only", "2"), "one or the other"),
        (("--anchors-only", "2", "--candidate", "tt,1,25", "--target", "tt,1,25"), "--target goes without --anchors-only"),
        (("--wanted", "tt,1,25"), "go with --anchors-only"),
        (("--target", "tt,1,25", "-o", "x.csv"), "ANCHORS is missing"),
        (("x.lib", "-o", "x.csv"), "--target is missing"),
        (("x.lib", "--target", "tt,1,25"), "--output is missing"),
        (("--anchors-only", "2", "--candidate", "tt,1,25"), "2 anchors are to be chosen among 1"),
        (("--anchors-only", "1", "--candidate", "nowhere"), "unreadable corner 'nowhere'"),
    ],
)
def test_options_that_do_not_fit(capsys: Capture, arguments: tuple[str, ...], match: str) -> None:
    assert run(["plan", *arguments]) == 2
    assert match in capsys.readouterr().err
