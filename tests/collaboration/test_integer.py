"""Plans in whole samples: rounding by hand, equilibria over whole numbers, losses told."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import ProblemError, collaboration
from jaxmech.collaboration import Problem, Role, certify, deviation_penalty, integer_plan
from jaxmech.deviation import Normal, simulate
from tests.oracles import enforceable as oracle

pytestmark = pytest.mark.usefixtures("compile_quickly")


@jax.jit
def over(costs, sigma, n):
    problem = Problem(costs, sigma)
    plan = collaboration.cbl_plan(problem, n).value
    return plan, integer_plan(problem, plan)


def random_case(seed, shape=(20, 2)):
    """From a fraction of a sample to thousands per agent; many agents are checked."""
    rng = np.random.default_rng(seed)
    costs = 10.0 ** rng.uniform(-7, -0.5) * np.exp(rng.normal(0, 0.15, shape))
    if seed % 3 == 0:
        costs[rng.uniform(size=shape) < 0.1] = np.inf
        costs[0] = np.nanmin(costs)
    shares = np.where(np.isfinite(costs), rng.uniform(0, 1, shape) ** 2, 0)
    shares[rng.uniform(size=shape) < 0.2] = 0
    shares[0] = 1.0
    return costs, np.ones(shape[1]), shares / shares.sum(axis=0) * np.sqrt(shape[0] / costs.min(axis=0))


def whole_alone(cost):
    """Best whole number alone by trying all near n_IND."""
    if np.isinf(cost):
        return 0
    around = int(cost**-0.5)
    return min(range(max(1, around - 2), around + 4), key=lambda n: 1 / n + cost * n)


def test_alone_in_whole_samples():
    for seed in range(12):
        costs, sigma, n = random_case(seed)
        _, whole = over(costs, sigma, n)
        expected = np.vectorize(whole_alone)(costs)
        np.testing.assert_array_equal(whole.alone_samples, expected)
        safe = np.maximum(expected, 1)
        paid = np.where(expected > 0, 1 / safe + np.where(expected > 0, costs, 0) * safe, np.inf).sum(axis=1)
        np.testing.assert_allclose(whole.alone_penalty, paid, rtol=1e-13)


def test_cbl_in_whole_samples_is_an_equilibrium_in_whole_samples():
    roles = np.zeros(3, int)
    for seed in range(40):
        costs, sigma, n = random_case(seed)
        plan, whole = over(costs, sigma, n)
        if not bool(plan.leverage):
            continue
        samples, role, alpha = (np.asarray(x) for x in (whole.samples, whole.role, whole.alpha))
        assert np.issubdtype(samples.dtype, np.integer)
        assert np.all(samples >= 0)
        assert np.all(samples[np.isinf(costs)] == 0)
        assert np.all(np.isfinite(alpha) == (role == Role.CHECKED)), f"seed {seed}"
        assert np.all(np.asarray(whole.plan.total) == np.round(whole.plan.total))
        assert np.all(whole.plan.total <= samples.sum(axis=0))
        assert np.all(np.asarray(whole.worse_off) <= 1e-9 * np.asarray(whole.penalty)), f"seed {seed}"
        audits = certify(Problem(costs, sigma), whole)
        assert len(audits) == 3
        assert all(audit.holds for audit in audits), (seed, audits)
        roles += np.bincount(role.ravel(), minlength=3)
    assert np.all(roles > 50)


def test_penalties_of_the_rounded_plan_by_quadrature():
    costs, sigma, n = random_case(1)
    plan, whole = over(costs, sigma, n)
    assert np.any(np.asarray(whole.role) == Role.CHECKED)
    total = np.asarray(whole.plan.total)
    paid, alphas = oracle.penalties(costs, sigma, np.asarray(whole.samples, float), np.asarray(whole.role), total)
    np.testing.assert_allclose(whole.alpha, alphas, rtol=1e-6)
    np.testing.assert_allclose(whole.penalty, paid.sum(axis=1), rtol=1e-9)
    assert float(whole.loss) == pytest.approx(paid.sum() / float(plan.social_penalty) - 1)
    np.testing.assert_allclose(whole.change, whole.penalty - plan.penalty)
    np.testing.assert_allclose(whole.worse_off, whole.penalty - whole.alone_penalty)


def test_no_whole_number_is_better_for_who_is_checked():
    costs, sigma, n = random_case(4)
    _, whole = over(costs, sigma, n)
    checked = np.argwhere(np.asarray(whole.role) == Role.CHECKED)
    assert len(checked) > 0
    for i, k in checked:
        n_star = float(whole.samples[i, k])
        tried = np.arange(1.0, 4 * n_star + 10)
        paid = deviation_penalty(tried, n_star, whole.plan.total[k], whole.alpha[i, k], costs[i, k], sigma[k])
        assert int(tried[np.argmin(paid)]) == int(n_star)


def test_checked_amounts_keep_their_rounded_total():
    problem = Problem([[0.01]] * 10, 1.0)
    plan = collaboration.solve(problem, mechanism="c3d").value
    whole = integer_plan(problem, plan)
    assert whole.samples.ravel().tolist() == [4, 4] + [3] * 8
    assert float(whole.plan.total[0]) == 32
    assert whole.plan.mechanism == "c3d"


def test_expensive_samples_leave_some_agents_without_any():
    """n* = 0.3 each: thirty agents collect one sample and are checked, the others receive."""
    costs = np.full((100, 1), 1 / 9)
    problem = Problem(costs, 1.0)
    whole = integer_plan(problem, collaboration.solve(problem, mechanism="c3d").value)
    assert np.bincount(np.ravel(whole.role), minlength=3).tolist() == [0, 70, 30]
    assert all(audit.holds for audit in certify(problem, whole))
    assert float(whole.worse_off.max()) < 0


def test_samples_so_dear_that_nobody_can_be_checked():
    """n_IND < 2: no whole amount lies below n_IND/2, so the cheapest who must work do it alone."""
    problem = Problem(np.full((8, 1), 0.5), 1.0)
    whole = integer_plan(problem, collaboration.solve(problem, mechanism="c3d").value)
    assert np.sum(np.asarray(whole.role) == Role.ALONE) == 1
    assert np.sum(np.asarray(whole.role) == Role.RECEIVES) == 7
    assert all(audit.holds for audit in certify(problem, whole))
    assert np.all(np.asarray(whole.worse_off) <= 0)
    assert float(whole.social_penalty) == pytest.approx(0.5 + 8)


def test_no_leverage_keeps_its_receivers():
    """A receiver whose n_IND lies between the cheapest's rounded amount and the next would not collect one more."""
    problem = Problem([[1 / 5.4**2], [1 / 5.39**2], [1 / 5.39**2]], 1.0)
    whole = integer_plan(problem, collaboration.solve(problem, division="social").value)
    assert whole.samples.ravel().tolist() == [5, 0, 0]
    assert whole.role.ravel().tolist() == [Role.ALONE, Role.RECEIVES, Role.RECEIVES]
    assert all(audit.holds for audit in certify(problem, whole))


