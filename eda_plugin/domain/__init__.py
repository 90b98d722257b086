"""What the package talks about: corner, arc, table, library, simulated point."""

from eda_plugin.domain.arc import Arc, TableKey, answer_quantities, edge_of, timing_quantities
from eda_plugin.domain.corner import Corner, hull_distance, process_axes
from eda_plugin.domain.library import Cell, FlipFlop, Header, Library, Pin, blank
from eda_plugin.domain.points import Points
from eda_plugin.domain.table import Axis, Origin, Table

__all__ = [
    "Arc",
    "Axis",
    "Cell",
    "Corner",
    "FlipFlop",
    "Header",
    "Library",
    "Origin",
    "Pin",
    "Points",
    "Table",
    "TableKey",
    "answer_quantities",
    "blank",
    "edge_of",
    "hull_distance",
    "process_axes",
    "timing_quantities",
]
