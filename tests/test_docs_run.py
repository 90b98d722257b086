"""Every code block of the documentation runs, each page's in order in a folder of its own; one that can't is marked in the page, with why.

Fills take the model ridge where a command leaves the choice, for speed: what a page shows is how, not how well. Data in a block (csv, toml)
is read by what reads it in the product; ``text`` is no code.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hspice_waves import binary
from pages import PAGES, ROOT, Block, blocks, example_libraries

import eda_plugin as ep
from eda_plugin.adapters import hspice, points
from eda_plugin.adapters.hspice.mapping import read_mapping
from eda_plugin.adapters.runs.rules import read_rules
from eda_plugin.adapters.simulators import read_models
from eda_plugin.cli.app import run
from eda_plugin.cli.settings import read_settings
from eda_plugin.config import FillSettings

Make = Callable[..., Path]
NOT_RUN = {
    "CONTRIBUTING.md": 1,
    "README.md": 1,
    "docs/bench.md": 1,
    "docs/extending.md": 1,
    "docs/method.md": 1,
    "docs/hosts/charlib.md": 1,
    "docs/hosts/commercial.md": 1,
    "docs/hosts/lctime.md": 1,
    "docs/hosts/make.md": 1,
    "docs/hosts/opensta.md": 3,
    "docs/hosts/orfs.md": 1,
    "docs/hosts/siliconcompiler.md": 1,
    "docs/predictors.md": 2,
    "docs/study.md": 1,
    "docs/farm.md": 1,
    "docs/variation.md": 4,
    "examples/format_plugin/README.md": 1,
    "examples/minimal_host/README.md": 1,
    "examples/mlflow_plugin/README.md": 1,
    "examples/process_variation/README.md": 1,
    "examples/timing/README.md": 1,
}
"""Blocks that are marked as not run, by page. One more needs a reason that holds: nothing else keeps it true."""
ELSEWHERE = {("README.md", "python"), ("docs/hooks.md", "python")}
"""Run by tests/test_docs.py, which knows what they have to give."""
DATA: dict[tuple[str, str, int], Callable[[Path], object]] = {
    ("docs/cli.md", "toml", 0): read_mapping,
    ("docs/cli.md", "toml", 1): read_settings,
    ("docs/farm.md", "toml", 0): read_settings,
    ("docs/farm.md", "toml", 1): read_settings,
    ("docs/ingest.md", "toml", 0): read_rules,
    ("docs/runs.md", "toml", 0): read_settings,
    ("docs/characterize.md", "toml", 0): lambda path: models(path),
    ("docs/characterize.md", "csv", 0): lambda path: constraints(path),
    ("docs/cli.md", "csv", 0): lambda path: path.read_text().splitlines()[0] == "file,process,voltage,temperature",
    ("docs/hooks.md", "toml", 0): lambda path: tomllib.loads(path.read_text()),
}
"""What reads the data of a page in the product, by language and place among the blocks of that language."""
PLAIN = re.compile(r"eda-plugin [^|<>&;$]*")
RUN = [page for page in PAGES if any(not block.not_run and block.language != "text" for block in blocks(page))]


def models(path: Path) -> object:
    for name in ("models.lib", "extra.sp"):
        path.with_name(name).write_text(".lib slow\n.endl\n.lib rc_max\n.endl\n")
    return read_models(path, "ss")


def constraints(path: Path) -> object:
    (library,) = ep.read(ROOT / "examples" / "hkmg22" / "lib" / "hkmg22_tt_025C_0v80.lib")
    return points.read(path, header=library.header)


def test_blocks_that_do_not_run_are_counted_and_say_why() -> None:
    marked = [block for page in PAGES for block in blocks(page) if block.not_run]
    assert Counter(block.page for block in marked) == NOT_RUN
    for block in marked:
        assert len(block.not_run.split()) > 5, f"{block}: say why it can't run"
        for test in re.findall(r"tests/\w+\.py", block.not_run):
            assert (ROOT / test).is_file(), f"{block}: {test}"


def test_every_block_says_its_language() -> None:
    known = {"sh", "python", "toml", "csv", "text", "tcl", "make", "c"}
    assert [str(block) for page in PAGES for block in blocks(page) if block.language not in known] == []


@pytest.fixture
def scene(tmp_path: Path, make_library: Make, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """``scene(page)`` makes the folder in which a page's blocks run, with the files that they name, and goes there."""

    def make(page: str) -> Path:
        folder = tmp_path / "page"
        folder.mkdir()
        monkeypatch.chdir(folder)
        monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        for command in ("FILL", "CLOSE", "RUN"):
            monkeypatch.setenv(f"EDA_PLUGIN_{command}_MODEL", "ridge")
        usual = FillSettings.__init__.__defaults__ or ()
        assert usual.count("auto") == 1
        monkeypatch.setattr(FillSettings.__init__, "__defaults__", tuple("ridge" if value == "auto" else value for value in usual))
        SCENES.get(page, small)(folder, make_library)
        return folder

    return make


