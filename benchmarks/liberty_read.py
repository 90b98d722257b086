"""Speed and memory of the Liberty adapters beside liberty-parser, in the same run.

    python benchmarks/liberty_read.py LIB... [--many]

For each file, each measure in a process of its own: CPU time of liberty-parser, of the first read (index and all numbers decoded), of the
read from the cache, of writing all numbers changed, and peak memory over that of the imports. With ``--many`` all files are read by as many
processes as there are cores and aligned to one columnar table on the first one's grid, and every file is written back and its bytes
compared. Prints ratios; asserts nothing. Values against liberty-parser's, file by file: ``EDA_PLUGIN_EVERY_CORNER=1 pytest
tests/test_liberty_sky130.py``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PARSER = """
import sys, time
from liberty.parser import parse_liberty
from eda_plugin.adapters.liberty.source import read_bytes
from pathlib import Path
text = read_bytes(Path(sys.argv[1])).decode()
begin = time.process_time(); parse_liberty(text); print(time.process_time() - begin)
"""
READ = """
import resource, sys, time
from eda_plugin.adapters import liberty
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begin = time.process_time(); document = liberty.open_document(sys.argv[1]); library = document.library(); took = time.process_time() - begin
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
other = library.with_values(library.values * 1.01, library.origin)
begin = time.process_time(); liberty.write(other, sys.argv[2], template=document); write = time.process_time() - begin
print(took, write, (peak - base) * 1024, len(document.text))
"""
CACHED = """
import sys, time
import pyarrow
from eda_plugin.adapters import liberty
begin = time.process_time(); liberty.read(sys.argv[1]); first = time.process_time() - begin
begin = time.process_time(); liberty.read(sys.argv[1]); print(first, time.process_time() - begin)
"""


def run(code: str, *arguments: str) -> list[float]:
    done = subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True)
    return [float(word) for word in done.stdout.split()]


def one(path: Path, folder: Path) -> None:
    (parser,) = run(PARSER, str(path))
    read, write, peak, size = run(READ, str(path), str(folder / "out.lib"))
    first, second = run(CACHED, str(path))
    print(f"{path.name}: {size / 1e6:.1f} MB of text")
    print(f"  liberty-parser {parser:.2f} s, read {read:.2f} s ({size / 1e6 / read:.0f} MB/s): {parser / read:.1f} times as fast")
    print(f"  peak memory {peak / 1e6:.0f} MB: {peak / size:.1f} times the text")
    print(f"  from the cache {second:.3f} s: {first / second:.1f} times as fast as the first read ({first:.2f} s)")
    print(f"  written with all numbers changed {write:.2f} s: {write / read:.2f} of the read")


def many(paths: list[Path], folder: Path) -> None:
    from eda_plugin.adapters import liberty
    from eda_plugin.data.columnar import corner_table

    begin = time.perf_counter()
    libraries = liberty.read_many(paths, cache=False)
    read = time.perf_counter()
    table = corner_table(libraries)
    done, values = time.perf_counter(), sum(len(library.values) for library in libraries)
    print(f"{len(paths)} files, {values} values, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"  read in {read - begin:.1f} s, aligned to {table.num_rows} rows in {done - read:.1f} s: {done - begin:.1f} s wall clock")
    cpu = os.times()
    print(f"  CPU time {cpu.user + cpu.system:.1f} s here, {cpu.children_user + cpu.children_system:.1f} s in the readers")
    changed = []
    for path, library in zip(paths, libraries, strict=True):
        document = liberty.open_document(path)
        liberty.write(library, folder / "out.lib", template=document)
        if (folder / "out.lib").read_bytes() != document.text:
            changed.append(path.name)
    print(f"  round trip: {len(paths) - len(changed)} of {len(paths)} with the same bytes {' '.join(changed)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("libraries", nargs="+", type=Path)
    parser.add_argument("--many", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["EDA_PLUGIN_CACHE"] = str(folder / "cache")
        if options.many:
            many(options.libraries, folder)
        else:
            for path in options.libraries:
                one(path, folder)


if __name__ == "__main__":
    main()
