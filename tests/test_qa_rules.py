"""Each rule of `check`: silent on a family of sound libraries, and heard on one that is broken in just that way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from eda_plugin.domain import Axis, Cell, Corner, Header, Library, Pin, Table, TableKey
from eda_plugin.errors import UserError
from eda_plugin.qa import checks
from eda_plugin.qa.findings import Finding, Rule, RuleRegistry, Severity, count_findings
from eda_plugin.qa.sarif import to_sarif
from eda_plugin.qa.subject import Subject

CORNERS = [
    Corner("tt", 0.8, 25),
    Corner("ss", 0.8, 25),
    Corner("ff", 0.8, 25),
    Corner("tt", 0.72, 25),
    Corner("tt", 0.8, 125),
    Corner("tt", 0.88, 125),
]
SLEW = Axis("input_net_transition", np.array([10e-12, 50e-12, 200e-12]))
LOAD = Axis("total_output_net_capacitance", np.array([0.5e-15, 5e-15, 20e-15, 50e-15]))
DATA, CLOCK = (Axis(f"{name}_pin_transition", np.array([10e-12, 100e-12])) for name in ("constrained", "related"))
GATES = [f"{gate}_{drive}" for gate in ("inv", "buf", "nand2", "nor2") for drive in (1, 2, 4)]


def _table(
    axes: tuple[Axis, ...], values: object, cell: str, pin: str, related: str, quantity: str, kind: str, sense: str = "", when: str = ""
) -> Table:
    numbers = np.array(values, dtype=float).reshape(tuple(len(axis) for axis in axes))
    key = TableKey(cell, pin, related, kind, sense, when, quantity)
    return Table(key, axes, numbers, np.ones(numbers.shape, dtype=np.uint8))


def _tables(corner: Corner) -> Iterator[Table]:
    speed = {"ss": 1.3, "tt": 1.0, "ff": 0.8}[corner.process] * (1 + corner.temperature / 500) / (corner.voltage - 0.35)
    leak = {"ss": 0.1, "tt": 1.0, "ff": 10.0}[corner.process] * np.exp(corner.voltage + corner.temperature / 30) * 1e-12
    slew, load = SLEW.values[:, None], LOAD.values[None, :]
    for number, cell in enumerate([*GATES, "dff_1", "dff_2"]):
        drive, ohm = float(cell[-1]), 2e3 * speed * (1 + number / 50)
        clocked = cell.startswith("dff")
        pin, related, kind = ("Q", "CK", "rising_edge") if clocked else ("Y", "A", "combinational")
        for edge, weight in (("rise", 1.1), ("fall", 1.0)):
            delay = weight * ohm * (load + 1e-15 * drive) / drive + 0.1 * slew + 2e-12 * speed
            yield _table((SLEW, LOAD), delay, cell, pin, related, f"cell_{edge}", kind)
            yield _table((SLEW, LOAD), 1.8 * delay, cell, pin, related, f"{edge}_transition", kind)
            yield _table((SLEW, LOAD), 0.05 * delay, cell, pin, related, f"ocv_sigma_cell_{edge}", kind)
            yield _table((SLEW, LOAD), 1e-15 * corner.voltage**2 * (1 + slew / 1e-9) + 0 * load, cell, pin, related, f"{edge}_power", kind)
        yield _table((), 50e-15, cell, pin, "", "max_capacitance", "pin")
        for name in ("A",) if not clocked else ("D", "CK"):
            yield _table((), 200e-12, cell, name, "", "max_transition", "pin")
            for quantity, share in (("capacitance", 1.0), ("rise_capacitance", 1.05), ("fall_capacitance", 0.95)):
                yield _table((), share * drive * 1e-15, cell, name, "", quantity, "pin")
        yield _table((), drive * leak, cell, "", "VDD", "cell_leakage_power", "leakage")
        for when, share in (("A", 1.4), ("!A", 0.6)):
            yield _table((), share * drive * leak, cell, "", "VDD", "leakage_power", "leakage", "", when)
        if clocked:
            for kind, value in (("setup_rising", 40e-12), ("hold_rising", -10e-12), ("recovery_rising", 30e-12), ("removal_rising", 5e-12)):
                for edge in ("rise", "fall"):
                    yield _table((DATA, CLOCK), np.full((2, 2), value) * speed, cell, "D", "CK", f"{edge}_constraint", kind)
            yield _table((CLOCK,), [50e-12, 60e-12], cell, "CK", "CK", "rise_constraint", "min_pulse_width")


def _cells() -> tuple[Cell, ...]:
    gates = [Cell(name, float(name[-1]), (Pin("A", "input"), Pin("Y", "output", "(!A)"))) for name in GATES]
    flops = [
        Cell(name, 5.0, (Pin("D", "input"), Pin("CK", "input", clock=True), Pin("Q", "output", "IQ")), sequential=True)
        for name in ("dff_1", "dff_2")
    ]
    return (*gates, *flops)


def _header(corner: Corner, **fields: object) -> Header:
    conditions = {"process": 1.0, "voltage": corner.voltage, "temperature": corner.temperature}
    header = Header(
        thresholds={"input_threshold_pct_rise": 0.5},
        nominal=conditions,
        conditions={corner.name: conditions, "other": {"voltage": 9.9}},
        default_conditions=corner.name,
        rails={"VDD": corner.voltage, "VNW": corner.voltage, "VSS": 0.0, "VDDIO": 3.3},
    )
    return replace(header, **fields)  # type: ignore[arg-type]


def _says(**fields: object) -> Fault:
    """The first library says something else of itself."""
    return _with(0, header=_header(CORNERS[0], **fields))


def _build(tables: Sequence[Table], corner: Corner) -> Library:
    name = f"own__{corner.name}"
    return Library.from_tables(tables, name=name, corner=corner, header=_header(corner), cells=_cells(), source=f"lib/{name}.lib.gz")


@pytest.fixture(scope="module")
def sound() -> list[Library]:
    return [_build(list(_tables(corner)), corner) for corner in CORNERS]


Fault = Callable[[list[Library]], list[Library]]


def _edit(change: Callable[[Table], Table | None], quantity: str = "cell_rise", cell: str = "inv_2", kind: str = "", at: int = 0) -> Fault:
    """Change, or drop, the tables of one cell's quantity (a prefix) in one library."""

    def apply(libraries: list[Library]) -> list[Library]:
        library = libraries[at]
        tables = []
        for table in library:
            chosen = table.key.cell.startswith(cell) and table.key.quantity.startswith(quantity) and table.key.timing_type.startswith(kind)
            tables.append(change(table) if chosen else table)
        built = _build([table for table in tables if table is not None], library.corner)
        return [*libraries[:at], replace(built, lower=library.lower, upper=library.upper), *libraries[at + 1 :]]

    return apply


