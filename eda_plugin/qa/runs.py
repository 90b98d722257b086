"""Checks of simulation results as they came in, value by value: contradictions, copies of another corner, failures, nonsense.

Tables come part by part; of each value four numbers are kept, so that memory follows the number of values and not the texts beside them.
Rows of a sweep that nothing tells apart (Monte Carlo) are not kept.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from eda_plugin.qa.findings import Finding, Severity

__all__ = ["RunChecks"]

RTOL = 1e-4
"""Relative difference of two values of one point that is rounding: listings and older measure files print five digits."""

_PLACE = ("cell", "pin", "related_pin", "timing_type", "timing_sense", "when", "edge", "quantity", "parameters")
_POINT = ("slew", "load")
_CORNER = ("process", "voltage", "temperature")
_TIMES = ("delay", "transition")


@dataclass(eq=False)
class _Kept:
    """One value a row: hash of its point without and with its corner, the value, and where it stands."""

    place: list[NDArray[np.uint64]] = field(default_factory=list)
    corner: list[NDArray[np.uint64]] = field(default_factory=list)
    value: list[NDArray[np.float64]] = field(default_factory=list)
    file: list[NDArray[np.int32]] = field(default_factory=list)
    line: list[NDArray[np.int64]] = field(default_factory=list)


@dataclass(eq=False)
class RunChecks:
    """Give it every table, then ask for the findings."""

    rtol: float = RTOL
    _kept: _Kept = field(default_factory=_Kept)
    _files: dict[str, int] = field(default_factory=dict)
    _failed: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    _rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    _nonsense: dict[tuple[str, str, str], list[float]] = field(default_factory=dict)
    _sampled: dict[str, int] = field(default_factory=dict)
    _names: dict[int, str] = field(default_factory=dict)

    def add(self, table: pa.Table, stop: float | None = None) -> None:
        """Rows of one file (columns of the tidy table). ``stop``: length of the transient, s."""
        if not table.num_rows:
            return
        file = table.column("file")[0].as_py()
        code = self._files.setdefault(file, len(self._files))
        value = _floats(table, "value")
        line = np.asarray(table.column("line").fill_null(0).to_numpy(), dtype=np.int64)
        known = np.isfinite(value)
        self._tell_failed(file, table, line, ~known)
        self._tell_nonsense(file, table, value, line, stop)
        measure = _hashed(table, ("measure",))
        named = _hashed(table, _PLACE)
        kind = table.column("quantity").combine_chunks()
        unplaced = np.asarray(kind.is_null())
        place = _mixed(np.where(unplaced, named ^ measure, named), table, _POINT)
        corner = _mixed(_hashed(table, ("process",)), table, ("voltage", "temperature"))
        known &= ~self._samples(file, table, place ^ corner)
        for row in np.unique(corner[known], return_index=True)[1]:
            at = int(np.flatnonzero(known)[row])
            self._names.setdefault(int(corner[at]), _corner_name(table, at))
        kept = self._kept
        kept.place.append(place[known])
        kept.corner.append(corner[known])
        kept.value.append(value[known])
        kept.file.append(np.full(int(known.sum()), code, dtype=np.int32))
        kept.line.append(line[known])

    def _tell_failed(self, file: str, table: pa.Table, line: NDArray[np.int64], failed: NDArray[np.bool_]) -> None:
        codes, names = _codes(table, "measure")
        totals = np.bincount(codes, minlength=len(names))
        for place in np.unique(codes[failed]).tolist():
            rows = np.flatnonzero(failed & (codes == place))
            told = self._failed.setdefault((file, names[place]), [0, int(line[rows[0]])])
            told[0] += len(rows)
        for place, name in enumerate(names):
            self._rows[file, name] += int(totals[place])

    def _tell_nonsense(self, file: str, table: pa.Table, value: NDArray[np.float64], line: NDArray[np.int64], stop: float | None) -> None:
        kinds, words = _codes(table, "quantity")
        codes, names = _codes(table, "measure")
        delay, transition = ((kinds == words.index(name)) if name in words else np.zeros(len(kinds), dtype=np.bool_) for name in _TIMES)
        slew = np.nan_to_num(_floats(table, "slew"), nan=0.0)
        wrong = {
            "is not positive: the wrong edges were paired, or the output never moved": transition & (value <= 0),
            # A slow input's output may cross first, though never by more than the input's own ramp takes.
            "is negative by more than the input's slew: the wrong edges were paired": delay & (value < -slew),
        }
        if stop is not None:
            wrong[f"is longer than the run of {stop:g} s"] = (delay | transition) & (value > stop)
        for what, found in wrong.items():
            for place in np.unique(codes[found]).tolist():
                rows = np.flatnonzero(found & (codes == place))
                told = self._nonsense.setdefault((file, names[place], what), [0, float(value[rows[0]]), int(line[rows[0]])])
                told[0] += len(rows)

    def _samples(self, file: str, table: pa.Table, key: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Rows of a sweep that nothing but its counter tells apart."""
        index = table.column("index").combine_chunks().fill_null(0).to_numpy()
        _, places, counts = np.unique(key, return_inverse=True, return_counts=True)
        found = (counts[places] > 1) & (np.asarray(index) > 0)
        if found.any():
            self._sampled.setdefault(file, int(table.column("line")[int(np.flatnonzero(found)[0])].as_py() or 0))
        if file in self._sampled:
            found[:] = True
        return np.asarray(found, dtype=np.bool_)

    def findings(self) -> list[Finding]:
        """All of them, in the order of rules and files."""
        found = [
            Finding(
                "ingest-failed",
                Severity.WARNING,
                f"measure {name} failed in {count} of {self._rows[file, name]} rows",
                file=file,
                line=line,
            )
            for (file, name), (count, line) in self._failed.items()
        ]
        for (file, name, what), (times, value, line) in self._nonsense.items():
            more = f", in {times:.0f} rows" if times > 1 else ""
            message = f"measure {name} {what} ({value:g} s{more})"
            found.append(Finding("ingest-nonsense", Severity.WARNING, message, file=file, line=int(line), values=(float(value),)))
        for file, line in self._sampled.items():
            message = "rows of one point differ in their index only (Monte Carlo samples?); they were not compared with other files"
            found.append(Finding("ingest-samples", Severity.INFO, message, file=file, line=line))
        if self._kept.value:
            found += self._compared()
        return found

    def _compared(self) -> Iterator[Finding]:
        kept = self._kept
        place, corner, value = np.concatenate(kept.place), np.concatenate(kept.corner), np.concatenate(kept.value)
        file, line = np.concatenate(kept.file), np.concatenate(kept.line)
        names = list(self._files)
        yield from self._contradictions(place ^ corner, value, file, line, names)
        yield from self._copies(place, corner, value, file, line, names)

    def _contradictions(
        self, key: NDArray[np.uint64], value: NDArray[np.float64], file: NDArray[np.int32], line: NDArray[np.int64], names: Sequence[str]
    ) -> Iterator[Finding]:
        order = np.lexsort((line, file, key))
        one, two = order[:-1], order[1:]
        apart = np.abs(value[one] - value[two]) > self.rtol * np.maximum(np.abs(value[one]), np.abs(value[two]))
        rows = np.flatnonzero((key[one] == key[two]) & apart)
        pairs: dict[tuple[int, int], list[int]] = {}
        for row in rows.tolist():
            pairs.setdefault((int(file[one[row]]), int(file[two[row]])), []).append(row)
        for (first, second), found in pairs.items():
            row = min(found, key=lambda row: int(line[two[row]]))
            a, b = float(value[one[row]]), float(value[two[row]])
            more = f", and {len(found) - 1} more" if len(found) > 1 else ""
            other = f"line {line[one[row]]}" if first == second else f"{names[first]}:{line[one[row]]}"
            message = f"{b:.6g} here and {a:.6g} in {other} are one point's value{more}; neither was taken for the truth"
            yield Finding("ingest-contradiction", Severity.ERROR, message, file=names[second], line=int(line[two[row]]), values=(a, b))

    def _copies(
        self, place: NDArray[np.uint64], corner: NDArray[np.uint64], value: NDArray[np.float64], file: NDArray[np.int32],
        line: NDArray[np.int64], names: Sequence[str],
    ) -> Iterator[Finding]:  # fmt: skip
        """Two corners of which at least half of the points in common have the same number to the last digit."""
        use = np.flatnonzero(value != 0)
        order = use[np.lexsort((line[use], file[use], value[use], place[use]))]
        one, two = order[:-1], order[1:]
        equal = (place[one] == place[two]) & (value[one] == value[two]) & (corner[one] != corner[two])
        if not equal.any():
            return
        shared = _at_several(place[use], corner[use])
        common = Counter(zip(file[use][shared].tolist(), corner[use][shared].tolist(), strict=True))
        pairs: dict[tuple[int, int, int, int], list[int]] = {}
        for row in np.flatnonzero(equal).tolist():
            a, b = sorted((int(one[row]), int(two[row])), key=lambda at: (int(file[at]), int(line[at])))
            pairs.setdefault((int(file[a]), int(corner[a]), int(file[b]), int(corner[b])), []).append(b)
        for (first, here, second, there), found in sorted(pairs.items()):
            of = min(common[first, here], common[second, there])
            if 2 * len(found) < of or (len(found) == 1 and _digits(float(value[found[0]])) < 5):
                continue
            what = f"{len(found)} of {of} values at {self._names[there]} are those at {self._names[here]} to the last digit"
            whose = "in this file" if first == second else f"in {names[first]}"
            message = f"{what}, {whose}: a copy, or a run at the wrong corner"
            at = min(int(line[row]) for row in found)
            yield Finding("ingest-copy", Severity.WARNING, message, file=names[second], line=at, values=(float(value[found[0]]),))


