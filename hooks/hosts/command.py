"""The command line as hosts call it: in a process of its own, with JSON back, and a filled corner made once for the same input."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from eda_plugin import __version__
from eda_plugin.errors import EdaPluginError, FindingsError, InternalError, UserError
from eda_plugin.files import replace_atomically

__all__ = ["COMMAND", "check_libraries", "fill_corner", "library_files", "run_command"]

COMMAND = "EDA_PLUGIN_COMMAND"
"""Variable: how the command line is started where the host's Python is not the one that has all of eda-plugin."""

_SUFFIXES = (".lib", ".lib.gz", ".lib.xz", ".liberty")


def run_command(*arguments: object, findings: bool = False, environment: Mapping[str, str] = os.environ) -> Any:
    """Run the command line with ``--json`` and give what it printed.

    ``findings``: exit status 1 is an answer, not an error. Raises ``UserError``, ``FindingsError`` or ``InternalError``, by the exit
    status, with the command's own text.
    """
    start = shlex.split(environment.get(COMMAND, "")) or [sys.executable, "-m", "eda_plugin"]
    command = [*start, *map(str, arguments), "--json"]
    try:
        ran = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)
    except OSError as error:
        raise UserError(f"cannot start {start[0]}: {error.strerror or error}; {COMMAND} says how eda-plugin is started") from error
    if ran.returncode == 0 or (findings and ran.returncode == 1):
        try:
            return json.loads(ran.stdout)
        except ValueError as error:
            raise InternalError(f"{shlex.join(command)} printed no JSON: {ran.stdout[:200]!r}") from error
    said = ran.stderr.strip() or ran.stdout.strip() or f"exit status {ran.returncode}"
    failed: type[EdaPluginError] = {1: FindingsError, 2: UserError}.get(ran.returncode, InternalError)
    raise failed(said.removeprefix("error: "))


def library_files(places: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Liberty files, and those in folders, sorted, each once. Raises ``UserError`` for a place that is neither."""
    found: set[Path] = set()
    for place in map(Path, places):
        if place.is_dir():
            found.update(path for path in place.iterdir() if path.name.lower().endswith(_SUFFIXES))
        elif place.is_file():
            found.add(place)
        else:
            raise UserError(f"{place}: no such library or folder")
    return sorted(found)


def fill_corner(
    anchors: Sequence[Path],
    corner: str,
    folder: Path,
    *,
    measured: Path | None = None,
    template: Path | None = None,
    options: Sequence[str] = (),
) -> Path:
    """Fill ``corner`` into ``folder`` (made where missing), unless it was filled there from the same input before; the library.

    Beside it stand the report (``.json``) and each value's origin. ``options`` go to ``fill`` as they are. Raises what ``run_command``
    does.
    """
    if not anchors:
        raise UserError(f"no library to fill {corner} from; name those of other corners")
    out, stamp = folder / f"{corner}.lib", folder / f"{corner}.stamp"
    token = _token(corner, [*anchors, *filter(None, (measured, template))], options)
    if out.is_file() and stamp.is_file() and stamp.read_text(encoding="utf-8").strip() == token:
        return out
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stamp.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot write filled corners to {folder}: {error.strerror or error}") from error
    named = [*(("--measured", measured) if measured else ()), *(("--template", template) if template else ())]
    run_command("fill", *anchors, "--target", corner, *named, "--report", out.with_suffix(".json"), "-o", out, *options)
    with replace_atomically(stamp) as part:
        part.write_text(token + "\n", encoding="utf-8")
    return out


def _token(corner: str, files: Sequence[Path], options: Sequence[str]) -> str:
    """Changes with the corner, the content of each file, the options and the version."""
    digests = []
    for path in files:
        with path.open("rb") as stream:
            digests.append(hashlib.file_digest(stream, "sha256").hexdigest())
    return hashlib.sha256(json.dumps([__version__, corner, digests, list(options)]).encode()).hexdigest()


def check_libraries(files: Sequence[Path], *options: object) -> dict[str, Any]:
    """Apply the checks: ``counts`` by severity, and ``findings``."""
    found: dict[str, Any] = run_command("check", *files, *options, findings=True)
    return found
