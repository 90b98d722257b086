"""Delay predictors: trained on libraries, kept in a file, asked without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eda_plugin.domain import Corner, Header, Library, Points
from eda_plugin.domain.predictor import TreePredictor
from eda_plugin.errors import UserError
from eda_plugin.flow.inputs import load_first
from eda_plugin.flow.outputs import write_all
from eda_plugin.flow.session import Session

__all__ = ["Answers", "Predictor", "read_predictor", "train_predictor"]


@dataclass(frozen=True, eq=False)
class Answers:
    """``points`` with delay and transition; ``outside``: how many of them lie outside what the predictor was trained on."""

    points: Points
    outside: int


@dataclass(frozen=True, eq=False)
class Predictor:
    """A trained predictor. ``header``: units of the points that it reads and writes; ``load_first``: their ``index_1`` is the load."""

    trees: TreePredictor
    header: Header
    load_first: bool
    session: Session

    def ask(self, points: Points | str | Path, corner: Corner | str) -> Answers:
        """Delay and transition of points (or of a file of them) at a corner. Raises ``UserError`` for an arc that it was not trained on."""
        from eda_plugin.adapters import points as exchange

        with self.session.errors_told():
            asked = points if isinstance(points, Points) else exchange.read(points, header=self.header, load_first=self.load_first)
            where = corner if isinstance(corner, Corner) else Corner.parse(corner)
            slew, load = asked.index.T[::-1] if self.load_first else asked.index.T
            found = self.trees.predict(asked.arcs, asked.edges, slew, load, where)
            answered = replace(asked, delay=found.delay, transition=found.transition, source="predicted")
            outside = int(found.outside.sum())
            if outside:
                self.session.warn(
                    f"{outside} of {len(asked)} points lie outside what the predictor was trained on: expect larger errors there"
                )
            return Answers(answered, outside)

    def write(self, path: str | Path) -> Path:
        """Write the predictor as safetensors."""
        from eda_plugin.adapters import predictor

        with self.session.errors_told():
            return write_all([(Path(path), lambda out: predictor.write(self.trees, out))])[0]

    def write_answers(self, answers: Answers, path: str | Path) -> Path:
        """Write answered points as CSV or Parquet."""
        from eda_plugin.adapters import points

        header, first = self.header, self.load_first
        with self.session.errors_told():
            return write_all([(Path(path), lambda out: points.write(answers.points, out, header=header, answered=True, load_first=first))])[
                0
            ]


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


def read_predictor(path: str | Path, *, header: Header | None = None, session: Session | None = None) -> Predictor:
    """Read a predictor that ``write`` wrote. ``header``: units of the points to ask it, by default ns and pF."""
    from eda_plugin.adapters import predictor

    session = session or Session.load()
    with session.errors_told():
        return Predictor(predictor.read(path), header or Header(), False, session)
