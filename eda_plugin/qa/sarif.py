"""Findings as SARIF 2.1.0 (OASIS), which code hosts and editors show beside the line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from eda_plugin import __version__
from eda_plugin.qa.findings import Finding, Rule, Severity

__all__ = ["to_sarif"]

_LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.REPAIRED: "warning", Severity.INFO: "note"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def to_sarif(findings: Sequence[Finding], rules: Iterable[Rule]) -> dict[str, object]:
    """A SARIF log of one run, JSON-able. ``rules``: those that were applied, so that a viewer can show their reasons."""
    described = [{"id": rule.name, "shortDescription": {"text": rule.reason}} for rule in rules]
    driver = {"name": "eda-plugin", "version": __version__, "rules": described}
    run = {"tool": {"driver": driver}, "results": [_result(found) for found in findings]}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(found: Finding) -> dict[str, object]:
    subject = " ".join(str(part) for part in (found.corner, found.key) if part is not None)
    result: dict[str, object] = {
        "ruleId": found.rule,
        "level": _LEVEL[found.severity],
        "message": {"text": f"{subject}: {found.message}" if subject else found.message},
        "properties": {"values": list(found.values)},
    }
    if found.file:
        place: dict[str, object] = {"artifactLocation": {"uri": quote(found.file.replace("\\", "/"))}}
        if found.line:
            place["region"] = {"startLine": found.line}
        result["locations"] = [{"physicalLocation": place}]
    return result
