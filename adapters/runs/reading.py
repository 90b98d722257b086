"""One run after another to tidy rows, and what there is to tell about them. One file is held at a time, and of it one part."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from eda_plugin.adapters.runs.deck import Block, Deck, read_deck
from eda_plugin.adapters.runs.facts import Facts, gather, same
from eda_plugin.adapters.runs.kinds import Kind
from eda_plugin.adapters.runs.naming import Namer
from eda_plugin.adapters.runs.place import Measure, Placed, place_columns
from eda_plugin.adapters.runs.results import Batch, Trouble, read_results
from eda_plugin.adapters.runs.tidy import tidy_rows
from eda_plugin.adapters.runs.tree import RESULTS, WAVES, Part, Run, Tree, number_of
from eda_plugin.adapters.runs.waves import measure_waveforms
from eda_plugin.adapters.xyce import read_steps
from eda_plugin.errors import ParseError, UserError

__all__ = ["Rows", "Told", "read_run"]

SHOWN = 6
_CORNER = ("process", "voltage", "temperature")


@dataclass(frozen=True)
class Told:
    """Something that a person should know: ``rule`` names the kind, ``file`` is below the folder, ``line`` from 1."""

    rule: str
    message: str
    file: str
    line: int | None = None


@dataclass(frozen=True, eq=False)
class Rows:
    """Tidy rows of one file, or of a part of it; ``stop``: the length of the transient in s, None where unknown."""

    table: pa.Table
    stop: float | None = None


def read_run(tree: Tree, run: Run, namer: Namer, *, waveforms: bool = False) -> Iterator[Rows | Told]:
    """The rows of a run, file by file, and what is to be told of it.

    A file that can't be read is told, and the others go on. A listing or log beside measure files is looked through for trouble only: its
    numbers are theirs, in fewer digits. ``waveforms``: where a run has no measured value, its deck's measures are taken from its waveforms.
    """
    deck = None
    try:
        deck = read_deck(run.deck) if run.deck else None
    except UserError as error:
        if run.deck:
            yield _unreadable(run.deck, tree.name(run.deck), error)
    parts, waves = run.of(RESULTS), run.of(WAVES)
    steps, told = _steps(tree, run)
    yield from told
    measured = any(part.kind in (Kind.MEASURE, Kind.NAMED) for part in parts)
    found = False
    for part in parts:
        reader = _File(tree, run, part, namer, deck, numbers=not measured or part.kind in (Kind.MEASURE, Kind.NAMED))
        for item in reader.read(steps, quiet=bool(waves)):
            found |= isinstance(item, Rows)
            yield item
    if found:
        return
    for part in waves:
        if waveforms and deck is not None:
            yield from _File(tree, run, part, namer, deck, numbers=True).read(steps)
        else:
            why = (
                "nothing measured it; --waveforms does what the deck's .measure lines say"
                if deck
                else "there is no deck to say what to measure"
            )
            yield Told("ingest-waveform", f"a waveform only: {why}", tree.name(part.path))
    if deck is not None and not parts and not waves:
        yield Told("ingest-no-result", "the deck has no result", tree.name(deck.path))


def _steps(tree: Tree, run: Run) -> tuple[tuple[Mapping[str, float], ...], list[Told]]:
    for part in run.of((Kind.STEPS,)):
        try:
            return read_steps(part.path), []
        except UserError as error:
            return (), [_unreadable(part.path, tree.name(part.path), error)]
    return (), []


def _unreadable(path: Path, name: str, error: UserError) -> Told:
    """An error of a reader: its text without the place, which the finding has already."""
    line = error.line if isinstance(error, ParseError) else None
    return Told("ingest-unreadable", re.sub(rf"^{re.escape(str(path))}(:\d+)*: ", "", str(error)), name, line)


class _File:
    """One result file of a run."""

    def __init__(self, tree: Tree, run: Run, part: Part, namer: Namer, deck: Deck | None, *, numbers: bool) -> None:
        self.run, self.part, self.namer, self.deck, self.numbers = run, part, namer, deck, numbers
        self.name = tree.name(part.path)
        self.place = (Path(self.name).parent / Path(run.place).name).as_posix()
        self._known: dict[tuple[int, str, str, tuple[str, ...]], tuple[Facts, Placed]] = {}
        self._told: set[tuple[str, str]] = set()

    def read(self, steps: tuple[Mapping[str, float], ...], *, quiet: bool = False) -> Iterator[Rows | Told]:
        """``quiet``: nothing is said where the file has no measure."""
        number = number_of(self.part.path)
        step = steps[number] if self.part.kind is Kind.NAMED and number < len(steps) else None
        broken = ""
        count = 0
        try:
            for found in self._parts(number, step):
                if isinstance(found, Trouble):
                    broken = broken or f"{found.kind}: {found.text}"
                    yield Told(f"ingest-{found.kind}", found.text, self.name, found.line)
                elif self.numbers:
                    count += len(found)
                    for rows in _by_alter(found):
                        yield from self._rows(rows, number)
        except UserError as error:
            yield _unreadable(self.part.path, self.name, error)
            return
        if self.numbers and not count and not broken and not quiet:
            yield Told("ingest-no-result", "no measure in this file", self.name)

    def _parts(self, number: int, step: Mapping[str, float] | None) -> Iterator[Batch | Trouble]:
        if self.part.kind in WAVES and self.deck is not None:
            return measure_waveforms(self.part.path, self.part.kind, self.deck, number)
        return read_results(self.part.path, self.part.kind, step=step)

    def _rows(self, batch: Batch, number: int) -> Iterator[Rows | Told]:
        block = self._block(batch, number)
        key = (int(batch.alter[0]), batch.variant, batch.title, batch.names)
        if key not in self._known:
            titles = {self.name: batch.title}
            if self.deck:
                titles[self.deck.path.name] = self.deck.title
            facts = gather(self.namer, self.place, titles, self.deck, block)
            placed = place_columns(batch.names, batch.swept, self.namer, facts, self.deck, block)
            self._known[key] = facts, placed
            yield from self._tell(facts, placed, batch)
        facts, placed = self._known[key]
        yield from self._disagreement(facts, placed, batch)
        if placed.measures:
            yield Rows(tidy_rows(batch, placed, facts, self.name), self.deck.stop if self.deck else None)

    def _block(self, batch: Batch, number: int) -> Block | None:
        """HSPICE numbers its files by ``.alter`` block from 0, its column alter# from 1."""
        if self.deck is None:
            return Block(batch.variant) if batch.variant else None
        if self.part.kind is Kind.MEASURE and number and len(self.deck.blocks) > 1:
            return self.deck.block(number)
        return self.deck.block(int(batch.alter[0]) - 1 if len(batch) else 0)

    def _once(self, rule: str, message: str, line: int | None) -> Iterator[Told]:
        if (rule, message) not in self._told:
            self._told.add((rule, message))
            yield Told(rule, message, self.name, line)

    def _tell(self, facts: Facts, placed: Placed, batch: Batch) -> Iterator[Told]:
        for conflict in facts.conflicts:
            yield from self._once(
                "ingest-conflict",
                f"{conflict.name} is {_shown(conflict.value)} by {conflict.source} and {_shown(conflict.other)} by {conflict.other_source}"
                "; the first was taken",
                None,
            )
        unplaced = [measure for measure in placed.measures if not measure.quantity]
        if unplaced:
            names = ", ".join(measure.name for measure in unplaced[:SHOWN]) + (", ..." if len(unplaced) > SHOWN else "")
            message = f"{len(unplaced)} measures are of no known kind: {names}; name them in rules (--suggest drafts them)"
            yield from self._once("ingest-unplaced", message, _line(batch, unplaced[0]))
        for lacking in dict.fromkeys(measure.lacking for measure in placed.measures if measure.lacking):
            those = [measure for measure in placed.measures if measure.lacking == lacking]
            names = ", ".join(measure.name for measure in those[:SHOWN]) + (", ..." if len(those) > SHOWN else "")
            message = f"nothing tells {', '.join(lacking)} of {names}; a rule for the path or the measure could"
            yield from self._once("ingest-incomplete", message, _line(batch, those[0]))
        rules = {parameter.rule.meaning for parameter in placed.parameters if parameter.rule}
        absent = [name for name in _CORNER if name not in rules and name not in facts.values]
        if absent and any(measure.quantity for measure in placed.measures):
            message = f"nothing tells the {', '.join(absent)} of these results; a [[path]] or [[parameter]] rule or [given] could"
            yield from self._once("ingest-incomplete", message, None)

    def _disagreement(self, facts: Facts, placed: Placed, batch: Batch) -> Iterator[Told]:
        """A column that stays at another value than the deck or the path said."""
        for parameter in placed.parameters:
            rule = parameter.rule
            if rule is None or rule.meaning not in ("voltage", "temperature") or rule.values or rule.meaning not in facts.values:
                continue
            column = batch.values[:, parameter.column] * rule.factor
            known = column[np.isfinite(column)]
            if len(known) and np.ptp(known) == 0 and not same(float(known[0]), facts.values[rule.meaning]):
                stated = facts.values[rule.meaning]
                yield from self._once(
                    "ingest-conflict",
                    f"{rule.meaning} is {known[0]:g} by column {parameter.name} and {_shown(stated)} by {facts.sources[rule.meaning]}; "
                    "the first was taken",
                    int(batch.lines[0, 0]) or None,
                )


def _by_alter(batch: Batch) -> Iterator[Batch]:
    """Parts of one ``.alter`` block each, in the order of the rows."""
    cuts = [0, *(np.flatnonzero(np.diff(batch.alter)) + 1).tolist(), len(batch)]
    for first, last in itertools.pairwise(cuts):
        part = slice(first, last)
        yield Batch(
            batch.names, batch.values[part], batch.present[part], batch.lines[part], batch.swept, batch.index[part], batch.alter[part],
            batch.title, batch.variant,
        )  # fmt: skip


def _line(batch: Batch, measure: Measure) -> int | None:
    row = batch.lines[0]
    line = int(row[measure.column] if len(row) > 1 else row[0])
    return line or None


def _shown(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"
