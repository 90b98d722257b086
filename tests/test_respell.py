"""Points of a simulator's naming, found among a library's arcs."""

from __future__ import annotations

import numpy as np
import pytest

from eda_plugin.data.respell import respell
from eda_plugin.domain import Arc, Axis, Corner, Library, Origin, Points, Table, TableKey

B, NOT_B = (Arc("XOR2", "Y", "A", "combinational", sense, when) for sense, when in (("negative_unate", "B"), ("positive_unate", "!B & C")))
PLAIN = Arc("INV", "ZN", "A", "combinational", "negative_unate")


def library() -> Library:
    axes = (Axis("input_net_transition", np.array([1e-11])), Axis("total_output_net_capacitance", np.array([1e-15])))
    one = np.ones((1, 1))
    keys = [TableKey(*arc, quantity) for arc in (B, NOT_B, PLAIN) for quantity in ("cell_rise", "rise_transition")]
    tables = [Table(key, axes, one * 1e-11, np.full((1, 1), Origin.MEASURED, dtype=np.uint8)) for key in keys]
    return Library.from_tables(tables, name="cells", corner=Corner("tt", 0.8, 25))


def points(*arcs: Arc, edge: str = "rise") -> Points:
    return Points.plan(arcs, (edge,) * len(arcs), np.array([[1e-11 * (row + 1), 1e-15] for row in range(len(arcs))]))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (Arc("xor2", "y", "a", when="b"), B),
        (Arc("xor2", "y", "a", when="c*!b"), NOT_B),
        (Arc("xor2", "y", "a", when="(C) & b'"), NOT_B),
        (Arc("XOR2", "Y", "A", "combinational", "positive_unate"), NOT_B),
        (Arc("inv", "zn", "a"), PLAIN),
        (Arc("inv", "zn", "a", when="x"), PLAIN),
    ],
)
def test_arcs_are_found_in_any_spelling(asked: Arc, found: Arc) -> None:
    made, left_out = respell(points(asked), library())
    assert (made.arcs, left_out) == ((found,), [])


@pytest.mark.parametrize(
    ("asked", "edge", "why"),
    [
        (Arc("xor2", "y", "a"), "rise", "the library has 2 arcs like it"),
        (Arc("xor2", "y", "b"), "rise", "the library has no such arc"),
        (Arc("inv", "zn", "a"), "fall", "the library has no such arc"),
    ],
)
def test_what_is_not_found_is_told(asked: Arc, edge: str, why: str) -> None:
    made, left_out = respell(points(asked, asked, edge=edge), library())
    assert (len(made), left_out) == (0, [f"{edge} of {asked}: {why}"])


def test_the_order_of_points_stays() -> None:
    made, left_out = respell(points(Arc("inv", "zn", "a"), Arc("nor2", "y", "a"), Arc("XOR2", "Y", "A", when="B")), library())
    assert made.arcs == (PLAIN, B)
    assert made.index[:, 0].tolist() == pytest.approx([1e-11, 3e-11])
    assert len(left_out) == 1
