"""Calls of a simulator by the workers of a farm; the folders of the calls are where both they and we can reach them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from eda_plugin.adapters.simulators import Command, Ending, Launcher, Run, adopt
from eda_plugin.farm import Farm, Lost

__all__ = ["Call", "FarLauncher", "called"]


@dataclass(frozen=True)
class Call:
    """A run's folder, the deck in it, and how the simulator is called there, for up to ``timeout`` s."""

    folder: str
    deck: str
    command: str
    timeout: float


def called(call: Call) -> Ending:
    """Make the call, or, where a worker before us made it and died, wait for its end: a simulator outlives the worker that started it."""
    run = Run(Path(call.folder))
    adopt([run], call.timeout)
    if not run.started:
        return Launcher(Command(call.command), call.timeout).call(run, call.deck)
    ending = run.ending(0.0)
    return replace(ending, lost=True) if run.unfinished else ending


class FarLauncher:
    """As ``Launcher``, each call by a worker of ``farm``."""

    def __init__(self, command: Command, timeout: float, farm: Farm) -> None:
        self.command = command
        self.stopped = False
        self._timeout, self._farm = timeout, farm

    def call(self, run: Run, deck: str) -> Ending:
        """See ``Launcher.call``."""
        if self.stopped:
            return Ending("stopped", 0.0)
        asked = Call(str(run.folder), deck, self.command.template, self._timeout)
        found = self._farm.call(called, asked, f"the call of the simulator in {run.folder}")
        if not isinstance(found, Lost):
            return found
        adopt([run], self._timeout)  # the simulator may live on, and end well
        return Ending(str(found), 0.0) if run.unfinished else run.ending(0.0)

    def stop(self) -> None:
        """See ``Launcher.stop``."""
        self.stopped = True
        self._farm.close()
