"""Rules within one library: tables that belong together, constraints in pairs, limits against axes, what a cell must have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain.arc import TableKey
from eda_plugin.domain.quantity import CAPACITANCE, CONSTRAINT, DELAY, LEAKAGE, TIMING, TRANSITION
from eda_plugin.qa.findings import Finding, Rule, Severity, finding
from eda_plugin.qa.rules_tables import wrong_values
from eda_plugin.qa.subject import Subject, View, resample
from eda_plugin.qa.windows import WINDOWS, window_pairs, window_sums

__all__ = ["arc_rules"]

_DISABLE = ("three_state_disable",)
_EDGES = ("rising_edge", "falling_edge")


def arc_rules() -> tuple[Rule, ...]:
    """The rules of this module."""
    return (
        Rule("transition-missing", "a delay without its transition leaves the next stage without a slew", _transition_missing),
        Rule("delay-missing", "a transition without its delay is an arc that takes no time", _delay_missing),
        Rule("grid-differs", "delay and transition of one edge come from one simulation; two grids are a mix-up", _grid_differs),
        Rule("edge-missing", "a combinational arc with one edge leaves the other untimed", _edge_missing),
        Rule("setup-hold", "setup plus hold below zero asks for data in a window of negative width", _setup_hold),
        Rule("recovery-removal", "recovery plus removal below zero asks for a release in a window of negative width", _recovery_removal),
        Rule("setup-without-hold", "a pin checked on one side of the clock edge only is half characterized", _setup_without_hold),
        Rule("pulse-width-positive", "a minimum pulse width of zero or less checks nothing", _pulse_width),
        Rule("capacitance-missing", "an input without a capacitance is a load of zero to its driver", _capacitance_missing),
        Rule("capacitance-edges", "a pin's capacitance lies between those of its edges, or one of the three is stale", _capacitance_edges),
        Rule("leakage-missing", "a cell without leakage is free in the power report", _leakage_missing),
        Rule("leakage-states", "a cell's leakage lies between those of its states, or one of them is stale", _leakage_states),
        Rule("load-axis-limit", "loads that the pin's limit allows and the tables don't reach are extrapolated", _load_axis),
        Rule("slew-axis-limit", "slews that the pin's limit allows and the tables don't reach are extrapolated", _slew_axis),
        Rule("output-without-arc", "an output with a function and no arc is untimed", _output_without_arc),
        Rule("clock-without-arc", "a sequential cell without an arc from its clock ends every path that starts there", _clock_without_arc),
        Rule("sigma-negative", "a standard deviation below zero is none", _sigma_negative),
        Rule("sigma-large", "a sigma above the mean puts delays below zero within one sigma", _sigma_large),
    )


def _partner(key: TableKey, quantity: str) -> TableKey:
    return key._replace(quantity=quantity)


def _without(subject: Subject, rule: str, have: tuple[str, str], want: tuple[str, str], what: str) -> Iterator[Finding]:
    other = dict(zip(have, want, strict=True))
    for library in subject.libraries:
        keys = set(library.keys)
        for key in library.keys:
            if key.quantity in other and _partner(key, other[key.quantity]) not in keys:
                text = f"has no {other[key.quantity]} beside it: {what}"
                yield finding(rule, Severity.ERROR, text, library, key)


def _transition_missing(subject: Subject) -> Iterator[Finding]:
    yield from _without(subject, "transition-missing", (DELAY[0], DELAY[1]), (TRANSITION[0], TRANSITION[1]), "the edge has no slew")


def _delay_missing(subject: Subject) -> Iterator[Finding]:
    yield from _without(subject, "delay-missing", (TRANSITION[0], TRANSITION[1]), (DELAY[0], DELAY[1]), "the edge has no delay")


def _grid_differs(subject: Subject) -> Iterator[Finding]:
    other = dict(zip(DELAY, TRANSITION, strict=True))
    for view in subject.views:
        library = view.library
        rows = view.rows(*DELAY)
        partners = np.array(
            [library.position.get(_partner(library.keys[row], other[library.keys[row].quantity]), row) for row in rows], int
        )
        size = np.diff(library.start)
        # equal axes are one axis in the pool, so their numbers tell
        differs = (library.axis[rows] != library.axis[partners]).any(axis=1) & (size[rows] > 1) & (size[partners] > 1)
        for row, partner in zip(rows[differs], partners[differs], strict=True):
            text = f"stands on another grid than its {other[library.keys[row].quantity]}"
            pairs = zip(library.axis[row].tolist(), library.axis[partner].tolist(), strict=True)
            values = [float(x) for mine, other in pairs if mine != other and mine >= 0 for x in library.axes[mine].values]
            yield finding("grid-differs", Severity.WARNING, text, library, library.keys[row], values)


def _edge_missing(subject: Subject) -> Iterator[Finding]:
    other = {DELAY[0]: DELAY[1], DELAY[1]: DELAY[0]}
    for library in subject.libraries:
        keys = set(library.keys)
        for key in library.keys:
            both = key.timing_type in ("combinational", *_EDGES)
            if both and key.quantity in other and _partner(key, other[key.quantity]) not in keys:
                yield finding("edge-missing", Severity.WARNING, f"the arc has no {other[key.quantity]}", library, key)


def _window(subject: Subject, rule: str, first: str) -> Iterator[Finding]:
    """Sums of two constraints of one data edge at equal slews, below zero by more than 1 ps: see ``windows``."""
    for view in subject.views:
        library = view.library
        pairs = window_pairs(view, first)
        total = window_sums(view, pairs[:, 0], pairs[:, 1])
        wrong = total < -1e-12
        for row in np.unique(view.row_of_value[wrong]):
            part = slice(int(library.start[row]), int(library.start[row + 1]))
            low = float(np.nanmin(total[part]))
            text = f"{int(wrong[part].sum())} sums with its {WINDOWS[first]} are below zero; the lowest is {low:.6g} s"
            yield finding(rule, Severity.ERROR, text, library, library.keys[row], [low])


def _setup_hold(subject: Subject) -> Iterator[Finding]:
    yield from _window(subject, "setup-hold", "setup")


def _recovery_removal(subject: Subject) -> Iterator[Finding]:
    yield from _window(subject, "recovery-removal", "recovery")


def _setup_without_hold(subject: Subject) -> Iterator[Finding]:
    for library in subject.libraries:
        sides: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for key in library.keys:
            side, _, edge = key.timing_type.partition("_")
            if side in ("setup", "hold") and key.quantity in CONSTRAINT:
                sides[(key.cell, key.pin, key.related_pin, edge)].add(side)
        for (cell, pin, clock, edge), seen in sides.items():
            if len(seen) == 1:
                side = next(iter(seen))
                missing = "hold" if side == "setup" else "setup"
                key = next(k for k in library.keys if k[:3] == (cell, pin, clock) and k.timing_type == f"{side}_{edge}")
                yield finding("setup-without-hold", Severity.WARNING, f"has no {missing} of the same pin and clock edge", library, key)


def _pulse_width(subject: Subject) -> Iterator[Finding]:
    for view in subject.views:
        rows = np.isin(view.quantity, CONSTRAINT) & (view.timing_type == "min_pulse_width")
        wrong = rows[view.row_of_value] & (view.library.values <= 0)
        yield from wrong_values(view, "pulse-width-positive", Severity.WARNING, wrong, "are not above zero")


def _capacitance_missing(subject: Subject) -> Iterator[Finding]:
    for library in subject.libraries:
        have = {(key.cell, key.pin) for key in library.keys if key.quantity in CAPACITANCE}
        for cell in library.cells:
            for pin in cell.pins:
                if pin.direction == "input" and (cell.name, pin.name) not in have:
                    text = f"input {pin.name} of cell {cell.name} has no capacitance"
                    yield finding("capacitance-missing", Severity.WARNING, text, library, place=f"{cell.name}/{pin.name}")


def _between(view: View, rule: str, whole: str, low: NDArray[np.float64], high: NDArray[np.float64], what: str) -> Iterator[Finding]:
    """Numbers of the quantity ``whole`` outside ``low`` .. ``high`` (n,), NaN where there is nothing to compare with."""
    library = view.library
    rows = np.flatnonzero((view.quantity == whole) & (np.diff(library.start) == 1))
    value = library.values[library.start[rows]]
    wrong = (value < low[rows] * 0.99) | (value > high[rows] * 1.01)
    for row, number in zip(rows[wrong], value[wrong], strict=True):
        text = f"{number:.6g} lies outside {what}, {low[row]:.6g} to {high[row]:.6g}"
        yield finding(rule, Severity.WARNING, text, library, library.keys[row], [number, low[row], high[row]])


def _capacitance_edges(subject: Subject) -> Iterator[Finding]:
    for view in subject.views:
        library = view.library
        low, high = np.full(len(library), np.nan), np.full(len(library), np.nan)
        for row in np.flatnonzero(view.quantity == "capacitance"):
            partners = [library.position.get(_partner(library.keys[row], name)) for name in ("rise_capacitance", "fall_capacitance")]
            ends = [float(library.values[library.start[partner]]) for partner in partners if partner is not None]
            if len(ends) == 2:
                low[row], high[row] = min(ends), max(ends)
        yield from _between(view, "capacitance-edges", "capacitance", low, high, "the range of its two edges")


def _leakage_missing(subject: Subject) -> Iterator[Finding]:
    for library in subject.libraries:
        have = {key.cell for key in library.keys if key.quantity in LEAKAGE}
        timed = dict.fromkeys(key.cell for key in library.keys if key.quantity in TIMING)
        if not have:
            continue
        for cell in timed:
            if cell not in have:
                yield finding("leakage-missing", Severity.WARNING, f"cell {cell} has no leakage and others have", library, place=cell)


def _leakage_states(subject: Subject) -> Iterator[Finding]:
    for view in subject.views:
        library = view.library
        states: dict[str, list[float]] = defaultdict(list)
        for row in np.flatnonzero(view.quantity == "leakage_power"):
            if library.keys[row].when:
                states[library.keys[row].cell].append(float(library.values[library.start[row]]))
        low, high = np.full(len(library), np.nan), np.full(len(library), np.nan)
        for row in np.flatnonzero(view.quantity == "cell_leakage_power"):
            if len(found := states[library.keys[row].cell]) > 1:
                low[row], high[row] = min(found), max(found)
        yield from _between(view, "leakage-states", "cell_leakage_power", low, high, "the range of its states")


def _axis_limit(subject: Subject, rule: str, limit: str, load: bool) -> Iterator[Finding]:
    """Delay tables whose axis ends below 0.99 of the limit of its pin: the load's is the arc's pin, the slew's the related pin."""
    for view in subject.views:
        library = view.library
        limits = {
            (library.keys[row].cell, library.keys[row].pin): float(library.values[library.start[row]])
            for row in np.flatnonzero(view.quantity == limit)
        }
        for lines in view.lines(view.rows(*DELAY), load=load) if limits else ():
            rows, first = np.unique(lines.row, return_index=True)
            for row, end in zip(rows, lines.at[first, -1], strict=True):
                key = library.keys[row]
                allowed = limits.get((key.cell, key.pin if load else key.related_pin), np.nan)
                if end < 0.99 * allowed:
                    text = f"the table ends at {end:.6g}, {limit} is {allowed:.6g}"
                    yield finding(rule, Severity.WARNING, text, library, key, [end, allowed])


