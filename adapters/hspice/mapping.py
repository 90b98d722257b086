"""Measure files to timing points, corner by corner, as a mapping says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters.hspice.measure import MeasureFile, read_measure
from eda_plugin.adapters.hspice.schema import EDGES, FIELDS, Mapping, Rule, Source, read_mapping
from eda_plugin.data.assemble import Grid
from eda_plugin.domain import Arc, Corner, Points
from eda_plugin.errors import ParseError, UserError
from eda_plugin.units import named_number

__all__ = ["Mapping", "read_mapping", "read_points"]


@dataclass(frozen=True, eq=False)
class _Part:
    """Points of one arc and edge from some rows of one file."""

    file: MeasureFile
    rows: NDArray[np.int64]
    index: NDArray[np.float64]
    delay: NDArray[np.float64]
    transition: NDArray[np.float64]


def read_points(paths: Iterable[str | Path], mapping: Mapping | str | Path) -> dict[Corner, Points]:
    """Timing points of all files by corner, sorted by arc, edge, slew and load whatever the order of the files.

    A point that stands in several rows with one value is one point. Raises ``ParseError`` for a file that is no measure file or a
    parameter that failed; ``UserError`` naming file, measure or column, and what there is, where the mapping doesn't fit; naming both
    places where two rows contradict each other.
    """
    rules = mapping if isinstance(mapping, Mapping) else read_mapping(mapping)
    found: dict[Corner, dict[tuple[Arc, str], list[_Part]]] = {}
    used: set[str] = set()
    files = [read_measure(path) for path in sorted(Path(path) for path in paths)]
    for file in files:
        groups = _groups(file, rules)
        corners, corner_of = _corners(file, rules, groups)
        fits = False
        for rule in rules.rules:
            for arc, edge, delay, transition in _arcs(file, rule, rules, groups):
                used.add(rule.place)
                fits = True
                index = np.stack([_numbers(file, rules, rule.sources.get(name), name, groups) for name in ("slew", "load")], axis=1)
                values = [_measured(file, rules, name) for name in (delay, transition)]
                for place, corner in enumerate(corners):
                    rows = np.flatnonzero(corner_of == place)
                    part = _Part(file, rows, index[rows], values[0][rows], values[1][rows])
                    found.setdefault(corner, {}).setdefault((arc, edge), []).append(part)
        if not fits:
            raise UserError(f"{file.path}: none of its measures is mapped by {rules.path}; it has {', '.join(file.names)}")
    idle = [rule for rule in rules.rules if rule.place not in used]
    if files and idle:
        pattern = next(found.pattern for found in (idle[0].delay, idle[0].transition) if found)
        raise UserError(
            f"mapping {rules.path}: {idle[0].place}: no file has a measure {pattern!r}; {files[0].path} has {', '.join(files[0].names)}"
        )
    return {corner: _points(corner, found[corner]) for corner in sorted(found)}


def _measured(file: MeasureFile, rules: Mapping, name: str | None) -> NDArray[np.float64]:
    """(rows,) in s, NaN where the measure failed or there is none."""
    return np.full(len(file), np.nan) if name is None else file.column(name) * rules.factors.get(name.lower(), 1.0)


def _groups(file: MeasureFile, rules: Mapping) -> dict[str, str]:
    """What the file's path says."""
    if rules.pattern is None:
        return {}
    match = rules.pattern.search(file.path.as_posix())
    if not match:
        raise UserError(f"{file.path}: the path doesn't match files.pattern {rules.pattern.pattern!r} of {rules.path}")
    return {name: text for name, text in match.groupdict().items() if text is not None}


def _arcs(file: MeasureFile, rule: Rule, rules: Mapping, groups: Dict[str, str]) -> Iterator[tuple[Arc, str, str | None, str | None]]:
    """Arc, edge, delay measure and transition measure of all that a rule finds in a file."""
    if any(name in groups and groups[name].lower() != text.lower() for name, text in rule.fields.items()):
        return
    measures: dict[tuple[tuple[str, str], ...], list[str | None]] = {}
    for place, pattern in enumerate((rule.delay, rule.transition)):
        for name in file.names if pattern else ():
            if pattern and (match := pattern.fullmatch(name)):
                key = tuple(sorted((group, text.lower()) for group, text in match.groupdict().items() if text is not None))
                pair = measures.setdefault(key, [None, None])
                if pair[place] is not None:
                    raise UserError(f"{file.path}: {rules.path}, {rule.place}: both {pair[place]} and {name} would be one arc's measure")
                pair[place] = name
    for key, (delay, transition) in measures.items():
        if rule.delay and rule.transition and (delay is None or transition is None):
            kind, partner = ("delay", transition) if delay is None else ("transition", delay)
            wanted = (rule.delay if delay is None else rule.transition).pattern
            raise UserError(
                f"{file.path}: {rules.path}, {rule.place}: measure {partner} has no {kind} {wanted!r} beside it; "
                f"the file has {', '.join(file.names)}"
            )
        texts = {**groups, **dict(key)}
        fields = {}
        for name in FIELDS:
            if name in rule.fields:
                fields[name] = rule.fields[name]
            elif name in texts:
                word = next((word for text, word in rule.words.get(name, {}).items() if text.lower() == texts[name].lower()), None)
                fields[name] = rules.spelled(name, texts[name]) if word is None else word
        edge = EDGES.get(fields.pop("edge").lower())
        if edge is None:
            known = ", ".join(EDGES)
            raise UserError(
                f"{file.path}: {rules.path}, {rule.place}: edge {dict(key).get('edge')!r}; map it by values.edge to one of {known}"
            )
        yield Arc(**fields), edge, delay, transition


