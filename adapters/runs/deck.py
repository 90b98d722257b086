"""What a deck says of its results: parameters, temperature, process, the cell under test, what each measure measures.

Read for its meaning only, for HSPICE, ngspice and Xyce alike: continuation lines, comments, ``.alter`` blocks, ``.control`` sections.
A parameter that is an expression has no number here and is left to the results.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from eda_plugin.adapters.hspice.tokens import opened
from eda_plugin.adapters.runs.statements import Statement, parse_statement
from eda_plugin.units import spice_number

__all__ = ["Block", "Deck", "Instance", "read_deck"]

LIMIT = 64 << 20  # bytes: a deck is written for people or by a script; a netlist of gigabytes tells nothing more after its first part
_ASSIGNED = re.compile(r"([A-Za-z_][\w.]*)\s*=\s*('[^']*'|\"[^\"]*\"|\{[^}]*\}|[^\s,]+)")
_QUOTES = "'\"{}"


@dataclass(frozen=True)
class Instance:
    """A subcircuit placed at the top of a deck: node by node in the order of the ports of ``cell``."""

    name: str
    cell: str
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """The deck as its first run or one ``.alter`` run has it. ``values``: parameters, sources' constant levels and capacitors by name, in
    lower case; ``lines``: where each stands; ``sections``: of ``.lib`` files, ``included``: files."""

    name: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    temperature: float | None = None
    sections: tuple[tuple[str, str], ...] = ()
    included: tuple[str, ...] = ()


@dataclass(frozen=True)
class Deck:
    """``aliases``: the element that takes its value from a parameter, by the parameter. ``levels``: nodes held at a constant voltage.
    ``stop``: length of the transient in s, None where it is an expression. ``subcircuits``: ports, by cell in lower case."""

    path: Path
    title: str
    blocks: tuple[Block, ...]
    instances: tuple[Instance, ...]
    statements: Mapping[str, Statement]
    aliases: Mapping[str, str]
    levels: Mapping[str, float]
    subcircuits: Mapping[str, tuple[str, ...]]
    stop: float | None = None

    def block(self, number: int) -> Block:
        """The run of ``.alter`` block ``number`` (0: before any); the last there is."""
        return self.blocks[min(number, len(self.blocks) - 1)]


def read_deck(path: str | Path) -> Deck:
    """Read one deck. Raises ``UserError`` where it can't be read; what can't be understood is passed over."""
    path = Path(path)
    reader = _Reader()
    with opened(path) as stream:
        text = stream.read(LIMIT).decode("utf-8", "replace")
    lines = text.splitlines()
    reader.walk(_logical(lines[1:], 2))
    title = lines[0].strip().lstrip("*").strip() if lines else ""
    explicit = reader.title
    return Deck(
        path,
        explicit or title,
        tuple(reader.finished()),
        tuple(reader.instances),
        {name: found for name, found in reader.statements.items() if name not in reader.ambiguous},
        reader.aliases,
        reader.levels,
        reader.subcircuits,
        reader.stop,
    )


def _logical(lines: Sequence[str], first: int) -> Iterator[tuple[int, str]]:
    """Statements with the number of their first line: comments gone, continuations joined."""
    held, at = "", first
    for number, line in enumerate(lines, start=first):
        text = re.split(r"\s\$|^\$|;", line, maxsplit=1)[0].strip()
        if text.startswith("+"):
            held += " " + text[1:]
        elif text and not text.startswith("*"):
            if held:
                yield at, held
            held, at = text, number
    if held:
        yield at, held


def _plain(text: str) -> str:
    return text.strip().strip(_QUOTES).strip()


@dataclass
class _Reader:
    """State while one deck is read."""

    title: str = ""
    instances: list[Instance] = field(default_factory=list)
    statements: dict[str, Statement] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    levels: dict[str, float] = field(default_factory=dict)
    subcircuits: dict[str, tuple[str, ...]] = field(default_factory=dict)
    stop: float | None = None
    ambiguous: set[str] = field(default_factory=set)
    _blocks: list[Block] = field(default_factory=list)
    _name: str = ""
    _values: dict[str, float] = field(default_factory=dict)
    _lines: dict[str, int] = field(default_factory=dict)
    _temperature: float | None = None
    _sections: list[tuple[str, str]] = field(default_factory=list)
    _included: list[str] = field(default_factory=list)
    _altered: bool = False
    _depth: int = 0

    def walk(self, statements: Iterator[tuple[int, str]]) -> None:
        actions: dict[str, Callable[[int, str], None]] = {
            ".param": self._param, ".params": self._param, ".temp": self._temp, ".lib": self._lib, ".include": self._include,
            ".inc": self._include, ".tran": self._tran, "tran": self._tran, ".alter": self._alter, ".title": self._titled,
            ".option": self._option, ".options": self._option, "set": self._option,
        }  # fmt: skip
        for number, text in statements:
            word = text.split(None, 1)[0].lower()
            if word == ".end":
                break
            if word in (".subckt", ".macro"):
                self._subcircuit(text)
            elif word in (".ends", ".eom"):
                self._depth = max(self._depth - 1, 0)
            elif self._depth:
                continue
            elif word in actions:
                actions[word](number, text)
            elif re.match(r"\.?meas", word):
                if found := parse_statement(text, number):
                    self._state(found)
            elif word[0] in "xvc":
                self._element(number, text)

    def _state(self, found: Statement) -> None:
        """A name that stands for several things, as in a control loop over edges, tells nothing by its statements."""
        known = self.statements.setdefault(found.name.lower(), found)
        if not known.alike(found):
            self.ambiguous.add(found.name.lower())

    def finished(self) -> list[Block]:
        return [*self._blocks, self._block()]

    def _block(self) -> Block:
        return Block(self._name, dict(self._values), dict(self._lines), self._temperature, tuple(self._sections), tuple(self._included))

    def _alter(self, _: int, text: str) -> None:
        self._blocks.append(self._block())
        words = text.split(None, 1)
        self._name = _plain(words[1]) if len(words) > 1 else ""
        self._altered = True

    def _titled(self, _: int, text: str) -> None:
        self.title = _plain(text[6:])

    def _param(self, number: int, text: str) -> None:
        for name, value in _ASSIGNED.findall(text):
            self._set(name.lower(), _plain(value), number)

    def _set(self, name: str, text: str, number: int) -> None:
        value = spice_number(text)
        if value is not None:
            self._values[name] = value
            self._lines[name] = number

    def _temp(self, _: int, text: str) -> None:
        words = text.split()[1:]
        value = spice_number(words[0]) if len(words) == 1 else None  # a list of temperatures is a sweep: the results tell each
        self._temperature = value

    def _option(self, _: int, text: str) -> None:
        for name, value in _ASSIGNED.findall(text):
            found = spice_number(_plain(value))
            if name.lower() == "temp" and found is not None:
                self._temperature = found

    def _lib(self, _: int, text: str) -> None:
        words = text.replace('"', " ").replace("'", " ").split()
        if len(words) == 3:  # .lib FILE SECTION; with one word it begins a section's definition
            if self._altered:  # an .alter block names its libraries anew, or keeps those before it
                self._sections, self._altered = [], False
            self._sections.append((words[1], words[2]))

    def _include(self, _: int, text: str) -> None:
        words = text.split(None, 1)
        if len(words) > 1 and _plain(words[1]) not in self._included:
            self._included.append(_plain(words[1]))

    def _tran(self, _: int, text: str) -> None:
        words = text.split()
        stop = spice_number(words[2]) if len(words) > 2 else None
        if stop is not None:
            self.stop = max(stop, self.stop or 0.0)

    def _subcircuit(self, text: str) -> None:
        self._depth += 1
        words = re.sub(r"\s*=\s*", "=", text).split()[1:]
        ports = [word for word in words[1:] if "=" not in word and word.lower() != "params:"]
        if words and self._depth == 1:
            self.subcircuits[words[0].lower()] = tuple(ports)

    def _element(self, number: int, text: str) -> None:
        words = re.sub(r"\s*=\s*", "=", text).split()
        name = words[0].lower()
        if name.startswith("x"):
            plain = [word for word in words[1:] if "=" not in word and word.lower() != "params:"]
            if len(plain) > 1:
                self.instances.append(Instance(words[0], plain[-1], tuple(plain[:-1])))
            return
        if len(words) < 4:
            return
        rest = [word for word in words[3:] if word.lower() not in ("dc", "dc=")]
        level = _plain(rest[0].split("=")[-1]) if rest else ""
        if not level or (name.startswith("v") and len(rest) > 1 and rest[1].lower() not in ("ac",)):
            return
        self._set(name, level, number)
        value = spice_number(level)
        if re.fullmatch(r"[A-Za-z_]\w*", level):
            self.aliases.setdefault(level.lower(), name)
            value = self._values.get(level.lower())
        if name.startswith("v") and value is not None and words[2].lower() in ("0", "gnd", "vss", "gnd!", "vss!"):
            self.levels[words[1].lower()] = value
