"""Most, least and budget: working alone, divisions, roles, certificates and whole samples within them."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmech as jm
from jaxmech import ProblemError, Status, collaboration
from jaxmech.collaboration import Problem, Role
from tests.oracles import capacity as oracle

pytestmark = pytest.mark.usefixtures("compile_quickly")


def limited(seed, m=4, d=2, unable=False):
    """A problem most of whose limits bind, with its numbers in NumPy."""
    rng = np.random.default_rng(seed)
    costs = np.exp(0.3 * rng.normal(size=(m, 1)) + 0.5 * rng.normal(size=(1, d)) + 0.05 * rng.normal(size=(m, d)))
    if unable:
        costs[1, 0] = np.inf
    sigma = np.exp(rng.normal(size=d))
    able = np.isfinite(costs)
    price = np.where(able, costs, 1.0)
    ideal = np.where(able, sigma / np.sqrt(price), 0.0)
    most = np.where(rng.random((m, d)) < 0.5, ideal * rng.uniform(0.1, 1.2, (m, d)), np.inf)
    least = np.minimum(np.where(rng.random((m, d)) < 0.3, ideal * rng.uniform(0.05, 0.5, (m, d)), 0.0), 0.9 * most)
    least = np.where(able, least, 0.0)
    bill = np.sum(price * least, axis=1)
    budget = bill + rng.uniform(0.1, 1.0, m) * np.sum(price * ideal, axis=1)
    problem = Problem(costs, sigma, most=most, least=least, budget=budget)
    return problem, (costs, np.broadcast_to(sigma**2, (m, d)), most, least, budget)


PROBLEMS = [limited(seed, unable=seed == 2) for seed in range(3)]


@pytest.mark.parametrize("seed", range(3))
def test_alone_is_best_within_the_limits(seed):
    problem, (costs, error, most, least, budget) = limited(seed, d=4, unable=True)
    found = np.asarray(collaboration.alone_samples(problem))
    for i, row in enumerate(found):
        assert row == pytest.approx(oracle.alone(costs[i], error[i], most[i], least[i], budget[i]), rel=1e-9)
    solved = collaboration.alone(problem)
    assert int(solved.status) == Status.OK
    assert np.isinf(collaboration.alone_penalty(problem)[1])


def test_who_may_not_sample_cannot_work_alone():
    for more in ({"most": [[0.0], [5.0]]}, {"budget": [0.0, 5.0]}):
        problem = Problem([[1.0], [1.0]], 2.0, **more)
        assert collaboration.alone_penalty(problem).tolist() == [np.inf, 4.0]


@pytest.mark.long
@pytest.mark.parametrize("place", range(3))
def test_rational_and_social_optima_agree_with_another_solver(place):
    problem, (costs, error, *limits) = PROBLEMS[place]
    bounds = np.asarray(collaboration.alone_penalty(problem))
    for kind, find in (("rational", collaboration.rational_optimum), ("social", collaboration.social_optimum)):
        found = find(problem).raise_for_status()
        assert float(found.residual) < 1e-9
        assert bool(problem.capacity.allows(problem.costs, found.value).all())
        pays = np.asarray(collaboration.penalty(problem, found.value))
        assert pays.sum() == pytest.approx(oracle.division(kind, costs, error, bounds, *limits), rel=1e-6)
        if kind == "rational":
            assert np.all(pays <= bounds * (1 + 1e-9))
        else:
            assert oracle.social_conditions(costs, error, *limits, np.asarray(found.value)) < 1e-8


def alone_on_each(costs, error, most, least):
    """What each pays alone for each distribution, limits but no budgets; ∞ where she cannot."""
    able = np.isfinite(costs) & (most > 0)
    price = np.where(able, costs, 1.0)
    amounts = np.clip(np.sqrt(error / price), least, most)
    return np.where(able, error / np.where(able, amounts, 1.0) + price * amounts, np.where(error > 0, np.inf, 0.0))


LEVERAGE = [limited(seed, m=12, unable=seed % 2 == 0) for seed in range(4)]
"""Of the shape of the consortia below, so that both are certified by one compiled program."""


@pytest.fixture(scope="module")
def levers():
    """The leverage division of problems with most and least, without budgets."""
    found = []
    for problem, (costs, error, most, least, budget) in LEVERAGE:  # with ten times as many points, to be made whole
        costs, most, least = costs / 100, np.ceil(10 * most), np.floor(10 * least)
        free = Problem(costs, problem.sigma, most=most, least=least)
        found.append((free, (costs, error, most, least, 0 * budget + np.inf)))
    return [(free, data, collaboration.leverage_optimum(free).raise_for_status()) for free, data in found]


@pytest.mark.long
def test_the_leverage_division_agrees_with_another_solver(levers):
    for problem, (costs, error, most, least, budget), found in levers:
        own = alone_on_each(costs, error, most, least)
        n = np.asarray(found.value)
        spent = np.where(n > 0, np.where(n > 0, costs, 0.0) * n, 0.0)
        pays = error / n.sum(axis=0) + spent
        assert float(found.residual) < 1e-9
        assert bool(problem.capacity.allows(problem.costs, found.value).all())
        assert np.all(pays <= own * (1 + 1e-9))
        assert pays.sum() == pytest.approx(
            oracle.division("leverage", costs, error, own, most, least, budget), rel=1e-6
        )


@pytest.mark.long
def test_leverage_within_limits_is_kept_and_certified(levers):
    for problem, _, _ in levers:
        plan = collaboration.solve(problem, division="leverage").raise_for_status().value
        for carried in (plan, collaboration.integer_plan(problem, plan)):
            assert all(record.holds for record in collaboration.certify(problem, carried) if record.claimed)
        assert bool(plan.leverage)


@pytest.mark.long
def test_leverage_without_limits_that_bind_is_the_closed_form():
    free = LEVERAGE[0][0].unlimited()
    loose = Problem(free.costs, free.sigma, most=1e5)
    expected = collaboration.leverage_optimum(free).value
    np.testing.assert_allclose(collaboration.leverage_optimum(loose).value, expected, rtol=1e-14)


def test_leverage_shares_no_budget_between_distributions():
    problem, _ = LEVERAGE[0]
    for ask in (collaboration.leverage_optimum, lambda p: collaboration.divide(p, "leverage")):
        with pytest.raises(ProblemError, match=r"budget\[0\].*say most instead.*rational") as caught:
            ask(problem)
        assert "\n" not in str(caught.value)


@pytest.mark.long
def test_a_budget_for_one_distribution_is_a_most_for_leverage_and_a_traced_one_for_two_is_no_number():
    problem, _ = LEVERAGE[0]
    assert int(jax.jit(collaboration.leverage_optimum)(problem).status) == Status.NONFINITE
    single = Problem(problem.costs[:, 1:], problem.sigma[1:], budget=problem.capacity.budget)
    same = Problem(problem.costs[:, 1:], problem.sigma[1:], most=problem.capacity.budget / problem.costs[:, 1])
    one, other = (collaboration.leverage_optimum(told).value for told in (single, same))
    np.testing.assert_allclose(one, other, rtol=1e-9)


@pytest.mark.long
def test_rows_that_bind():
    """Nobody but the third can collect much, and she may not pay more than alone."""
    problem = Problem([[1.0], [1.0], [1.0]], 1.0, most=[0.1, 0.2, 5.0])
    found = collaboration.rational_optimum(problem).raise_for_status()
    total = found.value.sum()
    assert float(1 / total + found.value[2, 0]) == pytest.approx(2.0, rel=1e-12)
    assert found.value[:2, 0].tolist() == pytest.approx([0.1, 0.2], rel=1e-12)


@pytest.mark.long
def test_fair_divisions_agree_with_another_solver():
    problem, (costs, error, *limits) = PROBLEMS[0]
    bounds = np.asarray(collaboration.alone_penalty(problem))
    nash = collaboration.nash_bargaining(problem).raise_for_status()
    gains = bounds - np.asarray(collaboration.penalty(problem, nash.value))
    assert np.log(gains).sum() == pytest.approx(oracle.division("nash", costs, error, bounds, *limits), abs=1e-6)
    even = collaboration.egalitarian_bargaining(problem).raise_for_status()
    worst = float(jnp.max(collaboration.penalty(problem, even.value)))
    assert worst == pytest.approx(oracle.division("egalitarian", costs, error, bounds, *limits), rel=1e-6)


def wide(seed):
    """A problem of four agents whose costs, σ and prices are far apart, few of whose limits bind, with its numbers."""
    rng = np.random.default_rng(seed)
    costs = np.array([0.02, 0.1]) * 10 ** (rng.uniform(-1, 1, (4, 2)) * rng.choice([0.2, 1]))
    sigma, price = rng.choice([1.0, 0.3, 10.8], 2), rng.choice([1.0, 10.0, 0.1], 2)
    ideal = sigma * np.sqrt(price / costs)
    most = np.where(rng.random((4, 2)) < 0.4, rng.choice([0.1, 0.3, 0.7, 1.5], (4, 2)) * ideal, np.inf)
    money = np.sum(costs * np.minimum(ideal, most), axis=1) * rng.choice([0.4, 0.8, 1.5], 4)
    budget = np.where((rng.random(4) < 0.4) & (seed % 3 == 0), money, np.inf)
    problem = Problem(costs, sigma, price, most=most, budget=budget)
    return problem, (costs, np.broadcast_to(sigma**2 * price, (4, 2)), most, 0 * costs, budget)


@pytest.mark.long
@pytest.mark.parametrize("division", ["rational", "nash", "egalitarian", "kalai-smorodinsky"])
def test_every_division_within_limits_is_found(division):
    """More than a quarter of these Nash divisions, and one in eighteen of Kalai and Smorodinsky's, ended STALLED."""
    find = jax.jit(lambda problem: collaboration.divide(problem, division))
    problems = [wide(seed) for seed in range(60)]
    found = [find(problem) for problem, _ in problems]
    assert [int(one.status) for one in found] == [Status.OK] * 60
    if division == "nash":
        for (problem, (costs, error, *limits)), one in list(zip(problems, found, strict=True))[15:18]:
            bounds = np.asarray(collaboration.alone_penalty(problem))
            gains = bounds - np.asarray(collaboration.penalty(problem, one.value))
            best = oracle.division("nash", costs, error, bounds, *limits)
            assert np.log(gains).sum() == pytest.approx(best, abs=1e-6)


