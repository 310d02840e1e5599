"""Levels that make amounts stationary, against formulas of their own; what thresholds are the best of."""

import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from jaxmech.design._descent import Start, social
from jaxmech.design._linked import Threshold
from jaxmech.design._starts import from_costs
from jaxmech.design._terms import Crowd, Stake, Terms
from tests.oracles import design as oracle

FREE = Threshold(jnp.asarray(0.0))


def drawn_terms(d, kinds=300, kept=0.0, seed=0):
    """Terms, stakes and levels of random kinds of agents, those for whom a level exists."""
    rng = np.random.default_rng([seed, d])
    costs, error = 10 ** rng.uniform(-2, 1, (kinds, d)), 10 ** rng.uniform(-1, 1, d)
    alone = np.sqrt(error / costs)
    samples = alone * rng.uniform(0.05, 0.9, (kinds, d))
    comparison = alone * 10 ** rng.uniform(-1.5, 0, (kinds, d))
    rest = alone * 10 ** rng.uniform(-0.3, 1, (kinds, d))
    terms = Terms(*(jnp.asarray(part) for part in (samples, comparison, rest)), jnp.ones((kinds, d), bool))
    stake = Stake(jnp.asarray(costs), jnp.asarray(error))
    found = jax.jit(Threshold(jnp.asarray(kept)).settle)(terms, stake)
    good = np.all((found.room < 0.5 - 1e-9) & (found.room > 1e-3), axis=1) & (np.asarray(found.residual) < 1e-11)
    assert good.sum() > 10
    return terms, stake, found, np.flatnonzero(good)


def row(terms, stake, found, i):
    """One kind in plain numbers: n, z, D, limits in σ, costs, errors."""
    n, z, rest = (np.asarray(part[i]) for part in (terms.samples, terms.comparison, terms.rest))
    limit = np.asarray(found.level[i]) * np.sqrt(1 / n + 1 / z)
    return n, z, rest, limit, np.asarray(stake.costs[i]), np.asarray(stake.error)


@pytest.mark.parametrize(("d", "kept"), [(1, 0.0), (2, 0.2), (3, 0.0)])
def test_settled_amounts_are_stationary(d, kept):
    """∂q/∂n_k = 0 of the penalty written down afresh, in mpmath; and the penalty itself."""
    terms, stake, found, good = drawn_terms(d, kept=kept)
    for i in good[:6]:
        n, z, rest, limit, costs, error = row(terms, stake, found, i)
        paid = oracle.linked_penalty(n, z, rest, limit, costs, error, kept)
        assert float(found.penalty[i]) == pytest.approx(paid, rel=1e-11)
        assert float(found.success[i]) == pytest.approx(float(np.prod(oracle.passing(n, z, limit))), rel=1e-11)
        for k in range(d):

            def along(x, k=k, point=(n, z, rest, limit, costs, error)):
                amounts = [mpmath.mpf(float(value)) for value in point[0]]
                amounts[k] = x
                return oracle.linked_penalty_mp(amounts, *point[1:], kept)

            assert abs(float(mpmath.diff(along, float(n[k])))) < 1e-8 * costs[k]


def test_penalty_of_one_distribution_by_quadrature():
    terms, stake, found, good = drawn_terms(1, kept=0.1)
    for i in good[:8]:
        n, z, rest, limit, costs, error = (float(part[0]) for part in row(terms, stake, found, i))
        expected_there = oracle.threshold_penalty_by_quadrature(n, z, rest, limit, costs, error, 0.1)
        assert float(found.penalty[i]) == pytest.approx(expected_there, rel=1e-10)


