"""LibreLane 3: a step that checks the timing libraries, and flows that fill the corners which STA_CORNERS names and LIB lacks.

LibreLane imports ``librelane_plugin_eda_plugin`` when it starts, which imports this. Its configuration is immutable and LIB belongs to it,
so corners are filled before a flow's first step, and the steps see a configuration that has them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path as FilePath
from typing import Any, ClassVar

from librelane.common import Path
from librelane.config import Variable
from librelane.flows import Flow, FlowException, SequentialFlow
from librelane.logging import info
from librelane.state import DesignFormat, State
from librelane.steps import DeferredStepError, Step, StepException

from eda_plugin.errors import EdaPluginError
from eda_plugin.hooks.hosts.command import check_libraries, fill_corner, library_files

__all__ = ["CheckLibraries", "FilledClassic", "FilledCorners", "corners_to_fill", "filled_lib"]

VARIABLES = [
    Variable(
        "EDA_PLUGIN_ANCHORS",
        list[Path] | None,
        "Libraries of other corners, or folders of them, from which missing corners are filled; those of LIB where nothing is named.",
    ),
    Variable(
        "EDA_PLUGIN_MEASURED",
        dict[str, Path] | None,
        "Simulations of a missing corner, by its name without the interconnect: a plan with delay and transition.",
    ),
    Variable("EDA_PLUGIN_OPTIONS", list[str], "Options of `eda-plugin fill`, as they are.", default=[]),
    Variable("EDA_PLUGIN_FOLDER", str, "Where filled corners are kept, within the design's folder.", default="eda_plugin"),
]


def corners_to_fill(config: Mapping[str, Any]) -> list[str]:
    """The timing corners (interconnect, process, voltage, temperature) that no pattern of LIB has a library for."""
    wanted = dict.fromkeys([config["DEFAULT_CORNER"], *config["STA_CORNERS"]])
    return [corner for corner in wanted if not _libraries(config, corner)]


def _libraries(config: Mapping[str, Any], corner: str) -> list[FilePath]:
    return [FilePath(path) for pattern, paths in config["LIB"].items() if fnmatchcase(corner, pattern) for path in paths]


def filled_lib(config: Mapping[str, Any], folder: FilePath) -> dict[str, list[Path]]:
    """LIB with the missing corners filled into ``folder``, each for all interconnect corners. Raises ``FlowException``."""
    lib = {pattern: list(paths) for pattern, paths in config["LIB"].items()}
    anchors = list(dict.fromkeys(FilePath(path) for paths in lib.values() for path in paths))
    measured = config.get("EDA_PLUGIN_MEASURED") or {}
    try:
        if named := config.get("EDA_PLUGIN_ANCHORS"):
            anchors = library_files(named)
        for corner in corners_to_fill(config):
            _, _, conditions = corner.partition("_")
            if f"*_{conditions}" in lib:
                continue
            info(f"Filling the corner {conditions} from {len(anchors)} libraries…")
            points = FilePath(measured[conditions]) if conditions in measured else None
            made = fill_corner(anchors, conditions, folder, measured=points, options=config["EDA_PLUGIN_OPTIONS"])
            lib[f"*_{conditions}"] = [Path(made)]
    except EdaPluginError as error:
        raise FlowException(f"eda-plugin cannot fill the corners that LIB lacks: {error}") from error
    return lib


class FilledCorners(SequentialFlow):
    """Before its steps run, this flow fills the corners that STA_CORNERS names and LIB lacks.

    Put it before another sequential flow in a class statement; ``EdaPlugin.Classic`` is such a one.
    """

    config: Any
    Steps: ClassVar[list[type[Step]]] = []
    config_vars: ClassVar[list[Variable]] = VARIABLES

    def run(self, initial_state: State, **options: Any) -> tuple[State, list[Step]]:
        """Run the flow's steps with a configuration that has every corner."""
        given = self.config
        if corners_to_fill(given):
            folder = FilePath(self.design_dir) / given["EDA_PLUGIN_FOLDER"]
            self.config = given.copy(LIB=filled_lib(given, folder))
            used = FilePath(str(self.run_dir)) / "eda_plugin_lib.json"
            used.write_text(json.dumps({pattern: list(map(str, paths)) for pattern, paths in self.config["LIB"].items()}, indent=2) + "\n")
        return super().run(initial_state, **options)  # type: ignore[no-any-return]


@Step.factory.register()
class CheckLibraries(Step):
    """Checks the timing libraries of all STA corners, each and against each other.

    The findings stand in the step's folder (``findings.json``, ``findings.sarif``), their numbers are metrics.
    """

    id = "EdaPlugin.CheckLibraries"
    name = "Check timing libraries"
    inputs: ClassVar[list[DesignFormat]] = []
    outputs: ClassVar[list[DesignFormat]] = []
    config_vars: ClassVar[list[Variable]] = [
        Variable("EDA_PLUGIN_RULES", list[str], "Rules to apply, all where none is named.", default=[]),
        Variable("ERROR_ON_LIBRARY_FINDINGS", bool, "Findings of the severity error fail the flow at its end.", default=True),
    ]

    def run(self, state_in: State, **_: Any) -> tuple[dict[DesignFormat, Any], dict[str, Any]]:  # noqa: ARG002 - the step's contract
        """The metrics ``library__check_error__count`` and so on for warnings and notes."""
        found: dict[FilePath, None] = {}
        for corner in self.config["STA_CORNERS"]:
            found.update(dict.fromkeys(_libraries(self.config, corner)))
        folder = FilePath(self.step_dir)
        rules = [word for rule in self.config["EDA_PLUGIN_RULES"] for word in ("--rule", rule)]
        try:
            told = check_libraries(list(found), "--sarif", folder / "findings.sarif", *rules)
        except EdaPluginError as error:
            raise StepException(f"eda-plugin cannot check the timing libraries: {error}") from error
        (folder / "findings.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        counts: dict[str, int] = told["counts"]
        if counts["error"] and self.config["ERROR_ON_LIBRARY_FINDINGS"]:
            shown = _first_error(told["findings"])
            raise DeferredStepError(f"{counts['error']} errors in the timing libraries, see {folder / 'findings.json'}: {shown}")
        return {}, {f"library__check_{severity}__count": count for severity, count in counts.items()}


def _first_error(findings: Sequence[Mapping[str, Any]]) -> str:
    first = next(found for found in findings if found["severity"] == "error")
    return f"{FilePath(first['file']).name}: {first['rule']}: {first['message']}"


_Classic = Flow.factory.get("Classic")


@Flow.factory.register("EdaPlugin.Classic")
class FilledClassic(FilledCorners, _Classic):  # type: ignore[valid-type,misc]
    """LibreLane's Classic flow after its missing corners were filled and its timing libraries checked."""

    name = "Classic with filled corners"
    Steps: ClassVar[list[type[Step]]] = [CheckLibraries, *_Classic.Steps]
    config_vars: ClassVar[list[Variable]] = [*VARIABLES, *_Classic.config_vars]
    gating_config_vars: ClassVar[dict[str, list[str]]] = _Classic.gating_config_vars
