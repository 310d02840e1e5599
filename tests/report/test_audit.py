"""Who is pivotal, among more agents than a table shows."""

import io

import numpy as np
from rich.console import Console

from jaxmech.report._tables import make_box, print_plain
from jaxmech.report.audit._questions import most_pivotal


def printed(absent):
    names = [f"clinic {i}" for i in range(len(absent))]
    console = Console(file=io.StringIO(), width=200)
    for part in most_pivotal(np.full(len(absent), 10.0), absent, names, make_box(terminal=False)):
        print_plain(console, part)
    return console.file.getvalue().splitlines()


def test_the_most_pivotal_come_first_and_the_rest_is_counted():
    """Without 11 nobody tells 3 something; without 10 2 pays 5 more and 4 pays 1 more; without 9 each 0.1."""
    absent = np.full((12, 12), 10.0)
    absent[9] += 0.1
    absent[10, 2], absent[10, 4], absent[11, 3] = 15, 11, np.inf
    np.fill_diagonal(absent, 99.0)
    lines = printed(absent)
    rows = [line.split() for line in lines if line.startswith("clinic")]
    assert [int(row[1]) for row in rows][:3] == [11, 10, 9]
    assert len(rows) == 8
    assert [float(word) for word in rows[0][2:5]] == [100, 100, 1]  # of the ten who still know everything
    assert rows[0][5:] == ["clinic", "3", "∞", "10.0"]
    assert [float(word) for word in rows[1][2:5]] == [116, 110, 0]
    assert float(rows[2][2]) == 111.1
    assert rows[3][5:] == ["–", "–", "–"]
    assert "Not shown: 4 more agents; --verbose shows all" in " ".join(lines[-2:])
