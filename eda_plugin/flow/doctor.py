"""What this installation has, what it lacks, and what to do about it."""

from __future__ import annotations

import importlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from eda_plugin.flow.runs.facts import DISTRIBUTION, requirements
from eda_plugin.flow.tested import PYTHON, TESTED
from eda_plugin.hooks.manager import Plugins

__all__ = ["Item", "examine"]

OK, NOTE, BROKEN = "ok", "note", "broken"
ROOM = 2 << 30
"""Bytes that a disk should have free."""
PATIENCE = 20.0
"""Seconds for a program to tell its version."""
_EXTRAS = {
    "plots": "plots of bench",
    "raw": "raw waveforms through spicelib",
    "query": "SQL over libraries",
    "farm": "--cluster: Dask and batch systems",
    "fuzz": "fuzzing the readers",
    "onnx": "predictors as ONNX",
    "skops": "predictors as skops",
}
_MODULES = {"liberty-parser": "liberty", "scikit-learn": "sklearn"}
"""Modules whose name is not the distribution's."""
_VERSION = re.compile(r"\d+(?:\.\d+)+\S*|\b\d+\b")


@dataclass(frozen=True)
class Item:
    """``status``: ok; note (something is absent, old, new or scant, and not needed); broken (needed). ``advice`` says what to do."""

    group: str
    name: str
    status: str
    found: str
    advice: str = ""

    def to_dict(self) -> dict[str, str]:
        return asdict(self)


def examine(plugins: Plugins, *, search: str | None = None) -> list[Item]:
    """Everything, in the order in which it is shown. ``search``: where programs are looked for, as ``PATH`` names folders."""
    return [*_python(), *_extras(), *_programs(search), *_machine(), *_folders(), *_plugins(plugins)]


def _python() -> Iterator[Item]:
    version = platform.python_version()
    status, advice = _judged(version, PYTHON[0], PYTHON[1], f"install Python {PYTHON[0]} or newer")
    yield Item("packages", "Python", status, f"{version}{_tested(PYTHON[1], status)}", advice)
    stated = requirements()
    if not stated:
        yield Item(
            "packages", DISTRIBUTION, BROKEN, "not installed as a package", "pip install it, so that its requirements and plugins are known"
        )
    for name, (least, extras) in stated.items():
        if not extras:
            yield _package(name, least)


def _package(name: str, least: str) -> Item:
    command = f"pip install '{name}>={least}'" if least else f"pip install {name}"
    try:
        version = metadata.version(name)
        importlib.import_module(_MODULES.get(name, name.replace("-", "_")))
    except metadata.PackageNotFoundError:
        return Item("packages", name, BROKEN, "not installed", command)
    except (ImportError, OSError) as error:
        return Item("packages", name, BROKEN, f"{version} can't be imported: {error}", f"{command} --force-reinstall")
    tested = TESTED.get(name, "")
    status, advice = _judged(version, least, tested, command)
    return Item("packages", name, status, version + _tested(tested, status), advice)


def _judged(version: str, least: str, tested: str, command: str) -> tuple[str, str]:
    if _numbers(version) < _numbers(least):
        return BROKEN, f"{least} or newer is needed: {command}"
    if tested and _numbers(version)[0] > _numbers(tested)[0]:
        return NOTE, f"newer than what is tested, {tested}; if something fails, install that"
    return OK, ""


def _tested(tested: str, status: str) -> str:
    return f" (tested: {tested})" if tested and status != BROKEN else ""


def _numbers(version: str) -> tuple[int, ...]:
    """The release of a version; empty for an empty text."""
    return tuple(int(part) for part in re.findall(r"\d+", re.split(r"[+a-z]", version, maxsplit=1)[0]))


def _extras() -> Iterator[Item]:
    stated = requirements()
    for extra in sorted({extra for _, extras in stated.values() for extra in extras} - {"dev"}):
        own = [name for name, (_, extras) in stated.items() if extra in extras]
        lacking = [name for name in own if not _installed(name)]
        gives = _EXTRAS.get(extra, ", ".join(own))
        if lacking:
            yield Item("extras", extra, NOTE, f"absent: {gives}", f"pip install '{DISTRIBUTION}[{extra}]' brings {', '.join(lacking)}")
        else:
            yield Item("extras", extra, OK, f"{gives}: {', '.join(f'{name} {metadata.version(name)}' for name in own)}")


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _programs(search: str | None) -> Iterator[Item]:
    for name, binaries, words, use in (
        ("ngspice", ("ngspice",), ("--version",), "characterize, close"),
        ("hspice", ("hspice",), ("-v",), "characterize --simulator hspice"),
        ("Xyce", ("Xyce", "xyce"), ("-v",), "characterize --simulator xyce"),
        ("OpenSTA", ("sta", "opensta"), ("-version",), "the Tcl verbs of docs/hosts/opensta.md"),
        ("yosys", ("yosys",), ("-V",), "synthesis in examples"),
    ):
        path = next((found for binary in binaries if (found := shutil.which(binary, path=search))), None)
        if path is None:
            yield Item("programs", name, NOTE, f"not found (for {use})", f"install it and put it on PATH, where you want {use}")
            continue
        version, problem = _ask([path, *words])
        if problem:
            yield Item(
                "programs",
                name,
                NOTE,
                f"{path}: {problem}",
                f"run `{' '.join((path, *words))}` yourself: a licence or a library may be missing",
            )
        else:
            yield Item("programs", name, OK, f"{version or 'version unknown'}: {path}")


