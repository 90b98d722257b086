#!/usr/bin/env python3
"""Synthesise a design, time it with two libraries, and say how far apart they are.

usage: slack.py LIB_A LIB_B [--synthesis LIB] [--netlist NETLIST.v] [--design DESIGN.v --top NAME] [--work FOLDER] [--json]

LIB_B is the reference (the characterized corner), LIB_A what is judged (the filled one); both .lib or .lib.gz. yosys maps the design to
the cells of --synthesis (LIB_B where not given); OpenSTA times that one netlist with each. The clock is twice the reference's longest
path, so that slack and path delay weigh alike: the worst slack is about half the period. Reported: worst slack, longest and shortest
path, every endpoint's arrival, and every message that yosys and OpenSTA print for LIB_A and not for LIB_B.
Exit status 1 where LIB_A draws a message that LIB_B does not, or where a difference is above --limit per cent (1).
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
MESSAGE = re.compile(r"^\s*(?:ABC:\s*)?(?:warning|error)\b", re.IGNORECASE)


class ToolError(Exception):
    """yosys or OpenSTA did not finish; the text holds what it said."""


@dataclass(frozen=True)
class Timing:
    """Times in ns. ``arrivals``: latest arrival of each endpoint, those that no path reaches left out."""

    period: float
    worst_slack: float
    worst_hold_slack: float
    longest: float
    shortest: float
    arrivals: dict[str, float]


@dataclass(frozen=True)
class Report:
    """``a`` against the reference ``b``; differences in per cent of the reference, those of arrivals over all endpoints, absolute.

    ``new_messages``: what yosys and OpenSTA say of ``a`` and not of ``b``, file names and line numbers removed.
    """

    netlist_cells: int
    a: Timing
    b: Timing
    slack_pct: float
    longest_pct: float
    shortest_pct: float
    arrival_mean_pct: float
    arrival_worst_pct: float
    messages: tuple[str, ...]
    new_messages: tuple[str, ...]

    @property
    def worst_pct(self) -> float:
        """The larger of the differences in worst slack and in the longest path."""
        return max(abs(self.slack_pct), abs(self.longest_pct))


def plain(library: Path, work: Path, name: str) -> Path:
    """An unpacked copy: not every build of the tools reads gzip."""
    out = work / f"{name}.lib"
    with gzip.open(library, "rb") if library.suffix == ".gz" else library.open("rb") as source, out.open("wb") as target:
        shutil.copyfileobj(source, target)
    return out


def call(command: list[str], script: str, work: Path, name: str) -> str:
    """Run a tool on a script; its output, both streams together."""
    path = work / name
    path.write_text(script, encoding="utf-8")
    run = subprocess.run([*command, path.name], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    (work / f"{name}.log").write_text(run.stdout, encoding="utf-8")
    if run.returncode:
        raise ToolError(f"{command[0]} ended with status {run.returncode}:\n{run.stdout[-2000:]}")
    return run.stdout


def messages(output: str, library: Path) -> tuple[str, ...]:
    """Warnings and errors, without what differs from copy to copy: the file's name and the line numbers in it."""
    found = (line.strip() for line in output.splitlines() if MESSAGE.match(line))
    return tuple(re.sub(r"\bline \d+", "line", line.replace(str(library), "LIB").replace(library.name, "LIB")) for line in found)


def has_flip_flops(library: Path) -> bool:
    return re.search(r"^\s*ff\s*\(", library.read_text(encoding="utf-8", errors="replace"), re.MULTILINE) is not None


def synthesise(library: Path, design: Path, top: str, work: Path) -> tuple[Path, int]:
    """Map the design to the library's cells; the netlist and how many cells it has."""
    netlist = work / "netlist.v"
    clocked = has_flip_flops(library)
    define = "" if clocked else "-D COMBINATIONAL "
    steps = [
        f"read_verilog {define}{design}",
        f"synth -flatten -top {top}",
        f"dfflibmap -liberty {library}" if clocked else "",
        f"abc -liberty {library}",
        "opt_clean -purge",
        "stat",
        f"write_verilog -noattr -noexpr {netlist}",
    ]
    log = call(["yosys", "-s"], "\n".join(filter(None, steps)) + "\n", work, "synth.ys")
    return netlist, int(re.findall(r"Number of cells:\s+(\d+)", log)[-1])


def read_by_yosys(library: Path, work: Path) -> tuple[str, ...]:
    """What yosys, and ABC within it, say of the library."""
    steps = f"read_liberty -lib {library}\ndesign -reset\nread_verilog one.v\nsynth -top one\n"
    steps += f"dfflibmap -liberty {library}\n" if has_flip_flops(library) else ""
    steps += f"abc -liberty {library}\n"
    (work / "one.v").write_text("module one(input a, b, output y); assign y = ~(a & b); endmodule\n", encoding="utf-8")
    return messages(call(["yosys", "-s"], steps, work, f"read_{library.stem}.ys"), library)


STA = """
read_liberty {library}
read_verilog {netlist}
link_design {top}
set_cmd_units -time ns -capacitance pF
set inputs {{}}
foreach port [all_inputs] {{
  if {{[get_property $port full_name] != "clock"}} {{ lappend inputs $port }}
}}
create_clock -name clock -period {period:.9g} {clock}
set_input_delay 0 -clock clock $inputs
set_output_delay 0 -clock clock [all_outputs]
set_input_transition 0.05 $inputs
set_load 0.005 [all_outputs]
foreach kind {{max min}} {{
  foreach end [find_timing_paths -path_delay $kind -group_count 100000 -endpoint_count 1] {{
    set point [lindex [get_property $end points] end]
    puts "@ $kind [get_property $point arrival] [get_property $end slack] [get_property [get_property $point pin] full_name]"
  }}
}}
"""


