"""Run folders: what a command was given, what it did and what came out, so that it can be repeated and compared (docs/runs.md)."""

from eda_plugin.flow.runs.compare import Difference, compare_runs
from eda_plugin.flow.runs.facts import Argument, Request
from eda_plugin.flow.runs.place import next_folder
from eda_plugin.flow.runs.record import RunRecord
from eda_plugin.flow.runs.repeat import Repeated, rerun
from eda_plugin.flow.runs.stored import StoredRun, read_run

__all__ = ["Argument", "Difference", "Repeated", "Request", "RunRecord", "StoredRun", "compare_runs", "next_folder", "read_run", "rerun"]
