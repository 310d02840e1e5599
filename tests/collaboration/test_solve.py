"""Plans: C3D's published ratios, cbl against the paper's algorithms, the promises of its theorems, edge cases."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import ProblemError, Status, collaboration
from jaxmech.collaboration import DIVISIONS, MECHANISMS, Problem, Role, cbl_plan, pool_plan
from tests.oracles import enforceable as oracle
from tests.problems import cases, hard_instance

pytestmark = pytest.mark.usefixtures("compile_quickly")

EQUAL_COSTS = [(5, 1.547926), (10, 1.697948), (20, 1.815833), (100, 1.953802)]
SHAPE = (12, 3)


@jax.jit
def over(costs, sigma, n):
    """The equilibrium of cbl over a division."""
    return cbl_plan(Problem(costs, sigma), n)


@jax.jit
def over_leverage(costs, sigma, mix):
    """The leverage optimum mixed with working alone: (8) describes a convex set that both are in."""
    problem = Problem(costs, sigma)
    n = (1 - mix) * collaboration.leverage_optimum(problem).value + mix * collaboration.alone_samples(problem)
    return n, cbl_plan(problem, n)


def random_costs(seed, shape=SHAPE):
    """Six decades of costs, a fifth of them infinite, some of them tied; the first agent can sample everything."""
    rng = np.random.default_rng(seed)
    costs = 10.0 ** rng.uniform(-3, 3, shape) if seed % 2 else np.exp(rng.normal(0, 0.3, shape))
    if seed % 3 == 0:
        costs[1:][rng.uniform(size=(shape[0] - 1, shape[1])) < 0.2] = np.inf
    if seed % 5 == 0:
        costs[shape[0] // 2 :] = costs[shape[0] // 2]
    return costs, 10.0 ** rng.uniform(-1, 1, shape[1])


# C3D


@pytest.mark.parametrize(("m", "ratio"), EQUAL_COSTS)
def test_c3d_reproduces_the_ratios_to_the_first_best(m, ratio):
    problem = Problem([[0.01, 3.0]] * m, sigma=[2.0, 0.1], price=[1.0, 7.0])
    plan = collaboration.solve(problem, mechanism="c3d").raise_for_status().value
    assert float(plan.social_penalty / collaboration.first_best(problem)) == pytest.approx(ratio, abs=6e-7)
    assert np.all(plan.role == Role.CHECKED)
    assert bool(plan.leverage)
    np.testing.assert_allclose(plan.samples, problem.scale / np.sqrt(m * problem.costs), rtol=1e-14)
    np.testing.assert_allclose(plan.total, m * plan.samples[0], rtol=1e-14)


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_c3d_lets_up_to_four_agents_work_alone(m):
    problem = Problem([[0.01]] * m, sigma=1.0)
    plan = collaboration.solve(problem, mechanism="c3d").raise_for_status().value
    assert np.all(plan.role == Role.ALONE)
    assert not bool(plan.leverage)
    np.testing.assert_allclose(plan.penalty, collaboration.alone_penalty(problem), rtol=1e-15)
    assert float(plan.social_penalty / collaboration.first_best(problem)) == pytest.approx(m**0.5)


def test_c3d_refuses_unequal_costs_naming_distribution_and_agents():
    problem = Problem([[1.0, 2.0], [1.0, 3.0]], 1.0, agents=["Ann", "Bob"], distributions=["iron", "zinc"])
    with pytest.raises(ProblemError, match=r"costs\[1\]\[1\] \(Bob\) = 3\.0: .*zinc Ann pays 2"):
        collaboration.solve(problem, mechanism="c3d")


# cbl


FAMILIES = ("binding", "ties", "infinite", "monopoly", "six-decades", "sigmas", "uniform")


@pytest.mark.parametrize("division", ["rational", "leverage", "social"])
@pytest.mark.parametrize("case", [case for case in cases(*FAMILIES) if case.shape == (8, 3)], ids=str)
def test_cbl_is_the_algorithm_as_printed(case, division):
    sigma = np.broadcast_to(case.sigma, case.shape[1:]).astype(float)
    problem = Problem(case.costs, case.sigma)
    solution = collaboration.solve(problem, division=division).raise_for_status()
    plan = solution.value
    amounts, roles, totals, leverage = oracle.recommended(case.costs, sigma, np.asarray(plan.target))
    assert bool(plan.leverage) == leverage
    np.testing.assert_array_equal(plan.role, roles)
    np.testing.assert_allclose(plan.samples, amounts, rtol=1e-12)
    np.testing.assert_allclose(plan.total, totals, rtol=1e-12)
    paid, alphas = oracle.penalties(case.costs, sigma, amounts, roles, totals)
    np.testing.assert_allclose(plan.alpha, alphas, rtol=1e-6)
    np.testing.assert_allclose(plan.penalty, paid.sum(axis=1), rtol=1e-9)
    np.testing.assert_allclose(plan.social_penalty, paid.sum(), rtol=1e-9)


def test_many_equal_agents_are_all_checked_as_in_c3d():
    """Over the even social optimum V is empty from m = 17 on, and cbl is C3D."""
    problem = Problem([[0.3]] * 40, sigma=2.0)
    cbl = collaboration.solve(problem, division="social").value
    c3d = collaboration.solve(problem, mechanism="c3d").value
    assert np.all(cbl.role == Role.CHECKED)
    np.testing.assert_allclose(cbl.alpha, c3d.alpha, rtol=1e-12)
    np.testing.assert_allclose(cbl.penalty, c3d.penalty, rtol=1e-13)


@pytest.mark.long
def test_under_leverage_every_promise_of_theorem_5_is_kept():
    checked = 0
    for seed in range(120):
        costs, sigma = random_costs(seed)
        n, solution = over_leverage(costs, sigma, (0.0, 0.03, 0.1, 0.3)[seed % 4])
        plan = jax.device_get(solution.value)
        assert plan.leverage, f"seed {seed}"
        assert solution.status == Status.OK
        problem = Problem(costs, sigma)
        role = plan.role == Role.CHECKED
        tau = (plan.total / np.where(role, plan.samples, 1))[role]
        kappa = (np.where(role, costs, 0) * plan.samples**2 / sigma**2)[role]
        assert np.all(tau > 4)
        assert np.all(kappa >= 1 / tau * (1 - 1e-13))
        assert np.all(kappa < 1 / 4)
        assert np.all(plan.alpha[role] >= np.sqrt(plan.samples[role]))
        assert np.all(np.isnan(plan.alpha[~role]))
        assert np.all(plan.penalty <= 8 * np.asarray(collaboration.penalty(problem, n)))
        alone = np.asarray(collaboration.alone_penalty(problem))
        assert np.all(plan.penalty <= alone * (1 + 1e-12))
        assert np.all(plan.samples[np.isinf(costs)] == 0)
        checked += role.sum()
    assert checked > 300, checked


def test_many_checked_agents_with_nearly_equal_costs():
    """Here almost everybody is checked, at raised and at unraised amounts."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        costs = np.exp(rng.normal(0, 0.05, (60, 2)))
        n = rng.uniform(0, 2, (60, 2)) / np.sqrt(60 * costs)
        solution = over(costs, np.ones(2), n)
        plan = jax.device_get(solution.value)
        role = plan.role == Role.CHECKED
        assert role.mean() > 0.5
        assert solution.status == Status.OK
        raised = role & (plan.samples > n)
        assert raised.any()
        assert (role & (plan.samples == n)).any()
        np.testing.assert_allclose((costs * plan.samples * plan.total)[raised], 1.0, rtol=1e-13)
        assert np.all(plan.alpha[role] >= np.sqrt(plan.samples[role]))