def _scaled(factor: float) -> Callable[[Table], Table]:
    return lambda table: replace(table, values=table.values * factor)


def _put(index: tuple[int, ...], value: float) -> Callable[[Table], Table]:
    def change(table: Table) -> Table:
        values = table.values.copy()
        values[index] = value
        return replace(table, values=values)

    return change


def _axis(values: list[float], place: int = 1) -> Callable[[Table], Table]:
    def change(table: Table) -> Table:
        axes = list(table.axes)
        axes[place] = Axis(axes[place].variable, np.array(values))
        shape = tuple(len(axis) for axis in axes)
        return replace(table, axes=tuple(axes), values=np.resize(table.values, shape), origin=np.ones(shape, dtype=np.uint8))

    return change


def _with(at: int = 0, **fields: object) -> Fault:
    return lambda libraries: [*libraries[:at], replace(libraries[at], **fields), *libraries[at + 1 :]]  # type: ignore[arg-type]


def _cell(name: str, **fields: object) -> Fault:
    cells = tuple(replace(cell, **fields) if cell.name == name else cell for cell in _cells())  # type: ignore[arg-type]
    return _with(0, cells=cells)


def _copied(libraries: list[Library]) -> list[Library]:
    return [*libraries[:3], replace(libraries[3], values=libraries[0].values), *libraries[4:]]