def small(folder: Path, make: Make) -> None:
    """Two inverters at seven corners under the names that pages use, and the corner ss, 1.60 V, 100 degrees."""
    corners = ("ss,1.60,25", "ss,1.80,100", "ss,1.80,25", "tt,1.80,25", "tt,1.60,100", "ff,1.95,25", "ss,1.40,100")
    made = [make(corner) for corner in corners]
    for name in ("anchors", "lib", "libs"):
        (folder / name).mkdir()
        for path in made:
            shutil.copy(path, folder / name / path.name.replace("demo_", "cells__" if name == "lib" else "demo_"))
    truth = shutil.copy(make("ss,1.60,100"), folder / "full.lib")
    ep.plan(ep.read("anchors"), "ss,1.60,100", "2", template=truth).write(folder / "asked.csv")
    assert run(["lookup", "asked.csv", str(truth), "-o", "measured.csv", "--quiet"]) == 0


def two_gates(folder: Path, _: Make) -> None:
    """Two gates of the example library, a corner of it that is to be filled, and what simulates it."""
    for name in ("anchors", "lib"):
        example_libraries(folder / name, ("ss_n40C_0v60", "ss_125C_0v60", "ss_125C_0v72", "tt_n40C_0v80", "tt_085C_0v72"))
    example_libraries(folder, ("ss_n40C_0v72",))
    (folder / "hkmg22_ss_n40C_0v72.lib").rename(folder / "ss.lib")
    example = ROOT / "examples" / "hkmg22"
    (folder / "netlists").mkdir()
    shutil.copy(example / "cells.sp", folder / "netlists")
    for name in ("models.sp", "models.lib"):  # its sections name the file itself
        shutil.copy(example / "models.sp", folder / name)


def results(folder: Path, make: Make) -> None:
    """Measure files of two gates as a simulator left them."""
    two_gates(folder, make)
    example = ROOT / "examples" / "hkmg22" / "hspice"
    for corner in ("ss_125C_0v72", "tt_025C_0v80"):
        (folder / "runs" / corner).mkdir(parents=True)
        for name in ("not.mt0", "nand2.mt0"):
            shutil.copy(example / corner / name, folder / "runs" / corner)
    (folder / "anchors" / "hkmg22_ss_125C_0v72.lib").rename(folder / "cells.lib")  # the corner whose points are taken
    shutil.copy(folder / "ss.lib", folder / "anchors" / "hkmg22_ss_n40C_0v72.lib")


def results_to_ask(folder: Path, make: Make) -> None:
    """The gates, and a table of results."""
    results(folder, make)
    ep.ingest("runs", output="tree.runs.parquet")


def filled(folder: Path, make: Make) -> None:
    """The small libraries, a filled corner of them, and a benchmark's results."""
    small(folder, make)
    (folder / "out").mkdir()
    assert run(["fill", "anchors", "--target", "ss,1.60,100", "-o", "out/filled.lib", "--report", "out/filled.json", "--quiet"]) == 0
    row = {"case": "A", "target": "ss_100C_1v60", "budget": "2%", "model": "ridge"}
    told = {"runs": [{**row, "score": {"timing": {"mape_pct": 1.25}}}], "summaries": [{**row, "mean": {"timing": 2.5}}]}
    (folder / "results").mkdir()
    (folder / "results" / "results.json").write_text(json.dumps(told))


