"""Hooks of MkDocs: pages of the repository that do not lie in docs/, and links between all of them.

On the site, README.md is the first page, and each folder of examples/ has a page: its README, or a list of what is in it. Links in the
Markdown are those of the repository, which a reader of the sources follows too; here they become those of the site.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

__all__ = ["on_files", "on_page_markdown"]

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "LICENSE": "LICENSE.txt"}
SHOWN = (".py", ".toml", ".sp", ".tcl", ".v", ".mk")
NAMES = ("Makefile", "Snakefile")
DATA = ("lib", "hspice", "data", "__pycache__", "build")
_FENCE = re.compile(r"(^```.*?^```$)", flags=re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of ``PAGES`` and of examples/, with the files that they point to."""
    from mkdocs.structure.files import File

    for path, place in {**PAGES, **_examples()}.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
    for folder in _folders():
        if not (folder / "README.md").exists():
            place = f"examples/{folder.name}/index.md"
            files.append(File.generated(config, place, content=_listing(folder)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """The page with its links as the site has them. Links in code are none."""
    origin = _origin(page.file.src_uri)

    def site(found: re.Match[str]) -> str:
        return _link(found, origin, page.file.src_uri)

    return "".join(part if part.startswith("```") else _LINK.sub(site, part) for part in _FENCE.split(markdown))


def _folders() -> list[Path]:
    return sorted(path for path in (ROOT / "examples").iterdir() if path.is_dir() and path.name != "__pycache__")


def _examples() -> dict[str, str]:
    """Paths in the repository and on the site, of what people read: no data."""
    found = {"examples/README.md": "examples/index.md"}
    for folder in _folders():
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(ROOT).as_posix()
            if path.is_file() and not set(path.relative_to(folder).parts[:-1]) & set(DATA):
                if path.name == "README.md":
                    found[inside] = f"{posixpath.dirname(inside)}/index.md"
                elif path.suffix in SHOWN or path.name in NAMES:
                    found[inside] = inside
    return found


def _listing(folder: Path) -> str:
    """A page for an example that has no README: its files, which begin with what they are."""
    shown = [path for path in sorted(folder.iterdir()) if path.suffix in SHOWN or path.name in NAMES]
    return f"# {folder.name}\n\n" + "\n".join(f"## {path.name}\n\n```\n{path.read_text(encoding='utf-8')}```\n" for path in shown)


def _origin(place: str) -> str:
    """Where a page of the site lies in the repository."""
    own = {site: path for path, site in {**PAGES, **_examples()}.items()}
    return own.get(place, place if place.startswith("examples/") else f"docs/{place}")


def _link(found: re.Match[str], origin: str, place: str) -> str:
    target, _, anchor = found[1].partition("#")
    if not target or "://" in target:
        return found[0]
    path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), target))
    if path.startswith("docs/"):
        site = path.removeprefix("docs/")
    elif (ROOT / path).is_dir():
        site = f"{path}/index.md"
    else:
        site = {**PAGES, **_examples()}.get(path, path)
    relative = posixpath.relpath(site, posixpath.dirname(place) or ".")
    return f"]({relative}{'#' + anchor if anchor else ''})"
