"""``eda-plugin predict``: delay predictors that a flow can ask."""

from __future__ import annotations

import click

from eda_plugin.cli.options import as_json, inputs

__all__ = ["predict"]


@click.command()
@inputs("files")
@as_json
def predict(**_: object) -> None:
    """Train a GBR delay predictor on libraries."""
