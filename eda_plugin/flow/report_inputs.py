"""What a fill left behind, read back for its report: the library, the origins and intervals beside it, the fill's own report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eda_plugin.adapters import points
from eda_plugin.domain import Library
from eda_plugin.errors import UserError
from eda_plugin.flow.filling import FillResult
from eda_plugin.flow.inputs import read_libraries
from eda_plugin.flow.report_run import files_of, is_run
from eda_plugin.flow.runs import StoredRun
from eda_plugin.flow.session import Session

__all__ = ["Fill", "libraries", "of_file", "of_result", "read_json"]

SIDECARS = (".origin.parquet", ".origin.csv.gz")


@dataclass(frozen=True, eq=False)
class Fill:
    """A filled corner and what is known of how it came about. ``facts``: the fill's own report; ``findings`` as JSON has them.

    ``run``: the recorded run that filled it, where its folder was named, and the ``anchors`` that it read and that are still there.
    """

    library: Library
    facts: Mapping[str, object]
    findings: Sequence[Mapping[str, object]]
    files: tuple[Path, ...]
    run: StoredRun | None = None
    anchors: tuple[Path, ...] = ()


def of_result(result: FillResult) -> Fill:
    return Fill(result.library, result.report, [found.to_dict() for found in result.findings], ())


def of_file(path: Path, values: str | Path | None, report: str | Path | None, session: Session) -> Fill:
    """The library, the origins and intervals beside it, and the JSON report whose library it is; or those of a run's folder."""
    if is_run(path):
        made = files_of(path, session)
        return replace(of_file(made.library, values or made.values, report or made.report, session), run=made.run, anchors=made.anchors)
    place = _library_in(path) if path.is_dir() else path
    (library, *more) = read_libraries([place], plugins=session.plugins, progress=session.progress, cache=session.cache)
    if more:
        raise UserError(f"{place}: expected one library, found {len(more) + 1}")
    beside = next((one for one in _sidecars(place) if one.is_file()), None) if values is None else Path(values)
    if beside is None:
        session.warn(
            f"{place}: no table of origins and intervals beside it ({place.name}{SIDECARS[0]}); the report has none, --values names it"
        )
    else:
        library = points.attach(library, beside)
    told = next((one for one in sorted(place.parent.glob("*.json")) if _is_of(one, library)), None) if report is None else Path(report)
    data = {} if told is None else read_json(told)
    if report is not None and not _is_of(Path(report), library):
        raise UserError(f"{report}: no report of {library.name}; expected the JSON that fill --report wrote with it")
    facts, findings = data.get("fill"), data.get("findings")
    return Fill(
        library,
        facts if isinstance(facts, Mapping) else {},
        [found for found in findings if isinstance(found, Mapping)] if isinstance(findings, list) else [],
        tuple(one for one in (place, beside, told) if one is not None),
    )


def _sidecars(path: Path) -> list[Path]:
    return [path.with_name(path.name + end) for end in SIDECARS]


def _library_in(folder: Path) -> Path:
    """The one library of a folder that has a table of origins beside it."""
    found = [path for path in sorted(folder.iterdir()) if any(beside.is_file() for beside in _sidecars(path))]
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise UserError(f"{folder}: expected one library that fill wrote, with {SIDECARS[0]} beside it, found {names}; name the library")
    return found[0]


def read_json(path: Path) -> Mapping[str, object]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise UserError(f"{path} is no JSON: {error}") from error
    return data if isinstance(data, Mapping) else {}


def _is_of(path: Path, library: Library) -> bool:
    """Whether a JSON file is the report of this library's fill; other tools' files stand in folders too, and may be broken."""
    try:
        data = read_json(path)
    except UserError:
        return False
    return isinstance(data.get("fill"), Mapping) and (data.get("library"), data.get("corner")) == (library.name, library.corner.name)


def libraries(given: Sequence[Library | str | Path], session: Session) -> list[Library]:
    paths = [one for one in given if not isinstance(one, Library)]
    read = read_libraries(paths, plugins=session.plugins, progress=session.progress, cache=session.cache) if paths else ()
    return sorted([*(one for one in given if isinstance(one, Library)), *read], key=lambda library: (library.corner, library.source))
