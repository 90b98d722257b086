"""The documentation's pages as blocks of code, and the folders in which each page's blocks run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PAGES", "ROOT", "Block", "blocks", "cut", "example_libraries"]

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("*.md", "docs/**/*.md", "examples/*.md", "examples/*/*.md")
PAGES = sorted(path.relative_to(ROOT).as_posix() for pattern in FOLDERS for path in ROOT.glob(pattern))
_BLOCK = re.compile(r"(?:^<!-- (not run|file): (.*?) -->\n\n?)?^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """``line`` of the page at which it begins; ``not_run``: why it can't run in a test; ``file``: the name under which it is saved."""

    page: str
    line: int
    language: str
    text: str
    not_run: str = ""
    file: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: str) -> Iterator[Block]:
    """The code blocks of a page, in order. ``<!-- not run: why -->`` and ``<!-- file: name -->`` stand on a line before a block."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        mark, words, language, code = found.groups()
        line = text.count("\n", 0, found.start(3)) + 1
        yield Block(page, line, language, code, words if mark == "not run" else "", words if mark == "file" else "")


def cut(library: Path, out: Path, cells: tuple[str, ...] = ("NOT", "NAND2")) -> Path:
    """A library of examples/hkmg22 with no other cells than these."""
    head, *groups = re.split(r"(?m)^(?=  cell \()", library.read_text(encoding="utf-8"))
    wanted = [group for group in groups if (found := re.match(r"  cell \((\w+)\)", group)) and found[1] in cells]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(head + "".join(wanted) + ("" if groups[-1] in wanted else "}\n"), encoding="utf-8")
    return out


def example_libraries(folder: Path, names: tuple[str, ...]) -> None:
    """Anchors of the example library, two cells each, in ``folder``."""
    for name in names:
        cut(ROOT / "examples" / "hkmg22" / "lib" / f"hkmg22_{name}.lib", folder / f"hkmg22_{name}.lib")
