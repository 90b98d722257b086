"""``.measure`` statements: between which nodes and which edges a measure measures, which tells the arc better than any name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from eda_plugin.units import spice_number

__all__ = ["Crossing", "Statement", "parse_statement"]

_START = re.compile(r"^\.?meas(?:ure)?\s+(?:(?P<analysis>tran|dc|ac|op|sp|noise)\S*\s+)?(?P<name>\S+)\s+(?P<rest>.*)$", re.IGNORECASE)
_SPLIT = re.compile(r"\btrig\b(?P<trig>.*?)\btarg\b(?P<targ>.*)$", re.IGNORECASE)
_NODE = re.compile(r"\bv\(\s*([^\s,()]+)\s*\)", re.IGNORECASE)
_EDGE = re.compile(r"\b(rise|fall|cross)\s*=\s*(\w+)", re.IGNORECASE)
_FIELD = re.compile(r"\b(val|td|at|from|to)\s*=\s*('[^']*'|\"[^\"]*\"|\{[^}]*\}|\S+)", re.IGNORECASE)
_FUNCTION = re.compile(r"^(integral|integ|avg|max|min|rms|pp|find)\s+(\S+.*)$", re.IGNORECASE)
_CURRENT = re.compile(r"^-?i[dsgb]?\(", re.IGNORECASE)
_POWER = re.compile(r"^(?:p\(|power\b|par\(?\s*'[^']*\*)", re.IGNORECASE)
_UNITS = {"i": ("current", "A"), "v": ("voltage", "V"), "p": ("power", "W")}
_INTEGRALS = {"i": ("charge", "C"), "p": ("energy", "J")}


@dataclass(frozen=True)
class Crossing:
    """One end of a ``TRIG ... TARG``: ``edge`` is rise, fall or cross; ``count`` the how-manieth, 0 for the last; ``value`` in V and
    ``delay`` (TD) in s, NaN and 0 where they are expressions or not stated; ``level`` as the deck writes it."""

    node: str
    edge: str
    count: int
    level: str
    delay: float


@dataclass(frozen=True)
class Statement:
    """One measure. ``trig`` and ``targ`` where it is a time between two crossings; else ``quantity`` and ``unit`` of what it takes, empty
    where it is an expression."""

    name: str
    line: int
    analysis: str
    trig: Crossing | None = None
    targ: Crossing | None = None
    quantity: str = ""
    unit: str = ""

    def alike(self, other: Statement) -> bool:
        """Whether two statements measure between the same nodes and edges, or the same kind of thing."""
        ends = [[(end.node.lower(), end.edge) if end else None for end in (one.trig, one.targ)] for one in (self, other)]
        return ends[0] == ends[1] and self.quantity == other.quantity


def parse_statement(text: str, line: int) -> Statement | None:
    """One ``.measure`` (or ngspice's ``meas``) line, continuations joined; None where it is unreadable.

    >>> parse_statement(".meas tran tphl trig v(a) val=0.4 rise=1 targ v(y) val=0.4 fall=1", 7).targ.edge
    'fall'
    """
    found = _START.match(text.strip())
    if not found:
        return None
    name, analysis, rest = found["name"], (found["analysis"] or "tran").lower(), found["rest"].strip()
    if ends := _SPLIT.search(rest):
        return Statement(name, line, analysis, _crossing(ends["trig"]), _crossing(ends["targ"]))
    if function := _FUNCTION.match(rest):
        what = function[2].strip()
        kind = "i" if _CURRENT.match(what) else "p" if _POWER.match(what) else "v" if _NODE.match(what) else ""
        table = _INTEGRALS if function[1].lower().startswith("integ") else _UNITS
        quantity, unit = table.get(kind, ("", ""))
        return Statement(name, line, analysis, quantity=quantity, unit=unit)
    return Statement(name, line, analysis)


def _crossing(text: str) -> Crossing | None:
    """None for ``AT=`` and for what is no node's voltage."""
    node, edge = _NODE.search(text), _EDGE.search(text)
    if not node or not edge:
        return None
    fields = {name.lower(): value.strip("'\"{}") for name, value in _FIELD.findall(text)}
    count = int(edge[2]) if edge[2].isdecimal() else 0
    delay = spice_number(fields.get("td", "0"))
    return Crossing(node[1], edge[1].lower(), count, fields.get("val", ""), delay or 0.0)