@pytest.mark.long
def test_limits_that_do_not_bind_change_nothing():
    free = PROBLEMS[0][0].unlimited()
    loose = Problem(free.costs, free.sigma, most=1e5, least=0.0, budget=1e6)
    for name in ("alone", "social", "rational", "nash", "egalitarian"):
        one, other = (collaboration.divide(problem, name).value for problem in (free, loose))
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9, err_msg=name)
    for mechanism in ("cbl", "pool"):
        one, other = (collaboration.solve(problem, mechanism=mechanism).value for problem in (free, loose))
        assert one.role.tolist() == other.role.tolist()
        for field in ("samples", "alpha", "penalty", "total"):
            np.testing.assert_allclose(getattr(one, field), getattr(other, field), rtol=1e-9, atol=1e-9)


@pytest.mark.long
def test_scaling_and_exchanging_agents():
    problem, (costs, _, most, least, budget) = PROBLEMS[1]
    n = np.asarray(collaboration.rational_optimum(problem).value)
    # points that are 4 times as precise and dear, in another currency
    scaled = Problem(12 * costs, problem.sigma * 3**0.5 / 2, most=most / 4, least=least / 4, budget=3 * budget)
    np.testing.assert_allclose(collaboration.rational_optimum(scaled).value, n / 4, rtol=1e-8, atol=1e-9)
    order = np.array([2, 0, 3, 1])
    turned = Problem(costs[order], problem.sigma, most=most[order], least=least[order], budget=budget[order])
    np.testing.assert_allclose(collaboration.rational_optimum(turned).value, n[order], rtol=1e-8, atol=1e-9)


