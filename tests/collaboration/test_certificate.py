"""Certificates: they hold where theorems say so, and each of them fails when its plan is spoilt."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from jaxmech import collaboration
from jaxmech.collaboration import Problem, Role, advise, certify, efficiency
from jaxmech.collaboration._regret import regret
from tests.oracles import enforceable as oracle
from tests.problems import hard_instance

RATIONAL, NASH, PROMISED = "individually rational", "Nash incentive compatible", "penalties as promised"
EFFICIENT, EIGHT, CONDITION = "efficient", "at most 8 times the division's penalty", "condition (8)"
EACH = "at most 8 times on each distribution"

RNG = np.random.default_rng(11)
COSTS = np.exp(RNG.normal(0, 0.1, (20, 2)))
COSTS[4, 1] = np.inf
PROBLEM = Problem(COSTS, [2.0, 5.0], price=[1.0, 0.5], agents=[f"lab {i}" for i in range(20)])
SHARES = np.where(np.isfinite(COSTS), RNG.uniform(0.2, 1.0, COSTS.shape), 0.0)
SHARES[8:11] = 0.0
SHARES[0] = 3.0


@pytest.fixture(scope="module")
def plan():
    """All three roles under leverage, several agents in each."""
    total = np.asarray(PROBLEM.scale) * np.sqrt(20 / COSTS.min(axis=0))
    division = jnp.asarray(SHARES / SHARES.sum(axis=0) * total)
    made = jax.jit(collaboration.cbl_plan)(PROBLEM, division).value
    return dataclasses.replace(made, division="leverage")


@pytest.fixture(scope="module")
def optimum():
    return collaboration.solve(PROBLEM, division="rational", mechanism="pool").value.target


def told(problem, plan, optimum=None):
    return {audit.claim: audit for audit in certify(problem, plan, optimum)}


def spoilt(plan, **changes):
    return dataclasses.replace(plan, **changes)


@pytest.mark.long
def test_all_claims_hold_for_an_honest_plan(plan, optimum):
    assert bool(plan.leverage)
    assert np.min(np.bincount(np.ravel(plan.role), minlength=3)) >= 2
    audits = told(PROBLEM, plan, optimum)
    assert list(audits) == [RATIONAL, NASH, PROMISED, EFFICIENT, EIGHT, EACH, CONDITION]
    assert all(audit.holds for audit in audits.values())
    assert [audit.claimed for audit in audits.values()] == [True] * 5 + [False] * 2
    assert audits[NASH].margin > -1e-12
    own = np.asarray(collaboration.alone_penalty(PROBLEM))
    margins = np.where(np.isfinite(own), 1 - np.asarray(plan.penalty) / own, np.inf)
    assert audits[RATIONAL].margin == pytest.approx(margins.min(), rel=1e-9)
    assert PROBLEM.agent_name(int(np.argmin(margins))) in audits[RATIONAL].witness
    sigma = np.asarray(PROBLEM.scale)
    smallest = oracle.condition_8(COSTS, sigma, np.asarray(plan.target)).min()
    assert audits[CONDITION].margin == pytest.approx(smallest)


@pytest.mark.parametrize("factor", [0.5, 0.99, 1.01, 2.0])
def test_a_wrong_coefficient_breaks_incentive_compatibility(plan, optimum, factor):
    one = np.argwhere(np.asarray(plan.role) == Role.CHECKED)[0]
    alpha = plan.alpha.at[tuple(one)].multiply(factor)
    audits = told(PROBLEM, spoilt(plan, alpha=alpha), optimum)
    assert not audits[NASH].holds
    assert f"lab {one[0]}" in audits[NASH].witness
    assert not audits[PROMISED].holds


def test_permuted_roles_break_incentive_compatibility(plan, optimum):
    for shift in (1, 2):
        role = (plan.role + shift) % 3
        audits = told(PROBLEM, spoilt(plan, role=role), optimum)
        assert not audits[NASH].holds
        assert not audits[PROMISED].holds


@pytest.mark.parametrize("role", list(Role))
def test_a_changed_amount_breaks_incentive_compatibility(plan, optimum, role):
    """Also for who receives: what she collects is wasted."""
    able = (np.asarray(plan.role) == role) & np.isfinite(COSTS)
    i, k = np.argwhere(able)[0]
    amount = float(plan.samples[i, k])
    for wrong in (amount * 1.3 + 0.1, amount * 0.7 + 0.1):
        audits = told(PROBLEM, spoilt(plan, samples=plan.samples.at[i, k].set(wrong)), optimum)
        assert not audits[NASH].holds


def test_a_check_without_points_behind_it_is_not_certified(plan, optimum):
    audits = told(PROBLEM, spoilt(plan, total=plan.total * 1.5), optimum)
    assert not audits[NASH].holds
    assert audits[NASH].margin == -math.inf


def test_a_penalty_that_is_promised_too_low_or_too_high(plan, optimum):
    low = told(PROBLEM, spoilt(plan, penalty=plan.penalty.at[3].multiply(0.9)), optimum)
    assert [low[claim].holds for claim in (RATIONAL, NASH, PROMISED)] == [True, True, False]
    assert "lab 3" in low[PROMISED].witness
    high = told(PROBLEM, spoilt(plan, penalty=plan.penalty.at[3].multiply(20.0)), optimum)
    assert not high[RATIONAL].holds
    assert not high[EIGHT].holds
    assert "lab 3" in high[RATIONAL].witness
    assert "lab 3" in high[EIGHT].witness
    costly = told(PROBLEM, spoilt(plan, social_penalty=plan.social_penalty * 20), optimum)
    assert not costly[EFFICIENT].holds
    missing = told(PROBLEM, spoilt(plan, penalty=plan.penalty.at[0].set(jnp.nan)), optimum)
    assert not missing[RATIONAL].holds
    assert not missing[PROMISED].holds


def test_condition_8_is_told_about_the_division(plan, optimum):
    target = plan.target.at[0, 0].add(5 * collaboration.alone_samples(PROBLEM)[0, 0])
    audit = told(PROBLEM, spoilt(plan, target=target), optimum)[CONDITION]
    assert not audit.holds
    assert not audit.claimed
    assert "lab 0" in audit.witness
    assert "distribution 1" in audit.witness


def test_the_regret_bound_bounds_what_a_search_finds(plan):
    """With spoilt coefficients the bound must stay above the true regret, from quadrature and a scalar search."""
    for factor in (0.3, 0.8, 1.0, 1.2, 3.0):
        bad = spoilt(plan, alpha=plan.alpha * factor)
        found = jax.device_get(jax.jit(regret)(PROBLEM, bad).__dict__)
        for i, k in np.argwhere(np.asarray(plan.role) == Role.CHECKED)[:3]:
            args = [float(x[i, k]) for x in (bad.samples, bad.alpha)]
            total, sigma = float(bad.total[k]), float(PROBLEM.scale[k])

            def paid(n, n_star=args[0], alpha=args[1], total=total, sigma=sigma, cost=COSTS[i, k]):
                return oracle.checked_penalty(n, n_star, total, alpha, cost, sigma)

            best = optimize.minimize_scalar(
                lambda log_n, paid=paid: paid(math.exp(log_n)),
                bounds=(math.log(args[0]) - 7, math.log(args[0]) + 4),
                method="bounded",
            )
            truth = max(0.0, paid(args[0]) - best.fun)
            scale = paid(args[0])
            assert found["bound"][i, k] >= truth - 1e-9 * scale
            assert found["gain"][i, k] <= truth + 1e-9 * scale
            if factor in (0.3, 3.0):
                assert found["gain"][i, k] > 0


# Other mechanisms


def test_c3d_is_efficient_up_to_two():
    problem = Problem([[0.01, 0.3]] * 10, 1.0)
    solved = collaboration.solve(problem, mechanism="c3d").value
    audits = told(problem, solved)
    assert list(audits) == [RATIONAL, NASH, PROMISED, EFFICIENT]
    assert all(audit.holds and audit.claimed for audit in audits.values())
    found = efficiency(problem, solved)
    assert found.ratio == pytest.approx(1.697948, abs=6e-7)
    assert found.bound == pytest.approx(2.0)
    assert found.baseline == pytest.approx(found.first_best)


def best_free_rider(problem, amounts, paid):
    """What each agent saves at best, as a fraction of what she pays, by trying many amounts."""
    tried = np.linspace(0, 100, 100_001)
    given = amounts.sum() - amounts
    costs = np.asarray(problem.costs)[:, 0]
    return np.array([1 - np.min(100 / (g + tried) + c * tried) / p for g, c, p in zip(given, costs, paid, strict=True)])


def test_the_pool_tells_what_a_free_rider_gains():
    problem = Problem([[0.033], [0.066], [0.1]], sigma=10.0)
    for name in ("pool", "counted-pool"):
        solved = collaboration.solve(problem, mechanism=name).value
        audits = told(problem, solved)
        assert audits[RATIONAL].holds
        assert audits[RATIONAL].claimed
        nash = audits[NASH]
        assert not nash.holds
        assert not nash.claimed
        saved = best_free_rider(problem, np.asarray(solved.samples[:, 0]), np.asarray(solved.penalty))
        assert -nash.margin == pytest.approx(saved.max(), abs=1e-6)
        assert f"agent {np.argmax(saved) + 1}" in nash.witness
        found = efficiency(problem, solved)
        assert found.ratio == pytest.approx(1.0)
        assert found.bound == found.ratio
        assert not audits[EFFICIENT].claimed


def test_the_pool_over_the_social_optimum_does_not_claim_rationality():
    problem = Problem([[0.033], [0.066], [0.1]], sigma=10.0)
    audit = told(problem, collaboration.solve(problem, division="social", mechanism="pool").value)[RATIONAL]
    assert not audit.claimed
    assert not audit.holds
    assert audit.margin == pytest.approx(1 - 4.19 / 3.633, abs=2e-3)
    assert told(problem, collaboration.solve(problem, division="social").value)[RATIONAL].claimed


@pytest.mark.parametrize("m", [4, 16])
def test_the_hard_instance_is_within_root_m(m):
    problem = Problem(hard_instance(m), 1.0)
    solved = collaboration.solve(problem, division="social").value
    audits = told(problem, solved, solved.target)
    assert all(audit.holds for audit in audits.values() if audit.claimed)
    assert audits[RATIONAL].margin == math.inf
    assert EIGHT not in audits or bool(solved.leverage)
    found = efficiency(problem, solved, solved.target)
    assert math.sqrt(m) / 4 <= found.ratio <= math.sqrt(m)
    assert found.bound == pytest.approx(8.0 if solved.leverage else math.sqrt(m))


def test_no_leverage_is_certified_and_its_corruption_is_not():
    problem = Problem([[0.033], [0.066], [0.1]], sigma=10.0)
    solved = collaboration.solve(problem, division="social").value
    assert not bool(solved.leverage)
    audits = told(problem, solved)
    assert all(audit.holds for audit in audits.values() if audit.claimed)
    assert not audits[CONDITION].holds
    assert efficiency(problem, solved).bound == pytest.approx(math.sqrt(3))
    lazy = spoilt(solved, samples=solved.samples * 0.5)
    assert not told(problem, lazy)[NASH].holds


# Advice


def test_advice_compares_equilibria():
    problem = Problem([[0.033], [0.066], [0.1]], sigma=10.0)
    solved = collaboration.solve(problem).value
    advice = advise(problem, solved)
    assert set(advice.honest) == {"rational", "leverage", "social"}
    assert advice.honest["rational"] == pytest.approx(float(solved.social_penalty))
    assert advice.honest["social"] == pytest.approx(7.266361, abs=1e-6)
    assert advice.best == "social"
    assert advice.saving == pytest.approx(1 - 7.266361 / 9.835407, abs=1e-6)
    assert advice.pooled == pytest.approx(6.643006, abs=1e-6)
    pool = collaboration.solve(problem, division="leverage", mechanism="pool").value
    assert advise(problem, pool).price_of_honesty == pytest.approx(9.835407 / 6.643006, abs=1e-6)
    assert advise(problem, collaboration.solve(problem, division="social").value).saving == 0
