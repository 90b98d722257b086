"""HTML from texts and numbers: everything that came from a file is escaped here, once."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence

from eda_plugin.report.contents import Sheet, Value

__all__ = ["attributes", "element", "later", "number", "sheet", "table", "text"]

ON_PAPER = 40
"""Rows of a wide table that are printed."""


def text(value: object) -> str:
    """``value`` as text of a page: no character of it is markup, and none is one that HTML forbids."""
    return html.escape("".join(mark for mark in str(value) if mark in "\t\n" or (mark.isprintable())), quote=True)


def attributes(named: Mapping[str, object]) -> str:
    """`` name="value"`` each; ``None`` and ``False`` leave one out, ``True`` writes it bare;
    ``class_`` is ``class``, ``data_x`` is ``data-x``."""
    written = []
    for name, value in named.items():
        if value is None or value is False:
            continue
        spelt = name.rstrip("_").replace("_", "-")
        written.append(f" {spelt}" if value is True else f' {spelt}="{text(value)}"')
    return "".join(written)


def element(tag: str, inner: str | Iterable[str] = "", **named: object) -> str:
    """One element; ``inner`` is markup."""
    return f"<{tag}{attributes(named)}>{inner if isinstance(inner, str) else ''.join(inner)}</{tag}>"


def number(value: Value) -> str:
    """As a person reads it: counts whole, others with three or four digits, a dash for NaN.

    >>> number(131516), number(0.012345), number(99.94), number(float("nan")), number("ss")
    ('131,516', '0.0123', '99.9', '–', 'ss')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return "–"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def sheet(given: Sheet, ident: str) -> str:
    """A table with its caption; one that is wide can be searched, scrolls in a region of its own, and every table can be sorted."""
    numeric = [_numeric(given, place) for place in range(len(given.columns))]
    head = element(
        "tr", (element("th", text(name), scope="col", class_="n" if numeric[at] else None) for at, name in enumerate(given.columns))
    )
    body = [
        element("tr", (_cell(value, at, numeric[at]) for at, value in enumerate(row)), class_=_paper(line) if given.wide else None)
        for line, row in enumerate(given.rows)
    ]
    note = element("p", text(given.note), class_="note") if given.note else ""
    hidden = given.total - len(given.rows)
    more = element("p", f"{given.total:,} in all; the first {len(given.rows):,} are shown.", class_="note") if hidden > 0 else ""
    return table(given.caption, head, body, ident, wide=given.wide) + more + note


def table(caption: str, head: str, body: Sequence[str], ident: str, *, wide: bool, kind: str = "sortable") -> str:
    """The table in a region that scrolls, and can be scrolled from the keyboard; with a search box where it is long.

    Of a wide table the rows that are not printed stand in a ``noscript``: a browser with scripts takes them for one text, and the page's
    script makes rows of it once the page is there; one without scripts shows them as a second table.
    """
    here = len(body) if not wide else min(len(body), ON_PAPER)
    parts = [_table(caption, head, body[:here], kind, ident)]
    if here < len(body):
        parts.append(element("noscript", _table(f"{caption}, continued", head, body[here:], kind), data_rows=ident))
    if not wide or len(body) <= 8:
        return element("div", parts, class_="scroll", role="region", aria_label=f"Table: {caption}", tabindex="0")
    search = element(
        "p",
        [
            element("label", f"Search: {text(caption)}", for_=f"{ident}-q"),
            f'<input type="search" id="{text(ident)}-q" data-for="{text(ident)}" autocomplete="off">',
            element("output", f"{len(body):,} rows", for_=f"{ident}-q", id=f"{ident}-n"),
        ],
        class_="search",
    )
    cut = element("p", f"On paper: the first {ON_PAPER} of {len(body):,} rows.", class_="paper") if len(body) > ON_PAPER else ""
    return search + element("div", parts, class_="scroll tall", role="region", aria_label=f"Table: {caption}", tabindex="0") + cut


def later(markup: str) -> str:
    """What nobody sees at first: text to a browser with scripts until the page's script makes markup of it, markup to one without."""
    return element("noscript", markup, data_whole=True)


def _table(caption: str, head: str, body: Sequence[str], kind: str, ident: str | None = None) -> str:
    parts = [element("caption", text(caption)), element("thead", head), element("tbody", body)]
    return element("table", parts, id=ident, class_=kind)


def _paper(line: int) -> str | None:
    """The class of a wide table's row that is not printed."""
    return "more" if line >= ON_PAPER else None


def _numeric(given: Sheet, place: int) -> bool:
    return bool(given.rows) and all(not isinstance(row[place], str) for row in given.rows)


def _cell(value: Value, place: int, numeric: bool) -> str:
    if place == 0:
        return element("th", text(number(value)), scope="row")
    return element("td", text(number(value)), class_="n" if numeric else None)
