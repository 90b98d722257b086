"""Rules on one table at a time: its axes, its values, their shape over load and slew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from eda_plugin.domain.quantity import CAPACITANCE, DELAY, LEAKAGE, LIMIT, POWER, TIMING, TRANSITION
from eda_plugin.qa.findings import Finding, Rule, Severity, finding
from eda_plugin.qa.subject import Floats, Ints, Subject, View

__all__ = ["table_rules", "wrong_values"]

DUST = 1e-6  # relative; smaller steps are the rounding of the file's digits
RIPPLE = 0.05  # relative; along the slew simulated tables ripple by a few per cent


def table_rules() -> tuple[Rule, ...]:
    """The rules of this module."""
    return (
        Rule("empty-table", "a table that names its arc and holds no number leaves the arc untimed", _empty),
        Rule("missing-value", "a hole in a table is read as zero, or ends the timer's reading", _missing),
        Rule("infinite-value", "an infinity poisons every path through the arc", _infinite),
        Rule("axis-order", "timers search an axis by bisection and pick a wrong cell of the table where it is not ascending", _axis_order),
        Rule("axis-repeated", "two equal points of an axis make the slope between them a division by zero", _axis_repeated),
        Rule("axis-sign", "a slew or load below zero, or not finite, is no operating point", _axis_sign),
        Rule("axis-short", "an axis of one point in a table of two axes is extrapolated as a constant", _axis_short),
        Rule("delay-load", "more load cannot make a gate faster; a falling delay is a wrong edge pairing or a mix-up of rows", _delay_load),
        Rule("transition-load", "more load cannot make an edge steeper beyond the simulator's noise", _transition_load),
        Rule(
            "delay-slew", "a delay may rise and then fall with the slew; one that dips and rises again is a failed simulation", _delay_slew
        ),
        Rule("transition-slew", "a transition that dips by more than the ripple of a simulation is a failed one", _transition_slew),
        Rule("transition-positive", "a transition of zero or less makes the next stage's look-up meaningless", _transition_positive),
        Rule("capacitance-positive", "a pin that is no load at all hides a missing extraction", _capacitance_positive),
        Rule("leakage-positive", "a cell that gives power back hides a sign error in the measurement", _leakage_positive),
        Rule("limit-positive", "a limit of zero or less makes every net a violation", _limit_positive),
        Rule("delay-early", "an output that moves before its input has begun to is the wrong edge", _delay_early),
        Rule("table-constant", "a delay that knows neither slew nor load is a placeholder", _constant),
        Rule("row-repeated", "two slews with equal numbers at every load are a copied row", _row_repeated),
        Rule("value-spike", "one value far off the line through its neighbours is a failed simulation", _spike),
        Rule("interval-order", "an interval that does not hold its value says nothing", _interval),
    )


def wrong_values(view: View, rule: str, severity: Severity, wrong: NDArray[np.bool_], text: str) -> Iterator[Finding]:
    """One finding for each table with values of ``wrong`` (m,), with the first of them."""
    library = view.library
    places = np.flatnonzero(wrong)
    rows, first, count = np.unique(view.row_of_value[places], return_index=True, return_counts=True)
    for row, place, n in zip(rows, places[first], count, strict=True):
        value = library.values[place]
        message = f"{n} of {library.shape[row].prod()} values {text}; the first is {value:.6g}"
        yield finding(rule, severity, message, library, library.keys[row], [value])


def _value_rule(subject: Subject, rule: str, severity: Severity, quantities: Iterable[str], zero: bool, text: str) -> Iterator[Finding]:
    """Values of some quantities below zero, or, with ``zero``, not above it."""
    for view in subject.views:
        values = view.library.values
        wrong = np.isin(view.quantity, tuple(quantities))[view.row_of_value] & ((values <= 0) if zero else (values < 0))
        yield from wrong_values(view, rule, severity, wrong, text)


def _known(view: View) -> tuple[Ints, Ints]:
    """(n,) known and all values of each table."""
    known = np.bincount(view.row_of_value[np.isfinite(view.library.values)], minlength=len(view.library))
    return known, np.diff(view.library.start)


def _empty(subject: Subject) -> Iterator[Finding]:
    for view in subject.views:
        missing = np.bincount(view.row_of_value[np.isnan(view.library.values)], minlength=len(view.library))
        for row in np.flatnonzero(missing == np.diff(view.library.start)):
            yield finding("empty-table", Severity.ERROR, "has no value", view.library, view.library.keys[row])


def _missing(subject: Subject) -> Iterator[Finding]:
    for view in subject.views:
        known, size = _known(view)
        for row in np.flatnonzero((known > 0) & (known < size)):
            text = f"{size[row] - known[row]} of {size[row]} values are missing"
            counts = [int(size[row] - known[row]), int(size[row])]
            yield finding("missing-value", Severity.ERROR, text, view.library, view.library.keys[row], counts)


def _infinite(subject: Subject) -> Iterator[Finding]:
    for view in subject.views:
        yield from wrong_values(view, "infinite-value", Severity.ERROR, np.isinf(view.library.values), "are infinite")


def _axis_rule(subject: Subject, rule: str, fault: Callable[[Floats], bool], text: str) -> Iterator[Finding]:
    """Tables with an axis whose values have the fault."""
    for view in subject.views:
        library = view.library
        faults = [number for number, axis in enumerate(library.axes) if fault(axis.values)]
        if not faults:
            continue
        hit = np.isin(library.axis, faults)
        for row in np.flatnonzero(hit.any(axis=1)):
            place = int(hit[row].argmax())
            axis = library.axes[library.axis[row, place]]
            message = f"index_{place + 1} ({axis.variable}) {text}: {_short(axis.values)}"
            yield finding(rule, Severity.ERROR, message, library, library.keys[row], axis.values)


def _short(values: Floats) -> str:
    return ", ".join(f"{value:.5g}" for value in values[:8]) + (" ..." if len(values) > 8 else "")


def _axis_order(subject: Subject) -> Iterator[Finding]:
    yield from _axis_rule(subject, "axis-order", lambda x: bool((np.diff(x) < 0).any()), "is not ascending")


def _axis_repeated(subject: Subject) -> Iterator[Finding]:
    yield from _axis_rule(subject, "axis-repeated", lambda x: bool((np.diff(x) == 0).any()), "holds a point twice")


def _axis_sign(subject: Subject) -> Iterator[Finding]:
    yield from _axis_rule(subject, "axis-sign", lambda x: not (np.isfinite(x) & (x >= 0)).all(), "holds a point below zero or not finite")


def _axis_short(subject: Subject) -> Iterator[Finding]:
    for view in subject.views:
        library = view.library
        lengths = np.where(library.axis >= 0, library.shape, 0)
        for row in np.flatnonzero((lengths == 1).any(axis=1) & (lengths > 1).any(axis=1)):
            place = int((lengths[row] == 1).argmax())
            text = f"index_{place + 1} has one point, the other axis {lengths[row].max()}"
            yield finding("axis-short", Severity.WARNING, text, library, library.keys[row])


def _line_rule(subject: Subject, rule: str, quantities: tuple[str, ...], tolerance: float, dip: bool) -> Iterator[Finding]:
    """Tables that fall along the load, or, with ``dip``, that fall and rise again along the slew, by more than a share of the value."""
    for view in subject.views:
        library, found = view.library, dict[int, tuple[float, float, float]]()
        for lines in view.lines(view.rows(*quantities), load=not dip):
            y = library.values[lines.flat]
            before = np.maximum.accumulate(y, axis=1)
            drop = (before - y)[:, 1:]
            if dip:
                after = np.maximum.accumulate(y[:, ::-1], axis=1)[:, ::-1]
                drop = np.minimum(drop, (after - y)[:, 1:])
            size = np.abs(before[:, 1:])
            wrong = drop > tolerance * size + (1e-12 if dip else 0.0)
            for line in np.flatnonzero(wrong.any(axis=1)):
                place = int(np.where(wrong[line], drop[line], -np.inf).argmax())
                worst = (float(drop[line, place]), float(before[line, place + 1]), float(y[line, place + 1]))
                found[int(lines.row[line])] = max(found.get(int(lines.row[line]), worst), worst)
        along = "slew" if dip else "load"
        for row, (_, high, low) in sorted(found.items()):
            text = f"falls from {high:.6g} to {low:.6g} as the {along} rises" + (", and rises again" if dip else "")
            yield finding(rule, Severity.WARNING, text, library, library.keys[row], [high, low])


def _delay_load(subject: Subject) -> Iterator[Finding]:
    yield from _line_rule(subject, "delay-load", DELAY, DUST, False)


def _transition_load(subject: Subject) -> Iterator[Finding]:
    yield from _line_rule(subject, "transition-load", TRANSITION, 0.01, False)


def _delay_slew(subject: Subject) -> Iterator[Finding]:
    yield from _line_rule(subject, "delay-slew", DELAY, RIPPLE, True)


def _transition_slew(subject: Subject) -> Iterator[Finding]:
    yield from _line_rule(subject, "transition-slew", TRANSITION, RIPPLE, True)


def _transition_positive(subject: Subject) -> Iterator[Finding]:
    for view in subject.views:
        values = view.library.values
        # a disable arc of a tri-state output has no edge to speak of: one zero
        single = np.diff(view.library.start) == 1
        rows = np.isin(view.quantity, TRANSITION)
        wrong = rows[view.row_of_value] & ((values < 0) | ((values == 0) & ~single[view.row_of_value]))
        yield from wrong_values(view, "transition-positive", Severity.ERROR, wrong, "are not above zero")


def _capacitance_positive(subject: Subject) -> Iterator[Finding]:
    yield from _value_rule(subject, "capacitance-positive", Severity.ERROR, CAPACITANCE, False, "are below zero")


def _leakage_positive(subject: Subject) -> Iterator[Finding]:
    yield from _value_rule(subject, "leakage-positive", Severity.ERROR, LEAKAGE, False, "are below zero")


def _limit_positive(subject: Subject) -> Iterator[Finding]:
    yield from _value_rule(subject, "limit-positive", Severity.ERROR, LIMIT, True, "are not above zero")


def _delay_early(subject: Subject) -> Iterator[Finding]:
    for view in subject.views:
        wrong = np.zeros(len(view.library.values), dtype=bool)
        for lines in view.lines(view.rows(*DELAY), load=False):
            wrong[lines.flat] = view.library.values[lines.flat] < -lines.at
        yield from wrong_values(view, "delay-early", Severity.ERROR, wrong, "are earlier than their input slew is long")


def _constant(subject: Subject) -> Iterator[Finding]:
    for view in subject.views:
        for block in view.blocks(view.rows(*TIMING)):
            y = view.library.values[block.flat].reshape(len(block.row), -1)
            if y.shape[1] < 4:
                continue
            for place in np.flatnonzero(np.ptp(y, axis=1) == 0):
                row = block.row[place]
                text = f"all {y.shape[1]} values are {y[place, 0]:.6g}"
                yield finding("table-constant", Severity.WARNING, text, view.library, view.library.keys[row], [y[place, 0]])


def _row_repeated(subject: Subject) -> Iterator[Finding]:
    for view in subject.views:
        for block in view.blocks(view.rows(*DELAY, *POWER)):
            y = view.library.values[block.flat].reshape(len(block.row), block.flat.shape[1], -1)
            if y.shape[1] < 2 or y.shape[2] < 3:
                continue
            same = (y[:, 1:] == y[:, :-1]).all(axis=2) & (np.ptp(y[:, 1:], axis=2) > 0)
            for place in np.flatnonzero(same.any(axis=1)):
                row, slew = block.row[place], int(same[place].argmax())
                text = f"rows {slew + 1} and {slew + 2} hold equal numbers: {_short(y[place, slew])}"
                yield finding("row-repeated", Severity.WARNING, text, view.library, view.library.keys[row], y[place, slew])


def _spike(subject: Subject) -> Iterator[Finding]:
    """A value off the chord of its neighbours, along load and along slew, by more than half of itself and of that chord, and by 20 ps."""
    for view in subject.views:
        excess = np.full((2, len(view.library.values)), 0.0)
        rows = view.rows(*TIMING)
        for number, load in enumerate((True, False)):
            for lines in view.lines(rows, load=load):
                if lines.flat.shape[1] < 3:
                    continue
                y, x = view.library.values[lines.flat], lines.at
                share = (x[:, 1:-1] - x[:, :-2]) / (x[:, 2:] - x[:, :-2])
                chord = (1 - share) * y[:, :-2] + share * y[:, 2:]
                size = np.maximum(np.abs(chord), np.abs(y[:, 1:-1]))
                bend = (y[:, 1:-1] - chord) / np.maximum(size, 40e-12)
                # a turn of the same sign at the neighbours is curvature; a spike turns the other way there
                turn = np.sign(np.diff(y, axis=1))
                excess[number][lines.flat[:, 1:-1]] = np.where(turn[:, 1:] != turn[:, :-1], bend, 0.0)
        wrong = (np.abs(excess) > 0.5).all(axis=0) & (excess[0] * excess[1] > 0)
        yield from wrong_values(view, "value-spike", Severity.WARNING, wrong, "stand off the lines through their neighbours")


def _interval(subject: Subject) -> Iterator[Finding]:
    for view in subject.views:
        lower, upper, values = view.library.lower, view.library.upper, view.library.values
        if lower is None or upper is None:
            continue
        dust = DUST * np.abs(values)
        wrong = (lower > upper) | (lower > values + dust) | (upper < values - dust)
        yield from wrong_values(view, "interval-order", Severity.WARNING, wrong, "stand outside their own interval")
