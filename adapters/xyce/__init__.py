"""Xyce: measures by name (.mt0), print files (.prn), the table of ``.STEP`` runs (.res)."""

from eda_plugin.adapters.xyce.measure import NamedValue, named_values
from eda_plugin.adapters.xyce.printed import Printed, read_printed, read_steps

__all__ = ["NamedValue", "Printed", "named_values", "read_printed", "read_steps"]
