"""Certified minima of the penalty, against quadrature and bounded minimisation."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import collaboration
from jaxmech.mechanism import Guaranteed, Separate, Stakes
from tests.deviation.mechanisms import corrupted, different, equal, permuted
from tests.oracles import deviation as oracle


@pytest.mark.parametrize(("agents", "mechanism"), [(3, "pool"), (50, "pool"), (12, "counted-pool")])
def test_pools_best_free_rider(agents, mechanism):
    problem, plan, machine = different(agents, mechanism, seed=agents, spread=0.3)
    found = machine.guarantee(Stakes.of(problem))
    samples, costs = np.asarray(plan.samples)[:, 0], np.asarray(problem.costs)[:, 0]
    for i in range(0, agents, 7):
        least, best = oracle.best_free_rider(samples.sum() - samples[i], costs[i], 1.0)
        assert float(found.least[i]) == pytest.approx(least, rel=1e-9)
        assert float(found.samples[i, 0]) == pytest.approx(best, abs=1e-4)
    np.testing.assert_allclose(found.promised, plan.penalty, rtol=1e-14)


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 1.1, 2.0])
@pytest.mark.parametrize("agents", [5, 12])
def test_c3d_with_any_coefficient(agents, factor):
    problem, plan, machine = equal(agents, "c3d")
    machine = corrupted(machine, factor)
    found = machine.guarantee(Stakes.of(problem))
    n_star, total, alpha = (float(value) for value in (plan.samples[0, 0], plan.total[0], machine.alpha[0, 0]))
    least, best = oracle.best_checked(n_star, total, alpha, 0.01, 1.0)
    promised = oracle.checked_penalty(n_star, n_star, total, alpha, 0.01, 1.0)
    assert float(found.promised[0]) == pytest.approx(promised, rel=1e-9)
    assert float(found.least[0]) == pytest.approx(least, rel=1e-9)
    assert float(found.samples[0, 0]) == pytest.approx(best, rel=1e-3)
    assert float(found.regret[0]) == pytest.approx(promised - least, abs=1e-9 * promised)


@pytest.mark.parametrize("division", ["egalitarian", "leverage"])
def test_published_mechanisms_have_no_regret(division):
    costs = 0.02 * np.exp(np.random.default_rng(3).normal(0, 0.2, (12, 3)))
    costs[2, 1] = np.inf
    problem = collaboration.Problem(costs, sigma=[1.0, 3.0, 0.5], price=[1.0, 0.2, 4.0])
    plan = collaboration.solve(problem, division=division).value
    found = collaboration.mechanism(problem, plan).guarantee(Stakes.of(problem))
    np.testing.assert_allclose(found.promised, plan.penalty, rtol=1e-12)
    assert np.max(found.regret / found.promised) < 1e-12


@pytest.mark.long
def test_bound_is_a_bound_where_rows_are_dealt_to_other_agents():
    """Nobody's certified least may exceed what any amount on a fine grid costs her."""
    problem, plan, machine = different(10, seed=2)
    machine = permuted(machine, np.roll(np.arange(10), 3))
    found = machine.guarantee(Stakes.of(problem))
    assert np.max(found.regret / found.promised) > 1e-3
    for i in range(10):
        n, total, alpha = (float(value) for value in (machine.samples[i, 0], plan.total[0], machine.alpha[i, 0]))
        if np.isnan(alpha):
            continue
        cost = float(problem.costs[i, 0])
        values = [oracle.checked_penalty(n * f, n, total, alpha, cost, 1.0) for f in np.geomspace(0.05, 20, 60)]
        assert float(found.least[i]) <= min(values) * (1 + 1e-12)
        assert float(found.least[i]) == pytest.approx(oracle.best_checked(n, total, alpha, cost, 1.0)[0], rel=1e-9)


def test_nothing_is_proven_with_another_variance_or_without_backing():
    problem, _, machine = equal(8, "c3d")
    other = collaboration.Problem(problem.costs, 2.0)
    assert np.all(machine.guarantee(Stakes.of(other)).least == -np.inf)
    lonely = dataclasses.replace(machine, total=machine.total * 3)
    assert np.all(lonely.guarantee(Stakes.of(problem)).regret == np.inf)


def test_guarantees_compile_and_capabilities_show():
    problem, _, machine = equal(8, "c3d")
    stakes = Stakes.of(problem)
    eager, compiled = machine.guarantee(stakes), jax.jit(lambda m, s: m.guarantee(s))(machine, stakes)
    np.testing.assert_allclose(eager.least, compiled.least, rtol=1e-12)
    assert isinstance(machine, Guaranteed)
    assert isinstance(machine, Separate)
    assert jnp.all(machine.clean_others == machine.samples)
