"""What libraries with many corners teach, for those that have few: played with, and kept in a file that ``fill`` starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from os.path import commonprefix
from pathlib import Path
from typing import TYPE_CHECKING

from eda_plugin.data.dataset import Aligned, align
from eda_plugin.domain import Library
from eda_plugin.errors import UserError
from eda_plugin.flow.inputs import make_template
from eda_plugin.flow.outputs import write_all
from eda_plugin.flow.session import Session

if TYPE_CHECKING:
    from eda_plugin.models.experience import Experience

__all__ = ["Pretrained", "pretrain"]


@dataclass(frozen=True, eq=False)
class Pretrained:
    """What was taught, and by how many corners of each library."""

    experience: Experience
    corners: Mapping[str, int]
    session: Session = field(repr=False)

    def write(self, path: str | Path) -> Path:
        """Write it as JSON."""
        from eda_plugin.models.experience import save_experience

        with self.session.errors_told():
            return write_all([(Path(path), lambda out: save_experience(self.experience, out))])[0]


def pretrain(libraries: Sequence[Sequence[Library]], *, seed: int = 0, session: Session | None = None) -> Pretrained:
    """Learn from libraries, each with all its corners; it is named by what the names of its files have in common.

    Raises ``UserError`` where there is none, one has too few corners, two of its files are at one corner, or two libraries have one name.
    """
    from eda_plugin.models import experience

    session = session or Session.load()
    with session.errors_told():
        if not libraries:
            raise UserError("no library to learn from; name the folder of one that has many corners")
        every: dict[str, Aligned] = {}
        for files in libraries:
            name = commonprefix([one.name for one in files]).rstrip("_-.") or files[0].name  # noqa: RUF071 - by letters
            if name in every:
                raise UserError(f"two libraries are named {name}; name one of them, or all its files together")
            ordered = sorted(files, key=lambda one: (one.corner, one.source))
            for one, other in pairwise(ordered):
                if one.corner == other.corner:
                    raise UserError(f"{one.source} and {other.source} are both at {one.corner}; name each library's own folder")
            middle = ordered[len(ordered) // 2]
            every[name] = align(ordered, make_template(middle, middle.corner), middle.corner)
        games = experience.GAMES * sum(map(len, experience.lessons(every).values()))
        with session.progress.stage("playing with corners", games) as stage:
            learnt = experience.learn(every, seed=seed, told=stage.advance)
        return Pretrained(learnt, {name: len(one.corners) for name, one in every.items()}, session)
