"""CharLib over several corners: some characterized in full, the others filled from them, simulated only where an interval is too wide.

``python -m eda_plugin.hooks.hosts.charlib_run CONFIG --anchors LIBS --corner ss,0.72,-40 -o FOLDER``

Each of CharLib's tasks runs in a process that starts anew and imports this module first: what a filled one doesn't need is imported on use.
"""

from __future__ import annotations

import argparse
import copy
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eda_plugin.domain import Corner
    from eda_plugin.hooks.hosts.charlib_corner import FilledCorner

__all__ = ["characterize", "main"]


def characterize(config: dict[str, Any], corner: Corner, out: Path, filled: FilledCorner | None, *, jobs: int = 0) -> list[str]:
    """Let CharLib write one corner to ``out``, with the answers of ``filled`` where there is one; what its text had to be put right in.

    ``config`` as CharLib's file gives it; ``{process}`` in a model's name becomes the corner's.
    """
    from charlib.cli.utils import read_cell_configs

    from eda_plugin.errors import UserError
    from eda_plugin.files import replace_atomically
    from eda_plugin.hooks.hosts.charlib import PROCEDURES, Characterizer, answer_from
    from eda_plugin.hooks.hosts.charlib_text import repaired

    settings = copy.deepcopy(config["settings"])
    nodes = settings.setdefault("named_nodes", {})
    was = nodes.setdefault("primary_power", {"name": "VDD"}).get("voltage")
    nodes["primary_power"]["voltage"] = corner.voltage
    well = nodes.get("nwell")
    if well is not None and well.get("voltage") == was:
        well["voltage"] = corner.voltage
    settings["temperature"] = corner.temperature
    settings["lib_name"] = out.stem
    if filled is not None:
        settings["simulation"] = {**settings.get("simulation", {}), **PROCEDURES}
    answer_from(filled)
    made = Characterizer(**settings)
    made.settings.jobs = jobs or made.settings.jobs
    if not made.settings.units.capacitance.prefixed_unit.str_spice():
        raise UserError("PySpice has no such unit of capacitance, so CharLib would write loads of 0; take pF for capacitive_load")
    for name, properties in read_cell_configs(copy.deepcopy(config["cells"])):
        properties["models"] = [str(model).replace("{process}", corner.process) for model in properties["models"]]
        made.add_cell(name, properties)
    made.characterize()
    text, said = repaired(_exact(made.library))
    with replace_atomically(out) as part:
        part.write_text(text + "\n", encoding="utf-8")
    return said


def _exact(library: Any) -> str:
    """CharLib's text with twelve decimals: its six leave a load of 0.0002 pF three digits, its two round a supply of 0.675 V."""
    conditions = library.group("operating_conditions", "typical")
    for attribute in (*library.attributes.values(), *conditions.attributes.values()):
        attribute.precision = None
    return str(library.to_liberty(precision=12))


def main(arguments: list[str] | None = None) -> int:
    """Command line; the exit status."""
    from charlib.cli.utils import find_config

    from eda_plugin.domain import Corner
    from eda_plugin.errors import EdaPluginError, UserError
    from eda_plugin.hooks.hosts.charlib_corner import FilledCorner
    from eda_plugin.hooks.hosts.command import fill_corner, library_files

    parser = argparse.ArgumentParser(prog="charlib_run", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("config", help="CharLib's configuration, or a folder that has it")
    parser.add_argument("--simulate", action="append", default=[], metavar="P,V,T", help="corner that CharLib simulates in full")
    parser.add_argument("--corner", action="append", default=[], metavar="P,V,T", help="corner to fill")
    parser.add_argument("--anchors", nargs="*", default=[], help="libraries of other corners, or folders of them")
    parser.add_argument("--max-interval", type=float, default=0.1, help="simulate what is wider, as a share (%(default)s)")
    parser.add_argument("--option", action="append", default=[], help="option of `eda-plugin fill`, as it is")
    parser.add_argument("--jobs", type=int, default=0, help="CharLib's processes at once")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    given = parser.parse_args(arguments)
    try:
        config = find_config(given.config)
        given.output.mkdir(parents=True, exist_ok=True)
        anchors = library_files(given.anchors)
        for corner in map(Corner.parse, given.simulate):
            out = given.output / f"{config['settings']['lib_name']}_{corner.name}.lib"
            _told(out, characterize(config, corner, out, None, jobs=given.jobs))
            anchors.append(out)
        for corner in map(Corner.parse, given.corner):
            out = given.output / f"{config['settings']['lib_name']}_{corner.name}.lib"
            if out in anchors:
                raise UserError(f"{out} is an anchor; name another folder for filled corners")
            kept = given.output / "eda_plugin"
            values = kept / f"{corner.name}.values.csv"
            if not values.is_file():
                (kept / f"{corner.name}.stamp").unlink(missing_ok=True)
            library = fill_corner(anchors, corner.name, kept, options=["--values", str(values), *given.option])
            _told(out, characterize(config, corner, out, FilledCorner(library, values, given.max_interval), jobs=given.jobs))
    except (EdaPluginError, OSError, ValueError) as error:  # CharLib tells of a wrong configuration by ValueError
        sys.stderr.write(f"error: {error}\n")
        return getattr(error, "exit_status", 2)
    return 0


def _told(out: Path, said: list[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in [str(out), *(f"  put right: {one}" for one in said)]))


if __name__ == "__main__":
    sys.exit(main())
