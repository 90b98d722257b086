"""What the steps of a run share: the plugins, and where progress and warnings go."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from eda_plugin.config import NullProgress, Progress
from eda_plugin.farm import Farm, Processes
from eda_plugin.hooks.manager import Plugins

__all__ = ["Session"]


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=4)


@dataclass(frozen=True)
class Session:
    """``tell`` gets each warning as a sentence: Python's ``warnings`` unless told otherwise. ``cache``: take libraries that were read
    before from the user's cache, and keep what is read. ``farm``: where work is done that can be done apart."""

    plugins: Plugins
    progress: Progress = field(default_factory=NullProgress)
    tell: Callable[[str], None] = _warn
    cache: bool = True
    farm: Farm = field(default_factory=Processes)

    @classmethod
    def load(cls, disabled: Iterable[str] = ()) -> Session:
        """With every installed plugin that is not disabled, showing no progress."""
        return cls(Plugins.load(disabled))

    def warn(self, message: str) -> None:
        """Pass a warning on; an empty one is none."""
        if message:
            self.tell(message)

    @contextmanager
    def errors_told(self) -> Iterator[None]:
        """Tell plugins of an error that leaves the block; it is raised on."""
        try:
            yield
        except Exception as error:
            self.plugins.on_error(error)
            raise
