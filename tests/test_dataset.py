"""Anchors on the target's points, and corners side by side, against a slow twin that looks up one table at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from eda_plugin.adapters import liberty
from eda_plugin.data.columnar import corner_table
from eda_plugin.data.dataset import align, complete_template, look_up
from eda_plugin.domain import Axis, Corner, Library, Origin, Table, TableKey
from eda_plugin.errors import TableError, UserError

SLEW, LOAD, OTHER = "input_net_transition", "total_output_net_capacitance", "related_out_total_output_net_capacitance"
KEY = TableKey("inv", "Y", "A", "combinational", "", "", "cell_rise")
LEAK = TableKey("inv", "", "", "leakage", "", "", "cell_leakage_power")
Floats = NDArray[np.float64]


def library(tables: Sequence[tuple[TableKey, tuple[Axis, ...], object]], corner: str = "tt,1,25") -> Library:
    made = []
    for key, axes, values in tables:
        numbers = np.broadcast_to(np.array(values, dtype=float), tuple(len(axis) for axis in axes))
        origin = np.where(np.isnan(numbers), Origin.MISSING, Origin.MEASURED).astype(np.uint8)
        made.append(Table(key, axes, np.array(numbers), origin))
    return Library.from_tables(made, name="lib", corner=Corner.parse(corner))


def twin(values: Floats, source: Axis, target: Axis) -> Floats:
    """One line, by SciPy's spline: the slow, independent twin. ``values`` (len(source),) gives (len(target),)."""
    x, t = source.values, target.values
    if len(x) == 1:
        return np.full(len(t), values[0])
    if len(x) == len(t) and np.allclose(x, t, rtol=1e-9, atol=0):
        return values
    power = 1.0 if min(x.min(), t.min()) <= 0 else 0.5 if source.is_load else 0.25
    spline = CubicSpline(x**power, values, bc_type="not-a-knot")
    out = np.empty(len(t))
    for place, point in enumerate(t):
        near = min(max(point, x[0]), x[-1])
        slope = float(spline(near**power, 1)) * power * near ** (power - 1)
        out[place] = float(spline(near**power)) + slope * (point - near)
    return out


def looked_up(table: Table, axes: tuple[Axis, ...]) -> Floats:
    values = table.values
    for rank, (source, target) in enumerate(zip(table.axes, axes, strict=True)):
        values = np.apply_along_axis(twin, rank, values, source, target)
    return values


def random_axes(rng: np.random.Generator, lengths: tuple[int, ...], zero: bool) -> tuple[Axis, ...]:
    units = (1e-9, 1e-12, 1e-12)
    return tuple(
        Axis(name, np.sort(rng.uniform(0.01, 1, n)) * unit * ([0.0] + [1.0] * (n - 1) if zero else 1.0))
        for name, unit, n in zip((SLEW, LOAD, OTHER), units, lengths, strict=False)
    )


def test_every_table_is_where_a_spline_of_its_own_puts_it() -> None:
    rng = np.random.default_rng(5)
    shapes = [(), (1,), (2,), (3, 4), (7, 7), (4, 2), (7, 1), (1, 7), (5, 3, 2), (2, 5, 4)]
    ours, theirs = [], []
    for number in range(60):
        shape = shapes[number % len(shapes)]
        other = tuple(max(1, n + int(rng.integers(-1, 2))) for n in shape) if number % 3 else shape
        key = KEY._replace(cell=f"c{number}")
        axes = random_axes(rng, shape, zero=number % 7 == 0)
        ours.append((key, axes, np.nan))
        known = axes if number % 5 == 0 else random_axes(rng, other, zero=number % 4 == 0)
        theirs.append((key, known, rng.normal(size=tuple(len(axis) for axis in known))))
    template, anchor = library(ours), library(theirs[::-1])
    values, beyond = look_up(template, [anchor])
    for row, (key, axes, _) in enumerate(ours):
        part = slice(int(template.start[row]), int(template.start[row + 1]))
        slow = looked_up(anchor[key], axes).ravel()
        np.testing.assert_allclose(values[part, 0], slow, rtol=1e-9, atol=1e-11 * np.abs(slow).max(), err_msg=str(key))
        within = np.ones(tuple(len(axis) for axis in axes), dtype=bool)
        for rank, (mine, source) in enumerate(zip(axes, anchor[key].axes, strict=True)):
            if len(source) > 1:
                inside = (mine.values >= source.values[0]) & (mine.values <= source.values[-1])
                within &= np.expand_dims(inside, [other for other in range(len(axes)) if other != rank])
        assert ((beyond[part, 0] == 0) == within.ravel()).all()


def test_how_far_a_point_lies_outside_is_a_logarithm() -> None:
    template = library([(KEY, (Axis(SLEW, np.array([1.0, 2.0, 8.0])),), np.nan)])
    anchor = library([(KEY, (Axis(SLEW, np.array([2.0, 3.0, 4.0])),), 1)])
    _, beyond = look_up(template, [anchor])
    np.testing.assert_allclose(beyond[:, 0], [np.log(2), 0, np.log(2)], rtol=1e-6)
    from_zero = library([(KEY, (Axis(SLEW, np.array([0.0, 3.0, 4.0])),), 1)])
    np.testing.assert_allclose(look_up(template, [from_zero])[1][:, 0], [0, 0, 1])


