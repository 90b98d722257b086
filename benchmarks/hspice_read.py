"""Speed and memory of the HSPICE readers, on files made here.

    python benchmarks/hspice_read.py [--rows 1000000] [--megabytes 1000] [--folder FOLDER]

Measure file: ``--rows`` rows of seven numbers in HSPICE's own layout beside ``pandas.read_csv`` on the same numbers, comma separated, in
the same run, in turn, CPU time, the best of five; then the same file streamed, with the peak of memory over that of the imports.
Waveform: a binary 9601 file of ``--megabytes``, opened and one of its 100 signals read, first with the file out of the page cache as far
as the system lets go of it, then again. Listing: a Monte Carlo listing of a tenth of that. Each reading in a process of its own; nothing
is asserted.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
COMPARE = """
import sys, time
import numpy, pandas, pyarrow.csv
from eda_plugin.adapters.hspice import read_measure
best = [9e9, 9e9, 9e9]
for _ in range(5):
    begin = time.process_time(); frame = pandas.read_csv(sys.argv[2]); best[0] = min(best[0], time.process_time() - begin)
    begin = time.process_time(); found = read_measure(sys.argv[1]); best[1] = min(best[1], time.process_time() - begin)
    begin = time.process_time(); comma = read_measure(sys.argv[3]); best[2] = min(best[2], time.process_time() - begin)
same = numpy.array_equal(found.values, frame.to_numpy(dtype=float)) and numpy.array_equal(comma.values, found.values)
print(*best, int(same))
"""
STREAM = """
import resource, sys, time
import numpy, pyarrow.csv
from eda_plugin.adapters.hspice import stream_measure
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begin = time.perf_counter()
with stream_measure(sys.argv[1]) as (header, blocks):
    total = sum(len(block.lines) for block in blocks)
print(time.perf_counter() - begin, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) * 1024, total)
"""
SIGNAL = """
import os, sys, time
from eda_plugin.adapters.hspice import open_waveforms
if sys.argv[2] == "cold":
    handle = os.open(sys.argv[1], os.O_RDONLY); os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED); os.close(handle)
