"""What a static timing analyser reports of a design's paths."""

from eda_plugin.adapters.sta.report import Use, read_report

__all__ = ["Use", "read_report"]
