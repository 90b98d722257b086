"""HSPICE: the transients of one arc in a deck, its slews and loads as the rows of a ``.data`` sweep; answers from the measure file."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path

import numpy as np

from eda_plugin.adapters.hspice import read_measure
from eda_plugin.adapters.ngspice.log import LogRow
from eda_plugin.adapters.simulators.circuit import Circuit, Shape, Transient, Trial, transients
from eda_plugin.errors import ParseError

__all__ = ["COMMAND", "DECK", "OPTIONS", "decks", "group", "probe", "read", "version"]

DECK = "deck.sp"
COMMAND = "hspice -i {deck} -o {folder}/deck"
OPTIONS = ("runlvl=5", "ingold=2", "measform=0", "measdgt=10", "post=0")
MEASURES = ("delay", "transition", "final")
_RESULTS = ("deck.mt0", "deck.mt0.csv")
_COLUMNS = ("e_load", "e_high", "e_low", "e_start", "e_end", "e_step", "e_stop", "e_trig", "e_targ", "e_first", "e_last", "e_look")


def group(circuit: Circuit, row: Transient | Trial) -> Hashable:  # noqa: ARG001 - every simulator's signature
    """Transients of one arc share a deck; of a cell that stores, those with the same history."""
    (one,) = transients([row])
    return (one.stimulus.arc, one.edge, one.window) if one.case else one.stimulus.arc


def decks(circuit: Circuit, rows: Sequence[Transient | Trial]) -> dict[str, str]:
    """The deck of transients of one arc, by file name."""
    chosen = transients(rows)
    first = chosen[0]
    table = [_numbers(circuit.shape(row), row.load) for row in chosen]
    lines = [f"* eda-plugin: {first.stimulus.arc} at {circuit.corner}"]
    lines += [f".option {' '.join(circuit.options)}"] if circuit.options else []
    lines += [f".param {name}={value}" for name, value in zip(_COLUMNS, table[0], strict=True)]
    lines += circuit.head(first.cell, "'")
    shape = circuit.shape(first)
    points = ["0 'e_high'", *(f"{time:.9g} {level:.9g}" for time, level in zip(shape.lead[::2], shape.lead[1::2], strict=True))]
    points += ["'e_start' 'e_high'"]
    points += [f"'e_start+{time:.9g}*(e_end-e_start)' 'e_high+{level:.9g}*(e_low-e_high)'" for time, level in shape.bends]
    lines += [*_folded(["vdrive drive 0 pwl(" + points[0], *points[1:], "'e_end' 'e_low')"]), *circuit.body(first, "'e_load'")]
    lines += [".data rows", *_wrapped(_COLUMNS)]
    for values in table:
        lines += _wrapped(values)
    after = "td='e_start' cross=1"
    lines += [
        ".enddata",
        ".tran 'e_step' 'e_stop' sweep data=rows",
        f".measure tran delay trig v(drive) val='e_trig' {after} targ v(sense) val='e_targ' {after}",
        f".measure tran transition trig v(sense) val='e_first' {after} targ v(sense) val='e_last' {after}",
        ".measure tran final find v(sense) at='e_look'",
        ".end",
        "",
    ]
    return {DECK: "\n".join(lines)}


def _numbers(shape: Shape, load: float) -> tuple[str, ...]:
    values = (
        load, shape.high, shape.low, shape.start, shape.end, shape.stop / 50, shape.stop, shape.trigger, shape.target, shape.first,
        shape.last, shape.look,
    )  # fmt: skip
    return tuple(f"{value:.9g}" for value in values)


def _folded(words: Sequence[str]) -> list[str]:
    """One line, or a line a word where there are many."""
    return [" ".join(words)] if len(words) < 10 else [words[0], *(f"+ {word}" for word in words[1:])]


def _wrapped(words: Sequence[str]) -> list[str]:
    """Continuation lines of six words."""
    return ["+ " + " ".join(words[place : place + 6]) for place in range(0, len(words), 6)]


def read(folder: Path, count: int) -> dict[int, LogRow]:
    """Rows of the measure file that a run left in ``folder``, by number; none where it left nothing.

    Raises ``ParseError`` for a file that is no measure file, lacks a measure or has another number of rows.
    """
    path = next((folder / name for name in _RESULTS if (folder / name).is_file()), None)
    if path is None:
        return {}
    found = read_measure(path)
    if len(found) != count:
        raise ParseError(f"{len(found)} rows for {count} simulations", path=path)
    lacking = [name for name in MEASURES if name not in map(str.lower, found.names)]
    if lacking:
        raise ParseError(f"no measure {lacking[0]!r}; the file has {', '.join(found.names)}", path=path)
    rows = {}
    for number in range(count):
        values = {name: float(found.column(name)[number]) for name in MEASURES}
        known = {name: value for name, value in values.items() if np.isfinite(value)}
        rows[number] = LogRow(known, [name for name in MEASURES if name not in known], done=True)
    return rows


def probe() -> dict[str, str]:
    """A deck whose measure file's header states the version."""
    lines = ["* version", ".option measform=0", "v1 a 0 pwl(0 0 1n 1)", "r1 a 0 1k", ".tran 10p 2n", ".measure tran final find v(a) at=1n"]
    return {DECK: "\n".join([*lines, ".end", ""])}


def version(folder: Path) -> str:
    """What the probe's run told; empty where nothing."""
    path = next((folder / name for name in _RESULTS if (folder / name).is_file()), None)
    if path is None:
        return ""
    header = read_measure(path).header
    return f"{header.source} {header.version}".strip()
