"""What the Liberty reader makes of every form a file can take."""

from __future__ import annotations

import gzip
import lzma
import math
from pathlib import Path

import numpy as np
import pytest

from eda_plugin.adapters import liberty
from eda_plugin.adapters.liberty import reading
from eda_plugin.domain import Corner, FlipFlop, Library, Origin, TableKey
from eda_plugin.errors import UserError

FORMS = Path(__file__).parent / "data" / "liberty" / "forms.lib"
PS, FF, NW, FJ = 1e-12, 1e-15, 1e-9, 1e-15


@pytest.fixture(scope="module")
def forms() -> Library:
    return liberty.read(FORMS, cache=False)


def arc(quantity: str, when: str = "", nth: int = 0) -> TableKey:
    return TableKey("2INV_X1", "Y", "A", "combinational", "negative_unate", when, quantity, nth)


def reg(pin: str, related: str, kind: str, quantity: str = "rise_constraint") -> TableKey:
    return TableKey("REG", pin, related, kind, "", "", quantity)


def test_the_library_states_its_corner_units_and_thresholds(forms: Library) -> None:
    assert forms.corner == Corner("tt", 1.8, 25)
    assert forms.name == "forms__tt_1v80_025C"
    header = forms.header
    assert (header.time, header.capacitance, header.voltage, header.current, header.leakage) == (1e-12, 1e-15, 1.0, 1e-6, 1e-9)
    assert header.energy == pytest.approx(1e-15)
    assert header.thresholds["slew_lower_threshold_pct_rise"] == 0.3
    assert header.thresholds["slew_derate_from_library"] == 0.5
    assert (forms.origin == Origin.MEASURED).all()
    assert forms.source == str(FORMS)


@pytest.mark.parametrize(
    ("key", "values", "unit"),
    [
        (arc("cell_rise"), [[1, 2], [3, 4], [5, 6]], PS),
        (arc("rise_transition"), [[1, 2], [3, 4], [5, 6]], PS),
        (arc("cell_fall"), [[1, 2, 3], [4, 5, 6]], PS),
        (arc("fall_transition"), 7.5, PS),
        (arc("cell_rise", "B"), [[[1, 2], [3, 4]], [[5, 6], [7, 8]]], PS),
        (arc("cell_rise", "B", 1), 9, PS),
        (arc("ocv_sigma_cell_rise:early"), [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], PS),
        (arc("ocv_sigma_cell_rise:late"), [[0.2, 0.3], [0.4, 0.5], [0.6, 0.7]], PS),
        (arc("ocv_mean_shift_cell_rise"), [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], PS),
        (arc("ocv_skewness_cell_fall"), 0.01, PS),
        (arc("ocv_std_dev_fall_transition"), 0.02, PS),
        (TableKey("2INV_X1", "Y", "A", "internal_power", "VDD", "", "rise_power"), [1, 2, 3], FJ),
        (TableKey("2INV_X1", "Y", "A", "internal_power", "VDD", "", "fall_power"), [1, 2, 3], FJ),
        (TableKey("2INV_X1", "Y", "", "internal_power", "", "", "power"), [4, 5, 6], FJ),
        (TableKey("2INV_X1", "", "", "leakage", "", "", "cell_leakage_power"), 0.25, NW),
        (TableKey("2INV_X1", "", "VDD", "leakage", "", "!A", "leakage_power"), 1.5, NW),
        (TableKey("2INV_X1", "", "", "leakage", "", "A", "leakage_power"), 0.5, NW),
        (TableKey("2INV_X1", "", "", "leakage", "", "A", "leakage_power", 1), 1e-3, NW),
        (TableKey("2INV_X1", "A", "", "pin", "", "", "capacitance"), 1.25, FF),
        (TableKey("2INV_X1", "A", "", "pin", "", "", "fall_capacitance"), 1.2, FF),
        (TableKey("2INV_X1", "A", "", "pin", "", "", "max_transition"), 100, PS),
        (TableKey("2INV_X1", "Y", "", "pin", "", "", "max_capacitance"), 50, FF),
        (reg("CK", "CK", "min_pulse_width"), 30, PS),
        (reg("CK", "CK", "min_pulse_width", "fall_constraint"), [31, 32], PS),
        (reg("D", "CK", "setup_rising"), [[1, -2], [3, 4]], PS),
        (reg("SI", "CK", "setup_rising"), [[1, -2], [3, 4]], PS),
        (reg("D", "CK", "hold_rising"), [[-1, -2], [-3, -4]], PS),
        (reg("RN", "CK", "recovery_rising"), 1, PS),
        (reg("RN", "CK", "removal_rising"), 2, PS),
        (reg("RN", "D", "non_seq_setup_rising"), 3, PS),
        (reg("RN", "D", "skew_rising"), 4, PS),
        (TableKey("REG", "SI", "", "pin", "", "", "capacitance"), 1.75, FF),
        (TableKey("WIDE", "DATA", "", "pin", "", "", "capacitance"), 3, FF),
        (TableKey("WIDE", "DATA[0:1]", "", "pin", "", "", "capacitance"), 3.5, FF),
        (TableKey("WIDE", "PAIR", "DATA", "combinational", "", "", "cell_rise"), 11, PS),
        (TableKey("WIDE", "P", "DATA", "combinational", "", "", "cell_rise"), 12, PS),
    ],
    ids=str,
)
def test_every_form_is_read(forms: Library, key: TableKey, values: object, unit: float) -> None:
    np.testing.assert_array_equal(forms[key].values, np.array(values, dtype=float) * unit)


