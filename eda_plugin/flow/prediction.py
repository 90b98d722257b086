"""Delay predictors: trained on libraries, kept in a file, asked without them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from eda_plugin import __version__
from eda_plugin.config import FillSettings
from eda_plugin.domain import Arc, Corner, Header, Library, Points
from eda_plugin.domain.predictor import KINDS, Predicted, TreePredictor
from eda_plugin.errors import UserError
from eda_plugin.flow.filling import fill
from eda_plugin.flow.inputs import load_first
from eda_plugin.flow.outputs import Output, plain, write_all
from eda_plugin.flow.session import Session

__all__ = ["FORMS", "Answered", "Predictor", "emit_predictors", "read_predictor", "train_predictor", "train_predictors"]

FORMS = ("safetensors", "c", "tcl", "onnx", "skops")
"""In which a predictor is written: to be asked by this package, by C, Tcl, onnxruntime, scikit-learn."""


PART = 1 << 16
"""Points that are asked at once: the others of a file wait as columns."""


@dataclass(frozen=True)
class Answered:
    """A file of points was answered into ``path``: how many ``points``, and how many of them lie ``outside`` what was trained on."""

    path: Path
    points: int
    outside: int


@dataclass(frozen=True, eq=False)
class Predictor:
    """A trained predictor. ``header``: units of the points that it reads and writes; ``load_first``: their ``index_1`` is the load."""

    trees: TreePredictor
    header: Header
    load_first: bool
    session: Session

    def query(self, points: Points, corner: Corner) -> Predicted:
        """Delay, transition and their intervals, SI. Raises ``UserError`` for an arc that it was not trained on."""
        slew, load = points.index.T[::-1] if self.load_first else points.index.T
        return self.trees.predict(points.arcs, points.edges, slew, load, corner)

    def ask(self, points: str | Path, corner: Corner | str, answers: str | Path) -> Answered:
        """Answer a file of points at a corner with delay and transition, as CSV or Parquet (``answers``, whole or not at all).

        Raises ``UserError`` for an arc that the predictor was not trained on.
        """
        from eda_plugin.adapters import points as exchange

        with self.session.errors_told():
            where = corner if isinstance(corner, Corner) else Corner.parse(corner)
            units = {"header": self.header, "load_first": self.load_first}
            parts = exchange.read_parts(points, rows=PART, **units)  # type: ignore[arg-type]
            first = next(parts)  # what is wrong with the file is told before anything is written
            counts = [0, 0]

            def answered() -> Iterator[Points]:
                for asked in chain([first], parts):
                    try:
                        found = self.query(asked, where)
                    except UserError as error:
                        raise UserError(f"{points}{f', behind its first {counts[0]} points' * bool(counts[0])}: {error}") from error
                    counts[0] += len(asked)
                    counts[1] += int(found.outside.sum())
                    yield replace(asked, delay=found.delay, transition=found.transition, source="predicted")

            write = partial(exchange.write_parts, answered(), answered=True, **units)  # type: ignore[arg-type]
            path = write_all([(Path(answers), write)])[0]
            if counts[1]:
                self.session.warn(
                    f"{counts[1]} of {counts[0]} points lie outside what the predictor was trained on: expect larger errors there"
                )
            return Answered(path, *counts)

    def ask_one(self, fields: Mapping[str, str], corner: Corner | str) -> dict[str, object]:
        """One point by its fields (those of a plan, ``slew`` and ``load`` in the header's units): delay and transition, each with its
        interval, in the header's unit of time; and whether it lies outside what the predictor was trained on.

        Raises ``UserError`` for a field that is unknown or no number.
        """
        with self.session.errors_told():
            strange = sorted(set(fields) - {*Arc._fields, "edge", "slew", "load"})
            if strange:
                raise UserError(f"no field {strange[0]!r}; expected {', '.join((*Arc._fields, 'edge', 'slew', 'load'))}")
            arc = Arc(**{name: text for name, text in fields.items() if name in Arc._fields})
            numbers = []
            for name in ("slew", "load"):
                try:
                    numbers.append(float(fields[name]))
                except ValueError:
                    raise UserError(f"the {name} is {fields[name]!r}; expected a number") from None
            slew, load = numbers[0] * self.header.time, numbers[1] * self.header.capacitance
            where = corner if isinstance(corner, Corner) else Corner.parse(corner)
            found = self.trees.predict(arc, fields["edge"], slew, load, where)
            answer: dict[str, object] = {"outside": bool(found.outside[0])}
            for place, (name, value) in enumerate((("delay", found.delay), ("transition", found.transition))):
                three = (value[0], found.lower[0, place], found.upper[0, place])
                answer[name] = dict(zip(("value", "lower", "upper"), (float(part / self.header.time) for part in three), strict=True))
            return answer

    def write(self, path: str | Path) -> Path:
        """Write the predictor as safetensors."""
        from eda_plugin.adapters import predictor

        with self.session.errors_told():
            return write_all([(Path(path), lambda out: predictor.write(self.trees, out))])[0]


def train_predictor(libraries: Sequence[Library], *, seed: int = 0, session: Session | None = None) -> Predictor:
    """Train on all timing values of the libraries, measured and filled, one library a corner."""
    from eda_plugin.models.gbr import PredictorSettings
    from eda_plugin.models.gbr import train_predictor as train

    session = session or Session.load()
    with session.errors_told(), session.progress.stage("training", None):
        if not libraries:
            raise UserError("no library to train on; name at least one")
        trees = train(libraries, settings=PredictorSettings(seed=seed))
        return Predictor(trees, libraries[0].header, load_first(libraries[0]), session)


def train_predictors(
    libraries: Sequence[Library],
    *,
    kinds: Sequence[str] = (),
    distil: Sequence[Corner | str] = (),
    points: Points | str | Path | None = None,
    seed: int = 0,
    session: Session | None = None,
) -> dict[str, Predictor]:
    """A predictor a kind (``timing``, ``constraint``, ``leakage``; by default each of which the libraries hold values).

    ``distil``: corners that the fill engine fills from the libraries first, with the ``points`` measured there if it is one corner; the
    predictors learn them as if they were libraries too. Raises ``UserError`` for a kind without values and for points without a corner.
    """
    from eda_plugin.models.gbr import PredictorSettings
    from eda_plugin.models.gbr import train_predictor as train

    session = session or Session.load()
    with session.errors_told():
        if not libraries:
            raise UserError("no library to train on; name at least one")
        strange = [kind for kind in kinds if kind not in KINDS]
        if strange:
            raise UserError(f"no kind of predictor {strange[0]!r}; expected {', '.join(KINDS)}")
        if points is not None and len(distil) != 1:
            raise UserError("points are measured at one corner; name it, and only it, to be distilled")
        settings = FillSettings(seed=seed)
        taught = [fill(libraries, corner, measured=points, settings=settings, session=session).library for corner in distil]
        every = [*libraries, *taught]
        there = {key.quantity for library in every for key in library.keys}
        chosen = kinds or [kind for kind, quantities in KINDS.items() if there.intersection(quantities)]
        made = {}
        with session.progress.stage("training", len(chosen)) as stage:
            for kind in chosen:
                trees = train(every, kind=kind, settings=PredictorSettings(seed=seed))
                made[kind] = Predictor(trees, libraries[0].header, load_first(libraries[0]), session)
                stage.advance(1)
        return made


def emit_predictors(
    predictors: Mapping[str, Predictor],
    folder: str | Path,
    *,
    forms: Sequence[str] = ("safetensors",),
    at: Sequence[Corner | str] = (),
    libraries: Sequence[Library] = (),
    seed: int = 0,
) -> list[Path]:
    """Write every predictor in every form, named by its kind, and ``card.json``; all files or none. Returns their paths.

    ``at``: corners beside those trained on that the forms c, tcl and onnx hold too, interpolated. ``libraries``: what the card names as
    trained on.
    """
    from eda_plugin.adapters import predictor as adapter

    place = Path(folder)
    strange = [form for form in forms if form not in FORMS]
    if strange:
        raise UserError(f"no form {strange[0]!r}; expected {', '.join(FORMS)}")
    corners = [corner if isinstance(corner, Corner) else Corner.parse(corner) for corner in at]
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {place}: {error.strerror or error}") from error
    outputs: list[Output] = []
    for kind, predictor in predictors.items():
        baked = adapter.bake(predictor.trees, corners)
        writers: dict[str, list[tuple[str, Callable[[Path], object]]]] = {
            "safetensors": [("safetensors", partial(adapter.write, predictor.trees))],
            "c": [("c", partial(adapter.write_c, baked, name=kind))],
            "tcl": [("tcl", partial(adapter.write_tcl, baked, name=kind))],
            "onnx": [
                ("onnx", partial(adapter.write_onnx, baked, intervals=False)),
                ("interval.onnx", partial(adapter.write_onnx, baked, intervals=True)),
            ],
            "skops": [("skops", partial(_write_skops, predictor.trees))],
        }
        outputs.extend((place / f"{kind}.{ending}", write) for form in dict.fromkeys(forms) for ending, write in writers[form])
    card = {
        "written by": f"eda-plugin {__version__}",
        "trained on": [{"library": library.name, "corner": library.corner.name} for library in libraries],
        "seed": seed,
        "emitted at": [corner.name for corner in corners],
        "predictors": {kind: _card(predictor.trees) for kind, predictor in predictors.items()},
    }
    text = json.dumps(plain(card), indent=1) + "\n"
    outputs.append((place / "card.json", lambda out: out.write_text(text, encoding="utf-8")))
    return write_all(outputs)


def _write_skops(trees: TreePredictor, path: Path) -> None:
    from eda_plugin.models.estimator import LibraryRegressor

    try:
        import skops.io
    except ImportError as error:
        raise UserError("this form needs the package skops; install eda-plugin[skops]") from error
    skops.io.dump(LibraryRegressor(*trees.to_arrays()), path)


def _card(trees: TreePredictor) -> dict[str, object]:
    """What a user must know before asking: ranges, errors, what an answer's status says."""
    ends = [(np.nanmin, 0), (np.nanmax, 1), (np.nanmin, 2), (np.nanmax, 3)]
    span = [float(end(trees.span[:, :, at])) for end, at in ends]
    return {
        "tables": len(trees.keys),
        "cells": len({key.cell for key in trees.keys}),
        "corners": [corner.name for corner in trees.corners],
        "tables completed from other corners": int(trees.completed.sum()),
        "slew (s)": span[:2],
        "load (F)": span[2:],
        "coverage of the intervals": trees.coverage,
        "widths": {"trained": trees.width, "completed": trees.width_completed, "between corners": trees.width_between},
        "scores": trees.scores,
        "status": {"0": "inside", "1": "slew or load outside the table", "2": "corner not trained on", "4": "completed", "8": "refused"},
    }


def read_predictor(path: str | Path, *, header: Header | None = None, session: Session | None = None) -> Predictor:
    """Read a predictor that ``write`` wrote. ``header``: units of the points to ask it, by default ns and pF."""
    from eda_plugin.adapters import predictor

    session = session or Session.load()
    with session.errors_told():
        return Predictor(predictor.read(path), header or Header(), False, session)
