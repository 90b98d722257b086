"""Options from a TOML file and from environment variables: the same names for every command, plugins' commands among them.

The command line wins over the environment, the environment over the file, the file over the defaults.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from eda_plugin.errors import ParseError, UserError

__all__ = ["CONFIG", "Settings", "from_environment", "long_name", "option_names", "origin_of", "read_settings"]

CONFIG = "eda_plugin.toml"
"""Read where it lies in the folder in which the command runs, unless ``--config`` names another file."""

COMMON = "defaults"
"""Table of what holds for every command that has such an option."""
CLUSTER = "cluster"
"""Table of what a batch system is asked for, where --cluster names one."""


def option_names(command: click.Command) -> dict[str, click.Option]:
    """The options of a command by their long names, without dashes in front: ``no-cache``."""
    named: dict[str, click.Option] = {}
    for option in command.params:
        if isinstance(option, click.Option):
            named[long_name(option)] = option
    return named


def long_name(option: click.Option) -> str:
    """The longest name of an option, without dashes in front."""
    return max((*option.opts, *option.secondary_opts), key=lambda text: (text.startswith("--"), len(text))).lstrip("-")


def from_environment(command: click.Command, *words: str) -> None:
    """Let each option of ``command`` take its value from a variable such as ``EDA_PLUGIN_FILL_NO_CACHE``, unless it names one itself."""
    for name, option in option_names(command).items():
        if option.envvar is None:
            option.envvar = _variable("eda_plugin", *words, name)


def _variable(*words: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", "_".join(words).upper())


def origin_of(error: click.BadParameter) -> str:
    """Where the value came from that the error is about: a variable, the settings file, or nothing to say."""
    if error.ctx is None or error.param is None or error.param.name is None:
        return ""
    source = error.ctx.get_parameter_source(error.param.name)
    if source is ParameterSource.ENVIRONMENT:
        return f"the value comes from the environment variable {error.param.envvar}"
    if source is ParameterSource.DEFAULT_MAP:
        return f"the value comes from the settings file, {CONFIG} unless --config names another"
    return ""


@dataclass(frozen=True)
class Settings:
    """What a settings file says: ``disabled`` names plugins to leave out, ``tables`` hold options by command, ``cluster`` those of jobs."""

    path: Path
    disabled: tuple[str, ...]
    tables: Mapping[str, Mapping[str, object]]
    cluster: Mapping[str, object] = field(default_factory=dict)

    def default_map(self, commands: Mapping[str, click.Command]) -> dict[str, dict[str, object]]:
        """Click's defaults by command. Raises ``UserError`` for what names no command or option, or has no value for it."""
        options = {name: option_names(command) for name, command in commands.items()}
        found: dict[str, dict[str, object]] = {name: {} for name in commands}
        for table in sorted(self.tables, key=lambda name: name != COMMON):  # a command's own table wins
            if table != COMMON and table not in commands:
                raise UserError(f"{self.path}: there is no command {table!r}{_like(table, [COMMON, *commands])}")
            places = list(commands) if table == COMMON else [table]
            for key, value in self.tables[table].items():
                name = key.replace("_", "-")
                having = [command for command in places if name in options[command]]
                if not having:
                    known = sorted({option for command in places for option in options[command]})
                    raise UserError(f"{self.path}: [{table}] has no option {key!r}{_like(name, known)}")
                for command in having:
                    option = options[command][name]
                    _check(f"{self.path}: [{table}] {key}", value, option)
                    found[command][str(option.name)] = value
        return found


def read_settings(path: Path) -> Settings:
    """Read a settings file. Raises ``ParseError`` for what is no TOML, ``UserError`` for what stands outside tables."""
    tables = _read(path)
    disabled = tables.pop("disable-plugin", [])
    if not isinstance(disabled, list) or not all(isinstance(name, str) for name in disabled):
        raise UserError(f"{path}: disable-plugin is {disabled!r}; expected a list of names")
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise UserError(f"{path}: {name} stands outside a table; expected [{COMMON}] or a command's table, such as [fill], above it")
    return Settings(path, tuple(disabled), tables, tables.pop(CLUSTER, {}))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read the settings {path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ParseError(f"the settings are no TOML: {error}", path=path) from error


def _check(where: str, value: object, option: click.Option) -> None:
    several = option.multiple or option.nargs != 1
    if isinstance(value, dict) or isinstance(value, list) != several:
        raise UserError(f"{where} is {value!r}; expected " + ("a list" if several else "a single value"))
    if isinstance(value, bool) != option.is_flag:
        raise UserError(f"{where} is {value!r}; expected " + ("true or false" if option.is_flag else "a value, no truth value"))


def _like(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"
