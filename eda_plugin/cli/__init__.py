"""Command line."""

from eda_plugin.cli.app import main

__all__ = ["main"]
