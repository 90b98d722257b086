"""What is known of a result file before its rows are read, and which of two sources is believed.

In this order: what the user's rules state or find, what the deck says, what the names of folders, files and titles look like. Two sources
that contradict each other about the corner are told: a folder that says 125C around a deck that ran at 25C is the fault to find.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from eda_plugin.adapters.ngspice.netlist import read_ports
from eda_plugin.adapters.runs.deck import Block, Deck, Instance
from eda_plugin.adapters.runs.naming import Namer, Value
from eda_plugin.adapters.runs.statements import Statement
from eda_plugin.domain.corner import Corner, process_axes
from eda_plugin.errors import UserError

__all__ = ["GIVEN", "Conflict", "Facts", "arc_of", "gather", "same"]

GIVEN = "[given]"
_CORNER = ("process", "voltage", "temperature")
_LARGEST = 16 << 20  # bytes of an included file that is looked into for ports
_GROUND = ("0", "gnd", "vss", "gnd!", "vss!", "vgnd")
_RAILS = ("vdd", "vpwr", "vpb", "vcc", "vss", "vgnd", "vnb", "gnd", "vddpe", "vbp", "vbn", "vnw", "vpw")


@dataclass(frozen=True)
class Conflict:
    """Two sources that differ in ``name``; the first is believed."""

    name: str
    value: Value
    source: str
    other: Value
    other_source: str


@dataclass(frozen=True)
class Facts:
    """Fields of a file by name, and where each was found."""

    values: Mapping[str, Value] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()


def same(one: Value, two: Value) -> bool:
    """Whether two statements of a field agree: texts in any case, numbers to six digits."""
    if isinstance(one, str) or isinstance(two, str):
        return str(one).lower() == str(two).lower()
    return abs(one - two) <= 1e-6 * max(abs(one), abs(two), 1e-30)


def _agree(name: str, one: Value, two: Value) -> bool:
    """As ``same``; two words for one kind of process, slow and ss, agree too."""
    if name == "process" and (axes := process_axes(str(one))) is not None and axes == process_axes(str(two)):
        return True
    return same(one, two)


def gather(namer: Namer, place: str, titles: Mapping[str, str], deck: Deck | None, block: Block | None) -> Facts:
    """Fields of a file at ``place`` (path below the folder, without endings). ``titles``: by where each stands."""
    values: dict[str, Value] = {}
    sources: dict[str, str] = {}
    conflicts: list[Conflict] = []
    for name, value, source in _candidates(namer, place, titles, deck, block):
        if name not in values:
            values[name], sources[name] = value, source
        elif name in _CORNER and not _agree(name, values[name], value) and not any(told.name == name for told in conflicts):
            conflicts.append(Conflict(name, values[name], sources[name], value, source))
    return Facts(values, sources, tuple(conflicts))


def _candidates(
    namer: Namer, place: str, titles: Mapping[str, str], deck: Deck | None, block: Block | None
) -> Iterator[tuple[str, Value, str]]:
    if namer.user:
        for name, value in namer.user.given.items():
            yield name, value, f"{GIVEN} of {namer.user.path.name}"
    yield from _of_texts(namer, place, titles, block, user=True)
    if block is not None and deck is not None:
        yield from _of_deck(namer, deck, block)
    yield from _of_texts(namer, place, titles, block, user=False)


def _of_texts(namer: Namer, place: str, titles: Mapping[str, str], block: Block | None, *, user: bool) -> Iterator[tuple[str, Value, str]]:
    """What one side's rules find: in the models that ran before the names that people gave."""
    for text in _models(block):
        for name, value in namer.text("models", text, user=user).items():
            yield name, value, f"the models {text!r} of the deck"
    if not user and block is not None and (process := Corner.process_in(block.name)):
        yield "process", process, f".alter {block.name}"
    for name, value in namer.text("path", place, user=user).items():
        yield name, _spelled(namer, name, value), "the path"
    for where, title in titles.items():
        for name, value in namer.text("title", title, user=user).items():
            yield name, _spelled(namer, name, value), f"the title in {where}"


def _spelled(namer: Namer, name: str, value: Value) -> Value:
    return namer.spelled(name, value) if isinstance(value, str) else value


