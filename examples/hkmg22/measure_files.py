"""The same results as HSPICE would leave them: one measure file a cell, ``<corner>/<cell>.mt0``, a row for each slew and load.

``measures.toml`` says which column is what. Names: ``tplhn_a_y`` is the delay of a rising (lh) or falling (hl) ``y`` by ``a``, negative
(n) or positive (p) unate; ``tr...`` the transition; a state of the other inputs follows, ``_b_nci`` for B high and CI low. A flip-flop's
are ``tclh_ck_q`` from its clock and ``tahl_rn_q`` from its asynchronous reset, transitions ``trclh_ck_q`` and ``trahl_rn_q``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eda_plugin.adapters.hspice import write_measure
from eda_plugin.domain import Arc, Corner

if TYPE_CHECKING:
    from designs import CellResult

__all__ = ["measure_name", "write"]


def measure_name(kind: str, arc: Arc, edge: str) -> str:
    """``tp`` (delay) or ``tr`` (transition) of an arc's edge, as a column name."""
    direction = {"rise": "lh", "fall": "hl"}[edge]
    if arc.timing_type != "combinational":
        origin = "a" if arc.timing_type == "clear" else "c"
        return f"{'t' if kind == 'tp' else 'tr'}{origin}{direction}_{arc.related_pin}_{arc.pin}".lower()
    state = "_".join(part.replace("!", "n") for part in arc.when.lower().split("&") if part)
    name = f"{kind}{direction}{arc.timing_sense[0]}_{arc.related_pin}_{arc.pin}".lower()
    return f"{name}_{state}" if state else name


def write(folder: Path, corner: Corner, results: Sequence[CellResult]) -> None:
    """Write one file a cell into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for result in results:
        first = result.arcs[0]
        slew, load = (axis.ravel() for axis in np.meshgrid(first.slews, first.loads, indexing="ij"))
        names, columns = ["tin", "cl"], [slew, load]
        for arc in result.arcs:
            for edge in arc.delay:
                names += [measure_name("tp", arc.arc, edge), measure_name("tr", arc.arc, edge)]
                columns += [arc.delay[edge].ravel(), arc.transition[edge].ravel()]
        names += ["vdd", "temper"]
        columns += [np.full(slew.shape, corner.voltage), np.full(slew.shape, corner.temperature)]
        cell = result.design.cell.name
        write_measure(
            folder / f"{cell.lower()}.mt0",
            names,
            np.stack(columns, axis=1),
            title=f"hkmg22 {cell} {corner.name}",
            swept=("tin", "cl"),
        )
