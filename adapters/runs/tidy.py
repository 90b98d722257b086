"""The tidy table: one row a measured value, everything that is known about it beside it, SI units.

Texts are dictionary encoded, so that a million values cost little more than their numbers. What nothing tells is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from eda_plugin.adapters.hspice.schema import FIELDS
from eda_plugin.adapters.runs.facts import Facts, same
from eda_plugin.adapters.runs.place import Placed, check_columns
from eda_plugin.adapters.runs.results import Batch

__all__ = ["COLUMNS", "SCHEMA", "tidy_rows"]

_WORD = pa.dictionary(pa.int32(), pa.string())
_KINDS: dict[str, pa.DataType] = {
    **dict.fromkeys(FIELDS, _WORD),
    "slew": pa.float64(), "load": pa.float64(), "process": _WORD, "voltage": pa.float64(), "temperature": pa.float64(),
    "parameters": _WORD, "quantity": _WORD, "value": pa.float64(), "unit": _WORD, "status": _WORD, "reason": _WORD, "measure": _WORD,
    "file": _WORD, "line": pa.int64(), "alter": pa.int32(), "index": pa.int64(),
}  # fmt: skip
COLUMNS = tuple(_KINDS)
SCHEMA = pa.schema(list(_KINDS.items()))
_NUMBERS = ("slew", "load", "voltage", "temperature")


def tidy_rows(batch: Batch, placed: Placed, facts: Facts, file: str, reason: str = "") -> pa.Table:
    """The values of one batch, row by row, each row's measures in the file's order. ``reason``: why all of it is failed, where it is."""
    check_columns(placed, batch.names, file)
    places = [measure.column for measure in placed.measures]
    shape = (len(batch), len(places))
    keep = batch.present[:, places].ravel()
    values = (batch.values[:, places] * np.array([measure.factor for measure in placed.measures])).ravel()[keep]
    failed = ~np.isfinite(values)
    values[failed] = np.nan
    columns: dict[str, pa.Array] = {}
    for name in FIELDS:
        columns[name] = _by_measure([measure.fields.get(name) for measure in placed.measures], shape, keep)
    columns |= _conditions(batch, placed, facts, shape, keep)
    columns["quantity"] = _by_measure([measure.quantity or None for measure in placed.measures], shape, keep)
    columns["value"] = pa.array(values, from_pandas=True)
    columns["unit"] = _by_measure([measure.unit or None for measure in placed.measures], shape, keep)
    columns["status"] = _coded((failed | bool(reason)).astype(np.int32), ["ok", "failed"])
    columns["reason"] = _coded(np.where(failed, 2, int(bool(reason))).astype(np.int32), [None, reason or None, reason or "measure failed"])
    columns["measure"] = _by_measure([measure.name for measure in placed.measures], shape, keep)
    columns["file"] = _coded(np.zeros(len(values), dtype=np.int32), [file])
    lines = np.broadcast_to(batch.lines if batch.lines.shape[1] == 1 else batch.lines[:, places], shape)
    known = lines.ravel()[keep]
    columns["line"] = pa.array(known, mask=known == 0)
    columns["alter"] = pa.array(np.repeat(batch.alter, shape[1])[keep].astype(np.int32))
    columns["index"] = pa.array(np.repeat(batch.index, shape[1])[keep], mask=(np.repeat(batch.index, shape[1])[keep] == 0))
    return pa.table({name: columns[name] for name in COLUMNS}, schema=SCHEMA)


def _coded(codes: NDArray[np.int32], words: Sequence[str | None]) -> pa.Array:
    """A dictionary array in which None is null."""
    distinct = [word for word in dict.fromkeys(words) if word is not None]
    places = np.array([distinct.index(word) if word is not None else -1 for word in words], dtype=np.int32)
    found = places[codes] if len(words) else np.zeros(0, dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(found, mask=found < 0), pa.array(distinct, pa.string()))


def _by_measure(words: Sequence[str | None], shape: tuple[int, int], keep: NDArray[np.bool_]) -> pa.Array:
    return _coded(np.tile(np.arange(shape[1], dtype=np.int32), shape[0])[keep], words)


def _conditions(batch: Batch, placed: Placed, facts: Facts, shape: tuple[int, int], keep: NDArray[np.bool_]) -> dict[str, pa.Array]:
    """Slew, load and corner of each value; parameters without such a meaning as JSON."""
    rows: dict[str, NDArray[np.float64]] = {}
    process: list[str] | None = None
    others: dict[str, NDArray[np.float64]] = {}
    for parameter in placed.parameters:
        column = batch.values[:, parameter.column]
        rule = parameter.rule
        if rule is None or rule.meaning == "other":
            others[parameter.name] = column
        elif rule.meaning == "process":
            process = process or [_word(rule.values, value) for value in column.tolist()]
        elif rule.meaning in rows:
            others[parameter.name] = column
        elif rule.values:
            rows[rule.meaning] = np.array([_number(rule.values, value) for value in column.tolist()])
        else:
            rows[rule.meaning] = column * rule.factor
    found: dict[str, pa.Array] = {}
    for name in _NUMBERS:
        stated = facts.values.get(name, np.nan)
        default = rows.get(name, np.full(shape[0], float(stated)))
        table = np.repeat(default[:, None], shape[1], axis=1)
        for place, measure in enumerate(placed.measures):
            if name in measure.numbers:
                table[:, place] = measure.numbers[name]
            elif name in measure.columns:
                table[:, place] = _column(batch, placed, measure.columns[name])
        found[name] = pa.array(table.ravel()[keep], from_pandas=True)
    words = process if process is not None else [str(facts.values["process"]) if "process" in facts.values else ""] * shape[0]
    found["process"] = _by_row([word or None for word in words], shape, keep)
    found["parameters"] = _by_row(_json(others, shape[0]), shape, keep)
    return found


def _column(batch: Batch, placed: Placed, name: str) -> NDArray[np.float64]:
    place = next(place for place, found in enumerate(batch.names) if found.lower() == name.lower())
    rule = next((parameter.rule for parameter in placed.parameters if parameter.column == place), None)
    return batch.values[:, place] * (rule.factor if rule else 1.0)


def _by_row(words: Sequence[str | None], shape: tuple[int, int], keep: NDArray[np.bool_]) -> pa.Array:
    distinct = list(dict.fromkeys(words))
    places = {word: place for place, word in enumerate(distinct)}
    codes = np.array([places[word] for word in words], dtype=np.int32)
    return _coded(np.repeat(codes, shape[1])[keep], distinct)


def _json(columns: Mapping[str, NDArray[np.float64]], count: int) -> list[str | None]:
    if not columns:
        return [None] * count
    names = sorted(columns)
    table = np.stack([columns[name] for name in names], axis=1).tolist()
    return [json.dumps({name: value for name, value in zip(names, row, strict=True) if math.isfinite(value)}) for row in table]


def _word(values: Mapping[float, float | str], value: float) -> str:
    return str(next((word for number, word in values.items() if same(number, value)), ""))


def _number(values: Mapping[float, float | str], value: float) -> float:
    return float(next((word for number, word in values.items() if same(number, value)), np.nan))