def _load_axis(subject: Subject) -> Iterator[Finding]:
    yield from _axis_limit(subject, "load-axis-limit", "max_capacitance", True)


def _slew_axis(subject: Subject) -> Iterator[Finding]:
    yield from _axis_limit(subject, "slew-axis-limit", "max_transition", False)


def _output_without_arc(subject: Subject) -> Iterator[Finding]:
    for library in subject.libraries:
        timed = {(key.cell, key.pin) for key in library.keys if key.quantity in TIMING}
        for cell in library.cells:
            inputs = [pin.name for pin in cell.pins if pin.direction == "input"]
            for pin in cell.pins:
                constant = not any(name in pin.function for name in inputs)
                if pin.direction == "output" and pin.function and not constant and (cell.name, pin.name) not in timed:
                    text = f"output {pin.name} of cell {cell.name} has the function {pin.function!r} and no timing"
                    yield finding("output-without-arc", Severity.WARNING, text, library, place=f"{cell.name}/{pin.name}")


def _clock_without_arc(subject: Subject) -> Iterator[Finding]:
    for library in subject.libraries:
        starts = {(key.cell, name) for key in library.keys if key.quantity in DELAY for name in key.related_pin.split()}
        for cell in library.cells:
            clocks = [pin.name for pin in cell.pins if pin.clock]
            if cell.sequential and clocks and not any((cell.name, clock) in starts for clock in clocks):
                text = f"sequential cell {cell.name} has no arc from its clock {clocks[0]}"
                yield finding("clock-without-arc", Severity.WARNING, text, library, place=f"{cell.name}/{clocks[0]}")


def _sigma_negative(subject: Subject) -> Iterator[Finding]:
    for view in subject.views:
        sigma = np.array([key.quantity.startswith("ocv_sigma_") for key in view.library.keys], dtype=bool)
        wrong = sigma[view.row_of_value] & (view.library.values < 0)
        yield from wrong_values(view, "sigma-negative", Severity.ERROR, wrong, "are below zero")


def _sigma_large(subject: Subject) -> Iterator[Finding]:
    for view in subject.views:
        library = view.library
        pairs = [
            (row, library.position.get(key._replace(quantity=key.quantity.partition(":")[0].removeprefix("ocv_sigma_")), -1))
            for row, key in enumerate(library.keys)
            if key.quantity.startswith("ocv_sigma_")
        ]
        known = np.array([pair for pair in pairs if pair[1] >= 0], dtype=np.int64).reshape(-1, 2)
        mean = resample(view, view, known[:, 0], known[:, 1])
        wrong = library.values > np.maximum(np.abs(mean), 5e-12)
        yield from wrong_values(view, "sigma-large", Severity.WARNING, wrong, "are larger than the mean beside them")