@pytest.mark.parametrize("kept", [0.0, 0.25])
def test_penalty_of_linked_distributions_by_monte_carlo(kept):
    """Estimates are drawn, compared and combined; passing is made rarer than any optimum would have it."""
    n, z, rest, limit = np.array([2.0, 5.0]), np.array([3.0, 1.0]), np.array([9.0, 20.0]), np.array([1.3, 1.9])
    costs, price = np.array([0.02, 0.01]), np.array([1.0, 3.0])
    success = jnp.asarray([np.prod(oracle.passing(n, z, limit))])
    terms = Terms(*(jnp.asarray(part)[None] for part in (n, z, rest)), jnp.ones((1, 2), bool))
    stake = Stake(jnp.asarray(costs)[None], jnp.asarray(price))
    mean, error = oracle.drawn_penalty(n, z, rest, limit, costs, price, 400_000, seed=3, kept=kept)
    assert error < 2e-3 * mean
    assert abs(float(Threshold(jnp.asarray(kept)).expected(terms, stake, success)[0]) - mean) < 5 * error


def test_units_and_order_do_not_matter():
    """Costs → t costs: amounts /√t, levels the same, penalties √t; σ → uσ: amounts and penalties u; order."""
    terms, stake, found, good = drawn_terms(2)
    t, u = 7.0, 0.3
    scaled = Terms(*(part * u / math.sqrt(t) for part in (terms.samples, terms.comparison, terms.rest)), terms.checked)
    again = FREE.settle(scaled, Stake(stake.costs * t, stake.error * u**2))
    np.testing.assert_allclose(again.level[good], found.level[good], rtol=1e-9)
    np.testing.assert_allclose(again.penalty[good], found.penalty[good] * u * math.sqrt(t), rtol=1e-11)
    order = np.random.default_rng(1).permutation(len(terms.samples))
    shuffled = jax.tree.map(lambda part: part[order], terms)
    moved = jax.jit(FREE.settle)(shuffled, Stake(stake.costs[order], stake.error))
    np.testing.assert_allclose(moved.level, found.level[order], rtol=1e-12)


def test_walking_away_is_the_least_without_the_rest():
    terms, stake, _, good = drawn_terms(2, kept=0.1)
    least = Threshold(jnp.asarray(0.1)).walking_away(terms, stake)
    for i in good[:5]:
        given = np.asarray(terms.comparison[i] + 0.1 * terms.rest[i])
        grid = np.concatenate([[0.0], np.geomspace(1e-6, 1e4, 200_001)])[:, None]
        brute = np.min(np.asarray(stake.error) / (given + grid) + np.asarray(stake.costs[i]) * grid, axis=0).sum()
        assert float(least[i]) <= brute * (1 + 1e-12)
        assert float(least[i]) == pytest.approx(brute, rel=1e-7)


@pytest.fixture(scope="module")
def started():
    costs = np.array([[0.5, 1.4], [1.2, 0.6], [0.9, 1.0], [1.5, np.inf]])
    stake = Stake(jnp.asarray(costs), jnp.asarray([1.0, 2.0]))
    crowd = Crowd(stake, jnp.ones(4), jnp.asarray(1.0))
    starts = from_costs(FREE, crowd, 4)
    return crowd, [jax.tree.map(lambda leaf, i=i: leaf[i], starts) for i in range(4)]


@pytest.mark.long
def test_gradient_of_the_social_penalty(started):
    """Through the implicit levels and the barrier, against central differences in every variable."""
    crowd, starts = started
    paid = jax.jit(lambda layout, variables: social(FREE, crowd, Start(layout, variables), jnp.asarray(1e-4)))
    slopes = jax.jit(
        jax.grad(lambda variables, layout: social(FREE, crowd, Start(layout, variables), jnp.asarray(1e-4)))
    )
    for start in starts[:2]:
        gradient = slopes(start.variables, start.layout)
        assert np.isfinite(float(paid(start.layout, start.variables)))
        assert max(float(jnp.max(jnp.abs(part))) for part in gradient) > 1e-3
        for name in start.variables._fields:
            for place in np.ndindex(4, 2):
                step = 1e-5
                ends = [
                    start.variables._replace(**{name: getattr(start.variables, name).at[place].add(sign * step)})
                    for sign in (1, -1)
                ]
                up, down = (float(paid(start.layout, end)) for end in ends)
                exact = float(getattr(gradient, name)[place])
                assert exact == pytest.approx((up - down) / (2 * step), rel=1e-5, abs=1e-7), (name, place)


