"""Fuzz targets of the readers of simulation results, for atheris.

    pip install '.[fuzz]' -c constraints.txt
    python tests/fuzz/fuzz_readers.py measure|listing|waveform|log [-max_total_time=15] [CORPUS...]

A finding is any exception but a ``UserError``; a measure file that reads otherwise in one piece than token by token; a waveform with more
points than its file has room for; a listing with more lines than its file. Without options of libFuzzer's: inputs up to 16 KiB, 10 s and
1 GiB for each, and a corpus made here. Without atheris, ``tests/test_readers_damaged.py`` runs ``check`` on random damage.
"""

from __future__ import annotations

import math
import random
import re
import struct
import sys
import tempfile
from pathlib import Path

__all__ = ["TARGETS", "check", "mutate", "seeds"]

TARGETS = ("measure", "listing", "waveform", "log")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # hspice_waves
_TOKEN = re.compile(rb"[\w.+-]+|\s+|.", re.DOTALL)
_WORDS = (
    *(b"\r\n", b"\0", b"\xff", b"\xef\xbb\xbf", b"9" * 400, b"1e30", b"x\n", b"\ny\n", b"$&%#", b"******", b"not found", b"-.86000E-10"),
    *rb"""failed nan inf 1e999 -0. .5 +1 1_0 0x10 $DATA1 .TITLE alter# index , = targ= trig= from= PARAM_COUNT=3 $OPTION MEASFORM=2
    MEASFORM=3 **error** **warning** job concluded aborted tnom= temp= parameter monte carlo .alter .param .option meas_variable timestep
    9601 2001 2013 9007 0001 0000 TIME HERTZ v(a row done meas tran 82.1810p 1.5000x 1 2 3""".split(),
)
_NUMBERS = (0, 1, 4, 8, 20, 392, 8192, 2**31 - 4, 2**32 - 1, 10**9, 0x7149F2CA, 0x46293E59)


def check(target: str, data: bytes, folder: Path) -> None:
    """Read ``data`` as the target does. Raises ``InternalError`` for a finding."""
    from eda_plugin.errors import UserError  # here, so that atheris instruments it first

    path = folder / "fuzz"
    path.write_bytes(data)
    try:
        {"measure": _measure, "listing": _listing, "waveform": _waveform, "log": _log}[target](path, len(data))
    except UserError:
        return


def _measure(path: Path, size: int) -> None:
    import numpy as np

    from eda_plugin.adapters.hspice import MeasureFile, is_measure, read_measure, tokens
    from eda_plugin.errors import InternalError, ParseError

    is_measure(path)
    read: list[MeasureFile] = []
    refused: list[str] = []
    usual = tokens.FEW
    for few in (0, size):
        tokens.FEW = few
        try:
            read.append(read_measure(path))
        except ParseError as error:
            refused.append(str(error))
        finally:
            tokens.FEW = usual
    if refused:
        if read or refused[0] != refused[1]:
            raise InternalError(f"refused in one way of reading, not in the other: {refused}")
        return
    quick, slow = read
    if quick.values.shape != (len(quick), len(quick.names)) or not np.array_equal(quick.lines, slow.lines):
        raise InternalError("rows without their names or lines")
    if not np.array_equal(quick.values, slow.values, equal_nan=True):
        raise InternalError("one file, two readings")
    quick.missing()


def _listing(path: Path, size: int) -> None:
    from eda_plugin.adapters.hspice import is_listing, read_listing
    from eda_plugin.errors import InternalError

    is_listing(path)
    found = read_listing(path)
    places = [measure.line for run in found.runs for measure in run.measures] + [note.line for note in found.notes]
    if found.lines > size + 1 or any(not 1 <= place <= found.lines for place in places):
        raise InternalError("a line that the file has not")
    if any(measure.failed != math.isnan(measure.value) for run in found.runs for measure in run.measures):
        raise InternalError("a failed measure with a value")


def _waveform(path: Path, size: int) -> None:
    from eda_plugin.adapters.hspice import is_waveform, open_waveforms
    from eda_plugin.errors import InternalError

    is_waveform(path)
    found = open_waveforms(path)
    points = sum(sweep.points for sweep in found.sweeps)
    if points * (1 + len(found.names)) * 4 > size:
        raise InternalError(f"{points} points of {1 + len(found.names)} signals in {size} bytes")
    for sweep, told in enumerate(found.sweeps):
        for name in (found.scale, *found.names):
            if found.signal(name, sweep).shape != (told.points,):
                raise InternalError(f"{name} has not {told.points} points")


def _log(path: Path, size: int) -> None:
    from eda_plugin.adapters.ngspice.log import parse_rows, read_log

    parse_rows(path.read_text(encoding="utf-8", errors="replace"))
    read_log(path)


