"""Lines of an HSPICE listing, one by one: which analysis is running, at which corner, what it measured, what went wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from eda_plugin.adapters.hspice.listing_items import Facts, ListedMeasure, Note, Run
from eda_plugin.units import spice_number

__all__ = ["LineReader"]

_VERSION = re.compile(r"1?\s*\*{4,}\s*(\S.*?SPICE\S*|H S P I C E)\s+--\s+([^(*]+?)\s*(?:\(.*|\*.*)?$", re.IGNORECASE)
_HEADING = re.compile(r"\*{4,}\s*(\S.*?)\s+tnom=\s*(\S+)\s+temp=\s*([^\s*]+)", re.IGNORECASE)
_SECTION = re.compile(r"\*{4,}\s+([A-Za-z][^*]*)")
_POINT = re.compile(r"\*{2,}\s*(parameter\s+(\S+)|monte\s+carlo\s+index)\s*=\s*([^\s*]+)", re.IGNORECASE)
_ALTER = re.compile(r"(?:\*{3,}.*?\balter\b|\.alter\b)[\s:#=]*(.*)", re.IGNORECASE)
_MARKED = re.compile(r"\**\s*(?:\*\*\s?(error|warning)\s?\*\*|>(error|warning))[\s:]*(.*)", re.IGNORECASE)
_DIVERGED = re.compile(
    r"non-?convergen|\bno convergence|time\s?step (?:is )?too small|(?:fail(?:s|ed|ure)?|unable) to converge|not converge"
    r"|convergence (?:failure|problem|termination|failed|is not)",
    re.IGNORECASE,
)
_PAIR = re.compile(r"([^\s=]+)\s*=\s*(not\s+found|[^\s=]+)", re.IGNORECASE)
_PAIRS = re.compile(r"(?:[^\s=]+\s*=\s*(?:not\s+found|[^\s=]+)(?:\s+|$))+", re.IGNORECASE)
_OPTION = re.compile(r"([^\s=]+)\s*=\s*('[^']*'|\"[^\"]*\"|[^\s=]+)|([^\s=]+)")
_ECHO = re.compile(r"(?:\d+\s+)?\.(param|option)s?\s+(.*)", re.IGNORECASE)
_FACT = re.compile(
    r"(input file|start time|total cpu time|total elapsed time|job total runtime|job started at|job ended\s+at)\s*:?\s+(.*)", re.IGNORECASE
)
_EXPONENT = {"a": "e-18", "f": "e-15", "p": "e-12", "n": "e-9", "u": "e-6", "m": "e-3", "k": "e3", "x": "e6", "g": "e9"}
_EXPONENT |= dict.fromkeys("0123456789.", "")
_DETAILS = frozenset(("targ", "trig", "at", "from", "to", "with"))


@dataclass
class _Open:
    """The run that lines belong to."""

    analysis: str
    temperature: float
    tnom: float
    line: int
    title: str
    alter: int
    alter_name: str
    parameters: dict[str, float] = field(default_factory=dict)
    monte_carlo: int | None = None
    measures: list[ListedMeasure] = field(default_factory=list)


class LineReader:
    """Takes a listing line by line; ``facts`` grow as it goes."""

    def __init__(self) -> None:
        self.facts = Facts()
        self.runs = 0
        self._open: _Open | None = None
        self._section = ""
        self._title, self._title_next = "", False
        self._headed = False  # the line before was a heading
        self._printing = False  # between the lines x and y of a print table
        self._alter, self._alter_name = 1, ""
        self._fresh, self._ended = True, False
        self._half = ""  # a measure whose value stands in the next line
        self._echo = ""

    def take(self, raw: bytes, number: int) -> Iterator[Run | Note]:
        """What is complete with this line."""
        self.facts.lines = number
        text = raw.decode("utf-8", "replace").strip()
        if self._title_next:
            self._title_next = False
            if text:
                self._title = text
                self.facts.title = self.facts.title or text
                return
        if not text:
            self._half = self._echo = ""
            return
        if self._printing and text[0] not in "*>" and not text.startswith("1***"):
            self._printing = text != "y"
            return
        self._printing = False
        headed, self._headed = self._headed, False
        lower = text.lower()
        if not ("**" in text or text[0] in "*>" or "conver" in lower or "too small" in lower):  # most lines
            if self._open is not None and self._section == "analysis":
                yield from self._measured(text, number)
            else:
                self._told(text)
        elif (marked := _MARKED.match(text)) or (_DIVERGED.search(text) and not lower.startswith("**info")):
            kind = "convergence" if _DIVERGED.search(text) else str((marked and (marked[1] or marked[2])) or "").lower()
            self.facts.aborted |= "job aborted" in lower
            yield Note(kind, (marked[3] if marked else text).strip(), number, self.runs)
        elif text[0] in "*1" and "**" in text:
            yield from self._starred(text, number, headed=headed)
        else:
            self._told(text)

    def end(self) -> Iterator[Run]:
        """The last run."""
        if self._open is not None:
            last, self._open = self._open, None
            yield self._closed(last)

    def _starred(self, text: str, number: int, *, headed: bool) -> Iterator[Run]:
        lower = text.lower()
        if "job concluded" in lower or "job aborted" in lower:
            self.facts.concluded = "job concluded" in lower
            self.facts.aborted |= not self.facts.concluded
            yield from self.end()
            self._section, self._ended = "", True
        elif found := _VERSION.match(text):
            self.facts.simulator, self.facts.version = " ".join(found[1].split()), found[2]
        elif found := _HEADING.match(text):
            what = found[1].lower()
            self._section = "analysis" if "analysis" in what or "transfer curve" in what else what
            if self._section == "analysis":
                yield from self.end()
                if self._ended and not self._fresh:
                    self._next_alter("")
                self._ended = self._fresh = False
                self._begin(
                    what.replace("transfer curves", "").replace("analysis", "").strip(), _number(found[3]), _number(found[2]), number
                )
        elif found := _POINT.match(text):
            yield from self._pointed(found, number)
        elif not text.strip("* "):
            # Bare stars stand under a heading, and over the title of a page.
            if not headed:
                self._title_next = len(text) == 6
                self._section = ""
        elif (found := _ALTER.match(text)) and not self._fresh:
            self._next_alter(found[1].strip(" *'\""))
        elif found := _SECTION.match(text):
            self._section, self._headed = found[1].strip().lower(), True

    def _next_alter(self, name: str) -> None:
        self._alter += 1
        self._alter_name = name
        self._fresh, self._ended = True, False

    def _begin(self, analysis: str, temperature: float, tnom: float, line: int) -> _Open:
        self._open = run = _Open(analysis, temperature, tnom, line, self._title, self._alter, self._alter_name)
        self.runs += 1
        return run

    def _pointed(self, found: re.Match[str], number: int) -> Iterator[Run]:
        """A swept parameter or the index of a Monte Carlo sample: of this run where nothing was measured yet, else of the next."""
        run = self._open
        if run is None:
            return
        name = (found[2] or "").lower()
        if run.measures or (name in run.parameters if name else run.monte_carlo is not None):
            yield from self.end()
            run = self._begin(run.analysis, run.temperature, run.tnom, number)
        if name:
            run.parameters[name] = _number(found[3])
        elif found[3].isdecimal():
            run.monte_carlo = int(found[3])
        self._section = "analysis"

    def _measured(self, text: str, number: int) -> Iterator[Run]:
        run = self._open
        if text == "x" or text.startswith("meas_variable"):
            # Print tables end with y; what follows meas_variable are statistics over a sweep, under names that measures can have too.
            self._printing, self._section = text == "x", "analysis" if text == "x" else "statistics"
            return
        if self._half:
            text, self._half = f"{self._half} {text}", ""
        elif text.endswith("=") and len(text.split()) <= 2:
            self._half = text
            return
        if run is None or not _PAIRS.fullmatch(text):
            if text.lower().startswith(".alter"):
                yield from self._alter_line(text)
            return
        for name, token in _PAIR.findall(text):
            lower = token.lower()
            value = math.nan if lower == "failed" or lower.startswith("not") else _value(token)
            if value is None:
                return
            if name.lower() in _DETAILS and run.measures:
                run.measures[-1].details[name.lower()] = value
            else:
                run.measures.append(ListedMeasure(name, value, number))

    def _alter_line(self, text: str) -> Iterator[Run]:
        if self.runs and not self._fresh and (found := _ALTER.match(text)):
            yield from self.end()
            self._next_alter(found[1].strip(" *'\""))

    def _told(self, text: str) -> None:
        """Facts of the head and the foot, options, and lines of the deck that the listing repeats."""
        facts = self.facts
        if found := _ECHO.match(text):
            self._echo = found[1].lower()
            self._assigned(found[2])
        elif self._echo and text.startswith("+"):
            self._assigned(text[1:])
        elif "option summary" in self._section:
            if _PAIRS.fullmatch(text) and not text.startswith("file="):
                self._assigned(text)
        elif found := _FACT.match(text):
            what, value = " ".join(found[1].lower().split()), found[2].strip()
            if what == "input file":
                facts.input_file = value
            elif what in ("start time", "job started at"):
                facts.started = facts.started or value
            elif what == "job ended at":
                facts.ended = value
            elif what == "total cpu time":
                facts.cpu = _number(value.split()[0])
            else:
                facts.elapsed = _number(value.split()[0])
        elif text.lower().startswith(".alter"):
            for _ in self._alter_line(text):
                pass

    def _assigned(self, text: str) -> None:
        for name, value, flag in _OPTION.findall(text):
            if self._echo == "param":
                number = spice_number(value.strip("'\"")) if value else None
                if number is not None:
                    self.facts.parameters[name.lower()] = number
            else:
                self.facts.options[(name or flag).lower()] = value.strip("'\"")

    def _closed(self, run: _Open) -> Run:
        return Run(
            run.analysis,
            run.temperature,
            run.tnom,
            run.title,
            run.alter,
            run.alter_name,
            run.parameters,
            run.monte_carlo,
            run.line,
            tuple(run.measures),
        )


def _value(token: str) -> float | None:
    """``spice_number``, quicker for what listings print: digits, and at most one letter."""
    exponent = _EXPONENT.get(token[-1])
    if exponent is not None and "_" not in token:
        try:
            return float(token[:-1] + exponent if exponent else token)
        except ValueError:
            pass
    return spice_number(token)


def _number(text: str) -> float:
    found = spice_number(text)
    return math.nan if found is None else found
