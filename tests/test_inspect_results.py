"""``inspect`` on waveforms and listings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hspice_waves import binary, write

from eda_plugin.cli import main

LISTING = """\
 ****** HSPICE -- L-2016.06 linux64 (May 25 2016) ******
 **error** (a.sp:3) something
 ****** transient analysis tnom=  25.000 temp= -40.000 ******
 tphl=  10.0000p
 tplh=  failed
"""


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as done:
        main([str(argument) for argument in arguments])
    return int(done.value.code or 0)


def test_results_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = np.array([[0.0, 0.1], [1.0, 0.2], [2.0, 0.3]])
    waves = write(tmp_path / "a.tr0", binary(("TIME", "v(out)"), (1, 1), [table])[:-4])
    listing = tmp_path / "a.lis"
    listing.write_text(LISTING, encoding="utf-8")
    assert call("inspect", waves, listing) == 0
    shown = capsys.readouterr().out
    assert "1 signals, 1 sweeps, 3 points of TIME" in shown
    assert "1 runs at -40 °C, 2 measures" in shown
    assert f"{listing}: line 2: error: (a.sp:3) something" in shown
    assert f"{listing}: line 5: tplh failed" in shown
    assert "without 'job concluded'" in shown
    assert call("inspect", waves, listing, "--json") == 0
    first, second = json.loads(capsys.readouterr().out)["results"]
    assert (first["signals"], first["span"]) == (["v(out)"], [0.0, 2.0])
    assert second["runs"][0]["measures"] == {"tphl": 1e-11, "tplh": None}


def test_results_beside_libraries(anchors: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    waves = write(tmp_path / "a.tr0", binary(("TIME", "v(out)"), (1, 1), [np.array([[0.0, 0.1]])]))
    assert call("inspect", *anchors, waves, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["libraries"]) == len(anchors)
    assert told["results"][0]["trouble"] == []
