"""``eda-plugin study``: rows invented for process variation, checked with the simulator and by what a regressor gains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from eda_plugin.cli import recorded
from eda_plugin.cli.options import PATH, as_json

__all__ = ["study"]


@click.command()
@recorded.recorded(work=("out",))
@click.argument("folder", type=PATH, metavar="FOLDER")
@click.option("--out", type=PATH, required=True, metavar="DIR", help="Results; what is finished there is not run again.")
@click.option("--cells", metavar="NAME,...", help="Cells.  [default: all]")
@click.option("--quick", is_flag=True, help="A short form: few rows, one seed.")
@click.option("--seeds", type=click.IntRange(min=1), help="Runs of each measurement.  [default: 5, quick: 1]")
@click.option("--sizes", metavar="N,...", help="Real rows to learn from.  [default: 100,250,500,1000,5000, quick: 100]")
@click.option("--kept", type=PATH, metavar="DIR", help="Further rows, from simulate.py.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Cells measured at once.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@as_json
def study(
    folder: Path,
    out: Path,
    cells: str | None,
    quick: bool,
    seeds: int | None,
    sizes: str | None,
    kept: Path | None,
    workers: int,
    quiet: bool,
    json_: bool,
) -> None:
    """Measure what invented rows are worth, on the rows of FOLDER (examples/process_variation).

    The paper's diffusion model (arXiv 2310.10691), its rivals and our conditional model invent rows; ngspice simulates them again; a
    regressor learns with and without them. Writes study.md, study.html and study.json.
    """
    from eda_plugin.cli.show import print_json, written
    from eda_plugin.errors import UserError
    from eda_plugin.flow.studying import StudySettings
    from eda_plugin.flow.studying import study as run

    settings = StudySettings().quick() if quick else StudySettings()
    if sizes:
        if any(not text.strip().isdecimal() or int(text) < 20 for text in sizes.split(",")):
            raise UserError(f"sizes {sizes!r}; expected numbers of rows, 20 or more, such as 100,250")
        settings = replace(settings, sizes=tuple(sorted({int(text) for text in sizes.split(",")})))
    names = tuple(name.strip() for name in cells.split(",")) if cells else ()
    settings = replace(settings, cells=names, workers=workers, seeds=seeds or settings.seeds)
    told = None if quiet or json_ else click.echo
    command = f"eda-plugin study {folder} --out {out}" + (" --quick" if quick else "") + f" --seeds {settings.seeds}"
    command += (
        f" --sizes {','.join(map(str, settings.sizes))}" + (f" --cells {cells}" if cells else "") + (f" --kept {kept}" if kept else "")
    )
    result = run(folder, out, settings, kept=kept, command=command, told=told)
    recorded.note({"cells": result.cells}, result.files)
    if json_:
        print_json({"cells": result.cells, "notes": result.notes, "files": [str(file) for file in result.files]})
    elif not quiet:
        for note in result.notes:
            click.echo(f"note: {note}", err=True)
        written(result.files)
