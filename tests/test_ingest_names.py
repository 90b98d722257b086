"""Naming: what built-in rules make of common schemes, what a rules file may say, and how mistakes in one are told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from eda_plugin.adapters.runs import Namer, read_rules
from eda_plugin.adapters.runs.statements import parse_statement
from eda_plugin.errors import ParseError, UserError

NAMER = Namer()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tt_0p80v_25c/inv", {"process": "tt", "voltage": 0.8, "temperature": 25.0, "cell": "inv"}),
        ("a/ss_n40C_1v28/NAND2_X1", {"process": "ss", "voltage": 1.28, "temperature": -40.0, "cell": "NAND2_X1"}),
        ("inv/SS_0.72V_125C/deck", {"process": "ss", "voltage": 0.72, "temperature": 125.0, "cell": "inv"}),
        ("ffg_0p88_m40c/dffrq", {"process": "ffg", "voltage": 0.88, "temperature": -40.0, "cell": "dffrq"}),
        ("inv_x1_ss0p72vn40c", {"process": "ss", "voltage": 0.72, "temperature": -40.0, "cell": "inv_x1"}),
        ("sf-800mv--40c/or2", {"process": "sf", "voltage": 0.8, "temperature": -40.0, "cell": "or2"}),
        (
            "nand2_a_y_tt_0p80v_25c",
            {"process": "tt", "voltage": 0.8, "temperature": 25.0, "cell": "nand2", "related_pin": "a", "pin": "y"},
        ),
        (
            "NAND2_X1/A_Y/tt_025C_0v80/deck",
            {"process": "tt", "voltage": 0.8, "temperature": 25.0, "cell": "NAND2_X1", "related_pin": "A", "pin": "Y"},
        ),
        ("NAND2_X1__A1__ZN__rise/run", {"cell": "NAND2_X1", "related_pin": "A1", "pin": "ZN", "edge": "rise"}),
        ("tt_025C_0v80_nand2", {"process": "tt", "voltage": 0.8, "temperature": 25.0, "cell": "nand2"}),
        ("temp125/fast/inv", {"process": "fast", "temperature": 125.0, "cell": "inv"}),
        ("results/v1.2/deck", {}),
        ("dff_run", {"cell": "dff_run"}),
    ],
)
def test_paths(path: str, expected: dict[str, object]) -> None:
    assert NAMER.text("path", path, user=False) == expected


@pytest.mark.parametrize(
    ("name", "quantity", "fields"),
    [
        ("tphl_a_y", "delay", {"edge": "fall", "related_pin": "a", "pin": "y"}),
        ("TPLH", "delay", {"edge": "rise"}),
        ("tpd_lh", "delay", {"edge": "rise"}),
        ("t_plh", "delay", {"edge": "rise"}),
        ("delay_A_Y_rise", "delay", {"related_pin": "A", "pin": "Y", "edge": "rise"}),
        ("cell_rise", "delay", {"edge": "rise"}),
        ("fall_delay", "delay", {"edge": "fall"}),
        (
            "tplhn_b_y_na1_a2",
            "delay",
            {"edge": "rise", "timing_sense": "negative_unate", "related_pin": "b", "pin": "y", "when": "!a1&a2"},
        ),
        ("tclh_ck_q", "delay", {"edge": "rise", "related_pin": "ck", "pin": "q", "timing_type": ""}),
        ("clk_to_q_fall", "delay", {"edge": "fall", "timing_type": ""}),
        ("trise", "transition", {"edge": "rise"}),
        ("tran_fall", "transition", {"edge": "fall"}),
        ("tf_a_y", "transition", {"edge": "fall", "related_pin": "a", "pin": "y"}),
        ("rise_transition", "transition", {"edge": "rise"}),
        ("slew_y_rise", "transition", {"pin": "y", "edge": "rise"}),
        ("e_sw", "energy", {}),
        ("energy_fall", "energy", {"edge": "fall"}),
        ("p_avg", "power", {}),
        ("leak_na_b", "leakage", {"when": "!a&b"}),
        ("iddq", "leakage_current", {}),
        ("cin_a", "capacitance", {"pin": "a"}),
        ("tsetup_rise", "setup", {"edge": "rise"}),
        ("hold_d_ck", "hold", {"pin": "d", "related_pin": "ck"}),
    ],
)
def test_measures(name: str, quantity: str, fields: dict[str, str]) -> None:
    found = NAMER.measure(name, {}, user=False)
    assert found is not None
    assert (found.quantity, dict(found.fields)) == (quantity, fields)


@pytest.mark.parametrize("name", ["rchg", "tmech", "vmaxy", "x", "alter", "i_t", "kcell_delaybgn_i"])
def test_strange_measures_are_left_alone(name: str) -> None:
    assert NAMER.measure(name, {}, user=False) is None


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("tin", "slew"), ("i_t_slew", "slew"), ("input_tr", "slew"), ("cl", "load"), ("zn_cap", "load"), ("cload", "load"),
        ("vdd", "voltage"), ("VSUPPLY", "voltage"), ("vdd_val", "voltage"), ("temper", "temperature"), ("wn", None), ("vddio", None),
    ],
)  # fmt: skip
def test_parameters(name: str, meaning: str | None) -> None:
    rule = NAMER.parameter(name)
    assert (rule and rule.meaning) == meaning


def test_statements() -> None:
    found = parse_statement(".MEASURE TRAN tphl TRIG V(a) VAL='vdd/2' TD=1n RISE=2 TARG V(y) VAL='vdd/2' FALL=LAST", 7)
    assert found is not None
    assert found.trig is not None
    assert found.targ is not None
    assert (found.name, found.analysis, found.line) == ("tphl", "tran", 7)
    assert (found.trig.node, found.trig.edge, found.trig.count, found.trig.level, found.trig.delay) == ("a", "rise", 2, "vdd/2", 1e-9)
    assert (found.targ.node, found.targ.edge, found.targ.count) == ("y", "fall", 0)
    plain = [
        parse_statement(f"meas tran m {rest}", 1)
        for rest in ("integ i(vdd) from=0 to=1n", "avg p(x1)", "max v(y)", "param='a+b'", "trig at=0 targ v(y) val=1 rise=1")
    ]
    assert [(one.quantity, one.unit) for one in plain if one] == [("charge", "C"), ("power", "W"), ("voltage", "V"), ("", ""), ("", "")]
    assert plain[-1] is not None
    assert plain[-1].trig is None
    assert plain[-1].targ is not None
    assert parse_statement(".measure", 1) is None


RULES = r"""
case = "upper"
builtin = false
ignore = ["old/*"]
[given]
process = "tt"
[units]
voltage = "1mV"
[[path]]
pattern = '(?P<cell>\w+)/(?P<voltage>\d+)_(?P<edge>up|down)'
[path.values]
edge = { up = "rise", down = "fall" }
[[measure]]
pattern = 'd(?P<n>x)?'
quantity = "delay"
[[parameter]]
pattern = 'tr'
field = "slew"
unit = "1ps"
"""


def test_own_rules(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(RULES.replace("(?P<n>x)?", "(?P<pin>y)_(?P<related_pin>a)"), encoding="utf-8")
    rules = read_rules(path)
    namer = Namer(rules)
    assert namer.text("path", "inv/800_up", user=True) == {"cell": "inv", "voltage": 0.8, "edge": "rise"}
    assert namer.text("path", "tt_0p80v_25c/inv", user=False) == {}
    found = namer.measure("dy_a", {}, user=True)
    assert found is not None
    assert found.fields == {"pin": "Y", "related_pin": "A"}
    assert namer.parameter("tr") is not None
    assert namer.parameter("cl") is None
    assert (rules.ignore, rules.given) == (("old/*",), {"process": "tt"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (RULES, "measure 1.pattern: unknown group 'n'; known are cell, pin"),
        ("[[measure]]\npattern = '('\nquantity = \"delay\"", "measure 1.pattern: '(' is no regular expression"),
        ("[[measure]]\npattern = 'x'\nquantity = \"speed\"", "measure 1.quantity: 'speed'; expected one of delay, transition"),
        ("[[measure]]\npattern = 'x'", "measure 1.quantity: ''; expected one of"),
        ("[[parameter]]\npattern = 'x'\nfield = \"cell\"", "parameter 1.field: 'cell'; expected one of process, voltage"),
        ("[[parameter]]\npattern = 'x'\nfield = \"process\"", "a parameter is a number; say which process each is"),
        ("[[paths]]\npattern = 'x'", "unknown entry 'paths'"),
        ('[given]\nvoltage = "0.8"', "given.voltage: '0.8'; expected a number"),
        ("builtin = 1", "builtin: 1; expected true or false"),
        ("case = 'title'", "case: 'title'; expected upper, lower, keep"),
    ],
)
def test_mistakes_in_rules_are_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as error:
        read_rules(path)
    assert str(error.value).startswith(f"rules {path}: ")
    assert told in str(error.value)


def test_unreadable_rules(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text("[[", encoding="utf-8")
    with pytest.raises(ParseError, match="not valid TOML"):
        read_rules(path)
    with pytest.raises(UserError, match="cannot read the rules"):
        read_rules(tmp_path / "absent.toml")


def test_a_number_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text("[[path]]\npattern = '(?P<voltage>high|low)'", encoding="utf-8")
    with pytest.raises(UserError, match="voltage 'high' in the path 'high/inv' is no number"):
        Namer(read_rules(path)).text("path", "high/inv", user=True)


def test_the_rules_of_the_documentation(repository: Path, tmp_path: Path) -> None:
    text = (repository / "docs" / "ingest.md").read_text(encoding="utf-8")
    (rules,) = re.findall(r"^```toml\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    path = tmp_path / "rules.toml"
    path.write_text(rules, encoding="utf-8")
    namer = Namer(read_rules(path))
    assert namer.text("path", "nand2/corner2_720", user=True) == {"cell": "nand2", "process": "ss", "voltage": 0.72}
    found = namer.measure("dly_r_a_y_nb_c", {}, user=True)
    assert found is not None
    assert found.fields == {"edge": "rise", "related_pin": "A", "pin": "Y", "when": "!B&C"}
    assert (found.factor, found.numbers) == (1e-12, {"slew": 1e-11})
