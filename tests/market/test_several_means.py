"""A point that measures several means: against data sets drawn row by row, one mean, and rules written down here."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chi2

from jaxmech import ProblemError, deviation, market
from jaxmech.market import Buyer
from jaxmech.mechanism import Statistics, Submission
from tests.oracles.market import value_by_integral

SIGMA = np.array([1.0, 12.0, 0.5])
SCALE, VALUE = [0.2, 3.0, 0.05], [0.5, 0.3, 0.2]
COSTS = [0.01, 0.015]
BUYERS = [
    Buyer(market.exponential(SCALE, VALUE), 10, "insurer"),
    Buyer(market.threshold(0.3, [0.9, 0.0, 0.0]), 2, "start-up"),
    Buyer(market.table([0.0, 0.05, 0.1]), 3, "library"),
]
CORRELATED = np.array([[1.0, 0.6, -0.3], [0.6, 1.0, 0.2], [-0.3, 0.2, 1.0]])


@pytest.fixture(scope="module")
def solved():
    problem = market.Problem(COSTS, SIGMA, BUYERS)
    return problem, market.solve(problem, second=2).value


@pytest.fixture(scope="module")
def runs(solved):
    """Contributors' means in many runs of whole points with correlated numbers, far from 0, and what is settled."""
    problem, plan = solved
    rng, broker = np.random.default_rng(0), market.mechanism(problem, plan)
    root = np.linalg.cholesky(CORRELATED)
    means = np.stack([
        (rng.standard_normal((2000, int(n), 3)) @ root.T * SIGMA + 5.0).mean(axis=1) for n in plan.samples
    ], axis=1)  # fmt: skip
    count = jnp.broadcast_to(plan.samples[:, None], (2, 3))
    prices, payments = jax.vmap(lambda mean: broker.settle(Statistics(count, mean)))(jnp.asarray(means))
    return means, np.asarray(prices), np.asarray(payments)


def within(found, expected, errors=4):
    """Whether averages over runs are as expected."""
    return np.all(np.abs(found.mean(axis=0) - expected) < errors * found.std(axis=0) / len(found) ** 0.5 + 1e-12)


@pytest.mark.parametrize("kind", ["exponential", "threshold", "linear"])
def test_values_of_means_add_up(kind):
    problem = market.Problem(COSTS, SIGMA, [Buyer(getattr(market, kind)(SCALE, VALUE))])
    found = np.asarray(problem.values(jnp.array([0, 1, 30])))[0]
    parts = [
        [value_by_integral(kind, *part, sigma, m) for part, sigma in zip(zip(SCALE, VALUE, strict=True), SIGMA.tolist(),
                                                                          strict=True)]
        for m in (1, 30)
    ]  # fmt: skip
    assert found == pytest.approx([0.0, *np.sum(parts, axis=1)], abs=1e-12)


@pytest.mark.long
def test_the_plan_is_that_of_one_mean_with_the_same_values(solved):
    problem, plan = solved
    sizes = jnp.arange(600)
    alike = [Buyer(market.table(row), int(n)) for row, n in zip(problem.values(sizes), problem.counts, strict=True)]
    other = market.solve(market.Problem(COSTS, 1.0, alike), second=2).value
    assert plan.samples.tolist() == other.samples.tolist()
    assert plan.sizes.tolist() == other.sizes.tolist()
    assert np.asarray(plan.prices) == pytest.approx(np.asarray(other.prices), rel=1e-12)


