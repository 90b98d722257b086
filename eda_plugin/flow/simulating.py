"""Batches of transients given to a simulator, many at once; what is answered goes into the journal, what fails is told by the transient.

Where a call breaks off, what it answered is kept, the transient on which it broke off (or, where that can't be known, each half) is tried
again apart from the others; so one that crashes or hangs costs only itself. After several calls in a row without any answer no more are
made: then it is not the transients' fault.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from eda_plugin.adapters.simulators import Circuit, Launcher, Run, Simulator, Transient, Trial, adopt, simulator
from eda_plugin.config import Stage
from eda_plugin.errors import ParseError, UserError
from eda_plugin.farm import LOSSES, in_order
from eda_plugin.flow.farmed import FarLauncher
from eda_plugin.flow.journal import Journal

__all__ = ["Bank", "Trouble", "harvest"]

BARREN = 8  # calls in a row without an answer after which no more are made
BARREN_LATER = 64  # the same once the simulator has answered: some cells may all be bad
RUNS, FAILED = "runs", "failed"


@dataclass(frozen=True)
class Trouble:
    """Why a transient has no answer; ``folder`` holds what the simulator was given and said, empty where it was not called. ``lost``: the
    machine it ran on went away."""

    reason: str
    folder: str = ""
    lost: bool = False


@dataclass(eq=False)
class Bank:
    """Simulations of one circuit by one simulator, kept in ``work``; answered through ``launcher``.

    ``calls`` and ``seconds``: of the simulator, since this bank was made.
    """

    simulator: Simulator
    circuit: Circuit
    journal: Journal
    launcher: Launcher | FarLauncher
    work: Path
    retries: int
    batch: int
    jobs: int
    calls: int = 0
    simulated: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    _barren: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, wanted: Mapping[str, Transient | Trial], stage: Stage) -> dict[str, Trouble]:
        """Simulate what ``wanted`` asks for by key, in its order; answers stand in the journal then. Returns those without one."""
        groups: dict[object, list[str]] = {}
        for key, row in wanted.items():
            groups.setdefault(self.simulator.group(self.circuit, row), []).append(key)
        batches = [keys[at : at + self.batch] for keys in groups.values() for at in range(0, len(keys), self.batch)]
        troubles: dict[str, Trouble] = {}
        parts = in_order(
            lambda number: self._batch(batches[number], wanted, stage), len(batches), self.jobs, stop=lambda _: self.launcher.stop()
        )
        for found in parts:
            troubles |= found
        return troubles

    def ask_version(self) -> str:
        """What the simulator says of its version, in a call of its own. Raises ``UserError`` where it can't be called or says nothing."""
        try:
            run = Run.make(self.work / RUNS, self.simulator.probe(), {"simulator": self.simulator.name, "keys": []})
            ending = self.launcher.call(run, self.simulator.deck)
        except OSError as error:
            raise UserError(_no_room(self.work, error)) from error
        if ending.problem:
            where = _set_apart(run, self.work)
            what = "cannot start the simulator" if ending.absent else "the simulator failed on the least of decks"
            raise UserError(f"{what} {self.launcher.command.template!r}: {ending.problem}; {where} holds what it was given and said")
        try:
            version = self.simulator.version(run.folder)
        except UserError as error:
            raise UserError(f"the results of the simulator {self.launcher.command.template!r} can't be read: {error}") from error
        told = {"asked": 0, "answered": 0, "ended": "well", "seconds": round(ending.seconds, 3), "version": version}
        problem = self.journal.record(run.name, told, {})
        self.calls += 1
        if problem:
            self.problems.append(problem)
        else:
            run.remove()
        if not version:
            raise UserError(
                f"the simulator {self.launcher.command.template!r} ended well and told no version of {self.simulator.name}, "
                "nor left a result; see that it runs in the folder where it is started, or give --simulator-version"
            )
        return version

    def _batch(self, keys: Sequence[str], wanted: Mapping[str, Transient | Trial], stage: Stage) -> dict[str, Trouble]:
        waiting, troubles = [list(keys)], dict[str, Trouble]()
        tries, losses = dict.fromkeys(keys, 0), dict.fromkeys(keys, 0)
        while waiting:
            part = waiting.pop(0)
            if self._barren >= (BARREN_LATER if self.simulated else BARREN):
                reason = f"not simulated: {self._barren} calls of the simulator in a row gave no answer; see the other failures"
                troubles |= dict.fromkeys(part, Trouble(reason))
                stage.advance(len(part))
                continue
            trouble = self._call(part, wanted)
            left = [key for key in part if key not in self.journal.rows]
            stage.advance(len(part) - len(left))
            if trouble.lost and left and losses[left[0]] < LOSSES:
                losses |= {key: losses[key] + 1 for key in left}
                waiting.append(left)
                continue
            with self._guard:
                self._barren = 0 if len(left) < len(part) else self._barren + 1
            if not left:
                continue
            if len(left) == 1 and len(part) == 1:
                tries[left[0]] += 1
                if tries[left[0]] > self.retries:
                    troubles[left[0]] = trouble
                    stage.advance()
                else:
                    waiting.append(left)
            elif self.simulator.ordered:
                waiting += [found for found in (left[1:], left[:1]) if found]
            else:
                middle = (len(left) + 1) // 2
                waiting += [found for found in (left[:middle], left[middle:]) if found]
        return troubles

    def _call(self, keys: Sequence[str], wanted: Mapping[str, Transient | Trial]) -> Trouble:
        """One call of the simulator; what it answered is in the journal then. Returns what to say of those that it did not answer."""
        files = self.simulator.decks(self.circuit, [wanted[key] for key in keys])
        try:
            run = Run.make(self.work / RUNS, files, {"simulator": self.simulator.name, "keys": list(keys)})
            ending = self.launcher.call(run, self.simulator.deck)
        except OSError as error:
            return Trouble(_no_room(self.work, error))
        if self.launcher.stopped:
            raise UserError("stopped")  # seen by nobody: what stopped us is on its way out
        found, garbled, problem = _rows(run, self.simulator, keys)
        told = {"asked": len(keys), "answered": len(found), "ended": ending.problem or "well", "seconds": round(ending.seconds, 3)}
        kept = self.journal.record(run.name, told, found)
        with self._guard:
            self.calls += 1
            self.simulated += len(found)
            self.seconds += ending.seconds
            if kept:
                self.problems.append(kept)
        if len(found) == len(keys):
            if not kept:
                run.remove()
            return Trouble("")
        reason = ending.problem or problem or garbled
        if not reason:
            said = run.said()
            reason = "the simulator ended well and left no result" + (f": {said}" if said else "")
        return Trouble(reason, str(_set_apart(run, self.work)), ending.lost)