def time_design(library: Path, netlist: Path, top: str, period: float, work: Path) -> tuple[Timing, tuple[str, ...]]:
    """Time the netlist with OpenSTA at a clock of ``period`` ns; inputs arrive with 50 ps slew, outputs drive 5 fF."""
    clock = "[get_ports clock]" if has_flip_flops(library) else ""
    script = STA.format(library=library, netlist=netlist, top=top, clock=clock, period=period)
    log = call(["sta", "-no_splash", "-exit"], script, work, f"{library.stem}.tcl")
    ends: dict[str, list[tuple[float, float, str]]] = {"max": [], "min": []}
    for line in log.splitlines():
        if line.startswith("@ "):
            _, kind, arrival, slack, name = line.split(" ", 4)
            ends[kind].append((float(arrival), float(slack), name))
    arrivals = {name: arrival for arrival, _, name in ends["max"] if arrival > 0}
    if not arrivals:
        raise ToolError(f"sta gave no path:\n{log[-2000:]}")
    timing = Timing(
        period=period,
        worst_slack=min(slack for _, slack, _ in ends["max"]),
        worst_hold_slack=min(slack for _, slack, _ in ends["min"]),
        longest=max(arrivals.values()),
        shortest=min(arrival for arrival, _, _ in ends["min"] if arrival > 0),
        arrivals=arrivals,
    )
    return timing, messages(log, library)


def compare(a: Path, b: Path, *, synthesis: Path | None, netlist: Path | None, design: Path, top: str, work: Path) -> Report:
    """The whole of it; ``netlist``, where given, is taken as it is."""
    library_a, library_b = plain(a, work, "a"), plain(b, work, "b")
    cells = 0
    if netlist is None:
        mapped = plain(synthesis, work, "synthesis") if synthesis else library_b
        netlist, cells = synthesise(mapped, design, top, work)
    first, _ = time_design(library_b, netlist, top, 1.0, work)
    period = 2 * first.longest
    timing_b, said_b = time_design(library_b, netlist, top, period, work)
    timing_a, said_a = time_design(library_a, netlist, top, period, work)
    said_b += read_by_yosys(library_b, work)
    said_a += read_by_yosys(library_a, work)
    shares = [
        abs(timing_a.arrivals[name] / arrival - 1) if name in timing_a.arrivals else 1.0 for name, arrival in timing_b.arrivals.items()
    ]
    return Report(
        netlist_cells=cells,
        a=timing_a,
        b=timing_b,
        slack_pct=100 * (timing_a.worst_slack - timing_b.worst_slack) / abs(timing_b.worst_slack),
        longest_pct=100 * (timing_a.longest / timing_b.longest - 1),
        shortest_pct=100 * (timing_a.shortest / timing_b.shortest - 1),
        arrival_mean_pct=100 * sum(shares) / len(shares),
        arrival_worst_pct=100 * max(shares),
        messages=said_b,
        new_messages=tuple(line for line in dict.fromkeys(said_a) if said_a.count(line) > said_b.count(line)),
    )


def show(report: Report) -> None:
    """The report for a terminal."""
    print(f"{report.netlist_cells or 'given'} cells, {len(report.b.arrivals)} endpoints, clock {report.b.period:.4g} ns")
    print(f"{'':16}{'A':>10}{'B':>10}{'A to B':>10}")
    for name, share in (("worst_slack", report.slack_pct), ("longest", report.longest_pct), ("shortest", report.shortest_pct)):
        print(f"{name:16}{getattr(report.a, name):10.4f}{getattr(report.b, name):10.4f}{share:+9.3f}%")
    print(f"{'worst_hold_slack':16}{report.a.worst_hold_slack:10.4f}{report.b.worst_hold_slack:10.4f}")
    print(f"arrivals differ by {report.arrival_mean_pct:.3f} % on average, {report.arrival_worst_pct:.3f} % at most")
    for line in report.new_messages:
        print(f"of A alone: {line}")
    print(f"{len(report.messages)} messages of B, {len(report.new_messages)} of A alone")


def main() -> int:
    parser = argparse.ArgumentParser(description="Time one netlist with two libraries.")
    parser.add_argument("lib_a", type=Path, help="the library that is judged")
    parser.add_argument("lib_b", type=Path, help="the reference")
    parser.add_argument("--synthesis", type=Path, help="library that the design is mapped to (default: LIB_B)")
    parser.add_argument("--netlist", type=Path, help="a mapped netlist to be timed as it is")
    parser.add_argument("--design", type=Path, default=HERE / "mac.v", help="Verilog to be synthesised")
    parser.add_argument("--top", default="mac", help="top module")
    parser.add_argument("--work", type=Path, help="folder for scripts, logs and the netlist (default: a temporary one)")
    parser.add_argument("--limit", type=float, default=1.0, help="largest difference in per cent that passes")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    options = parser.parse_args()
    wanted = [options.lib_a, options.lib_b, options.synthesis, options.netlist, options.design]
    for path in filter(None, wanted):
        if not path.is_file():
            parser.error(f"{path}: no such file")
    with tempfile.TemporaryDirectory() as folder:
        work = (options.work or Path(folder)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        netlist = options.netlist.resolve() if options.netlist else None
        try:
            report = compare(
                options.lib_a,
                options.lib_b,
                synthesis=options.synthesis,
                netlist=netlist,
                design=options.design.resolve(),
                top=options.top,
                work=work,
            )
        except (ToolError, OSError) as error:
            print(f"slack.py: {error}", file=sys.stderr)
            return 2
    if options.json:
        print(json.dumps({**asdict(report), "worst_pct": report.worst_pct}, indent=1))
    else:
        show(report)
    return int(bool(report.new_messages) or report.worst_pct > options.limit)


if __name__ == "__main__":
    sys.exit(main())