@pytest.mark.long
@pytest.mark.parametrize(("m", "division"), [(2, "social"), (16, "rational"), (100, "social")])
def test_the_hard_instance_costs_at_least_a_quarter_of_root_m(m, division):
    """Nobody can work alone on everything, so the social optimum is rational."""
    gamma, sigma = 0.01, 3.0
    problem = Problem(hard_instance(m, gamma), sigma)
    plan = collaboration.solve(problem, division=division).raise_for_status().value
    baseline = float(collaboration.social_penalty(problem, plan.target))
    assert baseline == pytest.approx(4 * sigma * np.sqrt(m * gamma), rel=1e-9)
    assert float(plan.social_penalty) / baseline >= np.sqrt(m) / 4
    assert float(plan.social_penalty) / baseline <= np.sqrt(m)


@jax.jit
def three_divisions(costs):
    """Social penalties relative to P(n_OPT): first best, cbl over n_OPT and over the leverage optimum; leverage."""
    problem = Problem(costs, 1.0)
    rational = collaboration.rational_optimum(problem).value
    published = cbl_plan(problem, rational).value
    designed = cbl_plan(problem, collaboration.leverage_optimum(problem).value).value
    baseline = collaboration.social_penalty(problem, rational)
    penalties = jnp.stack([collaboration.first_best(problem), published.social_penalty, designed.social_penalty])
    return penalties / baseline, published.leverage, designed.leverage


