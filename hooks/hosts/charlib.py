"""CharLib 2: procedures, chosen by name, that answer from a filled corner and hand the rest over to CharLib's own simulations.

CharLib asks a procedure for tasks and runs each in a process of its own: what is known becomes one task a cell, what is too uncertain stays
the task that CharLib's procedure makes. CharLib merges both, taking 0 for missing, so a point is only ever in one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from charlib.characterizer.characterizer import Characterizer  # registers CharLib's own procedures
from charlib.characterizer.procedures import register, registered_procedures

from eda_plugin.errors import UserError
from eda_plugin.hooks.hosts.charlib_corner import FilledCorner
from eda_plugin.hooks.hosts.charlib_tasks import filled_cell, filled_leakage, filled_numbers

__all__ = ["PROCEDURES", "Characterizer", "answer_from"]

PROCEDURES = {
    "input_capacitance_procedure": "eda_plugin_capacitance",
    "combinational_delay_procedure": "eda_plugin_combinational_delay",
    "combinational_leakage_procedure": "eda_plugin_leakage",
    "sequential_delay_procedure": "eda_plugin_sequential_delay",
    "setup_hold_constraint_procedure": "eda_plugin_setup_hold",
    "recovery_constraint_procedure": "eda_plugin_recovery",
    "removal_constraint_procedure": "eda_plugin_removal",
    "min_pulse_width_constraint_procedure": "eda_plugin_min_pulse_width",
}
"""Settings of CharLib's ``simulation``, and ours."""

Task = tuple[Any, ...]
_corner: FilledCorner | None = None


def answer_from(corner: FilledCorner | None) -> None:
    """Say which corner the procedures of this process answer from."""
    global _corner
    _corner = corner


def _known() -> FilledCorner:
    if _corner is None:
        raise UserError("CharLib runs a procedure of eda-plugin without a filled corner; call answer_from first")
    return _corner


def _own(name: str, *given: Any) -> list[Task]:
    return list(registered_procedures[name]["callable"](*given))


@register("data_slews", "loads", "transient_sim_end_time")
def eda_plugin_combinational_delay(cell: Any, config: Any, settings: Any) -> Iterator[Task]:
    """Delays and transitions; points that are uncertain or off the filled grid are simulated as ``combinational_worst_case`` does."""
    corner, units = _known(), settings.units
    tables: dict[tuple[str, str, str, str], dict[tuple[float, float], float]] = {}
    answers: dict[tuple[Any, ...], dict[str, float] | None] = {}
    loads, slews = (np.unique([_in_unit(value, unit) for value in _list(config.parameters[name])]) for name, unit in _grid(units))
    for task in _own("combinational_worst_case", cell, config, settings):
        variation, path = task[4], task[5]
        related, _, pin, transition = path
        if not any(True for _ in cell.nonmasking_conditions_for_path(*path)):
            continue
        edge = "rise" if transition == "01" else "fall"
        slew, load = variation["data_slews"], variation["loads"]
        asked = (pin, related, edge, slew, load)
        if asked not in answers:
            answers[asked] = corner.point(cell.name, pin, related, edge, float(slew * units.time), float(load * units.capacitance))
        answer = answers[asked]
        if answer is None:
            yield task
            continue
        for quantity, value in answer.items():
            known = tables.setdefault((pin, related, f"combinational_{edge}", quantity), {})
            known[_in_unit(load, units.capacitance), _in_unit(slew, units.time)] = value / float(1 * units.time)
    rows = []
    template = f"delay_template_{len(loads)}x{len(slews)}"
    for (pin, related, kind, quantity), known in sorted(tables.items()):
        values = [[known.get((load, slew), 0.0) for slew in slews.tolist()] for load in loads.tolist()]
        axes = {"total_output_net_capacitance": loads.tolist(), "input_net_transition": slews.tolist()}
        rows.append((pin, related, kind, quantity, template, axes, values))
    if rows:
        yield (filled_cell, cell.liberty, rows)


def _grid(units: Any) -> tuple[tuple[str, Any], tuple[str, Any]]:
    return (("loads", units.capacitance), ("data_slews", units.time))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _in_unit(value: float, unit: Any) -> float:
    """As CharLib converts an index, to the last bit: what it merges must be equal."""
    return float((value * unit).convert(unit.prefixed_unit).value)


@register
def eda_plugin_capacitance(cell: Any, config: Any, settings: Any) -> Iterator[Task]:
    """Capacitances of input pins; those that are uncertain are measured as ``ac_sweep`` does."""
    corner, known = _known(), {}
    for task in _own("ac_sweep", cell, config, settings):
        pin = task[4]
        found = [row for row, key in corner.rows(cell.name, pin, "") if key.quantity == "capacitance"]
        table, certain = corner.table(found[0]) if found else (None, False)
        if table is None or not certain:
            yield task
        else:
            known[pin] = float(table.values) / float(1 * settings.units.capacitance)
    if known:
        yield (filled_numbers, cell.liberty, "capacitance", known)


