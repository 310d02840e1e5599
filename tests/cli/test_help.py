"""Help texts and the README: every command and every option is documented."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from jaxmech.cli import main
from jaxmech.collaboration import DIVISIONS, MECHANISMS

README = Path(__file__).parents[2] / "README.md"
GUIDES = "".join(path.read_text(encoding="utf-8") for path in (README.parent / "notebooks").glob("*.md"))
COMMANDS = {name: main.get_command(click.Context(main), name) for name in main.list_commands(click.Context(main))}
OPTIONS = sorted({flag for command in COMMANDS.values() for param in command.params
                  if isinstance(param, click.Option) for flag in param.opts})  # fmt: skip


def _run(*args: str) -> str:
    result = CliRunner().invoke(main, list(args))
    assert result.exit_code == 0
    assert result.stderr == ""
    return result.stdout


def test_help_lists_every_command():
    for text in (_run("--help"), _run("-h"), _run()):
        for name in COMMANDS:
            assert f"\n  {name} " in text
        assert "Examples:" in text
        assert "Exit codes" in text


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_says_of_a_command_what_the_command_says_of_itself(name):
    assert main.lines[name] == COMMANDS[name].get_short_help_str(limit=200)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_of_a_command_has_examples_and_explains_every_option(name):
    text = _run(name, "--help")
    assert f"jaxmech {name}" in text
    for param in COMMANDS[name].params:
        if isinstance(param, click.Option):
            assert param.help
            assert param.opts[0] in text


def test_help_names_every_division_and_mechanism():
    text = _run("solve", "--help")
    for word in (*DIVISIONS, *MECHANISMS):
        assert word in text


def test_version():
    assert _run("--version").startswith("jaxmech ")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_readme_mentions_every_command(name):
    assert f"jaxmech {name}" in README.read_text(encoding="utf-8")


@pytest.mark.parametrize("option", OPTIONS)
def test_guides_mention_every_option(option):
    assert option in GUIDES
