"""Outside tools read what is written with the same messages as the library that it was made from."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from eda_plugin.adapters import liberty
from eda_plugin.domain import Corner

FORMS = Path(__file__).parent / "data" / "liberty" / "forms.lib"


def messages(program: str, script: str, folder: Path) -> list[str]:
    """What a tool says of a library, sorted, without the names of file and library and without line numbers."""
    (folder / "script").write_text(script)
    arguments = ["-no_splash", "-exit", "script"] if "sta" in Path(program).name else ["-Q", "-T", "-s", "script"]
    done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    lines = (done.stdout + done.stderr).splitlines()
    return [
        f"exit {done.returncode}",
        *sorted(re.sub(r"\S*(\.lib|forms__|after_)\S*|line \d+", "", line) for line in lines if "arning" in line or "rror" in line),
    ]


@pytest.fixture(params=["forms", "sky130"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with ``before.lib`` and ``after.lib``: all its numbers changed, another corner, a note."""
    if request.param == "forms":
        text = FORMS.read_bytes().replace(b"// a name that begins with a digit", b"")
    else:
        sky130: Path = request.getfixturevalue("sky130")
        text = liberty.open_document(sky130 / "sky130_fd_sc_hd__tt_025C_1v80.lib.gz").text
        end = text.index(b"\n  cell (", len(text) // 20)
        text = text[:end] + b"\n}\n"
    before = tmp_path / "before.lib"
    before.write_bytes(text)
    library = liberty.read(before, corner=Corner("tt", 1.8, 25))
    target = replace(library.with_values(library.values * 1.0123, library.origin), corner=Corner("ss", 1.6, 100), name="after_ss_100C_1v60")
    liberty.write(target, tmp_path / "after.lib", note="filled; see after.parquet")
    return tmp_path


def test_opensta_reads_what_is_written(pair: Path, needs_tool: Callable[[str], str]) -> None:
    program = needs_tool("opensta")
    before, after = (messages(program, f"read_liberty {name}.lib\n", pair) for name in ("before", "after"))
    assert before == after
    assert before[0] == "exit 0"


def test_yosys_reads_what_is_written(pair: Path, needs_tool: Callable[[str], str]) -> None:
    program = needs_tool("yosys")
    before, after = (messages(program, f"read_liberty -lib {name}.lib\nstat -liberty {name}.lib\n", pair) for name in ("before", "after"))
    assert before == after