def seeds(target: str) -> list[bytes]:
    """Small files of every form."""
    import numpy as np
    from hspice_waves import ascii_, binary

    head = b"$DATA1 SOURCE='HSPICE' VERSION='L-2016.06' PARAM_COUNT=2\n"
    rows = b" 1.0000  1.0e-11  82.1e-12  25.0000  1\n 2.0000  2.0e-11  failed  2.5e+01  1\n"
    names = b" index  tin  tphl[0]\n temper  alter#\n"
    if target == "measure":
        comma = b"\n".join(b",".join(line.split()) for line in rows.splitlines()) + b"\n"
        named = b"tphl= 1.5e-11\ncl =  2.e-15 alter#= 1\ntphl= failed cl= 1e-15\nalter#= 1\n"
        title = b".TITLE 'a = b'\n"
        listed = head + b"$OPTION MEASFORM=3\n" + title + b",".join(names.split()) + b"\n" + comma
        return [
            head + title + names + rows,
            head + title + names + rows * 30,
            listed,
            named,
            head + b"$OPTION MEASFORM=2\n" + title + named,
        ]
    if target == "listing":
        page = (
            b"1****** PrimeSim HSPICE -- S-2021.09 linux64 (Aug 25 2021) ******\n ******\n * title\n\n ******  option summary\n ******\n"
            b" runlvl  = 3  bypass  = 2.0\n .param vdd=0.8 cl='2f'\n + slew=10p\n **warning** (a.sp:1) unknown\n"
            b" ****** transient analysis tnom=  25.000 temp= -40.000 ******\n *** parameter cl  =  1.0f ***\n"
            b" *** monte carlo  index = 3 ***\n"
            b" tphl=  82.1810p  targ=   2.6662n\n   trig=   2.5841n\n tr=  failed\n long=\n 1.0x at= 3n\nx\n 1.0 2.0\ny\n"
            b"          ***** job concluded\n .alter slow\n"
        )
        return [
            page,
            page * 3 + b" **error** internal timestep too small\n>error ***** hspice job aborted\n total elapsed time  1.2 seconds\n",
        ]
    if target == "log":
        row = b"row 3\ndelay = 1.2e-11 targ= 2e-11 trig= 8e-12\n meas tran tr trig v(a) failed!\ntr = failed\ndone 3\n"
        return [row, row * 4, b"delay               =  1.2e-11 targ=  2e-11 trig=  8e-12\n"]
    signals, types = ("TIME", "v(a)", "i(b)"), (1, 1, 8)
    table = np.random.default_rng(5).normal(size=(40, 3))
    two, values = [table[:9], table], [(1.0,), (2.0,)]
    made = [
        binary(signals, types, [table], version=version, order=order, size=128) for version in (9007, 9601, 2001, 2013) for order in "<>"
    ]
    made += [binary(signals, types, two, version=version, size=128, swept=("cl",), values=values) for version in (9601, 2001, 2013)]
    made += [ascii_(signals, types, [table]), ascii_(signals, types, two, version=2001, swept=("cl",), values=values)]
    return [*made, binary(("HERTZ", "v(a)", "vdb(b)"), (2, 1, 6), [np.ones((9, 4))]), ascii_(("HERTZ", "v(a)"), (2, 1), [np.ones((9, 3))])]


def mutate(target: str, data: bytes, limit: int, seed: int) -> bytes:
    """Tokens, words or spans dropped, doubled or exchanged: what stays near enough to the format to get past its head."""
    generator = random.Random(seed)
    if target == "waveform" and generator.random() < 0.7:
        raw = bytearray(data)
        for _ in range(generator.randint(1, 4)):
            at = generator.randrange(len(raw) + 1)
            how = generator.randrange(4)
            if how == 0:
                at -= at % 4
                raw[at : at + 4] = struct.pack(generator.choice("<>") + "I", generator.choice(_NUMBERS))
            elif how == 1:
                del raw[at : at + generator.choice((1, 4, 20, 128, 1000))]
            elif how == 2:
                raw[at:at] = raw[at : at + generator.choice((4, 16, 148, 600))]
            else:
                raw[at : at + 1] = bytes([generator.randrange(256)])
        return bytes(raw[:limit])
    tokens = _TOKEN.findall(data)
    for _ in range(generator.randint(1, 5)):
        at, size = generator.randrange(len(tokens) + 1), generator.choice((1, 1, 2, 5, 20))
        how = generator.randrange(4)
        part = tokens[at : at + size]
        if how == 0:
            tokens[at : at + size] = []
        elif how == 1:
            tokens[at:at] = part
        elif how == 2:
            tokens[at : at + 1] = [generator.choice(_WORDS)]
        else:
            tokens[at:at] = [b" ", generator.choice(_WORDS), b" "]
    return b"".join(tokens)[:limit]


def main() -> None:
    import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]

    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        raise SystemExit(f"name a target: {', '.join(TARGETS)}")
    target = sys.argv[1]
    with atheris.instrument_imports(include=["eda_plugin"]):
        import eda_plugin.adapters.hspice
        import eda_plugin.adapters.ngspice.log  # noqa: F401
    import pyarrow.csv  # noqa: F401  # not in the time of the first input

    def vary(data: bytes, limit: int, seed: int) -> bytes:
        return mutate(target, data, limit, seed) if seed % 4 else bytes(atheris.Mutate(data, limit))

    options = ["-max_len=16384", "-timeout=10", "-rss_limit_mb=1024", *sys.argv[2:]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = folder / "corpus"
        corpus.mkdir()
        for place, data in enumerate(seeds(target)):
            (corpus / f"seed{place}").write_bytes(data)
        atheris.Setup([sys.argv[0], *options, str(corpus)], lambda data: check(target, data, folder), custom_mutator=vary)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
