"""The documentation as a site: it builds without a warning, every link and anchor leads somewhere, the reference leaves nothing out."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest

import eda_plugin
from eda_plugin.cli.app import app


class Page(HTMLParser):
    """What a page links to, what it loads by itself, and the places in it that links may name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.code: set[str] = set()
        self._in_code = False
        self.feed(text)

    def handle_endtag(self, tag: str) -> None:
        self._in_code = self._in_code and tag != "code"

    def handle_data(self, data: str) -> None:
        if self._in_code:
            self.code |= set(data.replace(",", " ").split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.ids.add(named.get("id", ""))
        self._in_code = self._in_code or tag == "code"
        if tag == "a" and "href" in named:
            self.links.append(named["href"])
            self.ids.add(named.get("name", ""))
        elif "src" in named or (tag == "link" and "href" in named):
            self.loads.append(named.get("src") or named["href"])


@pytest.fixture(scope="module")
def site(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Page]:
    """The built pages, by their place below the site's folder."""
    absent = [name for name in ("mkdocs", "material", "mkdocstrings", "mkdocs_click") if importlib.util.find_spec(name) is None]
    if absent and os.environ.get("EDA_PLUGIN_REQUIRE_TOOLS") == "1":
        pytest.fail(f"package absent: {absent[0]} (the extra docs), and EDA_PLUGIN_REQUIRE_TOOLS=1 says that it must be here")
    if absent:
        pytest.skip(f"package absent: {absent[0]} (the extra docs)")
    folder = tmp_path_factory.mktemp("site")
    made = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=repository, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    return {path.relative_to(folder).as_posix(): Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))} | {
        path.relative_to(folder).as_posix(): Page("") for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".html"
    }


def test_every_link_and_anchor_leads_somewhere(site: dict[str, Page]) -> None:
    broken, followed = [], 0
    for place, page in site.items():
        if place == "404.html":  # its links begin at the root of wherever the site is put
            continue
        for link in (*page.links, *page.loads):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            followed += 1
            target = os.path.normpath(os.path.join(os.path.dirname(place), unquote(parts.path))) if parts.path else place  # noqa: PTH118, PTH120
            if target not in site or (parts.fragment and unquote(parts.fragment) not in site[target].ids):
                broken.append(f"{place}: {link}")
    assert not broken
    assert followed > 1000


def test_no_page_loads_anything_from_another_host(site: dict[str, Page]) -> None:
    assert not [(place, load) for place, page in site.items() for load in page.loads if urlsplit(load).netloc]


def test_every_command_and_option_has_its_place(site: dict[str, Page]) -> None:
    context = click.Context(app)
    page = site["reference/options.html"]
    for name in app.list_commands(context):
        assert f"eda-plugin-{name}" in page.ids, name
        command = app.get_command(context, name)
        assert command is not None
        for parameter in command.params:
            for word in (*parameter.opts, *parameter.secondary_opts) if isinstance(parameter, click.Option) else ():
                assert word in page.code, f"{name} {word}"


def test_every_name_of_the_python_interface_has_its_place(site: dict[str, Page]) -> None:
    names = {f"eda_plugin.{name}" for name in eda_plugin.__all__ if not name.startswith("__")}
    assert names <= site["reference/api.html"].ids