@pytest.mark.long
def test_the_social_penalty_forgets_the_order_of_agents(started):
    crowd, starts = started
    order = np.array([2, 0, 3, 1])
    other = Crowd(Stake(crowd.stake.costs[order], crowd.stake.error), crowd.weight, crowd.fails)
    moved = jax.tree.map(lambda leaf: leaf[order], starts[0])
    there = float(social(FREE, other, moved, 0.0))
    assert there == pytest.approx(float(social(FREE, crowd, starts[0], 0.0)), rel=1e-12)


# The theorems that the proofs rest on, for random rules of the family.


def random_rule(rng, spread):
    """A non-decreasing table of noise, linear between entries."""
    places = np.sort(rng.uniform(0, 4 * spread, 4))
    values = np.cumsum(10 ** rng.uniform(-2, 1.5, 4)) - rng.uniform(0, 0.01)
    values[0] = max(values[0], 0.0)
    return places, values


def test_penalties_are_convex_under_rules_that_do_not_decrease():
    rng = np.random.default_rng(5)
    for _ in range(4):
        z, rest = 10 ** rng.uniform(-1, 1), 10 ** rng.uniform(0, 1.5)
        places, values = random_rule(rng, math.sqrt(1 + 1 / z))

        def paid(n, z=z, rest=rest, places=places, values=values):
            return oracle.rule_penalty(n, z, rest, 0.1, 1.0, lambda x: np.interp(x, places, values), tuple(places))

        amounts = np.linspace(0.05, 4.0, 24)
        q = np.array([paid(n) for n in amounts])
        bend = q[:-2] - 2 * q[1:-1] + q[2:]
        assert np.all(bend > -1e-11 * q[1:-1])
        assert bend.max() > 1e-4


def test_convexity_needs_rules_that_do_not_decrease():
    """The same look finds the bend of a rule that punishes agreement: the test above could fail."""
    amounts = np.linspace(0.05, 4.0, 24)
    noise = lambda x: 50.0 * (x < 0.5)  # noqa: E731
    q = np.array([oracle.rule_penalty(n, 3.0, 300.0, 0.1, 1.0, noise, (0.5,)) for n in amounts])
    assert np.min(q[:-2] - 2 * q[1:-1] + q[2:]) < -1e-4


def test_thresholds_pull_hardest():
    """At the same amounts and the same expected risk no rule of the family makes a further sample worth more."""
    rng, clear = np.random.default_rng(6), 0
    for _ in range(10):
        n, z, rest = 10 ** rng.uniform(-0.5, 0.5), 10 ** rng.uniform(-1, 0.7), 10 ** rng.uniform(0, 1.5)
        places, values = random_rule(rng, math.sqrt(1 / n + 1 / z))

        def any_rule(x, z=z, rest=rest, places=places, values=values):
            return oracle.rule_penalty(x, z, rest, 0.0, 1.0, lambda y: np.interp(y, places, values), tuple(places))

        risk = any_rule(n)
        passed, failed = 1 / (n + z + rest), 1 / (n + z)
        s = (failed - risk) / (failed - passed)
        limit = math.sqrt(2 * (1 / n + 1 / z)) * float(mpmath.erfinv(s))

        def threshold(x, z=z, rest=rest, limit=limit):
            return oracle.linked_penalty([x], [z], [rest], [limit], [0.0], [1.0])

        assert threshold(n) == pytest.approx(risk, rel=1e-9)
        step = 1e-4 * n
        pulls = [(rule(n - step) - rule(n + step)) / (2 * step) for rule in (any_rule, threshold)]
        assert pulls[1] >= pulls[0] * (1 - 1e-8)
        clear += pulls[1] > 1.05 * pulls[0]
    assert clear > 4
