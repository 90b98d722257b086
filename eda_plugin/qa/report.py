"""What was filled, how, and what the gate found: as Markdown for people and as JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np

from eda_plugin.domain.library import Library
from eda_plugin.domain.table import Origin
from eda_plugin.qa.findings import Finding, Severity, count_findings

__all__ = ["origin_counts", "render_json", "render_markdown"]

_WORST_FIRST = {severity: place for place, severity in enumerate(Severity)}


def origin_counts(library: Library) -> dict[str, int]:
    """How many values of each origin, those that occur."""
    codes, counts = np.unique(library.origin, return_counts=True)
    return {Origin(int(code)).name.lower(): int(count) for code, count in zip(codes, counts, strict=True)}


def _sorted(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda found: _WORST_FIRST[found.severity])


def render_json(library: Library, facts: Mapping[str, object], findings: Sequence[Finding]) -> str:
    """``facts``: the fill's own JSON-able report. Findings worst first."""
    data = {
        "library": library.name,
        "corner": library.corner.name,
        "tables": len(library),
        "origins": origin_counts(library),
        "fill": dict(facts),
        "counts": count_findings(findings),
        "findings": [found.to_dict() for found in _sorted(findings)],
    }
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def render_markdown(library: Library, facts: Mapping[str, object], findings: Sequence[Finding], most: int = 200) -> str:
    """The same, to be read; the first ``most`` findings."""
    lines = [f"# {library.corner.name}: {library.name}", "", f"{len(library)} tables, {len(library.values)} values.", ""]
    lines += ["| origin | values |", "| --- | --- |"]
    lines += [f"| {name} | {count} |" for name, count in origin_counts(library).items()]
    if facts:
        lines += ["", "## Fill", "", *_items(facts)]
    lines += ["", "## Findings", ""]
    if not findings:
        return "\n".join([*lines, "No findings.", ""])
    lines += [", ".join(f"{count} {name}" for name, count in count_findings(findings).items() if count) + ".", ""]
    lines += ["| severity | rule | table | what |", "| --- | --- | --- | --- |"]
    for found in _sorted(findings)[:most]:
        cells = (str(found.severity), found.rule, "" if found.key is None else str(found.key), found.message)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    if len(findings) > most:
        lines += ["", f"{len(findings) - most} more."]
    return "\n".join([*lines, ""])


def _items(facts: Mapping[str, object], depth: int = 0) -> list[str]:
    lines = []
    for name, value in facts.items():
        indent = "  " * depth
        if isinstance(value, Mapping):
            lines += [f"{indent}- {name}", *_items(value, depth + 1)]
        else:
            shown = f"{value:.6g}" if isinstance(value, float) else json.dumps(value, default=str) if not isinstance(value, str) else value
            lines.append(f"{indent}- {name}: {shown}")
    return lines