def test_a_hole_stays_where_it_is_on_equal_axes() -> None:
    axes = (Axis(SLEW, np.array([1.0, 2.0])), Axis(LOAD, np.array([1.0, 2.0])))
    other = KEY._replace(cell="other")
    moved = (axes[0], Axis(LOAD, np.array([1.0, 3.0])))
    anchor = library([(KEY, axes, [[1, np.nan], [3, 4]]), (other, axes, [[1, 2], [3, 5]])])
    values, _ = look_up(library([(KEY, axes, np.nan), (other, moved, np.nan)]), [anchor])
    np.testing.assert_array_equal(values[:4, 0], [1, np.nan, 3, 4])
    np.testing.assert_allclose(values[4:, 0], looked_up(anchor[other], moved).ravel(), rtol=1e-12)


def test_a_single_number_that_all_anchors_have_is_asked_for() -> None:
    axes = (Axis(SLEW, np.array([1.0, 2.0])),)
    anchors = [library([(KEY, axes, [1, 2]), (LEAK, (), 5)], f"tt,{volts},25") for volts in (1.0, 1.1)]
    template = library([(KEY, axes, np.nan)])
    assert complete_template(template, [anchors[0], template]) is template
    aligned = align(anchors, template, Corner("tt", 1.05, 25))
    assert aligned.template.keys == (KEY, LEAK)
    assert aligned.anchors[2].tolist() == [5, 5]
    assert np.isnan(aligned.known).all()


def test_what_cannot_be_looked_up_is_refused() -> None:
    slew, load = Axis(SLEW, np.array([1.0, 2.0])), Axis(LOAD, np.array([1.0, 2.0]))
    template = library([(KEY, (slew, load), np.nan)])
    with pytest.raises(TableError, match=r"tt_025C_1v00, arc inv A -> Y.* cell_rise: has 1 axes in anchor lib and 2 in the template"):
        look_up(template, [library([(KEY, (slew,), 1)])])
    with pytest.raises(TableError, match=r"axis 1 is total_output_net_capacitance in anchor lib and input_net_transition in the template"):
        look_up(template, [library([(KEY, (load, slew), 1)])])
    with pytest.raises(UserError, match="has no table of the template"):
        look_up(template, [library([(LEAK, (), 1)])])
    with pytest.raises(TableError, match="no anchor has this table"):
        align(
            [library([(KEY._replace(cell="x"), (), 1), (LEAK, (), 1)])],
            library([(KEY, (slew,), np.nan), (LEAK, (), 1)]),
            Corner("tt", 1, 0),
        )


def test_corners_stand_side_by_side_in_one_table() -> None:
    fine, coarse = (Axis(SLEW, np.array(at)) for at in ([1.0, 2.0, 3.0], [1.0, 3.0]))
    one = library([(KEY, (fine,), [1, 2, 3]), (LEAK, (), 5)], "ff,1,25")
    two = library([(LEAK, (), np.nan), (KEY, (coarse,), [2, 6]), (KEY._replace(nth=1), (), 8)], "ss,1,25")
    table = corner_table([one, two])
    assert table.column("ff_025C_1v00").to_pylist() == [1, 2, 3, 5, None]
    assert table.column("ss_025C_1v00").drop_null().to_pylist() == pytest.approx(
        [2, float(CubicSpline([1, 3**0.25], [2, 6])(2**0.25)), 6, 8]
    )
    assert table.column("index_1").to_pylist() == [1, 2, 3, None, None]
    assert table.column("quantity").to_pylist() == ["cell_rise"] * 3 + ["cell_leakage_power", "cell_rise"]
    assert table.column("position").to_pylist() == [0, 1, 2, 0, 0]
    assert table.column("nth").to_pylist() == [0, 0, 0, 0, 1]
    assert table.column("unit").to_pylist() == ["s", "s", "s", "W", "s"]
    on_coarse = corner_table([one, two], template=two)
    assert on_coarse.column("ff_025C_1v00").to_pylist() == [5, 1, 3, None]
    with pytest.raises(UserError, match="two libraries of the corner ff_025C_1v00"):
        corner_table([one, two, one])
    with pytest.raises(UserError, match="no library"):
        corner_table([])


def test_real_corners_align(sky130: Path) -> None:
    paths = [sky130 / f"sky130_fd_sc_hd__{name}.lib.gz" for name in ("tt_025C_1v80", "ss_100C_1v60")]
    first, second = liberty.read_many(paths)
    values, _ = look_up(first, [first, second])
    assert np.array_equal(values[:, 0], first.values)
    rng = np.random.default_rng(0)
    for row in rng.choice(len(first), 60, replace=False).tolist():
        slow = looked_up(second[first.keys[row]], first.table(row).axes).ravel()
        part = slice(int(first.start[row]), int(first.start[row + 1]))
        np.testing.assert_allclose(values[part, 1], slow, rtol=1e-9, atol=1e-12 * np.abs(slow).max())
    table = corner_table([first, second])
    assert table.num_rows == len(first.values)
    assert not table.column("ss_100C_1v60").null_count


def test_the_order_of_anchors_does_not_matter(make_library: Callable[..., Path]) -> None:
    anchors = [liberty.read(make_library(corner)) for corner in ("ss,1.60,25", "ss,1.80,100", "tt,1.80,25")]
    template = replace(anchors[0], values=np.full(len(anchors[0].values), np.nan))
    forward, backward = (align(some, template, Corner("ss", 1.7, 25)) for some in (anchors, anchors[::-1]))
    assert np.array_equal(forward.anchors, backward.anchors[:, ::-1])