def _at_several(place: NDArray[np.uint64], corner: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """(n,) whether a point has a value at another corner too."""
    order = np.lexsort((corner, place))
    fresh = np.concatenate([[True], place[order][1:] != place[order][:-1]])
    group = np.cumsum(fresh) - 1
    starts = np.flatnonzero(fresh)
    ends = np.concatenate([starts[1:], [len(order)]]) - 1
    several = corner[order][starts] != corner[order][ends]
    found = np.zeros(len(place), dtype=np.bool_)
    found[order] = several[group]
    return found


def _digits(value: float) -> int:
    return len(f"{value:.12e}".partition("e")[0].replace(".", "").strip("-").rstrip("0"))


def _floats(table: pa.Table, name: str) -> NDArray[np.float64]:
    return np.asarray(table.column(name).to_numpy(), dtype=np.float64)


def _codes(table: pa.Table, name: str) -> tuple[NDArray[np.int64], list[str]]:
    """A text column as numbers of its distinct texts; null is the empty text."""
    column = table.column(name).combine_chunks()
    words = [*column.dictionary.to_pylist(), ""]
    return np.asarray(column.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False), dtype=np.int64), words


def _word(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.lower().encode(), digest_size=8).digest(), "little")


def _stirred(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of splitmix64: neighbouring numbers land far apart."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _hashed(table: pa.Table, names: Sequence[str]) -> NDArray[np.uint64]:
    """One number for the texts of some columns; null is a text of its own, upper and lower case are one."""
    total = np.zeros(table.num_rows, dtype=np.uint64)
    for place, name in enumerate(names):
        codes, texts = _codes(table, name)
        words = np.array([_word(text) for text in texts], dtype=np.uint64)
        total = _stirred(total * np.uint64(3) + words[codes] + np.uint64(place + 1))
    return total


def _mixed(start: NDArray[np.uint64], table: pa.Table, names: Sequence[str]) -> NDArray[np.uint64]:
    """``start`` and the numbers of some columns, to six digits."""
    total = start
    for name in names:
        values = np.nan_to_num(_floats(table, name), nan=-1e99)
        with np.errstate(divide="ignore"):
            scale = 10.0 ** (np.floor(np.log10(np.abs(np.where(values == 0, 1.0, values)))) - 5)
        rounded = np.round(values / scale) + 0.0  # + 0.0: minus zero is zero
        bits = _stirred(rounded.view(np.uint64)) ^ np.floor(np.log10(scale)).astype(np.float64).view(np.uint64)
        total = _stirred(total * np.uint64(3) + bits)
    return total


def _corner_name(table: pa.Table, row: int) -> str:
    words = [table.column(name)[row].as_py() for name in _CORNER]
    return " ".join("?" if word is None else word if isinstance(word, str) else f"{word:g}" for word in words)