def _models(block: Block | None) -> list[str]:
    if block is None:
        return []
    # The section before the file: corner.lib holds every process.
    return [*(section for _, section in block.sections), *(Path(name).name for name in block.included)]


def _of_deck(namer: Namer, deck: Deck, block: Block) -> Iterator[tuple[str, Value, str]]:
    seen: set[str] = set()
    for name, value in block.values.items():
        rule = namer.parameter(name)
        if rule is None or rule.meaning in seen or rule.meaning == "other":
            continue
        meant = next((word for number, word in rule.values.items() if same(number, value)), None)
        if meant is not None or not rule.values:
            seen.add(rule.meaning)
            yield rule.meaning, value * rule.factor if meant is None else meant, f"{deck.path.name}:{block.lines[name]}"
    if block.temperature is not None and "temperature" not in seen:
        yield "temperature", block.temperature, f".temp of {deck.path.name}"
    cells = {instance.cell.lower(): instance.cell for instance in deck.instances}
    if len(cells) == 1:
        yield "cell", namer.spelled("cell", next(iter(cells.values()))), f"the instance in {deck.path.name}"


def arc_of(namer: Namer, deck: Deck, block: Block, statement: Statement) -> dict[str, str]:
    """Quantity and arc of a ``TRIG ... TARG`` between two nodes of the cell under test; empty where it is none.

    Crossings of one node are a transition, of two a delay; the unateness follows from the edges, ``when`` from side inputs that the deck
    holds at a rail.
    """
    if statement.targ is None:
        return {"quantity": statement.quantity} if statement.quantity else {}
    start, end = statement.trig, statement.targ
    pairs, instance = _connected(deck, block, {end.node.lower(), *([start.node.lower()] if start else [])})
    ports = dict(pairs)
    found = {"pin": ports.get(end.node.lower(), end.node)}
    if end.edge != "cross":
        found["edge"] = end.edge
    if instance is not None:
        found["cell"] = instance.cell
    if start is not None and start.node.lower() == end.node.lower():
        found["quantity"] = "transition"
    elif start is not None:
        found |= {"quantity": "delay", "related_pin": ports.get(start.node.lower(), start.node)}
        if "cross" not in (start.edge, end.edge):
            found["timing_sense"] = "positive_unate" if start.edge == end.edge else "negative_unate"
        found["when"] = _side_inputs(deck, pairs, {start.node.lower(), end.node.lower()})
    return {name: namer.spelled(name, text) for name, text in found.items()}


def _connected(deck: Deck, block: Block, nodes: set[str]) -> tuple[list[tuple[str, str]], Instance | None]:
    """Node and port of the instance that has all of ``nodes``; the nodes themselves where its ports are unknown."""
    for instance in deck.instances:
        mine = [node.lower() for node in instance.nodes]
        if nodes <= set(mine):
            ports = _ports(deck, block).get(instance.cell.lower(), ())
            return (list(zip(mine, ports, strict=True)) if len(ports) == len(mine) else []), instance
    return [], None


def _side_inputs(deck: Deck, pairs: Sequence[tuple[str, str]], used: set[str]) -> str:
    high = max(deck.levels.values(), default=0.0)
    states = []
    for node, port in pairs:
        level = 0.0 if node in _GROUND else deck.levels.get(node)
        if node not in used and port.lower() not in _RAILS and level is not None:
            states.append(port if level > high / 2 else f"!{port}")
    return "&".join(sorted(states, key=lambda text: text.lstrip("!")))


def _ports(deck: Deck, block: Block) -> dict[str, tuple[str, ...]]:
    files = ((deck.path.parent / name) for name in block.included)
    known = [(path, path.stat()) for path in files if path.is_file()]
    found = [_ports_in(path, stat.st_mtime_ns, stat.st_size) for path, stat in known if stat.st_size <= _LARGEST]
    return dict(itertools.chain(*(table.items() for table in found), deck.subcircuits.items()))


@lru_cache(maxsize=64)
def _ports_in(path: Path, changed: int, size: int) -> dict[str, tuple[str, ...]]:  # noqa: ARG001 - a file that changed is read again
    try:
        return read_ports(path)
    except UserError:  # a file of models: it has no cell
        return {}