@pytest.mark.long
def test_equal_means_are_one_mean_but_for_what_varies():
    one = market.Problem(COSTS, 2.0, [Buyer(market.linear(0.9, 0.8), 9), Buyer(market.exponential(2.0, 0.3), 4)])
    four = market.Problem(COSTS, [2.0] * 4, [Buyer(market.linear(0.9, 0.8), 9), Buyer(market.exponential(2.0, 0.3), 4)])
    plans = [market.solve(problem).value for problem in (one, four)]
    for key in ("samples", "sizes", "prices", "profit", "optimum"):
        assert np.asarray(getattr(plans[0], key)) == pytest.approx(np.asarray(getattr(plans[1], key)), rel=1e-12)
    alone, several = (market.spread(problem, plan) for problem, plan in zip((one, four), plans, strict=True))
    assert several.price_deviation == pytest.approx(alone.price_deviation / 2)
    assert several.payment_deviation == pytest.approx(alone.payment_deviation / 2)
    curves = [market.frontier(problem, plan) for problem, plan in zip((one, four), plans, strict=True)]
    assert curves[1].price_deviation == pytest.approx(curves[0].price_deviation / 2)
    bound = {"price_deviation": 2.0}
    assert market.second_within(curves[1], bound) < market.second_within(curves[0], bound)


def test_payments_are_the_average_of_squared_discrepancies(solved, runs):
    problem, plan = solved
    means, prices, payments = runs
    n, costs = np.asarray(plan.samples), np.asarray(COSTS)
    squared = np.mean(((means[:, 0] - means[:, 1]) / SIGMA) ** 2, axis=1)[:, None]
    factor, profit = costs * n**2, float(plan.revenue) - costs @ n
    expected = profit * n / n.sum() + costs * n + factor * (1 / n[0] + 1 / n[1] - squared)
    assert payments == pytest.approx(expected, rel=1e-9)
    assert prices @ np.asarray(problem.counts) == pytest.approx(payments.sum(axis=1), rel=1e-9)


def test_averages_are_as_promised_whatever_the_correlation(solved, runs):
    problem, plan = solved
    _, prices, payments = runs
    assert within(prices, np.asarray(plan.prices))
    assert within(payments, np.asarray(market.spread(problem, plan).payment))


def test_deviations_and_chances_are_those_of_chi_squares(solved):
    problem, plan = solved
    found = market.spread(problem, plan)
    noise = (np.asarray(COSTS) * np.asarray(plan.samples) ** 2) * np.sum(1 / np.asarray(plan.samples))
    assert found.payment_deviation == pytest.approx(np.sqrt(2 / 3) * noise)
    beyond = chi2.sf(3 * (1 + found.payment / noise), 3)
    assert found.negative_payment == pytest.approx(beyond, rel=1e-9)
    prices, _ = market.simulate(problem, plan, jax.random.key(1), 20_000)
    assert prices.std(axis=0) == pytest.approx(found.price_deviation, rel=0.03)
    assert (prices < 0).mean(axis=0) == pytest.approx(found.negative_price, abs=4 * 0.5 / 20_000**0.5)
    curve = market.frontier(problem, plan)
    assert curve.price_deviation[1] == pytest.approx(found.price_deviation[0])
    assert curve.negative_price[1] == pytest.approx(found.negative_price.max(), rel=1e-6)


def test_three_contributors_whose_chances_are_simulated():
    problem = market.Problem([0.01, 0.01, 0.01], SIGMA, BUYERS[:1])
    plan = market.solve(problem).value
    plan = plan.__class__(**{**vars(plan), "samples": plan.samples + jnp.array([2.0, -2.0, 0.0])})  # no formula
    found = market.spread(problem, plan)
    assert found.standard_error > 0
    prices, _ = market.simulate(problem, plan, jax.random.key(2), 40_000)
    assert (prices < 0).mean(axis=0) == pytest.approx(found.negative_price, abs=5 * float(found.standard_error) + 0.008)


@pytest.mark.long
def test_certificates_hold_and_a_search_finds_nothing(solved):
    problem, plan = solved
    few = deviation.SearchSettings(steps=30, polish_steps=10, batches=4, batch=4096)
    audits = market.certify(problem, plan, search=jax.random.key(0), settings=few)
    assert all(audit.holds for audit in audits if audit.claimed), [audit for audit in audits if audit.claimed]
    assert "no profitable deviation found" in [audit.claim for audit in audits]
    examined = market.examine(problem, plan)
    assert examined.found.tolist() == [0.0] * 5
    assert examined.bound[:2].tolist() == [0.0, 0.0]


