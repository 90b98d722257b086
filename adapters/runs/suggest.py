"""A draft of rules for a run tree: what was recognised as rules to edit, what was not as commented stubs to fill."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from eda_plugin.adapters.runs.deck import Deck, read_deck
from eda_plugin.adapters.runs.facts import gather
from eda_plugin.adapters.runs.naming import Namer
from eda_plugin.adapters.runs.place import place_columns
from eda_plugin.adapters.runs.results import Batch, read_results
from eda_plugin.adapters.runs.rules import MeasureRule, Rules, TextRule
from eda_plugin.adapters.runs.tree import RESULTS, Part, Run, Tree
from eda_plugin.errors import UserError

__all__ = ["suggest"]

EXAMPLES = 4
_CORNER = ("process", "voltage", "temperature")
_ARC = ("cell", "pin", "related_pin", "edge")


class _Seen:
    """What one pass over the tree shows: names by what they are taken for."""

    def __init__(self) -> None:
        self.parameters: dict[str, str] = {}
        self.strange_parameters: Counter[str] = Counter()
        self.measures: Counter[str] = Counter()
        self.unplaced: Counter[str] = Counter()
        self.lacking: dict[str, list[str]] = defaultdict(list)
        self.texts: dict[str, dict[str, set[str]]] = {"path": {}, "title": {}}
        self.lower = True


def suggest(tree: Tree, namer: Namer) -> str:
    """TOML text. Of each file only the names and the first rows are read; a file that can't be read is named."""
    seen = _Seen()
    broken: list[str] = []
    for run in tree.runs:
        deck = _deck(run)
        for part in run.of(RESULTS):
            try:
                _look(tree, run, part, deck, namer, seen)
            except UserError as error:
                broken.append(f"#   {tree.name(part.path)}: {error}")
    files = sum(len(run.parts) + (run.deck is not None) for run in tree.runs)
    lines = [
        "# Naming rules, drafted by eda-plugin ingest --suggest. The first rule that fits counts; docs/ingest.md says what each may hold.",
        f"# {files} files in {len(tree.runs)} runs; {len(tree.strange)} files are no part of a run"
        + (": " + ", ".join(tree.name(path) for path in tree.strange[:EXAMPLES]) if tree.strange else ""),
        *(["# Unreadable:", *broken] if broken else []),
        "",
        'case = "upper"     # names of cells and pins are in lower case throughout, as HSPICE prints them' if seen.lower
        else 'case = "keep"      # spell cells and pins as the files do; "upper" or "lower" otherwise',
        "builtin = true     # the built-in rules apply where none of these does",
        "",
    ]  # fmt: skip
    lines += _given(seen)
    builtin = namer.builtin
    if builtin is not None:
        for kind, texts in seen.texts.items():
            lines += _texts(kind, texts, builtin)
        lines += _measures(seen, builtin)
    lines += _unplaced(seen)
    lines += _parameters(seen)
    return "\n".join(lines) + "\n"


def _deck(run: Run) -> Deck | None:
    try:
        return read_deck(run.deck) if run.deck else None
    except UserError:
        return None


def _look(tree: Tree, run: Run, part: Part, deck: Deck | None, namer: Namer, seen: _Seen) -> None:
    name = tree.name(part.path)
    batch = next((found for found in read_results(part.path, part.kind) if isinstance(found, Batch)), None)
    if batch is None:
        return
    place = f"{name.rpartition('/')[0]}/{run.place.rpartition('/')[2]}".lstrip("/")
    titles = {name: batch.title, **({deck.path.name: deck.title} if deck else {})}
    block = deck.block(0) if deck else None
    facts = gather(namer, place, titles, deck, block)
    taken = {kind: {field for field, source in facts.sources.items() if source.startswith(f"the {kind}")} for kind in seen.texts}
    seen.texts["path"].setdefault(place, set()).update(taken["path"])
    for title in filter(None, titles.values()):
        seen.texts["title"].setdefault(title, set()).update(taken["title"])
    placed = place_columns(batch.names, batch.swept, namer, facts, deck, block)
    known = {parameter.rule.meaning for parameter in placed.parameters if parameter.rule}
    for parameter in placed.parameters:
        if parameter.rule:
            seen.parameters.setdefault(parameter.name, parameter.rule.meaning)
        else:
            seen.strange_parameters[parameter.name] += 1
    for measure in placed.measures:
        seen.lower &= (
            measure.name == measure.name.lower() and str(facts.values.get("cell", "")) == str(facts.values.get("cell", "")).lower()
        )
        if not (deck and deck.statements.get(measure.name.lower())):  # the deck tells it better than a name could
            (seen.measures if measure.quantity else seen.unplaced)[measure.name] += 1
        for lacking in measure.lacking:
            seen.lacking[lacking].append(name)
    for lacking in _CORNER:
        if lacking not in known and lacking not in facts.values:
            seen.lacking[lacking].append(name)