@register
def eda_plugin_leakage(cell: Any, config: Any, settings: Any) -> Iterator[Task]:
    """Leakage of all states, and the cell's; simulated as ``combinational_leakage`` does where one of them is uncertain."""
    corner, watt = _known(), float(1 * settings.units.power)
    states, whole, certain = {}, None, True
    for row, key in corner.keys_of(cell.name):
        if key.timing_type == "leakage":
            table, sure = corner.table(row)
            certain = certain and sure
            if key.quantity == "cell_leakage_power":
                whole = float(table.values) / watt
            elif key.when:
                states[key.when] = float(table.values) / watt
    if certain and (states or whole is not None):
        yield (filled_leakage, cell.liberty, states, whole)
    else:
        yield from _own("combinational_leakage", cell, config, settings)


@register
def eda_plugin_sequential_delay(cell: Any, config: Any, settings: Any) -> Iterator[Task]:
    """Delays from clock, clear and preset, on the filled library's own axes."""
    return _whole(cell, config, settings, ("rising_edge", "falling_edge", "clear", "preset"), "")


@register
def eda_plugin_setup_hold(cell: Any, config: Any, settings: Any) -> Iterator[Task]:
    """Setup and hold on the filled library's own axes; simulated from the contour, as CharLib does, where one is uncertain."""
    kinds = ("setup_rising", "setup_falling", "hold_rising", "hold_falling")
    return _whole(cell, config, settings, kinds, "measure_setup_hold_from_contour")


@register
def eda_plugin_recovery(cell: Any, config: Any, settings: Any) -> Iterator[Task]:
    """Recovery times on the filled library's own axes."""
    return _whole(cell, config, settings, ("recovery_rising", "recovery_falling"), "")


@register
def eda_plugin_removal(cell: Any, config: Any, settings: Any) -> Iterator[Task]:
    """Removal times on the filled library's own axes."""
    return _whole(cell, config, settings, ("removal_rising", "removal_falling"), "")


@register
def eda_plugin_min_pulse_width(cell: Any, config: Any, settings: Any) -> Iterator[Task]:
    """Minimum pulse widths on the filled library's own axes. CharLib 2.1 asks no procedure for them."""
    return _whole(cell, config, settings, ("min_pulse_width",), "")


def _whole(cell: Any, config: Any, settings: Any, kinds: Iterable[str], simulate: str) -> Iterator[Task]:
    """Tables as they are, states joined by the largest value. CharLib has no simulation of what names no procedure to hand over to."""
    corner, units = _known(), settings.units
    joined: dict[tuple[str, str, str, str], tuple[dict[str, list[float]], Any]] = {}
    uncertain = []
    for row, key in corner.keys_of(cell.name):
        if key.timing_type not in kinds or key.quantity.startswith("ocv_"):
            continue
        table, certain = corner.table(row)
        if not certain:
            uncertain.append(f"{key.pin} {key.related_pin} {key.timing_type} {key.quantity}")
        order = sorted(range(len(table.axes)), key=lambda axis: not (table.axes[axis].is_load or table.axes[axis].variable[:3] == "rel"))
        axes = {}
        for axis in (table.axes[at] for at in order):
            unit = units.capacitance if axis.is_load else units.time
            axes[axis.variable] = (axis.values / float(1 * unit)).tolist()
        values = np.transpose(table.values, order) / float(1 * units.time)
        place = (key.pin, key.related_pin, key.timing_type, key.quantity)
        if place in joined and joined[place][0] != axes:
            raise UserError(f"{cell.name}: the states of {' '.join(place)} have different axes; CharLib's libraries hold one table for all")
        joined[place] = (axes, values if place not in joined else np.maximum(values, joined[place][1]))
    if uncertain and simulate:
        yield from _own(simulate, cell, config, settings)
        return
    if uncertain:
        raise UserError(
            f"{cell.name}: {'; '.join(uncertain)} too uncertain, and CharLib 2.1 has no simulation of it; give measurements with "
            "--option=--measured, or a larger --max-interval"
        )
    rows = []
    for (pin, related, kind, quantity), (axes, values) in sorted(joined.items(), key=lambda item: item[0]):
        size = "x".join(str(len(axis)) for axis in axes.values())
        rows.append((pin, related, kind, quantity, f"eda_plugin_{kind}_{size}", axes, values.tolist()))
    if rows:
        yield (filled_cell, cell.liberty, rows)
