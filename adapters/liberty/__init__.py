"""Liberty: read losslessly, filled in place."""

from __future__ import annotations

from eda_plugin.adapters.liberty.blanking import write_blank
from eda_plugin.adapters.liberty.difference import Change, ChangeKind, changes
from eda_plugin.adapters.liberty.document import Document, corner_of, is_liberty, open_document
from eda_plugin.adapters.liberty.drive import driver_waveform
from eda_plugin.adapters.liberty.places import Places
from eda_plugin.adapters.liberty.reading import read, read_many, uninterpreted
from eda_plugin.adapters.liberty.variation import VariationReport, add_variation, nominal_of
from eda_plugin.adapters.liberty.writing import WriteReport, write

__all__ = [
    "Change",
    "ChangeKind",
    "Document",
    "Places",
    "VariationReport",
    "WriteReport",
    "add_variation",
    "changes",
    "corner_of",
    "driver_waveform",
    "is_liberty",
    "nominal_of",
    "open_document",
    "read",
    "read_many",
    "uninterpreted",
    "write",
    "write_blank",
]
