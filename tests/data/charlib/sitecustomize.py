"""The part of PySpice's development interface that CharLib's delay procedure uses, over ngspice and the PySpice of the registry.

CharLib asks for a fork of PySpice that no registry has. In a process that has this folder on its path, ``PySpice.Simulator`` is this.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import PySpice
import PySpice.Unit
from PySpice.Spice.Netlist import Circuit


class Analysis:
    def __init__(self, measurements: dict[str, float]) -> None:
        self.measurements = measurements


class Simulation:
    def __init__(self, circuit: Any, temperature: float, nominal_temperature: float) -> None:
        self.lines = [str(circuit), f".temp {temperature}", f".options tnom={nominal_temperature}"]

    def options(self, *flags: str, **values: object) -> None:
        self.lines.append(".options " + " ".join([*flags, *(f"{name}={value}" for name, value in values.items())]))

    def measure(self, kind: str, name: str, *words: str, run: bool) -> None:
        self.lines.append(f".meas {kind} {name} {' '.join(words)}")

    def transient(self, step_time: Any, end_time: Any, run: bool) -> None:
        self.lines.append(f".tran {float(step_time):.9g} {float(end_time):.9g}")


class Simulator:
    simulation = Simulation

    @classmethod
    def factory(cls, simulator: str) -> Simulator:
        return cls()

    def run(self, simulation: Simulation) -> Analysis:
        with tempfile.TemporaryDirectory() as folder:
            deck = Path(folder) / "deck.sp"
            deck.write_text("\n".join([*simulation.lines, ".end"]) + "\n")
            said = subprocess.run(
                [shutil.which("ngspice") or "ngspice", "-b", deck.name], cwd=folder, capture_output=True, text=True
            ).stdout
        found = re.findall(r"^(\w+)\s*=\s+([-+0-9.eE]+)", said, re.MULTILINE)
        if not found:
            raise RuntimeError(said[-500:])
        return Analysis({name.lower(): float(value) for name, value in found})


PySpice.Circuit, PySpice.Simulator = Circuit, Simulator
