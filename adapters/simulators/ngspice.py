"""ngspice: a circuit a transient, all of a batch simulated one after the other by one process; measures go to a file as they come.

Every circuit is read anew, so an answer does not depend on those before it, and one that cannot be read costs only itself. What was
answered before a crash or a kill stands in the file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from eda_plugin.adapters.ngspice import whole_scene
from eda_plugin.adapters.ngspice.log import LogRow, parse_rows
from eda_plugin.adapters.simulators.circuit import Circuit, Transient, Trial
from eda_plugin.adapters.simulators.output import read_text

__all__ = ["COMMAND", "DECK", "OPTIONS", "decks", "group", "probe", "read", "version"]

DECK = "deck.sp"
COMMAND = "ngspice -b {deck}"
OPTIONS = ("reltol=1e-4", "trtol=0.3", "chgtol=1e-18")  # chgtol: charges of a 22 nm cell are far below the default's
_ROWS = "rows.log"
_VERSION = re.compile(r"^\*\*\s+(ngspice-\S+)", re.MULTILINE)


def group(circuit: Circuit, row: Transient | Trial) -> str:  # noqa: ARG001 - every simulator's signature
    """Transients of any arcs share a deck, trials too."""
    return ""


def decks(circuit: Circuit, rows: Sequence[Transient | Trial]) -> dict[str, str]:
    """The deck, and the circuits that it reads, by file name."""
    files = {DECK: ""}
    lines = ["* eda-plugin: transients one after the other", ".control"]
    for number, row in enumerate(rows):
        title, body, commands = _transient(circuit, row) if isinstance(row, Transient) else _trial(circuit, row)
        options = [f".options {' '.join(circuit.options)}"] if circuit.options else []
        files[f"row{number}.cir"] = "\n".join([title, *circuit.head(row.cell), *options, *body, ".end", ""])
        out = f">> {_ROWS}"
        lines += [f"source row{number}.cir", f"echo row {number} {out}"]
        lines += [f"{command} {out}" if command.startswith("meas ") else command for command in commands]
        lines += [f"echo done {number} {out}", "destroy all", "remcirc"]
    files[DECK] = "\n".join([*lines, "quit", ".endc", ".end", ""])
    return files


def _transient(circuit: Circuit, row: Transient) -> tuple[str, list[str], list[str]]:
    """Title, circuit, commands."""
    shape = circuit.shape(row)
    drive = "vdrive drive 0 pwl(" + " ".join(f"{point:.9g}" for point in shape.driven) + ")"
    step, after = f"{shape.stop / 50:.9g}", f"td={shape.start:.9g} cross=1"
    commands = [
        "save v(drive) v(sense)",
        f"tran {step} {shape.stop:.9g} 0 {step}",
        f"meas tran delay trig v(drive) val={shape.trigger:.9g} {after} targ v(sense) val={shape.target:.9g} {after}",
        f"meas tran transition trig v(sense) val={shape.first:.9g} {after} targ v(sense) val={shape.last:.9g} {after}",
        f"meas tran final find v(sense) at={shape.look:.9g}",
    ]
    return f"* {row.stimulus.arc} {row.edge} at {circuit.corner}", [drive, *circuit.body(row, f"{row.load:.9g}")], commands


def _trial(circuit: Circuit, row: Trial) -> tuple[str, list[str], list[str]]:
    body, commands = whole_scene(circuit.bench(row.cell, circuit.settings()), row.cell, row.shot)
    supply = f"vsupply supply 0 dc {circuit.corner.voltage:.9g}"
    return f"* {row.shot.case.arc} at {circuit.corner}", [supply, *body], commands


def read(folder: Path, count: int) -> dict[int, LogRow]:
    """Rows that a run in ``folder`` ended, by number; none where it left nothing."""
    found = parse_rows(read_text(folder / _ROWS))
    return {number: row for number, row in found.items() if number < count and row.done}


def probe() -> dict[str, str]:
    """A deck that makes the simulator tell its version."""
    return {DECK: f"* version\n.control\nversion >> {_ROWS}\nversion\nquit\n.endc\n.end\n"}


def version(folder: Path) -> str:
    """What the probe's run told; empty where nothing."""
    text = read_text(folder / _ROWS) + read_text(folder / "stdout")
    found = _VERSION.search(text)
    return found[1] if found else ""
