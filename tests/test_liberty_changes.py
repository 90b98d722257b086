"""What changed between two texts: every byte accounted for, a number as a number, whatever was added or dropped around it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eda_plugin.adapters import liberty
from eda_plugin.adapters.liberty import Change, ChangeKind
from eda_plugin.domain import Corner
from eda_plugin.errors import UserError

FORMS = Path(__file__).parent / "data" / "liberty" / "forms.lib"


def differ(folder: Path, new: str, old: str) -> list[Change]:
    for name, text in (("new.lib", new), ("old.lib", old)):
        (folder / name).write_bytes(text.encode())
    return liberty.changes(liberty.open_document(folder / "new.lib"), liberty.open_document(folder / "old.lib"))


TEXT = FORMS.read_text()


@pytest.mark.parametrize(
    ("old", "new", "kind", "path", "before", "after"),
    [
        (
            '"3.0, 4.0"', '"3.0, 4.5"', ChangeKind.TABLE, "library / cell 2INV_X1 / pin Y / timing / cell_rise grid2 / values",
            '"3.0, 4.0"', '"3.0, 4.5"',
        ),
        ("value : +1.5", "value : -1.5", ChangeKind.TABLE, "library / cell 2INV_X1 / leakage_power / value", "+1.5", "-1.5"),
        ("area : 1.5 ;", "area : 1.6 ;", ChangeKind.NUMBER, "library / cell 2INV_X1 / area", "area : 1.5 ;", "area : 1.6 ;"),
        ("area : 1.5 ;", "area : 1.5;", ChangeKind.TEXT, "library / cell 2INV_X1 / area", "area : 1.5 ;", "area : 1.5;"),
        ("nom_voltage : 1.80", "nom_voltage : 1.60", ChangeKind.NUMBER, "library / nom_voltage", "1.80", "1.60"),
        ('function : "!A"', 'function : "A"', ChangeKind.TEXT, "library / cell 2INV_X1 / pin Y / function", '"!A"', '"A"'),
        ("  /* the header */\n", "", ChangeKind.BETWEEN, "library", "/* the header */", ""),
        ("fall_capacitance : \"1.2\";", "", ChangeKind.REMOVED, "library / cell 2INV_X1 / pin A / fall_capacitance", "1.2", ""),
        ("vendor_grade : \"A+\";", "vendor_grade : \"A+\"; more : 2;", ChangeKind.ADDED, "library / cell 2INV_X1 / more", "", "more : 2;"),
    ],
)  # fmt: skip
def test_one_change_is_one_line(tmp_path: Path, old: str, new: str, kind: ChangeKind, path: str, before: str, after: str) -> None:
    assert TEXT.count(old) == 1
    found = [change for change in differ(tmp_path, TEXT.replace(old, new), TEXT) if change.before.strip() or change.after.strip()]
    [change] = found
    assert (change.kind, change.path) == (kind, path)
    assert before in change.before
    assert after in change.after
    line = TEXT[: TEXT.index(old)].count("\n") + 1
    assert abs(change.reference_line - line) <= 1


def test_equal_texts_have_no_change(tmp_path: Path) -> None:
    assert differ(tmp_path, TEXT, TEXT) == []


def test_a_renamed_library_is_still_compared_cell_by_cell(tmp_path: Path) -> None:
    library = liberty.read(FORMS, cache=False)
    other = replace(library.with_values(library.values * 2, library.origin), corner=Corner("ss", 1.6, -40), name="forms__ss_1v60_n40C")
    liberty.write(other, tmp_path / "out.lib", note="filled")
    found = liberty.changes(liberty.open_document(tmp_path / "out.lib"), liberty.open_document(FORMS))
    outside = [change.path for change in found if change.kind not in (ChangeKind.TABLE, ChangeKind.BETWEEN)]
    assert outside == [
        "library", "library / comment", "library / nom_voltage", "library / nom_temperature", "library / voltage_map",
        "library / operating_conditions", "library / operating_conditions / temperature", "library / operating_conditions / voltage",
        "library / default_operating_conditions", "library / cell 2INV_X1 / pin Y / timing / output_current_rise",
        "library / cell 2INV_X1 / pin Y / timing / receiver_capacitance1_rise grid2",
    ]  # fmt: skip
    tables = {change.path for change in found if change.kind == ChangeKind.TABLE}
    assert len(tables) > 20


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_changed_byte_is_left_out(tmp_path: Path, data: st.DataObject) -> None:
    """Words are exchanged and lines dropped or doubled: unless the text is refused, something is found, and on the right line."""
    lines = TEXT.splitlines(keepends=True)
    place = data.draw(st.integers(1, len(lines) - 2))
    how = data.draw(st.sampled_from(["digit", "drop", "double", "blank"]))
    new = {
        "digit": re.sub(r"\d", "7", lines[place], count=1), "drop": "", "double": lines[place] * 2, "blank": lines[place] + "\n",
    }[how]  # fmt: skip
    text = "".join([*lines[:place], new, *lines[place + 1 :]])
    try:
        found = differ(tmp_path, text, TEXT)
    except UserError:
        return
    assert bool(found) == (text != TEXT)
