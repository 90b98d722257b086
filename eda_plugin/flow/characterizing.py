"""Run the simulations of a plan with the user's own simulator."""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eda_plugin.domain import Corner, Library, Points, TableKey, timing_quantities
from eda_plugin.errors import UserError
from eda_plugin.flow.inputs import check_measured, load_first, read_points
from eda_plugin.flow.outputs import write_all
from eda_plugin.flow.planning import template_for
from eda_plugin.flow.session import Session

if TYPE_CHECKING:
    from eda_plugin.adapters.simulators import Circuit, Transient
    from eda_plugin.flow.simulating import Bank

__all__ = ["Characterized", "Failed", "SimulationSettings", "characterize", "write_failures"]

SETTLED = 0.02  # of the supply: how close an output must have come to its rail
LONGER = 4.0
LONGEST = 1e-5  # s: an output that has not settled by then does not switch
WINDOW = 5e-10  # s: where the template has no slew axis to go by
COMBINATIONAL = ("combinational", "combinational_rise", "combinational_fall")


@dataclass(frozen=True)
class SimulationSettings:
    """How simulations are run.

    ``netlists``: file or folder with a ``.subckt`` a cell; ``models``: SPICE file, or TOML (docs/characterize.md). ``command``: template
    with ``{deck}``, the simulator's own by default. ``jobs`` calls at once (0: one a core), each of up to ``batch`` simulations and at most
    ``timeout`` s; ``retries`` further attempts where one fails. ``version``: of the simulator, which is asked for it where this is empty.
    ``work``: folder of the journal and of what failed; without one nothing is kept.
    """

    netlists: str | Path
    models: str | Path
    simulator: str = "ngspice"
    command: str = ""
    jobs: int = 0
    timeout: float = 300.0
    retries: int = 1
    batch: int = 32
    version: str = ""
    work: str | Path | None = None

    def __post_init__(self) -> None:
        if not self.timeout > 0 or self.retries < 0 or self.batch < 1 or self.jobs < 0:
            raise UserError("timeout and batch must be positive, retries and jobs 0 or more")


@dataclass(frozen=True)
class Failed:
    """A simulation without an answer: its ``row`` of the plan (from 1), what it is, why, and the folder that tells more, if any."""

    row: int
    what: str
    reason: str
    folder: str = ""


@dataclass(frozen=True, eq=False)
class Characterized:
    """``points``: the plan in its order with delay and transition (s), NaN where ``failures`` says why.

    ``simulated``: simulations done now, ``reused``: answers taken from the journal; ``calls``: of the simulator now, the question for its
    ``version`` included, ``journal_calls``: all that the journal knows of. ``seconds``: on the clock; ``simulator_seconds``: all calls'.
    """

    points: Points
    failures: tuple[Failed, ...]
    target: Corner
    template: Library
    version: str
    simulated: int
    reused: int
    calls: int
    journal_calls: int
    seconds: float
    simulator_seconds: float

    def summary(self) -> dict[str, object]:
        """What can stand in a JSON file."""
        return {
            "target": self.target.name,
            "simulator": self.version,
            "points": len(self.points),
            "failed": len(self.failures),
            "simulated": self.simulated,
            "reused": self.reused,
            "calls": self.calls,
            "journal_calls": self.journal_calls,
            "seconds": round(self.seconds, 2),
            "simulator_seconds": round(self.simulator_seconds, 2),
        }

    def write(self, path: str | Path, *, failures: str | Path | None = None) -> list[Path]:
        """Write measured.csv (or Parquet by suffix) in the template's units and, where named, the table of failures; both or none."""
        from eda_plugin.adapters import points

        header, first = self.template.header, load_first(self.template)
        outputs = [(Path(path), lambda out: points.write(self.points, out, header=header, answered=True, load_first=first))]
        if failures is not None:
            outputs.append((Path(failures), lambda out: write_failures(self.failures, out)))
        return write_all(outputs)


def write_failures(failures: Sequence[Failed], path: Path) -> None:
    """CSV of what has no answer: row of the plan, what, why, and the folder that tells more."""
    import csv

    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["row", "what", "reason", "folder"])
        rows.writerows([one.row, one.what, one.reason, one.folder] for one in failures)


