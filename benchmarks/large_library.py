"""Time and memory of a fill as the library grows: its cells repeated, their numbers scaled.

    python benchmarks/large_library.py FOLDER --target NAME [--anchors NAME ...] [--times 1 4 16] [--share 0.02] [-- OPTIONS OF FILL]

FOLDER holds one Liberty file a corner. For each size the anchors and the target are written with every cell repeated (each copy's
numbers times a factor of its own, the same at all corners), the target is blanked into a template, ``--share`` of its delay points is
drawn at random and answered, and `eda-plugin fill` runs once, with an empty cache, in a process of its own. Prints seconds, memory of the
largest process and of all together, and the error of the delays; ``--out`` keeps the same as JSON. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from pathlib import Path

import numpy as np

from eda_plugin.adapters import liberty, points
from eda_plugin.adapters.liberty.source import read_bytes
from eda_plugin.data.oracle import answer
from eda_plugin.domain import Corner, Library, Points, timing_quantities
from eda_plugin.flow.inputs import load_first
from eda_plugin.flow.processes import measured_run

STEP = 0.07
"""Copy k has its numbers times 1 + STEP * k."""
_CELL = re.compile(r'^[ \t]*cell\s*\(\s*"?([^")\s]+)"?\s*\)\s*\{', re.MULTILINE)
_NUMBERS = re.compile(
    r"(\bvalues\s*\()([^)]*)(\))|(\b(?:rise_|fall_)?capacitance\s*:\s*|\bcell_leakage_power\s*:\s*|\bvalue\s*:\s*)([^;]+)(;)"
)
_NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")


def enlarged(text: str, times: int) -> str:
    """The library's text with every cell ``times`` times: the first as it is, the others under other names, their numbers scaled."""
    starts = [found.start() for found in _CELL.finditer(text)]
    ends = [_end(text, start) for start in starts]
    head, tail = text[: starts[0]], text[ends[-1] :]
    cells = [text[start:end] for start, end in zip(starts, ends, strict=True)]
    parts = [head, *(f"{cell}\n" for cell in cells)]
    for copy in range(1, times):
        factor = 1 + STEP * copy
        parts += [f"{_scaled(_renamed(cell, copy), factor)}\n" for cell in cells]
    return "".join([*parts, tail])


def _end(text: str, start: int) -> int:
    """Behind the brace that closes the group that begins at ``start``."""
    depth = 0
    for found in re.compile(r'"[^"]*"|[{}]').finditer(text, start):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if found[0] == "}" and depth == 0:
            return found.end()
    raise SystemExit("a cell's braces don't close")


def _renamed(cell: str, copy: int) -> str:
    return _CELL.sub(lambda found: found[0].replace(found[1], f"{found[1]}_x{copy}"), cell, count=1)


def _scaled(cell: str, factor: float) -> str:
    def scale(found: re.Match[str]) -> str:
        begin, numbers, end = found.group(1, 2, 3) if found[1] else found.group(4, 5, 6)
        return f"{begin}{_NUMBER.sub(lambda number: f'{float(number[0]) * factor:.7g}', numbers)}{end}"

    return _NUMBERS.sub(scale, cell)


def simulated(truth: Library, share: float, seed: int = 0) -> Points:
    """A share of the delay points, drawn at random, with the truth's answers."""
    arcs, edges, index = [], [], []
    for key, table in zip(truth.keys, truth, strict=True):
        edge = {"cell_rise": "rise", "cell_fall": "fall"}.get(key.quantity)
        if edge is None or key.nth or len(table.axes) != 2 or timing_quantities(edge)[0] != key.quantity:
            continue
        grid = np.stack(np.meshgrid(*(axis.values for axis in table.axes), indexing="ij"), axis=-1).reshape(-1, 2)
        arcs += [key.arc] * len(grid)
        edges += [edge] * len(grid)
        index.append(grid)
    every = np.concatenate(index)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(every))[: max(1, round(share * len(every)))])
    plan = Points.plan(tuple(arcs[n] for n in chosen), tuple(edges[n] for n in chosen), every[chosen])
    return answer(plan, truth)


def prepare(sources: dict[str, Path], target: str, anchors: list[str], times: int, share: float, folder: Path) -> list[str]:
    """Files of one size; returns the words of the command that fills."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in [*anchors, target]:
        place = folder / f"{name}.lib"
        if not place.exists():
            part = place.with_suffix(".part")
            part.write_text(enlarged(read_bytes(sources[name]).decode(), times), encoding="utf-8")
            part.rename(place)
    measured, blank = folder / "measured.csv", folder / "template.blank.lib"
    corner = _corner(target)
    if not measured.exists():
        truth = liberty.read(folder / f"{target}.lib", corner=corner, cache=False)
        liberty.write_blank(liberty.open_document(folder / f"{target}.lib"), blank)
        points.write(simulated(truth, share), measured, header=truth.header, answered=True, load_first=load_first(truth))
    where = f"{corner.process},{corner.voltage!r},{corner.temperature!r}"
    words = ["fill", *(str(folder / f"{name}.lib") for name in anchors), "--template", str(blank), "--target", where]
    return [*words, "--measured", str(measured), "--extrapolate", "--quiet", "--report", str(folder / "report.json")]


def _corner(name: str) -> Corner:
    corner = Corner.from_name(name)
    if corner is None:
        raise SystemExit(f"{name} is no corner's name, such as ss_100C_1v60")
    return corner


def score(filled: Path, truth: Path, target: str) -> float:
    """Mean error of the delays and transitions, in percent."""
    from eda_plugin.qa.compare import compare

    corner = _corner(target)
    one, two = (liberty.read(path, corner=corner, cache=False) for path in (filled, truth))
    return compare(one, two).groups["timing"].mape_pct


def main() -> None:
    arguments = sys.argv[1:]
    extra = arguments[arguments.index("--") + 1 :] if "--" in arguments else []
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--target", required=True)
    parser.add_argument("--anchors", nargs="+", required=True)
    parser.add_argument("--times", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--share", type=float, default=0.02)
    parser.add_argument("--work", type=Path, help="keep the files there, and take those that are there")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only-prepare", action="store_true")
    options = parser.parse_args(arguments[: len(arguments) - len(extra) - bool(extra)])
    sources = {}
    for path in sorted(options.folder.rglob("*.lib*")):
        corner = Corner.from_name(path.name.split(".lib")[0])
        if corner is not None:
            sources[corner.name] = path
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for times in options.times:
            folder = (options.work or Path(scratch)) / f"x{times}"
            words = prepare(sources, options.target, options.anchors, times, options.share, folder)
            if options.only_prepare:
                continue
            cache = {"EDA_PLUGIN_CACHE": tempfile.mkdtemp(dir=scratch), "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
            filled = folder / "filled.lib"
            load = os.getloadavg()[0]
            used = measured_run([sys.executable, "-m", "eda_plugin", *words, *extra, "-o", str(filled)], folder / "fill.log", cache)
            row: dict[str, object] = {"times": times, "load_before": round(load, 2), **used.to_dict()}
            if used.status:
                print(used.tail, file=sys.stderr)
            else:
                row["delay_error_pct"] = round(score(filled, folder / f"{options.target}.lib", options.target), 3)
            rows.append(row)
            print(json.dumps(row), flush=True)
            if options.out:
                options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
