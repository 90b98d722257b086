"""The tracker of examples/mlflow_plugin, installed as a wheel: what MLflow holds of a fill, and of one that failed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]
ASK = """
import json
from mlflow import MlflowClient

client = MlflowClient("sqlite:///mlflow.db")
experiment = client.get_experiment_by_name("eda-plugin")


def below(run, path=None):
    for found in client.list_artifacts(run, path):
        yield from below(run, found.path) if found.is_dir else [found.path]


told = [
    {
        "status": run.info.status, "params": run.data.params, "metrics": run.data.metrics, "tags": run.data.tags,
        "history": [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "toy/filled")],
        "files": sorted(below(run.info.run_id)),
    }
    for run in client.search_runs([experiment.experiment_id], order_by=["attributes.start_time"])
]
print(json.dumps(told))
"""


@pytest.fixture
def tracked(repository: Path, tmp_path: Path, toy_model: str, mlflow_packages: Path) -> str:
    """A PYTHONPATH on which the plugin's wheel, MLflow and the toy model are installed."""
    example, site = repository / "examples" / "mlflow_plugin", tmp_path / "tracked"
    shutil.copytree(example, tmp_path / "source", ignore=shutil.ignore_patterns("build", "__pycache__", "*.egg-info"))
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check"]
    for words in (["wheel", str(tmp_path / "source"), *options, "-w", str(tmp_path)], ["install", *options, "--target", str(site)]):
        wheels = [str(path) for path in tmp_path.glob("eda_plugin_mlflow-*.whl")]
        made = subprocess.run([sys.executable, "-m", "pip", *words, *wheels], capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr
    return os.pathsep.join([str(site), os.environ["PYTHONPATH"], str(mlflow_packages)])


def test_mlflow_holds_parameters_metrics_by_step_figures_and_checkpoints(
    tracked: str, anchors: list[Path], command: Command, tmp_path: Path
) -> None:
    where = {"PYTHONPATH": tracked}
    asked = ["--target", "ss,1.60,100", "--model", "toy", "--seed", "7", "--report", "filled.json", "-o", "filled.lib"]
    ran = command("fill", *anchors, *asked, **where)
    assert ran.returncode == 0, ran.stderr
    assert "warning" not in ran.stderr
    failed = command("fill", *anchors, "--target", "ss,1.60,100", "--device", "nosuch", "-o", "other.lib", **where)
    assert failed.returncode == 2, failed.stderr
    python = [sys.executable, "-W", "ignore", "-c", ASK]
    found = subprocess.run(python, cwd=tmp_path, env={**os.environ, **where}, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    run, broken = json.loads(found.stdout)
    assert run["status"] == "FINISHED"
    assert (run["params"]["seed"], run["params"]["model"], run["params"]["target"]) == ("7", "toy", "ss_100C_1v60")
    assert len(run["params"]["anchors"].split()) == len(anchors)
    assert [step for step, _ in run["history"]] == sorted(step for step, _ in run["history"])
    assert len(run["history"]) > 1
    assert run["metrics"]["origins/predicted"] == json.loads((tmp_path / "filled.json").read_text())["fill"]["origins"]["predicted"]
    assert {"checkpoint/toy.txt", "report.json", "report.html", "figures/corners.png", "figures/corners.svg"} <= set(run["files"])
    assert broken["status"] == "FAILED"
    assert "nosuch" in broken["tags"]["error"]
