"""The steps of a run, and the only place that calls hooks: read, choose, fit, pass the gate, write.

These functions are the Python API (``import eda_plugin as ep; ep.read(...)``); the command line is a thin layer over them.
"""

from eda_plugin.flow.anchors import AnchorPlan, plan_anchors
from eda_plugin.flow.benching import BenchResult, BenchSettings, bench
from eda_plugin.flow.characterizing import Characterized, SimulationSettings, characterize
from eda_plugin.flow.closing import Closed, Round, close
from eda_plugin.flow.filling import FillResult, fill
from eda_plugin.flow.hosting import run_host
from eda_plugin.flow.ingesting import Ingested, ingest, suggest_rules
from eda_plugin.flow.planning import Plan, choose_corners, plan
from eda_plugin.flow.prediction import Predictor, emit_predictors, read_predictor, train_predictor, train_predictors
from eda_plugin.flow.pretraining import Pretrained, pretrain
from eda_plugin.flow.quality import Summary, check, compare, compare_text, summarize, uninterpreted
from eda_plugin.flow.reading import read
from eda_plugin.flow.reporting import make_report
from eda_plugin.flow.runs import compare_runs, rerun
from eda_plugin.flow.session import Session

__all__ = [
    "AnchorPlan",
    "BenchResult",
    "BenchSettings",
    "Characterized",
    "Closed",
    "FillResult",
    "Ingested",
    "Plan",
    "Predictor",
    "Pretrained",
    "Round",
    "Session",
    "SimulationSettings",
    "Summary",
    "bench",
    "characterize",
    "check",
    "choose_corners",
    "close",
    "compare",
    "compare_runs",
    "compare_text",
    "emit_predictors",
    "fill",
    "ingest",
    "make_report",
    "plan",
    "plan_anchors",
    "pretrain",
    "read",
    "read_predictor",
    "rerun",
    "run_host",
    "suggest_rules",
    "summarize",
    "train_predictor",
    "train_predictors",
    "uninterpreted",
]
