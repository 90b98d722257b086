"""Which farm a name means: ``local``, the address of a Dask scheduler, or a batch system whose jobs become its workers."""

from __future__ import annotations

import re
from collections.abc import Mapping

from eda_plugin.errors import UserError
from eda_plugin.farm.base import Farm, Here
from eda_plugin.farm.local import Processes

__all__ = ["BATCH", "CLUSTERS", "check_cluster", "open_farm"]

BATCH = ("lsf", "slurm", "sge", "pbs")
CLUSTERS = "local, tcp://HOST:PORT (a Dask scheduler), lsf, slurm, sge, pbs"
_ADDRESS = re.compile(r"(tcp|tls)://\S+:\d+")


def check_cluster(name: str) -> None:
    """Raises ``UserError`` for what names no cluster."""
    if name != "local" and name not in BATCH and not _ADDRESS.fullmatch(name):
        raise UserError(f"no cluster {name!r}; expected {CLUSTERS}")


def open_farm(name: str = "local", *, workers: int | None = None, options: Mapping[str, object] | None = None) -> Farm:
    """The farm of that name; nothing is started yet for ``local``.

    ``workers``: processes of this machine, or tasks at once on a cluster (by default one a core, or as many as the cluster has).
    ``options``: for a batch system, ``jobs`` (how many to start) and what dask-jobqueue takes. Raises ``UserError`` for a name that is
    none, options that don't fit, a scheduler that does not answer, and where the packages of the extra ``farm`` are absent.
    """
    check_cluster(name)
    if name == "local":
        return Here() if workers == 1 else Processes(workers)
    try:
        from eda_plugin.farm.cluster import connect
    except ImportError as error:
        needed = "dask-jobqueue" if name in BATCH else "distributed"
        raise UserError(f"the cluster {name} needs the package {needed} ({error}); install eda-plugin[farm]") from error
    return connect(name, workers, dict(options or {}))
