"""What the talk and Theorem 4 say, recomputed: against closed forms and values by quadrature."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from jaxmech.catalog import experiments
from jaxmech.cli import main
from jaxmech.cli._reproduce_sharing import SHARING

DEAR = ("hard-instance", "talk-cheating")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.long] * (name in DEAR)) for name in SHARING])
def test_all_statements_agree(name, tmp_path):
    plot = tmp_path / "plot.svg"
    result = CliRunner().invoke(main, ["reproduce", name, "--json", "-", "--plot", str(plot)])
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["agrees"]
    assert all(statement["agrees"] for statement in document["statements"])
    assert document["points"]
    assert plot.stat().st_size > 1000


def test_ratios_are_those_by_quadrature():
    found = experiments.equals_by_agents()
    known = {5: 1.547926, 10: 1.697948, 20: 1.815833, 100: 1.953802}
    for agents, ratio in known.items():
        assert found.ratio[found.agents == agents] == pytest.approx(ratio, abs=1e-6)


def test_cheating_pays_what_the_mean_of_the_others_costs():
    found = experiments.pools_by_agents()
    np.testing.assert_allclose(found.pool, found.agents / (2 * (found.agents - 1)), rtol=1e-9)
    np.testing.assert_allclose(found.counted, found.pool, rtol=1e-9)
    # one of m shares is missing from everybody's mean
    np.testing.assert_allclose(found.victims, 0.5 + found.agents / (2 * (found.agents - 1)), rtol=1e-9)


@pytest.mark.long
def test_the_hard_instance_is_the_published_one():
    found = experiments.hardness_by_agents()
    np.testing.assert_allclose(found.optimum, 4 * np.sqrt(found.agents), rtol=1e-9)
    # single supplier: (m + 1)σ√γ on her mean; on the other no less than its first best 2σ√(mγ)
    least = (found.agents + 1 + 2 * np.sqrt(found.agents)) / (4 * np.sqrt(found.agents))
    np.testing.assert_allclose(found.least, least, rtol=1e-9)
