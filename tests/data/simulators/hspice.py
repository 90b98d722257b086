"""A stand-in for HSPICE: checks a deck as HSPICE would, line by line, and answers in HSPICE's own measure format.

``python hspice.py [--by ngspice] -i DECK -o STEM``. Where it finds a fault it says so as HSPICE does (``**error**`` in STEM.lis) and ends
with status 1. The values are a formula's or, ``--by ngspice``, those of ngspice on each row of the sweep, parameters put in.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from eda_plugin.adapters.hspice import write_measure

NUMBER = r"[-+]?[0-9.]+(?:e[-+]?[0-9]+)?[a-z]*"
VALUE = rf"(?:'[^']+'|{NUMBER})"
POINT = rf"[vi]\(\w+\)\s+val={VALUE}\s+td={VALUE}\s+cross=\d+"
STATEMENTS = {
    ".option": r"\.options?(\s+\w+(=[\w.+-]+)?)+",
    ".options": r"\.options?(\s+\w+(=[\w.+-]+)?)+",
    ".param": rf"\.param(\s+\w+={VALUE})+",
    ".lib": r"\.lib\s+'[^']+'\s+[\w.+-]+",
    ".include": r"\.include\s+'[^']+'",
    ".temp": rf"\.temp\s+{NUMBER}",
    ".data": r"\.data\s+\w+(\s+\S+)+",
    ".enddata": r"\.enddata",
    ".tran": rf"\.tran\s+{VALUE}\s+{VALUE}(\s+sweep\s+data=\w+)?",
    ".measure": rf"\.measure\s+tran\s+\w+\s+(trig\s+{POINT}\s+targ\s+{POINT}|find\s+v\(\w+\)\s+at={VALUE})",
    ".end": r"\.end",
}
ELEMENTS = {
    "v": rf"v\w+\s+\w+\s+\w+\s+((dc\s+)?{VALUE}|pwl\((\s*{VALUE})+\s*\))",
    "c": rf"c\w+\s+\w+\s+\w+\s+{VALUE}",
    "r": rf"r\w+\s+\w+\s+\w+\s+{VALUE}",
    "x": r"x\w+(\s+\w+)+",
}


def read(path: Path) -> list[str]:
    """Statements: comments away, continuation lines joined."""
    joined: list[str] = []
    for number, line in enumerate(path.read_text().splitlines()):
        if line.startswith("+"):
            joined[-1] += " " + line[1:]
        elif line.strip() and not (line.startswith("*") or number == 0):
            joined.append(line.strip())
    return joined


def check(lines: list[str], stem: Path) -> None:
    def fault(text: str) -> None:
        stem.with_suffix(".lis").write_text(f" ****** stand-in ******\n **error** {text}\n ***** job aborted\n")
        sys.exit(1)

    if lines[-1].lower() != ".end":
        fault("no .end at the end")
    params: set[str] = set()
    data: dict[str, int] = {}
    ports: dict[str, int] = {}
    for line in lines:
        word = line.split()[0].lower()
        pattern = STATEMENTS.get(word) if word.startswith(".") else ELEMENTS.get(word[0])
        if pattern is None or not re.fullmatch(pattern, line, re.IGNORECASE):
            fault(f"unknown or malformed: {line}")
        if word == ".param":
            params |= set(re.findall(r"(\w+)=", line))
        if word in (".lib", ".include"):
            file = Path(line.split("'")[1])
            if not file.is_file():
                fault(f"no file {file}")
            text = file.read_text()
            if len(re.findall(r"(?im)^\.subckt", text)) != len(re.findall(r"(?im)^\.ends", text)):
                fault(f"{file}: .subckt without .ends")
            for found in re.finditer(r"(?im)^\.subckt\s+(.*)$", text):
                name, *nodes = [node for node in found[1].split() if "=" not in node]
                ports[name.lower()] = len(nodes)
            if word == ".lib" and not re.search(rf"(?im)^\.lib\s+{line.split()[-1]}\s*$", text):
                fault(f"{file}: no section {line.split()[-1]}")
        if word == ".data":
            words = line.split()[2:]
            names = [item for item in words if not re.fullmatch(NUMBER, item, re.IGNORECASE)]
            if words[: len(names)] != names or not names or (len(words) % len(names)) or len(words) == len(names):
                fault(f".data {line.split()[1]}: {len(words) - len(names)} values for {len(names)} names")
            data[line.split()[1]] = len(names)
            if set(names) - params:
                fault(f".data: {sorted(set(names) - params)[0]} is no parameter")
        if word == ".tran" and "data=" in line and line.rsplit("data=", 1)[1] not in data:
            fault(f"no .data for {line}")
        if word[0] == "x" and ports.get(line.split()[-1].lower()) != len(line.split()) - 2:
            fault(f"wrong number of nodes: {line}")
        quoted = " ".join(re.findall(r"'([^']+)'", line)) if word not in (".lib", ".include") else ""
        strange = set(re.findall(r"\b[a-z]\w*", quoted)) - params
        if strange:
            fault(f"undefined parameter {sorted(strange)[0]}: {line}")
    if sum(line.lower().startswith(".data") for line in lines) != sum(line.lower() == ".enddata" for line in lines):
        fault(".data without .enddata")


def formula(row: dict[str, float], volts: float) -> dict[str, float]:
    delay = (1e-12 + 0.1 * (row["e_end"] - row["e_start"]) + 2e3 * row["e_load"]) / volts
    return {"delay": delay, "transition": 2 * delay, "final": volts if row["e_last"] > row["e_first"] else 0.0}


def simulated(lines: list[str], row: dict[str, float], stem: Path) -> dict[str, float]:
    body = [line for line in lines if not line.lower().startswith((".data", ".enddata", ".option", ".param"))]
    text = "\n".join(["* row", ".options reltol=1e-4 trtol=0.3 chgtol=1e-18", *body])

    def value(found: re.Match[str]) -> str:
        """A quoted expression: sums, differences and products of parameters and numbers."""
        if not set(re.findall(r"[a-z_]\w*", found[1])) <= row.keys():
            return found[0]
        return f"{eval(found[1], {'__builtins__': {}}, row):.9g}"

    text = re.sub(r"'([\w.+*()-]+)'", value, text)
    text = text.replace(" sweep data=rows", f" 0 {row['e_step']:.9g}").replace("'", '"')
    deck = stem.with_name("row.sp")
    deck.write_text(text + "\n")
    told = subprocess.run(["ngspice", "-b", str(deck)], capture_output=True, text=True, check=False, timeout=60).stdout
    return {name: float(value) for name, value in re.findall(r"^(\w+)\s*=\s*(\S+)", told, re.MULTILINE) if name in MEASURES}


MEASURES = ("delay", "transition", "final")
parser = argparse.ArgumentParser()
parser.add_argument("-i", type=Path, required=True)
parser.add_argument("-o", type=Path, required=True)
parser.add_argument("--by", default="formula")
options = parser.parse_args()
statements = read(options.i)
check(statements, options.o)
table = next((line.split()[2:] for line in statements if line.lower().startswith(".data")), None)
if table is None:
    write_measure(f"{options.o}.mt0", ["final"], np.array([[1.0]]), title="version", version="S-2021.09 stand-in")
    sys.exit(0)
heads = [word for word in table if not re.fullmatch(NUMBER, word, re.IGNORECASE)]
numbers = np.array([float(word) for word in table[len(heads) :]]).reshape(-1, len(heads))
supply = float(next(line for line in statements if line.startswith("vsupply")).split()[-1])
answers = []
for values in numbers:
    row = dict(zip(heads, map(float, values), strict=True))
    found = simulated(statements, row, options.o) if options.by == "ngspice" else formula(row, supply)
    answers.append([found.get(name, np.nan) for name in MEASURES])
write_measure(
    f"{options.o}.mt0",
    [*heads, *MEASURES],
    np.concatenate([numbers, np.array(answers)], axis=1),
    title="rows",
    swept=heads,
    version="S-2021.09 stand-in",
)