def _corners(file: MeasureFile, rules: Mapping, groups: Dict[str, str]) -> tuple[list[Corner], NDArray[np.int64]]:
    """Corners of a file, and which of them each row holds for."""
    names = _processes(file, rules.corner.get("process"), groups)
    volts, degrees = (_numbers(file, rules, rules.corner.get(name), name, groups) for name in ("voltage", "temperature"))
    # Nine digits: 800 mV from a column in mV and 0.8 V are one supply.
    keys = [(name, float(f"{v:.9g}"), float(f"{t:.9g}")) for name, v, t in zip(names, volts, degrees, strict=True)]
    distinct = sorted(set(keys))
    places = {key: place for place, key in enumerate(distinct)}
    return [Corner(*key) for key in distinct], np.array([places[key] for key in keys], dtype=np.int64)


def _processes(file: MeasureFile, source: Source | None, groups: Dict[str, str]) -> list[str]:
    if source is None or not source.column:
        return [str(source.constant) if source else _stated(file, "process", groups)] * len(file)
    return [str(word) for word in _meant(file, source, _column(file, source.column))]


def _column(file: MeasureFile, name: str) -> NDArray[np.float64]:
    values = file.column(name)
    failed = np.flatnonzero(~np.isfinite(values))
    if len(failed):
        raise ParseError(f"parameter {name} failed, so this row has no place", path=file.path, line=int(file.lines[failed[0]]))
    return values


def _meant(file: MeasureFile, source: Source, values: NDArray[np.float64]) -> list[float | str]:
    meant: list[float | str] = []
    for value, line in zip(values.tolist(), file.lines.tolist(), strict=True):
        close = [word for number, word in source.values.items() if np.isclose(number, value, rtol=1e-6)]
        if not close:
            known = ", ".join(f"{number:g}" for number in source.values)
            raise ParseError(f"column {source.column} is {value:g}; the mapping's values know {known}", path=file.path, line=line)
        meant.append(close[0])
    return meant


def _numbers(file: MeasureFile, rules: Mapping, source: Source | None, name: str, groups: Dict[str, str]) -> NDArray[np.float64]:
    """(rows,) voltage, temperature, slew or load, SI (temperature in degrees Celsius)."""
    if source is None:
        return np.full(len(file), _from_text(file, name, _stated(file, name, groups), rules.factors.get(name, 1.0)))
    if not source.column:
        return np.full(len(file), float(source.constant or 0.0))
    values = _column(file, source.column)
    if source.values:
        return np.array([float(number) for number in _meant(file, source, values)])
    return values * rules.factors.get(source.column.lower(), 1.0)


def _stated(file: MeasureFile, name: str, groups: Dict[str, str]) -> str:
    if name not in groups:
        raise UserError(f"{file.path}: files.pattern found no {name} in the path; expected one, or a {name} in the mapping")
    return groups[name]


def _from_text(file: MeasureFile, name: str, text: str, factor: float) -> float:
    """A number out of a file's name: 0v80, 0p8, n40C, 10ps. ``factor`` is for one that states no unit."""
    number = named_number(text)
    if number is not None:
        return number * (1.0 if text[-2:].isalpha() else factor)
    raise UserError(f"{file.path}: {name} {text!r} in the path is no number; expected such as 0v80, n40C, 10ps or 2fF")


def _points(corner: Corner, arcs: Dict[tuple[Arc, str], list[_Part]]) -> Points:
    """All points of a corner, repeats merged."""
    names: list[tuple[Arc, str]] = []
    blocks: list[NDArray[np.float64]] = []
    for key in sorted(arcs):
        parts = arcs[key]
        index, delay, transition = (np.concatenate([getattr(part, name) for part in parts]) for name in ("index", "delay", "transition"))
        places = [(part.file, int(part.file.lines[row])) for part in parts for row in part.rows]

        def where(row: int, places: list[tuple[MeasureFile, int]] = places) -> str:
            return f"{places[row][0].path}:{places[row][1]}"

        grid = Grid.of(index)
        tables = [
            grid.table(values, f"{corner} {key[0]} {key[1]} {what}", where).ravel()
            for what, values in (("delay", delay), ("transition", transition))
        ]
        at = np.unique(grid.at)
        i, j = np.divmod(at, len(grid.axes[1]))
        blocks.append(np.stack([grid.axes[0][i], grid.axes[1][j], tables[0][at], tables[1][at]], axis=1))
        names += [key] * len(at)
    values = np.concatenate(blocks)
    sources = sorted({part.file.path.as_posix() for parts in arcs.values() for part in parts})
    source = sources[0] if len(sources) == 1 else f"{sources[0]} and {len(sources) - 1} more"
    return Points(tuple(arc for arc, _ in names), tuple(edge for _, edge in names), values[:, :2], values[:, 2], values[:, 3], source)
