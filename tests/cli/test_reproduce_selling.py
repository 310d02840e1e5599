"""Table 1 recomputed: the algorithms against an optimum that shares no code with them."""

import numpy as np
import pytest

from jaxmech.catalog import experiments
from jaxmech.cli._reproduce_selling import recomputed


@pytest.mark.long
def test_table_1(tmp_path):
    found = experiments.compare_algorithms((2,), ("exact", "monotone", "ordered"))
    report = recomputed(found)
    assert np.all(found.short >= -1e-9)
    assert np.all(found.short[:, [0, 2]] < 1e-9)
    assert all(statement.agrees for statement in report.statements)
    assert [row["promised per buyer"] for row in report.rows] == [0.0, experiments.SHORTFALL, 0.0]
    report.draw().savefig(tmp_path / "table-1.svg")
    assert (tmp_path / "table-1.svg").stat().st_size > 1000


def test_a_broken_promise_and_what_is_out_of_reach_are_seen():
    short = np.array([[0.0, 0.2], [np.nan, 0.01]])
    found = experiments.Compared(np.array([2, 3]), ("exact", "monotone"), short, np.full((2, 2), 0.1), short)
    exact, monotone = recomputed(found).statements
    assert exact.agrees
    assert "up to 2 types" in exact.computed
    assert "beyond, out of reach" in exact.note
    assert not monotone.agrees
