"""All rules, and the run of them over libraries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from eda_plugin.domain.library import Library
from eda_plugin.qa.findings import Finding, Rule
from eda_plugin.qa.rules_arcs import arc_rules
from eda_plugin.qa.rules_corners import corner_rules
from eda_plugin.qa.rules_header import header_rules
from eda_plugin.qa.rules_order import order_rules
from eda_plugin.qa.rules_tables import table_rules
from eda_plugin.qa.subject import Subject

__all__ = ["apply", "builtin_rules", "placed", "run"]


def builtin_rules() -> tuple[Rule, ...]:
    """The rules that come with the package, docs/checks.md in code."""
    return (*table_rules(), *arc_rules(), *header_rules(), *corner_rules(), *order_rules())


def apply(libraries: Sequence[Library], rules: Iterable[Rule]) -> list[list[Finding]]:
    """What each rule finds, without lines: no rule sees what another found."""
    subject = Subject(libraries)
    return [list(rule.check(subject)) for rule in rules]


def placed(
    findings: Iterable[Finding], libraries: Sequence[Library], locate: Callable[[Library, Finding], tuple[str, int] | None]
) -> list[Finding]:
    """The findings with file and line, as ``locate`` tells them."""
    by_file = {library.source: library for library in libraries}
    return [found if found.file not in by_file else _placed(found, locate(by_file[found.file], found)) for found in findings]


def run(
    libraries: Sequence[Library],
    rules: Iterable[Rule] | None = None,
    locate: Callable[[Library, Finding], tuple[str, int] | None] | None = None,
) -> list[Finding]:
    """Apply ``rules`` (the built-in ones where ``None``) to each library and across them, in the order of the rules.

    ``locate`` gives the file and the line of what a finding speaks of; without it findings name the library's file alone.
    """
    findings = [found for part in apply(libraries, builtin_rules() if rules is None else rules) for found in part]
    return findings if locate is None else placed(findings, libraries, locate)


def _placed(found: Finding, place: tuple[str, int] | None) -> Finding:
    return found if place is None else replace(found, file=place[0], line=place[1])
