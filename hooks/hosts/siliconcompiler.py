"""SiliconCompiler: a filled corner as a data root, and tasks that fill and check.

``edafill://FOLDER?corner=ss_100C_1v60`` names the folder in which ``ss_100C_1v60.lib`` lies once it is resolved, filled from the libraries
of FOLDER. SiliconCompiler finds the scheme through its entry-point group ``siliconcompiler.path_resolver``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from siliconcompiler import ASIC, StdCellLibrary, Task
from siliconcompiler.package import Resolver
from siliconcompiler.utils.multiprocessing import get_file_lock
from siliconcompiler.utils.paths import cwdirsafe, datarootdir

from eda_plugin.errors import EdaPluginError, UserError
from eda_plugin.hooks.hosts.command import check_libraries, fill_corner, library_files

__all__ = ["CheckTask", "FillResolver", "FillTask", "path_resolvers"]

SCHEME = "edafill"


class FillResolver(Resolver):
    """``edafill://FOLDER?corner=NAME[,NAME]``, with ``folder=`` (where to keep the corners) and options of ``fill`` as further keys.

    FOLDER is relative to the project's working directory unless it begins with ``/`` or a variable.
    """

    def resolve(self) -> Path:
        """Fill the corners, each once for the same input; the folder that has them. Raises ``UserError`` and what the fill raises."""
        asked = dict(parse_qsl(self.urlparse.query))
        corners = [name for name in asked.pop("corner", "").split(",") if name]
        if not corners:
            raise UserError(f"{self.source}: no corner; expected {SCHEME}://FOLDER?corner=ss_100C_1v60")
        root = Path(cwdirsafe(self.root))
        anchors = library_files([root / (self.urlparse.netloc + self.urlparse.path)])
        token = hashlib.sha256(self.urlparse.geturl().encode()).hexdigest()[:16]
        folder = root / asked.pop("folder") if "folder" in asked else Path(datarootdir(self.root)) / f"{SCHEME}-{token}"
        files = {name: root / asked.pop(name) for name in ("measured", "template") if name in asked}
        folder.mkdir(parents=True, exist_ok=True)
        options = [word for name, value in asked.items() for word in (f"--{name}", value)]
        lock = get_file_lock(folder / SCHEME)  # several jobs may ask for one corner at once
        lock.acquire()
        try:
            for corner in corners:
                self.logger.info(f"Filling the corner {corner} from {len(anchors)} libraries")
                fill_corner(anchors, corner, folder, **files, options=options)
        finally:
            lock.release()
        return folder


def path_resolvers() -> dict[str, type[Resolver]]:
    """What the entry point gives SiliconCompiler."""
    return {SCHEME: FillResolver}


class _EdaPluginTask(Task):
    """The project's timing libraries, and how a failure is told."""

    def tool(self) -> str:
        """Name of the tool."""
        return "eda_plugin"

    def _libraries(self) -> dict[Path, str]:
        """Liberty files of all scenarios' library corners, and the corner of each."""
        project: ASIC = self.project
        model = project.get("asic", "delaymodel")
        corners = {
            corner
            for scenario in project.constraint.timing.get_scenario().values()
            for corner in scenario.get_libcorner(self.step, self.index)
        }
        found: dict[Path, str] = {}
        for name in project.get("asic", "asiclib"):
            library: StdCellLibrary = project.get_library(name)
            for corner in sorted(corners):
                if library.valid("asic", "libcornerfileset", corner, model):
                    for fileset in library.get("asic", "libcornerfileset", corner, model):
                        for file in library.get_file(fileset=fileset, filetype="liberty"):
                            found[Path(file)] = corner
        return found

    def _fail(self, error: EdaPluginError) -> int:
        self.logger.error(f"eda-plugin: {error}")
        return error.exit_status

    def _keep(self, name: str, told: Mapping[str, Any]) -> None:
        reports = Path("reports")
        reports.mkdir(exist_ok=True)
        (reports / name).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


class CheckTask(_EdaPluginTask):
    """Checks the timing libraries of the project's scenarios, each and against each other.

    Findings stand in ``reports/findings.json`` and ``.sarif``; errors and warnings are the metrics of these names.
    """

    def __init__(self) -> None:
        super().__init__()
        self.add_parameter("rules", "[str]", "rules to apply, all where none is named")

    def task(self) -> str:
        """Name of the task."""
        return "check"

    def run(self) -> int:
        """0, or the exit status of a check that could not be made: findings are metrics, and goals decide."""
        Path("reports").mkdir(exist_ok=True)
        rules = [word for rule in self.get("var", "rules") for word in ("--rule", rule)]
        try:
            told = check_libraries(library_files(self._libraries()), "--sarif", "reports/findings.sarif", *rules)
        except EdaPluginError as error:
            return self._fail(error)
        self._keep("findings.json", told)
        for metric, severity in (("errors", "error"), ("warnings", "warning")):
            self.record_metric(metric, told["counts"][severity], source_file="reports/findings.json")
        return 0


class FillTask(_EdaPluginTask):
    """Fills corners from the libraries of the project's scenarios, or those in ``anchors``: one file ``outputs/CORNER.lib`` each."""

    def __init__(self) -> None:
        super().__init__()
        self.add_parameter("corners", "[str]", "corners to fill, such as ss_100C_1v60")
        self.add_parameter("anchors", "[file]", "libraries of other corners; those of the project's scenarios where none is named")
        self.add_parameter("options", "[str]", "options of `eda-plugin fill`, as they are")

    def task(self) -> str:
        """Name of the task."""
        return "fill"

    def setup(self) -> None:
        """One output a corner."""
        super().setup()
        self.add_required_key("var", "corners")
        for corner in self.get("var", "corners"):
            self.add_output_file(f"{corner}.lib")

    def run(self) -> int:
        """0, or the exit status of the fill that failed."""
        anchors = [Path(file) for file in self.find_files("var", "anchors")] or list(self._libraries())
        try:
            for corner in self.get("var", "corners"):
                made = fill_corner(anchors, corner, Path("filled"), options=self.get("var", "options"))
                Path("outputs", made.name).write_bytes(made.read_bytes())
        except EdaPluginError as error:
            return self._fail(error)
        return 0
