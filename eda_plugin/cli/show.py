"""What people see: progress on a terminal, tables in colour there and plain in a pipe, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from eda_plugin.config import NullProgress, Progress, Stage

if TYPE_CHECKING:
    import rich.progress

__all__ = ["duration", "facts", "print_json", "progress", "table", "written"]


class _Bar:
    def __init__(self, bars: rich.progress.Progress, task: rich.progress.TaskID) -> None:
        self._bars, self._task = bars, task

    def advance(self, n: int = 1) -> None:
        self._bars.advance(self._task, n)

    def tell(self, **figures: float) -> None:
        """Bars show steps only."""


class _TerminalProgress:
    """One bar a stage, on standard error, with the time that it took and, where the number of steps is known, the time left."""

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
        if total is not None:
            columns += [TextColumn("left:"), TimeRemainingColumn()]
        with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
            yield _Bar(bars, bars.add_task(name, total=total))


def progress(*, quiet: bool) -> Progress:
    """Bars where standard error is a terminal, else nothing."""
    return _TerminalProgress() if sys.stderr.isatty() and not quiet else NullProgress()


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under a header: with rules on a terminal, plain columns in a pipe."""
    cells = [[str(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        shown = Table(*header, title=title, title_justify="left", show_header=any(header))
        for row in cells:
            shown.add_row(*map(Text, row))
        Console().print(shown)
        return
    lines = [list(header), *cells] if any(header) else cells
    widths = [max(len(line[place]) for line in lines) for place in range(len(header))]
    if title:
        click.echo(title)
    for line in lines:
        click.echo("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def facts(title: str, rows: Sequence[tuple[str, object]]) -> None:
    """Print names and values of what a command did."""
    table(title, ["", ""], rows)


def print_json(value: object) -> None:
    """``value`` on standard output, NaN as null."""
    from eda_plugin.flow.outputs import plain

    click.echo(json.dumps(plain(value), indent=2))


def written(files: Sequence[object]) -> None:
    """The end of a command's summary: the files that it wrote, one a line."""
    if files:
        table("written", ["file"], [[file] for file in files])


def duration(seconds: float) -> str:
    """``95.2`` as ``1 min 35 s``.

    >>> duration(95.2), duration(4.25)
    ('1 min 35 s', '4.2 s')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"
