"""``eda-plugin pretrain``: what libraries with many corners teach, for a library that has few."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from eda_plugin.cli.options import PATH, Inputs, as_json, reads
from eda_plugin.cli.recorded import note, recorded

__all__ = ["pretrain"]


@click.command()
@recorded("output")
@reads("LIBRARIES")
@click.option("-o", "--output", type=PATH, required=True, metavar="FILE.json", help="What was learnt, for `fill --pretrained`.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed gives the same file.")
@as_json
def pretrain(inputs: Inputs, output: Path, seed: int, json_: bool) -> None:
    """Learn from libraries that have many corners how corners follow each other, for libraries that have few.

    Each folder is one library with all its corners; files that are named one by one are one more.
    """
    from eda_plugin import flow
    from eda_plugin.cli.show import print_json, written

    folders = [(path,) for path in inputs.paths if path.is_dir()]
    files = tuple(path for path in inputs.paths if not path.is_dir())
    libraries = [replace(inputs, paths=paths).read() for paths in (*folders, *([files] if files else []))]
    made = flow.pretrain(libraries, seed=seed, session=inputs.session)
    file = made.write(output)
    groups = sorted(made.experience.groups)
    note({"corners": dict(made.corners), "groups": groups}, [file])
    if json_:
        print_json({"corners": dict(made.corners), "groups": groups, "files": [str(file)]})
    elif not inputs.quiet:
        click.echo(f"{', '.join(f'{name}: {count} corners' for name, count in made.corners.items())}; {', '.join(groups)}")
        written([file])