def _intervals(libraries: list[Library]) -> list[Library]:
    values = libraries[0].values
    return _with(0, lower=values * 1.1, upper=values * 1.2)(libraries)


def _one_table_copied(libraries: list[Library]) -> list[Library]:
    stale = next(table for table in libraries[0] if table.key.cell == "inv_2" and table.key.quantity == "cell_rise")
    return _edit(lambda table: replace(table, values=stale.values), at=3)(libraries)


def _steps(*factors: float, along: int = 0) -> Callable[[Table], Table]:
    """Multiply the first line along an axis."""

    def change(table: Table) -> Table:
        values = np.array(table.values)
        np.moveaxis(values, along, 0)[:] = np.moveaxis(values, along, 0) * np.array(factors)[:, None]
        return replace(table, values=values)

    return change


FAULTS: dict[str, Fault] = {
    "empty-table": _edit(lambda table: replace(table, values=np.full(table.values.shape, np.nan))),
    "missing-value": _edit(_put((1, 1), np.nan)),
    "infinite-value": _edit(_put((1, 1), np.inf)),
    "axis-order": _edit(_axis([5e-15, 1e-15, 20e-15, 50e-15])),
    "axis-repeated": _edit(_axis([1e-15, 1e-15, 20e-15, 50e-15])),
    "axis-sign": _edit(_axis([-1e-15, 1e-15, 20e-15, 50e-15])),
    "axis-short": _edit(_axis([10e-12], place=0)),
    "delay-load": _edit(_put((1, 1), 1e-12)),
    "transition-load": _edit(_put((1, 2), 1e-12), "rise_transition"),
    "delay-slew": _edit(_steps(1.0, 0.3, 1.0)),
    "transition-slew": _edit(_steps(1.0, 0.3, 1.0), "rise_transition"),
    "transition-positive": _edit(_put((0, 0), -1e-12), "rise_transition"),
    "capacitance-positive": _edit(_scaled(-1.0), "capacitance"),
    "leakage-positive": _edit(_scaled(-1.0), "cell_leakage_power"),
    "limit-positive": _edit(_scaled(0.0), "max_capacitance"),
    "delay-early": _edit(_put((0, 0), -11e-12)),
    "table-constant": _edit(lambda table: replace(table, values=np.full(table.values.shape, 3e-11))),
    "row-repeated": _edit(lambda table: replace(table, values=table.values[[0, 0, 2]])),
    "value-spike": _edit(_put((1, 2), 9e-9)),
    "interval-order": _intervals,
    "transition-missing": _edit(lambda table: None, "rise_transition"),
    "delay-missing": _edit(lambda table: None, "cell_rise"),
    "grid-differs": _edit(_axis([1e-15, 5e-15, 20e-15, 51e-15])),
    "edge-missing": _edit(lambda table: None, "cell_rise"),
    "setup-hold": _edit(_scaled(-1.0), "rise_constraint", "dff_1", "setup"),
    "recovery-removal": _edit(_scaled(-1.0), "rise_constraint", "dff_1", "recovery"),
    "setup-without-hold": _edit(lambda table: None, "", "dff_1", "hold"),
    "pulse-width-positive": _edit(_scaled(0.0), "rise_constraint", "dff_1", "min_pulse"),
    "capacitance-missing": _edit(lambda table: None, "", "inv_2", "pin"),
    "capacitance-edges": _edit(_scaled(1.2), "capacitance"),
    "leakage-missing": _edit(lambda table: None, "", "inv_2", "leakage"),
    "leakage-states": _edit(_scaled(2.0), "cell_leakage_power"),
    "load-axis-limit": _edit(_scaled(2.0), "max_capacitance"),
    "slew-axis-limit": _edit(_scaled(2.0), "max_transition"),
    "output-without-arc": _edit(lambda table: None, "", "inv_2", "combinational"),
    "clock-without-arc": _edit(lambda table: None, "", "dff_1", "rising_edge"),
    "sigma-negative": _edit(_scaled(-1.0), "ocv_sigma"),
    "sigma-large": _edit(_scaled(30.0), "ocv_sigma"),
    "corner-name": _with(0, name="own__tt_025C_0v90"),
    "corner-file": _with(0, source="lib/own__ff_025C_0v80.lib"),
    "corner-stated": _with(1, corner=Corner("ss", 0.8, 85)),
    "nominal-differs": _says(nominal={"voltage": 0.8, "temperature": -25.0}),
    "conditions-name": _says(conditions={"tt_025C_0v80": {"voltage": 0.8}, "ss_025C_0v72": {"voltage": 0.8}}),
    "conditions-default": _says(default_conditions="typical"),
    "rail-supply": _says(rails={"VDD": 0.72, "VSS": 0.0}),
    "rail-stale": _says(rails={"VDD": 0.8, "VNW": 0.72, "VSS": 0.0}),
    "corner-twice": lambda libraries: [*libraries, replace(libraries[0], source="lib/other.lib")],
    "corner-repeats": _copied,
    "table-repeats": _one_table_copied,
    "cell-missing": lambda libraries: [
        replace(_edit(lambda table: None, "", "inv_4")(libraries)[0], cells=tuple(c for c in _cells() if c.name != "inv_4")),
        *libraries[1:],
    ],
    "arc-missing": _edit(lambda table: None, "", "inv_4", "combinational"),
    "shape-differs": _edit(_axis([1e-15, 50e-15]), at=2),
    "units-differ": _with(1, header=_header(CORNERS[1], time=1e-12)),
    "thresholds-differ": _with(1, header=_header(CORNERS[1], thresholds={"input_threshold_pct_rise": 0.4})),
    "unit-size": _edit(_scaled(1e6), "", ""),
    "area-differs": _cell("inv_2", area=7.0),
    "function-differs": _cell("inv_2", pins=(Pin("A", "input"), Pin("Y", "output", "A"))),
    "direction-differs": _cell("inv_2", pins=(Pin("A", "inout"), Pin("Y", "output", "(!A)"))),
    "supply-order": _edit(_scaled(0.5), at=3),
    "process-order": _edit(_scaled(2.0), at=2),
    "temperature-order": _edit(_scaled(0.5), at=4),
    "leakage-supply": _edit(_scaled(0.5), "cell_leakage_power", at=5),
    "leakage-temperature": _edit(_scaled(1e-3), "cell_leakage_power", at=4),
    "leakage-trend": _edit(_scaled(100.0), "cell_leakage_power", at=1),
    "corner-outlier": _edit(_scaled(4.0), at=1),
    "capacitance-trend": _edit(_scaled(2.0), "capacitance", at=1),
    "drive-order": _edit(_scaled(4.0), "rise_transition"),
    "drive-leakage": _edit(_scaled(0.2), "cell_leakage_power"),
}
RULES = {rule.name: rule for rule in checks.builtin_rules()}


