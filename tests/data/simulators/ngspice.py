"""A stand-in for ngspice: answers decks of eda_plugin.adapters.simulators.ngspice by a formula, and gets into trouble where told.

``python ngspice.py LOG TROUBLE DECK``: each call and each finished transient is noted in LOG (the digest of its circuit). TROUBLE is
``TIME`` (seconds a transient takes) or ``WHAT@LOAD``: what happens at the transient with this load (F).
"""

import hashlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

LOG, TROUBLE, DECK = sys.argv[1:4]


def note(text: str) -> None:
    handle = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, f"{text}\n".encode())
    os.close(handle)


def put(text: str) -> None:
    with Path("rows.log").open("a") as rows:
        rows.write(text)


def trouble(what: str) -> None:
    if what == "crash":
        os.abort()
    if what == "complain":
        sys.exit("Error: singular matrix")
    if what == "hang":
        child = subprocess.Popen(["sleep", "60"])
        note(f"child {child.pid}")
        time.sleep(60)
    if what == "full":
        sys.exit("Error: cannot write rows.log: No space left on device")
    if what == "garbage":
        put("delay = 1.2.3 targ= 1\n\x00\xff nonsense = \n")
    if what == "leave":
        sys.exit(0)
    if what == "late":
        put("final = 0.3\n")


note("call")
if Path(DECK).read_text().startswith("* version"):
    put("******\n** ngspice-stand-in : none\n")
    sys.exit(0)
for row in re.findall(r"^source row(\d+)\.cir$", Path(DECK).read_text(), re.MULTILINE):
    circuit = Path(f"row{row}.cir").read_bytes()
    text = circuit.decode()
    load = float(re.findall(r"^cload sense 0 (\S+)", text, re.MULTILINE)[0])
    volts = float(re.findall(r"^vsupply supply 0 dc (\S+)", text, re.MULTILINE)[0])
    _, _, start, _, end, _ = map(float, re.findall(r"pwl\((.*)\)", text)[0].split())
    rising = re.findall(r"^\* .* (rise|fall) at ", text, re.MULTILINE) == ["rise"]
    put(f"row {row}\n")
    what, place = [*TROUBLE.split("@"), ""][:2]
    where = float(place or "nan")
    if where == load:
        trouble(what)
    elif what and not place:
        time.sleep(float(what))
    delay = (1e-12 + 0.1 * (end - start) + 2e3 * load) / volts
    put(f"delay = {delay:.6e} targ= 1 trig= 1\ntransition = {2 * delay:.6e} targ= 1 trig= 1\n")
    if what != "late" or where != load:
        put(f"final = {volts if rising else 0.0:.6e}\n")
    put(f"done {row}\n")
    if what == "garbage" and where == load:
        continue  # not finished as we see it
    note(f"row {hashlib.sha256(circuit).hexdigest()}")
note("end")
