"""Errors for people: what was found, where, what was expected, what to do.

One base; a user's mistake apart from ours. A user error is also a ``ValueError``, so that a host which knows nothing of this package
catches it where it catches its own. Texts are lower case and print the offending value.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["EdaPluginError", "FindingsError", "InternalError", "ParseError", "PluginError", "TableError", "UserError"]


class EdaPluginError(Exception):
    """Base of every error that this package raises on purpose."""

    exit_status = 1

    def __reduce__(self) -> tuple[object, ...]:
        """So that an error of a worker reaches us as it is, whatever its constructor takes."""
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[EdaPluginError], args: tuple[object, ...], state: dict[str, object]) -> EdaPluginError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class UserError(EdaPluginError, ValueError):
    """The input or the request is wrong; the text says what to change. Exit status 2."""

    exit_status = 2


class ParseError(UserError):
    """A file does not follow its format.

    Parameters: ``path`` the file; ``line`` and ``column`` count from 1, ``None`` where unknown; ``token`` the text found there.
    """

    def __init__(
        self, message: str, *, path: str | Path, line: int | None = None, column: int | None = None, token: str | None = None
    ) -> None:
        self.path, self.line, self.column, self.token = str(path), line, column, token
        place = self.path
        if line is not None:
            place += f":{line}" + (f":{column}" if column is not None else "")
        found = "" if token is None else f" (found {token[:60]!r})"
        super().__init__(f"{place}: {message}{found}")


class TableError(UserError):
    """A table is missing, or its numbers or axes are unusable. ``corner``, ``arc`` and ``quantity`` say which."""

    def __init__(self, message: str, *, corner: object, arc: object, quantity: str) -> None:
        self.corner, self.arc, self.quantity = corner, arc, quantity
        super().__init__(f"corner {corner}, arc {arc}, {quantity}: {message}")


class PluginError(UserError):
    """A third party's plugin can't be loaded or breaks the contract; the text names its distribution."""


class FindingsError(EdaPluginError):
    """The input could be read and worked on, and checks found faults in it. Exit status 1."""


class InternalError(EdaPluginError):
    """A fault of this package."""