def characterize(
    plan: Points | str | Path,
    target: Corner | str,
    settings: SimulationSettings,
    *,
    template: str | Path | Library,
    session: Session | None = None,
) -> Characterized:
    """Simulate the rows of ``plan`` at ``target``.

    ``template``: file or library whose units, thresholds, functions and axes hold. The answer is the same whatever ``jobs`` and ``batch``
    are and however often the run was stopped. Raises ``UserError`` where files or options don't fit together; a simulation that fails is
    in ``failures``, the others are kept.
    """
    session = session or Session.load()
    with session.errors_told(), ExitStack() as stack:
        begin = time.monotonic()
        corner = target if isinstance(target, Corner) else Corner.parse(target)
        blank = template_for(template, (), corner, session)
        points = read_points(plan, blank)
        check_measured(points, blank)
        work = Path(settings.work or stack.enter_context(tempfile.TemporaryDirectory(prefix="eda_plugin_")))
        rows, reasons, circuit = _transients(points, blank, corner, settings)
        bank, version = _open(circuit, settings, work, stack)
        answers, reused = _answers(rows, bank, version, session)
        delay, transition = np.full((2, len(points)), np.nan)
        failures = []
        for place in range(len(points)):
            answer = answers.get(place, reasons.get(place))
            if isinstance(answer, Failed):
                what = f"{points.arcs[place]} {points.edges[place]} at {_where(points.index[place], load_first(blank))}"
                failures.append(replace(answer, row=place + 1, what=what))
            elif answer is not None:
                delay[place], transition[place] = answer
        for problem in dict.fromkeys(bank.problems):
            session.warn(f"{problem}; the results are used now and can't be used again")
        return Characterized(
            replace(points, delay=delay, transition=transition, source=f"{version} at {corner}"),
            tuple(failures),
            corner,
            blank,
            version,
            bank.simulated,
            reused,
            bank.calls,
            bank.journal.calls,
            time.monotonic() - begin,
            bank.seconds,
        )


def _transients(
    points: Points, template: Library, corner: Corner, settings: SimulationSettings
) -> tuple[dict[int, Transient], dict[int, Failed], Circuit]:
    """By row of the plan what is to be simulated, or why it can't be."""
    from eda_plugin.adapters.simulators import Circuit, Netlist, Thresholds, find_netlists, read_models, simulator

    models = read_models(settings.models, corner.process)
    found = find_netlists(settings.netlists, dict.fromkeys(arc.cell for arc in points.arcs))
    netlists = {name: netlist for name, netlist in found.items() if isinstance(netlist, Netlist)}
    options = models.options or simulator(settings.simulator).options
    circuit = Circuit(corner, models, netlists, Thresholds.of(template.header), options)
    rows: dict[int, Transient] = {}
    reasons: dict[int, Failed] = {}
    for place, arc in enumerate(points.arcs):
        netlist = found[arc.cell]
        try:
            if not isinstance(netlist, Netlist):
                raise UserError(netlist)
            row = _transient(template, points, place)
            circuit.body(row, "0")  # pins of the library and of the netlist agree
            rows[place] = row
        except UserError as error:
            reasons[place] = Failed(place + 1, "", str(error).removeprefix(f"arc {arc}: "))
    return rows, reasons, circuit


def _transient(template: Library, points: Points, place: int) -> Transient:
    from eda_plugin.adapters.ngspice import Stimulus, find_cases, is_clocked, sensitise
    from eda_plugin.adapters.simulators import Transient

    arc, edge = points.arcs[place], points.edges[place]
    clocked = is_clocked(arc.timing_type)
    if arc.timing_type not in COMBINATIONAL and not clocked:
        raise UserError(f"timing type {arc.timing_type} is not simulated; expected {', '.join(COMBINATIONAL)} or that of a flip-flop")
    cell = next(cell for cell in template.cells if cell.name == arc.cell)
    axes = template[TableKey(*arc, timing_quantities(edge)[0], 0)].axes
    at = {axis.is_load: float(x) for axis, x in zip(axes, points.index[place], strict=False)}
    if False not in at:
        raise UserError("its delay table has no axis of input slews")
    slew, load = at[False], at.get(True, 0.0)
    if not slew > 0 or not load >= 0:
        raise UserError(f"slew {slew:g} s and load {load:g} F; expected a positive slew and a load of 0 or more")
    most = max(float(axis.values.max()) for axis in axes if not axis.is_load)
    window = 2 * most if most > 0 else WINDOW
    if not clocked:
        return Transient(cell, sensitise(cell, arc), slew, load, edge, window)
    case = find_cases(cell, arc, edge)[0]
    rises = not dict(case.ready)[case.trigger]
    return Transient(cell, Stimulus(arc, (), rises != (edge == "rise")), slew, load, edge, window, case)


