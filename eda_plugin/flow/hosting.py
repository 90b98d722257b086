"""A host that a plugin brought simulates the plan; the corner is filled from its answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eda_plugin.config import FillSettings
from eda_plugin.domain import Corner, Library
from eda_plugin.errors import EdaPluginError, UserError
from eda_plugin.flow.filling import FillResult, fill
from eda_plugin.flow.planning import plan
from eda_plugin.flow.session import Session

__all__ = ["run_host"]


def run_host(
    host: str,
    anchors: Sequence[Library],
    target: Corner | str,
    budget: str | float = "2%",
    *,
    work: str | Path,
    template: str | Path | Library | None = None,
    settings: FillSettings | None = None,
    extrapolate: bool = False,
    session: Session | None = None,
) -> FillResult:
    """Plan for ``budget``, let the host of that name simulate the plan, fill ``target`` from its answers.

    ``work``: folder, made where it is missing, for the plan and its answers. Raises ``UserError`` for an unknown host, one that fails, and
    one that leaves no answers; else as ``plan`` and ``fill`` do.
    """
    session = session or Session.load()
    settings = settings or FillSettings()
    with session.errors_told():
        chosen = session.plugins.hosts.get(host)
        made = plan(anchors, target, budget, template=template, seed=settings.seed, extrapolate=extrapolate, session=session)
        folder = Path(work)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            measured = folder / f"{made.target.name}.measured.csv"
            measured.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(f"cannot work in {folder}: {error.strerror or error}; name another folder") from error
        asked = made.write(folder / f"{made.target.name}.plan.csv")
        corner = f"{made.target.process},{made.target.voltage:g},{made.target.temperature:g}"
        with session.progress.stage(f"simulating with {host}", len(made.points)):
            try:
                chosen.simulate(asked, measured, corner)
            except EdaPluginError:
                raise
            except Exception as error:  # a stranger's flow may raise anything, and the user must learn whose fault it is
                raise UserError(f"the host {host} failed at {corner}: {type(error).__name__}: {error}") from error
        if not measured.is_file():
            raise UserError(f"the host {host} wrote no {measured}; expected the plan's rows with delay and transition")
        return fill(anchors, made.target, template=template, measured=measured, settings=settings, extrapolate=extrapolate, session=session)
