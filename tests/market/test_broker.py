"""The broker against the printed equations, and what contributors gain by anything else than honesty."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import market
from jaxmech.mechanism import Information, Mechanism, Statistics, Submission
from tests.market.problems import lab_market
from tests.oracles.market import settle

COSTS = (0.004, 0.006)


@pytest.fixture(scope="module")
def setting():
    problem = lab_market(COSTS)
    plan = market.solve(problem, second=3).value
    return problem, plan, market.mechanism(problem, plan)


def data(broker, generator, shift=0.0, counts=None):
    counts = np.asarray(broker.samples, int) if counts is None else counts
    return [[generator.normal(2.0 + shift * (i == 0), 1.0, size=count)] for i, count in enumerate(counts)]


@pytest.mark.parametrize("change", [(0, 0), (1, 0), (0, -1), (-2, 3)])
def test_prices_and_payments_are_those_of_the_paper(setting, change):
    problem, plan, broker = setting
    generator = np.random.default_rng(0)
    counts = np.asarray(plan.samples, int) + np.array(change)
    points = data(broker, generator, counts=counts)
    prices, payments = broker.settle(Submission.from_ragged(points))
    expected = settle(
        [row[0] for row in points], np.asarray(plan.samples), COSTS, 1.0, np.asarray(problem.counts),
        np.asarray(plan.sizes), np.asarray(plan.prices),
    )  # fmt: skip
    np.testing.assert_allclose(prices, expected[0], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(payments, expected[1], rtol=1e-10, atol=1e-12)


def test_buyers_of_nothing_are_left_out():
    """Charged zero-mean noise they would pay for nothing half of the time."""
    buyers = [market.Buyer(market.table([0.0, 0.0, 0.001]), 50), market.Buyer(market.threshold(0.2), 4)]
    problem = market.Problem([0.01, 0.02], 1.0, buyers)
    plan = market.solve(problem).value
    broker = market.mechanism(problem, plan)
    assert plan.sizes[0] == 0
    assert broker.buyers == 4
    trade = broker.trade(Submission.from_ragged(data(broker, np.random.default_rng(1))), jax.random.key(0))
    assert trade.prices[0] == 0
    assert np.isnan(trade.estimates[0])
    assert abs(float(trade.surplus)) < 1e-12 * abs(float(trade.payments.sum())) + 1e-12


@pytest.mark.long
def test_trade_on_data_sets(setting):
    _, plan, broker = setting
    points = data(broker, np.random.default_rng(2))
    everything = np.concatenate([row[0] for row in points])
    trade = broker.trade(Submission.from_ragged(points), jax.random.key(0))
    assert trade.bought.tolist() == plan.sizes.tolist()
    assert abs(float(trade.surplus)) < 1e-10
    largest = int(jnp.argmax(plan.sizes))
    assert plan.sizes[largest] == len(everything)
    assert float(trade.estimates[largest]) == pytest.approx(everything.mean())
    many = jax.vmap(lambda key: broker.trade(Submission.from_ragged(points), key).estimates)(
        jax.random.split(jax.random.key(1), 2000)
    )
    for j in range(3):  # drawn without replacement: mean and variance of a subset's mean
        m, n = float(plan.sizes[j]), len(everything)
        deviation = np.sqrt(everything.var(ddof=1) * (1 / m - 1 / n)) if m < n else 1e-12
        assert abs(float(many[:, j].mean()) - everything.mean()) <= 5 * deviation / np.sqrt(2000) + 1e-12
        assert float(many[:, j].std()) == pytest.approx(deviation, rel=0.1, abs=1e-9)


def test_nothing_submitted_means_no_trade(setting):
    _, plan, broker = setting
    counts = np.asarray(plan.samples, int) * np.array([1, 0])
    trade = broker.trade(
        Submission.from_ragged(data(broker, np.random.default_rng(3), counts=counts)), jax.random.key(0)
    )
    assert not np.any(trade.prices)
    assert not np.any(trade.payments)
    assert not np.any(trade.bought)


@pytest.mark.parametrize("wrong", [0, 1])
def test_off_the_path_the_budget_is_off_by_a_known_amount(setting, wrong):
    _, plan, broker = setting
    count = broker.samples.at[wrong].add(1)[:, None]
    prices, payments = broker.settle(Statistics(count, jnp.zeros_like(count)))
    first, second = np.asarray(plan.samples)
    expected = first * second * (COSTS[1] - COSTS[0]) / (first + second)
    surplus = float(jnp.sum(broker.counts * prices) - jnp.sum(payments))
    assert surplus == pytest.approx((-1, 1)[wrong] * expected, rel=1e-9)


def test_it_is_a_mechanism(setting):
    _, plan, broker = setting
    assert isinstance(broker, Mechanism)
    assert broker.recommended.samples[:, 0].tolist() == plan.samples.tolist()
    submission = Submission.from_ragged(data(broker, np.random.default_rng(4)))
    answer = jax.jit(broker.respond)(submission, jax.random.key(0))
    assert isinstance(answer, Information)
    assert not np.any(answer.clean_count)
    assert not np.any(answer.noisy_count)
    np.testing.assert_allclose(answer.payment, broker.settle(submission)[1], rtol=1e-12)
    np.testing.assert_allclose(broker.respond(submission.statistics, jax.random.key(0)).payment, answer.payment)


@pytest.mark.parametrize("costs", [COSTS, (0.004, 0.004, 0.004)])
def test_expected_payments_and_prices(costs):
    """Monte Carlo: prices average to the envy-free ones, payments to costs and a share of the profit."""
    problem = lab_market(costs)
    plan = market.solve(problem, second=1).value
    prices, payments = market.simulate(problem, plan, jax.random.key(0), 100_000)
    share = np.asarray(plan.samples) / float(plan.total)
    expected = float(plan.profit) * share + np.asarray(costs) * np.asarray(plan.samples)
    for found, mean in ((prices, np.asarray(plan.prices)), (payments, expected)):
        error = found.std(axis=0) / np.sqrt(len(found))
        assert np.all(np.abs(found.mean(axis=0) - mean) <= 5 * error + 1e-12)
    balance = prices @ np.asarray(problem.counts) - payments.sum(axis=1)
    assert np.abs(balance).max() <= 1e-12 * np.abs(payments).sum(axis=1).max()


def test_utility_by_amount_collected_is_that_of_a_simulation(setting):
    """She collects n points and submits N_i copies of their mean; the others comply."""
    _, plan, broker = setting
    generator = np.random.default_rng(5)
    runs = 40_000
    for who, n in ((0, float(plan.samples[0]) / 2), (1, 7.0), (1, 3.0)):
        means = generator.standard_normal((runs, 2)) / np.sqrt(np.asarray(plan.samples))
        means[:, who] = generator.standard_normal(runs) / np.sqrt(n)
        pay = jax.vmap(lambda mean: broker.settle(Statistics(broker.samples[:, None], mean[:, None]))[1])
        gains = np.asarray(pay(jnp.asarray(means)))[:, who] - COSTS[who] * n
        samples = broker.samples.at[who].set(n)
        expected = float(market.contributor_utility(broker, samples)[who])
        assert abs(gains.mean() - expected) <= 5 * gains.std() / np.sqrt(runs)


def test_honesty_is_the_best_amount(setting):
    _, _, broker = setting
    honest = market.contributor_utility(broker, broker.samples)
    for factor in (0.1, 0.5, 0.99, 1.01, 2.0, 30.0):
        assert np.all(market.contributor_utility(broker, factor * broker.samples) < honest)
    np.testing.assert_allclose(honest, -broker.guarantee(broker.stakes).promised, rtol=1e-12)
    slope = jax.jacfwd(lambda n: market.contributor_utility(broker, n))(broker.samples)
    np.testing.assert_allclose(slope, 0, atol=1e-12)
    assert market.contributor_utility(broker, 0 * broker.samples).tolist() == [-np.inf, -np.inf]


def test_who_is_not_asked_gains_nothing():
    problem = lab_market((0.004, 0.006, 0.007))
    broker = market.mechanism(problem, market.solve(problem).value)
    assert broker.samples[2] == 0
    assert market.contributor_utility(broker, jnp.array([1.0, 1.0, 5.0]))[2] == pytest.approx(-0.035)
    count = broker.samples.at[2].set(4.0)[:, None]
    payment = broker.settle(Statistics(count, jnp.ones_like(count)))[1]
    assert payment[2] == 0


def test_who_would_lose_leaves():
    """A broker who pays less than points cost: what is proven allows for leaving, which is free."""
    broker = market.Broker(*map(jnp.array, ([2.0, 3.0], [1.0, 2.0], [5.0], [0.5], [1.0], 1.0)))
    known = broker.guarantee(broker.stakes)
    loss = 7.5 * np.array([0.4, 0.6])  # −W N_i/N with W = 0.5 − 8
    np.testing.assert_allclose(known.promised, loss, rtol=1e-12)
    np.testing.assert_allclose(known.regret, loss, rtol=1e-12)
    assert known.samples.tolist() == [[0.0], [0.0]]
    for i in range(2):
        count = broker.samples.at[i].set(0.0)[:, None]
        gone = broker.settle(Statistics(count, jnp.zeros_like(count)))[1]
        assert -float(gone[i]) == float(known.least[i]) == 0.0


@pytest.mark.long
def test_guarantee_holds_for_its_own_stakes_only(setting):
    _, _, broker = setting
    assert broker.guarantee(broker.stakes).regret.tolist() == [0.0, 0.0]
    cheaper = jax.tree.map(lambda leaf: leaf, broker.stakes)
    cheaper = type(cheaper)(cheaper.costs * 0.9, cheaper.sigma, cheaper.price)
    assert np.all(np.isinf(broker.guarantee(cheaper).regret))