def _ask(command: Sequence[str]) -> tuple[str, str]:
    """The version that a program tells, and what went wrong."""
    try:
        with tempfile.TemporaryDirectory() as folder:  # some leave files where they are called
            ran = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False, cwd=folder, errors="replace"
            )
    except subprocess.TimeoutExpired:
        return "", f"told no version within {PATIENCE:g} s"
    except OSError as error:
        return "", f"can't be started: {error.strerror or error}"
    text = ran.stdout + ran.stderr
    found = next((match for line in text.splitlines() if (match := _VERSION.search(line))), None)
    if found is None:
        return "", "" if ran.returncode == 0 else f"ended with status {ran.returncode}"
    return found[0].rstrip(":,;)"), ""


def _machine() -> Iterator[Item]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    stated = os.environ.get("OMP_NUM_THREADS", "")
    advice = "" if not stated or stated.isdigit() else "set OMP_NUM_THREADS to a number, or not at all"
    threads = f"{cores} cores for this process; OMP_NUM_THREADS {stated or 'not set: the numerical libraries take all'}"
    yield Item("machine", "threads", NOTE if advice else OK, threads, advice)
    try:
        import torch

        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    except (ImportError, OSError, RuntimeError, AssertionError) as error:
        yield Item("machine", "GPU", NOTE, f"torch can't tell: {error}", "networks are trained on the CPU")
        return
    built = torch.version.cuda
    lacks = f"torch has CUDA {built}, and no device is there" if built else "torch is built without CUDA"
    if names:
        yield Item("machine", "GPU", OK, f"{', '.join(names)} (CUDA {built}): fill --device cuda")
    else:
        yield Item("machine", "GPU", OK, f"none: {lacks}; networks are trained on the CPU")


def _folders() -> Iterator[Item]:
    from eda_plugin.adapters.liberty.cache import user_folder

    cache = user_folder()
    files = [path for path in cache.rglob("*") if path.is_file()] if cache.is_dir() else []
    size = sum(path.stat().st_size for path in files)
    said = f"{cache}: {len(files)} files, {size / 1e6:.0f} MB"
    place = next(path for path in (cache, *cache.parents) if path.exists())
    if place.is_dir() and os.access(place, os.W_OK):
        yield Item("folders", "cache", OK, said)
    else:
        yield Item(
            "folders", "cache", NOTE, f"{said}; can't be written", "every library is parsed anew; name another with EDA_PLUGIN_CACHE"
        )
    temporary = Path(tempfile.gettempdir())
    for name, folder in (("working folder", Path.cwd()), ("temporary files", temporary), ("cache's disk", place)):
        free = shutil.disk_usage(folder).free
        scant = free < ROOM
        advice = f"less than {ROOM >> 30} GB: a run may find no room; make some, or work on another disk" if scant else ""
        yield Item("folders", name, NOTE if scant else OK, f"{folder}: {free / 1e9:.1f} GB free", advice)


def _plugins(plugins: Plugins) -> Iterator[Item]:
    registries: tuple[tuple[str, Callable[[], object]], ...] = (
        ("formats", lambda: plugins.formats),
        ("models", lambda: plugins.models),
        ("hosts", lambda: plugins.hosts),
        ("checks", lambda: plugins.checks),
    )
    for _, ask in registries:  # a plugin may break only here
        ask()
    for info in plugins.infos:
        said = f"{info.status} {info.distribution} {info.version}".strip()
        if info.status == "broken":
            advice = f"update or remove {info.distribution or info.name}, or leave it out with --disable-plugin {info.name}"
            yield Item("plugins", info.name, BROKEN, f"{said}: {info.problem}", advice)
        else:
            yield Item("plugins", info.name, OK, said)
