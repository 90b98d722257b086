"""SQL over the numbers of libraries: each library once as a columnar file (Parquet, in blocks by cell), DuckDB over all of them.

No more than a few libraries are in memory at a time; the query itself reads the columns and blocks that it needs.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import eda_plugin
from eda_plugin.domain import Corner, Library
from eda_plugin.errors import ParseError, UserError
from eda_plugin.files import replace_atomically
from eda_plugin.flow.inputs import expand, read_libraries
from eda_plugin.flow.session import Session

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Store", "open_store", "write_answer"]

ENDING = ".values.parquet"
SIDECARS = (".origin.parquet", ".origin.csv.gz", ".origin.csv")
BLOCK = 1 << 16
"""Rows that a block of a Parquet file holds, at least: a query for one cell passes by the other blocks."""
_RESULTS = frozenset({"measure", "status", "file", "quantity", "value"})
_VALUES = frozenset({"cell", "quantity", "position", "value", "origin"})


@dataclass(frozen=True, eq=False)
class Store:
    """Tables that can be asked: ``values``, a row each value of each library, and ``results``, the rows of ``ingest``'s tables, each where
    there is one. ``files`` by table."""

    files: dict[str, tuple[Path, ...]]
    _connection: Any = field(repr=False)

    def ask(self, sql: str) -> pa.RecordBatchReader:
        """The answer to one SELECT, batch by batch. Raises ``UserError`` for what DuckDB refuses: files, the net."""
        import duckdb

        try:
            statements = duckdb.extract_statements(sql)
            if len(statements) != 1:
                raise UserError(f"the query has {len(statements)} statements; expected one SELECT")
            answer = self._connection.sql(sql)
            if answer is None:
                raise UserError("the query gives no rows; expected a SELECT")
            reader: pa.RecordBatchReader = answer.to_arrow_reader(BLOCK)
        except duckdb.Error as error:
            tables = ", ".join(self.files)
            raise UserError(f"the query: {str(error).strip()}\n(tables: {tables}; `describe values` lists the columns)") from error
        return reader


@contextlib.contextmanager
def open_store(
    paths: Sequence[str | Path],
    *,
    keep: str | Path | None = None,
    corners: str | Path | None = None,
    mapping: str | Path | None = None,
    workers: int | None = None,
    session: Session | None = None,
) -> Iterator[Store]:
    """Libraries, files that stand beside filled ones, tables of ``ingest``, and what an earlier store kept, as tables of one database.

    ``keep``: a folder for the Parquet files, which stay and are taken again while their library is the same; else they are gone with the
    context. A library with ``.origin.parquet`` or ``.origin.csv.gz`` beside it has origins and intervals from there. Raises ``UserError``
    for inputs that can't be read and where DuckDB is not installed.
    """
    session = session or Session.load()
    if importlib.util.find_spec("duckdb") is None:
        raise UserError("queries need DuckDB, which is not installed; pip install 'eda-plugin[query]' brings it")
    with session.errors_told(), contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eda-plugin-query-")))
        folder = scratch if keep is None else Path(keep)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot make the store {folder}: {error.strerror or error}") from error
        found: dict[str, list[Path]] = {"values": [], "results": []}
        libraries = _sort(paths, folder, found, session)
        options = {"corners": corners and Path(corners), "mapping": mapping and Path(mapping)}
        found["values"] += _columns(libraries, folder, options, workers, session)
        tables = {name: tuple(dict.fromkeys(file.resolve() for file in files)) for name, files in found.items() if files}
        connection = stack.enter_context(_connect(tables, scratch))
        yield Store(tables, connection)


def _sort(paths: Sequence[str | Path], folder: Path, found: dict[str, list[Path]], session: Session) -> list[Path]:
    """Tables go to ``found``; what is to be read as a library is returned."""
    libraries: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            stored = sorted(path.rglob(f"*{ENDING}"))
            found["values"] += stored
            known = stored and not any(session.plugins.formats.reads(file) for file in path.rglob("*") if file.is_file())
            libraries += [] if known else [path]
        elif not path.exists():
            raise UserError(f"{path}: no such file or folder")
        elif path.name.endswith(SIDECARS):
            libraries += _beside(path, folder, found)
        elif path.name.endswith((".parquet", ".pq", ".csv", ".csv.gz")):
            kind, place = _table(path, folder)
            found[kind].append(place)
        else:
            libraries.append(path)
    return libraries


def _beside(path: Path, folder: Path, found: dict[str, list[Path]]) -> list[Path]:
    """The library that a table of values stands beside; where it is gone, the table alone, at the corner that its name states."""
    from eda_plugin.adapters import points

    name = next(path.name.removesuffix(end) for end in SIDECARS if path.name.endswith(end))
    if path.with_name(name).is_file():
        return [path.with_name(name)]
    corner = Corner.from_name(name)
    if corner is None:
        raise UserError(f"{path}: {name} is not beside it, and its name states no corner (such as ss_100C_1v60)")
    place = folder / f"{name}-{_digest(path)}{ENDING}"
    table = points.read_values(path)
    import pyarrow as pa

    stated = {
        "library": name,
        "corner": corner.name,
        "process": corner.process,
        "voltage": corner.voltage,
        "temperature": corner.temperature,
    }
    for column, value in reversed(stated.items()):
        table = table.add_column(0, column, pa.array([value] * table.num_rows))
    _write(table, place)
    found["values"].append(place)
    return []


def _table(path: Path, folder: Path) -> tuple[str, Path]:
    """Which table a file is of, and the Parquet file that holds it. Raises ``ParseError`` for a table of anything else."""
    import pyarrow as pa
    import pyarrow.parquet

    from eda_plugin.adapters import runs

    if not path.name.endswith((".parquet", ".pq")):
        place = folder / f"{path.name}-{_digest(path)}.results.parquet"
        _write(runs.read_tidy(path), place)
        return "results", place
    try:
        names = set(pyarrow.parquet.read_schema(path).names)
    except (OSError, pa.ArrowException) as error:
        raise ParseError(f"unreadable as Parquet: {error}", path=path) from error
    if names >= _RESULTS:
        return "results", path
    if names >= _VALUES | {"corner"}:
        return "values", path
    raise ParseError(
        "neither a table of `ingest` nor a store's; expected those, libraries, or a filled library's .origin.parquet", path=path
    )


def _columns(paths: Sequence[Path], folder: Path, options: dict[str, Any], workers: int | None, session: Session) -> list[Path]:
    """The Parquet file of each library, written where it is not there yet."""
    from eda_plugin.data.columnar import value_table

    files = expand(paths, session.plugins) if paths else []
    places = {file: folder / f"{file.name}-{_digest(file, *_sidecars(file), options)}{ENDING}" for file in files}
    wanted = [file for file in files if not places[file].exists()]
    several = any(options.values())  # tables that name some of the files want all of them at once
    size = max(len(wanted), 1) if several else workers or os.cpu_count() or 1
    found = [place for file, place in places.items() if file not in wanted]
    for begin in range(0, len(wanted), size):
        part = wanted[begin : begin + size]
        read = read_libraries(part, plugins=session.plugins, progress=session.progress, workers=workers, cache=session.cache, **options)
        with session.progress.stage("writing columns", len(read)) as stage:
            for number, library in enumerate(read):
                place = places.get(Path(library.source)) or folder / f"{_digest(Path(library.source), number, options)}{ENDING}"
                if place in found:  # one file may hold several libraries
                    place = folder / f"{place.name.removesuffix(ENDING)}-{library.corner.name}{ENDING}"
                _write(value_table(_with_origins(library)), place)
                found.append(place)
                stage.advance()
    return found


def _sidecars(file: Path) -> list[Path]:
    return [path for end in SIDECARS if (path := file.with_name(file.name + end)).is_file()]


def _with_origins(library: Library) -> Library:
    from eda_plugin.adapters import points

    beside = _sidecars(Path(library.source))
    return points.attach(library, beside[0]) if beside else library


def _digest(*parts: object) -> str:
    """Of files by content, and of whatever else a table hangs on."""
    whole = hashlib.blake2b(json.dumps([eda_plugin.__version__, ENDING]).encode(), digest_size=8)
    for part in parts:
        try:
            whole.update(part.read_bytes() if isinstance(part, Path) else repr(part).encode())
        except OSError as error:
            raise UserError(f"cannot read {part}: {error.strerror or error}") from error
    return whole.hexdigest()


def _write(table: pa.Table, place: Path) -> None:
    import pyarrow.parquet

    if not place.exists():
        with replace_atomically(place) as part:
            pyarrow.parquet.write_table(table, part, compression="zstd", row_group_size=BLOCK)


@contextlib.contextmanager
def _connect(tables: dict[str, tuple[Path, ...]], scratch: Path) -> Iterator[Any]:
    """A database in memory that can read those files and nothing else, and fetches nothing."""
    import duckdb

    own = [str(path) for files in tables.values() for path in files]
    connection = duckdb.connect(":memory:")
    try:
        settings = {
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
            "temp_directory": str(scratch / "spill"),
            "allowed_paths": own,
            "allowed_directories": [str(scratch / "spill")],
            "enable_external_access": False,
        }
        for name, value in settings.items():
            connection.execute(f"set {name} = {_literal(value)}")
        for name, files in tables.items():
            connection.execute(
                f'create view "{name}" as select * from read_parquet({_literal(list(map(str, files)))}, union_by_name = true)'
            )
        connection.execute("set lock_configuration = true")
        yield connection
    finally:
        connection.close()


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return "'" + str(value).replace("'", "''") + "'"


def write_answer(reader: pa.RecordBatchReader, path: str | Path) -> int:
    """Write an answer as Parquet or CSV, by the file's ending, as it comes; the number of rows. Raises ``UserError`` where it can't be."""
    import pyarrow.csv
    import pyarrow.parquet

    out = Path(path)
    parquet = out.suffix in (".parquet", ".pq")
    if not parquet and out.suffix != ".csv":
        raise UserError(f"cannot write {out}: unknown ending {out.suffix!r}; expected .csv or .parquet")
    rows = 0
    with replace_atomically(out) as part:
        opened = (
            pyarrow.parquet.ParquetWriter(part, reader.schema, compression="zstd")
            if parquet
            else pyarrow.csv.CSVWriter(part, reader.schema)
        )
        with opened as writer:
            for batch in reader:
                writer.write_batch(batch)
                rows += batch.num_rows
    return rows
