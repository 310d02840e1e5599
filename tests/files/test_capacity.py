"""The keys most, least and budget of problem files: numbers, rows, tables and CSV files, and what is refused."""

import numpy as np
import pytest

from jaxmech import ProblemError, files

HEAD = """[collaboration]
sigma = 10.0
agents = ["A", "B"]
distributions = ["x", "y"]
costs = [[0.1, 0.2], [0.3, inf]]
"""


def read(folder, keys, **tables):
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    path = folder / "problem.toml"
    path.write_text(HEAD + keys, encoding="utf-8")
    return files.read(str(path))


def test_numbers_rows_tables_and_files(tmp_path):
    keys = 'most = "most.csv"\nleast = [1, 2]\nbudget = "money.csv"\n'
    case = read(tmp_path, keys, most="name,y,x\nB,0,7\nA,inf,9\n", money="name,budget\nB,5\nA,inf\n")
    capacity = case.problem.capacity
    assert np.asarray(capacity.most).tolist() == [[9.0, np.inf], [7.0, 0.0]]
    assert np.asarray(capacity.least).tolist() == [[1.0, 1.0], [2.0, 0.0]]
    assert np.asarray(capacity.budget).tolist() == [np.inf, 5.0]
    told = files.resolved(case, "rational", "cbl")
    assert [np.shape(told[key]) for key in ("most", "least", "budget")] == [(2, 2), (2, 2), (2,)]
    assert "most" not in files.resolved(read(tmp_path, ""), "rational", "cbl")


@pytest.mark.parametrize(
    ("keys", "parts"),
    [
        ("most = [1, 2, 3]\n", ("most", "one per agent (2)")),
        ('most = {"Ada" = 20}\n', ("most", "one per agent (2) in the order of the agents", "CSV file")),
        ("most = [[1, 2], [3, -4]]\n", ("most[1][1] = -4", "0 or more")),
        ("least = inf\n", ("least = inf", "finite")),
        ("least = [[0, 0], [0, 1]]\n", ("least[1][1] = 1", "cannot sample")),
        ("least = 50\nbudget = [20, 1]\n", ("budget[1] = 1", "at least 15")),
        ("budget = true\n", ("budget = True", "boolean")),
        ('budget = "money.csv"\n', ("money.csv", "'C'", "name of costs")),
        ('most = "nothing"\n', ("most", "CSV file")),
    ],
    ids=[f"case {i}" for i in range(9)],
)
def test_what_is_wrong(tmp_path, keys, parts):
    with pytest.raises(ProblemError) as caught:
        read(tmp_path, keys, money="name,budget\nA,5\nC,5\n")
    text = " ".join(str(caught.value).split())
    for part in parts:
        assert part in text, text
