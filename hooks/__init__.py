"""Hooks for plugin authors: ``from eda_plugin.hooks import hookimpl`` is all that a plugin needs to import from here.

A plugin is a module or an object with functions of the names in ``eda_plugin.hooks.specs``, each marked with ``hookimpl``, and an entry
point in the group ``eda_plugin`` that names it. docs/hooks.md lists the hooks in the order in which they fire.
"""

from __future__ import annotations

import pluggy

__all__ = ["ENTRY_POINTS", "PROJECT", "hookimpl"]

PROJECT = "eda_plugin"
ENTRY_POINTS = "eda_plugin"
"""Group of the entry points that name plugins."""

hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function as the implementation of the hook of its name."""
