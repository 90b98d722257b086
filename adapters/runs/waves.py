"""A deck's own ``.measure`` statements applied to the waveforms of its run, where nobody kept what the simulator measured.

Times between two crossings only (``TRIG ... TARG``): linear between the points, as the simulators do it. Levels may be sums and products
of numbers and parameters, such as ``0.8*vdd``.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters.hspice.waveform import open_waveforms
from eda_plugin.adapters.ngspice.raw import read_raw
from eda_plugin.adapters.runs.deck import Deck
from eda_plugin.adapters.runs.kinds import Kind
from eda_plugin.adapters.runs.results import Batch, Trouble
from eda_plugin.adapters.runs.statements import Crossing
from eda_plugin.adapters.xyce import read_printed
from eda_plugin.data.measure import crossings
from eda_plugin.errors import UserError
from eda_plugin.units import spice_number

__all__ = ["crossing", "level", "measure_waveforms"]

_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_UNARY: dict[type[ast.unaryop], Callable[[float], float]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}


@dataclass(frozen=True)
class _Sweep:
    """One sweep: its parameters, its time (s), its node voltages (V) by name."""

    parameters: Mapping[str, float]
    time: NDArray[np.float64]
    node: Callable[[str], NDArray[np.float64]]


def measure_waveforms(path: Path, kind: Kind, deck: Deck, number: int) -> Iterator[Batch | Trouble]:
    """One row a sweep of a transient's file; ``number``: the ``.alter`` block that it is of. A crossing that isn't there is NaN.

    Raises ``ParseError`` and ``UserError`` as the formats' readers do, and where a level can't be worked out.
    """
    statements = [found for found in deck.statements.values() if found.trig and found.targ and found.analysis == "tran"]
    notices, sweeps = _opened(path, kind)
    for text in notices:
        yield Trouble("aborted", text, None)
    if not statements or not sweeps:
        return
    block = deck.block(number)
    swept = tuple(dict.fromkeys(name for sweep in sweeps for name in sweep.parameters))
    rows = []
    for sweep in sweeps:
        known = {**block.values, **{name.lower(): value for name, value in sweep.parameters.items()}}
        ends = [[_time(sweep, end, known, path) for end in (found.trig, found.targ) if end] for found in statements]
        rows.append([*(sweep.parameters.get(name, np.nan) for name in swept), *(stop - start for start, stop in ends)])
    names = (*swept, *(found.name for found in statements))
    values = np.array(rows)
    index = np.arange(1, len(rows) + 1) if len(rows) > 1 else np.zeros(1, dtype=np.int64)
    lines = np.zeros((len(rows), 1), dtype=np.int64)
    yield Batch(names, values, np.ones(values.shape, dtype=np.bool_), lines, frozenset(swept), index, np.full(len(rows), number + 1))


def _opened(path: Path, kind: Kind) -> tuple[tuple[str, ...], list[_Sweep]]:
    if kind is Kind.RAW:
        raw = read_raw(path)
        return (), [_Sweep({}, raw.signal("time"), lambda node: raw.signal(f"v({node})"))]
    if kind is Kind.PRINTED:
        printed = read_printed(path)
        notices = () if printed.complete else ("the print file ends before the simulation did",)
        steps = range(len(printed.starts))
        return notices, [_Sweep({}, printed.signal("TIME", at), lambda node, at=at: printed.signal(f"V({node})", at)) for at in steps]  # type: ignore[misc]
    waves = open_waveforms(path)
    if waves.analysis != "transient":
        return waves.notices, []
    return waves.notices, [
        _Sweep(sweep.parameters, waves.axis(at), lambda node, at=at: np.asarray(waves.signal(f"v({node})", at), dtype=np.float64))  # type: ignore[misc]
        for at, sweep in enumerate(waves.sweeps)
    ]


def _time(sweep: _Sweep, end: Crossing, known: Mapping[str, float], path: Path) -> float:
    try:
        threshold = level(end.level, known)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    return crossing(sweep.time, sweep.node(end.node), threshold, end.edge, end.count, end.delay)


def crossing(time: NDArray[np.float64], wave: NDArray[np.float64], threshold: float, edge: str, count: int, delay: float = 0.0) -> float:
    """When ``wave`` crosses ``threshold`` for the ``count``-th time (0: the last) in the direction ``edge`` (rise, fall, cross) after
    ``delay``; NaN where it doesn't.

    >>> crossing(np.array([0.0, 1.0, 2.0]), np.array([0.0, 4.0, 0.0]), 1.0, "cross", 2)
    1.75
    """
    edges = ("rise", "fall") if edge == "cross" else (edge,)
    times = np.sort(np.concatenate([crossings(time, wave, threshold, one, after=delay) for one in edges]))
    return float(times[count - 1]) if len(times) >= max(count, 1) else float("nan")


def level(text: str, known: Mapping[str, float]) -> float:
    """An expression of numbers (with SPICE's letters) and parameters. Raises ``UserError`` for anything else, an unknown name among them.

    >>> level("0.5*VDD", {"vdd": 0.8})
    0.4
    """
    number = spice_number(text)
    if number is not None:
        return number
    try:
        return _value(ast.parse(text.strip(), mode="eval").body, known)
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, RecursionError):
        raise UserError(f"level {text!r} of a .measure can't be worked out; expected numbers, parameters and + - * /") from None


def _value(node: ast.expr, known: Mapping[str, float]) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return float(node.value)
    if isinstance(node, ast.Name) and node.id.lower() in known:
        return known[node.id.lower()]
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _BINARY[type(node.op)](_value(node.left, known), _value(node.right, known))
    if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        return _UNARY[type(node.op)](_value(node.operand, known))
    raise ValueError
