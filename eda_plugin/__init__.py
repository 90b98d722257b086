"""Fill the PVT corners of a standard-cell library that nobody has characterized.

The names below are the Python API; they are imported when they are first used, so that
``import eda_plugin`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eda_plugin.config import FillSettings, GuardBand
    from eda_plugin.domain import Corner
    from eda_plugin.flow import (
        AnchorPlan,
        BenchResult,
        BenchSettings,
        Characterized,
        Closed,
        FillResult,
        Ingested,
        Plan,
        Predictor,
        Round,
        Session,
        SimulationSettings,
        bench,
        characterize,
        check,
        choose_corners,
        close,
        compare,
        fill,
        ingest,
        make_report,
        plan,
        plan_anchors,
        pretrain,
        read,
        read_predictor,
        run_host,
        summarize,
        train_predictor,
    )

__version__ = "0.1.0"

__all__ = [
    "AnchorPlan",
    "BenchResult",
    "BenchSettings",
    "Characterized",
    "Closed",
    "Corner",
    "FillResult",
    "FillSettings",
    "GuardBand",
    "Ingested",
    "Plan",
    "Predictor",
    "Round",
    "Session",
    "SimulationSettings",
    "__version__",
    "bench",
    "characterize",
    "check",
    "choose_corners",
    "close",
    "compare",
    "fill",
    "ingest",
    "make_report",
    "plan",
    "plan_anchors",
    "pretrain",
    "read",
    "read_predictor",
    "run_host",
    "summarize",
    "train_predictor",
]

_HOME = {"Corner": "eda_plugin.domain", "FillSettings": "eda_plugin.config", "GuardBand": "eda_plugin.config"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME.get(name, "eda_plugin.flow")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
