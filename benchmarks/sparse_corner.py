#!/usr/bin/env python3
"""Run the sparse-corner benchmark end to end, by the command line that users have.

usage: sparse_corner.py --bench BENCH --data LIBRARIES --case A [--target CORNER ...] [--model NAME ...] --out FOLDER

For each target: blank_lib.py makes its template, `eda-plugin plan` chooses the simulations, oracle.py answers them, then every model
fills the corner (`eda-plugin fill`) and score_lib.py scores it; with --timing, examples/timing/slack.py also times a synthesised design
with the filled and the true library. Wall time and peak memory (all processes of the fill together) are taken of each fill. A run that was
broken off goes on where it stopped. FOLDER/results.json and results.md hold everything; filled libraries are deleted once they are scored,
unless --keep. Exit status 1 where a fill failed or left something missing.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from eda_plugin.domain import Corner

ROOT = Path(__file__).resolve().parent.parent
FIVE = ("ff_n40C_1v95", "ff_100C_1v65", "ss_100C_1v40", "ss_n40C_1v60", "tt_025C_1v80")
FOUR = ("ss_100C_1v60", "ss_n40C_1v28", "tt_100C_1v80", "ff_100C_1v95")


@dataclass(frozen=True)
class Case:
    """``anchors`` by corner name, all others where empty; ``targets`` likewise; ``budgets`` as the command line takes them."""

    budgets: tuple[str, ...]
    anchors: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


CASES = {
    "A": Case(("2%",)),
    "B": Case(("0",)),
    "C": Case(("2%",), FIVE),
    "D": Case(("0",), FIVE),
    "E": Case(("0.5%", "1%", "5%", "10%"), (), FOUR),
}


@dataclass(frozen=True)
class Usage:
    """Of one command: exit status, seconds, largest resident memory of its process tree in MB, and the end of what it wrote."""

    status: int
    seconds: float
    peak_mb: float
    tail: str


def tree_mb(root: int) -> float:
    """Resident memory of a process and all below it, from /proc; 0 where there is no /proc."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        parents.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        waiting += parents.get(process, [])
        try:
            total += int((Path("/proc") / str(process) / "statm").read_text().split()[1])
        except OSError:
            continue
    return total * os.sysconf("SC_PAGE_SIZE") / 1e6


