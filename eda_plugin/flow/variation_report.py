"""The report of judged variation tables: errors of sigma, signs of skewness, sides, by method and by cell, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eda_plugin.files import replace_atomically

__all__ = ["summary", "write_report"]

Floats = NDArray[np.float64]
QUANTITIES = ("delay", "transition")
KINDS = ("common", "independent")
SKEWED = 0.15


def summary(facts: Mapping[str, Any]) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Figures over all cells and points, by kind, method and quantity: ``sigma_pct`` mean absolute error of the deviation, ``largest_pct``,
    ``sign_pct`` of skewness signs right where it exceeds ``SKEWED`` (``skewed`` points), ``skew`` mean absolute error of skewness,
    ``early_pct`` and ``late_pct``, NaN where a method has none."""
    cells: Mapping[str, Any] = facts["cells"]
    names = list(next(iter(cells.values()))["common"])
    out: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for kind in KINDS:
        out[kind] = {}
        for name in names:
            out[kind][name] = {quantity: _errors(cells, kind, name, place) for place, quantity in enumerate(QUANTITIES)}
    return out


def _errors(cells: Mapping[str, Any], kind: str, name: str, place: int) -> dict[str, float]:
    def gathered(*path: str) -> Floats:
        parts = []
        for cell in cells.values():
            found: Any = cell
            for step in path:
                found = found[step]
            parts.append(np.array(found, dtype=np.float64)[:, place])
        return np.concatenate(parts)

    def off(field: str) -> Floats:
        return np.asarray(100 * np.abs(gathered(kind, name, field) / gathered("truth", field) - 1))

    true, said = gathered("truth", "skewness"), gathered(kind, name, "skewness")
    skewed = np.abs(true) > SKEWED
    sigma = off("deviation")
    return {
        "sigma_pct": float(sigma.mean()),
        "largest_pct": float(sigma.max()),
        "skew": float(np.abs(said - true).mean()),
        "sign_pct": float(100 * (np.sign(said) == np.sign(true))[skewed].mean()) if skewed.any() else float("nan"),
        "skewed": float(skewed.sum()),
        "early_pct": float(off("early").mean()),
        "late_pct": float(off("late").mean()),
    }


def write_report(facts: Mapping[str, Any], folder: Path) -> Path:
    """Write variation.md and return its path."""
    path = folder / "variation.md"
    with replace_atomically(path) as part:
        part.write_text("\n".join(_lines(facts)) + "\n", encoding="utf-8")
    return path


def _lines(facts: Mapping[str, Any]) -> Iterator[str]:
    draws, settings, sources = facts["draws"], facts["settings"], facts["sources"]
    grid = settings["grid"]
    yield from (f"# Variation tables of {facts['corner']}, judged", "", "```", facts["command"], "```", "")
    learnt = f"{settings['rows']} rows at each of {grid} x {grid} points"
    yield f"eda-plugin {facts['version']}. Learnt from {learnt}" + (f" of {', '.join(sources)}; none of this corner." if sources else ".")
    yield (
        f"Judged by {draws} rows at each point of one edge of an arc a cell, which nothing learnt from; the sampling error of their own "
        f"deviation is {100 / np.sqrt(2 * draws):.1f} % for a normal law."
    )
    found = summary(facts)
    explained = {
        "common": "Each method's times at the very draws that were simulated, so that the draws' own sampling error drops out (plain "
        "moments have rows of their own).",
        "independent": "Moments over the known law, against the simulated draws with their sampling error.",
    }
    for kind in KINDS:
        yield from ("", f"## {'The same draws' if kind == 'common' else 'Over the law'}", "", explained[kind], "")
        for quantity in QUANTITIES:
            yield from (f"### {quantity.capitalize()}", "")
            heads = (
                "method",
                "sigma, mean error %",
                "largest",
                "skewness, mean error",
                f"sign right % (of {found[kind]['conditional model'][quantity]['skewed']:.0f})",
                "early sigma %",
                "late sigma %",
            )
            yield from _grid(heads, [_row(name, one[quantity]) for name, one in found[kind].items()])
            yield ""
    yield from ("## By cell", "", "Mean error of sigma in %, delay and transition, the same draws.", "")
    yield from _by_cell(facts)


def _row(name: str, one: Mapping[str, float]) -> list[str]:
    def text(value: float, form: str = ".2f") -> str:
        return "" if np.isnan(value) else format(value, form)

    return [
        name,
        text(one["sigma_pct"]),
        text(one["largest_pct"]),
        text(one["skew"], ".3f"),
        text(one["sign_pct"], ".1f"),
        text(one["early_pct"]),
        text(one["late_pct"]),
    ]


def _by_cell(facts: Mapping[str, Any]) -> Iterator[str]:
    cells = facts["cells"]
    names = list(next(iter(cells.values()))["common"])
    rows = []
    for cell, one in cells.items():
        single = {cell: one}
        texts = [" / ".join(f"{_errors(single, 'common', name, place)['sigma_pct']:.2f}" for place in range(2)) for name in names]
        rows.append([cell, one["arc"].removeprefix(cell + " "), *texts])
    yield from _grid(("cell", "arc", *names), rows)


def _grid(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(heads) + " |"
    yield "| " + " | ".join("---" for _ in heads) + " |"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
