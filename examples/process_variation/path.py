"""Sigma of a path of five cells: from LVF tables along the path that OpenSTA reports, and by Monte Carlo with ngspice.

    python examples/process_variation/path.py LIB [--draws 2000] [--wire 0] [--out DIR]

LIB is a library with LVF tables of the path's cells (`eda-plugin variation`). LVF describes variation that is independent from cell to
cell: so does the Monte Carlo, which draws the process parameters of each cell on their own. OpenSTA as Debian builds it knows no
statistics, so the tables are combined here along the path that it reports, with the slews and loads that it reports.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters import liberty
from eda_plugin.adapters.ngspice.log import LogRow
from eda_plugin.adapters.ngspice.netlist import read_ports
from eda_plugin.adapters.ngspice.run import answer_rows
from eda_plugin.adapters.ngspice.variation import FAST
from eda_plugin.adapters.sta import read_report
from eda_plugin.domain import Library
from eda_plugin.errors import EdaPluginError, UserError
from eda_plugin.flow.study_rows import RowStore
from eda_plugin.flow.variation_path import path_variation

HERE = Path(__file__).parent
Floats = NDArray[np.float64]
LOAD, SLEW = 2e-15, 2e-11
"""F at the end of the path, s at its beginning."""


@dataclass(frozen=True)
class Stage:
    """A cell of the path, the pin that the path goes through, and the levels of its other inputs."""

    cell: str
    pin: str
    side: tuple[tuple[str, bool], ...] = ()


PATH = (
    Stage("NAND2", "A", (("B", True),)),
    Stage("NOR2", "A", (("B", False),)),
    Stage("NOT", "A"),
    Stage("BUF", "A"),
    Stage("NAND2", "B", (("A", True),)),
)


def verilog() -> str:
    """The path as a module: inputs at a level are ports of their own, so that the timer sees every arc."""
    ports, cells = ["start"], []
    for place, stage in enumerate(PATH):
        before = "start" if not place else f"n{place}"
        after = "stop" if place == len(PATH) - 1 else f"n{place + 1}"
        pins = [f".{stage.pin}({before})", f".Y({after})"]
        for name, _ in stage.side:
            ports.append(f"side{place}")
            pins.append(f".{name}(side{place})")
        cells.append(f"  {stage.cell} u{place} ({', '.join(pins)});")
    wires = ", ".join(f"n{place}" for place in range(1, len(PATH)))
    return "\n".join(
        [
            f"module path ({', '.join(ports)}, stop);",
            f"  input {', '.join(ports)};",
            "  output stop;",
            f"  wire {wires};",
            *cells,
            "endmodule",
            "",
        ]
    )


def spef(wire: float) -> str:
    """``wire`` in F on each net between two cells, at its driver."""
    lines = [
        '*SPEF "IEEE 1481-1998"',
        '*DESIGN "path"',
        *(f'*{word} ""' for word in ("DATE", "VENDOR", "PROGRAM", "VERSION", "DESIGN_FLOW")),
        "*DIVIDER /",
        "*DELIMITER :",
        "*BUS_DELIMITER [ ]",
    ]
    lines += ["*T_UNIT 1 PS", "*C_UNIT 1 FF", "*R_UNIT 1 OHM", "*L_UNIT 1 HENRY"]
    for place in range(1, len(PATH)):
        driver, sink = f"u{place - 1}:Y", f"u{place}:{PATH[place].pin}"
        lines += [f"*D_NET n{place} {wire * 1e15:g}", "*CONN", f"*I {driver} O", f"*I {sink} I"]
        lines += ["*CAP", f"1 {driver} {wire * 1e15:g}", "*RES", f"1 {driver} {sink} 0.01", "*END"]
    return "\n".join([*lines, ""])


def report(library: Path, edge: str, folder: Path, wire: float = 0.0) -> Path:
    """What OpenSTA reports of the path from an edge of ``start``."""
    (folder / "path.v").write_text(verilog())
    (folder / "path.spef").write_text(spef(wire))
    output = folder / f"path_{edge}.rpt"
    script = f"""read_liberty {library.resolve()}