@pytest.mark.long
def test_a_batch_is_a_loop_and_compiled_is_eager():
    problems = [problem for problem, _ in PROBLEMS[:2]]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *problems)
    batch = jax.jit(jax.vmap(collaboration.rational_optimum))(stacked)
    together = jm.batch(collaboration.rational_optimum, stacked)
    for i, problem in enumerate(problems):
        one = collaboration.rational_optimum(problem)
        np.testing.assert_allclose(batch.value[i], one.value, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(together.value[i], one.value, rtol=1e-12, atol=1e-12)


@pytest.mark.long
def test_derivatives_follow_differences():
    problem, (costs, _, most, least, budget) = PROBLEMS[0]
    rng = np.random.default_rng(0)
    given = [np.where(np.isfinite(part), part, 0.0) for part in (costs, most, least, budget)]
    away = [rng.normal(size=part.shape) * part for part in given]

    def social(step):
        moved = [jnp.asarray(part) + step * by for part, by in zip(given, away, strict=True)]
        upper = jnp.where(np.isfinite(most), moved[1], np.inf)
        limits = Problem(moved[0], problem.sigma, most=upper, least=moved[2], budget=moved[3])
        return collaboration.social_optimum(limits).value

    find = jax.jit(social)
    slope = jax.jit(lambda: jax.jvp(social, (0.0,), (1.0,))[1])()
    np.testing.assert_allclose(slope, (find(1e-6) - find(-1e-6)) / 2e-6, rtol=1e-5, atol=1e-6)


def claims_hold(problem, plan):
    assert bool(problem.capacity.allows(problem.costs, plan.samples).all())
    records = {record.claim: record for record in collaboration.certify(problem, plan)}
    assert all(record.holds for record in records.values() if record.claimed), records
    return records


def consortium(seed, **more):
    rng = np.random.default_rng(seed)
    shape = (12, 2)
    costs = np.exp(0.3 * rng.normal(size=shape))
    kinds = {
        "most": {"most": 30 * rng.uniform(0.05, 0.6, shape)},
        "budget": {"budget": 30 * rng.uniform(0.1, 0.8, 12)},
        "all": {"most": 30 * rng.uniform(0.1, 0.4, shape), "least": 2.5, "budget": 30 * rng.uniform(0.3, 0.8, 12)},
    }
    return {name: Problem(costs, 30.0, **limits, **more) for name, limits in kinds.items()}


CONSORTIA = consortium(5)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["most", "budget", "all"])
def test_plans_are_equilibria_within_the_limits(kind):
    problem = CONSORTIA[kind]
    plan = collaboration.solve(problem).raise_for_status().value
    claims_hold(problem, plan)
    names = {code: role.name.lower() for role in Role for code in [int(role)]}
    costs, samples = np.asarray(problem.costs), np.asarray(plan.samples)
    capacity = problem.capacity
    for i in range(0, 12, 4):
        best = oracle.best_by_force(
            [names[int(code)] for code in plan.role[i]],
            samples[i],
            np.asarray(plan.total),
            np.asarray(plan.alpha[i]),
            costs[i],
            np.asarray(problem.sigma) ** 2,
            samples.sum(axis=0) - samples[i],
            np.asarray(capacity.most[i]),
            np.asarray(capacity.least[i]),
            float(capacity.budget[i]),
        )
        assert best >= float(plan.penalty[i]) * (1 - 1e-6)