def test_every_rule_has_a_fault_and_a_line_of_documentation(repository: Path) -> None:
    assert set(FAULTS) == set(RULES)
    assert len(RULES) >= 40
    text = (repository / "docs" / "checks.md").read_text(encoding="utf-8")
    for rule in RULES.values():
        assert f"| `{rule.name}` | {rule.reason} |" in text


@pytest.mark.parametrize("name", RULES)
def test_sound_libraries_pass(name: str, sound: list[Library]) -> None:
    assert [str(found) for found in RULES[name].check(Subject(sound))] == []


@pytest.mark.parametrize("name", FAULTS)
def test_broken_library_is_found(name: str, sound: list[Library]) -> None:
    found = checks.run(FAULTS[name](list(sound)), [RULES[name]])
    assert found
    assert {finding.rule for finding in found} == {name}
    assert all(finding.message and finding.corner is not None and finding.file for finding in found)


@pytest.mark.parametrize(
    ("rule", "fields", "message", "place"),
    [
        (
            "conditions-default",
            {"default_conditions": ""},
            "no default_operating_conditions; the library has 'tt_025C",
            "operating_conditions",
        ),
        ("conditions-name", {"conditions": {"ss_025C_0v80": {"voltage": 0.8}}}, "say process ss for tt", "operating_conditions"),
        ("corner-stated", {"nominal": {}, "conditions": {"only": {"voltage": 0.7}}}, "states voltage 0.7 V for 0.8 V", "nom_voltage"),
        ("nominal-differs", {"nominal": {"process": 1.1}}, "nom_process is 1.1, the operating conditions", "nom_process"),
    ],
)
def test_headers_contradict_themselves_in_several_ways(
    sound: list[Library], rule: str, fields: dict[str, object], message: str, place: str
) -> None:
    if rule != "conditions-default":
        fields = {"default_conditions": "", **fields}
    if rule == "nominal-differs":
        fields["default_conditions"] = CORNERS[0].name
    [found] = checks.run(_says(**fields)(list(sound)), [RULES[rule]])
    assert message in found.message
    assert found.place == place


