"""The benchmarks hang together: each has its functions, the table says what it must, a wrong name is one line."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import _table, bench_growth

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


def test_exponents_are_those_of_powers():
    sizes = np.array([10, 20, 40, 80])
    slope, off = bench_growth.exponent(sizes, 3.0 * sizes**2.5)
    assert slope == pytest.approx(2.5)
    assert off == pytest.approx(1.0)
    assert bench_growth.exponent(sizes, sizes * np.array([1.0, 1.0, 2.0, 1.0]))[1] == pytest.approx(2**0.7)


def test_growth_of_a_square():
    """What a program holds is told by XLA, and is no matter of luck: a table goes in, and one comes out."""

    def double(size):
        return bench_growth._compiled(lambda table: 2 * table, jnp.ones((size, size)))

    row = bench_growth._row("a square", (8, 16, 32), double, 2, 2, "entries")
    assert row["memory exponent"] == pytest.approx(2.0)
    assert [point["bytes"] for point in row["points"]] == [2 * 8 * size**2 for size in (8, 16, 32)]
    text = _table.markdown([row], _table.machine(), bench_growth.COLUMNS)
    assert text.splitlines()[-1].startswith("| a square | 8 to 32, 3 of them | ")
    assert text.splitlines()[-1].endswith("| 2 | 2 | entries |")
    assert "| – |" in _table.markdown([{**row, "should": float("nan")}], _table.machine(), bench_growth.COLUMNS)
