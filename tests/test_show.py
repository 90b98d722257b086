"""What a terminal gets, and a pipe does not."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest

from eda_plugin.cli import show
from eda_plugin.config import NullProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """``screen(total, NAME="1")``: what a stage shows on a terminal, with variables set."""

    def show_stage(total: int | None, **variables: str) -> str:
        terminal = Terminal()
        monkeypatch.setenv("TERM", "xterm-256color")
        for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.stderr", terminal)  # here: pytest puts its own in place when a test begins
        with show.progress(quiet=False).stage("filling", total) as stage:
            stage.advance()
        return terminal.getvalue()

    return show_stage


def test_a_long_step_tells_the_time_left(screen: Callable[..., str]) -> None:
    text = screen(4)
    assert "filling" in text
    assert "1/4" in text
    assert "left:" in text
    assert re.search(r"\d:\d\d:\d\d", text)


def test_a_step_of_unknown_length_promises_no_end(screen: Callable[..., str]) -> None:
    text = screen(None)
    assert "filling" in text
    assert "left:" not in text


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_for_terminals_and_can_be_left_out(screen: Callable[..., str], variables: dict[str, str], coloured: bool) -> None:
    assert bool(re.search(r"\x1b\[[\d;]*3[0-8]", screen(4, **variables))) is coloured


def test_a_pipe_gets_plain_columns_and_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    show.written(["a.lib", "a.lib.origin.parquet"])
    assert capsys.readouterr().out == "written\n  file\n  a.lib\n  a.lib.origin.parquet\n"
    assert isinstance(show.progress(quiet=False), NullProgress)


def test_nothing_written_is_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    show.written([])
    assert capsys.readouterr().out == ""
