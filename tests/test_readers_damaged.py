"""Readers of simulation results on damaged files: a refusal or a reading, nothing else (the fuzz targets' checks, without atheris)."""

from __future__ import annotations

import random
import runpy
from pathlib import Path

import pytest

FUZZ = runpy.run_path(str(Path(__file__).parent / "fuzz" / "fuzz_readers.py"))


@pytest.mark.parametrize("target", FUZZ["TARGETS"])
def test_random_damage(tmp_path: Path, target: str) -> None:
    generator = random.Random(11)
    seeds: list[bytes] = FUZZ["seeds"](target)
    for data in seeds:
        FUZZ["check"](target, data, tmp_path)
    for seed in range(300):
        FUZZ["check"](target, FUZZ["mutate"](target, generator.choice(seeds), 16384, seed), tmp_path)


def test_a_header_that_promises_a_gigaword_takes_no_memory(tmp_path: Path) -> None:
    data = bytearray(FUZZ["seeds"]("waveform")[2])
    at = 20 + int.from_bytes(data[12:16], "little")
    data[at + 4 : at + 8] = data[at + 12 : at + 16] = (4 * 10**9).to_bytes(4, "little")
    FUZZ["check"]("waveform", bytes(data), tmp_path)
