"""SI prefixes and unit texts. Inside the package every number is SI; only adapters multiply by these factors."""

from __future__ import annotations

import re

from eda_plugin.errors import UserError

__all__ = ["KELVIN", "prefix", "unit_factor"]

KELVIN = 273.15

_PREFIX = {"a": 1e-18, "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "meg": 1e6, "M": 1e6, "g": 1e9}
_UNIT = re.compile(r"\s*([0-9.eE+-]*)\s*(meg|[afpnumkMg]?)\s*(s|sec|v|a|w|f|ohm|j)\s*$", re.IGNORECASE)


def prefix(letter: str) -> float:
    """Factor of an SI prefix as Liberty and SPICE spell it: ``prefix("f") == 1e-15``."""
    try:
        return _PREFIX[letter if letter in _PREFIX else letter.lower()]
    except KeyError:
        raise UserError(f"unknown unit prefix {letter!r}; known are {', '.join(p for p in _PREFIX if p)}") from None


def unit_factor(text: str) -> float:
    """Factor to SI of a unit such as ``1ns``, ``1uW``, ``10ps`` or ``1kohm``.

    >>> unit_factor("10ps")
    1e-11
    """
    found = _UNIT.match(text.strip().strip('"'))
    if not found:
        raise UserError(f"unreadable unit {text!r}; expected a number, a prefix and s, V, A, W, F or ohm, such as '1ns'")
    number, letter, _ = found.groups()
    return float(f"{float(number or 1) * prefix(letter):.12g}")
