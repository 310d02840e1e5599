"""What bound and equilibrium rest on, against markets and payments that are written out."""

import numpy as np
import pytest

from jaxmech import market
from tests.market.problems import lab_market, rough, with_tables
from tests.oracles.market import settle


@pytest.mark.parametrize("seed", range(4))
def test_discrimination_is_the_best_of_all_totals(seed):
    values, counts, costs = rough(seed, 2, 12), np.array([2.0, 3.0]), [0.05, 0.11]
    totals = np.arange(2, 13)
    profits = counts @ values[:, totals] - costs[0] * (totals - 1) - costs[1]
    found = market.discrimination(with_tables(values, counts, costs))
    assert found.profit == pytest.approx(max(profits.max(), 0.0), abs=1e-12)
    if found.total:
        assert found.profit == pytest.approx(profits[found.total - 2], abs=1e-12)


def test_of_one_contributor_nothing_is_bought():
    assert market.discrimination(with_tables(rough(0, 1, 5), [1.0], [0.01])) == (0, 0.0)


@pytest.fixture(scope="module")
def solved():
    problem = lab_market()
    plan = market.solve(problem).value
    return problem, plan, {audit.claim: audit for audit in market.certify(problem, plan)}


@pytest.mark.long
def test_a_market_that_discriminates_exceeds_the_bound(solved):
    problem, plan, audits = solved
    more = audits["the most even of markets that discriminate"]
    assert not more.claimed
    assert not more.holds
    assert market.discrimination(problem).profit == pytest.approx(float(plan.profit) / (1 + more.margin))
    assert market.discrimination(problem).profit > plan.profit_bound


def test_honesty_is_not_best_whatever_the_others_do(solved):
    """At the mean that the others agreed on, made-up numbers gain what the fact says; farther off, more."""
    problem, plan, audits = solved
    costs, samples = np.asarray(problem.contributor_costs), np.asarray(plan.samples).astype(int)
    others = (costs.tolist(), 1.0, np.asarray(problem.counts), np.asarray(plan.sizes), np.asarray(plan.prices))
    agreed = [np.zeros(n) for n in samples]
    made_up = settle(agreed, samples, *others)[1]
    fact = audits["best whatever the others do"]
    assert not fact.claimed
    assert not fact.holds
    for i, mean in ((0, 0.0), (1, 0.0), (0, 0.5)):
        rng = np.random.default_rng(i)
        means = mean + rng.normal(size=100_000) / np.sqrt(samples[i])
        # payments are quadratic in her mean: three of them tell all
        points = np.array([-1.0, 0.0, 1.0])
        paid = [settle([x if j != i else x + m for j, x in enumerate(agreed)], samples, *others)[1][i] for m in points]
        honest = np.polyval(np.polyfit(points, paid, 2), means).mean()
        gain = (made_up[i] - (honest - costs[i] * samples[i])) / (costs[i] * samples[i])
        assert gain == pytest.approx(-fact.margin, rel=0.02) if mean == 0 else gain > -fact.margin