@pytest.mark.long
def test_the_leverage_optimum_lowers_the_social_penalty_of_cbl():
    """On random costs with d ≥ 2 the rational optimum has no leverage; then cbl costs (m + 1)/(2√m) first bests."""
    m, ratios = SHAPE[0], []
    for seed in range(40):
        found, published, designed = three_divisions(np.random.default_rng(seed).uniform(0.5, 1.5, SHAPE))
        assert not bool(published)
        assert bool(designed)
        assert float(found[1]) == pytest.approx((m + 1) / (2 * np.sqrt(m)) * float(found[0]), rel=1e-9)
        assert float(found[2]) < float(found[1])
        ratios.append(found[1:])
    published, designed = np.mean(ratios, axis=0)
    assert designed < 0.75 * published, (published, designed)


# Pools


@pytest.mark.parametrize("mechanism", ["pool", "counted-pool"])
def test_pools_take_the_division_as_it_is(mechanism):
    problem = Problem([[0.033], [0.066], [0.1]], sigma=10.0)
    plan = collaboration.solve(problem, division="nash", mechanism=mechanism).value
    assert plan.mechanism == mechanism
    np.testing.assert_array_equal(plan.samples, plan.target)
    np.testing.assert_allclose(plan.penalty, [2.508, 2.888, 2.916], atol=5e-4)
    assert np.all(plan.role == Role.RECEIVES)
    assert np.all(np.isnan(plan.alpha))
    assert not bool(plan.leverage)


# Names, statuses, shapes


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ({"division": "nahs"}, '"nash"'),
        ({"division": "kalai smorodinsky"}, '"kalai-smorodinsky"'),
        ({"mechanism": "CBL"}, '"cbl"'),
        ({"mechanism": "pol"}, '"pool"'),
        ({"mechanism": "c3d", "division": "rationale"}, '"rational"'),
    ],
)
def test_unknown_names_are_refused_with_the_nearest_word(words, hint):
    with pytest.raises(ProblemError, match=f"must be one of .*did you mean {hint}"):
        collaboration.solve(Problem([[1.0]], 1.0), **words)


@pytest.mark.parametrize("division", ["nash", "kalai-smorodinsky"])
def test_bargaining_needs_agents_who_can_work_alone(division):
    problem = Problem([[1.0, 2.0], [1.0, np.inf]], 1.0, agents=["Ann", "Bob"])
    with pytest.raises(ProblemError, match="Bob cannot sample distribution 2"):
        collaboration.solve(problem, division=division)


