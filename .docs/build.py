"""Build the documentation: ``python .docs/build.py DIRECTORY`` writes its pages there. A warning is an error.

Sources are ``notebooks/`` (guides) and the docstrings (reference); what is made from them is put beside a copy of the
guides, and never into the checkout. Needs the extra ``docs``.
"""

import ast
import importlib
import inspect
import itertools
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
PACKAGES = (
    "jaxmech",
    "jaxmech.collaboration",
    "jaxmech.market",
    "jaxmech.multiparty",
    "jaxmech.mechanism",
    "jaxmech.deviation",
    "jaxmech.audit",
    "jaxmech.design",
    "jaxmech.design.proof",
    "jaxmech.numerics",
    "jaxmech.sweep",
    "jaxmech.exchange",
    "jaxmech.federated",
    "jaxmech.files",
    "jaxmech.catalog",
    "jaxmech.catalog.experiments",
    "jaxmech.schemas",
    "jaxmech.verify",
)
"""Whose public names have a place in the reference, in the order of reading."""


_SOURCE = re.compile(r"^ *Source:\s*(.*?)(?:\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)


def public(package):
    """Return the public names of a package, each with what it is."""
    module = importlib.import_module(package)
    return [(name, getattr(module, name)) for name in module.__all__]


def described(package, name, value, seen):
    """Return the lines of one name; what another package has already described is pointed to."""
    if not (inspect.isclass(value) or inspect.isroutine(value) or callable(value)):
        return [f".. py:data:: {package}.{name}", "", f"   {of_data(package, name)}"]
    again = ["   :no-index:"] if id(value) in seen else []
    seen.add(id(value))
    if inspect.isclass(value):
        return [f".. autoclass:: {package}.{name}", "   :members:", "   :no-undoc-members:", *again]
    return [f".. autofunction:: {package}.{name}", *again]


def of_data(package, name):
    """Return the text below the assignment of a constant, wherever in its package it stands."""
    folder = Path(importlib.import_module(package).__file__).parent
    for path in sorted(folder.rglob("*.py")) + sorted((ROOT / "jaxmech").rglob("*.py")):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        for statement, below in itertools.pairwise(body):
            targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
            text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and below.value.value
            if isinstance(text, str) and name in [getattr(target, "id", None) for target in targets]:
                return " ".join(text.split())
    return "See the source."


def reference(target):
    """Write a page for each package, and one that lists them."""
    target.mkdir()
    seen = set()
    for package in PACKAGES:
        lines = [package, "=" * len(package), "", f".. automodule:: {package}", "   :no-members:", ""]
        for name, value in public(package):
            lines += [*described(package, name, value, seen), ""]
        (target / f"{package}.rst").write_text("\n".join(lines), encoding="utf-8")
    pages = "\n".join(f"   {package}" for package in PACKAGES)
    words = "Every public name, from its docstring. Whatever is not listed may change without notice."
    (target / "index.rst").write_text(
        f"Reference\n=========\n\n{words}\n\n.. toctree::\n   :maxdepth: 1\n\n{pages}\n", encoding="utf-8"
    )


def formulas(target):
    """Write which function rests on which part of which paper: the ``Source:`` lines of the docstrings."""
    rows = {}
    for package in PACKAGES:
        for name, value in public(package):
            found = _SOURCE.search(inspect.getdoc(value) or "")
            if found and callable(value):
                source = " ".join(found[1].split()).replace("|", r"\|").replace("*", r"\*")
                rows.setdefault(source, []).append(f"{{py:obj}}`{package}.{name}`")
    lines = [
        "# From the papers to the functions",
        "",
        "Made from the `Source:` lines of docstrings: every theorem, algorithm and formula that is used, and where.",
        "",
        "| source | functions |",
        "| --- | --- |",
        *(f"| {source} | {', '.join(names)} |" for source, names in sorted(rows.items())),
        "",
    ]
    target.write_text("\n".join(lines), encoding="utf-8")


def build(target):
    """Gather the sources and build; return the exit code of Sphinx."""
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder) / "sources"
        shutil.copytree(ROOT / "notebooks", sources, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
        for name in ("CHANGELOG.md", "CONTRIBUTING.md"):
            shutil.copy(ROOT / name, sources / name.lower())
        notebooks = "\n".join(sorted(path.stem for path in sources.glob("*.ipynb")))
        index = sources / "index.md"
        index.write_text(index.read_text(encoding="utf-8").replace("notebook-pages", notebooks), encoding="utf-8")
        reference(sources / "reference")
        formulas(sources / "formulas.md")
        command = ["-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-c", str(HERE), str(sources), str(target)]
        return subprocess.run([sys.executable, *command], check=False).returncode


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1]).resolve()))
