"""Clusters that tests start for themselves and end: Dask's scheduler with workers, and a Slurm of one node."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 180.0


def until(there: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Wait for it."""
    end = time.monotonic() + patience
    while not there():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come within {patience:g} s")
        time.sleep(0.05)


@contextlib.contextmanager
def started(commands: Sequence[Sequence[str]], folder: Path, environment: dict[str, str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Programs that run beside the test; what they say stands in ``folder``. All are ended with it, and what they started."""
    running: list[subprocess.Popen[bytes]] = []
    try:
        for number, command in enumerate(commands):
            with (folder / f"said-{number}-{Path(command[0]).name}").open("wb") as out:
                running.append(
                    subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment, start_new_session=True)
                )
        yield running
    finally:
        for process in reversed(running):
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        for process in running:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, 9)
                process.wait()


@contextlib.contextmanager
def dask_cluster(folder: Path, workers: int = 2) -> Iterator[str]:
    """A scheduler and ``workers`` worker processes, watched by a process that starts another where one dies; gives the address."""
    folder.mkdir(exist_ok=True)
    told = folder / "scheduler.json"
    python = [sys.executable, "-m"]
    words = ["--scheduler-file", str(told), "--no-dashboard"]
    scheduler = [*python, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", *words]
    worker = [*python, "distributed.cli.dask_worker", "--host", "127.0.0.1", "--nthreads", "1", "--nworkers", str(workers)]
    own = {"PYTHONPATH": os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(ROOT)]), "OMP_NUM_THREADS": "1"}
    environment = {**os.environ, **own, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "60s"}
    with started([scheduler], folder, environment):
        until(lambda: bool(address(told)), "the scheduler")
        with started([[*worker, *words, "--local-directory", str(folder)]], folder, environment):
            yield address(told)


def address(told: Path) -> str:
    """What a scheduler wrote of itself; empty as long as it has not, or is at it."""
    try:
        return str(json.loads(told.read_text())["address"])
    except (FileNotFoundError, ValueError):
        return ""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def slurm(folder: Path, programs: Callable[[str], str]) -> Iterator[dict[str, str]]:
    """A Slurm of this machine alone, in ``folder``, with a munge of its own; gives the environment in which its commands find it."""
    folder.mkdir(exist_ok=True)
    for name in ("state", "spool", "munge"):
        (folder / name).mkdir(mode=0o755)
    place = folder / "munge"
    (place / "key").write_bytes(os.urandom(128))
    (place / "key").chmod(0o400)
    host = socket.gethostname().partition(".")[0]
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    settings = {
        "ClusterName": "test", "SlurmctldHost": host, "SlurmUser": user, "SlurmdUser": user, "AuthType": "auth/munge",
        "AuthInfo": f"socket={place / 'socket'}", "CredType": "cred/munge", "SlurmctldPort": free_port(), "SlurmdPort": free_port(),
        "StateSaveLocation": folder / "state", "SlurmdSpoolDir": folder / "spool", "SlurmctldPidFile": folder / "ctld.pid",
        "SlurmdPidFile": folder / "slurmd.pid", "ProctrackType": "proctrack/linuxproc", "TaskPlugin": "task/none",
        "SelectType": "select/cons_tres", "SelectTypeParameters": "CR_Core", "ReturnToService": 2, "MpiDefault": "none",
        "JobAcctGatherType": "jobacct_gather/none", "SchedulerParameters": "sched_interval=1,batch_sched_delay=0",
        "NodeName": f"{host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN", "PartitionName": f"all Nodes={host} Default=YES State=UP",
    }  # fmt: skip
    configuration = folder / "slurm.conf"
    configuration.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    environment = {**os.environ, "SLURM_CONF": str(configuration)}
    munge = [programs("munged"), "--foreground", "--force", f"--key-file={place / 'key'}", f"--socket={place / 'socket'}"]
    munge += [f"--{name}-file={place / name}" for name in ("pid", "log", "seed")]
    daemons = [[programs("slurmctld"), "-D", "-c"], [programs("slurmd"), "-D", "-N", host]]

    def idle() -> bool:
        words = [programs("sinfo"), "--noheader", "--format=%T"]
        return subprocess.run(words, capture_output=True, text=True, check=False, env=environment).stdout.strip() in ("idle", "mixed")

    def empty() -> bool:
        words = [programs("squeue"), "--noheader"]
        return not subprocess.run(words, capture_output=True, text=True, check=False, env=environment).stdout.strip()

    with started([munge], folder, environment):
        until((place / "socket").exists, "munge")
        with started(daemons, folder, environment):
            until(idle, f"slurm, see {folder},")
            try:
                yield environment
            finally:  # steps that can't tell their end would wait for it for ever
                subprocess.run([programs("scancel"), f"--user={user}"], check=False, env=environment)
                until(empty, "the end of the jobs")
