"""The benchmarks hang together: each has its functions, the table says what it must, a wrong name is one line."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import _table

FOLDER = Path(__file__).parents[1] / "benchmarks"
MODULES = sorted(path.stem for path in FOLDER.glob("bench_*.py"))


@pytest.mark.parametrize("name", [*MODULES, "accelerator"])
def test_every_benchmark_can_be_run_by_the_one_command(name):
    tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert "run" in defined
    required = len(defined["run"].args.args) - len(defined["run"].args.defaults)
    assert required == 0
    assert ast.get_docstring(tree)


def test_table_has_machine_versions_and_every_row():
    rows = [
        {"work": "a", "size": "3x2", "rival": "b", "run_s": 0.5, "rival_s": 5.0, "ratio": 10.0, "accuracy": 1e-9},
        {"work": "c", "size": "9", "run_s": 1.0, "not OK": 0},
    ]
    about = _table.machine()
    text = _table.markdown(rows, about)
    assert about["versions"]["jax"] in text
    assert "| a | 3x2 | b |  | 0.5 | 5 | 10 | 1e-09 |" in text
    assert "not OK 0" in text
    document = json.loads(_table.as_json(rows, about))
    assert document["rows"] == rows
    assert document["machine"]["cores"] == about["cores"]


def test_unknown_name_is_one_line():
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks", "corupton"], cwd=FOLDER.parent, capture_output=True, text=True, check=False
    )
    assert found.returncode == 2
    assert "must be one of" in found.stderr
    assert "Traceback" not in found.stderr