def _no_room(work: Path, error: OSError) -> str:
    return f"cannot start a simulation in {work}: {error.strerror or error}; make room or name another --work"


def _rows(run: Run, simulator: Simulator, keys: Sequence[str]) -> tuple[dict[str, dict[str, float]], str, str]:
    """What a call answered, by key; what it gave that is no number; why its results can't be read."""
    try:
        rows = simulator.read(run.folder, len(keys))
    except (ParseError, UserError) as error:
        return {}, "", f"the simulator's results can't be read: {error}"
    found: dict[str, dict[str, float]] = {}
    garbled = ""
    for number, row in sorted(rows.items()):
        strange = row.garbled | {name: str(value) for name, value in row.values.items() if not math.isfinite(value)}
        if strange:
            name, text = next(iter(strange.items()))
            garbled = garbled or f"the simulator gave {text[:40]!r} for {name}; expected a number"
        elif row.values:  # else its circuit was not read, say
            found[keys[number]] = dict(row.values)
    return found, garbled, ""


def _set_apart(run: Run, work: Path) -> Path:
    """Move a failed run's folder to those that are kept to be looked at."""
    place = work / FAILED / run.name
    try:
        place.parent.mkdir(exist_ok=True)
        run.folder.rename(place)
    except OSError:
        return run.folder
    return place


def harvest(journal: Journal, work: Path, timeout: float) -> int:
    """Take over what a run before this one left, killed in the midst of it: waits for simulations still under way, records all that were
    ended, takes the folders away. Returns how many simulations were saved that way."""
    runs = [Run(folder) for folder in sorted((work / RUNS).iterdir()) if folder.is_dir()]
    adopt(runs, timeout)
    saved = 0
    for run in runs:
        note = run.note
        if run.name not in journal.runs and run.started and note is not None:
            keys = note.get("keys")
            asked = [str(key) for key in keys] if isinstance(keys, list) else []
            found, _, _ = _rows(run, simulator(str(note.get("simulator"))), asked)
            told = {"asked": len(asked), "answered": len(found), "ended": run.ending(0.0).problem or "well", "seconds": None}
            problem = journal.record(run.name, told, found)
            if problem:
                raise UserError(f"{problem}; make room, then go on")
            saved += len(found)
        run.remove()
    return saved