def test_findings_carry_line_and_values(sound: list[Library]) -> None:
    broken = FAULTS["transition-positive"](list(sound))
    [found] = checks.run(broken, [RULES["transition-positive"]], locate=lambda library, found: (found.file, 7))
    assert found.line == 7
    assert found.values == (-1e-12,)
    assert found.to_dict()["values"] == [-1e-12]
    assert found.key is not None
    assert found.key.quantity == "rise_transition"
    assert str(found).startswith("lib/own__tt_025C_0v80.lib.gz:7 error [transition-positive] tt_025C_0v80 inv_2 A -> Y")
    assert found.to_dict()["corner"] == "tt_025C_0v80"
    assert count_findings([found]) == {"error": 1, "warning": 0, "repaired": 0, "info": 0}


def test_sarif_says_rule_place_and_level(sound: list[Library]) -> None:
    found = checks.run(FAULTS["transition-positive"](list(sound)), locate=lambda library, found: (found.file, 7))
    log = json.loads(json.dumps(to_sarif(found, checks.builtin_rules())))
    [run] = log["runs"]
    assert len(run["tool"]["driver"]["rules"]) == len(RULES)
    result = next(result for result in run["results"] if result["ruleId"] == "transition-positive")
    assert result["level"] == "error"
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "lib/own__tt_025C_0v80.lib.gz"},
        "region": {"startLine": 7},
    }
    assert result["message"]["text"].startswith("tt_025C_0v80 inv_2 A -> Y")


def test_a_finding_about_no_table_has_the_line_of_what_it_is_about(tmp_path: Path, command: Callable[..., CompletedProcess[str]]) -> None:
    path = tmp_path / "own_tt_025C_0v80.lib"
    path.write_text("""library (own_tt_025C_0v80) {
  operating_conditions (tt_025C_0v80) { process : 1; voltage : 0.8; temperature : 25; }
  nom_process : 1; nom_temperature : 25;
  nom_voltage : 0.9;
  voltage_map (VDD, 0.8);
  cell (inv) {
    pin (A) { direction : input; }
    pin (Y) { direction : output; function : "!A"; }
  }
}
""")
    done = command("check", path, "--json")
    assert done.returncode == 1
    found = {item["rule"]: item for item in json.loads(done.stdout)["findings"]}
    lines = {rule: item["line"] for rule, item in found.items()}
    assert lines == {
        "nominal-differs": 4, "rail-supply": 5, "corner-name": 1, "corner-file": 1, "capacitance-missing": 7, "output-without-arc": 8,
    }  # fmt: skip
    assert found["nominal-differs"]["values"] == [0.9, 0.8]
    assert found["rail-supply"]["values"] == [0.9, 0.8]
    assert found["nominal-differs"]["message"] == "nom_voltage is 0.9 V, the operating conditions 'tt_025C_0v80' hold 0.8 V"


