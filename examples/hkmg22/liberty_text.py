"""Liberty text of one characterized corner: units ns, pF, V, mA, nW; seven significant digits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from designs import EDGES, LEAST_LOAD, grids
from numpy.typing import NDArray

from eda_plugin.domain import Corner
from eda_plugin.files import replace_atomically

if TYPE_CHECKING:
    from designs import ArcResult, CellResult, ConstraintResult, PinResult

    from eda_plugin.domain.waveform import Waveform

__all__ = ["cell_text", "read_cells", "write"]

TIME, CAPACITANCE, POWER = 1e-9, 1e-12, 1e-9
WAVE = "rounded"
COMMENT = "a 22 nm teaching library, characterized with ngspice; transistor figures after PTM 22 nm MGK; no fab stands behind it"
ENERGY = 1e-12  # of a library in pF and V


def _number(value: float) -> str:
    return f"{value:.7g}"


def _list(values: Iterable[float]) -> str:
    return ", ".join(_number(value) for value in values)


def _table(kind: str, template: str, axes: Sequence[NDArray[np.float64]], values: NDArray[np.float64], unit: float) -> list[str]:
    rows = [f'          "{_list(row / unit)}"' for row in np.atleast_2d(values)]
    return [
        f"        {kind} ({template}) {{",
        *(f'          index_{place} ("{_list(axis)}");' for place, axis in enumerate(axes, 1)),
        "          values ( \\",
        ", \\\n".join(rows) + " \\",
        "          );",
        "        }",
    ]


def _timing(result: ArcResult) -> list[str]:
    arc = result.arc
    lines = ["      timing () {", f'        related_pin : "{arc.related_pin}";', f"        timing_sense : {arc.timing_sense};"]
    lines.append(f"        timing_type : {arc.timing_type};")
    if arc.when:
        lines.append(f'        when : "{arc.when}";')
    axes = (result.slews / TIME, result.loads / CAPACITANCE)
    for edge in result.delay:
        lines += _table(f"cell_{edge}", "delay_7x7", axes, result.delay[edge], TIME)
        lines += _table(f"{edge}_transition", "delay_7x7", axes, result.transition[edge], TIME)
    return [*lines, "      }"]


def _constraint(result: ConstraintResult) -> list[str]:
    arc = result.arc
    lines = ["      timing () {", f'        related_pin : "{arc.related_pin}";', f"        timing_type : {arc.timing_type};"]
    for edge, values in result.values.items():
        axes = [result.slews / TIME] * values.ndim
        lines += _table(f"{edge}_constraint", "constraint_3x3" if values.ndim == 2 else "width_3", axes, values, TIME)
    return [*lines, "      }"]


def _idle_power(result: PinResult) -> list[str]:
    lines = ["      internal_power () {", '        related_pg_pin : "VDD";']
    for edge in EDGES:
        lines += _table(f"{edge}_power", "power_7", [result.slews / TIME], result.energy[edge], ENERGY)
    return [*lines, "      }"]


def _power(result: ArcResult) -> list[str]:
    lines = ["      internal_power () {", f'        related_pin : "{result.arc.related_pin}";', '        related_pg_pin : "VDD";']
    if result.arc.when:
        lines.append(f'        when : "{result.arc.when}";')
    for edge in result.energy:
        lines += _table(f"{edge}_power", "power_7x7", (result.slews / TIME, result.loads / CAPACITANCE), result.energy[edge], ENERGY)
    return [*lines, "      }"]


def cell_text(result: CellResult, wave: Waveform | None = None) -> list[str]:
    """Lines of a cell's group."""
    cell, flipflop = result.design.cell, result.design.cell.flipflop
    idle = {pin.pin: pin for pin in result.pins}
    lines = [f"  cell ({cell.name}) {{", f"    area : {_number(cell.area)};"]
    if wave:
        lines += [f'    driver_waveform_{edge} : "{WAVE}";' for edge in EDGES]
    lines.append(f"    cell_leakage_power : {_number(float(np.mean([rest.power for rest in result.rests])) / POWER)};")
    for name, kind in (("VDD", "primary_power"), ("VSS", "primary_ground")):
        lines += [f"    pg_pin ({name}) {{", f"      pg_type : {kind};", f"      voltage_name : {name};", "    }"]
    for rest in result.rests:
        when = "&".join(name if level else f"!{name}" for name, level in rest.state.items())
        lines += ["    leakage_power () {", f'      when : "{when}";', f"      value : {_number(rest.power / POWER)};"]
        lines += ['      related_pg_pin : "VDD";', "    }"]
    if flipflop is not None:
        lines += [f"    ff ({flipflop.state}, {flipflop.inverse}) {{", f'      clocked_on : "{flipflop.clocked_on}";']
        lines += [f'      next_state : "{flipflop.next_state}";', f'      clear : "{flipflop.clear}";', "    }"]
    for pin in cell.pins:
        arcs = [arc for arc in result.arcs if arc.arc.pin == pin.name]
        lines += [f"    pin ({pin.name}) {{", f"      direction : {pin.direction};"]
        lines += ["      related_power_pin : VDD;", "      related_ground_pin : VSS;"]
        if pin.direction == "input":
            if pin.clock:
                lines.append("      clock : true;")
            stated = [idle[pin.name]] if pin.name in idle else [arc for arc in result.arcs if arc.arc.related_pin == pin.name]
            rise, fall = (float(np.mean([part.capacitance[edge] for part in stated])) / CAPACITANCE for edge in EDGES)
            lines += [f"      capacitance : {_number((rise + fall) / 2)};", f"      rise_capacitance : {_number(rise)};"]
            lines += [f"      fall_capacitance : {_number(fall)};", f"      max_transition : {_number(stated[0].slews[-1] / TIME)};"]
            for constraint in result.constraints:
                if constraint.arc.pin == pin.name:
                    lines += _constraint(constraint)
            if pin.name in idle:
                lines += _idle_power(idle[pin.name])
        else:
            lines += [f'      function : "{pin.function}";', f"      max_capacitance : {_number(arcs[0].loads[-1] / CAPACITANCE)};"]
            for arc in arcs:
                lines += _timing(arc)
            for arc in arcs:
                lines += _power(arc)
        lines.append("    }")
    return [*lines, "  }"]


