"""Experiment tracking with MLflow, as a plugin of eda-plugin: a run for each corner that is filled.

The store is what MLFLOW_TRACKING_URI names, else ``mlflow.db`` (SQLite) in the folder in which the command runs, with the artifacts in
``mlartifacts`` beside it; no server is needed. The experiment is MLFLOW_EXPERIMENT_NAME, else ``eda-plugin``.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from eda_plugin.hooks import hookimpl

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from eda_plugin.config import FillSettings
    from eda_plugin.domain import Corner, Library, Points
    from eda_plugin.hooks.registries import FilledCorner

__all__ = ["EDA_PLUGIN_HOOKS", "Tracker", "tracker"]

EDA_PLUGIN_HOOKS = "1.2"
HELD = 100
"""Metrics that are written together: a write a step would cost more than the step."""


class Tracker:
    """One run of MLflow at a time: begun before a fit, ended after it, completed where the library is written."""

    def __init__(self) -> None:
        self._client: MlflowClient | None = None
        self._run = ""
        self._held: list[tuple[str, float, int, int]] = []
        self._done: dict[tuple[str, str], str] = {}

    @hookimpl
    def before_fit(
        self, anchors: Sequence[Library], template: Library, target: Corner, measured: Points | None, settings: FillSettings
    ) -> None:
        from mlflow.entities import Param

        client = self._client = self._client or _client()
        self._run = client.create_run(_experiment(client), run_name=f"{template.name} {target.name}").info.run_id
        stated = {
            **vars(settings),
            "target": target.name,
            "template": Path(template.source).name,
            "anchors": " ".join(anchor.corner.name for anchor in anchors),
            "measured": 0 if measured is None else len(measured),
        }
        client.log_batch(self._run, params=[Param(name, str(value)) for name, value in stated.items()])

    @hookimpl
    def fit_step(self, stage: str, step: int, figures: Mapping[str, float]) -> None:
        if self._run:
            now = int(1000 * time.time())
            self._held += [(f"{stage}/{name}", value, now, step) for name, value in figures.items()]
            if len(self._held) >= HELD:
                self._write()

    @hookimpl
    def after_fill(self, library: Library, report: Mapping[str, object], model: FilledCorner) -> None:
        if not self._run or self._client is None:
            return
        now = int(1000 * time.time())
        self._held += [(name, value, now, 0) for name, value in _numbers(report)]
        self._write()
        self._client.log_dict(self._run, dict(report), "report.json")
        with tempfile.TemporaryDirectory() as folder:
            model.save(Path(folder))
            self._client.log_artifacts(self._run, folder, "checkpoint")
        self._client.set_terminated(self._run)
        self._done[library.name, library.corner.name], self._run = self._run, ""

    @hookimpl
    def after_write(self, library: Library, path: Path) -> None:
        """The report's page and figures; without matplotlib the page alone."""
        run = self._done.pop((library.name, library.corner.name), "")
        if not run or self._client is None:
            return
        import eda_plugin as ep
        from eda_plugin.hooks.manager import Plugins

        made = ep.make_report(path, session=ep.Session(Plugins()))
        self._client.set_tag(run, "library", str(path))
        with tempfile.TemporaryDirectory() as folder:
            made.write(Path(folder) / "report.html")
            if importlib.util.find_spec("matplotlib"):
                made.figures(Path(folder) / "figures")
            self._client.log_artifacts(run, folder)

    @hookimpl
    def on_error(self, error: Exception) -> None:
        if self._run and self._client is not None:
            self._write()
            self._client.set_tag(self._run, "error", f"{type(error).__name__}: {error}")
            self._client.set_terminated(self._run, "FAILED")
        self._run, self._held = "", []

    def _write(self) -> None:
        from mlflow.entities import Metric

        if self._client is not None and self._held:
            self._client.log_batch(self._run, metrics=[Metric(*held) for held in self._held])
        self._held = []


tracker = Tracker()


def _client() -> MlflowClient:
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from mlflow import MlflowClient

    return MlflowClient(os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path('mlflow.db').resolve()}")


def _experiment(client: MlflowClient) -> str:
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "eda-plugin"
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    place = None if os.environ.get("MLFLOW_TRACKING_URI") else Path("mlartifacts").resolve().as_uri()
    return str(client.create_experiment(name, artifact_location=place))


def _numbers(report: Mapping[str, object], before: str = "") -> Iterator[tuple[str, float]]:
    """The numbers of a fill's report by their path, in names that MLflow takes."""
    for name, value in report.items():
        path = before + "".join(mark if mark.isalnum() or mark in "_-. " else " " for mark in str(name))
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{path}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield path, float(value)
