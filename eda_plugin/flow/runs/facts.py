"""What a run is asked for, and the versions that it runs with."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import eda_plugin
from eda_plugin.hooks.manager import Plugins

__all__ = ["DISTRIBUTION", "KINDS", "Argument", "Request", "requirements", "role_of", "stated_environment", "versions"]

DISTRIBUTION = "eda-plugin"
KINDS = ("input", "output", "work", "setting")
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)\s*(?:>=\s*([\w.]+))?.*?(?:extra\s*==\s*[\"']([\w-]+)[\"'])?\s*$")


@dataclass(frozen=True)
class Argument:
    """One option or argument of a command. ``words`` repeat it on a command line, none where it has its default; ``source``: command line,
    variable, settings file or default. ``kind``: an input or output by path, a folder of work (journals: they are no result), a setting."""

    name: str
    value: object
    words: tuple[str, ...]
    source: str
    kind: str
    paths: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Argument:
        """Raises ``KeyError`` or ``TypeError`` for what is none."""
        name, source, kind = (str(told[name]) for name in ("name", "source", "kind"))
        return cls(name, told["value"], tuple(map(str, told["words"])), source, kind, tuple(map(str, told["paths"])))


@dataclass(frozen=True)
class Request:
    """A command and its arguments, options before names; ``disabled`` plugins; ``folder``, in which it runs."""

    command: str
    arguments: tuple[Argument, ...]
    folder: Path
    disabled: tuple[str, ...] = ()

    def words(self, replaced: Mapping[str, Sequence[str]] | None = None, *more: str) -> list[str]:
        """The command line behind ``eda-plugin``, with other words for some arguments, and ``more`` of them in front of all."""
        begin = [word for name in self.disabled for word in ("--disable-plugin", name)] + [self.command, *more]
        return begin + [word for one in self.arguments for word in ((replaced or {}).get(one.name) or one.words)]

    def to_dict(self) -> dict[str, object]:
        """What stands in a run folder."""
        return {**asdict(self), "folder": str(self.folder), "line": f"eda-plugin {shlex.join(self.words())}"}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Request:
        """Raises ``KeyError`` or ``TypeError`` for what is none."""
        arguments = tuple(map(Argument.from_dict, told["arguments"]))
        return cls(str(told["command"]), arguments, Path(told["folder"]), tuple(map(str, told["disabled"])))


def role_of(path: Path, arguments: Sequence[Argument], kinds: Sequence[str], base: Path) -> str:
    """The option that names a file, with what follows that name: ``output.origin.parquet``, ``out/results.md``; else empty."""
    whole = base / path
    found: list[tuple[int, str]] = []
    for one in arguments:
        if one.kind not in kinds:
            continue
        for stated in one.paths:
            named = base / stated
            if whole == named:
                return one.name
            if whole.is_relative_to(named):
                found.append((len(str(named)), f"{one.name}/{whole.relative_to(named).as_posix()}"))
            elif whole.parent == named.parent and whole.name.startswith(f"{named.name}."):
                found.append((len(str(named)), one.name + whole.name.removeprefix(named.name)))
    return max(found)[1] if found else ""


def requirements() -> dict[str, tuple[str, tuple[str, ...]]]:
    """The distributions that this package asks for: the least version of each, and the extras that ask for it (none: it is always)."""
    try:
        stated = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return {}
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for text in stated:
        if match := _REQUIREMENT.match(text):
            extras = found.get(match[1], ("", ()))[1] + ((match[3],) if match[3] else ())
            found[match[1]] = (match[2] or "", extras)
    return found


def versions(plugins: Plugins) -> dict[str, object]:
    """Of Python, the platform, this package (its sources' digest with it), the packages that it asks for, and the plugins."""
    packages = {}
    for name in requirements():
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    others = {info.name: f"{info.distribution} {info.version}".strip() for info in plugins.infos if info.status == "loaded"}
    return {
        "eda-plugin": eda_plugin.__version__,
        "sources": _source_digest(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": dict(sorted(packages.items())),
        "plugins": others,
    }


def _source_digest() -> str:
    root = Path(eda_plugin.__file__).parent
    whole = hashlib.sha256()
    for part in (root, root / "adapters", root / "hooks"):  # the last two may be links, into which no search goes
        for file in sorted(part.rglob("*.py")):
            whole.update(f"{file.relative_to(root).as_posix()}\0".encode())
            whole.update(file.read_bytes())
    return whole.hexdigest()


def stated_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that a run folder keeps: those of this package, and the number of threads. No other, for others may be secrets."""
    kept = {name: value for name, value in environment.items() if name.startswith("EDA_PLUGIN_")}
    threads = environment.get("OMP_NUM_THREADS", "")
    return dict(sorted(kept.items())) | ({"OMP_NUM_THREADS": threads} if threads.isdigit() else {})
