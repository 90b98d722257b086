"""A run folder read back: what was asked (run.json), what came out (result.json), and the log of what lies between."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eda_plugin.errors import ParseError, UserError
from eda_plugin.flow.runs.facts import Request
from eda_plugin.flow.runs.files import FileFact
from eda_plugin.flow.runs.log import read_log, timings

__all__ = ["FORM", "REQUEST", "RESULT", "StoredRun", "read_run"]

REQUEST, RESULT = "run.json", "result.json"
FORM = 1
"""Of the folder; raised where a reader of the form before would misread it."""


@dataclass(frozen=True)
class StoredRun:
    """A run as its folder tells it.

    ``status``: exit status, ``None`` where the run was killed or is under way; then there are no ``outputs`` and ``figures``. ``inputs``:
    of a finished run with those that its inputs named (SPICE includes). ``timings``: seconds, number and steps of each stage.
    """

    folder: Path
    request: Request
    versions: Mapping[str, Any]
    environment: Mapping[str, str]
    inputs: tuple[FileFact, ...]
    status: int | None = None
    seconds: float = float("nan")
    error: str = ""
    outputs: tuple[FileFact, ...] = ()
    figures: Mapping[str, object] = field(default_factory=dict)
    timings: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def read_run(folder: str | Path) -> StoredRun:
    """Raises ``UserError`` for a folder that is none of a run, ``ParseError`` for a file in it that is damaged."""
    place = Path(folder)
    if not (place / REQUEST).is_file():
        raise UserError(f"{place} is no run folder: it has no {REQUEST}; name one that --run-folder or --runs made")
    asked = _load(place / REQUEST)
    try:
        if asked["form"] != FORM:
            raise UserError(f"{place / REQUEST} has form {asked['form']}; this version of eda-plugin reads form {FORM}")
        request = Request.from_dict(asked["request"])
        inputs = tuple(map(FileFact.from_dict, asked["inputs"]))
        versions, environment = dict(asked["versions"]), dict(asked["environment"])
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise ParseError(f"damaged: {type(error).__name__}: {error}; run the command again", path=place / REQUEST) from error
    stages = timings(read_log(place))
    if not (place / RESULT).is_file():
        return StoredRun(place, request, versions, environment, inputs, timings=stages)
    told = _load(place / RESULT)
    try:
        return StoredRun(
            place,
            request,
            {**versions, **told["versions"]},
            environment,
            (*inputs, *map(FileFact.from_dict, told["inputs"])),
            int(told["status"]),
            float(told["seconds"]),
            str(told["error"]),
            tuple(map(FileFact.from_dict, told["outputs"])),
            dict(told["figures"]),
            stages,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ParseError(f"damaged: {type(error).__name__}: {error}; run the command again", path=place / RESULT) from error


def _load(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise ParseError(f"no JSON: {error}", path=path) from error
    if not isinstance(told, dict):
        raise ParseError("expected an object of JSON", path=path)
    return told
