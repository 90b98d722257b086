"""The steps of a run, and the only place that calls hooks: read, choose, fit, pass the gate, write.

These functions are the Python API (``import eda_plugin as ep; ep.read(...)``); the command line is a thin layer over them.
"""

from eda_plugin.flow.benching import BenchResult, BenchSettings, bench
from eda_plugin.flow.characterizing import Characterized, SimulationSettings, characterize
from eda_plugin.flow.filling import FillResult, fill
from eda_plugin.flow.hosting import run_host
from eda_plugin.flow.planning import Plan, choose_corners, plan
from eda_plugin.flow.prediction import Predictor, read_predictor, train_predictor
from eda_plugin.flow.quality import Summary, check, compare, compare_text, summarize, uninterpreted
from eda_plugin.flow.reading import read
from eda_plugin.flow.session import Session

__all__ = [
    "BenchResult",
    "BenchSettings",
    "Characterized",
    "FillResult",
    "Plan",
    "Predictor",
    "Session",
    "SimulationSettings",
    "Summary",
    "bench",
    "characterize",
    "check",
    "choose_corners",
    "compare",
    "compare_text",
    "fill",
    "plan",
    "read",
    "read_predictor",
    "run_host",
    "summarize",
    "train_predictor",
    "uninterpreted",
]