@pytest.mark.parametrize("division", ["rational", "nash"])
def test_pools_keep_totals_and_tell_who_loses(division):
    problem = Problem([[0.033], [0.066], [0.1]], sigma=10.0)
    plan = collaboration.solve(problem, division=division, mechanism="pool").value
    whole = integer_plan(problem, plan)
    np.testing.assert_array_equal(whole.samples.sum(axis=0), np.round(plan.samples.sum(axis=0)))
    assert np.all(np.abs(whole.samples - plan.samples) < 1)
    np.testing.assert_allclose(whole.penalty, collaboration.penalty(problem, whole.samples.astype(float)))
    np.testing.assert_allclose(whole.worse_off, whole.penalty - whole.alone_penalty)


def test_a_pool_in_which_rounding_breaks_individual_rationality_says_so():
    problem = Problem([[0.01], [0.02], [0.03]], 1.0)
    whole = integer_plan(problem, collaboration.solve(problem, mechanism="pool").value)
    assert whole.samples.ravel().tolist() == [13, 1, 0]
    assert float(whole.worse_off[0]) == pytest.approx(1 / 14 + 0.13 - 0.2)
    assert (whole.worse_off > 0).tolist() == [True, False, False]
    audit = next(audit for audit in certify(problem, whole) if audit.claim == "individually rational")
    assert not audit.holds
    assert "agent 1" in audit.witness