read_verilog path.v
link_design path
{"read_spef path.spef" if wire else ""}
create_clock -name clock -period 10
set_input_delay 0 -clock clock [get_ports start]
set_output_delay 0 -clock clock [get_ports stop]
set_input_transition {SLEW * 1e9:g} [get_ports start]
set_load {LOAD * 1e12:g} [get_ports stop]
report_checks -{edge}_from [get_ports start] -to [get_ports stop] -fields {{slew cap input_pin}} -digits 9 > {output.name}
"""
    (folder / "path.tcl").write_text(script)
    done = subprocess.run(["sta", "-no_splash", "-exit", "path.tcl"], cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode or "Warning" in done.stdout + done.stderr or "Error" in done.stdout + done.stderr:
        raise UserError(f"OpenSTA on {folder / 'path.tcl'}: {(done.stdout + done.stderr).strip()[:300]}")
    return output


def simulate(library: Library, edge: str, draws: int, wire: float = 0.0, *, independent: bool = True) -> Floats:
    """(draws,) s from ``start`` to ``stop``, each cell with process parameters of its own (or, not ``independent``, all with the same)."""
    store = RowStore(HERE)
    bench = store.bench("NOT")
    law, corner = bench.law, library.corner
    names = [(model, f"{model}{place}") for place in range(len(PATH)) for model in ("nmos", "pmos")]
    models = _section(bench.models, "devices")
    cards = "\n".join(_renamed(models, names[2 * place : 2 * place + 2]) for place in range(len(PATH)))
    text = bench.netlists.read_text(encoding="utf-8")
    cells = "\n".join(_suffixed(text, place) for place in range(len(PATH)))
    ports = read_ports(bench.netlists)
    settings = replace(FAST, rows=100, wave=liberty.driver_waveform(library))
    count = len(law.parameters)
    values = np.stack(
        [store.law.rows(f"path {place if independent else 0}", range(draws), store.seed)[:, :count] for place in range(len(PATH))]
    )
    head = [
        "* a path of five cells",
        f".param slow_n=0 slow_p=0\n{cards}",
        cells,
        f".temp {corner.temperature:g}",
        f"vsupply supply 0 {corner.voltage:g}",
    ]
    head += [".options " + " ".join(settings.options), "vstart n0 0 dc 0 pwl(0 0 1n 0)", f"cload n{len(PATH)} 0 {LOAD:g}"]
    for place, stage in enumerate(PATH):
        nodes = {stage.pin.lower(): f"n{place}", "y": f"n{place + 1}", "vdd": "supply", "vss": "0"}
        nodes |= {name.lower(): "supply" if high else "0" for name, high in stage.side}
        head.append(f"x{place} {' '.join(nodes[port.lower()] for port in ports[stage.cell.lower()])} {stage.cell}_{place}")
    head += [f"cwire{place} n{place} 0 {wire:g}" for place in range(1, len(PATH)) if wire]
    inverting = sum(stage.cell in ("NAND2", "NOR2", "NOT") for stage in PATH)
    out = edge if inverting % 2 == 0 else {"rise": "fall", "fall": "rise"}[edge]
    volts, full = corner.voltage, SLEW * settings.ramp
    high = volts * (edge == "fall")
    start, stop, middle = full / 10, full + 1.5e-10, volts * settings.threshold
    driven = settings.driven(SLEW, start, high, volts - high)

    def deck(rows: Sequence[int]) -> str:
        lines = [*head, f".save v(n0) v(n{len(PATH)})", ".control", f"alter vstart dc = {high:g}"]
        lines.append(f"alter @vstart[pwl] = [ {driven} ]")
        for number, row in enumerate(rows):
            lines.append(f"echo row {number}")
            for place in range(len(PATH)):
                for one, value in zip(law.parameters, values[place, row], strict=True):
                    lines += [f"altermod {model}{place} {name} = {mean + value - one.mean:.9g}" for model, name, mean in one.sets]
            lines.append(f"tran 1e-12 {stop:g} 0 1e-12")
            lines.append(f"meas tran delay trig v(n0) val={middle:g} {edge}=1 targ v(n{len(PATH)}) val={middle:g} {out}=last")
            lines += [f"echo done {number}", "destroy all"]
        return "\n".join([*lines, "quit", ".endc", ".end", ""])

    found: list[float] = []
    for begin in range(0, draws, settings.rows):
        part = range(begin, min(begin + settings.rows, draws))
        answers = answer_rows(len(part), lambda rows, part=part: deck([part[row] for row in rows]), settings)  # type: ignore[misc]
        found += [row.values.get("delay", np.nan) if isinstance(row, LogRow) else np.nan for row in answers]
    return np.array(found)


def _section(models: Path, name: str) -> str:
    """A section of a models' file. At the typical corner the devices' section says all, with no shift of its parameters."""
    found = re.search(rf"^\.lib {name}$(.*?)^\.endl", models.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    if found is None:
        raise UserError(f"{models} has no section {name}")
    return found[1]


def _renamed(text: str, names: Sequence[tuple[str, str]]) -> str:
    for old, new in names:
        text = re.sub(rf"^\.model {old} ", f".model {new} ", text, flags=re.MULTILINE)
    return text


def _suffixed(text: str, place: int) -> str:
    """The netlists with every subcircuit and model of a name of its own."""
    subcircuits = re.findall(r"^\.subckt (\w+)", text, flags=re.MULTILINE)
    words = re.compile(rf"\b({'|'.join(subcircuits)}|nmos|pmos)\b")
    lines = [line for line in text.splitlines() if not line.startswith("*")]
    return "\n".join(words.sub(lambda found: found[1] + ("" if found[1] in ("nmos", "pmos") else "_") + str(place), line) for line in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path, metavar="LIB")
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--wire", type=float, default=0.0, help="fF on each net between two cells")
    parser.add_argument("--out", type=Path, default=Path("out/path"))
    options = parser.parse_args()
    if shutil.which("sta") is None:
        raise UserError("OpenSTA (sta) is not on the PATH; it reports the path's slews and loads")
    options.out.mkdir(parents=True, exist_ok=True)
    library = liberty.read(options.library)
    if library.corner.process != "tt":
        raise UserError(f"{options.library} is of process {library.corner.process!r}; this path is simulated with typical devices only")
    facts: dict[str, object] = {"corner": str(library.corner), "draws": options.draws, "wire": options.wire * 1e-15}
    for edge in ("rise", "fall"):
        uses = read_report(report(options.library, edge, options.out, options.wire * 1e-15), header=library.header)
        told = path_variation(library, uses)
        draws = simulate(library, edge, options.draws, options.wire * 1e-15)
        draws = draws[np.isfinite(draws)]
        sigma = float(draws.std())
        facts[edge] = {
            "simulated": {"mean": float(draws.mean()), "sigma": sigma, "draws": len(draws)},
            "tables": {"nominal": told.nominal, "mean": told.mean, "sigma": told.deviation, "sigma_without_slews": told.without_slews},
        }
        for name, value in (("with the slews' share", told.deviation), ("without it", told.without_slews)):
            print(f"{edge}, {name}: sigma {value * 1e12:.3f} ps, simulated {sigma * 1e12:.3f} ps ({100 * (value / sigma - 1):+.1f} %)")
        print(f"{edge}: mean {told.mean * 1e12:.2f} ps, simulated {draws.mean() * 1e12:.2f} ps")
    (options.out / "path.json").write_text(json.dumps(facts, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EdaPluginError as error:
        sys.exit(f"error: {error}")
