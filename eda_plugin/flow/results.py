"""What is in a simulator's waveform file or listing: for ``inspect``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from eda_plugin.adapters.hspice import is_listing, is_waveform, open_waveforms, read_listing

__all__ = ["describe_result"]


def describe_result(path: Path) -> dict[str, object] | None:
    """Facts of a waveform file or a listing by name, for people and for JSON; None where ``path`` is neither. ``trouble`` lists what is
    damaged, went wrong or is missing. Raises ``ParseError`` where the file can't be read on."""
    if not path.is_file():
        return None
    if is_waveform(path):
        waves = open_waveforms(path)
        spans = [[float(limit) for limit in (axis.min(), axis.max())] if len(axis) else [] for axis in map(waves.axis, _few(waves.sweeps))]
        return {
            "file": path.as_posix(),
            "kind": f"{waves.analysis} waveforms",
            "version": f"{waves.version} {'binary' if waves.binary else 'text'}",
            "title": waves.title,
            "scale": waves.scale,
            "signals": list(waves.names),
            "sweeps": [{"parameters": sweep.parameters, "points": sweep.points} for sweep in waves.sweeps],
            "span": [float(np.min(spans)), float(np.max(spans))] if all(spans) and spans else [],
            "trouble": list(waves.notices),
        }
    if is_listing(path):
        found = read_listing(path)
        trouble = [f"line {note.line}: {note.kind}: {note.text}" for note in found.notes]
        trouble += [f"line {measure.line}: {measure.name} failed" for run in found.runs for measure in run.measures if measure.failed]
        if not found.concluded:
            trouble.append("the job was aborted" if found.aborted else "ends without 'job concluded': the run broke off or goes on")
        return {
            "file": path.as_posix(),
            "kind": "listing",
            "version": f"{found.simulator} {found.version}".strip(),
            "title": found.title,
            "seconds": found.elapsed,
            "runs": [
                {
                    "analysis": run.analysis,
                    "temperature": run.temperature,
                    "alter": run.alter,
                    "parameters": run.parameters,
                    "measures": {measure.name: measure.value for measure in run.measures},
                }
                for run in found.runs
            ],
            "trouble": trouble,
        }
    return None


def _few(sweeps: tuple[object, ...]) -> range:
    """Sweeps of a Monte Carlo run span the same: the first hundred tell."""
    return range(min(len(sweeps), 100))
