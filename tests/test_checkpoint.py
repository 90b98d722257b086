"""A sampler saved and loaded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from synthetic import ANCHORS, TARGET, anchors_of, build, points_of

from eda_plugin.config import NullProgress
from eda_plugin.errors import ParseError
from eda_plugin.models.checkpoint import FORMAT, NAME, load_sampler, save_filled
from eda_plugin.models.diffusion import DiffusionSettings, train_denoiser
from eda_plugin.models.residual import ResidualModel
from eda_plugin.models.sampler import Family, TableSampler
from eda_plugin.models.sizes import fit_sizes


@pytest.fixture(scope="module")
def sampler() -> TableSampler:
    """Two families: one drawn by a network, one by a Gaussian."""
    truth = build(TARGET, cells=3, rest=False)
    points, values = points_of(anchors_of(ANCHORS[:3], cells=3, rest=False), truth)
    rng = np.random.default_rng(0)
    settings = DiffusionSettings(steps=5, batch=16, levels=4)
    families = []
    for number, tables in enumerate((np.arange(10), np.arange(10, len(points.rows)))):
        flat = points.first[tables][:, None] + np.arange(25)
        condition = rng.standard_normal((len(tables), 6))
        network = train_denoiser(
            rng.standard_normal((64, 25)), rng.standard_normal((64, 6)), seed=0, settings=settings, stage=NullProgress()
        )
        own = {kind: np.eye(25) * (1 + kind) for kind in range(4)}
        factor = own if number == 0 else dict.fromkeys(range(4), np.eye(25))  # too few tables of one shape: one for all
        sizes = fit_sizes(rng.standard_normal((40, 9)), rng.standard_normal(40), np.zeros(40, dtype=np.int64)) if number == 0 else None
        model = ResidualModel((5, 5, 1), factor, sizes, network if number == 0 else None, settings, None)
        families.append(
            Family(
                keys=tuple(truth.keys[row] for row in points.rows[tables]),
                forms=((5, 5),) * len(tables),
                mean=values[flat],
                sigma=0.01 * values[flat],
                fixed=rng.random(flat.shape) < 0.1,
                condition=condition,
                kind=points.kind[points.first[tables]],
                model=model,
            )
        )
    return TableSampler(tuple(families))


def test_the_same_samples_come_back(sampler: TableSampler, tmp_path: Path) -> None:
    assert save_filled(sampler, {"model": "auto"}, tmp_path) == tmp_path / NAME
    one, two = sampler.sample(3, seed=5), load_sampler(tmp_path).sample(3, seed=5)
    assert list(one) == list(two)
    for key, drawn in one.items():
        assert np.array_equal(drawn, two[key])
        assert drawn.shape == (3, 5, 5)


def test_the_file_holds_tensors_and_plain_text(sampler: TableSampler, tmp_path: Path) -> None:
    path = save_filled(sampler, {"model": "auto"}, tmp_path)
    head = path.read_bytes()
    stated = json.loads(head[8 : 8 + int.from_bytes(head[:8], "little")])["__metadata__"]
    assert stated["format"] == FORMAT
    assert json.loads(stated["report"]) == {"model": "auto"}
    assert len(json.loads(stated["families"])) == 2
    assert [entry.name for entry in tmp_path.iterdir()] == [NAME]  # nothing half-written beside it


def test_an_empty_sampler_comes_back(tmp_path: Path) -> None:
    save_filled(TableSampler(()), {}, tmp_path)
    assert load_sampler(tmp_path).sample(2) == {}


def test_what_is_no_checkpoint_is_refused(sampler: TableSampler, tmp_path: Path) -> None:
    with pytest.raises(ParseError, match="cannot read the checkpoint"):
        load_sampler(tmp_path)
    path = tmp_path / NAME
    path.write_bytes(b"\x80\x04K\x01.")  # a pickle
    with pytest.raises(ParseError, match="cannot read the checkpoint"):
        load_sampler(tmp_path)
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(ParseError, match=f"expected the format '{FORMAT}'"):
        load_sampler(tmp_path)
    save_file({"x": torch.zeros(1)}, path, metadata={"format": FORMAT, "families": "[{}"})
    with pytest.raises(ParseError, match="do not fit together"):
        load_sampler(tmp_path)


def test_a_checkpoint_with_a_tensor_missing_is_refused(sampler: TableSampler, tmp_path: Path) -> None:
    path = save_filled(sampler, {}, tmp_path)
    head = path.read_bytes()
    stated = json.loads(head[8 : 8 + int.from_bytes(head[:8], "little")])["__metadata__"]
    tensors = load_file(path)
    for lost in ("0.network.leave.weight", "1.factor.2", "0.mean"):
        save_file({name: value for name, value in tensors.items() if name != lost}, path, metadata=stated)
        with pytest.raises(ParseError, match="do not fit together"):
            load_sampler(tmp_path)
