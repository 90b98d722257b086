"""A foundry library cut down to the cells that a small design needs, so that hosts are tested on real tables in little time."""

from __future__ import annotations

import gzip
import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

__all__ = ["CELLS", "cut_libraries", "cut_library", "simulate"]

PREFIX = "sky130_fd_sc_hd__"
CELLS = (
    "a21oi_1", "and2_0", "and2_1", "buf_1", "buf_2", "clkbuf_1", "conb_1", "dfrtp_1", "dfxtp_1", "inv_1", "inv_2", "maj3_1", "mux2_1",
    "nand2_1", "nand3_1", "nor2_1", "nor3_1", "o21ai_1", "or2_1", "xnor2_1", "xor2_1",
)  # fmt: skip


def cut_library(packed: Path, out: Path, cells: Collection[str] = CELLS) -> Path:
    """Write the library in ``packed`` (.lib.gz) with no other cells than these."""
    text = gzip.decompress(packed.read_bytes()).decode("utf-8")
    head, *groups = re.split(r"(?m)^(?=  cell \()", text)
    wanted = [group for group in groups if (found := re.match(rf'  cell \("{PREFIX}(\w+)"\)', group)) and found[1] in cells]
    end = "" if groups[-1] in wanted else "}\n"
    out.write_text(head + "".join(wanted) + end, encoding="utf-8")
    return out


def cut_libraries(folder: Path, out: Path, corners: Collection[str], cells: Collection[str] = CELLS) -> dict[str, Path]:
    """The corners of the foundry's folder, cut down, by corner."""
    out.mkdir(parents=True, exist_ok=True)
    return {corner: cut_library(folder / f"{PREFIX}{corner}.lib.gz", out / f"{PREFIX}{corner}.lib", cells) for corner in corners}


def simulate(anchors: Collection[Path], truth: Path, out: Path, budget: str, **how: object) -> Path:
    """What a simulator would answer to the plan for ``truth``'s corner: the numbers that stand in ``truth``, on the plan's places."""
    import eda_plugin as ep
    from eda_plugin.adapters import points
    from eda_plugin.domain import TableKey, timing_quantities

    (library,) = ep.read(truth)
    plan = ep.plan(ep.read(sorted(anchors)), library.corner, budget, template=truth, **how)  # type: ignore[arg-type]
    answers = []
    for arc, edge, at in zip(plan.points.arcs, plan.points.edges, plan.points.index, strict=True):
        tables = [library[TableKey(*arc, quantity)] for quantity in timing_quantities(edge)]
        places = [int(np.argmin(abs(axis.values - x))) for axis, x in zip(tables[0].axes, at, strict=True)]
        answers.append([float(table.values[tuple(places)]) for table in tables])
    delay, transition = np.array(answers).T
    points.write(replace(plan.points, delay=delay, transition=transition), out, header=library.header, answered=True)
    return out
