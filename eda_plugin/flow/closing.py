"""Plan, simulate, fill, in rounds: until the intervals are narrow enough or the budget is spent."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eda_plugin.config import FillSettings
from eda_plugin.domain import Corner, Library, Origin, Points, TableKey
from eda_plugin.domain.quantity import TIMING
from eda_plugin.errors import UserError
from eda_plugin.flow.characterizing import Characterized, Failed, SimulationSettings, characterize, write_failures
from eda_plugin.flow.filling import FillResult, fill
from eda_plugin.flow.inputs import load_first, simulations
from eda_plugin.flow.outputs import Output, write_all
from eda_plugin.flow.planning import budget_count, plan, template_for
from eda_plugin.flow.session import Session

__all__ = ["Closed", "Round", "Uncertain", "close", "read_until"]

MEASURES: Mapping[str, Callable[[NDArray[np.float64]], float]] = {
    "p99": lambda width: float(np.quantile(width, 0.99)),
    "mean": lambda width: float(width.mean()),
    "max": lambda width: float(width.max()),
}
SHOWN = 5

_UNTIL = re.compile(r"\s*(p99|mean|max)\s*=\s*([0-9]*\.?[0-9]+)\s*(%?)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Uncertain:
    """A table and the mean and largest half-width of its values' intervals, relative."""

    key: TableKey
    mean: float
    largest: float


@dataclass(frozen=True)
class Round:
    """One round: what it cost, and what is still uncertain after it.

    ``asked``: simulations bought in it, of which ``failed`` have no answer; ``spent``: all rounds' so far, of ``total`` that characterize
    the corner. ``simulated`` and ``reused``: new ones (an output that settles late is simulated more than once), and those from the
    journal. ``calls`` of the simulator; ``journal_calls``: all that the journal knows of. ``widths``: the measures of ``--until`` of
    the intervals' relative half-widths; ``open_share``: share of the timing values with a wider interval than the narrowest
    tolerance; ``worst``: tables with the widest.
    """

    number: int
    asked: int
    failed: int
    spent: int
    total: int
    simulated: int
    reused: int
    calls: int
    journal_calls: int
    simulate_seconds: float
    fill_seconds: float
    widths: Mapping[str, float]
    open_share: float
    worst: tuple[Uncertain, ...]
    met: bool

    def summary(self) -> dict[str, object]:
        """What can stand in a JSON file."""
        told = asdict(self)
        told["worst"] = [{**one.key._asdict(), "mean": one.mean, "largest": one.largest} for one in self.worst]
        return told


@dataclass(frozen=True, eq=False)
class Closed:
    """``result``: the corner as the last round filled it; ``measured``: all simulations, with NaN where ``failures`` says why there is no
    answer; ``met``: whether the tolerances were reached."""

    result: FillResult
    rounds: tuple[Round, ...]
    measured: Points
    failures: tuple[Failed, ...]

    @property
    def met(self) -> bool:
        return self.rounds[-1].met

    def summary(self) -> dict[str, object]:
        """What can stand in a JSON file: that of the last fill, and the rounds."""
        return {**self.result.report, "met": self.met, "failed": len(self.failures), "rounds": [one.summary() for one in self.rounds]}

    def write(
        self,
        path: str | Path,
        *,
        measured: str | Path | None = None,
        failures: str | Path | None = None,
        intervals: str | Path | None = None,
        report: str | Path | None = None,
        inputs: Sequence[str | Path] = (),
    ) -> list[Path]:
        """Write the library with what belongs beside it, as ``FillResult.write`` does, then, where named, the simulations (CSV or Parquet)
        and the table of failures."""
        from eda_plugin.adapters import points

        out, template = Path(path), self.result.template
        beside = [out.with_name(out.name + end) for end in (".origin.parquet", ".origin.csv.gz")]
        written = self.result.write(out, intervals=intervals, values=beside, report=report, inputs=inputs)
        first = load_first(template)
        outputs: list[Output] = []
        if measured is not None:
            write = functools.partial(points.write, self.measured, header=template.header, answered=True, load_first=first)
            outputs.append((Path(measured), write))
        if failures is not None:
            outputs.append((Path(failures), functools.partial(write_failures, self.failures)))
        return [*written, *(write_all(outputs) if outputs else [])]


