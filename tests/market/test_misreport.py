"""Buyers' values and prices under misreports, against a market that is played point by point."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from jaxmech import ProblemError, market
from tests.market.problems import lab_market, with_tables
from tests.oracles.market import settle, value_of_error

KINDS = {"lab": ("exponential", 0.5, 0.3), "authority": ("threshold", 0.15, 0.9), "office": ("linear", 0.4, 0.6)}
RUNS = 600
RARE = 5 / RUNS  # what may not have been seen


@pytest.fixture(scope="module")
def solved():
    problem = lab_market((0.02, 0.03))
    return problem, market.solve(problem, second=4).value


@pytest.mark.parametrize("kind", market.KINDS[:3])
@pytest.mark.parametrize(("bias", "spread"), [(0.0, 0.2), (0.3, 0.1), (-2.0, 0.5), (0.4, 1e-8), (30.0, 2.0)])
def test_worth_of_a_biased_estimate_is_its_integral(kind, bias, spread):
    valuation = getattr(market, kind)(0.4, 0.7)
    found = float(valuation.of_estimate(bias, spread))
    points = sorted({(edge - bias) / spread for edge in (-0.4, 0.0, 0.4)})
    inner = [z for z in points if abs(z) < 10]

    def density(z):
        return float(value_of_error(kind, 0.4, 0.7, abs(bias + spread * z))) * norm.pdf(z)

    expected, _ = quad(density, -10, 10, points=inner or None, limit=200)
    assert found == pytest.approx(expected, abs=1e-7)


def test_a_function_of_the_error_is_integrated():
    bell = market.by_error(lambda error: jnp.exp(-(error**2)))
    found = float(bell.of_estimate(0.7, 0.5))
    assert found == pytest.approx(np.exp(-(0.7**2) / 1.5) / np.sqrt(1.5), abs=1e-9)
    assert np.isnan(float(market.table([0.0, 1.0]).of_estimate(0.0, 1.0)))


def play(problem, plan, act, distance, seed=0):
    """Values and prices of buyers, and payments, by the paper's rules on data sets; the true mean is 0."""
    rng = np.random.default_rng(seed)
    samples, sizes = np.asarray(plan.samples, int), np.asarray(plan.sizes, int)
    rules = (samples, np.asarray(problem.contributor_costs), 1.0, np.asarray(problem.counts), sizes, plan.prices)
    worth, prices, paid = [], [], []
    for _ in range(RUNS):
        data = [rng.normal(size=n) for n in samples]
        mean = rng.normal(size=act.collected).mean() if act.collected else 0.0
        residuals = rng.normal(size=act.submitted)
        data[act.contributor] = mean + act.shift + distance + act.scatter * (residuals - residuals.mean())
        price, payment = settle(data, *rules)
        points = np.concatenate(data)
        taken = [rng.choice(points, min(size, len(points)), replace=False).mean() for size in sizes]
        worth.append(
            [float(value_of_error(*KINDS[name], abs(e))) for name, e in zip(problem.buyers, taken, strict=True)]
        )
        prices.append(np.asarray(price))
        paid.append(payment[act.contributor])
    return np.array(worth), np.array(prices), np.array(paid)


@pytest.mark.long
@pytest.mark.parametrize(("contributor", "which"), [(0, 0), (0, 1), (1, 2), (1, 3), (1, 4)])
def test_a_market_played_point_by_point_agrees(solved, contributor, which):
    problem, plan = solved
    act = [a for a in market.misreports(market.mechanism(problem, plan), contributor) if a.collected][which]
    found = market.misreported(problem, plan, act)
    worth, prices, paid = play(problem, plan, act, 0.0)
    spent = float(problem.contributor_costs[contributor]) * act.collected
    together = worth - prices
    for told, runs in ((found.value, worth), (found.price, prices), (found.together, together)):
        assert np.all(np.abs(runs.mean(axis=0) - told) < 5 * runs.std(axis=0) / np.sqrt(RUNS) + RARE)
    assert found.gain == pytest.approx(paid.mean() - spent, abs=5 * paid.std() / np.sqrt(RUNS))
    np.testing.assert_allclose(found.utility, found.value - found.price)
    np.testing.assert_allclose(found.together, found.utility, atol=1e-9)  # nothing depends on the true mean