def hspice_files(folder: Path, _: Make) -> None:
    """An inverter's measures, listing and waveforms."""
    for name in ("inv.mt0", "monte_carlo.mt0"):
        hspice.write_measure(folder / name, ["tphl", "temper"], np.array([[1e-11, 25.0], [1.1e-11, 125.0]]), title="an inverter")
    listing = """\
 ****** PrimeSim HSPICE -- S-2021.09 linux64 (Aug 25 2021 7230000) ******
 ****** transient analysis tnom=  25.000 temp=  25.000 ******
 tphl=  82.1810p  targ=   2.6662n   trig=   2.5841n
          ***** job concluded
"""
    (folder / "inv.lis").write_text(listing)
    time = np.linspace(0, 1e-9, 201)
    ramp = 0.8 * np.clip((time - 2e-10) / 1e-10, 0, 1)
    falls = 0.8 - 0.8 * np.clip((time - 3e-10) / 1e-10, 0, 1)
    rows = np.stack([time, ramp, falls, np.full(201, -1e-6), np.gradient(ramp, time) * -1e-15], axis=1)
    (folder / "inv.tr0").write_bytes(binary(("TIME", "v(a)", "v(y)", "i(vdd)", "i(va)"), (1, 1, 1, 8, 8), [rows]))


def example(folder: Path, _: Make) -> None:
    """The whole example library, where the tutorial looks for it."""
    (folder / "examples").symlink_to(ROOT / "examples")


def makefile(folder: Path, make: Make) -> None:
    """The small libraries, and the examples."""
    small(folder, make)
    example(folder, make)


SCENES: dict[str, Callable[[Path, Make], None]] = {
    "docs/characterize.md": two_gates,
    "docs/hosts/make.md": makefile,
    "docs/hspice.md": hspice_files,
    "docs/ingest.md": results,
    "docs/report.md": filled,
    "docs/runs.md": results_to_ask,
    "docs/tutorial.md": example,
}
TOOLS = {"docs/characterize.md": "ngspice", "docs/hosts/make.md": "make"}


@pytest.mark.parametrize("page", RUN)
def test_every_block_runs(page: str, scene: Callable[[str], Path], needs_tool: Callable[[str], str]) -> None:
    if page in TOOLS:
        needs_tool(TOOLS[page])
    folder = scene(page)
    names: dict[str, object] = {"__name__": "__main__"}
    count: Counter[str] = Counter()
    for block in blocks(page):
        place = (page, block.language, count[block.language])
        count[block.language] += 1
        if block.not_run or block.language == "text" or place[:2] in ELSEWHERE:
            continue
        if block.file:
            _save(folder / block.file, block)
        elif block.language == "python":
            exec(compile("\n" * block.line + block.text, page, "exec"), names)
        elif block.language == "sh":
            _shell(block)
        else:
            assert place in DATA, f"{block}: say in DATA what reads it, or mark it as not run"
            path = folder / "blocks" / f"line{block.line}.{block.language}"
            _save(path, block)
            assert DATA[place](path), str(block)


def _save(path: Path, block: Block) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text, encoding="utf-8")
    if block.language == "python":
        compile(block.text, str(path), "exec")


def _shell(block: Block) -> None:
    """Lines that are commands of ours run in this process, which is faster; where any line is more, the shell runs the whole."""
    import shlex

    lines = [line for line in block.text.replace("\\\n", " ").splitlines() if line.strip()]
    if all(PLAIN.fullmatch(re.sub(r"'[^']*'|\"[^\"]*\"|#.*", "", line)) for line in lines):
        for line in lines:
            assert run(shlex.split(line, comments=True)[1:]) == 0, f"{block}: {line}"
        return
    ran = subprocess.run(["bash", "-euo", "pipefail", "-c", block.text], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{block}\n{ran.stdout}{ran.stderr}"
