"""``python -m eda_plugin.cli.watched RECORD FORBIDDEN... -- COMMAND...``: the command line, with every file that it opens recorded.

The benchmark runs its plans and fills so where it checks leakage: the truth is forbidden. Exit status 70 where the command tried.
"""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Run, write the record, and return the exit status."""
    place = arguments.index("--")
    record, *forbidden = map(Path, arguments[:place])
    from eda_plugin.flow.watching import Watch

    watch = Watch(forbidden)  # before numpy, torch and the plugins are there
    from eda_plugin.cli.app import FAULT, run

    status = run(arguments[place + 1 :])
    watch.write(record)
    return FAULT if watch.broken else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
