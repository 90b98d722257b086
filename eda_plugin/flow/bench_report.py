"""The benchmark's results, written: results.json, results.md, plots."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from eda_plugin.files import replace_atomically
from eda_plugin.flow.outputs import plain

__all__ = ["COLUMNS", "figure", "summaries", "write_report"]

Row = Mapping[str, object]

COLUMNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("timing", ("score", "timing", "mape_pct")),
    ("p99", ("score", "timing", "p99_pct")),
    ("ok", ("score", "timing", "ok_pct")),
    ("bias", ("score", "timing", "bias_pct")),
    ("paths", ("score", "path", "mape_pct")),
    ("cover", ("score", "timing", "interval_90", "coverage_pct")),
    ("width", ("score", "timing", "interval_90", "mean_width_pct")),
    ("constraint", ("score", "constraint", "mape_pct")),
    ("power", ("score", "power", "mape_pct")),
    ("leakage", ("score", "leakage", "mape_pct")),
    ("cap.", ("score", "capacitance", "mape_pct")),
    ("missing", ("score", "missing_tables")),
    ("s", ("usage", "seconds")),
    ("CPU s", ("usage", "cpu_seconds")),
    ("MB", ("usage", "peak_mb")),
)
_WIDTH, _ERROR = COLUMNS[6][1], COLUMNS[0][1]
_FEATURES = {"largest": "largest error in a table", "slope": "slope in load", "rise_fall": "rise - fall", "path": "path sums"}
_GROUPS = ("timing", "constraint", "power", "leakage", "capacitance")


def figure(row: Row, path: Sequence[str]) -> float:
    """A number of a row, NaN where it has none."""
    found: object = row
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, int | float) else float("nan")


def summaries(rows: Sequence[Row]) -> list[dict[str, object]]:
    """Means over the targets, of each case, budget and model: of each column, and of the intervals of each group and of each third.

    ``rank``: Spearman's correlation, over the targets, of the mean width of the timing intervals with the mean error: 1 where the interval
    says which corner is the worse one. ``joint``: means of the scores of whole tables' samples, where they were asked for.
    """
    from eda_plugin.qa.scores import rank_correlation

    found = []
    for case, budget, model in dict.fromkeys((row["case"], row["budget"], row["model"]) for row in rows):
        own = [row for row in rows if (row["case"], row["budget"], row["model"]) == (case, budget, model) and "score" in row]
        means = {name: _mean([figure(row, path) for row in own]) for name, path in COLUMNS}
        widths, errors = ([figure(row, path) for row in own] for path in (_WIDTH, _ERROR))
        known = [number for number in range(len(own)) if np.isfinite(widths[number]) and np.isfinite(errors[number])]
        intervals = {group: _intervals(own, group) for group in _GROUPS}
        found.append({
            "case": case, "budget": budget, "model": model, "targets": len(own), "mean": means,
            "intervals": {group: value for group, value in intervals.items() if value},
            "joint": _joint(own),
            "rank": rank_correlation([widths[number] for number in known], [errors[number] for number in known]),
        })  # fmt: skip
    return found


def _mean(numbers: Sequence[float]) -> float:
    known = [number for number in numbers if np.isfinite(number)]
    return float(np.mean(known)) if known else float("nan")


def _intervals(rows: Sequence[Row], group: str) -> dict[str, object]:
    """Mean coverage and width over the targets, and both of each third by width."""
    if np.isnan(_mean([figure(row, ("score", group, "interval_90", "coverage_pct")) for row in rows])):
        return {}
    scores = [row["score"] for row in rows]
    held = [score[group]["interval_90"] for score in scores if isinstance(score, Mapping) and "interval_90" in score.get(group, {})]
    names = ("coverage_pct", "mean_width_pct")
    result: dict[str, object] = {name: _mean([one[name] for one in held]) for name in names}
    thirds = [one["thirds"] for one in held if "thirds" in one]
    if thirds:
        result["thirds"] = [{name: _mean([third[place][name] for third in thirds]) for name in names} for place in range(3)]
    return result


def _joint(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    names = ("coverage_pct", "crps_pct")
    means = {feature: {name: _mean([figure(row, ("joint", feature, name)) for row in rows]) for name in names} for feature in _FEATURES}
    return {feature: values for feature, values in means.items() if np.isfinite(values["coverage_pct"])}


def write_report(rows: Sequence[Row], facts: Mapping[str, object], folder: Path, warn: Callable[[str], None]) -> list[Path]:
    """Write the files and return their paths; without matplotlib no plots, and ``warn`` is told."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    means = summaries(rows)
    plots: list[Path] = []
    if importlib.util.find_spec("matplotlib") is None:
        warn("no plots: matplotlib is not installed; pip install 'eda-plugin[plots]' brings it, and what is finished is not run again")
    else:
        from eda_plugin.flow.bench_plots import write_plots

        plots = write_plots(rows, folder)
    data = {**facts, "machine": machine, "summaries": means, "runs": rows}
    texts = {
        folder / "results.json": json.dumps(plain(data), indent=1, allow_nan=False) + "\n",
        folder / "results.md": _markdown(rows, means, {**facts, "machine": machine}, plots),
    }
    for path, text in texts.items():
        with replace_atomically(path) as part:
            part.write_text(text, encoding="utf-8")
    return [*texts, *plots]


