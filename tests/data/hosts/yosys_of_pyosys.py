"""yosys with Python, as LibreLane calls it, from the registry's pyosys: yosys -y SCRIPT [-Q] [-q] [--] ARGUMENTS."""

import os
import sys

script = sys.argv[sys.argv.index("-y") + 1]
rest = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
os.execv(sys.executable, [sys.executable, script, *rest])
