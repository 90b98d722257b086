"""Measures by name, one a line: ``TPHL = 1.234560e-11``, ``FAILED`` where nothing was found, then perhaps ``targ = ... trig = ...``.

Xyce writes them for each step of ``.STEP`` into a file of its own (.mt0, .mt1, ...; .ms#, .ma#). HSPICE's MEASFORM=2 looks the same.
Tables of other analyses (``.FOUR``) stand in the same file and are passed over.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from eda_plugin.adapters.hspice.tokens import opened
from eda_plugin.errors import ParseError

__all__ = ["NamedValue", "named_values"]

_LINE = re.compile(r"^\s*([A-Za-z_][^\s=]*)\s*=\s*(\S+)")
_LONGEST = 1 << 16


class NamedValue(NamedTuple):
    """One measure; ``value`` is NaN where it failed; ``line`` counts from 1."""

    name: str
    value: float
    line: int


def named_values(path: str | Path) -> Iterator[NamedValue]:
    """Measures of one file in its order. Raises ``ParseError`` with line and token for a value that is neither a number nor FAILED."""
    with opened(Path(path)) as stream:
        for number, raw in enumerate(iter(lambda: stream.readline(_LONGEST), b""), start=1):
            found = _LINE.match(raw.decode("utf-8", "replace"))
            if not found:
                continue
            if found[2].lower() == "failed":
                yield NamedValue(found[1], math.nan, number)
                continue
            try:
                yield NamedValue(found[1], float(found[2]), number)
            except ValueError:
                raise ParseError(
                    f"measure {found[1]}: expected a number or FAILED", path=path, line=number, column=found.start(2) + 1, token=found[2]
                ) from None