def _markdown(rows: Sequence[Row], means: Sequence[Mapping[str, object]], facts: Mapping[str, object], plots: Sequence[Path]) -> str:
    run = f"eda-plugin {facts['version']}; {facts['machine']}; seed {facts['seed']}; sampler {facts['sampler']}."
    lines = ["# Sparse-corner benchmark", "", run, ""]
    lines += [
        "Mean relative errors in per cent, with floors of 20 ps, a tenth of the median power and capacitance, a thousandth of the median "
        "leakage; ok: share within 2 % or 2 ps; paths: sums of delays along random chains; cover, width: of the intervals of delay and "
        "transition; s, CPU s, MB: of the fill's process, reading and writing included.", "",
    ]  # fmt: skip
    names = [name for name, _ in COLUMNS]
    for case in dict.fromkeys(str(row["case"]) for row in rows):
        lines += [f"## Case {case}", "", *_head(["target", "budget", "model", *names])]
        for row in (row for row in rows if row["case"] == case):
            cells = [_shown(figure(row, path)) for _, path in COLUMNS] if "score" in row else ["failed", *[""] * (len(names) - 1)]
            lines.append(_line([row["target"], row["budget"], row["model"], *cells]))
        own = [one for one in means if one["case"] == case]
        for one in own:
            numbers = [_shown(figure(one, ("mean", name))) for name in names]
            lines.append(_line([f"**mean of {one['targets']}**", one["budget"], one["model"], *numbers]))
        lines += ["", *_interval_table(own), *_joint_table(own)]
        leaks = [row for row in rows if row["case"] == case and "leakage" in row]
        if leaks:
            breaches = sum(len(row["leakage"]["breaches"]) for row in leaks)  # type: ignore[index,misc]
            told = "never opened" if not breaches else f"NOT SAFE: {breaches} breaches"
            lines += [f"Every file that these {len(leaks)} fills opened was watched; the target's truth: {told}.", ""]
    lines += [text for plot in plots for text in (f"![{plot.stem}]({plot.name})", "")]
    return "\n".join(lines).rstrip() + "\n"


def _interval_table(means: Sequence[Mapping[str, object]]) -> list[str]:
    """Coverage and width of the intervals, by group and by thirds of the width."""
    lines = []
    for one in means:
        held = one["intervals"]
        for group, values in held.items() if isinstance(held, Mapping) else ():
            thirds = [f"{_shown(third['coverage_pct'])} / {_shown(third['mean_width_pct'])}" for third in values.get("thirds", ())]
            rank = _shown(figure(one, ("rank",))) if group == "timing" else ""
            cells = [_shown(values["coverage_pct"]), _shown(values["mean_width_pct"]), *(thirds or [""] * 3), rank]
            lines.append(_line([one["budget"], one["model"], group, *cells]))
    if not lines:
        return []
    head = ["budget", "model", "intervals", "coverage", "mean width", "narrowest third", "middle", "widest", "rank of width and error"]
    return [*_head(head), *lines, ""]


def _joint_table(means: Sequence[Mapping[str, object]]) -> list[str]:
    """Coverage of the 90 % intervals of features of whole tables, and their CRPS in per cent of the table's mean."""
    lines = []
    for one in means:
        joint = one["joint"]
        if isinstance(joint, Mapping) and joint:
            cells = [f"{_shown(joint[name]['coverage_pct'])} / {_shown(joint[name]['crps_pct'])}" if name in joint else "-"
                     for name in _FEATURES]  # fmt: skip
            lines.append(_line([one["budget"], one["model"], *cells]))
    return [*_head(["budget", "model", *(f"{text}: coverage / CRPS" for text in _FEATURES.values())]), *lines, ""] if lines else []


def _head(names: Sequence[str]) -> list[str]:
    return [_line(names), "|" + " --- |" * len(names)]


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def _shown(value: float) -> str:
    return "-" if not np.isfinite(value) else f"{value:.0f}" if value == round(value) or abs(value) >= 100 else f"{value:.3g}"