def read_until(text: str) -> dict[str, float]:
    """Tolerances such as ``p99=2%`` or ``p99=2%,max=0.1``: measures of the intervals' relative half-width, as shares.

    >>> read_until("p99=2%,max=0.1")
    {'p99': 0.02, 'max': 0.1}
    """
    wanted: dict[str, float] = {}
    for part in text.split(","):
        found = _UNTIL.fullmatch(part)
        if not found or float(found[2]) <= 0:
            raise UserError(f"unreadable tolerance {text!r}; expected p99=2%, mean=0.5% or max=10%, or some of them with commas")
        wanted[found[1].lower()] = float(found[2]) / (100 if found[3] else 1)
    return wanted


def close(
    anchors: Sequence[Library],
    target: Corner | str,
    simulation: SimulationSettings,
    *,
    template: str | Path | Library | None = None,
    budget: str | float = "2%",
    rounds: int = 3,
    until: str = "p99=2%",
    settings: FillSettings | None = None,
    strict: bool = False,
    extrapolate: bool = False,
    sampler: str | None = None,
    tell: Callable[[Round], None] = lambda _: None,
    session: Session | None = None,
) -> Closed:
    """Fill ``target``, buying simulations in up to ``rounds`` rounds until the intervals meet ``until`` or ``budget`` is spent.

    The first round spreads its share of the budget over all tables; each later one asks where the last fill is least certain.
    ``sampler`` chooses instead, where one is named. ``tell`` is given each round as it ends. A simulation that fails is not asked for
    again. Raises as ``plan``, ``characterize`` and ``fill`` do.
    """
    session = session or Session.load()
    settings = settings or FillSettings()
    wanted = read_until(until)
    if rounds < 1:
        raise UserError(f"{rounds} rounds; expected 1 or more")
    corner = target if isinstance(target, Corner) else Corner.parse(target)
    with session.errors_told():
        blank = template_for(template, anchors, corner, session)
        total = simulations(blank)
        count = budget_count(budget, total)
    asked: Points | None = None
    failures: list[Failed] = []
    told: list[Round] = []
    result: FillResult | None = None
    for number in range(1, rounds + 1):
        spent = 0 if asked is None else len(asked)
        buys = count * number // rounds - spent
        if result is not None and not buys:
            continue
        filled = None if result is None else result.library
        quiet = session if result is None else replace(session, tell=_nothing)  # a warning is told once
        chosen = plan(
            anchors,
            corner,
            buys,
            template=blank,
            seed=settings.seed,
            extrapolate=extrapolate,
            filled=filled,
            asked=asked,
            sampler=sampler,
            session=quiet,
        ).points
        fresh = _without(chosen, asked)
        if result is not None and not len(fresh):
            break
        done = characterize(fresh, corner, simulation, template=blank, session=quiet) if len(fresh) else None
        if done is not None:
            simulation = replace(simulation, version=done.version)  # asked once
            failures += [replace(one, row=one.row + spent) for one in done.failures]
            asked = done.points if asked is None else _joined(asked, done.points)
        begin = time.monotonic()
        result = fill(
            anchors,
            corner,
            template=blank,
            measured=None if asked is None else _answered(asked),
            settings=settings,
            strict=strict,
            extrapolate=True,
            session=replace(session, tell=_nothing),
        )
        spent += len(fresh)
        told.append(_round(number, fresh, done, spent, total, result.library, wanted, time.monotonic() - begin))
        tell(told[-1])
        if told[-1].met:
            break
    if result is None:
        raise UserError(f"{rounds} rounds; expected 1 or more")
    nothing = Points.plan((), (), np.zeros((0, 2)))
    return Closed(result, tuple(told), nothing if asked is None else asked, tuple(failures))


