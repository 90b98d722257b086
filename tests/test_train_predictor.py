"""``train-predictor`` and what it writes; single queries; new cells completed from reference corners."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from test_gbr import CORNERS, SMALL, libraries

import eda_plugin as ep
from eda_plugin.cli.app import run
from eda_plugin.domain import Axis, Library, Origin, Table, TableKey
from eda_plugin.domain.families import families
from eda_plugin.errors import UserError
from eda_plugin.flow import emit_predictors, read_predictor, train_predictors
from eda_plugin.models.gbr import train_predictor


def call(*arguments: object) -> int:
    return run([str(argument) for argument in arguments])


def test_the_command_writes_every_form_and_a_card(anchors: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("skops")
    out = tmp_path / "made"
    forms = [word for form in ("safetensors", "c", "tcl", "onnx", "skops") for word in ("--form", form)]
    assert call("train-predictor", *anchors, "-o", out, *forms, "--at", "tt,1.70,50", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["predictors"]) == {"timing", "leakage"}
    endings = ("safetensors", "c", "tcl", "onnx", "interval.onnx", "skops")
    expected = {f"{kind}.{ending}" for kind in ("timing", "leakage") for ending in endings} | {"card.json"}
    assert {path.name for path in out.iterdir()} == expected == {Path(file).name for file in told["files"]}
    card = json.loads((out / "card.json").read_text())
    assert len(card["trained on"]) == 7
    assert card["emitted at"] == ["tt_050C_1v70"]
    timing = card["predictors"]["timing"]
    assert timing["tables"] == 8
    assert timing["slew (s)"] == pytest.approx([1e-11, 1e-9])
    assert timing["load (F)"] == pytest.approx([1e-15, 5e-14])
    assert "tt_050C_1v70" in (out / "timing.tcl").read_text()
    first = (out / "timing.c").read_bytes()
    assert call("train-predictor", *anchors[::-1], "-o", out, "--form", "c", "--at", "tt,1.70,50", "--quiet") == 0
    assert (out / "timing.c").read_bytes() == first


def test_a_single_query_tells_its_interval(anchors: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train-predictor", *anchors, "-o", tmp_path / "made", "--kind", "timing", "--quiet") == 0
    ask = ("predict", tmp_path / "made" / "timing.safetensors", "--target", "tt,1.80,25", "--json", "--query")
    point = "cell=INV_1,related_pin=A,pin=Y,edge=rise,timing_sense=negative_unate,slew=0.1,load=0.01"
    assert call(*ask, point) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["delay"]["value"] == pytest.approx(0.02 + 0.2 * 0.1 + 2 * 0.01, rel=0.02)
    assert said["outside"] is False
    assert call(*ask, point.replace("0.01", "5")) == 0
    assert json.loads(capsys.readouterr().out)["outside"] is True
    for wrong, words in (
        (point.replace("slew=0.1,", ""), "--query states no slew"),
        (point.replace("0.1", "fast"), "the slew is 'fast'; expected a number"),
        (point + ",lode=3", "no field 'lode'"),
        (point.replace("INV_1", "NAND"), "it knows no cell NAND"),
    ):
        assert call(*ask, wrong) == 2
        assert words in capsys.readouterr().err
    assert call("predict", tmp_path / "made" / "timing.safetensors", "--query", point) == 2
    assert "--query goes with --target alone" in capsys.readouterr().err


def test_what_cannot_be_trained_or_written_is_refused(anchors: list[Path], tmp_path: Path) -> None:
    given = ep.read(anchors)
    with pytest.raises(UserError, match="no kind of predictor 'power'"):
        train_predictors(given, kinds=["power"])
    with pytest.raises(UserError, match="points are measured at one corner"):
        train_predictors(given, points=tmp_path / "p.csv")
    with pytest.raises(UserError, match="name at least one"):
        train_predictors([])
    with pytest.raises(UserError, match="no library has a constraint table"):
        train_predictors(given, kinds=["constraint"])
    made = train_predictors(given, kinds=["leakage"])
    with pytest.raises(UserError, match="no form 'java'"):
        emit_predictors(made, tmp_path / "made", forms=["java"])
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot make the folder"):
        emit_predictors(made, tmp_path / "file" / "made")


def test_a_corner_is_distilled_from_the_fill_engine(anchors: list[Path], tmp_path: Path, toy_model: str) -> None:
    given = ep.read(anchors)
    made = train_predictors(given, kinds=["timing"], distil=["ss,1.60,100"])["timing"]
    assert "ss_100C_1v60" in {corner.name for corner in made.trees.corners}
    assert len(made.trees.corners) == 8
    kept = made.write(tmp_path / "p.safetensors")
    assert read_predictor(kept).trees.keys == made.trees.keys


def test_a_new_cell_is_completed_from_reference_corners_and_single_values() -> None:
    given = libraries(cells=60)
    new, references = {f"c{cell}" for cell in (7, 29, 41)}, (0, 2, 4)
    rng = np.random.default_rng(1)

    def without(keep: float) -> list[Library]:
        made = []
        for place, library in enumerate(given):
            hidden = np.zeros(len(library.values), dtype=bool)
            for row, key in enumerate(library.keys):
                if key.cell in new and place not in references:
                    hidden[library.start[row] : library.start[row + 1]] = rng.random(42) > keep
            made.append(library.with_values(np.where(hidden, np.nan, library.values), np.where(hidden, Origin.MISSING, library.origin)))
        return made

    errors = {}
    for keep in (0.0, 0.05):
        model = train_predictor(without(keep), settings=SMALL)
        off, inside = [], []
        for place in (1, 3):
            for row, table in enumerate(given[place]):
                if table.key.cell in new:
                    slew, load = (part.ravel() for part in np.meshgrid(*(axis.values for axis in table.axes), indexing="ij"))
                    at = np.full(slew.size, model.position[table.key])
                    value, lower, upper, status = model.evaluate(at, slew, load, given[place].corner)
                    off.append(np.abs(value / table.values.ravel() - 1))
                    inside.append((lower <= table.values.ravel()) & (table.values.ravel() <= upper))
                    assert (status & 4).all(), row
        errors[keep] = float(np.mean(off))
        assert np.mean(inside) > 0.7
    assert errors[0.0] < 0.02
    assert errors[0.05] <= errors[0.0] * 1.1


def test_constraints_are_learnt_over_both_slews() -> None:
    slews = (
        Axis("related_pin_transition", np.array([1e-11, 1e-10, 4e-10])),
        Axis("constrained_pin_transition", np.array([1e-11, 2e-10, 5e-10])),
    )
    made = []
    for corner in CORNERS:
        tables = []
        for cell in range(8):
            speed = 1 / corner.voltage
            values = speed * (2e-11 * (1 + cell) + 0.3 * slews[1].values - 0.2 * slews[0].values[:, None])
            key = TableKey(f"ff{cell}", "D", "CK", "setup_rising", "", "", "rise_constraint")
            tables.append(Table(key, slews, values, np.full(values.shape, Origin.MEASURED, dtype=np.uint8)))
        made.append(Library.from_tables(tables, name=corner.name, corner=corner))
    model = train_predictor(made, kind="constraint", settings=SMALL)
    for cell in (0, 5):
        value = model.evaluate(np.array([cell]), np.array([5e-11]), np.array([1e-10]), CORNERS[2])[0]
        assert value[0] == pytest.approx((2e-11 * (1 + cell) + 0.3 * 1e-10 - 0.2 * 5e-11) / 0.8, rel=0.1)


def test_families_go_by_function_not_by_name(anchors: list[Path]) -> None:
    found = families(ep.read(anchors[:1]))
    assert found["INV_1"] == found["INV_2"]
    unknown = families(libraries(cells=2, corners=CORNERS[:1]))
    assert unknown["c0"] != unknown["c1"]