def test_a_failed_division_gives_nan_and_its_status():
    problem = Problem.unchecked(jnp.full((3, 1), jnp.nan), jnp.ones(1), jnp.ones(1))
    solution = collaboration.solve(problem, division="social")
    assert int(solution.status) == Status.NONFINITE
    for leaf in (solution.value.samples, solution.value.penalty, solution.value.social_penalty):
        assert np.all(np.isnan(leaf))


def test_a_plan_without_coefficients_says_no_root():
    """Forced through the shared helper: nobody can be checked with T = 2 n*."""
    from jaxmech._status import worst_status
    from jaxmech.collaboration._roles import coefficients

    problem = Problem([[1.0], [1.0]], 1.0)
    found = coefficients(problem, jnp.full((2, 1), 0.4), jnp.array([[True], [False]]), jnp.array([0.8]))
    assert int(found.status) == Status.NO_ROOT
    assert np.all(np.isnan(found.value))
    order = [Status.OK, Status.ALMOST, Status.MAX_STEPS, Status.STALLED, Status.INFEASIBLE, Status.NO_ROOT]
    for low, high in zip(order, [*order[1:], Status.NONFINITE], strict=True):
        assert int(worst_status(jnp.array(int(low)), jnp.array([int(high), int(low)]))) == high


SMALLEST = {
    "one agent": [[0.5]],
    "one agent, two distributions": [[0.5, 2.0]],
    "spectator": [[0.5, 2.0], [np.inf, np.inf]],
    "one each": [[0.5, np.inf], [np.inf, 0.1]],
    "tied, and a spectator": [[0.5], [0.5], [np.inf]],
}
# c3d is for equal costs
SMALLEST_CASES = [(m, name) for m in MECHANISMS for name, costs in SMALLEST.items() if m != "c3d" or len(costs) == 1]


@pytest.mark.parametrize(("mechanism", "name"), SMALLEST_CASES)
def test_smallest_problems(mechanism, name):
    costs = np.array(SMALLEST[name])
    problem = Problem(costs, 2.0)
    plan = collaboration.solve(problem, division="leverage", mechanism=mechanism).raise_for_status().value
    assert np.all(np.isfinite(plan.penalty))
    assert np.all(plan.samples[np.isinf(costs)] == 0)
    assert np.all(plan.penalty <= np.asarray(collaboration.alone_penalty(problem)) * (1 + 1e-9))
    if len(costs) == 1:
        np.testing.assert_allclose(plan.samples, collaboration.alone_samples(problem), rtol=1e-9)


# Laws


@functools.cache
def solved(division, mechanism="cbl"):
    return jax.jit(
        lambda costs, sigma, price: (
            collaboration.solve(Problem(costs, sigma, price), division=division, mechanism=mechanism).value
        )
    )


ONES = np.ones(SHAPE[1])


@pytest.mark.parametrize("division", ["leverage", "social"])
def test_scaling_laws(division):
    """c → tc, σ → uσ: samples times u/√t, penalties times u√t; α² counts points. A price p is a σ times √p."""
    costs, sigma = random_costs(1)
    plain = solved(division)(costs, sigma, ONES)
    other = solved(division)(4 * costs, 8 * sigma, ONES)
    np.testing.assert_array_equal(plain.role, other.role)
    np.testing.assert_allclose(other.samples, 4 * plain.samples, rtol=1e-9)
    np.testing.assert_allclose(other.alpha, 2 * plain.alpha, rtol=1e-6)
    np.testing.assert_allclose(other.penalty, 16 * plain.penalty, rtol=1e-9)
    priced = solved(division)(costs, sigma, 9 * ONES)
    wider = solved(division)(costs, 3 * sigma, ONES)
    np.testing.assert_allclose(priced.samples, wider.samples, rtol=1e-12)
    np.testing.assert_allclose(priced.alpha, wider.alpha, rtol=1e-9)
    np.testing.assert_allclose(priced.penalty, wider.penalty, rtol=1e-12)


