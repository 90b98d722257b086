"""HSPICE output files: measure results with the mapping that makes timing points of them, listings and waveforms."""

from eda_plugin.adapters.hspice.listing import ListedMeasure, Listing, Note, Run, Summary, is_listing, read_listing, stream_listing
from eda_plugin.adapters.hspice.mapping import Mapping, read_mapping, read_points
from eda_plugin.adapters.hspice.measure import MeasureFile, MeasureHeader, is_measure, read_alters, read_measure, stream_measure
from eda_plugin.adapters.hspice.waveform import Sweep, Waveforms, is_waveform, open_waveforms
from eda_plugin.adapters.hspice.writer import write_measure

__all__ = [
    "ListedMeasure",
    "Listing",
    "Mapping",
    "MeasureFile",
    "MeasureHeader",
    "Note",
    "Run",
    "Summary",
    "Sweep",
    "Waveforms",
    "is_listing",
    "is_measure",
    "is_waveform",
    "open_waveforms",
    "read_alters",
    "read_listing",
    "read_mapping",
    "read_measure",
    "read_points",
    "stream_listing",
    "stream_measure",
    "write_measure",
]
