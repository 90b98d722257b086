"""lctime as a host: it characterizes the cells of a plan, on the grid that the plan's points span, and the points are looked up.

lctime takes a template and gives a library; it has no hooks. It runs in an environment of its own: nothing of it is imported here. Its
slews are ramps from rail to rail; what goes in and what comes out is converted (``lctime_text``).
"""

from __future__ import annotations

import csv
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from eda_plugin.errors import UserError
from eda_plugin.hooks.hosts.command import run_command
from eda_plugin.hooks.hosts.lctime_text import ramp_share, with_liberty_slews
from eda_plugin.hooks.registries import Host

__all__ = ["lctime_host", "template_at"]

_UNIT = re.compile(r'\btime_unit\s*:\s*"?1([munpf]?)s', re.ASCII)
_LOAD = re.compile(r"\bcapacitive_load_unit\s*\(\s*([0-9.eE+-]+)\s*,\s*\"?([munpf])f", re.IGNORECASE)
_LOAD_FIRST = re.compile(r'\bvariable_1\s*:\s*"?total_output_net_capacitance')
_PREFIX = {"": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}


def lctime_host(
    template: Path, spice: Sequence[Path], *, program: str = "lctime", models: str = "", options: Sequence[str] = (), name: str = "lctime"
) -> Host:
    """A host for ``register_hosts``: ``eda-plugin run lctime``.

    ``template``: the library whose cells, units and axes hold, as for ``plan``; ``spice``: netlists. ``models``: a SPICE ``.lib``, file and
    section, in which ``{process}`` becomes the corner's (``models.sp {process}``). ``options`` go to lctime as they are.
    """

    def simulate(plan: Path, measured: Path, corner: str) -> None:
        process, volts, celsius = corner.split(",")
        text = template.read_text(encoding="utf-8")
        share = ramp_share(text)
        base = measured.with_suffix(".template.lib")
        base.write_text(template_at(text, volts, celsius), encoding="utf-8")
        answers: list[str] = []
        for cell, (head, *rows) in _by_cell(plan).items():
            slews, loads = _grid([head, *rows], text)
            out, asked, told = (measured.with_suffix(f".{cell}.{end}") for end in ("lib", "plan.csv", "csv"))
            asked.write_text("".join([head, *rows]), encoding="utf-8")
            ramps = [slew / share for slew in slews]
            grid = ["--slew-times", _listed(ramps), "--output-loads", _listed(loads)]
            library = ["-L", models.replace("{process}", process)] if models else []
            command = [program, "-l", base, "--cell", cell, "--spice", *spice, *library, *grid, *options, "-o", out]
            try:
                ran = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
            except OSError as error:
                raise UserError(f"cannot start {program}: {error.strerror or error}; install lctime, or name it") from error
            if ran.returncode or not out.is_file():
                said = (ran.stderr.strip() or ran.stdout.strip())[-500:]
                raise UserError(f"lctime failed at {corner} for {cell}, exit status {ran.returncode}: {said}")
            out.write_text(with_liberty_slews(out.read_text(encoding="utf-8"), share), encoding="utf-8")
            # lctime writes indices with six decimals, and simulates at what it was given.
            run_command("lookup", asked, out, "--template", template, "--tolerance", "1%", "-o", told)
            lines = told.read_text(encoding="utf-8").splitlines(keepends=True)
            answers += lines if not answers else lines[1:]
        measured.write_text("".join(answers), encoding="utf-8")

    return Host(name, "lctime: combinational and sequential cells with ngspice", simulate)


def template_at(text: str, volts: str, celsius: str) -> str:
    """A library's text with another voltage and temperature: the nominal ones and those of its operating conditions."""
    numbers = {"nom_voltage": volts, "nom_temperature": celsius}
    for attribute, value in numbers.items():
        text, count = re.subn(rf"(\b{attribute}\s*:\s*)[^;\n]+", rf"\g<1>{value}", text)
        if not count:
            raise UserError(f"the template has no {attribute}; lctime takes the supply from it")

    def conditions(found: re.Match[str]) -> str:
        moved = re.sub(r"(\bvoltage\s*:\s*)[^;\n]+", rf"\g<1>{volts}", found[0])
        return re.sub(r"(\btemperature\s*:\s*)[^;\n]+", rf"\g<1>{celsius}", moved)

    return re.sub(r"\boperating_conditions\s*\([^)]*\)\s*\{[^}]*\}", conditions, text)


def _listed(numbers: Sequence[float]) -> str:
    return ",".join(f"{number:.9g}" for number in numbers)


def _by_cell(plan: Path) -> dict[str, list[str]]:
    """The plan's lines by cell, each with the header before them."""
    head, *lines = plan.read_text(encoding="utf-8").splitlines(keepends=True)
    found: dict[str, list[str]] = {}
    for line, row in zip(lines, csv.DictReader([head, *lines]), strict=True):
        found.setdefault(row["cell"], [head]).append(line)
    return found


def _grid(lines: Sequence[str], template: str) -> tuple[list[float], list[float]]:
    """Slews (ns) and loads (pF) of lines of a plan: lctime's units."""
    time, load = _UNIT.search(template), _LOAD.search(template)
    if time is None or load is None:
        raise UserError("the template states no time_unit or capacitive_load_unit that lctime and the plan could share")
    factors = (_PREFIX[time[1]] / 1e-9, float(load[1]) * _PREFIX[load[2].lower()] / 1e-12)
    turned = _LOAD_FIRST.search(template) is not None
    found: tuple[set[float], set[float]] = (set(), set())
    for row in csv.DictReader(lines):
        pair = (row["index_2"], row["index_1"]) if turned else (row["index_1"], row["index_2"])
        for values, factor, index in zip(found, factors, pair, strict=True):
            values.add(float(f"{float(index) * factor:.9g}"))
    return sorted(found[0]), sorted(found[1])
