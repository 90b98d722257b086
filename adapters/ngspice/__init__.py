"""ngspice: decks written from a plan, run side by side, their logs read.

``simulate`` answers a plan; ``sweep``, ``at_rest``, ``internal_energy`` and ``input_capacitance`` characterize whole arcs and cells.
"""

from eda_plugin.adapters.ngspice.deck import Bench, Row, static_deck, transient_deck
from eda_plugin.adapters.ngspice.energy import Rest, at_rest, input_capacitance, internal_energy
from eda_plugin.adapters.ngspice.log import read_log
from eda_plugin.adapters.ngspice.logic import Stimulus, evaluate, sensitise
from eda_plugin.adapters.ngspice.netlist import read_ports
from eda_plugin.adapters.ngspice.run import Failure, in_parallel
from eda_plugin.adapters.ngspice.settings import NgspiceSettings
from eda_plugin.adapters.ngspice.simulate import Edge, Simulated, Sweep, simulate, sweep

__all__ = [
    "Bench",
    "Edge",
    "Failure",
    "NgspiceSettings",
    "Rest",
    "Row",
    "Simulated",
    "Stimulus",
    "Sweep",
    "at_rest",
    "evaluate",
    "in_parallel",
    "input_capacitance",
    "internal_energy",
    "read_log",
    "read_ports",
    "sensitise",
    "simulate",
    "static_deck",
    "sweep",
    "transient_deck",
]
