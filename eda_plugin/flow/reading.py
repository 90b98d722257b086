"""Read libraries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eda_plugin.domain import Library
from eda_plugin.flow.inputs import read_libraries
from eda_plugin.flow.session import Session

__all__ = ["read"]


def read(
    paths: str | Path | Sequence[str | Path],
    *,
    corners: str | Path | None = None,
    mapping: str | Path | None = None,
    workers: int | None = None,
    session: Session | None = None,
) -> tuple[Library, ...]:
    """Read libraries (``.lib``, ``.lib.gz``), measure files, or folders of them; in SI units, sorted by corner.

    ``corners``: CSV with the columns file, process, voltage, temperature, for files that don't tell their corner. ``mapping``: TOML that
    says what the measures of simulation results are. Raises ``UserError``, ``ParseError`` with the place in the file among them.
    """
    session = session or Session.load()
    with session.errors_told():
        return read_libraries(
            [paths] if isinstance(paths, str | Path) else paths,
            plugins=session.plugins,
            progress=session.progress,
            corners=None if corners is None else Path(corners),
            mapping=None if mapping is None else Path(mapping),
            workers=workers,
            cache=session.cache,
            farm=session.farm,
        )
