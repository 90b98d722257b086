"""The Liberty writer: the library's numbers in the template's text, and nothing else changed."""

from __future__ import annotations

import difflib
import gzip
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eda_plugin.adapters import liberty
from eda_plugin.domain import Axis, Corner, Library, Table, TableKey
from eda_plugin.domain.quantity import group_of
from eda_plugin.errors import TableError, UserError

FORMS = Path(__file__).parent / "data" / "liberty" / "forms.lib"
SLOW = Corner("ss", 1.6, -40)


@pytest.fixture
def forms() -> Library:
    return liberty.read(FORMS, cache=False)


def changed_lines(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")]


def scaled(library: Library, factor: float) -> Library:
    return library.with_values(library.values * factor, library.origin)


def blanked(text: str) -> str:
    """The text without any value: what a template holds."""
    text = re.sub(r"(?<![\w.])values\s*\([^)]*\)\s*;", "", text)
    return re.sub(r"(?<![\w.])(value|cell_leakage_power|capacitance|rise_capacitance|fall_capacitance) : [^;]*;", "", text)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_unchanged_is_byte_for_byte(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "x.lib"
    path.write_bytes(FORMS.read_bytes().replace(b"\n", ending.encode()))
    report = liberty.write(liberty.read(path, cache=False), tmp_path / "out.lib")
    assert (tmp_path / "out.lib").read_bytes() == path.read_bytes()
    assert (report.replaced, report.inserted, dict(report.dropped)) == (0, 0, {})


def test_compressed_output_does_not_depend_on_the_time(tmp_path: Path, forms: Library) -> None:
    liberty.write(forms, tmp_path / "out.lib.gz")
    data = (tmp_path / "out.lib.gz").read_bytes()
    assert gzip.decompress(data) == FORMS.read_bytes()
    assert data[4:8] == bytes(4)
    liberty.write(forms, tmp_path / "out.lib.xz")
    assert liberty.read(tmp_path / "out.lib.xz", cache=False).keys == forms.keys


def test_one_changed_value_changes_one_number(tmp_path: Path, forms: Library) -> None:
    values = forms.values.copy()
    row = forms.position[TableKey("2INV_X1", "Y", "A", "combinational", "negative_unate", "", "cell_rise")]
    values[forms.start[row] + 3] = 4.123456789e-12
    report = liberty.write(forms.with_values(values, forms.origin), tmp_path / "out.lib")
    assert report.replaced == 1
    lines = changed_lines(FORMS.read_text(), (tmp_path / "out.lib").read_text())
    assert lines == ['-                   "3.0, 4.0", \\', '+                   "3.0, 4.12345679", \\']


def test_filled_values_come_back(tmp_path: Path, forms: Library) -> None:
    filled = scaled(forms, 1.0123456789)
    liberty.write(filled, tmp_path / "out.lib")
    back = liberty.read(tmp_path / "out.lib", cache=False)
    assert back.keys == forms.keys
    np.testing.assert_allclose(back.values, filled.values, rtol=1e-8)
    text, new = FORMS.read_text(), (tmp_path / "out.lib").read_text()
    number = r"[-+]?\d*\.?\d+(?:e[-+]?\d+)?"
    assert re.sub(number, "#", new) == re.sub(number, "#", text), "only numbers changed"


def test_a_blank_template_is_filled_in_its_style(tmp_path: Path, forms: Library) -> None:
    template = tmp_path / "blank.lib"
    template.write_text(blanked(FORMS.read_text()))
    blank = liberty.read(template, cache=False)
    assert np.isnan(blank.values).any()
    report = liberty.write(forms, tmp_path / "out.lib", template=template)
    assert report.inserted > 30
    back = liberty.read(tmp_path / "out.lib", cache=False)
    assert set(back.keys) == set(forms.keys)
    for key in forms.keys:
        np.testing.assert_allclose(back[key].values, forms[key].values, rtol=1e-12, err_msg=str(key))


def test_blank_lines_left_by_the_numbers_are_used(tmp_path: Path) -> None:
    text = """library (a_tt_1v00_025C) {
  cell (X) {
    cell_leakage_power : 2.5;
    pin (Y) {
      capacitance : 1.5;
      direction : output;
      timing () {
        related_pin : "A";
        cell_rise (none) {
          index_1 ("1, 2");
          index_2 ("3, 4");
          values ( \\
            "1.5, 2.5", \\
            "3.5, 4.5");
        }
      }
    }
  }
}
"""
    (tmp_path / "full.lib").write_text(text)
    (tmp_path / "blank.lib").write_text(re.sub(r"(values \([^)]*\)|capacitance : 1.5|cell_leakage_power : 2.5);", "", text))
    full = liberty.read(tmp_path / "full.lib", cache=False)
    liberty.write(full, tmp_path / "out.lib", template=tmp_path / "blank.lib")
    assert (tmp_path / "out.lib").read_text() == text


def test_the_corner_is_followed_everywhere(tmp_path: Path, forms: Library) -> None:
    filled = replace(forms, corner=SLOW, name="forms__ss_1v60_n40C")
    report = liberty.write(filled, tmp_path / "out.lib", note='filled by "us"\nfrom 3 corners')
    assert dict(report.dropped) == {"output_current_rise": 1, "receiver_capacitance1_rise": 1}
    back = liberty.open_document(tmp_path / "out.lib")
    assert liberty.corner_of(back) == SLOW
    text = (tmp_path / "out.lib").read_text()
    for line in (
        'library ("forms__ss_1v60_n40C") {',
        "comment : \"filled by 'us' from 3 corners; of the template's corner and dropped: 1 output_current_rise, 1 receiver_",
        "nom_voltage : 1.6; nom_temperature : -40.0;",
        "voltage_map (VDD, 1.6);",
        "voltage_map (VSS, 0.0);",
        'voltage_map ("VDDL", 1.20);',
        'operating_conditions ("ss_n40C_1v60") {',
        "    temperature : -40.0;",
        "    voltage : 1.6;",
        'default_operating_conditions : "ss_n40C_1v60";',
    ):
        assert line in text, line
    assert "vector" not in text
    assert "output_current_rise (" not in text
    assert "receiver_capacitance1_rise (" not in text
    assert back.library().keys == forms.keys
    assert dict(report.carried) == {"k_volt_cell_rise": 1, "scaled_cell": 1}
    kept = liberty.write(filled, tmp_path / "kept.lib", keep_unfilled=True, corner_attributes=False)
    assert not kept.dropped
    assert (tmp_path / "kept.lib").read_bytes() == FORMS.read_bytes()


OTHERS = """library (a_tt_1v00_025C) {
  nom_voltage : 1; nom_temperature : 25;
  k_volt_cell_rise : -0.4;
  k_temp_cell_rise : 0.0;
  default_max_transition : 1.5;
  default_fanout_load : 1;
  driver_model : "ramp";
  operating_conditions (typical) { voltage : 1; temperature : 25; }
  operating_conditions (hot) { voltage : 1; temperature : 125; }
  default_operating_conditions : typical;
  scaling_factors (mine) { k_volt_fall_power : 0.2; k_temp_fall_power : 0; }
  cell (X) {
    scaling_factors : mine;
    pin (Y) {
      rise_capacitance_range (0.1, 0.2);
      min_pulse_width_low : 0.3;
      electromigration () { em_max_toggle_rate (e) { values ("1"); } }
      timing () { related_pin : "A";
        cell_rise (scalar) { values ("0.5"); }
        retaining_rise (scalar) { values ("0.4"); }
        retain_rise_slew (scalar) { values ("0.1"); }
        ocv_sigma_retaining_rise (scalar) { values ("0.01"); }
        cell_degradation (d) { values ("0.7"); }
      }
    }
  }
  scaled_cell (X, typical) { pin (Y) { capacitance : 4; } }
  scaled_cell (X, hot) { pin (Y) { timing () { retaining_rise (scalar) { values ("0.45"); } } } }
}
"""


@pytest.mark.parametrize("name", ['"typical, 1"', '"typical" /* 1, 2 */', 'typical"1, 2"'])
def test_conditions_whose_name_has_a_comma_are_renamed_whole(tmp_path: Path, name: str) -> None:
    path = tmp_path / "comma_tt_1v00_025C.lib"
    path.write_text(
        f"library (comma_tt_1v00_025C) {{ nom_voltage : 1; nom_temperature : 25;\n  operating_conditions ({name}, x) "
        "{ voltage : 1; temperature : 25; }\n  cell (X) { cell_leakage_power : 1; } }\n"
    )
    library = replace(liberty.read(path, cache=False), corner=SLOW, name="comma_ss_1v60_n40C")
    liberty.write(library, tmp_path / "out.lib")
    (line,) = [line for line in (tmp_path / "out.lib").read_text().splitlines() if "operating_conditions" in line]
    assert re.search(r'\("?ss_n40C_1v60"?[^,]*, x\)', line), line
    assert liberty.read(tmp_path / "out.lib", cache=False).corner == SLOW


def test_what_nobody_fills_does_not_pass_as_another_corners(tmp_path: Path) -> None:
    path = tmp_path / "others.lib"
    path.write_text(OTHERS)
    library = liberty.read(path, cache=False)
    assert not liberty.write(scaled(library, 2), tmp_path / "same.lib").dropped, "its own corner keeps all"
    filled = replace(scaled(library, 2), corner=SLOW, name="a_ss_1v60_n40C")
    report = liberty.write(filled, tmp_path / "out.lib", note="filled")
    assert dict(report.dropped) == {
        "k_volt_cell_rise": 1, "k_volt_fall_power": 1, "rise_capacitance_range": 1, "electromigration": 1, "retaining_rise": 1,
        "retain_rise_slew": 1, "ocv_sigma_retaining_rise": 1, "cell_degradation": 1, "scaled_cell": 1,
    }  # fmt: skip
    assert dict(report.carried) == {
        "k_temp_cell_rise": 1, "default_max_transition": 1, "default_fanout_load": 1, "scaling_factors": 1, "min_pulse_width_low": 1,
        "scaled_cell": 1,
    }  # fmt: skip
    text = (tmp_path / "out.lib").read_text()
    assert "scaled_cell (X, hot)" in text
    assert 'values ("0.45")' in text
    assert "filled; of the template's corner and dropped: 1 cell_degradation, 1 electromigration, 1 k_volt_cell_rise," in text
    new = [line[1:].split()[0] for line in changed_lines(OTHERS, text) if line.startswith("+")]
    own = ["library", "comment", "nom_voltage", "operating_conditions", "default_operating_conditions"]
    assert new == [*own, "scaling_factors", "cell_rise"]
    kept = liberty.write(filled, tmp_path / "kept.lib", keep_unfilled=True)
    assert not kept.dropped
    assert kept.carried["retaining_rise"] == 1
    path.write_text(OTHERS.replace('related_pin : "A";', 'related_pin : "A"; intrinsic_rise : 0.5;'))
    with pytest.raises(UserError, match=r"others.lib:18: intrinsic_rise states a delay of the template's corner"):
        liberty.write(filled, tmp_path / "none.lib")
    assert not (tmp_path / "none.lib").exists()


@pytest.mark.parametrize("name", ['a_tt"30"', '"a_tt" b', "/* a_tt */ a_tt", " a_tt ", '"a_tt"', '"a_tt", 2'])
def test_a_name_is_followed_however_it_is_spelled(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x_tt_1v00_025C.lib"
    path.write_text(f"library ({name}) {{ nom_voltage : 1; nom_temperature : 25; cell (X) {{ area : 1; }} }}")
    library = liberty.read(path, cache=False)
    liberty.write(replace(library, name="b_ss", corner=SLOW), tmp_path / "out.lib")
    assert liberty.open_document(tmp_path / "out.lib").name == "b_ss"


def test_a_header_that_contradicts_itself_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "odd.lib"
    path.write_text(
        "library (a_tt_1v00_025C) { nom_voltage : 1.1; nom_temperature : 30;\n"
        "operating_conditions (x) { voltage : 1.2; temperature : 91; } cell (X) { cell_leakage_power : 1; } }"
    )
    library = liberty.read(path, cache=False)
    assert library.corner == Corner("tt", 1.1, 30)
    liberty.write(library, tmp_path / "out.lib")
    assert (tmp_path / "out.lib").read_bytes() == path.read_bytes()


def test_a_note_joins_the_comment_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "x.lib"
    path.write_text('library (a_tt_1v00_025C) {\n  comment : "ours";\n  cell (X) { area : 1; }\n}\n')
    library = liberty.read(path, cache=False)
    liberty.write(library, tmp_path / "one.lib", note="filled")
    liberty.write(liberty.read(tmp_path / "one.lib", cache=False), tmp_path / "two.lib", note="filled")
    assert 'comment : "ours; filled";' in (tmp_path / "one.lib").read_text()
    assert (tmp_path / "two.lib").read_bytes() == (tmp_path / "one.lib").read_bytes(), "a note that is there is not repeated"


def test_numbers_that_the_template_does_not_name_are_inserted(tmp_path: Path) -> None:
    path = tmp_path / "x.lib"
    path.write_text("library (a_tt_1v00_025C) {\n  cell (X) {\n    pin (A B) {\n      direction : input;\n    }\n  }\n}\n")
    blank = liberty.read(path, cache=False)
    new = [
        Table(TableKey("X", pin, "", "pin", "", "", "capacitance"), (), np.array(2e-15), np.array(2, dtype=np.uint8)) for pin in ("A", "B")
    ]
    new.append(Table(TableKey("X", "", "", "leakage", "", "", "cell_leakage_power"), (), np.array(3e-9), np.array(2, dtype=np.uint8)))
    library = Library.from_tables(new, name=blank.name, corner=blank.corner, source=blank.source)
    assert liberty.write(library, tmp_path / "out.lib").inserted == 2
    back = liberty.read(tmp_path / "out.lib", cache=False)
    assert {key: float(back[key].values) for key in back.keys} == pytest.approx({table.key: float(table.values) for table in new})
    stranger = new[0].key._replace(pin="Z")
    with pytest.raises(TableError, match="no place for it"):
        liberty.write(replace(library, keys=(stranger, *library.keys[1:])), tmp_path / "none.lib", template=path)
    assert not (tmp_path / "none.lib").exists()


def test_other_axes_are_written_with_the_values(tmp_path: Path, forms: Library) -> None:
    key = TableKey("2INV_X1", "Y", "A", "combinational", "negative_unate", "", "cell_rise")
    table = forms[key]
    slew = Axis(table.axes[0].variable, np.array([1e-12, 3e-12]))
    other = Table(key, (slew, table.axes[1]), np.array([[1.5, 2.5], [3.5, 4.5]]) * 1e-12, np.full((2, 2), 2, dtype=np.uint8))
    tables = [other if old.key == key else old for old in forms]
    library = Library.from_tables(tables, name=forms.name, corner=forms.corner, source=forms.source)
    liberty.write(library, tmp_path / "out.lib")
    back = liberty.read(tmp_path / "out.lib", cache=False)
    np.testing.assert_allclose(back[key].axes[0].values, slew.values)
    np.testing.assert_allclose(back[key].values, other.values)
    assert [k for k in forms.keys if k != key and not np.array_equal(back[k].values, forms[k].values)] == []


def test_a_missing_value_is_never_written(tmp_path: Path, forms: Library) -> None:
    values = forms.values.copy()
    values[7] = np.nan
    out = tmp_path / "out.lib"
    with pytest.raises(TableError, match=r"1 value.s. in 1 table.s. are missing") as caught:
        liberty.write(forms.with_values(values, forms.origin), out)
    assert caught.value.exit_status == 2
    assert not out.exists()


def test_numbers_of_another_corner_do_not_stand_as_this_ones(tmp_path: Path, forms: Library) -> None:
    rows = [row for row, key in enumerate(forms.keys) if group_of(key.quantity) != "power"]
    part = replace(forms.take(rows), corner=SLOW)
    with pytest.raises(TableError, match=r"3 table.s. of the template .*forms.lib, of another corner"):
        liberty.write(part, tmp_path / "out.lib")
    no_variation = replace(forms.take([r for r, key in enumerate(forms.keys) if group_of(key.quantity) != "variation"]), corner=SLOW)
    report = liberty.write(no_variation, tmp_path / "out.lib")
    assert report.dropped["ocv_sigma_cell_rise"] == 2, "variation tables that nobody filled are dropped, and that is said"
    assert liberty.write(forms.take(rows), tmp_path / "same.lib").kept == len(rows) - 4, "at the template's own corner they stay"


def test_an_included_file_is_written_out_only_where_it_changed(tmp_path: Path) -> None:
    (tmp_path / "cells.inc").write_text("  cell (X) { cell_leakage_power : 3; }\n")
    path = tmp_path / "top.lib"
    path.write_text('library (a_tt_1v00_025C) {\n  include_file ("cells.inc");\n  cell (Z) { cell_leakage_power : 1; }\n}\n')
    library = liberty.read(path, cache=False)
    liberty.write(library, tmp_path / "same.lib")
    assert (tmp_path / "same.lib").read_bytes() == path.read_bytes()
    outside = library.values * [1, 2]
    liberty.write(library.with_values(outside, library.origin), tmp_path / "outside.lib")
    assert 'include_file ("cells.inc");' in (tmp_path / "outside.lib").read_text()
    liberty.write(scaled(library, 2), tmp_path / "inside.lib")
    text = (tmp_path / "inside.lib").read_text()
    assert "include_file" not in text
    assert "cell (X) { cell_leakage_power : 6; }" in text


def test_a_failed_write_leaves_nothing(tmp_path: Path, forms: Library) -> None:
    with pytest.raises(UserError, match="cannot write"):
        liberty.write(forms, tmp_path / "absent" / "out.lib")
    with pytest.raises(UserError, match="read from no file"):
        liberty.write(replace(forms, source=""), tmp_path / "out.lib")
    assert list(tmp_path.iterdir()) == []


def test_of_several_libraries_only_the_one_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "two.lib"
    one, two = (f"library (cells_{name}_1v00_025C) {{ cell (X) {{ cell_leakage_power : 1; }} }}\n" for name in ("ss", "ff"))
    path.write_text(one + two)
    library = liberty.read(path, name="cells_ff_1v00_025C", cache=False)
    liberty.write(library, tmp_path / "same.lib")
    assert (tmp_path / "same.lib").read_bytes() == path.read_bytes()
    liberty.write(scaled(library, 2), tmp_path / "out.lib")
    assert (tmp_path / "out.lib").read_text() == one + two.replace(": 1;", ": 2;")
