#!/usr/bin/env python3
"""A SiliconCompiler flow that times a design at a corner which nobody has characterized.

usage: timing.py LIBRARIES CORNER [--true LIBRARY] [--model MODEL]      such as  timing.py lib ss_100C_1v60

The cells' slow corner is a data root of the scheme ``edafill``: SiliconCompiler fills it from LIBRARIES when it looks for its files. The
flow checks that library, maps the design to its cells with yosys and times it with OpenSTA. Its two tasks with tools keep to what old
releases of these tools know, too. ``--true`` times the same design with a library of the corner instead. The result stands in timing.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from siliconcompiler import ASIC, PDK, Design, Flowgraph, StdCellLibrary
from siliconcompiler.tools.opensta import OpenSTATask
from siliconcompiler.tools.yosys import YosysTask

from eda_plugin.hooks.hosts.siliconcompiler import CheckTask

HERE = Path(__file__).resolve().parent
PERIOD = 40  # ns


class Cells(StdCellLibrary):
    """The standard cells, of which the corner ``slow`` is filled, or the true one."""

    def __init__(self, source: str, name: str) -> None:
        super().__init__("cells")
        self.add_asic_pdk("process")
        self.set_dataroot("slow", source)
        with self.active_dataroot("slow"), self.active_fileset("models.slow"):
            self.add_file(name, filetype="liberty")
            self.add_asic_libcornerfileset("slow", "nldm")


def liberty(project) -> str:
    """Path of the library's slow corner."""
    return project.get_library("cells").get_file(fileset="models.slow", filetype="liberty")[0]


class Map(YosysTask):
    """Maps the design to the library's cells."""

    def task(self):
        return "map"

    def setup(self):
        super().setup()
        self.set_dataroot("here", str(HERE))
        self.set_script("map.tcl", dataroot="here")
        self.add_output_file(ext="vg")

    def pre_process(self):
        super().pre_process()
        source = self.project.design.get_file(fileset="rtl", filetype="verilog")[0]
        text = f"set library {{{liberty(self.project)}}}\nset source {{{source}}}\nset top {self.design_topmodule}\n"
        Path("settings.tcl").write_text(text)


class Time(OpenSTATask):
    """Times the mapped design; the worst slack is the metric ``setupslack``."""

    def task(self):
        return "time"

    def setup(self):
        super().setup()
        self.set_dataroot("here", str(HERE))
        self.set_script("time.tcl", dataroot="here")
        self.add_input_file(ext="vg")

    def pre_process(self):
        super().pre_process()
        text = f"set library {{{liberty(self.project)}}}\nset period {PERIOD}\nset top {self.design_topmodule}\n"
        Path("settings.tcl").write_text(text)

    def post_process(self):
        super().post_process()
        said = Path(self.get_logpath("exe")).read_text()
        slack = float(said.rsplit("worst slack is ", 1)[1].split()[0])
        self.record_metric("setupslack", slack, source_unit="ns")


def main() -> None:
    parser = argparse.ArgumentParser(description="Time a design at a corner that is filled.")
    parser.add_argument("libraries", type=Path, help="folder of libraries at other corners")
    parser.add_argument("corner", help="such as ss_100C_1v60")
    parser.add_argument("--true", type=Path, help="a library of the corner, in the place of the filled one")
    parser.add_argument("--measured", type=Path, help="simulations of the corner: a plan with delay and transition")
    parser.add_argument("--template", type=Path, help="library with the corner's own axes")
    parser.add_argument("--model", default="auto", help="of eda-plugin fill")
    parser.add_argument("--rule", action="append", default=[], help="check by this rule only; may be repeated")
    options = parser.parse_args()
    design = Design("mac")
    design.set_dataroot("timing", str(HERE.parent / "timing"))
    with design.active_dataroot("timing"), design.active_fileset("rtl"):
        design.set_topmodule("mac")
        design.add_file("mac.v")
    project = ASIC(design)
    project.add_fileset("rtl")
    project.set_pdk(PDK("process"))
    if options.true:
        cells = Cells(str(options.true.resolve().parent), options.true.name)
    else:
        files = {"measured": options.measured, "template": options.template}
        given = "".join(f"&{name}={path.resolve()}" for name, path in files.items() if path)
        place = f"edafill://{options.libraries.resolve()}?corner={options.corner}&model={options.model}{given}"
        cells = Cells(place, f"{options.corner}.lib")
    project.set_mainlib(cells)
    project.set_asic_delaymodel("nldm")
    scenario = project.constraint.timing.make_scenario("slow")
    scenario.add_libcorner("slow")
    scenario.add_check("setup")
    flow = Flowgraph("timing")
    flow.node("check", CheckTask())
    flow.node("map", Map())
    flow.node("time", Time())
    flow.edge("check", "map")
    flow.edge("map", "time")
    project.set_flow(flow)
    for rule in options.rule:
        CheckTask.find_task(project).add("var", "rules", rule)
    project.option.set_novercheck(True)
    project.option.set_nodashboard(True)
    project.option.set_clean(True)
    project.run()
    metrics = {"library": liberty(project)}
    for step, metric in (("check", "errors"), ("check", "warnings"), ("time", "setupslack")):
        metrics[metric] = project.history("job0").get("metric", metric, step=step, index="0")
    Path("timing.json").write_text(json.dumps(metrics, indent=1) + "\n")


if __name__ == "__main__":
    main()
