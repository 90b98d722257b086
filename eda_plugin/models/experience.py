"""What libraries with many corners teach about kriging across corners, for a library that has few.

Which draw of kriging's hyper-parameters is taken is decided on anchors held out, and three or five anchors say little of that. A library
with many corners can be played with: a few of them are the anchors, another is the target, and its truth says how wrong each draw was. Over
many such games, the logarithm of a draw's error less that of the mean draw is what the draw is worth. That goes on from library to library
and from node to node, as length scales within tables do not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eda_plugin.data.dataset import Aligned
from eda_plugin.domain import Corner
from eda_plugin.errors import ParseError, UserError
from eda_plugin.files import replace_atomically
from eda_plugin.models import experts as ways
from eda_plugin.models.corner import Draw, draw_weights, kriging
from eda_plugin.models.experts import Manner, Taught, within
from eda_plugin.models.features import timing_points, without_holes
from eda_plugin.models.frame import frame_of
from eda_plugin.models.law import common_part
from eda_plugin.models.others import manner_of, same_everywhere
from eda_plugin.models.zeroshot import magnitude

__all__ = ["FEWEST", "GAMES", "GROUPS", "Experience", "learn", "lessons", "load_experience", "save_experience"]

Array = NDArray[np.float64]

GROUPS = ("power", "timing")
"""What is taught. Between sky130_fd_sc_hd and hkmg22, either way, leakage and capacitance became worse, constraints on one of them."""
GAMES = 48
"""Games of each group and library."""
ANCHORS = (3, 4, 5, 6)
"""Anchors of the games, in turn."""
FEWEST = 7
"""Corners that a library must have: the anchors of the largest game and a target."""
VALUES = 2000
"""Of a group, on which a game is scored."""
FORMAT = "eda-plugin experience 1"


@dataclass(frozen=True, eq=False)
class Experience:
    """What each group of quantities was taught (``groups``), and by which ``libraries``."""

    groups: Mapping[str, Taught]
    libraries: tuple[str, ...]


def lessons(libraries: Mapping[str, Aligned]) -> dict[str, list[Aligned]]:
    """By group of what is taught, the libraries that have it, in the order of their names: each gives ``GAMES`` games."""
    ordered = [library for _, library in sorted(libraries.items())]
    found = {group: [library for library in ordered if group in library.group] for group in GROUPS}
    return {group: teachers for group, teachers in found.items() if teachers}


def learn(libraries: Mapping[str, Aligned], *, seed: int = 0, told: Callable[[], None] = lambda: None) -> Experience:
    """Play with each library, by its name: ``anchors`` of an ``Aligned`` are all its corners. ``told`` is called after each game.

    A group is taught by the libraries that have it, all alike. Raises ``UserError`` for a library of too few corners.
    """
    for name, library in libraries.items():
        if len(library.corners) < FEWEST:
            raise UserError(
                f"{name} has {len(library.corners)} corners; expected {FEWEST} at least, of which some play the others' anchors"
            )
    groups = {}
    for group, teachers in lessons(libraries).items():
        manner = manner_of(group)
        draws = draw_weights(ways.DRAWS, 0, latent=False, additive=manner.additive)
        worth = []
        for library in teachers:
            values, kind = _values(library, group)
            rng = np.random.default_rng((seed, len(group)))
            own = []
            for number in range(GAMES):
                order = rng.permutation(len(library.corners))
                count = ANCHORS[number % len(ANCHORS)]
                own.append(_game(values, kind, library.corners, order[:count], int(order[count]), manner, draws))
                told()
            worth.append(np.mean(own, axis=0))
        groups[group] = Taught(tuple(draws), np.mean(worth, axis=0))
    return Experience(groups, tuple(sorted(libraries)))


def _values(library: Aligned, group: str) -> tuple[Array, NDArray[np.int64]]:
    """(k, C) values of a group that are not the same at all corners, ``VALUES`` of them at most, and their kinds (k,)."""
    if group == "timing":
        points, _ = timing_points(library)
        values, kind = points.anchors, points.edge
    else:
        values = without_holes(library.anchors[np.isin(library.table_of, library.rows_of(group))])
        kind = np.zeros(len(values), dtype=np.int64)
    moving = np.flatnonzero(~same_everywhere(values))
    rows = moving[np.random.default_rng(0).permutation(len(moving))[:VALUES]]
    return values[rows], kind[rows]


def _game(
    values: Array,
    kind: NDArray[np.int64],
    corners: Sequence[Corner],
    anchors: NDArray[np.int64],
    target: int,
    manner: Manner,
    draws: Sequence[Draw],
) -> Array:
    """(draws, domains) logarithm of the error at the target, less that of the mean draw."""
    given = [corners[place] for place in anchors.tolist()]
    level = values[:, anchors] / manner.growth(given, corners[target])
    scale = magnitude(level)
    Z, truth = level / scale[:, None], values[:, target] / scale
    frame = frame_of(given, corners[target])
    common = common_part(Z, kind, frame.corners, frame.others, manner.law) if manner.law else None
    here = np.ones(len(Z)) if common is None else np.exp(common.target[kind])
    R = Z if common is None else Z / np.exp(common.shown[kind])
    limit = manner.floor * float(np.median(np.abs(Z)))
    forward = [domain.forward(R) for domain in manner.domains]
    errors = np.empty((len(draws), len(manner.domains)))
    for number, draw in enumerate(draws):
        weights = kriging(frame.corners, [len(anchors)], frame.everyone[None], draw)[0][0, : len(anchors)]
        for place, domain in enumerate(manner.domains):
            found = domain.backward(within(forward[place] @ weights, forward[place], domain)) * here
            errors[number, place] = np.minimum(manner.errors(found, truth, limit), manner.most).mean()
    logs = np.log(np.maximum(errors, 1e-9))
    return np.asarray(logs - logs.mean())


def save_experience(experience: Experience, path: str | Path) -> None:
    """Write JSON, whole or not at all; the same experience gives the same bytes."""
    groups = {
        name: {"draws": [_fields(draw) for draw in taught.draws], "worth": np.round(taught.worth, 6).tolist()}
        for name, taught in experience.groups.items()
    }
    data = {"format": FORMAT, "libraries": list(experience.libraries), "groups": groups}
    with replace_atomically(path) as part:
        part.write_text(json.dumps(data, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


def load_experience(path: str | Path) -> Experience:
    """Read what ``save_experience`` wrote. Raises ``UserError`` where it can't be read, ``ParseError`` where it is something else."""
    path = Path(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}; `eda-plugin pretrain` writes such files") from error
    except ValueError as error:
        raise ParseError(f"no JSON: {error}", path=path) from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ParseError(f"not written by `eda-plugin pretrain`, or by another version: it does not say {FORMAT!r}", path=path)
    try:
        groups = {}
        for name, entry in data["groups"].items():
            taught = Taught(tuple(_draw(fields) for fields in entry["draws"]), np.array(entry["worth"], dtype=np.float64))
            expected = (len(taught.draws), len(manner_of(name).domains))
            if taught.worth.shape != expected or not np.isfinite(taught.worth).all():
                raise ValueError(f"{name}: worth of shape {taught.worth.shape}, expected {expected} numbers")
            groups[name] = taught
        return Experience(groups, tuple(data["libraries"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ParseError(f"damaged, or of another version: {error}; write it again with `eda-plugin pretrain`", path=path) from error


def _fields(draw: Draw) -> dict[str, object]:
    """JSON knows no infinity."""
    return {**asdict(draw), "apart": draw.apart if np.isfinite(draw.apart) else None}


def _draw(fields: Mapping[str, object]) -> Draw:
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    if values["apart"] is None:
        values["apart"] = np.inf
    return Draw(**values)  # type: ignore[arg-type]
