"""Fill the PVT corners of a standard-cell library that nobody has characterized."""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
