"""ngspice's raw files, through spicelib, which is imported on use: it is an extra (``pip install eda-plugin[raw]``)."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eda_plugin.errors import ParseError, UserError

__all__ = ["RawWaveforms", "read_raw"]


@dataclass(frozen=True, eq=False)
class RawWaveforms:
    """The transient of a raw file: ``names`` of its signals with the scale ``time`` first; one sweep."""

    path: Path
    names: tuple[str, ...]
    title: str
    _plot: Any

    def signal(self, name: str) -> NDArray[np.float64]:
        """(points,) values, SI; names in any case. ``UserError`` where there is none, ``ParseError`` where the file breaks off."""
        for found in self.names:
            if found.lower() == name.lower():
                with _told(self.path):
                    return np.asarray(self._plot.get_trace(found).get_wave(0), dtype=np.float64)
        raise UserError(f"{self.path}: no signal {name!r}; the file has {', '.join(self.names)}")


def read_raw(path: str | Path) -> RawWaveforms:
    """Open the transient of a raw file, binary or ASCII.

    Raises ``ParseError`` for a file that is no raw file, breaks off or holds no transient; ``UserError`` where spicelib isn't installed.
    """
    path = Path(path)
    with _told(path):
        from spicelib import RawRead

        for plot in RawRead(str(path), dialect="ngspice", verbose=False).plots:
            if "transient" in str(plot.get_raw_property("Plotname")).lower():
                return RawWaveforms(path, tuple(plot.get_trace_names()), str(plot.get_raw_property("Title")), plot)
    raise ParseError("no transient analysis in this raw file", path=path)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """What spicelib raises where it is absent, or a file breaks off or is none of its kind, as an error for people."""
    try:
        from spicelib.raw.raw_classes import SpiceReadException
    except ImportError as error:
        raise UserError(f"{path}: raw files are read through spicelib, which is not installed; pip install 'eda-plugin[raw]'") from error
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except (SpiceReadException, RuntimeError, TypeError, ValueError, LookupError, EOFError, struct.error) as error:
        raise ParseError(f"not a whole raw file: {error}", path=path) from error
