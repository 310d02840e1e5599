"""Agents to whom accuracy is worth different amounts, 0 included: everything against cvxpy and against equal prices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmech as jm
from jaxmech import audit, collaboration, deviation
from jaxmech.collaboration import Problem, Role
from jaxmech.mechanism import Stakes
from tests.oracles import units

pytestmark = pytest.mark.usefixtures("compile_quickly")

COSTS = np.array([[0.3, 1.1], [0.9, 0.2], [0.5, 0.7], [0.6, 0.4]])
SIGMA = np.array([[1.0, 3.0], [0.5, 2.0], [2.0, 2.5], [1.0, 1.0]])
WORTH = np.array([[1.0, 0.4], [2.0, 1.0], [0.7, 3.0], [1.5, 0.8]])
NEEDLESS = np.where(np.eye(4, 2, 0, dtype=bool) | np.eye(4, 2, -2, dtype=bool), 0.0, WORTH)
NOBODY = np.stack([WORTH[:, 0], np.zeros(4)], axis=1)
WORTHLESS = np.where(np.arange(4)[:, None] == 1, 0.0, WORTH)
PRICES = {"all": WORTH, "not needed": NEEDLESS, "a test that nobody wants": NOBODY, "who wants nothing": WORTHLESS}
DIVISIONS = ("social", "rational", "leverage", "egalitarian", "nash")


@pytest.mark.parametrize("division", DIVISIONS)
@pytest.mark.parametrize("name", PRICES)
def test_divisions_are_those_of_cvxpy(division, name):
    price = PRICES[name]
    problem = Problem(COSTS, SIGMA, price)
    found = collaboration.divide(problem, division)
    assert int(found.status) == 0
    ours, theirs = np.asarray(found.value), units.solve(division, COSTS, SIGMA, price)
    paid, others = (units.penalties(samples, COSTS, SIGMA, price) for samples in (ours, theirs))
    np.testing.assert_allclose(collaboration.penalty(problem, ours), paid, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(
        *(units.worth_of(division, one, COSTS, SIGMA, price) for one in (paid, others)), rtol=1e-6, atol=1e-8
    )
    assert (ours[:, price.max(axis=0) == 0] == 0).all()
    if division in ("rational", "leverage", "nash"):
        own = units.alone(COSTS, SIGMA, price)
        assert (paid <= own * (1 + 1e-9)).all()
        np.testing.assert_allclose(collaboration.alone_penalty(problem), own, rtol=1e-12)


def wide(seed):
    """Costs, σ and prices that are far apart."""
    rng = np.random.default_rng(seed)
    costs = np.array([0.02, 0.1]) * 10 ** (rng.uniform(-1, 1, (4, 2)) * rng.choice([0.2, 1]))
    price = rng.choice([1.0, 10.0, 0.1], 2) * rng.choice([0.3, 1, 3], (4, 2))
    return costs, np.broadcast_to(rng.choice([1.0, 0.3, 10.8], 2), (4, 2)), np.where(rng.random((4, 2)) < 0.1, 0, price)


@pytest.mark.long
def test_every_egalitarian_division_is_found():
    """Near the end all slacks vanish together, and more than a quarter of these ended STALLED."""
    find = jax.jit(collaboration.egalitarian_bargaining)
    numbers = [wide(seed) for seed in range(60)]
    found = [find(Problem(costs, sigma[0], price)) for costs, sigma, price in numbers]
    assert [int(one.status) for one in found] == [0] * 60
    for (costs, sigma, price), one in list(zip(numbers, found, strict=True))[:3]:
        other = units.solve("egalitarian", costs, sigma, price)
        ours, theirs = (units.penalties(np.asarray(n), costs, sigma, price).max() for n in (one.value, other))
        assert ours == pytest.approx(theirs, rel=1e-6)


@pytest.mark.long
def test_equal_prices_in_a_table_are_a_row():
    row = np.array([1.0, 2.0])
    problem, alike = Problem(COSTS, SIGMA, np.tile(row, (4, 1))), Problem(COSTS, SIGMA, row)
    for division in ("social", "leverage"):  # of the others one step of their method is compared
        one, other = (collaboration.divide(each, division).value for each in (problem, alike))
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    plan, same = (collaboration.solve(each, division="leverage").value for each in (problem, alike))
    for said in (collaboration.account, collaboration.temptation):
        for one, other in zip(*map(jax.tree.leaves, (said(problem, plan), said(alike, same))), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    audits = [
        [(one.claim, one.holds, one.claimed) for one in said]
        for said in map(collaboration.certify, (problem, alike), (plan, same))
    ]
    assert audits[0] == audits[1]


@pytest.mark.long
def test_who_needs_nothing_of_it_is_asked_for_nothing_and_gets_it():
    """An equilibrium by theorem: no amount is better for anybody; the three roles and whole samples too."""
    problem = Problem(COSTS, SIGMA, NEEDLESS)
    idle = NEEDLESS == 0
    for division in ("leverage", "rational"):
        plan = collaboration.solve(problem, division=division).raise_for_status().value
        assert (np.asarray(plan.samples)[idle] == 0).all()
        assert (np.asarray(plan.role)[idle] == Role.RECEIVES).all()
        whole = collaboration.integer_plan(problem, plan)
        assert (np.asarray(whole.plan.samples)[idle] == 0).all()
        assert (np.asarray(whole.alone_samples)[idle] == 0).all()
        for one in (plan, whole):
            assert all(record.holds for record in collaboration.certify(problem, one) if record.claimed)
    told = collaboration.account(problem, plan)
    assert (np.asarray(told.error)[idle] == 0).all()
    # she gets all that the others have measured, as precisely as everybody who does
    precision = (np.asarray(plan.samples) / SIGMA**2).sum(axis=0)
    np.testing.assert_allclose(np.asarray(told.standard_error)[idle], np.broadcast_to(precision**-0.5, (4, 2))[idle])
    assert np.isfinite(collaboration.pivotal(problem, plan).short).all()


@pytest.fixture(scope="module")
def checked():
    """Nineteen agents who are checked, one who wants nothing, their plan and its mechanism."""
    price = np.append(np.resize([1.0, 1.2, 0.9], 19), 0.0)[:, None]
    problem = Problem(np.full((20, 1), 0.002), 1.0, price)
    plan = collaboration.cbl_plan(problem, jnp.where(price > 0, 5.0, 0.0)).value
    assert (np.asarray(plan.role)[:19] == Role.CHECKED).all()
    return problem, plan, collaboration.mechanism(problem, plan)


@pytest.mark.long
def test_promises_are_kept(checked):
    problem, plan, machine = checked
    exact = deviation.simulate(machine, problem, None, jax.random.key(0), replications=20_000)
    np.testing.assert_allclose(exact.penalty, plan.penalty, rtol=2e-3, atol=1e-9)


@pytest.mark.slow
def test_no_search_finds_more_than_is_proven(checked):
    problem, plan, machine = checked
    quick = deviation.SearchSettings(draws=16, steps=2, polish_draws=16, polish_steps=2, batches=4, batch=64)
    found = audit.examine(machine, problem, agents=[2], settings=quick)
    assert next(one for one in found.audits if one.claim == "Nash incentive compatible").holds
    np.testing.assert_allclose(found.promised, plan.penalty[2:3], rtol=1e-9)


def test_own_choices_rest_on_cost_over_worth():
    """κ = c n*²/(wσ²): her cost and her price times the same number change nothing that she is asked for."""
    costs, price = np.full((20, 1), 1.0), np.ones((20, 1))
    plan = collaboration.cbl_plan(Problem(costs, 1.0, price), jnp.full((20, 1), 20**-0.5)).value
    factor = np.where(np.arange(20) < 10, 1.0, 3.0)[:, None]
    # her own penalty is in another unit, and nothing else
    scaled = collaboration.cbl_plan(Problem(costs * factor, 1.0, price * factor), jnp.full((20, 1), 20**-0.5)).value
    np.testing.assert_allclose(scaled.alpha, plan.alpha, rtol=1e-12)
    np.testing.assert_allclose(scaled.samples, plan.samples, rtol=1e-12)
    np.testing.assert_allclose(scaled.penalty, plan.penalty * factor[:, 0], rtol=1e-12)


@pytest.mark.long
def test_no_root_of_m_is_claimed_without_equal_prices():
    """Section 10: w = c = (1000, 1, …, 1), eleven agents: far above √11."""
    worth = np.where(np.arange(11) == 0, 1000.0, 1.0)[:, None]
    problem = Problem(worth, 1.0, worth)
    plan = collaboration.solve(problem, division="social").value
    assert not bool(plan.leverage)
    found = collaboration.efficiency(problem, plan)
    assert found.ratio > 11**0.5
    assert found.bound == np.inf
    assert "efficient" not in {one.claim for one in collaboration.certify(problem, plan)}
    assert collaboration.mechanism(problem, plan).target(Stakes.of(problem)) is None


@pytest.mark.long
def test_slopes_in_every_price_are_finite_differences():
    """Of a rational optimum whose rows bind, by the implicit function rule of the interior point."""
    costs = COSTS * np.array([[0.5], [1.0], [1.0], [2.0]])

    def numbers(price):
        found = collaboration.rational_optimum(Problem(costs, SIGMA, price), bounds=BOUNDS)
        return jnp.sum(found.value * jnp.arange(1.0, 9.0).reshape(4, 2))

    slope = jax.grad(numbers)(jnp.asarray(WORTH))
    for place in [(0, 0), (1, 1), (2, 1), (3, 0)]:
        step = np.zeros(WORTH.shape)
        step[place] = 1e-5
        expected = (numbers(WORTH + step) - numbers(WORTH - step)) / 2e-5
        np.testing.assert_allclose(slope[place], expected, rtol=1e-5, atol=1e-6)


BOUNDS = np.array([1.9, 2.4, 4.5, 3.0])


def test_batches_are_loops():
    many = Problem.unchecked(jnp.stack([COSTS] * 2), jnp.stack([SIGMA] * 2), jnp.stack([WORTH, NEEDLESS]))
    found = jm.batch(collaboration.leverage_optimum, many)
    for i, price in enumerate((WORTH, NEEDLESS)):
        expected = collaboration.leverage_optimum(Problem(COSTS, SIGMA, price)).value
        np.testing.assert_allclose(found.value[i], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("price", "where"),
    [
        (np.ones((3, 2)), "price = (3, 2)"),
        (-WORTH, "price[0][0]"),
        (WORTH * np.inf, "price[0][0]"),
        (0.0, "price"),
        (0 * WORTH, "price = 'a table of zeros'"),
    ],
)
def test_what_is_no_table_of_prices_is_refused(price, where):
    with pytest.raises(jm.ProblemError, match="must be") as refused:
        Problem(COSTS, SIGMA, price)
    assert where in str(refused.value)


def test_what_needs_equal_prices_says_so():
    problem = Problem(COSTS, 1.0, WORTH)
    machine = collaboration.mechanism(problem, collaboration.solve(problem, division="leverage").value)
    people = deviation.Normal(jnp.zeros(2), jnp.ones(2))
    for refused in (
        lambda: collaboration.solve(problem, division="kalai-smorodinsky"),
        lambda: collaboration.solve(problem, mechanism="c3d"),
        lambda: collaboration.price_of_standard_error(problem, 1.0),
        lambda: deviation.robustness(machine, problem, people, 0, jax.random.key(0), 1000),
    ):
        with pytest.raises(jm.ProblemError, match=r"^price = 'a table by agent': must be one number"):
            refused()


@pytest.mark.parametrize("rule", [{"estimate": "steady"}, {"calibrated": True}])
def test_who_wants_nothing_saves_nothing_under_other_rules(rule):
    problem = Problem([[0.001]] * 10, 1.0, [[0.0], *[[1.0]] * 9])
    plan = collaboration.solve(problem, **rule).raise_for_status().value
    assert (plan.role == Role.CHECKED).any()
    assert plan.penalty[0] == 0
    for record in collaboration.certify(problem, plan):
        assert record.holds or not record.claimed, record
        assert not np.isinf(record.margin), record
        assert "inf" not in record.witness, record


@pytest.mark.long
def test_nobody_who_wants_it_can_be_asked():
    """She alone could sample it, and may not lose: there is no such division; where others can, there is."""
    costs = np.where(np.arange(4)[:, None] * np.ones(2) == 1, COSTS, [[0.5, np.inf]])
    found = collaboration.rational_optimum(Problem(costs, 1.0, WORTHLESS))
    assert found.status == jm.Status.INFEASIBLE
    assert np.isnan(np.asarray(found.value)).all()
