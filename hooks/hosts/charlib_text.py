"""What CharLib 2.1 writes, made Liberty that every reader takes: put right where there is no doubt of what was meant."""

from __future__ import annotations

import re

__all__ = ["repaired"]

_ROWS = re.compile(r'"(?=[ \t]*\\?[ \t]*\r?\n[ \t]*")')
_VALUES = re.compile(r"\bvalues\s*\([^)]*\)")
_THRESHOLD = re.compile(r"(_threshold_pct_(?:rise|fall)\s*:\s*)([0-9.]+)")
_FUNCTION = re.compile(r'(\bfunction\s*:\s*)"\s*(\w+)\s*=\s*([^"]+?)\s*"')
_RESISTANCE = re.compile(r'(\bpulling_resistance_unit\s*:\s*)"?[0-9]*[a-zA-Z]*[AV]"?')


def repaired(text: str) -> tuple[str, list[str]]:
    """The text, and what was put right in it, a sentence each.

    Commas between the rows of ``values``; thresholds given as shares (at most 1), in per cent; functions that begin with their own output's
    name; a unit of pulling resistance that is one of current. What is right already stays as it is, byte by byte.
    """
    counts = dict.fromkeys(("rows", "thresholds", "functions", "units"), 0)

    def rows(found: re.Match[str]) -> str:
        new, count = _ROWS.subn('",', found[0])
        counts["rows"] += bool(count)
        return new

    def threshold(found: re.Match[str]) -> str:
        share = float(found[2])
        if not 0 < share <= 1:
            return found[0]
        counts["thresholds"] += 1
        return f"{found[1]}{100 * share:g}"

    def function(found: re.Match[str]) -> str:
        counts["functions"] += 1
        return f'{found[1]}"{found[3]}"'

    text = _VALUES.sub(rows, text)
    text = _THRESHOLD.sub(threshold, text)
    text = _FUNCTION.sub(function, text)
    text, counts["units"] = _RESISTANCE.subn(r'\g<1>"1kohm"', text)
    sentences = {
        "rows": "{} tables had no commas between their rows",
        "thresholds": "{} thresholds were shares, not per cent",
        "functions": "{} functions began with their output's name",
        "units": "{} unit of resistance was one of current, now 1kohm",
    }
    return text, [sentences[name].format(count) for name, count in counts.items() if count]
