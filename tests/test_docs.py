"""What the pages say is so: their programs run, their commands parse, their links lead somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import click
import pytest
from pages import PAGES

from eda_plugin.cli.app import app
from eda_plugin.hooks import specs
from eda_plugin.hooks.manager import Plugins
from eda_plugin.hooks.testing import faults

NUMBER = re.compile(r"\d+(?:\.\d+)?")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return [text for name, text in FENCE.findall(page.read_text(encoding="utf-8")) if name == language]


def test_readme_begins_with_a_sentence_a_program_its_output_and_a_command(repository: Path) -> None:
    text = (repository / "README.md").read_text(encoding="utf-8")
    screen = "\n".join(text.splitlines()[:40])
    assert [name for name, _ in FENCE.findall(screen)][:3] == ["python", "text", "sh"]


def test_readme_program_gives_its_output(repository: Path, tmp_path: Path) -> None:
    (program, *more), (expected, *_) = (blocks(repository / "README.md", name) for name in ("python", "text"))
    assert not more, "run every program of the README here"
    (tmp_path / "examples").symlink_to(repository / "examples")
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    ran = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert NUMBER.sub("#", ran.stdout) == NUMBER.sub("#", expected), ran.stdout
    assert [float(found) for found in NUMBER.findall(ran.stdout)] == pytest.approx(
        [float(found) for found in NUMBER.findall(expected)], rel=0.3
    )
    assert (tmp_path / "filled.lib").stat().st_size > 10_000


def test_hooks_page_shows_a_plugin_that_works(repository: Path, install: Callable[..., Path]) -> None:
    program, *_ = blocks(repository / "docs" / "hooks.md", "python")
    install("shown", program)
    assert {info.name: info.status for info in Plugins.load().infos}["shown"] == "loaded"


@pytest.mark.parametrize("hook", specs.__all__)
def test_every_hook_has_an_example_that_conforms(repository: Path, hook: str) -> None:
    section = re.split(
        r"^##+ ", (repository / "docs" / "hooks.md").read_text(encoding="utf-8").split(f"### `{hook}(")[1], flags=re.MULTILINE
    )[0]
    ((language, program),) = FENCE.findall(section)
    assert language == "python"
    example = ModuleType(f"example_of_{hook}")
    sys.modules[example.__name__] = example  # dataclasses look their module up
    try:
        exec(compile(program, f"docs/hooks.md: {hook}", "exec"), vars(example))
        assert hasattr(example, hook)
        assert faults(example) == []
    finally:
        del sys.modules[example.__name__]


@pytest.mark.parametrize("page", PAGES)
def test_commands_shown_parse(repository: Path, page: str) -> None:
    lines = [line for text in blocks(repository / page, "sh") for line in text.splitlines() if line.startswith("eda-plugin ")]
    assert lines or page != "README.md"
    for line in lines:
        words = shlex.split(line, comments=True)[1:]
        words = words[: words.index("||")] if "||" in words else words  # what the shell does with an exit status of findings
        context = click.Context(app)
        command = app.get_command(context, words[0])
        assert command is not None, line
        with command.make_context(words[0], words[1:], parent=context):
            pass


def test_every_command_and_option_is_on_the_page(repository: Path) -> None:
    text = (repository / "docs" / "cli.md").read_text(encoding="utf-8")
    context = click.Context(app)
    for name in app.list_commands(context):
        assert f"| `{name} " in text or f"| `{name}` " in text, f"docs/cli.md has no row for {name}"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(repository: Path, page: str) -> None:
    text = (repository / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert ((repository / page).parent / target).exists(), f"{page}: {target}"
