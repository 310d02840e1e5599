"""The whole market, run many times: averages as promised, and chances against an oracle that plays point by point."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import ProblemError, deviation, market
from jaxmech.market._prices import gains
from jaxmech.mechanism import as_promised
from tests.market.problems import lab_market, with_tables
from tests.oracles import market as oracle

RUNS = 20_000


@pytest.fixture(scope="module")
def solved():
    problem = lab_market((0.02, 0.03))
    return problem, market.solve(problem, second=3).value


def rows(found, what):
    return {row.agent: row for row in found if what in (getattr(row, "quantity", ""), getattr(row, "event", ""))}


def test_rounding_is_nothing_to_gain():
    """0.3 − 0.1 is not 0.2 in floating point, and who pays all that her points are worth gains 0."""
    problem = with_tables(np.array([[0.0, 0.3, 0.8], [0.0, 0.2, 0.5]]), [3, 2], [0.1, 0.1])
    sizes, prices = np.array([2, 1]), np.array([0.1, 0.3 - 0.1])
    assert float(market.utility(problem, sizes, prices)[1]) != 0
    assert gains(problem, sizes, prices).tolist() == [pytest.approx(0.7), 0.0]


@pytest.fixture(scope="module")
def normal(solved):
    return market.play(*solved, jax.random.key(0), RUNS)


def test_averages_are_what_is_promised(solved, normal):
    problem, plan = solved
    prices, payments = rows(normal.quantities, "price"), rows(normal.quantities, "payment")
    for j, name in enumerate(problem.buyers):
        assert prices[name].promised == pytest.approx(float(plan.prices[j]))
    spread = market.spread(problem, plan)
    for i, name in enumerate(problem.contributors):
        assert payments[name].promised == pytest.approx(spread.payment[i], rel=1e-9)
    assert all(abs(row.realised - row.promised) < 5 * row.standard_error for row in normal.quantities)
    assert as_promised(normal, 1e-9).holds
    assert rows(normal.chances, "money missing or left over")["all"].chance == 0


def test_chances_are_those_of_the_formulas(solved, normal):
    problem, plan = solved
    spread = market.spread(problem, plan)
    below = rows(normal.chances, "price below 0")
    for j, name in enumerate(problem.buyers):
        assert below[name].chance == pytest.approx(spread.negative_price[j], abs=5 * below[name].standard_error)


def test_an_oracle_that_plays_point_by_point_agrees(solved, normal):
    """Data, payments, prices and subsets by plain NumPy and the paper's Algorithm 2."""
    problem, plan = solved
    samples, sizes = np.asarray(plan.samples, int), np.asarray(plan.sizes, int)
    costs, counts, prices = (
        np.asarray(part, float) for part in (problem.contributor_costs, problem.counts, plan.prices)
    )
    generator, runs = np.random.default_rng(5), 3000
    errors, above, regretted = np.empty((runs, 3)), np.empty((runs, 3)), np.empty((runs, 3))
    worth = [lambda e: 0.3 * np.exp(-e / 0.5), lambda e: 0.9 * (e <= 0.15), lambda e: 0.6 * np.maximum(1 - e / 0.4, 0)]
    value = np.asarray(problem.value_of(plan.sizes))
    for run in range(runs):
        data = [generator.normal(size=n) for n in samples]
        settled = oracle.settle(data, samples, costs, 1.0, counts, sizes, prices)[0]
        points = np.concatenate(data)
        errors[run] = [abs(generator.choice(points, size, replace=False).mean()) for size in sizes]
        above[run] = np.asarray(settled) > value
        regretted[run] = [worth[j](errors[run, j]) < settled[j] for j in range(3)]
    told = rows(normal.quantities, "error"), rows(normal.chances, "price above value")
    regrets = rows(normal.chances, "worth less than paid")
    for j, name in enumerate(problem.buyers):
        spread = errors[:, j].std() / np.sqrt(runs)
        assert told[0][name].realised == pytest.approx(errors[:, j].mean(), abs=5 * spread)
        for chance, found in ((told[1][name].chance, above), (regrets[name].chance, regretted)):
            share = found[:, j].mean()
            assert chance == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / runs) + 1e-3)


def test_measurements_bring_what_normal_data_bring_where_they_are_normal(solved):
    problem, plan = solved
    rng = np.random.default_rng(0)
    cells = rng.normal(7.0, 1.0, (4000, 1))
    people = deviation.Empirical.of((cells - cells.mean()) / cells.std() + 7.0)
    found = market.play(problem, plan, jax.random.key(1), 500, people)
    assert found.name == "4,000 measurements"
    assert all(abs(row.realised - row.promised) < 5 * row.standard_error for row in found.quantities)


def test_a_wrong_promise_is_found(solved, normal):
    row = dataclasses.replace(normal.quantities[3], promised=normal.quantities[3].promised + 1e3)
    wrong = dataclasses.replace(normal, quantities=(*normal.quantities, row))
    assert not as_promised(wrong, 1e-9).holds


def test_tables_of_values_know_no_errors():
    problem = with_tables([[0.0, 0.5, 0.9]], [3], [0.1, 0.2])
    plan = market.solve(problem).value
    found = market.play(problem, plan, jax.random.key(0), 1000)
    utility, price = rows(found.quantities, "utility"), rows(found.quantities, "price")
    name = problem.buyers[0]
    assert utility[name].realised == pytest.approx(0.9 - price[name].realised)
    above, regrets = rows(found.chances, "price above value"), rows(found.chances, "worth less than paid")
    assert above[name].chance == pytest.approx(regrets[name].chance, abs=1e-9)


def test_without_trade_there_is_nothing_to_run():
    problem = with_tables([[0.0, 0.1]], [1], [5.0, 6.0])
    with pytest.raises(ProblemError, match="must be a plan with trade"):
        market.play(problem, market.solve(problem).value, jax.random.key(0), 10)


def test_too_many_points_are_refused(solved):
    problem, plan = solved
    huge = dataclasses.replace(plan, samples=jnp.asarray([2e9, 3.0]), total=jnp.asarray(2e9 + 3))
    with pytest.raises(ProblemError, match="too many points"):
        market.play(problem, huge, jax.random.key(0), 10)