@pytest.mark.long
def test_the_certificate_sees_who_would_collect_other_amounts():
    problem = CONSORTIA["most"]
    plan = collaboration.solve(problem).value
    i, k = np.argwhere(np.asarray(plan.role) == Role.CHECKED)[0]
    lax = dataclasses.replace(plan, alpha=plan.alpha.at[i, k].multiply(0.5))
    records = {record.claim: record for record in collaboration.certify(problem, lax)}
    assert not records["Nash incentive compatible"].holds


@pytest.mark.long
def test_equals_with_different_limits():
    most = [3.0] * 5 + [np.inf] * 5
    problem = Problem([[1.0]] * 10, 30.0, most=most, least=[0.0] * 9 + [27.0])
    plan = collaboration.solve(problem, mechanism="c3d").raise_for_status().value
    claims_hold(problem, plan)
    assert plan.target.ravel().tolist() == pytest.approx([3.0] * 5 + [(30 * 10**0.5 - 42) / 4] * 4 + [27.0])
    assert int(plan.role[9, 0]) == Role.RECEIVES
    free = collaboration.solve(Problem([[1.0]] * 10, 30.0), mechanism="c3d").value
    loose = collaboration.solve(Problem([[1.0]] * 10, 30.0, most=100.0), mechanism="c3d").value
    np.testing.assert_allclose(free.alpha, loose.alpha, rtol=1e-9)
    with pytest.raises(ProblemError, match="budget"):
        collaboration.solve(Problem([[1.0]] * 10, 30.0, budget=3.0), mechanism="c3d")


