"""What competitors could gain by reporting less: a search against brute force, and bounds."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import multiparty
from tests.oracles import multiparty as oracle

TYPES = [0.9, 0.4, 1.3]


def described(table, mechanism):
    quality = oracle.logistic
    hand = oracle.best_where_harmless(quality, table) if mechanism == "exploitation" else oracle.best_for_all(quality)
    return oracle.Market(3, oracle.linear_market(table), quality, hand)


@pytest.mark.parametrize("mechanism", multiparty.MECHANISMS)
@pytest.mark.parametrize("seed", range(4))
def test_search_finds_what_brute_force_finds_and_stays_below_the_bound(mechanism, seed):
    table = np.random.default_rng(seed).uniform(-1, 1, (3, 3))
    problem = multiparty.Problem(TYPES, multiparty.Linear(table))
    plan = multiparty.solve(problem, mechanism=mechanism).value
    found = multiparty.misreports(problem, multiparty.mechanism(problem, plan))
    market = described(table.tolist(), mechanism)
    for i in range(3):
        charge = market.exploitation if mechanism == "exploitation" else lambda i, reports: 0.0
        best, _ = oracle.best_report(market, i, TYPES, charge, 4000)
        assert float(found.gain[i]) == pytest.approx(best, abs=1e-6)
        assert float(found.gain[i]) >= best - 1e-12
        assert found.gain[i] - 1e-12 <= found.bound[i] <= found.gain[i] + 2e-3
        assert float(found.honest[i]) == pytest.approx(market.value(i, TYPES, TYPES) - charge(i, TYPES), abs=1e-12)


def test_gains_scale_with_effects_and_move_with_the_agents():
    table = np.random.default_rng(7).uniform(-1, 1, (3, 3))

    def found(table, types):
        problem = multiparty.Problem(types, multiparty.Linear(table))
        return multiparty.misreports(problem, multiparty.mechanism(problem, multiparty.solve(problem).value))

    one, three, order = found(table, TYPES), found(3 * table, TYPES), [2, 0, 1]
    moved = found(table[np.ix_(order, order)], [TYPES[i] for i in order])
    for field in ("gain", "honest", "bound", "stake"):
        values = np.asarray(getattr(one, field))
        np.testing.assert_allclose(getattr(three, field), 3 * values, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(getattr(moved, field), values[order], rtol=1e-9, atol=1e-9)
    assert np.max(one.gain) > 0.01


def test_rows_of_an_audit():
    problem = multiparty.Problem([0.5, 1.0], multiparty.Linear([[-0.5, 0.1], [0.9, 1.0]]), agents=["Ann", "Bo"])
    found = multiparty.examine(problem, multiparty.solve(problem).value)
    assert found.names == ("Ann", "Bo")
    assert found.family == ("reports less", "the truth")
    assert found.parameters[0] == {"report": 0.0, "type": 0.5, "model": "her own model"}
    # With a negative effect of her own model she says that she has nothing: |a| (Q(t') - Q(t)) of it is her gain.
    quality = oracle.logistic
    assert found.found[0] == pytest.approx(0.5 * (quality(1.0) - quality(0.5) + quality(0.5)), abs=1e-9)
    assert found.bound[0] == pytest.approx(found.found[0], abs=1e-3)
    assert (found.found[1], found.bound[1]) == (0, 0)
    assert not next(record for record in found.audits if record.claim == "incentive compatible").holds


def test_mechanisms_of_ones_own_have_no_bound():
    problem = multiparty.Problem(TYPES, multiparty.Linear(np.eye(3)), "linear")

    def everything(reports, present):
        return jnp.where(present, jnp.sum(jnp.where(present, reports, 0.0)), 0.0)

    dear = multiparty.DirectMechanism(allocate=everything, charge=lambda reports, present: 2 * reports)
    found = multiparty.misreports(problem, dear)
    # Who reports t' has S + t' for 2 t': nothing is best, or her own model where that is better.
    np.testing.assert_allclose(found.gain, [max(sum(TYPES) - t, t) - (sum(TYPES) - 2 * t) for t in TYPES])
    assert np.all(np.isinf(found.bound))


class TestTables:
    def test_truthful(self):
        found = multiparty.examine_table(multiparty.report_table(multiparty.market_growth(-0.7, 2, 5)))
        assert np.all(found.found == 0)
        assert np.all(found.bound == 0)
        assert set(found.family) == {"the truth"}

    def test_a_lie_is_found_where_brute_force_finds_it(self):
        space = multiparty.market_growth(-0.7, 2, 4)
        payment = np.array(multiparty.maximal_payments(space))
        payment[0, 3, 2] += 0.3
        found = multiparty.examine_table(multiparty.report_table(space, payment))
        market = oracle.Market(2, oracle.growing_market(-0.7), lambda t: t, oracle.best_for_all(lambda t: t))
        gain, agent, types, lie = oracle.best_lie(market, [0, 1, 2, 3, 4], payment)
        assert (agent, found.family[0]) == (0, "reports less")
        assert found.found[0] == pytest.approx(gain, abs=1e-12)
        assert found.bound[0] == found.found[0]
        assert found.parameters[0]["type"] == types[0]
        assert found.parameters[0]["report"] == lie

    def test_what_is_not_looked_at_is_not_bounded(self):
        table = multiparty.report_table(multiparty.market_growth(-0.7, 2, 20))
        assert np.all(np.isinf(multiparty.examine_table(table, looks=100).bound))
