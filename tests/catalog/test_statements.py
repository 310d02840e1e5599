"""The table of the papers' numbered statements: names resolve, tests exist, and what is left has a reason."""

import importlib
from pathlib import Path

import pytest

import jaxmech
from jaxmech.catalog import STATEMENTS

ROOT = Path(__file__).parents[2]
ROWS = [(paper, row) for paper, rows in STATEMENTS.items() for row in rows]


def resolve(name):
    package, _, rest = name.rpartition(".")
    try:
        return importlib.import_module(f"jaxmech.{name}")
    except ModuleNotFoundError:
        return getattr(importlib.import_module(f"jaxmech.{package}") if package else jaxmech, rest)


@pytest.mark.parametrize(("paper", "row"), ROWS, ids=[f"{paper[:9]}-{row.number}" for paper, row in ROWS])
def test_a_row_is_true(paper, row):
    for name in row.where.split():
        assert resolve(name) is not None
    for path in row.checked.split():
        assert (ROOT / path).is_file(), path
    assert row.says
    assert row.checked or row.left, "what is not checked has a reason"
    assert "missing" not in (row.says + row.left).lower()


@pytest.mark.parametrize(
    ("paper", "numbers"),
    [
        ("Sharing, diff", [f"Theorem {k}" for k in range(1, 6)] + [f"Lemma {k}" for k in range(1, 25)] + ["Fact 1"]),
        ("Selling", ["Theorem 3", "Theorem 4", "Theorem 5.1", "Lemma 1", "Lemma 2", "Lemma 5", "Claim 6", "Lemma 8"]),
        ("Competing", [f"Theorem {k}" for k in range(1, 6)] + [f"Definition {k}" for k in range(1, 11)]),
    ],
    ids=["sharing", "selling", "competing"],
)
def test_no_number_is_left_out(paper, numbers):
    (rows,) = [rows for name, rows in STATEMENTS.items() if name.startswith(paper)]
    covered = set()
    for row in rows:
        for part in row.number.split(", "):
            kind, _, rest = part.rpartition(" ") if " to " not in part else part.partition(" ")
            kind = (kind or row.number.split()[0]).rstrip("s")
            first, _, last = rest.partition(" to ") if " to " in rest else (rest, "", rest)
            if first.isdigit() and last.isdigit():
                covered |= {f"{kind} {k}" for k in range(int(first), int(last) + 1)}
            covered.add(f"{kind} {rest}")
    assert set(numbers) <= covered, sorted(set(numbers) - covered)