def _waveform(wave: Waveform, slews: Sequence[float]) -> list[str]:
    """The form of the inputs' edges, at the slews of the tables."""
    rows = [f'      "{_list(np.array(wave.times) * slew)}"' for slew in slews]
    return [
        "  lu_table_template (waveform) {",
        "    variable_1 : input_net_transition;",
        "    variable_2 : normalized_voltage;",
        *(f'    index_{axis} ("{_list(range(1, len(part) + 1))}");' for axis, part in enumerate((slews, wave.levels), 1)),
        "  }",
        "  normalized_driver_waveform (waveform) {",
        f'    driver_waveform_name : "{WAVE}";',
        f'    index_1 ("{_list(slews)}");',
        f'    index_2 ("{_list(wave.levels)}");',
        "    values ( \\",
        ", \\\n".join(rows) + " \\",
        "    );",
        "  }",
    ]


def _head(corner: Corner, wave: Waveform | None) -> list[str]:
    volts, celsius = _number(corner.voltage), _number(corner.temperature)
    slews = [slew / TIME for slew in grids(corner, LEAST_LOAD)[0]]
    steps = "1, 2, 3, 4, 5, 6, 7"
    templates = []
    for group, name, first in (("lu_table", "delay_7x7", "input_net_transition"), ("power_lut", "power_7x7", "input_transition_time")):
        templates += [f"  {group}_template ({name}) {{", f"    variable_1 : {first};", "    variable_2 : total_output_net_capacitance;"]
        templates += [f'    index_1 ("{steps}");', f'    index_2 ("{steps}");', "  }"]
    templates += ["  lu_table_template (constraint_3x3) {", "    variable_1 : related_pin_transition;"]
    templates += ["    variable_2 : constrained_pin_transition;", '    index_1 ("1, 2, 3");', '    index_2 ("1, 2, 3");', "  }"]
    templates += ["  lu_table_template (width_3) {", "    variable_1 : related_pin_transition;", '    index_1 ("1, 2, 3");', "  }"]
    templates += ["  power_lut_template (power_7) {", "    variable_1 : input_transition_time;", f'    index_1 ("{steps}");', "  }"]
    return [
        f"library (hkmg22_{corner.name}) {{",
        "  technology (cmos);",
        "  delay_model : table_lookup;",
        f'  comment : "{COMMENT}";',
        '  time_unit : "1ns";',
        '  voltage_unit : "1V";',
        '  current_unit : "1mA";',
        '  leakage_power_unit : "1nW";',
        '  pulling_resistance_unit : "1kohm";',
        "  capacitive_load_unit (1, pf);",
        "  slew_derate_from_library : 1;",
        *(f"  {side}_threshold_pct_{edge} : 50;" for side in ("input", "output") for edge in ("rise", "fall")),
        *(f"  slew_{name}_threshold_pct_{edge} : {part};" for name, part in (("lower", 20), ("upper", 80)) for edge in ("rise", "fall")),
        "  nom_process : 1;",
        f"  nom_voltage : {volts};",
        f"  nom_temperature : {celsius};",
        f"  voltage_map (VDD, {volts});",
        "  voltage_map (VSS, 0);",
        f"  operating_conditions ({corner.name}) {{",
        "    process : 1;",
        f"    voltage : {volts};",
        f"    temperature : {celsius};",
        "    tree_type : balanced_tree;",
        "  }",
        f"  default_operating_conditions : {corner.name};",
        "  default_cell_leakage_power : 0;",
        "  default_fanout_load : 1;",
        "  default_inout_pin_cap : 0;",
        "  default_input_pin_cap : 0;",
        "  default_output_pin_cap : 0;",
        f"  default_max_transition : {_number(slews[-1])};",
        *templates,
        *(_waveform(wave, slews) if wave else ()),
    ]


def read_cells(path: Path) -> dict[str, list[str]]:
    """Lines of each cell of a library that ``write`` wrote, by the cell's name."""
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in path.read_text(encoding="utf-8").splitlines():
        if opening := re.match(r"  cell \((\w+)\) \{$", line):
            current = found[opening[1]] = []
        if current is not None:
            current.append(line)
        if line == "  }":
            current = None
    return found


def write(path: Path, corner: Corner, cells: Iterable[list[str]], wave: Waveform | None = None) -> None:
    """Write the library of a corner, cell after cell (``cell_text``), whole or not at all."""
    lines = [*_head(corner, wave), *(line for cell in cells for line in cell), "}", ""]
    with replace_atomically(path) as part:
        part.write_text("\n".join(lines), encoding="utf-8")
