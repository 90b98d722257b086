"""Run trees of HSPICE, ngspice and Xyce: files recognised, joined and named, one tidy table of results."""

from eda_plugin.adapters.runs.naming import Namer
from eda_plugin.adapters.runs.points import libraries, points_of
from eda_plugin.adapters.runs.reading import Rows, Told, read_run
from eda_plugin.adapters.runs.rules import Rules, read_rules
from eda_plugin.adapters.runs.suggest import suggest
from eda_plugin.adapters.runs.table import TableWriter, read_tidy
from eda_plugin.adapters.runs.tidy import COLUMNS, SCHEMA
from eda_plugin.adapters.runs.tree import Run, Tree, walk

__all__ = [
    "COLUMNS",
    "SCHEMA",
    "Namer",
    "Rows",
    "Rules",
    "Run",
    "TableWriter",
    "Told",
    "Tree",
    "libraries",
    "points_of",
    "read_rules",
    "read_run",
    "read_tidy",
    "suggest",
    "walk",
]
