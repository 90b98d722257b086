"""``python -m eda_plugin`` is the command line."""

from __future__ import annotations

from eda_plugin.cli import main

if __name__ == "__main__":
    main()
