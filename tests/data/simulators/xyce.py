"""A stand-in for Xyce: checks a deck's statements and answers with a measure file for each step of the sweep.

``python xyce.py [--by ngspice] DECK``. A fault ends it with status 1. The values are a formula's, or ngspice's with the load put in.
"""

import re
import subprocess
import sys
from pathlib import Path

NUMBER = r"[-+]?[0-9.]+(?:e[-+]?[0-9]+)?"
POINT = rf"v\(\w+\)={NUMBER}\s+td={NUMBER}\s+cross=1"
STATEMENTS = (
    r"\.options\s+\w+(\s+\w+=\S+)+", rf"\.global_param\s+\w+={NUMBER}", r"\.lib\s+\"[^\"]+\"\s+\S+", r"\.include\s+\"[^\"]+\"",
    rf"\.temp\s+{NUMBER}", r"\.data\s+\w+(\s+\S+)+", r"\.enddata", r"\.step\s+data=\w+", rf"\.tran(\s+{NUMBER}){{4}}",
    rf"\.measure\s+tran\s+\w+\s+(trig\s+{POINT}\s+targ\s+{POINT}|find\s+v\(\w+\)\s+at={NUMBER})", r"\.end",
    rf"v\w+\s+\w+\s+\w+\s+((dc\s+)?{NUMBER}|pwl\((\s*{NUMBER})+\))", rf"c\w+\s+\w+\s+\w+\s+(\{{\w+\}}|{NUMBER})", r"x\w+(\s+\w+)+",
    rf"r\w+\s+\w+\s+\w+\s+{NUMBER}k", r"\.dc\s+v1\s+1\s+1\s+1", r"\.print\s+dc\s+v\(a\)",
)  # fmt: skip

deck = Path(sys.argv[-1])
sys.stdout.write("*****  Welcome to the stand-in of Xyce\n***** This is version Xyce Release 7.8-stand-in\n")
lines: list[str] = []
for line in deck.read_text().splitlines()[1:]:
    if line.startswith("+"):
        lines[-1] += " " + line[1:].strip()
    elif line.strip():
        lines.append(line)
for line in lines:
    if not any(re.fullmatch(pattern, line, re.IGNORECASE) for pattern in STATEMENTS):
        sys.exit(f"Netlist error: unrecognized: {line}")
if lines[-1] != ".end":
    sys.exit("Netlist error: no .end")
data = next((line.split()[2:] for line in lines if line.startswith(".data")), None)
if data is None:
    sys.exit(0)
if data[0] != "e_load" or ".step data=rows" not in lines:
    sys.exit("Netlist error: the sweep has no such parameter")
for step, load in enumerate(data[1:]):
    text = "\n".join(line for line in lines if not line.startswith((".data", ".enddata", ".step", ".options", ".global_param")))
    text = text.replace("{e_load}", load)
    if "--by" in sys.argv:
        row = deck.with_name("row.sp")
        row.write_text("* row\n.options reltol=1e-4 trtol=0.3 chgtol=1e-18\n" + re.sub(r"v\((\w+)\)=", r"v(\1) val=", text) + "\n")
        told = subprocess.run(["ngspice", "-b", str(row)], capture_output=True, text=True, check=False, timeout=60).stdout
        found = dict(re.findall(r"^(delay|transition|final)\s*=\s*(\S+)", told, re.MULTILINE))
    else:
        volts = float(re.findall(r"^vsupply supply 0 dc (\S+)", text, re.MULTILINE)[0])
        _, _, start, _, end, _ = map(float, re.findall(r"pwl\((.*)\)", text)[0].split())
        first, last = re.findall(r"transition trig v\(sense\)=(\S+) .* targ v\(sense\)=(\S+)", text)[0]
        delay = (1e-12 + 0.1 * (end - start) + 2e3 * float(load)) / volts
        found = {"delay": delay, "transition": 2 * delay, "final": volts if float(last) > float(first) else 0.0}
    answers = "".join(f"{name.upper()} = {found.get(name, 'FAILED')}\n" for name in ("delay", "transition", "final"))
    deck.with_name(f"{deck.name}.mt{step}").write_text(answers)
