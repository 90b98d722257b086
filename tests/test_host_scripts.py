"""What scripts rely on: JSON and quiet on every command, options from variables and a settings file, completion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from eda_plugin.cli.app import app, run
from eda_plugin.cli.settings import from_environment, option_names

Command = Callable[..., subprocess.CompletedProcess[str]]
Make = Callable[..., Path]
Capture = pytest.CaptureFixture[str]


def commands() -> dict[str, click.Command]:
    context = click.Context(app)
    found = {name: app.get_command(context, name) for name in app.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings file is looked for in the folder in which a command runs."""
    monkeypatch.chdir(tmp_path)


def settings(text: str, name: str = "eda_plugin.toml") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_has_json_and_quiet_and_a_variable_for_each_option(name: str) -> None:
    options = option_names(commands()[name])
    assert {"json", "quiet"} <= set(options)
    prefix = "EDA_PLUGIN_" + name.upper().replace("-", "_") + "_"
    assert {option.envvar for option in options.values()} == {prefix + text.upper().replace("-", "_") for text in options}


def test_no_two_options_share_a_variable() -> None:
    variables = [str(option.envvar) for command in commands().values() for option in option_names(command).values()]
    ours = {"EDA_PLUGIN_CACHE", "EDA_PLUGIN_CONFIG", "EDA_PLUGIN_DISABLE", "EDA_PLUGIN_HOOKS", "EDA_PLUGIN_TRACEBACK"}
    assert len(set(variables)) == len(variables)
    assert not set(variables) & ours


def test_a_variable_that_an_option_names_itself_is_kept() -> None:
    command = click.Command("mine", params=[click.Option(["--site-key"], envvar="SITE_KEY"), click.Option(["--no-wait"])])
    from_environment(command, "mine")
    assert [option.envvar for option in command.params if isinstance(option, click.Option)] == ["SITE_KEY", "EDA_PLUGIN_MINE_NO_WAIT"]


def test_the_command_line_wins_over_variables_over_the_file_over_defaults(
    anchors: list[Path], toy_model: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seed(*more: str) -> int:
        arguments = ["fill", *map(str, anchors), "--target", "ss,1.60,100", "--model", "toy", "-o", "o.lib", "--json", *more]
        assert run(arguments) == 0
        return int(json.loads(capsys.readouterr().out)["seed"])

    assert seed() == 0
    settings("[defaults]\nseed = 3\n")
    assert seed() == 3
    settings("[fill]\nseed = 4\n[defaults]\nseed = 3\n")
    assert seed() == 4
    monkeypatch.setenv("EDA_PLUGIN_FILL_SEED", "5")
    assert seed() == 5
    assert seed("--seed", "6") == 6


def test_flags_lists_and_required_options_come_from_the_file(anchors: list[Path], toy_model: str, capsys: Capture) -> None:
    wanted = 'target = "ss,1.60,100"\nmodel = "toy"\noutput = "named.lib"\nquiet = true\nno_cache = true\n'
    settings(f'[fill]\n{wanted}[check]\nrule = ["load-axis-limit"]\n')
    assert run(["fill", *map(str, anchors)]) == 0
    assert capsys.readouterr() == ("", "")
    assert Path("named.lib").stat().st_size
    assert run(["check", str(anchors[0]), "--json"]) == 0
    assert {found["rule"] for found in json.loads(capsys.readouterr().out)["findings"]} == {"load-axis-limit"}


def test_a_file_of_another_name_and_place(anchors: list[Path], capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    named = settings("[inspect]\njson = true\n", "mine.toml")
    assert run(["--config", str(named), "inspect", str(anchors[0])]) == 0
    assert json.loads(capsys.readouterr().out)["libraries"]
    monkeypatch.setenv("EDA_PLUGIN_CONFIG", str(named))
    monkeypatch.setenv("EDA_PLUGIN_INSPECT_QUIET", "yes")
    assert run(["inspect", str(anchors[0])]) == 0
    assert json.loads(capsys.readouterr().out)["libraries"]
    named.unlink()
    assert run(["inspect", str(anchors[0])]) == 2
    assert "cannot read the settings mine.toml: No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[fil]\nseed = 1\n", "there is no command 'fil'; did you mean 'fill'?"),
        ("[fill]\nmodell = 1\n", "[fill] has no option 'modell'; did you mean 'model'?"),
        ("[defaults]\nzzz = 1\n", "[defaults] has no option 'zzz'; there are "),
        ("seed = 1\n", "seed stands outside a table"),
        ("[fill]\nseed = [1]\n", "[fill] seed is [1]; expected a single value"),
        ("[check]\nrule = 'x'\n", "[check] rule is 'x'; expected a list"),
        ("[check]\nstrict = 'yes'\n", "[check] strict is 'yes'; expected true or false"),
        ("[fill]\nseed = true\n", "[fill] seed is True; expected a value"),
        ("disable-plugin = 'x'\n", "disable-plugin is 'x'; expected a list of names"),
        ("[fill\n", "eda_plugin.toml: the settings are no TOML"),
    ],
)
def test_mistakes_in_the_file_are_told(text: str, match: str, anchors: list[Path], capsys: Capture) -> None:
    settings(text)
    assert run(["inspect", str(anchors[0])]) == 2
    said = capsys.readouterr()
    assert match in said.err
    assert said.out == ""