@pytest.mark.parametrize("which", range(5))
def test_runs_of_a_market_have_the_averages_of_the_closed_form(solved, which):
    """What :func:`play` draws by means and counts, and what certificates integrate, share the broker's rule only."""
    problem, plan = solved
    act = [a for a in market.misreports(market.mechanism(problem, plan), 1) if a.collected][which]
    known = market.misreported(problem, plan, act)
    ran = market.play(problem, plan, jax.random.key(which), 20_000, act=act)
    rows = {(row.agent, row.quantity): row for row in ran.quantities}
    expected = {(problem.contributors[1], "payment"): known.gain + float(problem.contributor_costs[1]) * act.collected}
    for j, who in enumerate(problem.buyers):
        expected |= {(who, "price"): float(known.price[j]), (who, "utility"): float(known.utility[j])}
    for place, mean in expected.items():
        assert rows[place].realised == pytest.approx(mean, abs=5 * rows[place].standard_error + 1e-9), place
    assert act.told in ran.name
    honest = market.play(problem, plan, jax.random.key(which), 100, act=None)
    assert [row.promised for row in honest.quantities] == [row.promised for row in ran.quantities]


def test_made_up_numbers_are_judged_at_the_worst_true_mean(solved):
    """(8): far off, only draws without hers are worth something; the price is largest where she guessed right."""
    problem, plan = solved
    act = next(market.misreports(market.mechanism(problem, plan), 1))
    found = market.misreported(problem, plan, act)
    far, near = play(problem, plan, act, 50.0), play(problem, plan, act, 0.0)
    for told, runs in ((found.value, far[0]), (found.price, near[1])):
        assert np.all(np.abs(runs.mean(axis=0) - told) < 5 * runs.std(axis=0) / np.sqrt(RUNS) + RARE)
    assert found.gain == -np.inf
    # (9) takes both infima apart, (10) at one mean: it is no less
    assert np.all(found.utility <= found.together + 1e-12)
    assert found.utility.min() < found.together.min() - 0.1


def test_honesty_is_a_misreport_of_nothing(solved):
    problem, plan = solved
    for i in (0, 1):
        n = int(plan.samples[i])
        found = market.misreported(problem, plan, market.Misreport(i, n, n))
        np.testing.assert_allclose(found.value, problem.value_of(plan.sizes), rtol=1e-9)
        np.testing.assert_allclose(found.price, plan.prices, rtol=1e-9)
        assert found.gain == pytest.approx(float(plan.profit) * n / float(plan.total))


def test_what_makes_no_sense_is_refused(solved):
    problem, plan = solved
    for act in (market.Misreport(0, 1, 0), market.Misreport(5, 1, 1), market.Misreport(0, 1, 1, scatter=-1.0)):
        with pytest.raises(ProblemError):
            market.misreported(problem, plan, act)


def test_tables_know_no_errors():
    problem = with_tables(np.array([[0.0, 0.3, 0.8]]), [3], [0.1, 0.1])
    plan = market.solve(problem).value
    audits = {audit.claim: audit for audit in market.certify(problem, plan)}
    assert "buyers not hurt by a misreport" not in audits  # nothing is known, which is no fact
    assert np.isnan(market.misreported(problem, plan, market.Misreport(0, 1, 1)).value).all()


@pytest.mark.long
def test_types_with_tables_are_left_out_by_name():
    buyers = [market.Buyer(market.exponential(0.3), 10, "lab"), market.Buyer(market.table([0.0, 0.5]), 2, "office")]
    problem = market.Problem([0.01, 0.02], 1.0, buyers)
    audits = {audit.claim: audit for audit in market.certify(problem, market.solve(problem).value)}
    told = audits["buyers not hurt by a misreport"]
    assert "without office, whose values are tables" in told.effort
    assert "lab would be left" in told.witness


def test_a_larger_second_sample_keeps_chances_within_bounds():
    problem = lab_market()
    plan = market.solve(problem).value
    bounds = {"negative_price": 0.05, "payment_below_cost": 0.25}
    second = market.second_within(market.frontier(problem, plan), bounds)
    for tried, good in ((second, True), (second - 1, False)):
        other = market.solve(problem, second=tried).value
        prices, payments = market.simulate(problem, other, jax.random.key(2), 100_000)
        spent = np.asarray(problem.contributor_costs * other.samples)
        found = market.spread(problem, other)
        chances = found.negative_price.max(), found.payment_below_cost.max()
        assert (chances[0] <= 0.05 and chances[1] <= 0.25) == good
        np.testing.assert_allclose((payments < spent).mean(axis=0), found.payment_below_cost, atol=0.006)
        above = (prices > np.asarray(problem.value_of(other.sizes))).mean(axis=0)
        np.testing.assert_allclose(above, found.price_above_value, atol=0.006)
    with pytest.raises(ProblemError, match=r"price_above_value.*no second sample"):
        market.second_within(market.frontier(problem, plan), {"price_above_value": 0.1})
    with pytest.raises(ProblemError, match="negative_price"):
        market.second_within(market.frontier(problem, plan), {"negativ_price": 0.1})
