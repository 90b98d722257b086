"""Adapter ngspice, cells that store: what puts an arc to the test, decks, bisection (on a formula), and real simulations."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from eda_plugin.adapters.ngspice import (
    Ask,
    Bench,
    Edge,
    NgspiceSettings,
    Shot,
    clocked_sweep,
    constraint,
    find_cases,
    find_constraints,
    idle_case,
    idle_sweep,
    input_capacitance,
    internal_energy,
    prepare,
    read_ports,
    scene_deck,
    simulate,
    stored_at_rest,
)
from eda_plugin.adapters.ngspice.flipflop import stored_states
from eda_plugin.adapters.ngspice.log import LogRow
from eda_plugin.adapters.ngspice.run import run_deck
from eda_plugin.domain import Arc, Cell, Corner, FlipFlop, Pin, Points
from eda_plugin.errors import UserError

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "hkmg22"
TYPICAL = Corner("tt", 0.8, 25)
FAST = ("reltol=1e-3", "trtol=1", "chgtol=1e-17")
INPUTS = (Pin("CK", "input", clock=True), Pin("D", "input"), Pin("RN", "input"))
DFFR = Cell("DFFR", 1.0, (*INPUTS, Pin("Q", "output", "IQ")), True, FlipFlop("IQ", "IQN", "CK", "D", "!RN"))
SCAN = Cell(
    "SDFF",
    1.0,
    (*(Pin(name, "input") for name in ("CKN", "D", "SE", "SI", "SN")), Pin("Q", "output", "IQ"), Pin("QN", "output", "(!IQ)")),
    True,
    FlipFlop("IQ", "IQN", "!CKN", "(D&!SE)|(SI&SE)", preset="!SN"),
)
PS = 1e-12


def arc(pin: str, related: str, kind: str, when: str = "", cell: str = "DFFR") -> Arc:
    return Arc(cell, pin, related, kind, "", when)


CLOCK, RESET = arc("Q", "CK", "rising_edge"), arc("Q", "RN", "clear")
SETUP, HOLD = arc("D", "CK", "setup_rising"), arc("D", "CK", "hold_rising")
RECOVERY, REMOVAL = arc("RN", "CK", "recovery_rising"), arc("RN", "CK", "removal_rising")
CLOCK_WIDTH, RESET_WIDTH = arc("CK", "CK", "min_pulse_width"), arc("RN", "RN", "min_pulse_width")


def bench(settings: NgspiceSettings | None = None, corner: Corner = TYPICAL) -> Bench:
    netlists = EXAMPLE / "cells.sp"
    settings = settings or NgspiceSettings(options=FAST)
    return Bench(corner, netlists, EXAMPLE / "models.sp", read_ports(netlists), settings)


def bits(levels: Sequence[tuple[str, bool]]) -> str:
    return "".join(str(int(level)) for _, level in levels)


# What puts an arc to the test


@pytest.mark.parametrize(
    ("what", "edge", "expected"),  # levels of CK, D, RN while loading and when ready; trigger; mover with its sign; output before, after
    [
        (CLOCK, "rise", ["001 011 CK  0 01"]),
        (CLOCK, "fall", ["011 001 CK  0 10"]),
        (RESET, "fall", ["011 001 RN  0 10"]),
        (arc("Q", "RN", "clear", "CK&D"), "fall", ["011 111 RN  0 10"]),
        (SETUP, "rise", ["001 001 CK D -1 01"]),
        (SETUP, "fall", ["011 011 CK D -1 10"]),
        (HOLD, "rise", ["011 001 CK D 1 10"]),
        (HOLD, "fall", ["001 011 CK D 1 01"]),
        (RECOVERY, "rise", [" 010 CK RN -1 01"]),
        (REMOVAL, "rise", [" 010 CK RN 1 00"]),
        (CLOCK_WIDTH, "rise", ["011 001 CK CK 1 10", "001 011 CK CK 1 01"]),
        (CLOCK_WIDTH, "fall", ["011 101 CK CK -1 10", "001 111 CK CK -1 01"]),
        (RESET_WIDTH, "fall", ["011 011 RN RN 1 10", "011 111 RN RN 1 10"]),
    ],
)
def test_cases_of_a_flip_flop_with_reset(what: Arc, edge: str, expected: list[str]) -> None:
    found = [
        f"{bits(case.load)} {bits(case.ready)} {case.trigger} {case.mover} {case.sign} {int(case.first)}{int(case.last)}"
        for case in find_cases(DFFR, what, edge)
    ]
    assert found == expected


def test_a_falling_clock_scan_inputs_preset_and_an_inverted_output() -> None:
    of = partial(arc, cell="SDFF")
    (delay,) = find_cases(SCAN, of("QN", "CKN", "falling_edge"), "fall")
    assert (bits(delay.load), bits(delay.ready)) == ("10011", "10111"), "of all states that store a 0 the nearest"
    assert (delay.trigger, delay.first, delay.last) == ("CKN", True, False)
    (setup,) = find_cases(SCAN, of("SI", "CKN", "setup_falling", "D"), "fall")
    assert dict(setup.ready) == {"CKN": True, "D": True, "SE": True, "SI": True, "SN": True}
    assert (setup.output, setup.first, setup.last) == ("Q", True, False)
    (preset,) = find_cases(SCAN, of("Q", "SN", "preset"), "rise")
    assert (preset.trigger, preset.first, preset.last) == ("SN", False, True)
    (inverted,) = find_cases(SCAN, of("QN", "SN", "preset"), "fall")
    assert (inverted.output, inverted.first, inverted.last) == ("QN", True, False)
    low, high = (find_cases(SCAN, of("CKN", "CKN", "min_pulse_width"), edge)[0] for edge in ("fall", "rise"))
    assert (low.sign, dict(low.ready)["CKN"]) == (1, True), "the low pulse begins with the active edge"
    assert (high.sign, dict(high.ready)["CKN"]) == (-1, False)


@pytest.mark.parametrize(
    ("cell", "what", "edge", "words"),
    [
        (DFFR, arc("Q", "CK", "falling_edge"), "rise", "acts at its other edge"),
        (DFFR, arc("D", "CK", "setup_falling"), "rise", "acts at its other edge"),
        (DFFR, RESET, "rise", "no state of the inputs"),
        (DFFR, arc("Q", "D", "rising_edge"), "rise", "no state of the inputs"),
        (DFFR, arc("D", "CK", "setup_rising", "!RN"), "rise", "no state of the inputs"),
        (DFFR, RECOVERY, "fall", "no state of the inputs"),
        (DFFR, arc("D", "D", "min_pulse_width"), "rise", "no state of the inputs"),
        (DFFR, arc("E", "CK", "setup_rising"), "rise", "E is no input"),
        (DFFR, arc("QN", "CK", "rising_edge"), "rise", "QN of cell DFFR is expected to have the function IQ"),
        (replace(DFFR, flipflop=None), CLOCK, "rise", "no single ff group"),
        (replace(DFFR, flipflop=FlipFlop("IQ", "IQN", "CK&D", "D")), CLOCK, "rise", "is no single input"),
    ],
)
def test_what_cannot_be_put_to_the_test_is_refused(cell: Cell, what: Arc, edge: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        find_cases(cell, what, edge)


def test_every_state_at_rest_and_edges_that_move_nothing() -> None:
    states = {f"{bits(case.ready)}{int(case.first)}" for case in stored_states(DFFR)}
    free = {f"{clock}{data}1{stored}" for clock, data, stored in itertools.product("01", repeat=3)}
    assert states == free | {"0000", "0100", "1000", "1100"}
    for pin, rise in itertools.product(("CK", "D", "RN"), (True, False)):
        case = idle_case(DFFR, pin, rise)
        assert (case.trigger, dict(case.ready)[pin], case.first) == (pin, not rise, case.last)
    clock = idle_case(DFFR, "CK", rise=True)
    assert dict(clock.ready)["D"] == clock.first
    toggles = replace(DFFR, flipflop=FlipFlop("IQ", "IQN", "CK", "!IQ"))
    with pytest.raises(UserError, match="every rise of CK moves an output"):
        idle_case(toggles, "CK", rise=True)
    with pytest.raises(UserError, match="no inputs with clear and preset off store 0"):
        stored_states(toggles)


def test_an_enable_that_keeps_the_value() -> None:
    enabled = replace(DFFR, flipflop=FlipFlop("IQ", "IQN", "CK", "(D&RN)|(IQ&!RN)"))  # RN is the enable here
    (setup,) = find_cases(enabled, arc("RN", "CK", "setup_rising"), "rise")
    assert (bits(setup.ready), setup.first, setup.last) == ("010", False, True), "enabled in time, D=1 replaces a 0"
    assert bits(setup.load) == "001", "a 0 is stored with the enable on"


# Decks


def waveform(deck: str, source: int) -> list[float]:
    found = re.search(rf"alter @vin{source}\[pwl\] = \[ (.*) \]", deck)
    assert found
    return [float(word) for word in found[1].split()]


def test_a_pulse_narrower_than_its_ramps_is_cut_where_they_meet() -> None:
    (case, _) = find_cases(DFFR, CLOCK_WIDTH, "rise")
    settings = NgspiceSettings(lower=0.25, upper=0.75)  # a slew of 10 ps is a ramp of 20 ps
    wide, narrow = (
        waveform(scene_deck(bench(settings), DFFR, [Shot(case, 10 * PS, 1e-15, 500 * PS, 10 * PS, width * PS)], {}), 0) for width in (50, 8)
    )
    assert wide == pytest.approx([0, 0, 10 * PS, 0, 30 * PS, 0.8, 60 * PS, 0.8, 80 * PS, 0])
    # half way up at 20 ps, half way down at 28 ps: they meet at 24 ps, 0.7 of the way up
    assert narrow == pytest.approx([0, 0, 10 * PS, 0, 24 * PS, 0.7 * 0.8, 38 * PS, 0])


def test_offsets_run_from_threshold_to_threshold() -> None:
    (case,) = find_cases(DFFR, SETUP, "fall")
    settings = NgspiceSettings(threshold=0.3, lower=0.25, upper=0.75)
    deck = scene_deck(bench(settings), DFFR, [Shot(case, 20 * PS, 1e-15, 500 * PS, 10 * PS, 100 * PS)], {})
    clock, data = waveform(deck, 0), waveform(deck, 1)
    crossing = clock[2] + 0.3 * (clock[4] - clock[2]), data[2] + 0.7 * (data[4] - data[2])
    assert crossing[0] - crossing[1] == pytest.approx(100 * PS, abs=1e-18)
    assert data[2] == pytest.approx(10 * PS), "the first edge begins soon after the start"
    assert "targ v(sense) val=0.24" in deck


def test_every_row_begins_in_the_prepared_state() -> None:
    (case,) = find_cases(DFFR, CLOCK, "rise")
    deck = scene_deck(bench(), DFFR, [Shot(case, 10 * PS, 1e-15, 500 * PS)], {"xcell.m": 0.8, "sense": 0.0, "in0": 0.1, "supply": 0.8})
    assert ".nodeset v(xcell.m)=0.8\n.nodeset v(sense)=0\n" in deck
    assert "nodeset v(in0)" not in deck


# Bisection, on a formula in place of the simulator


@pytest.fixture
def formula(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Shot], dict[str, float] | str]], list[Shot]]:
    """``formula(f)``: each simulation is answered by ``f``; the list that it gives collects what was asked."""

    def put(answer: Callable[[Shot], dict[str, float] | str]) -> list[Shot]:
        asked: list[Shot] = []

        def answered(_bench: Bench, _cell: Cell, shots: Sequence[Shot], _prepared: object) -> list[LogRow | str]:
            asked.extend(shots)
            found = [answer(shot) for shot in shots]
            return [row if isinstance(row, str) else LogRow(row, done=True) for row in found]

        monkeypatch.setattr(constraint, "_answer", answered)
        monkeypatch.setattr(constraint, "prepare", lambda *_: {})
        return asked

    return put


def row(shot: Shot, *, stored: bool, delay: float = 40 * PS) -> dict[str, float]:
    volts = TYPICAL.voltage
    end = volts * (shot.case.last if stored else not shot.case.last)
    return {"begin": volts * shot.case.first, "end": end, "delay": delay if stored else math.nan, "high": end, "low": end}


@pytest.mark.parametrize("limit", [-123.4, -0.03, 0.0, 17.0, 310.7])
def test_bisection_finds_the_least_offset_that_stores_the_value(limit: float, formula: Callable[..., list[Shot]]) -> None:
    asked = formula(lambda shot: row(shot, stored=shot.offset >= limit * PS))
    found = find_constraints(bench(), DFFR, [Ask(find_cases(DFFR, SETUP, "rise"), 10 * PS, 10 * PS)])[0]
    assert isinstance(found, float)
    assert limit * PS <= found <= limit * PS + 1e-13
    assert len(asked) <= 16


def test_the_output_may_be_later_by_a_tenth_or_by_anything(formula: Callable[..., list[Shot]]) -> None:
    def answer(shot: Shot) -> dict[str, float]:  # stored from 5 ps on, 50 % late there, 10 % late at 45 ps
        return row(shot, stored=shot.offset >= 5 * PS, delay=40 * PS + max(0.0, 55 * PS - shot.offset) * 0.4)

    ask = Ask(find_cases(DFFR, HOLD, "fall"), 10 * PS, 10 * PS)
    formula(answer)
    assert find_constraints(bench(), DFFR, [ask])[0] == pytest.approx(45 * PS, abs=1.1e-13)
    assert find_constraints(bench(NgspiceSettings(degradation=None)), DFFR, [ask])[0] == pytest.approx(5 * PS, abs=1.1e-13)


def test_an_output_that_must_not_move_may_move_a_tenth_of_the_supply(formula: Callable[..., list[Shot]]) -> None:
    formula(lambda shot: {"begin": 0.0, "end": 0.0, "low": 0.0, "high": 0.8 * math.exp(-shot.offset / (10 * PS))})
    ask = Ask(find_cases(DFFR, REMOVAL, "rise"), 10 * PS, 10 * PS)
    found = find_constraints(bench(), DFFR, [ask])[0]
    assert found == pytest.approx(10 * PS * math.log(10), abs=1.1e-13)


def test_the_worst_case_counts_and_searches_do_not_disturb_each_other(formula: Callable[..., list[Shot]]) -> None:
    def limit(shot: Shot) -> float:
        return (20 + 30 * shot.case.last) * PS + shot.slew + 2 * shot.mover_slew

    formula(lambda shot: row(shot, stored=shot.offset >= limit(shot)))
    cases = find_cases(DFFR, CLOCK_WIDTH, "rise")
    setup = find_cases(DFFR, SETUP, "fall")
    found = find_constraints(bench(), DFFR, [Ask(cases, 10 * PS, 10 * PS), Ask(setup, 5 * PS, 1 * PS)])
    assert found == pytest.approx([80 * PS, 27 * PS], abs=1.1e-13)


def test_more_time_is_given_before_a_cell_is_called_dead(formula: Callable[..., list[Shot]]) -> None:
    ask = Ask(find_cases(DFFR, SETUP, "rise"), 10 * PS, 10 * PS)
    formula(lambda shot: row(shot, stored=shot.offset >= 900 * PS))
    assert find_constraints(bench(), DFFR, [ask])[0] == pytest.approx(900 * PS, abs=1.1e-13)
    formula(lambda shot: row(shot, stored=False))
    assert "does not store what it should, however long" in str(find_constraints(bench(), DFFR, [ask])[0])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda shot: row(shot, stored=True), "nothing constrains it"),
        (lambda shot: "ngspice ended with signal 9", "signal 9"),
        (lambda shot: row(shot, stored=True) | {"begin": 0.4}, "stood at 0.4 V before the edges"),
        (lambda shot: row(shot, stored=True) | {"end": math.nan}, "did not reach its end"),
    ],
)
def test_a_search_without_an_answer_says_why(
    answer: Callable[[Shot], dict[str, float] | str], words: str, formula: Callable[..., list[Shot]]
) -> None:
    formula(answer)
    found = find_constraints(bench(), DFFR, [Ask(find_cases(DFFR, RECOVERY, "rise"), 10 * PS, 10 * PS)])[0]
    assert isinstance(found, str)
    assert words in found


# The flip-flop of hkmg22, simulated


@pytest.fixture
def real(needs_tool: Callable[[str], str]) -> Bench:
    return bench(NgspiceSettings(program=needs_tool("ngspice"), options=FAST))


def scan(real: Bench, rises: bool, offsets: Sequence[float], *, hold: bool) -> list[bool]:
    """By a deck of its own, the whole history in each row: is the new value stored, and at most a tenth late? Slews 20 ps and 40 ps."""
    load, ready = (rises, not rises) if hold else (not rises, not rises)
    stored = not rises if hold else rises
    volts, half = 0.8, {"clock": 20 * PS / 0.6 / 2, "data": 40 * PS / 0.6 / 2}
    edge, at = 4e-9, "rise" if stored else "fall"
    lines = [*real.head("scan"), "vck ck 0 pwl(0 0 1n 0)", "vd d 0 pwl(0 0 1n 0)", "vrn rn 0 0.8", "cq q 0 1f"]
    lines += ["xcell ck d rn q supply 0 DFFR", ".save v(q) v(ck)", ".control"]
    clock = [0, 0, 1e-9, 0, 1.05e-9, volts, 2e-9, volts, 2.05e-9, 0, edge - half["clock"], 0, edge + half["clock"], volts]
    for number, offset in enumerate([1e-9, *offsets]):
        moment = edge + offset if hold else edge - offset
        data = [0, volts * load, 2.5e-9, volts * load, 2.55e-9, volts * ready, moment - half["data"], volts * ready]
        data += [moment + half["data"], volts * (not ready)]
        lines += [f"alter @vck[pwl] = [ {' '.join(map(str, clock))} ]", f"alter @vd[pwl] = [ {' '.join(map(str, data))} ]"]
        lines += [f"alter vd dc = {data[1]}", "tran 50p 5n 0 50p", f"echo scan row {number}"]
        lines += [f"meas tran late when v(q)=0.4 td=3.9n {at}=1", "meas tran level find v(q) at=4.9n", "destroy all"]
    output, problem = run_deck("\n".join([*lines, "quit", ".endc", ".end", ""]), real.settings)
    assert not problem
    results = []
    for part in output.split("scan row ")[1:]:
        late, level = (re.search(rf"^{name}\s+=\s+(\S+)", part, re.MULTILINE) for name in ("late", "level"))
        right = level is not None and (float(level[1]) > 0.4) == stored
        results.append(float(late[1]) - edge if late and right else math.inf)
    assert len(results) == len(offsets) + 1
    return [delay <= 1.1 * results[0] for delay in results[1:]]


@pytest.mark.parametrize(("what", "rises"), [(SETUP, True), (SETUP, False), (HOLD, True), (HOLD, False)])
def test_bisection_agrees_with_a_scan(real: Bench, what: Arc, rises: bool) -> None:
    edge = "rise" if rises else "fall"
    found = find_constraints(real, DFFR, [Ask(find_cases(DFFR, what, edge), 20 * PS, 40 * PS)])[0]
    assert isinstance(found, float)
    offsets = [place * 2 * PS for place in range(-10, 21)]
    met = scan(real, rises, offsets, hold=what is HOLD)
    first = met.index(True)
    assert first > 0
    assert all(met[first:]), "met from the first on"
    assert offsets[first - 1] - 2e-13 < found < offsets[first] + 2e-13


def test_constraints_are_plausible(real: Bench) -> None:
    bench = replace(real, settings=replace(real.settings, tolerance=2e-12))
    slews = (5 * PS, 40 * PS)
    kinds = [(SETUP, "fall"), (HOLD, "fall"), (RECOVERY, "rise"), (REMOVAL, "rise")]
    asks = [Ask(find_cases(DFFR, *kind), *pair) for kind in kinds for pair in itertools.product(slews, slews)]
    found = find_constraints(bench, DFFR, asks)
    assert all(isinstance(value, float) for value in found), found
    values = np.array(found, dtype=float).reshape(2, 2, 2, 2)  # pair of kinds, which of it, slew of the clock, of the other pin
    assert (values.sum(axis=1) > 0).all(), "no edge is both in time and too late"
    assert (values.sum(axis=1) < 60 * PS).all()
    assert (np.diff(values[0, 0], axis=0) < 0).all(), "a slow clock samples later"
    assert (np.diff(values[0, 0], axis=1) > 0).all(), "slow data must begin earlier"
    assert (np.diff(values[:, 1], axis=1) > 0).all()


def test_pulse_widths_are_plausible(real: Bench) -> None:
    bench = replace(real, settings=replace(real.settings, tolerance=2e-12))
    high, low = (find_cases(DFFR, CLOCK_WIDTH, edge) for edge in ("rise", "fall"))
    reset = find_cases(DFFR, RESET_WIDTH, "fall")
    asks = [*(Ask(cases, slew, slew) for cases in (high, reset) for slew in (5 * PS, 80 * PS)), Ask(low, 5 * PS, 5 * PS)]
    found = find_constraints(bench, DFFR, [*asks, *(Ask((case,), 5 * PS, 5 * PS) for case in high)])
    assert all(isinstance(value, float) for value in found), found
    widths = np.array(found, dtype=float)
    assert ((widths > 10 * PS) & (widths < 100 * PS)).all()
    assert (widths[[0, 2]] < widths[[1, 3]]).all(), "a slow pulse must be longer"
    assert widths[0] == max(widths[5:]), "the worst case counts"


def test_capture_alone_asks_for_less(real: Bench) -> None:
    ask = Ask(find_cases(DFFR, SETUP, "rise"), 20 * PS, 20 * PS)
    strict = find_constraints(real, DFFR, [ask])[0]
    loose = find_constraints(replace(real, settings=replace(real.settings, degradation=None)), DFFR, [ask])[0]
    assert isinstance(strict, float)
    assert isinstance(loose, float)
    assert 0.5 * PS < strict - loose < 10 * PS


def test_a_plan_mixes_gates_delays_and_constraints(needs_tool: Callable[[str], str]) -> None:
    gate = Cell("NOT", pins=(Pin("A", "input"), Pin("Y", "output", "!A")))
    rows = [
        (arc("Y", "A", "combinational", cell="NOT"), "rise", 20 * PS, 1e-15),
        (CLOCK, "fall", 20 * PS, 1e-15),
        (SETUP, "rise", 20 * PS, 40 * PS),
        (RESET, "fall", 20 * PS, 4e-15),
        (CLOCK_WIDTH, "rise", 20 * PS, 0.0),
        (CLOCK, "fall", 20 * PS, 4e-15),
    ]
    points = Points.plan(tuple(r[0] for r in rows), tuple(r[1] for r in rows), np.array([r[2:] for r in rows]))
    settings = NgspiceSettings(program=needs_tool("ngspice"), options=FAST)
    netlists, models = EXAMPLE / "cells.sp", EXAMPLE / "models.sp"
    one, two = (
        simulate(points, corner=TYPICAL, netlists=netlists, models=models, cells=(DFFR, gate), settings=settings, workers=workers)
        for workers in (1, 2)
    )
    assert not one.failures
    np.testing.assert_array_equal(one.points.delay, two.points.delay)
    assert (one.points.delay > 0).all()
    assert one.points.delay[1] < one.points.delay[5]
    assert np.isnan(one.points.transition).tolist() == [False, False, True, False, True, False]
    bad = Points.plan((SETUP,), ("rise",), np.array([[20 * PS, 0.0]]))
    with pytest.raises(UserError, match="expected positive ones"):
        simulate(bad, corner=TYPICAL, netlists=netlists, models=models, cells=(DFFR,), settings=settings)


def test_a_cell_that_does_not_store_is_missing_with_a_reason(needs_tool: Callable[[str], str], tmp_path: Path) -> None:
    text = (EXAMPLE / "cells.sp").read_text(encoding="utf-8")
    broken = tmp_path / "cells.sp"
    broken.write_text(text.replace("xn9 s cp mn vss nfet w=70n\n", "").replace("xp9 s cn mn vdd pfet w=100n\n", ""), encoding="utf-8")
    points = Points.plan((arc("Y", "A", "combinational", cell="NOT"), SETUP, CLOCK), ("rise",) * 3, np.array([[2e-11, 2e-11]] * 3))
    points.index[0, 1] = points.index[2, 1] = 1e-15
    gate = Cell("NOT", pins=(Pin("A", "input"), Pin("Y", "output", "!A")))
    settings = NgspiceSettings(program=needs_tool("ngspice"), options=FAST)
    found = simulate(points, corner=TYPICAL, netlists=broken, models=EXAMPLE / "models.sp", cells=(DFFR, gate), settings=settings)
    assert np.isfinite(found.points.delay).tolist() == [True, False, False]
    assert len(found.failures) == 2
    assert {failure.what.split()[4] for failure in found.failures} == {"rising_edge", "setup_rising"}
    reasons = sorted(failure.reason for failure in found.failures)
    assert reasons[0].startswith("the cell does not store what it should, however long")
    assert "not at its rail" in reasons[1]


def test_leakage_energy_and_capacitance(real: Bench) -> None:
    rests = stored_at_rest(real, DFFR)
    assert len(rests) == 12
    assert all(1e-10 < rest.power < 1e-7 for rest in rests)
    volts, load, slew = TYPICAL.voltage, 2e-15, 20 * PS
    energy = {}
    for edge in ("rise", "fall"):
        (case,) = find_cases(DFFR, CLOCK, edge)
        (answer,) = clocked_sweep(real, DFFR, case, [(slew, load)], charge=True)
        assert isinstance(answer, Edge)
        energy[edge] = internal_energy(answer, case, edge, load, rests, volts)
        rise = input_capacitance(answer, case, edge, rests, volts)
        (idle,) = idle_sweep(real, DFFR, idle_case(DFFR, "CK", rise=True), [slew], load)
        assert isinstance(idle, Edge)
        assert rise == pytest.approx(input_capacitance(idle, idle_case(DFFR, "CK", rise=True), "", rests, volts), rel=0.1)
        assert math.isnan(idle.delay)
        assert 0 < internal_energy(idle, idle_case(DFFR, "CK", rise=True), "", load, rests, volts) < energy[edge]
    assert all(1e-17 < value < 1e-14 for value in energy.values())


def test_the_state_is_prepared_with_the_value_asked_for(real: Bench) -> None:
    cases = stored_states(DFFR)
    prepared = prepare(real, DFFR, cases)
    for case in cases:
        nodes = prepared[case.key]
        assert not isinstance(nodes, str)
        assert nodes["sense"] == pytest.approx(0.8 * case.first, abs=0.01)
        assert nodes["xcell.s"] == pytest.approx(0.8 * case.first, abs=0.01)