@pytest.mark.long
def test_whole_samples_keep_within_the_limits():
    for problem in CONSORTIA.values():
        plan = collaboration.solve(problem).value
        whole = collaboration.integer_plan(problem, plan)
        assert bool(problem.capacity.allows(problem.costs, whole.plan.samples).all())
        assert np.all(whole.samples == whole.plan.samples)
        records = {record.claim: record for record in collaboration.certify(problem, whole)}
        assert records["individually rational"].holds
        assert records["penalties as promised"].holds
    assert records["Nash incentive compatible"].holds


@pytest.mark.parametrize(
    ("more", "parts"),
    [
        ({"most": [[1.0, 1.0], [-1.0, 1.0]]}, ("most[1][0] = -1.0", "0 or more")),
        ({"most": np.nan}, ("most[0][0] = nan",)),
        ({"most": [1.0, 2.0, 3.0]}, ("most = (3,)", "one per agent (2)")),
        ({"most": 1.0, "least": 2.0}, ("most[0][0] = 1.0", "at least least (2)")),
        ({"least": np.inf}, ("least[0][0] = inf", "finite")),
        ({"least": [[0.0, 0.0], [0.0, 1.0]]}, ("least[1][1] = 1.0", "cannot sample")),
        ({"least": 5.0, "budget": 1.0}, ("budget[0] = 1.0", "must be at least 1.5")),
        ({"budget": -1.0}, ("budget[0] = -1.0",)),
        ({"budget": [[1.0], [1.0]]}, ("budget = (2, 1)", "one per agent (2)")),
        ({"most": [[5.0, 0.0], [5.0, 5.0]]}, ("most[:][1] = 0.0", "somebody")),
    ],
    ids=[f"case {i}" for i in range(10)],
)
def test_limits_that_cannot_be(more, parts):
    with pytest.raises(ProblemError) as caught:
        Problem([[0.1, 0.2], [0.3, np.inf]], 10.0, **more)
    for part in parts:
        assert part in str(caught.value)


def test_traced_limits_that_contradict_each_other_fail_alone():
    @jax.jit
    def run(budget):
        return collaboration.social_optimum(Problem(np.ones((2, 1)), 1.0, least=0.5, budget=budget)).status

    assert int(run(1.0)) == Status.OK
    assert int(run(0.1)) == Status.INFEASIBLE


@pytest.mark.long
def test_bounds_that_cannot_hold_are_infeasible():
    problem, _ = PROBLEMS[0]
    alone = collaboration.alone_penalty(problem)
    assert int(collaboration.rational_optimum(problem, 0.01 * alone).status) == Status.INFEASIBLE


@pytest.mark.long
def test_what_has_no_limits_yet_says_so():
    problem, _ = PROBLEMS[0]
    with pytest.raises(ProblemError, match=r"most, least"):
        collaboration.solve(problem, estimate="steady")


@pytest.mark.long
@pytest.mark.parametrize(
    ("limits", "parts"),
    [
        ({"most": 0.5}, ("most[:][0]", "one whole sample")),
        ({"most": [[0.2], [9.0], [9.0]], "least": [[0.1], [0.0], [0.0]]}, ("most[0][0]", "must collect (1)")),
        ({"budget": [0.06, 5.0, 5.0], "least": [[0.5], [0.0], [0.0]]}, ("budget[0]", "does not pay", "0.1")),
        ({"budget": 0.09}, ("most[:][0]", "a budget pay")),
    ],
)
def test_limits_that_whole_numbers_cannot_keep(limits, parts):
    """A plan in fractions stands; its whole numbers are refused in one line instead of being none at all."""
    problem = Problem([[0.1], [0.2], [0.15]], 1.0, **limits)
    plan = collaboration.solve(problem, division="rational", mechanism="pool").value
    with pytest.raises(ProblemError) as caught:
        collaboration.integer_plan(problem, plan)
    assert all(part in str(caught.value) for part in parts), caught.value


@pytest.mark.long
@pytest.mark.parametrize("division", ["rational", "social"])
def test_equals_with_little_money_spend_all_of_it(division):
    """Ten equal agents: up to a tenth of what all would like, each budget is spent, however degenerate that is."""
    for d, share in itertools.product((1, 2), (0.02, 0.1, 0.14, 0.3)):
        budget = share * d * np.sqrt(0.02)
        problem = Problem(np.full((10, d), 0.02), 1.0, budget=budget)
        found = collaboration.divide(problem, division)
        assert int(found.status) == Status.OK
        np.testing.assert_allclose(found.value, budget / d / 0.02, rtol=1e-9)
