"""The page of a simulation."""

import io

import numpy as np
from rich.console import Console

from jaxmech import Status, report
from jaxmech.report.simulation import Answer, Play
from tests.report.examples import SETTINGS


def test_standard_errors_are_written_out():
    """Penalties of hundreds of dollars have errors above 10, and no reader wants them in powers of ten."""
    zero = np.zeros((2, 1))
    play = Play(
        name="the 442 rows of clinics.csv", promised=np.array([740.6, 229.6]), penalty=np.array([748.8, 235.2]),
        standard_error=np.array([13.4, 187.0]), squared_error=zero, cost=zero[:, 0], samples=zero, replications=2000,
        sigma=np.ones(1),
    )  # fmt: skip
    made = Answer(
        source="clinics", title="", agents=("Ashford", "Dunmore"), distributions=("HDL",), mechanism="mechanism cbl",
        sigma=np.ones(1), plays=(play,), cheat="", claims=(), status=Status.OK, residual=0.0, settings=SETTINGS,
    )  # fmt: skip
    buffer = io.StringIO()
    report.simulation.print_page(made, Console(file=buffer, width=80))
    text = buffer.getvalue()
    rows = [line.split() for line in text.splitlines() if line.startswith(("Ashford", "Dunmore"))]
    assert [row[3] for row in rows] == ["13", "187"]
    assert "e+0" not in text
