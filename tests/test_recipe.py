"""The recipe for conda-forge says what pyproject.toml says."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RECIPE = (ROOT / ".conda" / "recipe.yaml").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONDA = {"matplotlib": "matplotlib-base"}
"""Names that differ: without the parts of matplotlib that need a window."""


def listed(key):
    """The entries of a list in the recipe."""
    block = re.search(rf"^( *){key}:\n((?:\1  +- .*\n)+)", RECIPE, re.MULTILINE)
    return re.findall(r"- (.*)", block[2])


def in_conda(requirements):
    found = (re.fullmatch(r"([\w-]+)(?:\[.*\])?(.*)", requirement).groups() for requirement in requirements)
    return {f"{CONDA.get(name, name)} {version}" for name, version in found}


def test_dependencies_are_those_of_the_project():
    python = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert f'python_min: "{python}"' in RECIPE
    run = listed("run")
    assert run[0] == "python >=${{ python_min }}"
    assert set(run[1:]) == in_conda(PROJECT["project"]["dependencies"])
    assert in_conda(PROJECT["build-system"]["requires"]) <= set(listed("host"))


def test_optional_dependencies_are_constrained_alike():
    extras = PROJECT["project"]["optional-dependencies"]
    assert set(listed("run_constraints")) == in_conda({*extras["exchange"], *extras["excel"], *extras["app"]})


@pytest.mark.parametrize("part", ["version", "name", "description", "license"])
def test_name_version_and_words_are_those_of_the_project(part):
    key = {"description": "summary"}.get(part, part)
    assert re.search(rf"^ *{key}: {re.escape(PROJECT['project'][part])}$", RECIPE, re.MULTILINE)


def test_it_is_noarch_with_the_same_command():
    assert "noarch: python" in RECIPE
    scripts = PROJECT["project"]["scripts"]
    assert listed("entry_points") == [f"{name} = {target}" for name, target in scripts.items()]


def test_links_licence_and_what_is_tried_are_those_of_the_project():
    """What is imported and run after a build exists; links and the licence file are the project's."""
    assert f"license_file: {PROJECT['project']['license-files'][0]}\n" in RECIPE
    assert (ROOT / PROJECT["project"]["license-files"][0]).is_file()
    assert RECIPE.count(PROJECT["project"]["urls"]["Source"]) == 2
    for module in listed("imports"):
        path = ROOT.joinpath(*module.split("."))
        assert path.is_dir()
    (script,) = PROJECT["project"]["scripts"]
    assert all(line.split()[0] == script for line in re.findall(r"^      - (jaxmech .*)$", RECIPE, re.MULTILINE)[1:])
    assert "jaxmech examples three-agents" in RECIPE
    assert (ROOT / "jaxmech" / "catalog" / "problems" / "three-agents.toml").is_file()
