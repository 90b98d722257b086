"""Measures to arcs and corners by a TOML mapping, and scattered points to tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eda_plugin.adapters.hspice import read_mapping, read_points, write_measure
from eda_plugin.data.assemble import axis_of, library_from_points
from eda_plugin.domain import Arc, Corner, Header, Origin, Points, TableKey
from eda_plugin.errors import ParseError, UserError

CORNER = """
[corner]
process = "tt"
voltage = { column = "vdd" }
"""
ARC = """
[[arc]]
cell = "NAND2"
pin = "Y"
related_pin = "A"
timing_sense = "negative_unate"
when = "B"
edge = "fall"
delay = "tphl_a"
transition = "tf_a"
slew = { column = "tin" }
load = "cl"
"""
NAND = Arc("NAND2", "Y", "A", "combinational", "negative_unate", "B")


def mapping_of(folder: Path, text: str) -> Path:
    path = folder / "map.toml"
    path.write_text(text)
    return path


def law(slew: float, load: float, volts: float) -> tuple[float, float]:
    return 5e-12 + 0.3 * slew + 4e3 * load / volts, 3e-12 + 0.2 * slew + 6e3 * load / volts


def measured(path: Path, volts: tuple[float, ...] = (0.8,), temper: float = 25.0, alter: int = 1) -> Path:
    rows = [(v, s, c, *law(s, c, v), temper) for v in volts for s in (1e-11, 4e-11) for c in (1e-15, 2e-15, 8e-15)]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_measure(
        path, ["vdd", "tin", "cl", "tphl_a", "tf_a", "temper"], np.array(rows), title="", swept=["vdd", "tin", "cl"], alter=alter, digits=9
    )
    return path


def test_a_sweep_becomes_points_of_its_corners(tmp_path: Path) -> None:
    path = measured(tmp_path / "nand2.mt0", (0.72, 0.8))
    found = read_points([path], mapping_of(tmp_path, CORNER + ARC))
    assert list(found) == [Corner("tt", 0.72, 25), Corner("tt", 0.8, 25)]
    points = found[Corner("tt", 0.8, 25)]
    assert points.arcs == (NAND,) * 6
    assert set(points.edges) == {"fall"}
    assert points.index.tolist() == [[s, c] for s in (1e-11, 4e-11) for c in (1e-15, 2e-15, 8e-15)]
    np.testing.assert_allclose(points.delay, [law(s, c, 0.8)[0] for s, c in points.index], rtol=1e-9)
    np.testing.assert_allclose(points.transition, [law(s, c, 0.8)[1] for s, c in points.index], rtol=1e-9)
    assert points.source == path.as_posix()


def test_alters_may_be_processes_and_columns_have_units(tmp_path: Path) -> None:
    corner = """
    case = "upper"
    [corner]
    process = { column = "alter#", values = { 1 = "tt", 2 = "ss" } }
    voltage = { column = "vdd" }
    temperature = { column = "alter#", values = { 1 = 25, 2 = 125.0 } }
    [units]
    vdd = 1e-3
    TIN = "1ps"
    tphl_a = "1ns"
    """
    for alter in (1, 2):
        rows = np.array([[800.0, 10.0, 0.02]])
        write_measure(tmp_path / f"x.mt{alter - 1}", ["vdd", "tin", "tphl_a"], rows, title="", alter=alter)
    arc = ARC.replace('load = "cl"', "load = 2e-15").replace('transition = "tf_a"', "")
    found = read_points([tmp_path / "x.mt0", tmp_path / "x.mt1"], mapping_of(tmp_path, corner + arc))
    assert list(found) == [Corner("ss", 0.8, 125), Corner("tt", 0.8, 25)]
    points = found[Corner("ss", 0.8, 125)]
    np.testing.assert_allclose(points.index, [[10e-12, 2e-15]])
    np.testing.assert_allclose(points.delay, [20e-12])
    assert np.isnan(points.transition).all()
    write_measure(tmp_path / "x.mt2", ["vdd", "tin", "tphl_a"], rows, title="", alter=7)
    with pytest.raises(ParseError, match=r"x\.mt2:4: column alter# is 7; the mapping's values know 1, 2"):
        read_points([tmp_path / "x.mt2"], tmp_path / "map.toml")


FAMILY = r"""
case = "upper"
[files]
pattern = '(?P<process>ss|ff)_(?P<voltage>\d+v\d+)_(?P<temperature>n?\d+)C/(?P<cell>\w+)\.mt'
[[family]]
delay = 'tp(?P<edge>lh|hl)_(?P<related_pin>[a-z])_(?P<pin>[a-z])(_(?P<when>\w+))?'
transition = 'tr(?P<edge>lh|hl)_(?P<related_pin>[a-z])_(?P<pin>[a-z])(_(?P<when>\w+))?'
timing_sense = "negative_unate"
slew = "tin"
load = "cl"
values = { when = { b1 = "B", b0 = "!B" }, related_pin = { c = "C[0]" } }
"""


def family_file(path: Path, names: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = np.array([[s, c, *(s + c * 1e4 + place * 1e-12 for place in range(len(names)))] for s in (1e-11, 2e-11) for c in (1e-15, 3e-15)])
    write_measure(path, ["tin", "cl", *names], rows, title="", swept=["tin", "cl"])
    return path


def test_families_and_paths_name_the_arcs(tmp_path: Path) -> None:
    names = ["tplh_a_y_b1", "trlh_a_y_b1", "tphl_c_y", "trhl_c_y"]
    paths = [
        family_file(tmp_path / "ss_0v72_n40C" / "nand2.mt0", names),
        family_file(tmp_path / "ff_0v88_125C" / "nor2.mt0", names[:2]),
    ]
    found = read_points(paths, mapping_of(tmp_path, FAMILY))
    assert list(found) == [Corner("ff", 0.88, 125), Corner("ss", 0.72, -40)]
    points = found[Corner("ss", 0.72, -40)]
    expected = {
        (Arc("NAND2", "Y", "A", "combinational", "negative_unate", "B"), "rise"),
        (Arc("NAND2", "Y", "C[0]", "combinational", "negative_unate", ""), "fall"),
    }
    assert set(zip(points.arcs, points.edges, strict=True)) == expected
    again = read_points(paths[::-1], mapping_of(tmp_path, FAMILY))[Corner("ss", 0.72, -40)]
    assert again.arcs == points.arcs
    np.testing.assert_array_equal(again.delay, points.delay)
    assert found[Corner("ff", 0.88, 125)].arcs[0].cell == "NOR2"


def test_an_arc_of_another_cell_is_left_out(tmp_path: Path) -> None:
    for cell in ("nand2", "nor2"):
        measured(tmp_path / f"{cell}.mt0")
    text = "[files]\npattern = '(?P<cell>[a-z0-9]+)\\.mt0'\n" + CORNER + ARC + ARC.replace("NAND2", "NOR2")
    points = read_points(sorted(tmp_path.glob("*.mt0")), mapping_of(tmp_path, text))[Corner("tt", 0.8, 25)]
    assert [points.arcs.count(NAND._replace(cell=cell)) for cell in ("NAND2", "NOR2")] == [6, 6]


MAPPINGS = {
    "not TOML": ("[corner", "not valid TOML"),
    "nothing mapped": (CORNER, r"no \[\[arc\]\] and no \[\[family\]\]"),
    "unknown entry": (CORNER + ARC + 'dealy = "x"', r"\[\[arc\]\] 1: unknown entry 'dealy'; known are cell, pin"),
    "no voltage": ('[corner]\nprocess = "tt"\n' + ARC, "corner: no voltage; state it"),
    "no edge": (CORNER + ARC.replace('edge = "fall"', ""), "arc 1: no edge; state it, or give files.pattern"),
    "an edge of its own": (CORNER + ARC.replace('"fall"', '"down"'), "edge is 'down'; expected rise or fall"),
    "no measure": (CORNER + ARC.replace('delay = "tphl_a"', "").replace('transition = "tf_a"', ""), "neither delay nor transition"),
    "bad pattern": (FAMILY.replace("lh|hl)", "lh|hl"), "is no regular expression"),
    "unknown group": (FAMILY.replace("P<pin>", "P<out>"), "unknown group 'out'"),
    "different groups": (FAMILY.replace("'tr(?P<edge>lh|hl)", "'trhl"), "have different groups"),
    "process column": (CORNER.replace('"tt"', '{ column = "p" }') + ARC, "say which process each is: values ="),
    "voltage as text": (CORNER.replace('{ column = "vdd" }', '"0.8"') + ARC, "corner.voltage: '0.8'; expected a number or a column"),
    "bad unit": (CORNER + "[units]\ntin = -1\n" + ARC, "units.tin: -1; expected a unit such as '1ps'"),
    "bad values": (CORNER.replace("}", ', values = { a = 1 } }') + ARC, "values: 'a' = 1; expected a number"),
    "bad case": ('case = "title"\n' + CORNER + ARC, "case: 'title'; expected upper, lower, keep"),
    "cell as number": (CORNER + ARC.replace('"NAND2"', "2"), "arc 1: cell is 2; expected text"),
}  # fmt: skip


@pytest.mark.parametrize("case", MAPPINGS)
def test_broken_mappings_are_refused(tmp_path: Path, case: str) -> None:
    text, message = MAPPINGS[case]
    with pytest.raises(UserError, match=message) as caught:
        read_mapping(mapping_of(tmp_path, text))
    assert str(tmp_path / "map.toml") in str(caught.value)


def test_the_documented_mappings_are_read(tmp_path: Path, repository: Path) -> None:
    from eda_plugin.adapters.hspice import schema

    text = (repository / "docs" / "cli.md").read_text().split("```toml\n")[1].split("```")[0]
    found = read_mapping(mapping_of(tmp_path, text))
    assert [rule.place for rule in found.rules] == ["arc 1", "family 1"]
    assert (found.case, found.factors) == ("upper", {"tin": 1e-12})
    text = (schema.__doc__ or "").split("::\n")[1]
    assert [rule.place for rule in read_mapping(mapping_of(tmp_path, text)).rules] == ["arc 1", "family 1"]


def test_an_absent_mapping_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read the mapping"):
        read_mapping(tmp_path / "absent.toml")


OTHER = ARC.replace("tphl_a", "tphl_b").replace("tf_a", "tf_b")
MISFITS = {
    "no such column": (ARC.replace('"cl"', '"cload"'), r"no measure or parameter 'cload'; the file has index, vdd, tin, cl"),
    "no such measure": (OTHER, r"none of its measures is mapped by .*it has index, vdd, tin"),
    "half a pair": (ARC.replace("tf_a", "tf_b"), r"measure tphl_a has no transition 'tf_b' beside it"),
    "an idle arc": (ARC + OTHER, r"arc 2: no file has a measure 'tphl_b'; .*nand2\.mt0 has index"),
    "path": ("[files]\npattern = 'corner_(?P<cell>x)'\n" + ARC, "the path doesn't match files.pattern"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISFITS)
def test_mappings_that_do_not_fit_are_refused(tmp_path: Path, case: str) -> None:
    text, message = MISFITS[case]
    path = measured(tmp_path / "nand2.mt0")
    with pytest.raises(UserError, match=message) as caught:
        read_points([path], mapping_of(tmp_path, CORNER + text))
    assert "nand2.mt0" in str(caught.value)


def test_a_parameter_that_failed_has_no_place(tmp_path: Path) -> None:
    write_measure(tmp_path / "x.mt0", ["vdd", "tin", "cl", "tphl_a", "tf_a"], np.array([[0.8, np.nan, 1, 1, 1.0]]), title="")
    mapping = mapping_of(tmp_path, CORNER.replace('"tt"', '"tt"\ntemperature = 25') + ARC)
    with pytest.raises(ParseError, match=r"x\.mt0:5: parameter tin failed"):
        read_points([tmp_path / "x.mt0"], mapping)


def test_repeats_must_agree(tmp_path: Path) -> None:
    mapping = mapping_of(tmp_path, CORNER + ARC)
    paths = [measured(tmp_path / "a.mt0"), measured(tmp_path / "b.mt0")]
    assert len(read_points(paths, mapping)[Corner("tt", 0.8, 25)]) == 6
    rows = np.array([[0.8, 1e-11, 2e-15, 9e-12, np.nan, 25]])
    write_measure(tmp_path / "c.mt0", ["vdd", "tin", "cl", "tphl_a", "tf_a", "temper"], rows, title="")
    with pytest.raises(UserError, match=r"delay at 1e-11, 2e-15 is 1.8e-11 in .*a\.mt0:7 and 9e-12 in .*c\.mt0:5"):
        read_points([*paths, tmp_path / "c.mt0"], mapping)


def test_scattered_points_become_tables(tmp_path: Path) -> None:
    points = read_points([measured(tmp_path / "nand2.mt0")], mapping_of(tmp_path, CORNER + ARC))[Corner("tt", 0.8, 25)]
    keep = [5, 0, 1, 3]
    part = Points(points.arcs[:4], points.edges[:4], points.index[keep], points.delay[keep], np.full(4, np.nan), "some.csv")
    library = library_from_points(part, Corner("tt", 0.8, 25), header=Header(time=1e-12))
    assert library.keys == (TableKey(*NAND, "cell_fall"),)
    assert (library.name, library.header.time, library.source) == ("measured_tt_025C_0v80", 1e-12, "some.csv")
    table = library.table(0)
    assert [axis.values.tolist() for axis in table.axes] == [[1e-11, 4e-11], [1e-15, 2e-15, 8e-15]]
    assert [axis.is_load for axis in table.axes] == [False, True]
    expected = [[law(1e-11, c, 0.8)[0] if c < 3e-15 else np.nan for c in (1e-15, 2e-15, 8e-15)],
                [law(4e-11, c, 0.8)[0] if c != 2e-15 else np.nan for c in (1e-15, 2e-15, 8e-15)]]  # fmt: skip
    np.testing.assert_allclose(table.values, expected, rtol=1e-9)
    np.testing.assert_array_equal(table.origin, np.where(np.isnan(expected), Origin.MISSING, Origin.MEASURED))
    cell = library.cells[0]
    assert (cell.name, [(pin.name, pin.direction) for pin in cell.pins]) == ("NAND2", [("A", "input"), ("Y", "output")])
    twice = Points(part.arcs[:2], part.edges[:2], part.index[[0, 0]], np.array([1e-12, 2e-12]), np.full(2, np.nan), "some.csv")
    with pytest.raises(UserError, match=r"is 1e-12 in some\.csv row 1 and 2e-12 in some\.csv row 2"):
        library_from_points(twice, Corner("tt", 0.8, 25))


def test_coordinates_of_seven_digits_are_one() -> None:
    values = np.array([3.0, 1.0, 1.0000005, 0.0, 2.9999999])
    axis, places = axis_of(values)
    assert axis.tolist() == [0.0, 1.0, 2.9999999]
    assert places.tolist() == [2, 1, 1, 0, 2]