def test_nothing_else_is_taken_for_a_table_of_the_library(forms: Library) -> None:
    assert not [key for key in forms.keys if key.pin == "Z"], "a scaled cell holds for other conditions"
    assert TableKey("REG", "D", "", "pin", "", "", "capacitance", 1) not in forms, "a test_cell's pin is not the cell's"
    assert len(forms) == 43


def test_axes_come_from_the_table_or_its_template(forms: Library) -> None:
    slew, load = forms[arc("cell_rise")].axes
    assert (slew.variable, load.variable) == ("input_net_transition", "total_output_net_capacitance")
    np.testing.assert_array_equal(slew.values, np.array([1, 2, 4]) * PS)
    np.testing.assert_array_equal(load.values, np.array([0.5, 1.5]) * FF)
    own, inherited = forms[arc("rise_transition")].axes
    np.testing.assert_array_equal(own.values, np.array([1, 2, 8]) * PS)
    assert inherited.values is load.values, "equal axes are stored once"
    assert [axis.is_load for axis in forms[arc("cell_fall")].axes] == [True, False]
    assert len(forms[arc("cell_rise", "B")].axes) == 3
    (unnamed,) = forms[reg("CK", "CK", "min_pulse_width", "fall_constraint")].axes
    assert unnamed.variable == "related_pin_transition", "the usual name where no template is defined"
    assert forms[arc("fall_transition")].axes == ()


def test_cells_have_their_structure(forms: Library) -> None:
    cells = {cell.name: cell for cell in forms.cells}
    assert list(cells) == ["2INV_X1", "REG", "WIDE"]
    assert cells["2INV_X1"].area == 1.5
    assert math.isnan(cells["REG"].area)
    assert (cells["REG"].sequential, cells["2INV_X1"].sequential) == (True, False)
    assert (cells["REG"].flipflop, cells["2INV_X1"].flipflop) == (FlipFlop("IQ", "IQN", "CK", "D"), None)
    pins = {pin.name: pin for pin in cells["REG"].pins}
    assert set(pins) == {"CK", "D", "SI", "RN"}
    assert pins["CK"].clock
    assert cells["2INV_X1"].pins[1].function == "!A"
    assert next(pin for pin in cells["WIDE"].pins if pin.name == "DATA[0:1]").direction == "input"


def test_what_is_not_interpreted_is_listed() -> None:
    carried = liberty.open_document(FORMS).uninterpreted()
    assert carried["output_current_rise"] == 1
    assert carried["receiver_capacitance1_rise"] == 1
    assert carried["test_cell"] == carried["scaled_cell"] == carried["vendor_grade"] == carried["k_volt_cell_rise"] == 1
    assert carried["sdf_cond"] == 2
    assert "vector" not in carried, "counts with the group around it"
    assert "cell_rise" not in carried


