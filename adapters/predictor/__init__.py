"""Trained predictors as safetensors: the arrays, with everything else as JSON in the metadata. Nothing in the file is executed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from eda_plugin.adapters.predictor.baked import Baked, bake
from eda_plugin.adapters.predictor.c_source import write_c
from eda_plugin.adapters.predictor.onnx_graph import write_onnx
from eda_plugin.adapters.predictor.tcl_source import write_tcl
from eda_plugin.domain.predictor import TreePredictor
from eda_plugin.errors import ParseError, UserError
from eda_plugin.files import replace_atomically

__all__ = ["Baked", "bake", "read", "write", "write_c", "write_onnx", "write_tcl"]

FORMAT = "eda_plugin tree predictor 2"


def write(predictor: TreePredictor, path: str | Path) -> None:
    """Write a predictor, whole or not at all; the same predictor gives the same bytes."""
    from safetensors.numpy import save

    arrays, rest = predictor.to_arrays()
    # One entry: safetensors writes several in an order that changes from run to run.
    metadata = {"predictor": json.dumps({"format": FORMAT, **rest}, allow_nan=False, sort_keys=True)}
    data = save({name: np.ascontiguousarray(array) for name, array in sorted(arrays.items())}, metadata=metadata)
    with replace_atomically(path) as part:
        part.write_bytes(data)


def read(path: str | Path) -> TreePredictor:
    """Read what ``write`` wrote. Raises ``UserError`` where it can't be read, ``ParseError`` where it is something else."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    try:
        path.open("rb").close()
        with safe_open(path, framework="numpy") as stored:
            metadata = stored.metadata() or {}
            arrays = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except OSError as error:
        raise UserError(f"cannot read the predictor {path}: {error.strerror or error}") from error
    except SafetensorError as error:
        raise ParseError(f"not a safetensors file, or cut short: {error}", path=path) from error
    try:
        rest = json.loads(metadata.get("predictor", "{}"))
    except json.JSONDecodeError as error:
        raise ParseError(f"the metadata is no JSON: {error}", path=path) from error
    if not isinstance(rest, dict) or rest.get("format") != FORMAT:
        raise ParseError(f"no predictor: the metadata does not say {FORMAT!r}", path=path)
    return TreePredictor.from_arrays(arrays, rest)