def test_a_wrong_number_in_one_mean_is_a_wrong_number(solved):
    problem, plan = solved
    broker = market.mechanism(problem, plan)
    count = jnp.broadcast_to(plan.samples[:, None], (2, 3))
    zero = jnp.zeros((2, 3))
    right = broker.settle(Statistics(count, zero))[1]
    short = broker.settle(Statistics(count.at[0, 2].add(-1), zero))[1]
    assert short[0] == 0 < right[0]
    assert short[1] == right[1]
    assert broker.settle(Statistics(count.at[0, 1].set(0), zero))[1].tolist() == [0.0, 0.0]


def drawn(problem, plan, act, distances, runs, seed=0):
    """Values, prices and her payment where a contributor misreports, by data sets; true means are 0."""
    rng = np.random.default_rng(seed)
    n, sizes = np.asarray(plan.samples, int), np.asarray(plan.sizes, int)
    broker, worth, means = market.mechanism(problem, plan), [], []
    for _ in range(runs):
        data = [rng.standard_normal((int(m), 3)) * SIGMA for m in n]
        kept = rng.standard_normal((act.collected, 3)).mean(axis=0) if act.collected else np.zeros(3)
        residuals = rng.standard_normal((act.submitted, 3))
        data[act.contributor] = (
            kept + act.shift + np.asarray(distances) + act.scatter * (residuals - residuals.mean(axis=0))
        ) * SIGMA
        points = np.concatenate(data)
        errors = [abs(points[rng.permutation(len(points))[:size]].mean(axis=0)) for size in sizes[:2]]
        worth.append([
            float(np.sum(np.array(VALUE) * np.exp(-errors[0] / SCALE))), 0.9 * float(errors[1][0] <= 0.3),
        ])  # fmt: skip
        means.append([part.mean(axis=0) for part in data])
    count = jnp.asarray([[act.submitted if i == act.contributor else m] * 3 for i, m in enumerate(n)], float)
    prices, paid = jax.vmap(lambda mean: broker.settle(Statistics(count, mean)))(jnp.asarray(means))
    return np.array(worth), np.asarray(prices), np.asarray(paid)[:, act.contributor]


@pytest.mark.parametrize(
    "act",
    [market.Misreport(0, 1, 80, scatter=0.5), market.Misreport(1, 2, 2, shift=1.0), market.Misreport(0, 40, 90)],
)
def test_misreports_do_what_they_do_on_data_sets(solved, act):
    problem, plan = solved
    found = market.misreported(problem, plan, act)
    worth, prices, paid = drawn(problem, plan, act, np.zeros(3), 800)
    assert np.all(np.abs(worth.mean(axis=0) - found.value[:2]) < 4 * worth.std(axis=0) / 800**0.5 + 5 / 800)
    assert within(prices, found.price)
    assert within(paid, found.gain + COSTS[act.contributor] * act.collected)


def test_the_worst_true_means_need_not_be_alike(solved):
    """Who makes everything up is off by another distance in each mean: nothing found by trying is worse."""
    problem, plan = solved
    act = market.Misreport(1, 0, int(plan.samples[1]))
    found = market.misreported(problem, plan, act)
    least = np.inf
    for distances in ([0.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.0, 1.0, 2.0], [3.0, 0.0, 0.0]):
        worth, prices, _ = drawn(problem, plan, act, distances, 200)
        left = worth[:, 0] - prices[:, 0]
        assert left.mean() > found.together[0] - 4 * left.std() / 200**0.5
        assert worth[:, 0].mean() > found.value[0] - 4 * worth[:, 0].std() / 200**0.5
        least = min(least, left.mean())
    assert found.together[0] <= least + 0.05


