"""Version of the hook specifications, and what it means for a plugin that was written for another one.

The minor number grows when a hook or an argument is added, the major one when something that a plugin may rely on goes away. A plugin says
which version it needs by a name of its module or object, ``EDA_PLUGIN_HOOKS = "1.2"``; one that says nothing needs the first.
"""

from __future__ import annotations

import re

from eda_plugin.errors import PluginError

__all__ = ["ATTRIBUTE", "OLDEST", "SINCE", "VERSION", "needed_version", "refuse_newer", "version_text"]

Version = tuple[int, int]

VERSION: Version = (1, 2)
"""Of the specifications in ``eda_plugin.hooks.specs``."""

OLDEST: Version = (1, 0)
"""The oldest one whose plugins still work."""

SINCE: dict[str, Version] = {"register_hosts": (1, 1), "fit_step": (1, 2), "register_samplers": (1, 2)}
"""Hooks that came after the first version."""

ATTRIBUTE = "EDA_PLUGIN_HOOKS"
"""Name under which a plugin states the version that it needs."""


def version_text(version: Version) -> str:
    """``1.2``."""
    return f"{version[0]}.{version[1]}"


def needed_version(plugin: object) -> Version:
    """The version that ``plugin`` states, the oldest where it states none. Raises ``PluginError`` for a text that is no version."""
    stated = getattr(plugin, ATTRIBUTE, None)
    if stated is None:
        return OLDEST
    found = re.fullmatch(r"(\d+)\.(\d+)", stated) if isinstance(stated, str) else None
    if found is None:
        raise PluginError(f"{ATTRIBUTE} is {stated!r}; expected the version of the hooks as text, such as {version_text(VERSION)!r}")
    return int(found[1]), int(found[2])


def refuse_newer(needed: Version, product: str) -> None:
    """Raise ``PluginError`` where ``needed`` is not among the versions that this package, ``product``, serves."""
    if needed > VERSION:
        raise PluginError(
            f"it needs version {version_text(needed)} of the hooks and {product} has {version_text(VERSION)}; upgrade eda-plugin, or "
            "install an older version of the plugin"
        )
    if needed < OLDEST:
        raise PluginError(
            f"it was written for version {version_text(needed)} of the hooks and {product} serves none before {version_text(OLDEST)}; "
            "install a newer version of the plugin"
        )
