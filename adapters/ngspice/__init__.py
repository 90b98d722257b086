"""ngspice: decks written from a plan, run side by side, their logs read.

``simulate`` answers a plan; ``sweep``, ``at_rest``, ``internal_energy`` and ``input_capacitance`` characterize whole arcs and cells;
``clocked_sweep`` and ``find_constraints`` do so for flip-flops.
"""

from eda_plugin.adapters.ngspice.clocked import clocked_sweep, idle_sweep, stored_at_rest
from eda_plugin.adapters.ngspice.constraint import Ask, Search, find_constraints
from eda_plugin.adapters.ngspice.deck import Bench, Row, static_deck, transient_deck
from eda_plugin.adapters.ngspice.energy import Rest, at_rest, input_capacitance, internal_energy
from eda_plugin.adapters.ngspice.flipflop import Case, find_cases, idle_case, is_clocked, is_constraint
from eda_plugin.adapters.ngspice.log import LogRow, read_log
from eda_plugin.adapters.ngspice.logic import Stimulus, evaluate, sensitise
from eda_plugin.adapters.ngspice.netlist import read_ports
from eda_plugin.adapters.ngspice.run import Failure, in_parallel
from eda_plugin.adapters.ngspice.scene import PREPARATION, Shot, history, prepare, scene_deck, whole_scene
from eda_plugin.adapters.ngspice.settings import NgspiceSettings
from eda_plugin.adapters.ngspice.settle import Edge
from eda_plugin.adapters.ngspice.simulate import Simulated, Sweep, simulate, sweep

__all__ = [
    "PREPARATION",
    "Ask",
    "Bench",
    "Case",
    "Edge",
    "Failure",
    "LogRow",
    "NgspiceSettings",
    "Rest",
    "Row",
    "Search",
    "Shot",
    "Simulated",
    "Stimulus",
    "Sweep",
    "at_rest",
    "clocked_sweep",
    "evaluate",
    "find_cases",
    "find_constraints",
    "history",
    "idle_case",
    "idle_sweep",
    "in_parallel",
    "input_capacitance",
    "internal_energy",
    "is_clocked",
    "is_constraint",
    "prepare",
    "read_log",
    "read_ports",
    "scene_deck",
    "sensitise",
    "simulate",
    "static_deck",
    "stored_at_rest",
    "sweep",
    "transient_deck",
    "whole_scene",
]
