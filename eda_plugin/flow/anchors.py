"""Which corners to characterize first: the anchors that would serve best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eda_plugin.domain import Corner
from eda_plugin.flow.outputs import write_all
from eda_plugin.flow.session import Session

__all__ = ["AnchorPlan", "plan_anchors"]


@dataclass(frozen=True)
class AnchorPlan:
    """``corners`` to characterize, the most useful first. ``uncertainty``: of the ``wanted`` corners once those up to each are there, as a
    share of what it is without any; it counts on the corners alone, no number of a library goes into it."""

    corners: tuple[Corner, ...]
    uncertainty: tuple[float, ...]
    wanted: tuple[Corner, ...]

    def rows(self) -> list[dict[str, object]]:
        """JSON-able, one entry a corner."""
        return [
            {
                "corner": corner.name, "process": corner.process, "voltage": corner.voltage, "temperature": corner.temperature,
                "uncertainty": left,
            }
            for corner, left in zip(self.corners, self.uncertainty, strict=True)
        ]  # fmt: skip

    def write(self, path: str | Path) -> Path:
        """The rows as CSV or Parquet."""
        import pyarrow as pa

        from eda_plugin.adapters.points.columns import write_table

        table = pa.Table.from_pylist(self.rows())
        return write_all([(Path(path), lambda out: write_table(table, out))])[0]


def plan_anchors(
    candidates: Sequence[Corner | str], count: int, *, wanted: Sequence[Corner | str] = (), session: Session | None = None
) -> AnchorPlan:
    """Choose ``count`` of the candidate corners as anchors for the ``wanted`` ones, by default all candidates.

    Raises ``UserError`` for an unreadable corner and for more anchors than candidates.
    """
    from eda_plugin.models.anchors import choose_anchors

    session = session or Session.load()
    with session.errors_told():
        pool = [corner if isinstance(corner, Corner) else Corner.parse(corner) for corner in candidates]
        goals = [corner if isinstance(corner, Corner) else Corner.parse(corner) for corner in wanted] or pool
        chosen = choose_anchors(pool, goals, count)
        return AnchorPlan(chosen.corners, chosen.sd, tuple(sorted(set(goals))))
