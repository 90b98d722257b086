"""Xyce: transients that differ in their load only share a deck, as a ``.step`` sweep; a measure file a step.

Only the load is a parameter: what ``.tran``, ``.measure`` and the source need stands as numbers, so nothing hangs on how expressions in
them are understood.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from pathlib import Path

from eda_plugin.adapters.ngspice.log import LogRow
from eda_plugin.adapters.simulators.circuit import Circuit, Transient, Trial, transients
from eda_plugin.adapters.simulators.output import read_text

__all__ = ["COMMAND", "DECK", "OPTIONS", "decks", "group", "probe", "read", "version"]

DECK = "deck.cir"
COMMAND = "Xyce {deck}"
OPTIONS = ("timeint reltol=1e-4 abstol=1e-9", "measure measdgt=10")
MEASURES = ("delay", "transition", "final")
_PAIR = re.compile(r"^\s*(\w+)\s*=\s*(\S+)", re.MULTILINE)
_VERSION = re.compile(r"Xyce\s+(?:\(TM\)\s+)?Release\s+(\S+)|\bversion\s+(?:Xyce\s+)?(?:Release\s+)?(\S*\d\S*)", re.IGNORECASE)


def group(circuit: Circuit, row: Transient | Trial) -> Hashable:  # noqa: ARG001 - every simulator's signature
    """Transients of one arc, edge and slew share a deck, if they last as long."""
    (one,) = transients([row])
    return one.stimulus.arc, one.edge, one.slew, one.window


def decks(circuit: Circuit, rows: Sequence[Transient | Trial]) -> dict[str, str]:
    """The deck of transients that differ in their load, by file name."""
    chosen = transients(rows)
    first = chosen[0]
    shape = circuit.shape(first)
    after = f"td={shape.start:.9g} cross=1"
    step = f"{shape.stop / 50:.9g}"
    lines = [f"* eda-plugin: {first.stimulus.arc} {first.edge} at {circuit.corner}", *(f".options {text}" for text in circuit.options)]
    lines += [f".global_param e_load={first.load:.9g}", *circuit.head(first.cell)]
    lines += ["vdrive drive 0 pwl(" + " ".join(f"{point:.9g}" for point in shape.driven) + ")", *circuit.body(first, "{e_load}")]
    lines += [".data rows", "+ e_load", *(f"+ {row.load:.9g}" for row in chosen), ".enddata", ".step data=rows"]
    lines += [
        f".tran {step} {shape.stop:.9g} 0 {step}",
        f".measure tran delay trig v(drive)={shape.trigger:.9g} {after} targ v(sense)={shape.target:.9g} {after}",
        f".measure tran transition trig v(sense)={shape.first:.9g} {after} targ v(sense)={shape.last:.9g} {after}",
        f".measure tran final find v(sense) at={shape.look:.9g}",
        ".end",
        "",
    ]
    return {DECK: "\n".join(lines)}


def read(folder: Path, count: int) -> dict[int, LogRow]:
    """Rows of the measure files that a run left in ``folder``, by number of the step."""
    rows = {}
    for number in range(count):
        pairs = {name.lower(): text for name, text in _PAIR.findall(read_text(folder / f"{DECK}.mt{number}"))}
        if not pairs.keys() & set(MEASURES):
            continue
        row = LogRow(done=True)
        for name in MEASURES:
            text = pairs.get(name, "failed")
            if text.lower() == "failed":
                row.failed.append(name)
                continue
            try:
                row.values[name] = float(text)
            except ValueError:
                row.garbled[name] = text
        rows[number] = row
    return rows


def probe() -> dict[str, str]:
    """The least deck there is: the run tells its version by itself."""
    return {DECK: "* version\nv1 a 0 1\nr1 a 0 1k\n.dc v1 1 1 1\n.print dc v(a)\n.end\n"}


def version(folder: Path) -> str:
    """What the probe's run told; empty where nothing."""
    found = _VERSION.search(read_text(folder / "stdout") + read_text(folder / "stderr"))
    return f"Xyce {found[1] or found[2]}" if found else ""
