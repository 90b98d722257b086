"""Findings: as lines for people, as SARIF for editors and code hosts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from eda_plugin.qa.findings import Finding, Rule

__all__ = ["show_findings", "write_sarif"]


def show_findings(findings: Sequence[Finding], limit: int) -> None:
    """Print the first ``limit`` findings of each rule, and how many more there are."""
    shown: Counter[str] = Counter()
    for found in findings:
        shown[found.rule] += 1
        if shown[found.rule] <= limit:
            click.echo(str(found))
    for rule, count in shown.items():
        if count > limit:
            click.echo(f"{rule}: {count - limit} more; --limit shows them")


def write_sarif(path: Path, findings: Sequence[Finding], rules: Iterable[Rule] = ()) -> None:
    """Write findings as SARIF 2.1.0, with what the ``rules`` are."""
    from eda_plugin.files import replace_atomically
    from eda_plugin.flow.outputs import plain
    from eda_plugin.qa.sarif import to_sarif

    with replace_atomically(path) as part:
        part.write_text(json.dumps(plain(to_sarif(findings, rules)), indent=1) + "\n", encoding="utf-8")
