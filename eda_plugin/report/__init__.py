"""The report of a filled corner: one HTML page that stands alone, the same figures for slides, and what a notebook shows.

Draws only: what is drawn comes ready from ``eda_plugin.flow.reporting``. Knows of no library, model or check.
"""

from __future__ import annotations

from eda_plugin.report.contents import Budget, Calibration, Curve, Curves, HeatMap, Line, Place, Report, Sheet

__all__ = ["Budget", "Calibration", "Curve", "Curves", "HeatMap", "Line", "Place", "Report", "Sheet"]
