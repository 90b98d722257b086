"""Small libraries to try a plugin on, and what every model has to hold to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eda_plugin.config import FillSettings, NullProgress
from eda_plugin.data.dataset import complete_template, reveal
from eda_plugin.domain import Axis, Cell, Corner, Library, Origin, Pin, Points, Table, TableKey, blank
from eda_plugin.hooks.registries import Fill

__all__ = ["Case", "ConformanceError", "check_model", "copy_of", "same_library", "sample_case", "sample_libraries"]

_SPEED = {"ss": 1.25, "tt": 1.0, "ff": 0.8}
_SLEWS, _LOADS = np.array([1e-11, 1e-10, 1e-9]), np.array([1e-15, 1e-14, 5e-14])


class ConformanceError(AssertionError):
    """A plugin does not do what the specifications say."""


@dataclass(frozen=True)
class Case:
    """What a model is asked: ``measured`` at ``target`` on the tables of ``template``, from ``anchors``."""

    anchors: Sequence[Library]
    template: Library
    target: Corner
    measured: Points | None = None
    settings: FillSettings = FillSettings()  # noqa: RUF009 - frozen


def sample_libraries() -> tuple[Library, ...]:
    """Six small libraries of two inverters, whose delays follow a plain law of process, voltage and temperature."""
    corners = (("ss", 1.6, 25), ("ss", 1.8, 100), ("ss", 1.8, 25), ("tt", 1.8, 25), ("tt", 1.6, 100), ("ff", 1.95, 25))
    return tuple(_library(Corner(*corner)) for corner in corners)


def sample_case() -> Case:
    """The libraries of ``sample_libraries``, a blank template at ss, 1.6 V, 100 degrees, and two simulations there."""
    target = Corner("ss", 1.6, 100)
    truth = _library(target)
    template = Library.from_tables(
        [blank(table) for table in truth], name=truth.name, corner=target, header=truth.header, cells=truth.cells, source="template.lib"
    )
    arc = truth.keys[0].arc
    delay, transition = (truth[TableKey(*arc, quantity)].values[1] for quantity in ("cell_rise", "rise_transition"))
    index = np.array([[_SLEWS[1], _LOADS[0]], [_SLEWS[1], _LOADS[2]]])
    return Case(sample_libraries(), template, target, Points((arc, arc), ("rise", "rise"), index, delay[[0, 2]], transition[[0, 2]]))


def _library(corner: Corner) -> Library:
    k = _SPEED[corner.process] * (1.8 / corner.voltage) ** 1.5 * (1 + 1e-3 * (corner.temperature - 25))
    axes = (Axis("input_net_transition", _SLEWS), Axis("total_output_net_capacitance", _LOADS))
    offsets = {"cell_rise": 2e-11, "rise_transition": 3e-11, "cell_fall": 1.5e-11, "fall_transition": 2.5e-11}
    tables = [
        Table(
            TableKey(cell, "Y", "A", "combinational", "negative_unate", "", quantity),
            axes,
            k * (offset + 0.2 * _SLEWS[:, None] + 2e3 * _LOADS[None, :] / size),
            np.full((3, 3), Origin.MEASURED, dtype=np.uint8),
        )
        for size, cell in enumerate(("INV_1", "INV_2"), start=1)
        for quantity, offset in offsets.items()
    ]
    pins = (Pin("A", "input"), Pin("Y", "output", "!A"))
    cells = tuple(Cell(cell, size, pins) for size, cell in enumerate(("INV_1", "INV_2"), start=1))
    return Library.from_tables(tables, name=f"sample_{corner.name}", corner=corner, cells=cells, source=f"sample_{corner.name}.lib")


def same_library(one: Library, other: Library) -> bool:
    """Bit for bit: keys, values, origins and intervals."""
    if one.keys != other.keys or not np.array_equal(one.origin, other.origin):
        return False
    for a, b in ((one.values, other.values), (one.lower, other.lower), (one.upper, other.upper)):
        if a is None or b is None:
            if a is not b:
                return False
        elif not np.array_equal(a, b, equal_nan=True):
            return False
    return True


def copy_of(library: Library) -> Library:
    """The same numbers elsewhere, to compare with afterwards."""
    return library.with_values(library.values.copy(), library.origin.copy())


def _require(holds: bool | np.bool_, otherwise: str) -> None:
    if not holds:
        raise ConformanceError(otherwise)


def check_model(fill: Fill, case: Case) -> Library:
    """Fill twice, the second time with the anchors in another order; the library.

    Raises ``ConformanceError`` for the first rule that is broken.
    """
    before = [copy_of(library) for library in (*case.anchors, case.template)]
    runs = [
        fill(anchors, case.template, case.target, case.measured, case.settings, NullProgress())
        for anchors in (list(case.anchors), list(case.anchors)[::-1])
    ]
    library = runs[0].library
    for library_now, was in zip((*case.anchors, case.template), before, strict=True):
        _require(same_library(library_now, was), f"{was.name} was changed")
    _require(same_library(library, runs[1].library), "the same seed gave another answer, or the order of the anchors counts")
    whole = complete_template(case.template, sorted(case.anchors, key=lambda anchor: (anchor.corner, anchor.source)))
    _require(library.corner == case.target, f"the library is at {library.corner}, the target is {case.target}")
    _require(set(whole.keys) == set(library.keys), "tables were lost or invented")
    _require(np.isfinite(library.values).all(), "values are missing")
    _require((library.origin != Origin.MISSING).all(), "an origin is missing")
    known = library.with_values(np.full(len(library.values), np.nan), library.origin).values.copy()
    reveal(library, case.measured, known)
    told = np.isfinite(known)
    _require(np.array_equal(library.values[told], known[told]), "a measured value was changed")
    _require((library.origin[told] == Origin.MEASURED).all(), "a measured value has another origin")
    given = {key: table for key, table in zip(whole.keys, whole, strict=True) if table.known.all()}
    for key, table in given.items():
        _require(np.array_equal(library[key].values, table.values), f"{key}: the template's own value was changed")
        _require(np.array_equal(library[key].origin, table.origin), f"{key}: the template's own value has another origin")
    if library.lower is not None and library.upper is not None:
        _require((library.lower <= library.values).all(), "an interval ends below its value")
        _require((library.values <= library.upper).all(), "an interval begins above its value")
        _require(np.array_equal(library.lower[told], library.upper[told]), "what was measured is not certain")
    return library