@pytest.mark.parametrize("division", ["leverage", "social"])
def test_permuting_agents_and_distributions_permutes_the_plan(division):
    costs, sigma = random_costs(2)
    rows, columns = np.random.default_rng(5).permutation(SHAPE[0]), np.array([2, 0, 1])
    plain = solved(division)(costs, sigma, ONES)
    other = solved(division)(costs[rows][:, columns], sigma[columns], ONES)
    np.testing.assert_array_equal(plain.role[rows][:, columns], other.role)
    np.testing.assert_allclose(other.samples, plain.samples[rows][:, columns], rtol=1e-9)
    np.testing.assert_allclose(other.penalty, plain.penalty[rows], rtol=1e-9)


def test_a_batch_is_a_loop():
    batch = np.stack([random_costs(seed)[0] for seed in (1, 2, 7)])
    many = jax.jit(jax.vmap(lambda costs: collaboration.solve(Problem(costs, ONES), division="leverage")))
    together = many(batch)
    assert together.value.division == "leverage"
    assert together.value.samples.shape == (3, *SHAPE)
    for row, costs in enumerate(batch):
        one = solved("leverage")(costs, ONES, ONES)
        np.testing.assert_array_equal(together.value.role[row], one.role)
        np.testing.assert_allclose(together.value.penalty[row], one.penalty, rtol=1e-13)


@pytest.mark.slow
def test_the_compiled_plan_is_the_eager_one():
    costs, sigma = random_costs(2)
    problem = Problem(costs, sigma)
    n = collaboration.leverage_optimum(problem).value
    eager, compiled = cbl_plan(problem, n), over(costs, sigma, n)
    np.testing.assert_allclose(eager.value.penalty, compiled.value.penalty, rtol=1e-13)
    np.testing.assert_allclose(eager.value.alpha, compiled.value.alpha, rtol=1e-9)
    np.testing.assert_array_equal(pool_plan(problem, n).value.penalty, collaboration.penalty(problem, n))


@pytest.mark.long
def test_float32_is_float32_throughout():
    costs = np.exp(np.random.default_rng(0).normal(0, 0.1, (30, 2))).astype(np.float32)
    problem = Problem(costs, np.float32(2.0))
    plan = collaboration.solve(problem, division="leverage").value
    reference = collaboration.solve(Problem(costs.astype(float), 2.0), division="leverage").value
    assert {leaf.dtype for leaf in jax.tree.leaves(plan)} == {np.dtype(t) for t in ("float32", "int32", "bool")}
    np.testing.assert_allclose(plan.social_penalty, reference.social_penalty, rtol=1e-4)


@pytest.mark.slow
def test_every_division_meets_every_mechanism():
    problem = Problem([[0.033], [0.066], [0.1]], sigma=10.0)
    for division in DIVISIONS:
        for mechanism in ("pool", "counted-pool", "cbl"):
            plan = collaboration.solve(problem, division=division, mechanism=mechanism).raise_for_status().value
            assert (plan.division, plan.mechanism) == (division, mechanism)


@pytest.mark.long
@pytest.mark.parametrize("division", ["rational", "leverage"])
def test_plans_differentiate_in_both_modes(division):
    costs, sigma = random_costs(2)

    @jax.jit
    def social(table):
        return collaboration.solve(Problem(table, sigma), division=division).value.social_penalty

    table, direction = jnp.asarray(costs), costs * np.random.default_rng(3).standard_normal(costs.shape)
    reverse = jnp.sum(jax.grad(social)(table) * direction)
    forward = jax.jvp(social, (table,), (direction,))[1]
    step = 1e-6
    difference = (social(table + step * direction) - social(table - step * direction)) / (2 * step)
    np.testing.assert_allclose(reverse, forward, rtol=1e-9)
    np.testing.assert_allclose(forward, difference, rtol=1e-5)
