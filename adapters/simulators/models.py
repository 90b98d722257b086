"""Transistor models of a process: a card, a library with ``.lib`` sections, or a TOML file that says what each process takes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from eda_plugin.adapters.ngspice import NgspiceSettings
from eda_plugin.adapters.simulators.digest import file_digest
from eda_plugin.errors import ParseError, UserError

__all__ = ["Models", "read_models"]

_SECTION = re.compile(r"^\s*\.lib\s+[\"']?([\w.+-]+)[\"']?\s*(?:[$;].*)?$", re.IGNORECASE | re.MULTILINE)
_NAME = re.compile(r"[\w.+-]+")
_TOP = ("process", "power", "ground", "idle_load", "options")
_PROCESS = ("file", "sections", "include", "parameters")


@dataclass(frozen=True)
class Models:
    """What a deck of one process begins with.

    ``calls``: files with the section to take, empty to include all of it. ``parameters``: set before. ``power`` and ``ground``: names of
    supply ports, in lower case. ``options``: the simulator's, in place of the built-in ones where there are any.
    """

    calls: tuple[tuple[str, str], ...]
    parameters: tuple[tuple[str, str], ...] = ()
    power: tuple[str, ...] = NgspiceSettings.power
    ground: tuple[str, ...] = NgspiceSettings.ground
    idle_load: float = 0.0
    options: tuple[str, ...] = ()

    def statements(self, quote: str = '"') -> list[str]:
        """``.param``, ``.lib`` and ``.include`` lines."""
        lines = [f".param {name}={value}" for name, value in self.parameters]
        return lines + [
            f".lib {quote}{path}{quote} {section}" if section else f".include {quote}{path}{quote}" for path, section in self.calls
        ]

    def anonymous(self) -> Models:
        """The same with digests for the files' paths."""
        return replace(self, calls=tuple((file_digest(Path(path)), section) for path, section in self.calls))


def read_models(path: str | Path, process: str) -> Models:
    """Models of ``process`` from a SPICE file or, by its ending, a TOML file (docs/characterize.md).

    Of a SPICE file with ``.lib`` sections the one named as the process is taken; one without is included as it is. Raises ``UserError``
    for a file or section that isn't there, ``ParseError`` for a TOML file that says something else than it may.
    """
    file = Path(path)
    if not file.is_file():
        raise UserError(f"no model file {file}; name a SPICE file with the transistors' models, or a TOML file that names such files")
    if file.suffix.lower() == ".toml":
        return _from_toml(file, process)
    sections = _sections(file)
    if not sections:
        return Models(((str(file.resolve()), ""),))
    return Models(((str(file.resolve()), _section(file, sections, process)),))


def _sections(file: Path) -> list[str]:
    try:
        return _SECTION.findall(file.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror or error}") from error


def _section(file: Path, sections: list[str], wanted: str) -> str:
    found = next((name for name in sections if name.lower() == wanted.lower()), None)
    if found is None:
        raise UserError(
            f"{file} has no section {wanted!r}; it has {', '.join(sorted(set(sections)))}; "
            "a TOML file for --models says which section a process takes (docs/characterize.md)"
        )
    return found


def _from_toml(file: Path, process: str) -> Models:
    try:
        told = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ParseError(f"unreadable as TOML: {error}", path=file) from error
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror or error}") from error
    _known(told, _TOP, file, "the file")
    processes = told.get("process")
    if not isinstance(processes, dict) or not processes:
        raise ParseError("no table [process.NAME]; expected one a process with file, sections, include or parameters", path=file)
    entry = next((value for name, value in processes.items() if name.lower() == process.lower()), None)
    if not isinstance(entry, dict):
        raise UserError(f"{file}: no table [process.{process}]; there are {', '.join(sorted(processes))}")
    where = f"[process.{process}]"
    _known(entry, _PROCESS, file, where)
    calls: list[tuple[str, str]] = []
    if "file" in entry:
        models = _file(entry["file"], file, where)
        sections = _sections(models)
        chosen = _texts(entry, "sections", file, (process,) if sections else ())
        calls += [(str(models), _section(models, sections, name)) for name in chosen] or [(str(models), "")]
    calls += [(str(_file(name, file, where)), "") for name in _texts(entry, "include", file, ())]
    if not calls:
        raise ParseError(f'{where} names no file; expected file = "models.lib" or include = [...]', path=file)
    parameters = entry.get("parameters", {})
    if not isinstance(parameters, dict):
        raise ParseError(f"{where}: parameters is no table; expected {{ name = value }}", path=file)
    for name, value in parameters.items():
        if not _NAME.fullmatch(name) or isinstance(value, bool) or not isinstance(value, int | float):
            raise ParseError(f"{where}: parameter {name} = {value!r}; expected a name and a number", path=file)
    load = told.get("idle_load", 0.0)
    if isinstance(load, bool) or not isinstance(load, int | float) or load < 0:
        raise ParseError(f"idle_load is {load!r}; expected a capacitance in F", path=file)
    return Models(
        tuple(calls),
        tuple((name, f"{value:.9g}") for name, value in parameters.items()),
        tuple(name.lower() for name in _texts(told, "power", file, NgspiceSettings.power)),
        tuple(name.lower() for name in _texts(told, "ground", file, NgspiceSettings.ground)),
        float(load),
        _texts(told, "options", file, ()),
    )


def _known(table: Mapping[str, object], names: tuple[str, ...], file: Path, where: str) -> None:
    strange = sorted(set(table) - set(names))
    if strange:
        raise ParseError(f"{where} says {strange[0]!r}, which means nothing; expected {', '.join(names)}", path=file)


def _texts(table: Mapping[str, object], name: str, file: Path, usual: tuple[str, ...]) -> tuple[str, ...]:
    value = table.get(name)
    if value is None:
        return usual
    if not isinstance(value, list) or not all(isinstance(item, str) and item and "\n" not in item for item in value):
        raise ParseError(f"{name} is {value!r}; expected a list of texts", path=file)
    return tuple(value)


def _file(name: object, file: Path, where: str) -> Path:
    if not isinstance(name, str):
        raise ParseError(f"{where}: {name!r} is no file's name", path=file)
    path = (file.parent / name).resolve()
    if not path.is_file():
        raise UserError(f"{file} {where}: no model file {path}")
    return path
