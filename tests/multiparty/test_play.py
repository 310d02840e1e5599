"""Competitors' mechanisms at drawn types: participation and truth in every run, averages against enumeration."""

import jax
import numpy as np
import pytest

from jaxmech import multiparty
from jaxmech.mechanism import as_promised, never
from tests.oracles import multiparty as oracle

TABLE = [[1.0, -0.4, -0.7], [-0.3, 1.0, -0.6], [0.1, -0.1, 0.9]]
TYPES = [1.2, 0.8, 0.3]
PROBLEM = multiparty.Problem(TYPES, multiparty.Linear(TABLE), agents=["A", "B", "C"])
RUNS = 2000


def chances(found, event):
    return [row.chance for row in found.chances if row.event == event]


@pytest.fixture(scope="module")
def plays():
    return multiparty.play(PROBLEM, multiparty.solve(PROBLEM).value, jax.random.key(0), RUNS)


def test_at_their_types_all_is_as_planned(plays):
    here, _ = plays
    assert here.replications == 1
    assert as_promised(here, 1e-12).holds
    assert all(row.standard_error == 0 for row in here.quantities)


def test_nobody_regrets_taking_part_or_gains_by_a_lie(plays):
    drawn = plays[1]
    for event in ("better off staying away", "a lower report gained"):
        assert chances(drawn, event) == [0, 0, 0]
    claims = {record.claim: record for record in never(drawn)}
    assert claims["never a lower report gained"].claimed
    assert not claims["never paid instead of paying"].claimed


def test_an_oracle_that_draws_its_own_types_agrees(plays):
    quality = oracle.logistic
    market = oracle.Market(3, oracle.linear_market(TABLE), quality, oracle.best_where_harmless(quality, TABLE))
    generator = np.random.default_rng(3)
    draws = generator.uniform(size=(RUNS, 3)) * TYPES
    paid = np.array([[market.exploitation(i, row.tolist()) for i in range(3)] for row in draws])
    left = np.array([[market.away(i, row.tolist()) for i in range(3)] for row in draws])
    found = {(row.agent, row.quantity): row for row in plays[1].quantities}
    for i, name in enumerate("ABC"):
        for quantity, runs in (("payment", paid[:, i]), ("utility", left[:, i])):
            row = found[name, quantity]
            error = np.hypot(row.standard_error, runs.std() / np.sqrt(RUNS))
            assert row.realised == pytest.approx(runs.mean(), abs=5 * error + 1e-12)
    assert chances(plays[1], "paid instead of paying")[0] == pytest.approx(np.mean(paid[:, 0] < 0), abs=0.05)


def test_free_models_are_regretted_and_lied_about():
    plan = multiparty.solve(PROBLEM, mechanism="free").value
    drawn = multiparty.play(PROBLEM, plan, jax.random.key(0), RUNS)[1]
    assert max(chances(drawn, "better off staying away")) > 0.1
    assert max(chances(drawn, "a lower report gained")) > 0.1
    failed = {record.claim for record in never(drawn) if record.claimed and not record.holds}
    assert failed == {"never a lower report gained"}  # it claims truth, and participation only where nobody is harmed


def test_tables_are_drawn_evenly():
    space = multiparty.market_growth(-0.7, 2, 6)
    payment = np.asarray(multiparty.maximal_payments(space))
    (drawn,) = multiparty.play_table(multiparty.report_table(space), jax.random.key(0), 5000)
    found = {(row.agent, row.quantity): row for row in drawn.quantities}
    assert found["agent 1", "payment"].promised == pytest.approx(payment[0].mean())
    assert all(abs(row.realised - row.promised) < 5 * row.standard_error for row in drawn.quantities)
    for event in ("better off staying away", "a lower report gained", "payments below 0 in sum"):
        assert max(chances(drawn, event)) == 0
    spoilt = payment.copy()
    spoilt[0, 4] += 5.0
    (drawn,) = multiparty.play_table(multiparty.report_table(space, spoilt), jax.random.key(0), 5000)
    assert chances(drawn, "better off staying away")[0] == pytest.approx(1 / 7, abs=0.03)
    assert chances(drawn, "a lower report gained")[0] > 0.05
