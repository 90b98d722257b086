"""A cluster through Dask: a scheduler that is there, or one of our own whose workers are jobs of a batch system (dask-jobqueue).

Imported only where a cluster is asked for: Dask is the optional extra ``farm``.
"""

from __future__ import annotations

import contextlib
import signal
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import dask
from distributed import Client, KilledWorker
from distributed.client import FutureCancelledError
from distributed.comm.core import CommClosedError

import eda_plugin
from eda_plugin.errors import UserError
from eda_plugin.farm.base import LOSSES, Lost
from eda_plugin.farm.choice import BATCH

__all__ = ["Dask", "batch", "connect", "job_options"]

CONNECT = 60.0
"""Seconds for a scheduler to answer."""
START = 600.0
"""Seconds without any worker after which a run is given up, unless a batch system's options say ``start_timeout``."""
LOOK = 5.0
"""Seconds between two looks at whether there are workers."""
_OURS = ("jobs", "start_timeout")

Task = TypeVar("Task")
Answer = TypeVar("Answer")


class Dask:
    """Tasks as Dask's futures, no more at once than are asked for: so the tasks that a worker's death takes with it are those that it did.

    The scheduler gives a task to another worker where one died, ``LOSSES`` times (``distributed.scheduler.allowed-failures`` of a
    scheduler that was there before us). ``cluster``: what was started for us, if anything.
    """

    elsewhere = True

    def __init__(self, client: Any, width: int, cluster: Any = None, patience: float = START) -> None:
        self.width = width
        self._client, self._cluster, self._patience = client, cluster, patience

    def call(self, work: Callable[[Task], Answer], task: Task, name: str) -> Answer | Lost:
        """See ``Farm``."""
        future = self._client.submit(work, task, key=f"{work.__name__}-{uuid.uuid4().hex}", pure=False)
        try:
            answer: Answer = self._answer(future, name)
        except CommClosedError as error:  # an OSError: a caller would take it for the work's own, such as a full disk
            if future.status == "error":
                raise
            raise UserError(f"{name}: the connection to {self._client.scheduler.address} broke ({error}); run the same again") from error
        except KilledWorker as error:
            return Lost(name, error.allowed_failures + 1)
        except FutureCancelledError as error:
            raise UserError(
                f"{name}: the scheduler {self._client.scheduler.address} went away; start it, and run the same again"
            ) from error
        finally:
            future.release()
        return answer

    def _answer(self, future: Any, name: str) -> Any:
        """Wait for it as long as there are workers, or some may come."""
        alone = None
        while True:
            try:
                return future.result(timeout=LOOK)
            except TimeoutError:
                if future.status == "error":  # the work's own; one that is done may have died while it sent its answer
                    raise
            now = time.monotonic()
            alone = None if self._client.nthreads() else alone or now
            if alone is not None and now - alone > self._patience:
                raise UserError(f"{name}: there has been no worker for {self._patience:g} s; see why they end, and run the same again")

    def close(self) -> None:
        """See ``Farm``. What a scheduler that was there before us still does for us is given up."""
        for one in (self._client, self._cluster):
            if one is not None:
                with contextlib.suppress(TimeoutError, OSError):
                    one.close()


def connect(name: str, workers: int | None, options: Mapping[str, object]) -> Dask:
    """See ``open_farm``; ``name`` is a scheduler's address or a batch system."""
    if name not in BATCH:
        if options:
            raise UserError(f"the scheduler {name} takes no options, and [cluster] has {', '.join(sorted(options))}; take them out")
        return _ready(_client(name), workers, CONNECT, f"the scheduler {name} has no worker")
    jobs, patience, rest = job_options(name, options)
    with dask.config.set({"distributed.scheduler.allowed-failures": LOSSES}):
        cluster = batch(name, rest)
        try:
            cluster.adapt(minimum_jobs=jobs, maximum_jobs=jobs)  # a job that ends before its time is started again
            absent = f"no job of {name} started; its script is\n{cluster.job_script()}"
            return _ready(_client(cluster), workers or jobs * int(rest.get("cores", 1)), patience, absent, cluster)
        except BaseException:
            cluster.close()
            raise


def job_options(name: str, options: Mapping[str, object]) -> tuple[int, float, dict[str, Any]]:
    """How many jobs, how long to wait for the first, and what is dask-jobqueue's. Raises ``UserError`` for nonsense."""
    jobs, patience = options.get("jobs"), options.get("start_timeout", START)
    if not isinstance(jobs, int) or isinstance(jobs, bool) or jobs < 1:
        told = "it is missing" if jobs is None else f"it is {jobs!r}"
        raise UserError(
            f"how many jobs of {name} shall be started? [cluster] jobs must say so, and {told}; give a number, such as jobs = 8"
        )
    if not isinstance(patience, int | float) or isinstance(patience, bool) or not patience > 0:
        raise UserError(f"[cluster] start_timeout is {patience!r}; expected seconds")
    return jobs, float(patience), {key: value for key, value in options.items() if key not in _OURS}


def batch(name: str, options: dict[str, Any]) -> Any:
    """dask-jobqueue's cluster of that batch system, without a job yet. Raises ``UserError`` for options that it does not take."""
    interrupted = signal.getsignal(signal.SIGINT)
    from dask_jobqueue.lsf import LSFCluster
    from dask_jobqueue.pbs import PBSCluster
    from dask_jobqueue.sge import SGECluster
    from dask_jobqueue.slurm import SLURMCluster

    signal.signal(signal.SIGINT, interrupted)  # its import ends the process at an interrupt, without a word
    kind = {"lsf": LSFCluster, "slurm": SLURMCluster, "sge": SGECluster, "pbs": PBSCluster}[name]
    usual = {"cores": 1, "processes": 1, "memory": "4GB", "log_directory": "eda_plugin_jobs"}
    own = options.pop("scheduler_options", {})
    try:
        usual["scheduler_options"] = {"dashboard": False, "dashboard_address": ":0", **own}
        Path(str(options.get("log_directory", usual["log_directory"]))).mkdir(parents=True, exist_ok=True)
        return kind(**{**usual, **options})
    except (TypeError, ValueError, OSError) as error:
        raise UserError(f"the options in [cluster] don't suit {name}: {error}; dask-jobqueue documents {kind.__name__}") from error


def _client(place: Any) -> Any:
    try:
        return Client(place, timeout=CONNECT, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as error:
        raise UserError(f"cannot reach the scheduler {place}: {error}; start one with `dask scheduler`") from error


def _ready(client: Any, width: int | None, patience: float, absent: str, cluster: Any = None) -> Dask:
    """The farm, once a worker is there; all workers must have our version."""
    try:
        try:
            client.wait_for_workers(1, timeout=patience)
        except TimeoutError as error:
            raise UserError(f"{absent} (waited {patience:g} s)") from error
        told = client.run(_version, on_error="return").values()  # a worker that dies meanwhile tells nothing
        unable = next((answer for answer in told if isinstance(answer, ImportError)), None)
        if unable is not None:
            raise UserError(f"a worker can't import eda_plugin ({unable}); start the workers in the environment that runs this")
        strange = {answer for answer in told if isinstance(answer, str)} - {eda_plugin.__version__}
        if strange:
            raise UserError(f"a worker has eda-plugin {strange.pop()}, here it is {eda_plugin.__version__}; install the same on both")
        return Dask(client, width or sum(client.nthreads().values()), cluster, patience if cluster is not None else START)
    except BaseException:
        client.close()
        raise


def _version() -> str:
    return eda_plugin.__version__