def test_a_pool_that_would_round_to_nothing_asks_for_one_sample():
    problem = Problem([[40.0], [50.0]], 1.0)
    plan = collaboration.solve(problem, division="social", mechanism="pool").value
    assert float(plan.samples.sum()) < 0.5
    assert integer_plan(problem, plan).samples.ravel().tolist() == [1, 0]


@pytest.mark.long
def test_batches_and_float32():
    cases = [random_case(seed)[:3] for seed in (1, 2)]
    costs, sigma, n = (np.stack(parts) for parts in zip(*cases, strict=True))
    _, together = jax.jit(jax.vmap(over))(costs, sigma, n)
    for row in range(2):
        one = over(costs[row], sigma[row], n[row])[1]
        np.testing.assert_array_equal(together.plan.samples[row], one.plan.samples)
        np.testing.assert_allclose(together.plan.penalty[row], one.penalty, rtol=1e-13)
    single = over(*(part[0].astype(np.float32) for part in (costs, sigma, n)))[1]
    assert single.penalty.dtype == np.float32
    assert dataclasses.is_dataclass(single)
    assert jnp.issubdtype(single.samples.dtype, jnp.integer)


def small_case(seed):
    """Amounts from a third of a point to 30 for each; costs are equal in every other case, for c3d."""
    rng = np.random.default_rng(seed)
    alone = 10 ** rng.uniform(0.3, 2.0)  # points that somebody collects alone
    spread = 0.0 if seed % 2 else rng.uniform(0.05, 0.5)
    return Problem(np.exp(spread * rng.normal(size=(6, 2))) / alone**2, 1.0), "c3d" if seed % 2 else "cbl"


def assert_promises_are_kept(seed):
    """By counts and means, and by data sets: five standard errors."""
    problem, mechanism = small_case(seed)
    whole = integer_plan(problem, collaboration.solve(problem, mechanism=mechanism).value)
    machine = collaboration.mechanism(problem, whole.plan)
    for people in (None, Normal(jnp.zeros(2), jnp.ones(2))):
        found = simulate(machine, problem, people, jax.random.key(seed), replications=4000)
        gap = np.abs(np.asarray(found.penalty - whole.penalty))
        assert np.all(gap <= 5 * np.asarray(found.standard_error) + 1e-6 * np.asarray(whole.penalty)), (seed, people)
    return np.asarray(whole.role)


@pytest.mark.long
def test_what_a_whole_plan_promises_is_what_is_realised():
    roles = np.concatenate([assert_promises_are_kept(seed) for seed in (3, 6)])
    assert np.any(roles == Role.CHECKED)


@pytest.mark.slow
def test_what_whole_plans_promise_is_what_is_realised():
    roles = np.concatenate([assert_promises_are_kept(seed) for seed in range(10, 34)])
    assert np.all(np.bincount(roles.ravel(), minlength=3) > 5)


@pytest.mark.parametrize("mechanism", ["cbl", "c3d", "pool"])
def test_amounts_too_large_to_be_whole_are_refused(mechanism):
    """From 2^53 on a number is not told from the next whole one; nothing is cast to −9223372036854775808."""
    problem = Problem([[1.0]] * 3, 1e19)
    plan = collaboration.solve(problem, mechanism=mechanism).value
    with pytest.raises(ProblemError, match=r"must be below 9.01e\+15 to be rounded to whole samples"):
        integer_plan(problem, plan)
    fine = Problem([[1.0]] * 3, 1e15)
    samples = np.asarray(integer_plan(fine, collaboration.solve(fine, mechanism=mechanism).value).samples)
    assert np.all(samples >= 0)
    assert samples.max() > 1e14


def test_a_plan_that_is_not_solved_has_no_whole_amounts():
    problem = Problem([[1.0]] * 3, 1.0)
    plan = collaboration.solve(problem).value
    nothing = integer_plan(problem, dataclasses.replace(plan, samples=plan.samples * jnp.nan))
    spoilt = dataclasses.replace(nothing, plan=dataclasses.replace(nothing.plan, samples=plan.samples * jnp.nan))
    with pytest.raises(ProblemError, match="is no number: the plan is not solved"):
        _ = spoilt.samples
