"""The commands of this package, registered by the hook through which anybody else's come."""

from __future__ import annotations

import click

from eda_plugin.cli.bench import bench
from eda_plugin.cli.characterize import characterize
from eda_plugin.cli.close import close
from eda_plugin.cli.compare_runs import compare_runs
from eda_plugin.cli.doctor import doctor
from eda_plugin.cli.fill import fill
from eda_plugin.cli.host_files import host_files
from eda_plugin.cli.ingest import ingest
from eda_plugin.cli.inspect import inspect
from eda_plugin.cli.lookup import lookup
from eda_plugin.cli.plan import plan
from eda_plugin.cli.plugins import plugins
from eda_plugin.cli.predict import predict
from eda_plugin.cli.pretrain import pretrain
from eda_plugin.cli.quality import check, compare
from eda_plugin.cli.query import query
from eda_plugin.cli.report import report
from eda_plugin.cli.rerun import rerun
from eda_plugin.cli.run import run
from eda_plugin.cli.study import study
from eda_plugin.cli.train_predictor import train_predictor
from eda_plugin.cli.variation import variation
from eda_plugin.hooks import hookimpl

__all__ = ["register_commands"]


@hookimpl
def register_commands(group: click.Group) -> None:
    for command in (
        inspect,
        ingest,
        plan,
        characterize,
        fill,
        close,
        lookup,
        run,
        pretrain,
        train_predictor,
        predict,
        check,
        compare,
        bench,
        study,
        variation,
        rerun,
        compare_runs,
        report,
        query,
        doctor,
        host_files,
        plugins,
    ):
        group.add_command(command)
