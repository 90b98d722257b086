"""SI prefixes and unit texts. Inside the package every number is SI; only adapters multiply by these factors."""

from __future__ import annotations

import re

from eda_plugin.errors import UserError

__all__ = ["KELVIN", "named_number", "prefix", "spice_number", "unit_factor"]

KELVIN = 273.15

_PREFIX = {"a": 1e-18, "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "meg": 1e6, "M": 1e6, "g": 1e9}
_UNIT = re.compile(r"\s*([0-9.eE+-]*)\s*(meg|[afpnumkMg]?)\s*(s|sec|v|a|w|f|ohm|j)\s*$", re.IGNORECASE)
_NAMED = re.compile(r"^(?P<sign>[nm-]?)(?P<whole>\d+)(?:[vp.](?P<rest>\d+))?[vc]?$", re.IGNORECASE)
_SPICE = re.compile(r"^([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(meg|mil|[afpnumkgtx])?[a-z]*$", re.IGNORECASE)
_SPICE_PREFIX = {"a": 1e-18, "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "meg": 1e6, "x": 1e6, "g": 1e9, "t": 1e12}


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


def named_number(text: str) -> float | None:
    """A number as names of files and corners spell it, SI: ``None`` where it is none. Without a unit it is taken as it stands.

    >>> named_number("0v80"), named_number("n40C"), named_number("1p28v"), named_number("800mV"), named_number("fast")
    (0.8, -40.0, 1.28, 0.8, None)
    """
    if found := _NAMED.match(text):
        return float(f"{found['whole']}.{found['rest'] or 0}") * (-1 if found["sign"] else 1)
    if not text[-2:].isalpha():  # prefix and unit: 2f alone would be two farads
        return None
    try:
        return unit_factor(text)
    except (UserError, ValueError):
        return None


def spice_number(text: str) -> float | None:
    """A number as SPICE writes it, letters after the prefix ignored, ``m`` for milli in either case; ``None`` for an expression.

    >>> spice_number("2.5pF"), spice_number("1MEG"), spice_number("-3M"), spice_number("vdd/2")
    (2.5e-12, 1000000.0, -0.003, None)
    """
    found = _SPICE.match(text.strip())
    if not found or (found[2] or "").lower() == "mil":
        return None
    return float(f"{float(found[1]) * _SPICE_PREFIX.get((found[2] or '').lower(), 1.0):.15g}")
