"""LibreLane imports every top-level module of such a name when it starts: this one brings in what eda-plugin has for it."""

from __future__ import annotations

from eda_plugin import __version__
from eda_plugin.hooks.hosts.librelane import CheckLibraries, FilledClassic, FilledCorners

__all__ = ["CheckLibraries", "FilledClassic", "FilledCorners", "__version__"]