def _given(seen: _Seen) -> list[str]:
    lines = []
    for name in (*_CORNER, *_ARC):
        files = list(dict.fromkeys(seen.lacking.get(name, ())))
        if files:
            more = f" and {len(files) - 1} more" if len(files) > 1 else ""
            example = {"process": '"tt"', "voltage": "0.8", "temperature": "25"}.get(name, '"..."')
            lines.append(f"# {name} = {example}     # nothing tells it of {files[0]}{more}; or give a rule below a group {name}")
    return ["# [given]         # holds for every file", *lines, ""] if lines else []


def _fired(rules: Sequence[TextRule], texts: Mapping[str, set[str]]) -> list[tuple[TextRule, str, dict[str, str]]]:
    """Rules that gave some text a field that was taken from it, each with the first such text and what it gave.

    What the deck says better is no rule's: the user's rules are believed before the deck.
    """
    first: dict[int, tuple[str, dict[str, str]]] = {}
    for text, wanted in texts.items():
        known: set[str] = set()
        for place, rule in enumerate(rules):
            matches = list(rule.pattern.finditer(text))
            groups = matches[-1].groupdict() if matches else {}
            fresh = {name: word for name, word in groups.items() if word and name in wanted - known}
            if fresh:
                known |= fresh.keys()
                first.setdefault(place, (text, fresh))
    return [(rules[place], *first[place]) for place in sorted(first)]


def _texts(kind: str, texts: Mapping[str, set[str]], rules: Rules) -> list[str]:
    lines = []
    for rule, text, found in _fired(rules.texts[kind], texts):
        what = ", ".join(f"{name} {word}" for name, word in found.items())
        lines += [f"[[{kind}]]     # {' '.join(text.split())[:80]}: {what}", f"pattern = '{rule.pattern.pattern}'", ""]
    return lines


def _measures(seen: _Seen, rules: Rules) -> list[str]:
    names: dict[int, list[str]] = defaultdict(list)
    for name in seen.measures:
        place = next((place for place, rule in enumerate(rules.measures) if rule.pattern.fullmatch(name)), None)
        if place is not None:
            names[place].append(name)
    lines = []
    for place in sorted(names):
        lines += _measure_rule(rules.measures[place], names[place])
    return lines


def _measure_rule(rule: MeasureRule, names: Sequence[str]) -> list[str]:
    lines = [f"[[measure]]     # {_examples(names)}", f"pattern = '{rule.pattern.pattern}'"]
    if rule.quantity:
        lines.append(f'quantity = "{rule.quantity}"')
    lines += [f'{name} = "{text}"' for name, text in rule.fields.items()]
    if rule.negated:
        lines.append(f'negated = "{rule.negated}"     # what a low input begins with in the group when')
    if rule.words:
        lines.append("[measure.values]")
        lines += [f"{name} = {{ {_pairs(words)} }}" for name, words in rule.words.items()]
    return [*lines, ""]


def _pairs(words: Mapping[str, str]) -> str:
    return ", ".join(f'{text} = "{word}"' for text, word in words.items())


def _examples(names: Sequence[str]) -> str:
    more = f" and {len(names) - EXAMPLES} more" if len(names) > EXAMPLES else ""
    return ", ".join(names[:EXAMPLES]) + more


def _unplaced(seen: _Seen) -> list[str]:
    """Stubs, one for names that differ in numbers only."""
    alike: dict[str, list[str]] = defaultdict(list)
    for name in seen.unplaced:
        alike[re.sub(r"\d+", r"\\d+", re.escape(name).replace(r"\_", "_"))].append(name)
    lines = []
    for pattern, names in alike.items():
        lines += [
            f"# [[measure]]     # could not be placed: {_examples(names)}",
            f"# pattern = '{pattern}'     # groups: (?P<pin>...), (?P<related_pin>...), (?P<edge>...), (?P<when>...)",
            '# quantity = "delay"     # or transition, energy, power, leakage, capacitance, setup, hold, ...',
            "",
        ]
    return lines


def _parameters(seen: _Seen) -> list[str]:
    lines = []
    for name, meaning in seen.parameters.items():
        lines += ["[[parameter]]", f"pattern = '{re.escape(name)}'", f'field = "{meaning}"', ""]
    for name in seen.strange_parameters:
        lines += [
            "# [[parameter]]     # swept, of no known meaning; it stands in the column parameters",
            f"# pattern = '{re.escape(name)}'",
            '# field = "slew"     # or load, voltage, temperature, process; unit = "1ps" where it is not SI',
            "",
        ]
    return lines
