"""How many predictions a second a predictor's C form gives on one thread, and its ONNX form in one batch.

    python benchmarks/predictor_speed.py timing.safetensors

Queries are random: table, corner, slew and load, so that neither caches nor branches are helped. Times are of the processor: on a busy
machine the clock on the wall says more about the others.
"""

from __future__ import annotations

import argparse
import ctypes
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters import predictor as forms
from eda_plugin.adapters.predictor import Baked


def queries(baked: Baked, count: int) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    table, corner = (rng.integers(0, size, count).astype(np.int32) for size in baked.shape.shape[:2])
    ends = baked.spans[baked.span[table, corner]]
    slew, load = (ends[:, low] + rng.random(count) * (ends[:, low + 1] - ends[:, low]) for low in (0, 2))
    return table, corner, slew, load


def best(call: Callable[[], object], count: int, rounds: int = 5) -> tuple[float, float]:
    """Calls a second by the processor's time and by the wall's, each the best of a few rounds."""
    found = []
    for _ in range(rounds):
        wall, own = time.perf_counter(), time.process_time()
        call()
        found.append((time.process_time() - own, time.perf_counter() - wall))
    own, wall = (min(times) for times in zip(*found, strict=True))
    return count / own, count / wall


def c_form(baked: Baked, folder: Path, count: int, *, bounds: bool) -> tuple[float, float]:
    source, library = folder / "p.c", folder / "p.so"
    if not library.exists():
        forms.write_c(baked, source, "speed")
        subprocess.run(["gcc", "-std=c99", "-O2", "-shared", "-fPIC", "-o", library, source, "-lm"], check=True)
    function = ctypes.CDLL(str(library)).speed_predict
    arrays: list[NDArray[Any]] = [*queries(baked, count), *(np.empty(count) for _ in range(3)), np.empty(count, dtype=np.uint8)]
    pointers = [part.ctypes.data_as(ctypes.c_void_p) if bounds or place not in (5, 6) else None for place, part in enumerate(arrays)]
    return best(lambda: function(ctypes.c_size_t(count), *pointers), count)


def onnx_form(baked: Baked, folder: Path, count: int, threads: int, batch: int) -> tuple[float, float]:
    import onnxruntime

    path = folder / "p.onnx"
    if not path.exists():
        forms.write_onnx(baked, path, intervals=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    table, corner, slew, load = queries(baked, count)
    parts = [slice(begin, begin + batch) for begin in range(0, count, batch)]

    def call() -> None:
        for part in parts:
            names = {"table": table[part].astype(np.int64), "corner": corner[part].astype(np.int64), "slew": slew[part], "load": load[part]}
            session.run(["value", "status"], names)

    return best(call, count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("predictor", type=Path)
    parser.add_argument("--count", type=int, default=500_000)
    parser.add_argument("--threads", type=int, default=1, help="of onnxruntime")
    parser.add_argument("--batch", type=int, default=0, help="queries a call of onnxruntime; 0: all in one")
    given = parser.parse_args()
    baked = forms.bake(forms.read(given.predictor))
    n, C, _ = baked.shape.shape
    print(f"{n} tables, {C} corners, {len(baked.predictor.residual.root)} trees, {given.count} queries")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for what, rate in (
            ("C, value", c_form(baked, folder, given.count, bounds=False)),
            ("C, value and interval", c_form(baked, folder, given.count, bounds=True)),
            (f"ONNX, value, {given.threads} thread(s)", onnx_form(baked, folder, given.count, given.threads, given.batch or given.count)),
        ):
            print(f"{what}: {rate[0] / 1e6:.2f} million a second of processor time, {rate[1] / 1e6:.2f} by the wall")
        print(f"C source {(folder / 'p.c').stat().st_size / 1e6:.1f} MB, ONNX {(folder / 'p.onnx').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
