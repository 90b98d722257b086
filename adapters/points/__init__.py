"""Single simulations and single values as CSV or Parquet: plans, their answers, intervals, where each value came from."""

from eda_plugin.adapters.points.exchange import read, read_parts, write, write_parts
from eda_plugin.adapters.points.sidecar import attach, read_values, write_intervals, write_values

__all__ = ["attach", "read", "read_parts", "read_values", "write", "write_intervals", "write_parts", "write_values"]
