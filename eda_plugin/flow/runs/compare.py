"""Two runs beside each other: what they were asked, what they were given, what came out, how long it took."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eda_plugin.flow.runs.files import FileFact
from eda_plugin.flow.runs.stored import StoredRun, read_run

__all__ = ["SECTIONS", "Difference", "compare_files", "compare_runs", "flat"]

SECTIONS = ("settings", "versions", "inputs", "outputs", "figures", "timings")


@dataclass(frozen=True)
class Difference:
    """One line: ``section``, ``name``, and what each run has there, ``None`` where it has nothing; ``same``: whether that is the same.

    Files are the same by their bytes; ``note`` says where only times differ. Seconds are never the same.
    """

    section: str
    name: str
    first: object
    second: object
    same: bool
    note: str = ""

    @property
    def ratio(self) -> float:
        """The second number in terms of the first; NaN where there are not two."""
        numbers = [value for value in (self.first, self.second) if isinstance(value, int | float) and not isinstance(value, bool)]
        return float(numbers[1] / numbers[0]) if len(numbers) == 2 and numbers[0] else math.nan


def compare_runs(first: str | Path | StoredRun, second: str | Path | StoredRun) -> list[Difference]:
    """Every setting, version, file, figure and stage of two runs, section by section. Raises ``UserError`` for folders of no run.

    Inputs are matched by their path, outputs by the option that named them.
    """
    one, two = (run if isinstance(run, StoredRun) else read_run(run) for run in (first, second))
    found = _values("settings", _settings(one), _settings(two))
    found += _values("versions", flat(one.versions), flat(two.versions))
    found += _values("versions", dict(one.environment), dict(two.environment))
    found += compare_files("inputs", _by_path(one.inputs), _by_path(two.inputs))
    found += compare_files("outputs", by_role(one.outputs), by_role(two.outputs))
    found += _values("figures", one.figures, two.figures)
    return found + _values("timings", _seconds(one), _seconds(two))


def compare_files(section: str, first: Mapping[str, FileFact], second: Mapping[str, FileFact]) -> list[Difference]:
    """Files by name: the same bytes, the same but for times, or not."""
    found = []
    for name in dict.fromkeys((*first, *second)):
        one, two = first.get(name), second.get(name)
        if one is None or two is None:
            found.append(Difference(section, name, one and one.path, two and two.path, False, "only in one"))
            continue
        times = bool(one.timeless) and one.timeless == two.timeless
        same = one.sha256 == two.sha256 or times
        note = "same bytes" if one.sha256 == two.sha256 else "same but for times" if times else "other bytes"
        found.append(Difference(section, name, one.sha256[:12], two.sha256[:12], same, note))
    return found


def by_role(files: Sequence[FileFact]) -> dict[str, FileFact]:
    """Outputs by the option that named them, else by path."""
    return {one.role or one.path: one for one in files}


def _by_path(files: Sequence[FileFact]) -> dict[str, FileFact]:
    return {one.path: one for one in files}


def flat(value: Mapping[str, object], before: str = "") -> dict[str, object]:
    """Nested mappings with dotted names."""
    found: dict[str, object] = {}
    for name, item in value.items():
        found |= flat(item, f"{before}{name}.") if isinstance(item, Mapping) else {f"{before}{name}": item}
    return found


def _settings(run: StoredRun) -> dict[str, object]:
    """What was asked, files by the text that named them."""
    own = {one.name: one.value for one in run.request.arguments}
    return {"command": run.request.command, **own, "disabled plugins": ", ".join(run.request.disabled), "folder": str(run.request.folder)}


def _seconds(run: StoredRun) -> dict[str, object]:
    stages: dict[str, object] = {name: told["seconds"] for name, told in run.timings.items()}
    return stages if math.isnan(run.seconds) else {**stages, "all": run.seconds}


def _values(section: str, first: Mapping[str, object], second: Mapping[str, object]) -> list[Difference]:
    names = dict.fromkeys((*first, *second))
    return [Difference(section, name, first.get(name), second.get(name), first.get(name) == second.get(name)) for name in names]
