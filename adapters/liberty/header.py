"""What a library says of itself: units, thresholds, its corner, and the structure of its cells."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TypedDict

from eda_plugin.adapters.liberty.scan import COMPLEX, GROUP, SIMPLE, Index, unquote
from eda_plugin.adapters.liberty.source import Source
from eda_plugin.domain import Cell, Corner, FlipFlop, Header, Pin
from eda_plugin.errors import UserError
from eda_plugin.units import unit_factor

__all__ = ["PINS", "RAILS", "STATE", "attributes", "conditions_row", "homes", "names_in", "read_cells", "read_corner", "read_header"]

PINS = ("pin", "bus", "bundle")
STATE = ("ff", "latch", "ff_bank", "latch_bank", "statetable")
RAILS = ("voltage_map", "power_rail")
_CONDITIONS = ("process", "voltage", "temperature")
_UNITS = {"time_unit": "time", "voltage_unit": "voltage", "current_unit": "current", "leakage_power_unit": "leakage"}
_DIMENSION = {"time": "s", "voltage": "v", "current": "a", "leakage": "w", "capacitance": "f"}


def attributes(index: Index, row: int) -> dict[str, int]:
    """Row of each simple attribute directly in a group; of several with one name the last counts."""
    return {index.name_of(child): int(child) for child in index.children(row, SIMPLE)}


def read_header(source: Source, library: int) -> Header:
    """Units and thresholds. Internal power is an energy: its unit is that of V x V x C."""
    index = source.index
    factors: dict[str, float] = {}
    thresholds: dict[str, float] = {}
    for name, row in attributes(index, library).items():
        if name in _UNITS:
            factors[_UNITS[name]] = _unit(source, row, index.value(row), _UNITS[name])
        elif "threshold_pct" in name:
            thresholds[name] = _number(source, row) / 100.0
        elif name == "slew_derate_from_library":
            thresholds[name] = _number(source, row)
    for row in index.children(library, COMPLEX):
        if index.name_of(row) == "capacitive_load_unit":
            words = unquote(index.raw(row).replace(b'"', b" ").replace(b",", b" ")).split()
            factors["capacitance"] = _unit(source, int(row), "".join(words), "capacitance")
    header = Header(**factors, thresholds=thresholds, **_stated(index, library))
    return replace(header, energy=header.voltage**2 * header.capacitance)


class _Stated(TypedDict):
    nominal: dict[str, float]
    conditions: dict[str, dict[str, float]]
    default_conditions: str
    rails: dict[str, float]


def _stated(index: Index, library: int) -> _Stated:
    """The conditions that a library states, for checks: what is no plain number (a voltage given by an expression, say) is left out."""

    def numbers(group: int, prefix: str) -> dict[str, float]:
        own = attributes(index, group)
        found = {name: _plain(index.value(own[prefix + name])) for name in _CONDITIONS if prefix + name in own}
        return {name: number for name, number in found.items() if number is not None}

    groups = [int(row) for row in index.children(library, GROUP)]
    default = attributes(index, library).get("default_operating_conditions")
    holders = [library, *(row for row in groups if index.name_of(row) == "power_supply")]
    rails: dict[str, float] = {}
    for row in (int(child) for holder in holders for child in index.children(holder, COMPLEX)):
        words = unquote(index.raw(row).replace(b'"', b" ").replace(b",", b" ")).split()
        if index.name_of(row) in RAILS and len(words) == 2 and (volts := _plain(words[1])) is not None:
            rails[words[0]] = volts
    return _Stated(
        nominal=numbers(library, "nom_"),
        conditions={index.argument(row): numbers(row, "") for row in groups if index.name_of(row) == "operating_conditions"},
        default_conditions="" if default is None else index.value(default),
        rails=rails,
    )


def _plain(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _unit(source: Source, row: int, text: str, what: str) -> float:
    try:
        factor = unit_factor(text)
    except ValueError:
        factor = 0.0
    if not 1e-24 <= factor <= 1e6 or not text.lower().rstrip(' "').endswith(_DIMENSION[what]):
        message = f"expected a unit of {what}, such as 1ns, 1V, 1mA, 1nW or (1, pf)"
        raise source.error(int(source.index.left[row]), message, text)
    return factor


def _number(source: Source, row: int) -> float:
    text = source.index.value(row)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise source.error(int(source.index.left[row]), f"{source.index.name_of(row)}: expected a number", text)
    return number


def conditions_row(index: Index, library: int) -> int | None:
    """The group of the library's own operating conditions: the default's, else the only one; ``None`` where that leaves it open."""
    groups = [int(row) for row in index.children(library, GROUP) if index.name_of(row) == "operating_conditions"]
    default = attributes(index, library).get("default_operating_conditions")
    if default is not None:
        named = [row for row in groups if index.argument(row) == index.value(default)]
        if named:
            return named[0]
    return groups[0] if len(groups) == 1 else None


def read_corner(source: Source, library: int) -> Corner:
    """The corner, from the library's name, its file's name, and its operating conditions.

    The process stands in a name only (``process : 1`` tells nothing). Voltage and temperature are those of ``nom_*``, else of the operating
    conditions, else of the name. Raises ``UserError`` where one of the three cannot be told.
    """
    index = source.index
    conditions = conditions_row(index, library)
    inside = {} if conditions is None else attributes(index, conditions)
    own = attributes(index, library)
    names = [index.argument(library), source.path.name]
    if conditions is not None:
        names.append(index.argument(conditions))
    if "default_operating_conditions" in own:
        names.append(index.value(own["default_operating_conditions"]))
    whole = next((corner for name in names if (corner := Corner.from_name(name))), None)
    process = next((found for name in names if (found := Corner.process_in(name))), None)
    voltage = _first(source, own.get("nom_voltage"), inside.get("voltage"), whole.voltage if whole else None)
    temperature = _first(source, own.get("nom_temperature"), inside.get("temperature"), whole.temperature if whole else None)
    lacking = [what for what, found in (("process", process), ("voltage", voltage), ("temperature", temperature)) if found is None]
    if process is None or voltage is None or temperature is None:
        raise UserError(
            f"{source.path}: the {' and '.join(lacking)} of library {names[0]!r} cannot be told from its name or operating conditions; "
            "say which corner it is: PROCESS,VOLTS,CELSIUS such as ss,1.60,100, in a table for --corners"
        )
    return Corner(process, voltage, temperature)


def _first(source: Source, *places: int | float | None) -> float | None:
    """The first number: rows (int) are read, floats stand for themselves."""
    for place in places:
        if place is not None:
            return _number(source, place) if isinstance(place, int) else place
    return None


def read_cells(source: Source, library: int) -> tuple[Cell, ...]:
    """Cells with their pins, buses and bundles; a pin inside a bus that states no direction has that of the bus."""
    index = source.index
    area, direction = index.by_parent("area"), index.by_parent("direction")
    function, clock = index.by_parent("function"), index.by_parent("clock")
    parent = index.parent
    cell_rows = [int(row) for row in index.rows(["cell"], GROUP) if parent[row] == library]
    pins: dict[int, list[Pin]] = {row: [] for row in cell_rows}
    for row in map(int, index.rows(PINS, GROUP)):
        around = int(parent[row])
        while around >= 0 and index.name_of(around) in PINS:
            around = int(parent[around])
        if around not in pins:
            continue  # of a test_cell, a scaled_cell or another library
        stated = direction.get(row, direction.get(int(parent[row])))
        text = "" if stated is None else index.value(stated)
        logic = index.value(function[row]) if row in function else ""
        is_clock = row in clock and index.value(clock[row]).lower() == "true"
        pins[around] += [Pin(name, text, logic, is_clock) for name in names_in(index.raw(row))]
    sequential = set(parent[index.rows(STATE, GROUP)].tolist())
    stored = _flipflops(index)
    return tuple(
        Cell(
            index.argument(row),
            _number(source, area[row]) if row in area else float("nan"),
            tuple(pins[row]),
            row in sequential,
            stored.get(row),
        )
        for row in cell_rows
    )


def _flipflops(index: Index) -> dict[int, FlipFlop]:
    """By the row of the cell; cells of several ``ff`` groups, or of one that lacks a clock or a next state, are left out."""
    attributes = [index.by_parent(name) for name in ("clocked_on", "next_state", "clear", "preset")]
    groups: dict[int, list[int]] = {}
    for row in map(int, index.rows(["ff"], GROUP)):
        groups.setdefault(int(index.parent[row]), []).append(row)
    found: dict[int, FlipFlop] = {}
    for cell, rows in groups.items():
        names = names_in(index.raw(rows[0]))
        clock, following, clear, preset = (index.value(rows_of[rows[0]]) if rows[0] in rows_of else "" for rows_of in attributes)
        if len(rows) == 1 and len(names) == 2 and clock and following:
            found[cell] = FlipFlop(names[0], names[1], clock, following, clear, preset)
    return found


def homes(index: Index, library: int) -> dict[tuple[str, str], int]:
    """Row of each cell, by its name and an empty text, and of each pin, bus and bundle, by cell and name."""
    found: dict[tuple[str, str], int] = {}
    for row in index.children(library, GROUP).tolist():
        if index.name_of(row) == "cell":
            cell = index.argument(row)
            found[cell, ""] = row
            inside = [child for child in index.children(row, GROUP).tolist() if index.name_of(child) in PINS]
            for pin in inside:
                inside += [child for child in index.children(pin, GROUP).tolist() if index.name_of(child) in PINS]
                for name in names_in(index.raw(pin)):
                    found.setdefault((cell, name), pin)
    return found


def names_in(arguments: bytes) -> list[str]:
    """The names of a pin group: ``(A)``, ``("A")``, ``(A, B)`` or ``(A B)``; one empty name where there is none."""
    return unquote(arguments.replace(b'"', b" ").replace(b",", b" ")).split() or [""]