def test_a_bad_value_says_where_it_comes_from(anchors: list[Path], capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    settings("[fill]\nseed = -1\n")
    arguments = ["fill", *map(str, anchors), "--target", "ss,1.60,100", "-o", "o.lib"]
    assert run(arguments) == 2
    assert "the value comes from the settings file, eda_plugin.toml" in capsys.readouterr().err
    monkeypatch.setenv("EDA_PLUGIN_FILL_SEED", "x")
    assert run(arguments) == 2
    assert "the value comes from the environment variable EDA_PLUGIN_FILL_SEED" in capsys.readouterr().err
    assert run([*arguments, "--seed", "y"]) == 2
    assert "comes from" not in capsys.readouterr().err


def test_plugins_are_disabled_by_the_file(install: Callable[..., Path], capsys: Capture) -> None:
    install("bad", "1 / 0")
    settings('disable-plugin = ["bad"]\n')
    assert run(["plugins", "--json"]) == 0
    said = capsys.readouterr()
    assert {info["name"]: info["status"] for info in json.loads(said.out)["plugins"]}["bad"] == "disabled"
    assert said.err == ""


def test_quiet_is_quiet(make_library: Make, capsys: Capture) -> None:
    path = str(make_library("tt,1.80,25"))
    for arguments in (["plugins"], ["inspect", path], ["check", path], ["compare", path, path]):
        assert run([*arguments, "--quiet"]) == 0
        assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_and_options(shell: str, command: Command) -> None:
    script = command(_EDA_PLUGIN_COMPLETE=f"{shell}_source")
    assert "_EDA_PLUGIN_COMPLETE" in script.stdout, script.stderr
    settings("[broken\n")
    words = {"COMP_WORDS": "eda-plugin pl", "COMP_CWORD": "1" if shell != "fish" else "pl"}
    found = command(_EDA_PLUGIN_COMPLETE=f"{shell}_complete", **words)
    assert "plan" in found.stdout.replace(",", "\n").split() or "plan" in found.stdout
    assert "fill" not in found.stdout
    assert found.stderr == ""
    words = {"COMP_WORDS": "eda-plugin fill --sav", "COMP_CWORD": "2" if shell != "fish" else "--sav"}
    assert "--save-model" in command(_EDA_PLUGIN_COMPLETE=f"{shell}_complete", **words).stdout


# Make and Snakemake


@pytest.fixture
def tree(repository: Path, tmp_path: Path, anchors: list[Path], toy_model: str) -> Callable[[str], Path]:
    """A copy of an example with anchors in its folder ``lib``, and a settings file that chooses a fast model."""

    def make(name: str) -> Path:
        folder = tmp_path / name
        (folder / "lib").mkdir(parents=True)
        for file in (repository / "examples" / name).iterdir():
            if file.is_file():
                (folder / file.name).write_bytes(file.read_bytes())
        for anchor in anchors:
            anchor.rename(folder / "lib" / anchor.name)
        (folder / "eda_plugin.toml").write_text('[fill]\nmodel = "toy"\n')
        return folder

    return make


def eda_plugin(folder: Path) -> str:
    """A command line as it stands in PATH."""
    script = folder / "eda-plugin"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m eda_plugin "$@"\n')
    script.chmod(0o755)
    return str(script)


def test_the_makefile_fills_what_is_missing_once(tree: Callable[[str], Path], needs_tool: Callable[[str], str]) -> None:
    make, folder = needs_tool("make"), tree("make")
    arguments = [make, "-C", str(folder), f"EDA_PLUGIN={eda_plugin(folder)}", "PREFIX=demo_", "CORNERS=ss_100C_1v60 ss_025C_1v40"]
    environment = {**os.environ, "MAKEFLAGS": ""}
    ran = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    filled = sorted(path.name for path in (folder / "filled").glob("*.lib"))
    assert filled == ["demo_ss_025C_1v40.lib", "demo_ss_100C_1v60.lib"]
    again = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    assert "Nothing to be done" in again.stdout
    bad = subprocess.run([*arguments, "CORNERS=nonsense"], env=environment, capture_output=True, text=True, check=False)
    assert bad.returncode == 2
    assert not (folder / "filled" / "demo_nonsense.lib").exists()


def test_snakemake_fills_what_is_missing_once(tree: Callable[[str], Path], needs_host: Callable[[str], Path]) -> None:
    programs, folder = needs_host("snakemake"), tree("snakemake")
    arguments = [str(programs / "snakemake"), "-j", "1", "--nocolor", "--config", f"eda_plugin={eda_plugin(folder)}"]
    arguments += ["prefix=demo_", "corners=ss_100C_1v60,ss_025C_1v60"]
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    ran = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert [path.name for path in (folder / "filled").glob("*.lib")] == ["demo_ss_100C_1v60.lib"]
    again = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert "Nothing to be done" in again.stdout + again.stderr
