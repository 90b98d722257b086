"""Run the simulations of a plan with the user's own simulator."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eda_plugin.domain import Corner, Library, Points
from eda_plugin.errors import UserError
from eda_plugin.farm import Farm, cores
from eda_plugin.flow.inputs import check_measured, load_first, read_points
from eda_plugin.flow.outputs import write_all
from eda_plugin.flow.planning import template_for
from eda_plugin.flow.session import Session

if TYPE_CHECKING:
    from eda_plugin.adapters.simulators import Circuit, Transient, Trial
    from eda_plugin.flow.questions import Question
    from eda_plugin.flow.simulating import Bank, Trouble

__all__ = ["Characterized", "Failed", "SimulationSettings", "characterize", "write_failures"]


@dataclass(frozen=True)
class SimulationSettings:
    """How simulations are run.

    ``netlists``: file or folder with a ``.subckt`` a cell; ``models``: SPICE file, or TOML (docs/characterize.md). ``command``: template
    with ``{deck}``, the simulator's own by default. ``jobs`` calls at once (0: one a core, or all that the cluster does), each of up to
    ``batch`` simulations and at most ``timeout`` s; ``retries`` further attempts where one fails. ``version``: of the simulator, which is
    asked for it where this is empty.
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
        questions, reasons, circuit = _questions(points, blank, corner, settings)
        bank, version = _open(circuit, settings, work, stack, session.farm)
        answers, reused = _answers(questions, bank, version, session)
        delay, transition = np.full((2, len(points)), np.nan)
        failures = []
        for place in range(len(points)):
            answer = answers.get(place, reasons.get(place))
            if isinstance(answer, Failed):
                what = f"{points.arcs[place]} {points.edges[place]} at {_where(points, place, load_first(blank))}"
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


def _questions(
    points: Points, template: Library, corner: Corner, settings: SimulationSettings
) -> tuple[dict[int, Question], dict[int, Failed], Circuit]:
    """By row of the plan what is to be simulated, or why it can't be."""
    from eda_plugin.adapters.liberty import driver_waveform
    from eda_plugin.adapters.simulators import Circuit, Netlist, Thresholds, find_netlists, read_models, simulator
    from eda_plugin.flow.questions import question

    models = read_models(settings.models, corner.process)
    found = find_netlists(settings.netlists, dict.fromkeys(arc.cell for arc in points.arcs))
    netlists = {name: netlist for name, netlist in found.items() if isinstance(netlist, Netlist)}
    chosen = simulator(settings.simulator)
    thresholds, wave = Thresholds.of(template.header), driver_waveform(template)
    circuit = Circuit(corner, models, netlists, thresholds, models.options or chosen.options, wave)
    questions: dict[int, Question] = {}
    reasons: dict[int, Failed] = {}
    for place, arc in enumerate(points.arcs):
        netlist = found[arc.cell]
        try:
            if not isinstance(netlist, Netlist):
                raise UserError(netlist)
            asked = question(template, points, place, circuit)
            chosen.decks(circuit, asked.asks())  # the simulator takes it; pins of the library and of the netlist agree
            questions[place] = asked
        except UserError as error:
            reasons[place] = Failed(place + 1, "", str(error).removeprefix(f"arc {arc}: "))
    return questions, reasons, circuit


def _where(points: Points, place: int, load_first: bool) -> str:
    arc, index = points.arcs[place], points.index[place]
    if arc.is_constraint:
        slews = ", ".join(f"{slew:g} s" for slew in index[: 1 if arc.is_pulse else 2])
        return f"slew {slews}" if arc.is_pulse else f"slews {slews}"
    load, slew = index if load_first else index[::-1]
    return f"slew {slew:g} s, load {load:g} F"


def _open(circuit: Circuit, settings: SimulationSettings, work: Path, stack: ExitStack, farm: Farm) -> tuple[Bank, str]:
    """The journal in ``work``, what an earlier run left there taken over, and the simulator's version."""
    from eda_plugin.adapters.simulators import Command, Launcher, simulator
    from eda_plugin.flow.farmed import FarLauncher
    from eda_plugin.flow.journal import Journal
    from eda_plugin.flow.simulating import RUNS, Bank, harvest

    chosen = simulator(settings.simulator)
    command = Command(settings.command or chosen.command)
    launcher = FarLauncher(command, settings.timeout, farm) if farm.elsewhere else Launcher(command, settings.timeout)
    try:
        (work / RUNS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the work folder {work}: {error.strerror or error}") from error
    journal = stack.enter_context(Journal(work / "journal.jsonl"))
    harvest(journal, work, settings.timeout)
    jobs = settings.jobs or (farm.width if farm.elsewhere else cores())
    bank = Bank(chosen, circuit, journal, launcher, work.resolve(), settings.retries, settings.batch, jobs)
    return bank, settings.version or bank.ask_version()


def _answers(
    questions: Mapping[int, Question], bank: Bank, version: str, session: Session
) -> tuple[dict[int, tuple[float, float] | Failed], int]:
    """Delay and transition (s) of each row or why it has none; and how many simulations were in the journal already.

    All rows go on side by side: what one asks for next hangs on nothing but its own answers, so a run that was killed asks for the same
    again, and finds it.
    """
    anonymous = bank.circuit.anonymous()
    waiting = dict(questions)
    reused = 0
    with session.progress.stage("simulating", sum(asked.size for asked in questions.values())) as stage:
        while waiting:
            rows = {place: asked.asks() for place, asked in waiting.items()}
            keys = {place: [_key(row, anonymous, bank, version) for row in rows[place]] for place in rows}
            wanted = {key: row for place in rows for key, row in zip(keys[place], rows[place], strict=True) if key not in bank.journal.rows}
            reused += len({key for found in keys.values() for key in found}) - len(wanted)
            troubles = bank.answer(wanted, stage) if wanted else {}
            for place, asked in waiting.items():
                asked.take([bank.journal.rows[key] if key in bank.journal.rows else troubles[key] for key in keys[place]])
            waiting = {place: asked for place, asked in waiting.items() if asked.answer is None}
    answers = {place: asked.answer for place, asked in questions.items()}
    told = {place: answer if isinstance(answer, tuple) else _failed(answer) for place, answer in answers.items() if answer is not None}
    return told, reused


def _failed(trouble: Trouble) -> Failed:
    return Failed(0, "", trouble.reason, trouble.folder)


def _key(row: Transient | Trial, anonymous: Circuit, bank: Bank, version: str) -> str:
    """Digest of all that an answer hangs on: the deck of this transient alone, the files behind it, the corner, the simulator."""
    corner = anonymous.corner
    what = [bank.simulator.name, version, corner.process, corner.voltage, corner.temperature, bank.simulator.decks(anonymous, [row])]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
