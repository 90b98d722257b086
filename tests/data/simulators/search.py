"""A stand-in for ngspice that answers searches for constraints: ``python search.py LOG DECK [crash]``.

It reads when the inputs cross half of the supply out of each circuit's sources. The right value is stored where D and the clock's last edge
are 7 ps apart or more, and where the pulse is 11 ps wide or more. ``crash``: at each trial it ends with status 3.
"""

import itertools
import re
import sys
from pathlib import Path

LOG, DECK, *CRASH = sys.argv[1:]
APART, WIDE, VOLTS = 7e-12, 11e-12, 0.8


def crossings(points: str) -> list[float]:
    words = [float(word) for word in points.split()]
    corners = list(zip(words[::2], words[1::2], strict=True))
    half = VOLTS / 2
    return [t + (half - v) / (w - v) * (u - t) for (t, v), (u, w) in itertools.pairwise(corners) if (v < half) != (w < half)]


with Path(LOG).open("a") as log:
    log.write("call\n")
text = Path(DECK).read_text()
if text.startswith("* version"):
    Path("rows.log").write_text("** ngspice-search : none\n")
    sys.exit(0)
circuits = text.split("source row")[1:]
for circuit in circuits:
    number = int(circuit.split(".cir")[0])
    sources = dict(re.findall(r"^(v\w+) \w+ 0 pwl\((.*)\)$", Path(f"row{number}.cir").read_text(), re.MULTILINE))
    if "vdrive" in sources:
        answer = "delay = 1e-11\ntransition = 1e-11\nfinal = 0.8\n"
    else:
        if CRASH:
            sys.exit(3)
        clock = crossings(sources["vin0"])
        pulse = "min_pulse_width" in Path(f"row{number}.cir").read_text().splitlines()[0]
        apart = clock[-1] - clock[-2] if pulse else clock[-1] - crossings(sources["vin1"])[-1]
        edge = re.findall(r"targ v\(sense\) val=\S+ td=\S+ (rise|fall)=1", circuit)[0]
        begin, end = (0.0, VOLTS) if edge == "rise" else (VOLTS, 0.0)
        stored = apart >= (WIDE if pulse else APART)
        answer = f"begin = {begin}\nend = {end if stored else begin}\n" + ("delay = 3e-11\n" if stored else "meas tran delay failed\n")
    with Path("rows.log").open("a") as rows:
        rows.write(f"row {number}\n{answer}done {number}\n")