def test_the_market_is_played_with_all_its_means(solved):
    problem, plan = solved
    played = market.play(problem, plan, jax.random.key(3), 4000)
    rows = {(row.agent, row.quantity): row for row in played.quantities}
    for k, sigma in enumerate(SIGMA.tolist()):
        row = rows["insurer", f"error of mean {k + 1}"]
        assert row.promised == pytest.approx(sigma * np.sqrt(2 / (np.pi * float(plan.sizes[0]))))
    for row in rows.values():
        assert abs(row.realised - row.promised) < 4.5 * row.standard_error + 1e-9, row
    rng = np.random.default_rng(1)
    people = deviation.Empirical.of(rng.standard_normal((500, 3)) * SIGMA + [1.0, 50.0, 3.0], "people")
    played = market.play(problem, plan, jax.random.key(4), 300, people)
    for row in played.quantities:
        assert abs(row.realised - row.promised) < 4.5 * row.standard_error + 0.1 * abs(row.promised), row


def test_measurements_of_other_means_are_refused(solved):
    people = deviation.Empirical.of(np.random.default_rng(0).standard_normal((50, 2)), "people")
    with pytest.raises(ProblemError, match=r"people = '?2 columns'?: must have a column for each mean .* 3"):
        market.play(*solved, jax.random.key(0), 10, people)


def test_a_buyer_gets_whole_points(solved):
    problem, plan = solved
    broker = market.mechanism(problem, plan)
    ramps = [np.arange(int(n)) + 1000.0 * i for i, n in enumerate(plan.samples)]
    data = Submission.from_ragged([[ramp, 2 * ramp, 5 * ramp] for ramp in ramps])
    trade = broker.trade(data, jax.random.key(0))
    assert trade.estimates.shape == (3, 3)
    assert np.asarray(trade.estimates) == pytest.approx(np.outer(trade.estimates[:, 0], [1, 2, 5]), nan_ok=True)


@pytest.mark.long
def test_compiles_batches_and_differentiates():
    def profit(sigma):
        return market.solve(market.Problem(COSTS, sigma, BUYERS[:2]), sizes=range(160)).value.profit

    table = jnp.asarray([SIGMA, 1.3 * SIGMA])
    found, slopes = jax.jit(jax.vmap(jax.value_and_grad(profit)))(table)
    assert np.asarray(found) == pytest.approx([float(profit(row)) for row in table], rel=1e-12)
    slope = np.asarray(slopes[0])
    step = 1e-5 * SIGMA
    for k in range(3):
        moved = [float(profit(table[0] + sign * jnp.eye(3)[k] * step)) for sign in (1, -1)]
        assert slope[k] == pytest.approx((moved[0] - moved[1]) / (2 * step[k]), rel=1e-5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: market.Problem([0.1], [1.0, 2.0], BUYERS), ("a list of 3", "each of 2 means")),
        (lambda: market.Problem([0.1], 1.0, BUYERS[:1]), ("a list of 3", "must be a number")),
        (lambda: market.Problem([0.1], [1.0, 2.0], [Buyer(market.by_error(jnp.exp))]), ("by_error", "one error")),
        (lambda: market.exponential([0.1, 0.2], [0.3, 0.3, 0.3]), ("value", "a list of 3", "2")),
        (lambda: market.exponential([0.1, -0.2]), ("scale[1]", "-0.2", "positive")),
        (lambda: market.exponential(0.1, [0.5, 0.6]), ("value", "add up", "(0, 1]")),
        (lambda: market.exponential(0.1, [0.0, 0.0]), ("value", "add up", "(0, 1]")),
        (lambda: market.exponential(0.1, [0.5, -0.1]), ("value[1]", "-0.1", "negative")),
    ],
)
def test_bad_input(make, words):
    with pytest.raises(ProblemError) as error:
        make()
    assert "\n" not in str(error.value)
    assert all(word in str(error.value) for word in words), str(error.value)