begin = time.perf_counter()
waves = open_waveforms(sys.argv[1]); opened = time.perf_counter()
signal = waves.signal(waves.names[len(waves.names) // 2]); done = time.perf_counter()
print(opened - begin, done - begin, len(signal))
"""
LISTING = """
import resource, sys, time
from eda_plugin.adapters.hspice import Run, stream_listing
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begin = time.process_time()
with stream_listing(sys.argv[1]) as found:
    measures = sum(len(item.measures) for item in found if isinstance(item, Run))
print(time.process_time() - begin, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) * 1024, measures)
"""


def run(code: str, *arguments: object) -> list[float]:
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=True, capture_output=True, text=True)
    return [float(word) for word in done.stdout.split()]


def measure_files(folder: Path, rows: int) -> None:
    names = ("tin", "cl", "tphl_a", "tplh_a", "energy")
    free, comma, plain = folder / "mc.mt0", folder / "mc.mt0.csv", folder / "mc.csv"
    head = "$DATA1 SOURCE='HSPICE' VERSION='S-2021.09 linux64' PARAM_COUNT=3\n"
    heads = ("index", *names, "alter#")
    rng = np.random.default_rng(1)
    with free.open("w") as wrapped, comma.open("w") as lined, plain.open("w") as csv:
        wrapped.write(head + ".TITLE 'monte carlo'\n " + "".join(f"{name:17}" for name in heads[:4]) + "\n ")
        wrapped.write("".join(f"{name:17}" for name in heads[4:]) + "\n")
        lined.write(head + "$OPTION MEASFORM=3\n.TITLE 'monte carlo'\n" + ",".join(heads) + "\n")
        csv.write(",".join(heads) + "\n")
        for begin in range(0, rows, 100_000):
            block = rng.lognormal(size=(min(100_000, rows - begin), 5)) * (1e-11, 1e-15, 1e-11, 1e-11, 1e-15)
            for number, row in enumerate(block.tolist(), begin + 1):
                words = [f"{number:.4f}", *(f"{value:.7e}" for value in row), "1"]
                wrapped.write(" " + "".join(f" {word:16}" for word in words[:4]) + "\n ")
                wrapped.write("".join(f" {word:16}" for word in words[4:]) + "\n")
                text = ",".join(words) + "\n"
                lined.write(text)
                csv.write(text)
    pandas, ours, csv3, same = run(COMPARE, free, plain, comma)
    size, equal = free.stat().st_size / 1e6, "equal" if same else "DIFFERENT"
    print(f"measure file, {rows} rows of {len(heads)} numbers, {size:.0f} MB; values {equal}")
    print(f"  CPU time: pandas.read_csv {pandas:.2f} s, this {ours:.2f} s: {pandas / ours:.2f} of its speed")
    print(f"  MEASFORM=3: {csv3:.2f} s: {pandas / csv3:.2f} of its speed")
    took, peak, total = run(STREAM, free)
    print(f"  streamed: {total:.0f} rows in {took:.2f} s with {peak / 1e6:.0f} MB over the imports")


def waveform(folder: Path, megabytes: int) -> None:
    sys.path.insert(0, str(ROOT / "tests"))
    from hspice_waves import block, header

    count, size = 101, 8192
    names = ("TIME", *(f"v(x1.n{place})" for place in range(count - 2)), "i(vdd)")
    path = folder / "big.tr0"
    rows = 256 * 80  # 1010 whole blocks
    rng = np.random.default_rng(2)
    with path.open("wb") as stream:
        stream.write(block(header(names, (1,) * (count - 1) + (8,), 9601).encode()))
        for part in range(max(1, megabytes * 10**6 // (rows * count * 4))):
            table = rng.random((rows, count), dtype=np.float32)
            table[:, 0] = (np.arange(rows) + part * rows) * 1e-12
            payload = table.view(np.uint8).reshape(-1, size)
            framed = np.empty((len(payload), size + 20), dtype=np.uint8)
            framed[:, :16] = np.frombuffer(np.array([4, size // 4, 4, size], dtype="<i4").tobytes(), dtype=np.uint8)
            framed[:, 16:-4] = payload
            framed[:, -4:] = framed[:, 12:16]
            stream.write(framed.tobytes())
        stream.write(block(np.array([1e30], dtype="<f4").tobytes()))
        stream.flush()
        os.fsync(stream.fileno())
    print(f"waveform, binary 9601, {path.stat().st_size / 1e6:.0f} MB, {count - 1} signals")
    for state in ("cold", "warm"):
        opened, done, points = run(SIGNAL, path, state)
        print(f"  {state}: opened in {opened:.2f} s, the first signal of {points:.0f} points there after {done:.2f} s")


def listing(folder: Path, megabytes: int) -> None:
    path = folder / "mc.lis"
    page = (
        " ******\n * cell\n\n ****** transient analysis tnom=  25.000 temp=  25.000 ******\n *** monte carlo   index = {} ***\n"
        + " tphl_a=  82.1810p  targ=   2.6662n   trig=   2.5841n\n" * 20
    )
    with path.open("w") as stream:
        stream.write(" ****** HSPICE -- S-2021.09 linux64 (Aug 25 2021) ******\n")
        stream.writelines(page.format(place) for place in range(megabytes * 10**6 // len(page)))
    took, peak, measures = run(LISTING, path)
    text = path.stat().st_size / 1e6
    print(f"listing, {text:.0f} MB: {measures:.0f} measures in {took:.1f} s of CPU time, {peak / 1e6:.0f} MB over the imports")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        measure_files(Path(name), options.rows)
        waveform(Path(name), options.megabytes)
        listing(Path(name), options.megabytes // 10)


if __name__ == "__main__":
    main()
