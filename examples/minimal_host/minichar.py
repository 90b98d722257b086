#!/usr/bin/env python3
"""A complete small characterization flow: cells and corners in, a Liberty file a corner out. It knows nothing of eda-plugin.

usage: minichar.py FOLDER CORNER...       such as  minichar.py lib ss,1.60,25 tt,1.80,25

Its simulator is the alpha-power law of a gate that drives a load. ``answer_plan`` simulates single points that somebody else chose: a CSV
with the columns cell, related_pin, edge, index_1 (input slew, ns), index_2 (load, pF) comes back with delay and transition in ns.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

CELLS = {"INV_1": ("A", 1.0, "!A"), "INV_2": ("A", 2.0, "!A"), "NAND2_1": ("AB", 0.7, "!(A&B)"), "NOR2_1": ("AB", 0.5, "!(A|B)")}
SLEWS, LOADS = (0.01, 0.04, 0.16, 0.64), (0.001, 0.004, 0.016, 0.064)  # ns, pF
STRENGTH, THRESHOLD = {"ss": 0.8, "tt": 1.0, "ff": 1.2}, {"ss": 0.55, "tt": 0.50, "ff": 0.45}
TABLES = ("cell_rise", "rise_transition", "cell_fall", "fall_transition")


def parse_corner(text: str) -> tuple[str, float, float]:
    """Process, volts, degrees Celsius."""
    process, volts, celsius = text.split(",")
    return process, float(volts), float(celsius)


def simulate(cell: str, pin: str, edge: str, slew: float, load: float, corner: tuple[str, float, float]) -> tuple[float, float]:
    """Delay and output transition in ns."""
    pins, drive, _ = CELLS[cell]
    process, volts, celsius = corner
    kelvin = (celsius + 273.15) / 298.15
    overdrive = volts - (THRESHOLD[process] - 0.0008 * (celsius - 25))
    mobility = kelvin**-1.4
    weak = (2.4 if edge == "rise" else 1.0) * (1 + 0.15 * pins.index(pin))
    resistance = weak * 2.0 / (drive * STRENGTH[process] * mobility * overdrive**1.3 / volts)  # kOhm, so kOhm * pF = ns
    own = 0.0012 * drive * len(pins)
    tau = resistance * (own + load)
    return 0.69 * tau + slew * (0.5 - (1 - overdrive / volts) / 2.3), 1.4 * tau + 0.12 * slew


def characterize(corner: tuple[str, float, float], out: Path) -> Path:
    """Simulate every cell on the whole grid and write its library."""
    process, volts, celsius = corner
    name = f"mini_{process}_{'n' if celsius < 0 else ''}{abs(celsius):03.0f}C_{volts:.2f}".replace(".", "v")
    variables = "variable_1 : input_net_transition; variable_2 : total_output_net_capacitance;"
    grid = f'{variables} index_1 ("{_row(SLEWS)}"); index_2 ("{_row(LOADS)}");'
    units = 'delay_model : table_lookup; time_unit : "1ns"; capacitive_load_unit (1, pf); voltage_unit : "1V"; current_unit : "1mA";'
    percent = " ".join(
        f"{where}_threshold_pct_{edge} : {value};"
        for where, value in (("input", 50), ("output", 50), ("slew_lower", 20), ("slew_upper", 80))
        for edge in ("rise", "fall")
    )
    lines = [f"library ({name}) {{", units, f"nom_process : 1; nom_voltage : {volts}; nom_temperature : {celsius};", percent]
    lines.append(f"lu_table_template (grid) {{ {grid} }}")
    for cell, (pins, drive, function) in CELLS.items():
        lines.append(f"cell ({cell}) {{ area : {drive};")
        lines += [f"pin ({pin}) {{ direction : input; capacitance : {0.002 * drive:g}; }}" for pin in pins]
        lines.append(f'pin (Y) {{ direction : output; function : "{function}"; max_capacitance : {LOADS[-1]};')
        for pin in pins:
            lines.append(f'timing () {{ related_pin : "{pin}"; timing_sense : negative_unate;')
            for table in TABLES:
                rows = [_row(_value(table, cell, pin, slew, load, corner) for load in LOADS) for slew in SLEWS]
                quoted = ", ".join(f'"{row}"' for row in rows)
                lines.append(f'{table} (grid) {{ index_1 ("{_row(SLEWS)}"); index_2 ("{_row(LOADS)}"); values ({quoted}); }}')
            lines.append("}")
        lines += ["}", "}"]
    text = "\n".join([*lines, "}"]).replace("; ", ";\n").replace("{ ", "{\n").replace(" }", "\n}")
    path = out / f"{name}.lib"
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _value(table: str, cell: str, pin: str, slew: float, load: float, corner: tuple[str, float, float]) -> float:
    delay, transition = simulate(cell, pin, "rise" if "rise" in table else "fall", slew, load, corner)
    return delay if table.startswith("cell") else transition


def _row(values) -> str:
    return ", ".join(f"{value:.7g}" for value in values)


def answer_plan(plan: Path, measured: Path, corner: str) -> None:
    """Simulate the rows of ``plan`` at ``corner`` and write them with their answers to ``measured``."""
    where = parse_corner(corner)
    with plan.open(newline="") as source, measured.open("w", newline="") as target:
        rows = csv.DictReader(source)
        writer = csv.DictWriter(target, [*rows.fieldnames, "delay", "transition"])
        writer.writeheader()
        for row in rows:
            delay, transition = simulate(row["cell"], row["related_pin"], row["edge"], float(row["index_1"]), float(row["index_2"]), where)
            writer.writerow({**row, "delay": f"{delay:.9g}", "transition": f"{transition:.9g}"})


def main(arguments: list[str]) -> int:
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for text in arguments[1:]:
        print(characterize(parse_corner(text), folder))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
