"""HSPICE output files: measure results, and the mapping that makes timing points of them."""

from eda_plugin.adapters.hspice.measure import MeasureFile, MeasureHeader, is_measure, read_alters, read_measure, stream_measure
from eda_plugin.adapters.hspice.writer import write_measure

__all__ = ["MeasureFile", "MeasureHeader", "is_measure", "read_alters", "read_measure", "stream_measure", "write_measure"]
