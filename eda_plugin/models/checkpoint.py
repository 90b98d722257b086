"""A sampler as one safetensors file with its configuration in the metadata: nothing is executed when it is loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from eda_plugin.domain import TableKey
from eda_plugin.errors import ParseError
from eda_plugin.files import replace_atomically
from eda_plugin.models.denoiser import Denoiser, DenoiserSpec
from eda_plugin.models.diffusion import DiffusionSettings
from eda_plugin.models.residual import ResidualModel
from eda_plugin.models.sampler import Family, TableSampler
from eda_plugin.models.sizes import Sizes

__all__ = ["NAME", "load_sampler", "save_filled"]

NAME = "model.safetensors"
FORMAT = "eda-plugin sampler 2"


def save_filled(sampler: TableSampler, report: Mapping[str, object], folder: str | Path) -> Path:
    """Write ``model.safetensors`` into ``folder``, which must exist. Returns its path."""
    from safetensors.torch import save_file

    tensors: dict[str, torch.Tensor] = {}
    families = []
    for number, family in enumerate(sampler.families):
        for name in ("mean", "sigma", "fixed", "condition", "kind"):
            tensors[f"{number}.{name}"] = torch.as_tensor(np.ascontiguousarray(getattr(family, name)))
        for code, factor in family.model.factor.items():
            # Kinds may share a factor; safetensors takes no tensor twice.
            tensors[f"{number}.factor.{code}"] = torch.tensor(factor)
        sizes, network = family.model.sizes, family.model.network
        if sizes is not None:
            tensors |= {f"{number}.sizes.{name}": torch.tensor(getattr(sizes, name)) for name in ("weight", "left")}
        if network is not None:
            tensors.update({f"{number}.network.{name}": value.contiguous().cpu() for name, value in network.state_dict().items()})
        families.append(
            {
                "shape": family.model.shape,
                "keys": family.keys,
                "forms": family.forms,
                "kinds": sorted(family.model.factor),
                "sizes": sizes is not None,
                "diffusion": asdict(family.model.settings),
                "network": None if network is None else asdict(network.spec),
            }
        )
    metadata = {"format": FORMAT, "families": json.dumps(families), "report": json.dumps(report, sort_keys=True, default=str)}
    path = Path(folder) / NAME
    with replace_atomically(path) as part:
        save_file(tensors, part, metadata=metadata)
    return path


def load_sampler(folder: str | Path) -> TableSampler:
    """Read what ``save_filled`` wrote. Raises ``ParseError`` for a file that is no such checkpoint."""
    from safetensors import SafetensorError, safe_open

    path = Path(folder) / NAME
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError) as error:
        raise ParseError(f"cannot read the checkpoint: {error}", path=path) from error
    if metadata.get("format") != FORMAT:
        raise ParseError(f"the file is no sampler checkpoint; expected the format {FORMAT!r}", path=path, token=metadata.get("format", ""))
    try:
        return TableSampler(tuple(_families(json.loads(metadata["families"]), tensors)))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ParseError(f"the checkpoint's parts do not fit together: {error}; save the model again", path=path) from error


def _families(stated_all: list[dict[str, Any]], tensors: Mapping[str, torch.Tensor]) -> Iterator[Family]:
    """Put each family together from what the metadata state of it and its tensors."""
    for number, stated in enumerate(stated_all):
        arrays = {name: tensors[f"{number}.{name}"].numpy() for name in ("mean", "sigma", "fixed", "condition", "kind")}
        network = None
        if stated["network"] is not None:
            network = Denoiser(DenoiserSpec(**stated["network"]))
            head = f"{number}.network."
            network.load_state_dict({name.removeprefix(head): value for name, value in tensors.items() if name.startswith(head)})
            network.eval().requires_grad_(False)
        factor = {int(code): tensors[f"{number}.factor.{code}"].numpy() for code in stated["kinds"]}
        sizes = None
        if stated["sizes"]:
            sizes = Sizes(*(tensors[f"{number}.sizes.{name}"].numpy() for name in ("weight", "left")))
        model = ResidualModel(tuple(stated["shape"]), factor, sizes, network, DiffusionSettings(**stated["diffusion"]), None)
        keys, forms = tuple(TableKey(*key) for key in stated["keys"]), tuple(tuple(form) for form in stated["forms"])
        yield Family(keys=keys, forms=forms, model=model, **arrays)
