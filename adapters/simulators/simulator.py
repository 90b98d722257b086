"""The simulators that decks are written for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

from eda_plugin.adapters.ngspice.log import LogRow
from eda_plugin.adapters.simulators import hspice, ngspice, xyce
from eda_plugin.adapters.simulators.circuit import Circuit, Transient, Trial
from eda_plugin.errors import UserError

__all__ = ["SIMULATORS", "Simulator", "simulator"]


@dataclass(frozen=True)
class Simulator:
    """A simulator's language and habits.

    ``deck``: name of the file that it is given. ``decks`` writes that file and those that it reads, for transients of which ``group`` is
    equal; it raises ``UserError`` for a trial where the simulator takes none. ``read`` gives the rows that a run in a folder ended;
    ``ordered``: it ends them one after the other, so the first that is missing is the one on which it broke off. ``probe``
    is a deck from whose run ``version`` tells the version.
    """

    name: str
    deck: str
    command: str
    options: tuple[str, ...]
    ordered: bool
    group: Callable[[Circuit, Transient | Trial], Hashable]
    decks: Callable[[Circuit, Sequence[Transient | Trial]], dict[str, str]]
    read: Callable[[Path, int], dict[int, LogRow]]
    probe: Callable[[], dict[str, str]]
    version: Callable[[Path], str]


SIMULATORS = {
    name: Simulator(
        name,
        module.DECK,
        module.COMMAND,
        module.OPTIONS,
        name == "ngspice",
        module.group,
        module.decks,
        module.read,
        module.probe,
        module.version,
    )
    for name, module in (("ngspice", ngspice), ("hspice", hspice), ("xyce", xyce))
}


def simulator(name: str) -> Simulator:
    """By name. Raises ``UserError`` for one that is not known."""
    if name not in SIMULATORS:
        raise UserError(f"unknown simulator {name!r}; known are {', '.join(SIMULATORS)}")
    return SIMULATORS[name]
