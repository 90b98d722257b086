"""Other people's simulators: decks of single transients in ngspice's, HSPICE's and Xyce's language, called by a command template.

Each call runs in a folder of its own and records by itself how it ended; each transient is simulated apart from every other, so that what
was answered once can be kept by what was asked.
"""

from eda_plugin.adapters.simulators.circuit import Circuit, Shape, Thresholds, Transient, Trial
from eda_plugin.adapters.simulators.models import Models, read_models
from eda_plugin.adapters.simulators.netlists import Netlist, find_netlists
from eda_plugin.adapters.simulators.run import Command, Ending, Launcher, Run, adopt
from eda_plugin.adapters.simulators.simulator import SIMULATORS, Simulator, simulator

__all__ = [
    "SIMULATORS",
    "Circuit",
    "Command",
    "Ending",
    "Launcher",
    "Models",
    "Netlist",
    "Run",
    "Shape",
    "Simulator",
    "Thresholds",
    "Transient",
    "Trial",
    "adopt",
    "find_netlists",
    "read_models",
    "simulator",
]
