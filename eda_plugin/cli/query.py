"""``eda-plugin query``: SQL over the values of libraries."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eda_plugin.cli.options import PATH, Inputs, as_json, reads

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["query"]


@click.command()
@click.argument("sql", metavar="SQL")
@reads("FILES")
@click.option("-o", "--output", type=PATH, metavar="FILE", help="Write the answer there: .csv or .parquet.")
@click.option("--store", type=PATH, metavar="FOLDER", help="Keep the columns there, and take what is there.  [default: nothing is kept]")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="Rows to print.")
@as_json
def query(sql: str, inputs: Inputs, output: Path | None, store: Path | None, limit: int, json_: bool) -> None:
    """Ask the values of libraries in SQL: select corner, max(value) from values where quantity = 'cell_rise' group by all.

    Tables: values, a row each value, with its corner, arc, slew, load, interval and origin (SI units); results, the rows of tables that
    ingest wrote. FILES are libraries, folders, ingest's tables, and what --store kept. `describe values` lists the columns.
    """
    from eda_plugin.cli.show import facts, print_json, table
    from eda_plugin.flow.querying import open_store, write_answer

    options = {"corners": inputs.corners, "mapping": inputs.mapping, "workers": inputs.workers}
    with open_store(inputs.paths, keep=store, session=inputs.session, **options) as opened:  # type: ignore[arg-type]
        answer = opened.ask(sql)
        if output is not None:
            rows = write_answer(answer, output)
            if json_:
                print_json({"rows": rows, "columns": answer.schema.names, "file": str(output)})
            elif not inputs.quiet:
                facts("answer", [("rows", rows), ("columns", len(answer.schema.names)), ("written", output)])
            return
        names = answer.schema.names
        shown = list(islice(_rows(answer), None if json_ else limit + 1))
    if json_:
        print_json([dict(zip(names, row, strict=True)) for row in shown])
    elif not inputs.quiet:
        table("", names, [[_text(cell) for cell in row] for row in shown[:limit]])
        if len(shown) > limit:
            click.echo(f"and more rows than {limit}: --limit, or -o FILE for all")


def _rows(answer: pa.RecordBatchReader) -> Iterator[tuple[object, ...]]:
    for batch in answer:
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _text(cell: object) -> str:
    return "" if cell is None else f"{cell:.6g}" if isinstance(cell, float) else str(cell)
