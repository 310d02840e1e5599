"""Rules of the house: layers, sizes, documentation, and what importing the package must not do."""

import doctest
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import jax.numpy as jnp
import pytest
from beartype.roar import BeartypeCallHintParamViolation
from jaxtyping import TypeCheckError

import jaxmech
from jaxmech.catalog import names

ROOT = Path(__file__).parents[1]
TOP_LEVEL = {
    *("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff"),
    *("jaxmech", "benchmarks", "tests", "notebooks"),
}
BUILT = {"build", "dist", "jaxmech.egg-info", "__pycache__"}
MAX_LINES = 400
IN_ONE_FILE = {"verify.py": 1400}
"""What has to be one file, to be handed to a sceptic, and its limit, as the formatter lays it out."""

MODULES = sorted({"jaxmech", *(module.name for module in pkgutil.walk_packages(jaxmech.__path__, "jaxmech."))})
INDEXES = [name for name in MODULES if "." not in name or not name.rpartition(".")[2].startswith("_")]
SOURCES = sorted((ROOT / "jaxmech").rglob("*.py"))


def public():
    """Every public function and class with the name by which a user knows it."""
    found = {}
    for index in INDEXES:
        module = importlib.import_module(index)
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isfunction(thing) or inspect.isclass(thing):
                found.setdefault(id(thing), (f"{index}.{name}", thing))
    return sorted(found.values(), key=lambda pair: pair[0])


PUBLIC = public()
SOURCED = ("collaboration", "design", "deviation", "market", "mechanism", "multiparty", "numerics")
"""Rooms whose public functions all name the paper, or say that the package is the source."""


def test_imports_go_downwards_only():
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
class TestSource:
    def test_is_short(self, source):
        assert len(source.read_text(encoding="utf-8").splitlines()) <= IN_ONE_FILE.get(source.name, MAX_LINES)

    def test_leaves_the_configuration_of_jax_alone(self, source):
        """Only functions may change it: a statement at import would change the program that imports jaxmech."""
        text = source.read_text(encoding="utf-8")
        assert not re.search(r"^(?:jax\.)?config\.(?:update|\w+ =)", text, re.MULTILINE)


def test_importing_leaves_the_configuration_of_jax_alone():
    code = "import jax\nbefore = dict(jax.config.values)\nimport jaxmech, jaxmech.collaboration, jaxmech.files\n"
    code += "assert dict(jax.config.values) == before"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120, cwd=ROOT)


def test_annotations_are_checked_while_tests_run():
    """With shapes or without, in functions, methods and records: conftest leaves out functions in functions."""
    with pytest.raises(BeartypeCallHintParamViolation, match="tau"):
        jaxmech.verify.admissible("2")
    with pytest.raises(BeartypeCallHintParamViolation, match="document"):
        jaxmech.verify.Agreement([])
    with pytest.raises(TypeCheckError, match="agents distributions"):
        jaxmech.collaboration.penalty(jaxmech.collaboration.Problem([[0.1], [0.2]], 1.0), jnp.ones(2))
    with pytest.raises(BeartypeCallHintParamViolation, match="draws"):
        jaxmech.deviation.SearchSettings(draws="many")
    with pytest.raises(TypeCheckError, match="Stakes"):
        jaxmech.mechanism.Stakes(jnp.ones(2), jnp.ones(1), jnp.ones((2, 1)))


@pytest.mark.parametrize("index", INDEXES)
def test_index_lists_what_it_exports(index):
    module = importlib.import_module(index)
    assert module.__doc__
    assert list(module.__all__) == sorted(module.__all__, key=sort_key)
    assert all(hasattr(module, name) for name in module.__all__)


def sort_key(name):
    """Constants, then classes, then functions, as ruff sorts them."""
    kind = 0 if name.isupper() else 1 if name[0].isupper() else 2
    return kind, name


@pytest.mark.parametrize("thing", [thing for _, thing in PUBLIC], ids=[name for name, _ in PUBLIC])
def test_public_names_are_documented(thing):
    text = thing.__doc__ if inspect.isfunction(thing) else vars(thing).get("__doc__")
    assert text, "needs a docstring of its own"
    assert not text.startswith(f"{thing.__name__}("), "what dataclass writes is no docstring"


@pytest.mark.parametrize(
    "thing",
    [thing for name, thing in PUBLIC if inspect.isfunction(thing)],
    ids=[name for name, thing in PUBLIC if inspect.isfunction(thing)],
)
def test_public_functions_are_annotated(thing):
    signature = inspect.signature(thing)
    assert signature.return_annotation is not inspect.Signature.empty
    assert all(entry.annotation is not inspect.Parameter.empty for entry in signature.parameters.values())


@pytest.mark.parametrize(
    "thing",
    [thing for name, thing in PUBLIC if name.split(".")[1] in SOURCED and inspect.isfunction(thing)],
    ids=lambda thing: thing.__name__,
)
def test_functions_of_the_library_say_where_their_mathematics_comes_from(thing):
    assert re.search(r"(Source|Reference):", thing.__doc__)


LONG_EXAMPLES = {
    "jaxmech.audit._examination",
    "jaxmech.catalog.experiments._competitors",
    "jaxmech.catalog.experiments._sharing",
    "jaxmech.collaboration._bargaining",
    "jaxmech.collaboration._blocking",
    "jaxmech.collaboration._calibration",
    "jaxmech.collaboration._cbl",
    "jaxmech.collaboration._core",
    "jaxmech.collaboration._names",
    "jaxmech.collaboration._questions",
    "jaxmech.design._absent",
    "jaxmech.design._calibrate",
    "jaxmech.design._carried_out",
    "jaxmech.design._certify",
    "jaxmech.design._design",
    "jaxmech.design._equals",
    "jaxmech.design._family",
    "jaxmech.design._lies",
    "jaxmech.design._table_penalty",
    "jaxmech.deviation._check",
    "jaxmech.deviation._group",
    "jaxmech.deviation._penalty",
    "jaxmech.deviation._populations",
    "jaxmech.deviation._randomness",
    "jaxmech.deviation._response",
    "jaxmech.deviation._robustness",
    "jaxmech.deviation._search",
    "jaxmech.market._audit",
    "jaxmech.market._certificate",
    "jaxmech.market._margins",
    "jaxmech.market._solve",
    "jaxmech.multiparty._audit",
    "jaxmech.multiparty._existence",
    "jaxmech.multiparty._readings",
    "jaxmech.numerics._limited",
}
"""Modules whose examples take seconds."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] * (name in LONG_EXAMPLES)) for name in MODULES]
)
def test_examples_in_docstrings_run(name):
    module = importlib.import_module(name)
    found = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert found.failed == 0


def test_top_level_holds_only_the_named_entries():
    entries = {entry.name for entry in ROOT.iterdir() if not entry.name.startswith(".")} - BUILT
    assert entries == TOP_LEVEL


def test_undefined_names_are_seen():
    """Shape strings of one word begin with a blank, so that no checker takes them for names."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    assert "F821" not in settings["ruff"]["lint"]["ignore"]
    assert "disable_error_code" not in settings["mypy"]


def test_version_is_that_of_the_changelog_or_newer():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## \[Unreleased\]$", changelog, re.MULTILINE) or f"## [{version}]" in changelog


def test_package_data_covers_the_shipped_problems():
    """A wheel without its files passes every test that runs from the sources."""
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    assert data["jaxmech"] == ["py.typed"]
    assert data["jaxmech.catalog"] == ["problems/*"]
    assert data["jaxmech.report.html"] == ["templates/*"]
    assert (ROOT / "jaxmech" / "py.typed").is_file()
    assert names()