def measured_run(command: Sequence[str], log: Path) -> Usage:
    """Run a command; its output goes to ``log``."""
    begin, peak = time.monotonic(), 0.0
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=ROOT)
        done = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not done.wait(0.2):
                peak = max(peak, tree_mb(process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            done.set()
            watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    largest = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    return Usage(process.returncode, time.monotonic() - begin, max(peak, largest), tail)


def corners_of(folder: Path) -> dict[str, Path]:
    """Libraries of a folder by corner name; the corner stands in the file's name."""
    found = {}
    for path in sorted([*folder.glob("*.lib"), *folder.glob("*.lib.gz")]):
        if corner := Corner.from_name(path.name.removesuffix(".gz").removesuffix(".lib")):
            found[corner.name] = path
    if len(found) < 2:
        raise SystemExit(f"{folder}: {len(found)} libraries with a corner in their name; expected two or more")
    return found


def work_list(case: Case, libraries: dict[str, Path], targets: Sequence[str]) -> Iterator[tuple[str, str, list[Path]]]:
    """Target, budget and anchors of each run."""
    wanted = targets or case.targets or tuple(name for name in libraries if name not in case.anchors)
    for name in wanted:
        if name not in libraries:
            raise SystemExit(f"unknown target {name!r}; known are {', '.join(libraries)}")
        others = [other for other in libraries if other != name and (not case.anchors or other in case.anchors)]
        for budget in case.budgets:
            yield name, budget, [libraries[other] for other in others]


@dataclass(frozen=True)
class Bench:
    """Where everything is and how it is called."""

    scripts: Path
    command: tuple[str, ...]
    seed: int
    timing: bool
    keep: bool

    def script(self, name: str, *arguments: object) -> list[str]:
        return [sys.executable, str(self.scripts / name), *map(str, arguments)]

    def prepare(self, folder: Path, truth: Path, target: str, budget: str, anchors: Sequence[Path]) -> None:
        """Template, plan and answers of a target; nothing where they are there."""
        template, plan, answers = folder / "template.lib", folder / "plan.csv", folder / "measured.csv"
        if answers.exists():
            return
        corner = Corner.parse(target)
        pvt = f"{corner.process},{corner.voltage:g},{corner.temperature:g}"
        ask = [*self.command, "plan", *map(str, anchors), "--template", str(template), "--target", pvt, "--budget", budget]
        ask += ["--seed", str(self.seed), "-o", str(plan), "--extrapolate"]
        part = folder / "measured.part.csv"
        for step, command in (
            ("blank", self.script("blank_lib.py", truth, template)),
            ("plan", ask),
            ("oracle", self.script("oracle.py", plan, truth, part)),
        ):
            usage = measured_run(command, folder / f"{step}.log")
            if usage.status:
                raise SystemExit(f"{shlex.join(command)}\nended with status {usage.status}:\n{usage.tail}")
        part.rename(answers)

    def fill(self, folder: Path, truth: Path, target: str, anchors: Sequence[Path], model: str) -> dict[str, object]:
        """Fill with one model and score it."""
        out = folder / model.replace("+", "_")
        out.mkdir(exist_ok=True)
        filled, intervals, score = out / "filled.lib", out / "intervals.csv", out / "score.json"
        corner = Corner.parse(target)
        name, _, option = model.partition("+")
        command = [*self.command, "fill", *map(str, anchors), "--template", str(folder / "template.lib")]
        command += ["--target", f"{corner.process},{corner.voltage:g},{corner.temperature:g}", "--measured", str(folder / "measured.csv")]
        command += ["-o", str(filled), "--intervals", str(intervals), "--values", str(out / "values.parquet")]
        command += ["--report", str(out / "report.json"), "--model", name, "--seed", str(self.seed), "--extrapolate"]
        command += [f"--{option}"] if option else []
        usage = measured_run(command, out / "fill.log")
        result: dict[str, object] = {"status": usage.status, "seconds": round(usage.seconds, 1), "peak_mb": round(usage.peak_mb)}
        if usage.status or not filled.exists():
            return {**result, "failure": usage.tail}
        scoring = ["--measured", folder / "measured.csv", "--json", score]
        scoring += ["--intervals", intervals] if intervals.exists() else []
        scored = measured_run(self.script("score_lib.py", filled, truth, *scoring), out / "score.log")
        if not score.exists():
            return {**result, "failure": scored.tail}
        result["score"] = json.loads(score.read_text())
        if self.timing:
            result["timing"] = self.slack(filled, truth, out)
        if not self.keep:
            for path in (filled, intervals, out / "values.parquet"):
                path.unlink(missing_ok=True)
        return result

    def slack(self, filled: Path, truth: Path, out: Path) -> dict[str, object]:
        """OpenSTA's view of the filled and the true library."""
        command = [sys.executable, str(ROOT / "examples" / "timing" / "slack.py"), str(filled), str(truth), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        (out / "slack.log").write_text(done.stdout + done.stderr, encoding="utf-8")
        if not done.stdout:
            return {"failure": done.stderr[-2000:]}
        report = json.loads(done.stdout)
        wanted = ("netlist_cells", "slack_pct", "longest_pct", "arrival_mean_pct", "arrival_worst_pct", "new_messages")
        return {name: report[name] for name in wanted}


COLUMNS = (
    ("timing", ("score", "timing", "mape_pct")),
    ("p99", ("score", "timing", "p99_pct")),
    ("ok", ("score", "timing", "ok_pct")),
    ("bias", ("score", "timing", "bias_pct")),
    ("cover", ("score", "interval_90", "coverage_pct")),
    ("width", ("score", "interval_90", "mean_width_pct")),
    ("constraint", ("score", "constraint", "mape_pct")),
    ("power", ("score", "power", "mape_pct")),
    ("leakage", ("score", "leakage", "mape_pct")),
    ("cap.", ("score", "capacitance", "mape_pct")),
    ("missing", ("score", "missing_tables")),
    ("slack", ("timing", "slack_pct")),
    ("seconds", ("seconds",)),
    ("MB", ("peak_mb",)),
)


def _cell(row: object, path: tuple[str, ...]) -> str:
    for name in path:
        row = row.get(name) if isinstance(row, dict) else None
    return "-" if row is None else f"{row:.3f}" if isinstance(row, float) and abs(row) < 100 else f"{row:.0f}"


def write_results(rows: list[dict[str, object]], facts: dict[str, object], out: Path) -> None:
    """Everything as JSON, and a table for people."""
    (out / "results.json").write_text(json.dumps({**facts, "runs": rows}, indent=1) + "\n", encoding="utf-8")
    lines = [f"# Sparse-corner benchmark, case {facts['case']}", "", f"{facts['machine']}; seed {facts['seed']}; MAPE in per cent.", ""]
    lines += ["| target | budget | model | " + " | ".join(name for name, _ in COLUMNS) + " |", "| --- " * (len(COLUMNS) + 3) + "|"]
    for row in rows:
        cells = [str(row["target"]), str(row["budget"]), str(row["model"]), *(_cell(row, path) for _, path in COLUMNS)]
        lines.append("| " + " | ".join(cells) + " |")
    models = dict.fromkeys(str(row["model"]) for row in rows)
    if len({row["target"] for row in rows}) > 1:
        for model in models:
            mine = [row for row in rows if row["model"] == model]
            lines.append("| " + " | ".join(["mean", "", model, *(_mean(mine, path) for _, path in COLUMNS)]) + " |")
    failed = [row for row in rows if "failure" in row]
    lines += ["", *(f"{row['target']} {row['model']} failed with status {row['status']}; see its fill.log." for row in failed)]
    (out / "results.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def _mean(rows: list[dict[str, object]], path: tuple[str, ...]) -> str:
    cells = [_cell(row, path) for row in rows]
    numbers = [float(cell) for cell in cells if cell != "-"]
    return f"{sum(numbers) / len(numbers):.3f}" if numbers else "-"


def offered(command: Sequence[str]) -> list[str]:
    """Names of the models that `fill` offers."""
    said = subprocess.run([*command, "plugins", "--json"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return [model["name"] for model in json.loads(said)["models"]]


def simulations(path: Path) -> int:
    with path.open(newline="", encoding="utf-8") as file:
        return sum(1 for _ in csv.reader(file)) - 1


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the sparse-corner benchmark end to end.")
    parser.add_argument("--bench", type=Path, required=True, help="folder of blank_lib.py, oracle.py and score_lib.py")
    parser.add_argument("--data", type=Path, required=True, help="folder of one library's corners")
    parser.add_argument("--case", choices=CASES, default="A")
    parser.add_argument("--target", nargs="+", default=[], metavar="CORNER", help="targets (default: all of the case)")
    parser.add_argument("--model", nargs="+", default=[], metavar="NAME", help="models (default: all); auto+no-diffusion passes the option")
    parser.add_argument("--out", type=Path, required=True, help="folder for results and intermediate files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timing", action="store_true", help="time a synthesised design too (yosys, OpenSTA)")
    parser.add_argument("--keep", action="store_true", help="keep filled libraries and intervals")
    parser.add_argument("--command", default=f"{sys.executable} -m eda_plugin", help="how the command line is called")
    options = parser.parse_args()
    bench = Bench(options.bench.resolve(), tuple(shlex.split(options.command)), options.seed, options.timing, options.keep)
    libraries = corners_of(options.data.resolve())
    models = options.model or offered(bench.command)
    out = options.out.resolve() / f"case_{options.case}"
    out.mkdir(parents=True, exist_ok=True)
    facts = {
        "case": options.case,
        "seed": options.seed,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    }
    rows: list[dict[str, object]] = []
    for target, budget, anchors in work_list(CASES[options.case], libraries, options.target):
        folder = out / target / budget.replace("%", "pct")
        folder.mkdir(parents=True, exist_ok=True)
        bench.prepare(folder, libraries[target], target, budget, anchors)
        for model in models:
            finished = folder / f"{model}.json"
            if not finished.exists() or "failure" in json.loads(finished.read_text(encoding="utf-8")):
                result = bench.fill(folder, libraries[target], target, anchors, model)
                row = {"target": target, "budget": budget, "model": model, "simulations": simulations(folder / "measured.csv"), **result}
                finished.write_text(json.dumps(row), encoding="utf-8")
            rows.append(json.loads(finished.read_text(encoding="utf-8")))
            shown = " ".join(f"{name} {_cell(rows[-1], path)}" for name, path in COLUMNS)
            print(f"{target} {budget} {model}: {shown}", flush=True)
            write_results(rows, facts, out)
    return int(any("failure" in row or _cell(row, ("score", "missing_tables")) != "0" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