@pytest.mark.parametrize("suffix", [".lib.gz", ".lib.xz", ".lib"])
def test_compressed_files_are_told_by_their_bytes(tmp_path: Path, forms: Library, suffix: str) -> None:
    data = FORMS.read_bytes()
    path = tmp_path / f"x{suffix}"
    path.write_bytes(lzma.compress(data) if suffix == ".lib.xz" else gzip.compress(data))
    same = liberty.read(path, cache=False)
    assert same.keys == forms.keys
    np.testing.assert_array_equal(same.values, forms.values)


def test_line_ends_and_byte_order_mark_change_nothing(tmp_path: Path, forms: Library) -> None:
    path = tmp_path / "dos.lib"
    path.write_bytes(b"\xef\xbb\xbf" + FORMS.read_bytes().replace(b"\n", b"\r\n"))
    same = liberty.read(path, cache=False)
    assert same.keys == forms.keys
    np.testing.assert_array_equal(same.values, forms.values)
    assert same.cells[:1] == forms.cells[:1]


def one_line(name: str, *statements: str) -> str:
    return f"library ({name}) {{ {' '.join(statements)} }}"


@pytest.mark.parametrize(
    ("text", "corner"),
    [
        (one_line("lib_ss_0p72v_125c"), Corner("ss", 0.72, 125)),
        (one_line("lib_ss_1v60_100C", "nom_voltage : 1.5;", "nom_temperature : -40.0;"), Corner("ss", 1.5, -40)),
        (one_line("lib_ff", "operating_conditions (fast) { voltage : 0.88; temperature : 0; }"), Corner("ff", 0.88, 0)),
        (one_line("lib", "operating_conditions (slow) { voltage : 0.72; temperature : 125; }"), Corner("slow", 0.72, 125)),
        (
            one_line(
                "lib_tt",
                "operating_conditions (a) { voltage : 1; temperature : 1; }",
                "operating_conditions (b) { voltage : 2; temperature : 2; }",
                "default_operating_conditions : b;",
            ),
            Corner("tt", 2, 2),
        ),
    ],
)
def test_the_corner_is_told_from_names_and_conditions(tmp_path: Path, text: str, corner: Corner) -> None:
    path = tmp_path / "plain.lib"
    path.write_text(text)
    assert liberty.corner_of(liberty.open_document(path)) == corner


def test_a_corner_that_cannot_be_told_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "plain.lib"
    path.write_text(one_line("cells", "nom_voltage : 1.5;", "nom_temperature : 25;"))
    with pytest.raises(UserError, match=r"process of library 'cells' cannot be told.*PROCESS,VOLTS,CELSIUS"):
        liberty.read(path, cache=False)
    assert liberty.read(path, corner=Corner("ss", 1.5, 25), cache=False).corner == Corner("ss", 1.5, 25)
    named = path.rename(tmp_path / "cells_ff_x.lib")
    assert liberty.read(named, cache=False).corner == Corner("ff", 1.5, 25), "the file's name may state the process"


def test_blank_tables_are_listed_as_missing(tmp_path: Path) -> None:
    path = tmp_path / "blank_tt_1v80_025C.lib"
    text = FORMS.read_text().replace("values (1, 2, 3);", "").replace("value : .5;", "").replace('values ("7.5");', 'values ("");')
    path.write_text(text)
    library = liberty.read(path, cache=False)
    for key in (
        TableKey("2INV_X1", "Y", "A", "internal_power", "VDD", "", "rise_power"),
        TableKey("2INV_X1", "", "", "leakage", "", "A", "leakage_power"),
        arc("fall_transition"),
    ):
        assert np.isnan(library[key].values).all()
        assert (library[key].origin == Origin.MISSING).all()
    assert library[TableKey("2INV_X1", "Y", "A", "internal_power", "VDD", "", "rise_power")].values.shape == (3,)
    assert np.isnan(library.values).sum() == 5


def test_of_several_libraries_one_is_chosen_by_name(tmp_path: Path) -> None:
    path = tmp_path / "two.lib"
    path.write_text(one_line("a_tt_1v00_025C", "cell (X) { area : 1; }") + "\n" + one_line("b_ss_1v00_025C", "cell (Y) { area : 2; }"))
    assert [cell.name for cell in liberty.read(path, name="b_ss_1v00_025C", cache=False).cells] == ["Y"]
    with pytest.raises(UserError, match=r"2 libraries in this file.*a_tt_1v00_025C, b_ss_1v00_025C"):
        liberty.read(path, cache=False)
    with pytest.raises(UserError, match="no library 'c'"):
        liberty.read(path, name="c", cache=False)