def test_a_line_in_an_included_file_is_that_files(tmp_path: Path, command: Callable[..., CompletedProcess[str]]) -> None:
    (tmp_path / "cells.inc").write_text("\n\ncell (X) { pin (A) {\n direction : input; capacitance : -1; } }\n")
    (tmp_path / "top_tt_1v00_025C.lib").write_text('library (top_tt_1v00_025C) {\n include_file ("cells.inc");\n}\n')
    done = command("check", "top_tt_1v00_025C.lib", "--rule", "capacitance-positive", "--json")
    [found] = json.loads(done.stdout)["findings"]
    assert (Path(found["file"]).name, found["line"]) == ("cells.inc", 4)


def test_the_command_finds_the_line_and_writes_sarif(tmp_path: Path, command: Callable[..., CompletedProcess[str]]) -> None:
    path = tmp_path / "own_tt_025C_0v80.lib"
    text = """library (own_tt_025C_0v80) {
  time_unit : "1ns"; capacitive_load_unit (1, pf); voltage_unit : "1V"; current_unit : "1mA"; leakage_power_unit : "1nW";
  nom_voltage : 0.8; nom_temperature : 25;
  cell (inv) {
    pin (Y) { direction : output;
      timing () { related_pin : "A";
        cell_rise (scalar) { values ("0.02"); }
        rise_transition (scalar) {
          values ("-0.02");
        }
      }
    }
  }
}
"""
    path.write_text(text)
    line = 1 + text.splitlines().index("        rise_transition (scalar) {")
    done = command("check", path, "--rule", "transition-positive", "--sarif", "found.sarif")
    assert done.returncode == 1
    assert f"{path.name}:{line} error [transition-positive]" in done.stdout
    log = json.loads((tmp_path / "found.sarif").read_text())
    assert log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"] == {"startLine": line}


def test_what_json_cannot_hold_is_null(
    tmp_path: Path, make_library: Callable[..., Path], command: Callable[..., CompletedProcess[str]]
) -> None:
    path = make_library("tt,1.80,25", name="a name with blanks.lib")
    path.write_text(re.sub(r"values \([^)]*\);", "", path.read_text(), count=1))
    done = command("check", path, "--rule", "empty-table", "--sarif", "found.sarif", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout, parse_constant=pytest.fail)["findings"][0]["rule"] == "empty-table"
    log = json.loads((tmp_path / "found.sarif").read_text(), parse_constant=pytest.fail)
    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"].endswith("/a%20name%20with%20blanks.lib")
    assert place["region"]["startLine"] > 1


def test_all_rules_at_once_leave_the_libraries_alone(sound: list[Library]) -> None:
    before = [(library.values.copy(), library.origin.copy()) for library in sound]
    assert checks.run(sound) == []
    assert checks.run([]) == []
    for library, (values, origin) in zip(sound, before, strict=True):
        assert np.array_equal(library.values, values)
        assert np.array_equal(library.origin, origin)


def test_a_plugin_adds_its_own_rule(sound: list[Library]) -> None:
    def check(subject: Subject) -> Iterator[Finding]:
        for library in subject.libraries:
            yield Finding("ours", Severity.WARNING, "seen", library.corner)

    registry = RuleRegistry(checks.builtin_rules())
    registry.add(Rule("ours", "a test", check))
    assert len(checks.run(sound, registry.select(["ours"]))) == len(sound)
    assert "ours" in registry
    assert len(registry) == len(RULES) + 1
    with pytest.raises(UserError, match="registered already"):
        registry.add(Rule("ours", "again", check))
    with pytest.raises(UserError, match="unknown rule 'theirs'; known are"):
        registry.select(["theirs"])
