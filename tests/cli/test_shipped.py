"""Commands on shipped problems: every page is whole on 60, 80 and 200 columns, as the fixture of this folder looks.

Here are the pairs of command and problem that no other test prints in this process; audits and designs of many agents,
which take minutes, are not among them.
"""

import pytest
from click.testing import CliRunner

from jaxmech import catalog
from jaxmech.cli import main


def run(*args):
    return CliRunner().invoke(main, list(args), env={"COLUMNS": "80"})


def whole(found):
    """Done, with a page that fits."""
    assert found.exit_code == 0, found.output
    assert len(found.stdout.splitlines()) > 3
    assert "…" not in found.output
    assert max(map(len, found.stdout.splitlines())) <= 80


@pytest.mark.long
@pytest.mark.parametrize("name", ["hard-instance", "blood-panel", "data-market"])
def test_plans(name):
    whole(run("solve", name))


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name == "clinics" else pytest.mark.long) for name in catalog.names()],
)
def test_simulations(name):
    whole(run("simulate", name, "--replications", "200"))


@pytest.mark.long
@pytest.mark.parametrize("name", ["equal-agents", "hard-instance", "clinics"])
def test_prices(name):
    whole(run("price", name, "--standard-error", "0.1"))


@pytest.mark.long
def test_an_audit_of_competitors():
    whole(found := run("audit", "market-growth"))
    assert "distribution" not in found.stdout  # they share a model