def test_included_files_are_read_in_their_place(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "cells.inc").write_text('cell (X) { area : 2; cell_leakage_power : 3; }\ninclude_file ("part/more.inc");\n')
    (tmp_path / "part" / "more.inc").write_text("cell (Y) { area : 4; cell_leakage_power : 5; }\n")
    path = tmp_path / "top.lib"
    path.write_text('library (a_tt_1v00_025C) {\n  include_file ("part/cells.inc");\n  cell (Z) { area : 1; }\n}\n')
    library = liberty.read(path)
    assert [cell.name for cell in library.cells] == ["X", "Y", "Z"]
    np.testing.assert_array_equal(library.values, np.array([3, 5]) * NW)


def test_places_are_those_of_the_text() -> None:
    places = liberty.Places(liberty.open_document(FORMS))
    lines = FORMS.read_text().splitlines()

    def at(key: TableKey | None, name: str = "") -> str:
        path, line = places.of(key, name)
        assert path == str(FORMS)
        return lines[line - 1].strip()

    assert at(arc("cell_rise")).startswith("cell_rise (grid2) {")
    assert at(TableKey("2INV_X1", "", "", "leakage", "", "", "cell_leakage_power")) == "cell_leakage_power : 0.25;"
    assert at(arc("cell_rise", "absent")) == "pin (Y) {", "an arc that is not there: its pin"
    assert at(arc("cell_rise")._replace(pin="Z")) == "cell (2INV_X1) { // a name that begins with a digit", (
        "a pin that is not there: its cell"
    )
    assert at(None, "nom_voltage").startswith("nom_process : 1.0; nom_voltage")
    assert at(None, "voltage_map") == "voltage_map (VDD, 1.80);"
    assert at(None, "REG/SI") == "pin (D SI) {"
    assert at(None, "REG") == 'cell ("REG") {'
    assert at(None, "library") == at(None, "nothing of this name") == 'library ("forms__tt_1v80_025C") {'


def test_what_is_not_interpreted_is_remembered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDA_PLUGIN_CACHE", str(tmp_path))
    anew = liberty.uninterpreted(FORMS)
    assert anew == liberty.open_document(FORMS).uninterpreted()
    liberty.read(FORMS)
    monkeypatch.setattr(reading, "open_document", lambda *_: pytest.fail("the text was read again"))
    assert liberty.uninterpreted(FORMS) == anew


def test_a_timing_and_a_power_template_may_have_one_name(tmp_path: Path) -> None:
    path = tmp_path / "one_tt_1v80_025C.lib"
    path.write_text("""library (one_tt_1v80_025C) {
  delay_model : table_lookup; time_unit : "1ns"; voltage_unit : "1V"; current_unit : "1uA"; leakage_power_unit : "1nW";
  capacitive_load_unit (1, pf); nom_process : 1; nom_voltage : 1.8; nom_temperature : 25;
  lu_table_template (grid) {
    variable_1 : total_output_net_capacitance; variable_2 : input_net_transition; index_1 ("1, 2"); index_2 ("3, 4");
  }
  power_lut_template (grid) {
    variable_1 : input_transition_time; variable_2 : total_output_net_capacitance; index_1 ("5, 6"); index_2 ("7, 8");
  }
  cell (inv) {
    pin (A) { direction : input; capacitance : 0.001; }
    pin (Y) { direction : output; function : "!A";
      timing () { related_pin : "A"; timing_sense : negative_unate; cell_rise (grid) { values ("1, 2", "3, 4"); } }
      internal_power () { related_pin : "A"; rise_power (grid) { values ("1, 2", "3, 4"); } }
    }
  }
}
""")
    library = liberty.read(path, cache=False)
    axes = {key.quantity: library[key].axes for key in library.keys}
    assert [axis.variable for axis in axes["cell_rise"]] == ["total_output_net_capacitance", "input_net_transition"]
    assert [axis.variable for axis in axes["rise_power"]] == ["input_transition_time", "total_output_net_capacitance"]
    assert axes["cell_rise"][0].values.tolist() == pytest.approx([1e-12, 2e-12])
    assert axes["rise_power"][0].values.tolist() == pytest.approx([5e-9, 6e-9])