def _where(index: Sequence[float], load_first: bool) -> str:
    load, slew = index if load_first else index[::-1]
    return f"slew {slew:g} s, load {load:g} F"


def _open(circuit: Circuit, settings: SimulationSettings, work: Path, stack: ExitStack) -> tuple[Bank, str]:
    """The journal in ``work``, what an earlier run left there taken over, and the simulator's version."""
    from eda_plugin.adapters.simulators import Command, Launcher, simulator
    from eda_plugin.flow.journal import Journal
    from eda_plugin.flow.simulating import RUNS, Bank, harvest

    chosen = simulator(settings.simulator)
    launcher = Launcher(Command(settings.command or chosen.command), settings.timeout)
    try:
        (work / RUNS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the work folder {work}: {error.strerror or error}") from error
    journal = stack.enter_context(Journal(work / "journal.jsonl"))
    harvest(journal, work, settings.timeout)
    jobs = settings.jobs or os.cpu_count() or 1
    bank = Bank(chosen, circuit, journal, launcher, work.resolve(), settings.retries, settings.batch, jobs)
    return bank, settings.version or bank.ask_version()


def _answers(
    rows: Mapping[int, Transient], bank: Bank, version: str, session: Session
) -> tuple[dict[int, tuple[float, float] | Failed], int]:
    """Delay and transition (s) of each row or why it has none; and how many answers were in the journal already.

    An output that has not settled is simulated again with four times the time.
    """
    anonymous = bank.circuit.anonymous()
    answers: dict[int, tuple[float, float] | Failed] = {}
    waiting = dict(rows)
    reused = 0
    with session.progress.stage("simulating", len(rows)) as stage:
        while waiting:
            keys = {place: _key(row, anonymous, bank, version) for place, row in waiting.items()}
            wanted = {keys[place]: row for place, row in waiting.items() if keys[place] not in bank.journal.rows}
            reused += len(set(keys.values())) - len(wanted)
            troubles = bank.answer(wanted, stage) if wanted else {}
            longer = {}
            for place, row in waiting.items():
                if keys[place] not in bank.journal.rows:
                    trouble = troubles[keys[place]]
                    answers[place] = Failed(0, "", trouble.reason, trouble.folder)
                    continue
                answer = _judge(bank.journal.rows[keys[place]], row, bank.circuit)
                if isinstance(answer, str):
                    answers[place] = Failed(0, "", answer)
                    if row.window * LONGER <= LONGEST:
                        longer[place] = row.longer(LONGER)
                else:
                    answers[place] = answer
            waiting = longer
    return answers, reused


def _key(row: Transient, anonymous: Circuit, bank: Bank, version: str) -> str:
    """Digest of all that an answer hangs on: the deck of this transient alone, the files behind it, the corner, the simulator."""
    corner = anonymous.corner
    what = [bank.simulator.name, version, corner.process, corner.voltage, corner.temperature, bank.simulator.decks(anonymous, [row])]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def _judge(values: Mapping[str, float], row: Transient, circuit: Circuit) -> tuple[float, float] | str:
    """Delay and transition as the library counts them, or why the transient gives none."""
    final, rail = values.get("final", math.nan), circuit.shape(row).rail
    delay, transition = values.get("delay", math.nan), values.get("transition", math.nan)
    if not abs(final - rail) <= SETTLED * circuit.corner.voltage:
        return f"the output stood at {final:g} V, not at its rail, {row.window:g} s after the input's ramp"
    if not math.isfinite(delay) or not transition > 0:
        return "no crossing of the thresholds for delay or transition"
    return delay, transition / circuit.thresholds.derate
