"""What libraries with many corners teach those with few: games, the file that keeps what was learnt, and what it changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic import ANCHORS, TARGET, build

from eda_plugin.cli.app import run
from eda_plugin.data.dataset import Aligned, align
from eda_plugin.domain import Corner
from eda_plugin.errors import ParseError, UserError
from eda_plugin.models import experience, experts
from eda_plugin.models.corner import Draw, kriging
from eda_plugin.models.experience import Experience, learn, load_experience, save_experience
from eda_plugin.models.experts import PLAIN, Domain, Manner, Taught, experts_of, kriged
from eda_plugin.models.frame import frame_of
from eda_plugin.models.zeroshot import fit_zero_shot, magnitude

Floats = NDArray[np.float64]
FEW = ANCHORS[:4]
MANNER = Manner((PLAIN, Domain("log")), 0.1)


@pytest.fixture(autouse=True)
def few_games(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experts, "DRAWS", 24)
    monkeypatch.setattr(experience, "GAMES", 8)


def aligned(corners: Sequence[Corner] = ANCHORS, cells: int = 3) -> Aligned:
    libraries = [build(corner, cells=cells, grid=(3, 3)) for corner in corners]
    return align(libraries, replace(libraries[0], values=np.full(len(libraries[0].values), np.nan)), corners[0])


@pytest.fixture(scope="module")
def taught() -> Experience:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experts, "DRAWS", 24)
        patch.setattr(experience, "GAMES", 8)
        return learn({"synthetic": aligned()})


def test_no_game_favours_all_draws(taught: Experience) -> None:
    assert set(taught.groups) == {"timing", "power"}
    for group in taught.groups.values():
        assert len(group.draws) == len(group.worth) == 24
        assert abs(group.worth.mean()) < 1e-12
        assert group.worth.std() > 1e-3


def test_the_same_libraries_and_seed_teach_the_same(taught: Experience, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.json", "b.json", "c.json")]
    save_experience(taught, files[0])
    save_experience(learn({"synthetic": aligned()}), files[1])
    save_experience(learn({"synthetic": aligned()}, seed=1), files[2])
    first, second, other = (file.read_bytes() for file in files)
    assert first == second != other


def test_what_was_learnt_is_read_back(taught: Experience, tmp_path: Path) -> None:
    save_experience(taught, tmp_path / "kept.json")
    found = load_experience(tmp_path / "kept.json")
    assert found.libraries == ("synthetic",)
    for name, group in taught.groups.items():
        assert found.groups[name].draws == group.draws
        np.testing.assert_allclose(found.groups[name].worth, group.worth, atol=1e-6)


def test_a_file_that_is_none_is_refused(taught: Experience, tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    with pytest.raises(UserError, match="pretrain"):
        load_experience(kept)
    for text in ("{", "[]", '{"format": "another"}'):
        kept.write_text(text)
        with pytest.raises(ParseError, match=r"kept\.json"):
            load_experience(kept)
    save_experience(taught, kept)
    data = json.loads(kept.read_text())
    data["groups"]["timing"]["worth"][3] = [0.0]
    kept.write_text(json.dumps(data))
    with pytest.raises(ParseError, match=r"kept\.json.*damaged"):
        load_experience(kept)


def test_too_few_corners_teach_nothing() -> None:
    with pytest.raises(UserError, match="small has 6 corners; expected 7"):
        learn({"small": aligned(ANCHORS[:6])})


def test_what_others_say_of_a_draw_decides_where_anchors_are_few() -> None:
    corners = [*FEW, TARGET]
    values = np.stack([build(corner, cells=3, rest=False).values for corner in corners], axis=1)
    table = np.arange(len(values)) // 25
    draws = tuple(Draw(threshold, 5e-4, 0.05, 1.0, 300.0, 2.0, trend=0, nugget=1e-3) for threshold in (0.2, 0.4, 0.6))
    frame, Z = frame_of(FEW, TARGET), values[:, :-1] / magnitude(values[:, :-1])[:, None]
    for best in range(len(draws)):
        worth = np.full((len(draws), 2), 3.0)
        worth[best] = -3.0
        given = kriged(frame, MANNER, seed=0, latent=None, taught=Taught(draws, worth), told=lambda: None)
        found = experts_of(Z, frame, MANNER, given, seed=0, informed=(), only="kriging", told=lambda: None)
        weights, _ = kriging(corners, [len(FEW)], frame.everyone[None], draws[best])
        linear = next(expert for expert in found if expert.name == "kriging, linear")
        np.testing.assert_allclose(linear.mean, Z @ weights[0, : len(FEW)], rtol=1e-9)
    latent = np.zeros((len(corners), 1))
    apart = [
        fit_zero_shot(values[:, :-1], table, FEW, TARGET, MANNER, seed=0, taught=given, latent=latent)
        for given in (None, Taught(draws, np.zeros((3, 2))))
    ]
    assert (apart[0].mean == apart[1].mean).all()


def test_pretrain_and_fill_from_the_command_line(
    make_library: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many, few = tmp_path / "many", tmp_path / "few"
    for folder, corners in ((many, ANCHORS[:8]), (few, ANCHORS[:3])):
        folder.mkdir()
        for corner in corners:
            make_library(f"{corner.process},{corner.voltage},{corner.temperature:g}", name=f"{folder.name}/old_{corner.name}.lib")
    kept, report, out = tmp_path / "old.json", tmp_path / "report.json", tmp_path / "new.lib"
    assert run(["pretrain", str(many), "-o", str(kept), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == [str(kept)]
    learnt = json.loads(kept.read_text())
    ask = ["fill", str(few), "--target", "ss,0.85,25", "-o", str(out), "--report", str(report), "--extrapolate"]
    assert run([*ask, "--pretrained", str(kept)]) == 0
    assert json.loads(report.read_text())["fill"]["pretrained"] == {"libraries": learnt["libraries"], "groups": sorted(learnt["groups"])}
    before = out.read_bytes()
    assert run([*ask, "--pretrained", str(tmp_path / "none.json")]) == 2
    assert "`eda-plugin pretrain` writes such files" in capsys.readouterr().err
    assert out.read_bytes() == before
    for given, told in (
        ([few], "3 corners; expected 7"),
        ([many, many], "two libraries are named"),
        ([*many.iterdir(), *few.iterdir()], "are both at"),
    ):
        assert run(["pretrain", *map(str, given), "-o", str(kept)]) == 2
        assert told in capsys.readouterr().err