def _nothing(_: str) -> None:
    """What was told once."""


def _round(
    number: int,
    fresh: Points,
    done: Characterized | None,
    spent: int,
    total: int,
    library: Library,
    wanted: Mapping[str, float],
    seconds: float,
) -> Round:
    width, row_of = half_widths(library)
    widths = {name: measure(width) for name, measure in MEASURES.items()}
    largest: NDArray[np.float64] = np.zeros(len(library))
    np.maximum.at(largest, row_of, width)
    sizes = np.maximum(np.bincount(row_of, minlength=len(library)), 1)
    mean = np.bincount(row_of, width, minlength=len(library)) / sizes
    order = np.lexsort((np.arange(len(library)), -mean))[:SHOWN]
    return Round(
        number=number,
        asked=len(fresh),
        failed=0 if done is None else len(done.failures),
        spent=spent,
        total=total,
        simulated=0 if done is None else done.simulated,
        reused=0 if done is None else done.reused,
        calls=0 if done is None else done.calls,
        journal_calls=0 if done is None else done.journal_calls,
        simulate_seconds=0.0 if done is None else done.seconds,
        fill_seconds=seconds,
        widths=widths,
        open_share=float((width > min(wanted.values())).mean()),
        worst=tuple(Uncertain(library.keys[row], float(mean[row]), float(largest[row])) for row in order),
        met=all(widths[name] <= limit for name, limit in wanted.items()),
    )


def half_widths(library: Library) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Relative half-width of each timing value's interval, 0 where it was measured, and the row of its table.

    Relative to the value, or to 20 ps where it is less, as ``compare`` has it. Raises ``UserError`` where values lack an interval.
    """
    from eda_plugin.qa.metrics import TIME_FLOOR

    timing = np.array([key.quantity in TIMING for key in library.keys], dtype=bool)
    row_of = np.repeat(np.arange(len(library)), np.diff(library.start))
    keep = timing[row_of]
    measured = library.origin[keep] == Origin.MEASURED
    width = np.full(int(keep.sum()), np.nan)
    if library.lower is not None and library.upper is not None:
        width = (library.upper - library.lower)[keep] / 2 / np.maximum(np.abs(library.values[keep]), TIME_FLOOR)
    width = np.where(measured, 0.0, width)
    if not len(width) or np.isnan(width).any():
        raise UserError("not every timing value has an interval, so there is no telling when to stop; choose a model that gives them")
    return width, row_of[keep].astype(np.int64)


def _without(points: Points, asked: Points | None) -> Points:
    """Those of ``points`` that were not asked for: a plugin's plan may not know of earlier rounds."""
    seen = set() if asked is None else {_place(asked, row) for row in range(len(asked))}
    return _take(points, [row for row in range(len(points)) if _place(points, row) not in seen])


def _place(points: Points, row: int) -> tuple[object, ...]:
    return points.arcs[row], points.edges[row], *points.index[row].tolist()


def _answered(points: Points) -> Points:
    return _take(points, np.flatnonzero(np.isfinite(points.delay) & np.isfinite(points.transition)).tolist())


def _take(points: Points, rows: Sequence[int]) -> Points:
    places = np.array(rows, dtype=np.int64)
    return Points(
        tuple(points.arcs[row] for row in rows),
        tuple(points.edges[row] for row in rows),
        points.index[places],
        points.delay[places],
        points.transition[places],
        points.source,
    )


def _joined(one: Points, two: Points) -> Points:
    return Points(
        one.arcs + two.arcs,
        one.edges + two.edges,
        np.concatenate([one.index, two.index]),
        np.concatenate([one.delay, two.delay]),
        np.concatenate([one.transition, two.transition]),
        two.source,
    )
