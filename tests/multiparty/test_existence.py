"""Largest payments and existence: against linear programs, shortest paths, enumeration and each other."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import ProblemError, Status
from jaxmech.multiparty import (
    General,
    Linear,
    MarketGrowth,
    QuasiMonotone,
    TypeSpace,
    binding_chain,
    existence,
    market_growth,
    maximal_payments,
)
from jaxmech.multiparty._existence import top_residual
from tests.oracles import multiparty as oracle

MIXED = [[1.0, -0.4, 0.2], [-0.3, 0.8, -0.9], [0.1, -0.2, 1.0]]
COMPETITIVE = [[1.0, -0.9], [-0.8, 1.0]]
# Coefficients below zero on the diagonal: exploitation payments alone are not truthful there.
PERVERSE = [[-0.5, 0.6], [0.7, 1.0]]


def identity(size):
    return size


def growing(growth, n):
    return oracle.Market(n, oracle.growing_market(growth), identity, oracle.best_for_all(identity))


def linear(table):
    return oracle.Market(
        len(table), oracle.linear_market(table), oracle.logistic, oracle.best_where_harmless(oracle.logistic, table)
    )


LEVELS = [0.0, 0.4, 0.5, 1.3, 2.0]
CASES = {
    "growth, two": (growing(-0.8, 2), list(range(9)), TypeSpace(range(9), MarketGrowth(-0.8, 2), "linear")),
    "growth, three": (growing(-0.9, 3), list(range(5)), TypeSpace(range(5), MarketGrowth(-0.9, 3), "linear")),
    "market that stands still": (growing(-1.0, 2), list(range(7)), market_growth(-1.0, 2, 6)),
    "no competition": (growing(0.5, 2), list(range(6)), market_growth(0.5, 2, 5)),
    "linear, mixed": (linear(MIXED), LEVELS, TypeSpace(LEVELS, Linear(MIXED))),
    "linear, competitive": (linear(COMPETITIVE), LEVELS, TypeSpace(LEVELS, Linear(COMPETITIVE))),
    "linear, perverse": (linear(PERVERSE), LEVELS, TypeSpace(LEVELS, Linear(PERVERSE))),
}


@pytest.fixture(scope="module", params=CASES)
def case(request):
    market, levels, space = CASES[request.param]
    solution = existence(space)
    assert int(solution.status) == Status.OK
    assert float(solution.residual) < 1e-14
    return market, levels, space, solution.value


class TestAgainstOracles:
    def test_linear_programs_and_shortest_paths(self, case):
        market, levels, _, found = case
        payment = np.asarray(found.payment)
        for i in range(market.agents):
            for index in itertools.product(range(len(levels)), repeat=market.agents - 1):
                others = [levels[k] for k in index]
                mine = payment[(i, *index[:i], slice(None), *index[i:])]
                np.testing.assert_allclose(mine, oracle.by_shortest_paths(market, i, others, levels), atol=1e-13)
                if sum(index) % 3 == 0:
                    np.testing.assert_allclose(mine, oracle.by_linear_program(market, i, others, levels), atol=1e-8)

    def test_verdict_is_that_of_one_linear_program(self, case):
        market, levels, _, found = case
        margin = oracle.exists(market, levels)
        # The profile without data has no revenue, so the margin is never above zero.
        assert bool(found.exists) == (margin > -1e-9)

    def test_no_lie_gains(self, case):
        """Perverse agents would use a worse model than they have, which theory does not let them choose."""
        market, levels, space, found = case
        gain, agent, *_ = oracle.best_lie(market, levels, np.asarray(found.payment))
        perverse = isinstance(space.valuation, Linear) and bool(jnp.any(jnp.diag(space.valuation.externality) < 0))
        if not perverse:
            assert gain <= 1e-12
        else:
            assert agent == 0

    def test_payments_cannot_be_raised(self, case):
        """Each payment is bound: by staying away, or by a report whose payment binds."""
        market, levels, _, found = case
        payment = np.asarray(found.payment)
        for index in itertools.product(range(len(levels)), repeat=market.agents):
            types = [levels[k] for k in index]
            for i in range(market.agents):
                room = [market.exploitation(i, types) - payment[(i, *index)]]
                for lie in range(index[i]):
                    at = (i, *index[:i], lie, *index[i + 1 :])
                    room.append(payment[at] + market.gap(i, types, levels[lie]) - payment[(i, *index)])
                assert abs(min(room)) < 1e-12


@pytest.mark.parametrize(("growth", "agents", "largest"), [(-0.7, 2, 38), (-0.8, 3, 9)])
def test_existence_ends_at_the_boundary(growth, agents, largest):
    for disparity, expected in ((largest, True), (largest + 1, False)):
        found = existence(market_growth(growth, agents, disparity)).value
        assert bool(found.exists) is expected
    assert found.witness.tolist() == [largest + 1] + [0] * (agents - 1)
    assert float(found.revenue[tuple(found.witness)]) < 0
    assert float(found.margin) < 0


def test_chain_binds_link_by_link():
    space = market_growth(-0.7, 2, 39)
    chain = binding_chain(space, 0, (39, 0))
    market = growing(-0.7, 2)
    assert chain.levels.tolist() == [1, 2, 3, 5, 8, 14, 23, 39]
    first = chain.levels[0]
    assert chain.payment[0] == pytest.approx(market.exploitation(0, [first, 0]), abs=1e-14)
    for (low, high), (before, after) in zip(
        itertools.pairwise(chain.levels), itertools.pairwise(chain.payment), strict=True
    ):
        assert after == pytest.approx(before + market.gap(0, [high, 0], low), abs=1e-13)
    table = maximal_payments(space)
    np.testing.assert_allclose(chain.payment, table[0, chain.levels, 0], atol=1e-13)


@pytest.mark.long
def test_blocks_of_reports_agree_with_the_plain_recursion():
    """More levels than a block holds, in a market whose quality jumps, so that blocks are skipped and not skipped."""
    sizes = np.cumsum(np.random.default_rng(5).uniform(0.01, 1.0, 75))
    levels = np.stack([sizes, sizes**1.3])
    space = TypeSpace(levels, MarketGrowth(-0.85, 2), "linear")
    payment = np.asarray(maximal_payments(space))
    for agent, other in ((0, 0), (0, 40), (1, 3), (1, 74)):
        market = growing(-0.85, 2)
        left = []
        for k, size in enumerate(levels[agent]):
            types = [0.0, 0.0]
            types[agent], types[1 - agent] = size, levels[1 - agent][other]
            best = market.away(agent, types)
            for lie in range(k):
                reports = list(types)
                reports[agent] = levels[agent][lie]
                honest = market.value(agent, reports, reports)
                best = max(best, left[lie] + market.value(agent, reports, types) - honest)
            left.append(best)
            index = [k, k]
            index[1 - agent] = other
            assert payment[(agent, *index)] == pytest.approx(market.value(agent, types, types) - best, abs=1e-12)


class TestLaws:
    def test_batch_equals_loop_and_jit_equals_eager(self):
        growths = jnp.array([-1.0, -0.8, -0.6])

        def payments(growth):
            return existence(TypeSpace(jnp.arange(6.0), MarketGrowth(growth, 2), "linear")).value.payment

        together = jax.jit(jax.vmap(payments))(growths)
        for growth, table in zip(growths, together, strict=True):
            np.testing.assert_allclose(table, payments(growth), rtol=1e-12, atol=1e-14)

    def test_sizes_may_be_counted_in_any_unit(self):
        """Valuations are homogeneous of degree 1 + growth."""
        growth = -0.7
        one = existence(TypeSpace(jnp.arange(12.0), MarketGrowth(growth, 2), "linear")).value
        other = existence(TypeSpace(0.001 * jnp.arange(12.0), MarketGrowth(growth, 2), "linear")).value
        np.testing.assert_allclose(other.payment, 0.001 ** (1 + growth) * one.payment, rtol=1e-11, atol=1e-14)
        assert float(one.margin) == pytest.approx(float(other.margin))

    def test_agents_differ_in_name_only(self):
        table = np.asarray(maximal_payments(TypeSpace([0.0, 1.0, 3.0], MarketGrowth(-0.9, 3), "linear")))
        for order in itertools.permutations(range(3)):
            np.testing.assert_allclose(
                table[list(order)], np.transpose(table, (0, *(1 + np.argsort(order)))), atol=1e-14
            )

    @pytest.mark.long
    def test_a_function_of_ones_own_is_the_named_market(self):
        def share(q):
            total = jnp.sum(q)
            return jnp.where(total > 0, jnp.where(total > 0, total, 1.0) ** -0.8 * q, 0.0)

        own = existence(TypeSpace(range(5), General(share, 2), "linear")).value
        named = existence(market_growth(-0.8, 2, 4)).value
        np.testing.assert_allclose(own.payment, named.payment, atol=1e-13)
        assert bool(own.exists) is bool(named.exists)

    def test_more_types_bind_more(self):
        """Leaving out levels never lowers a payment."""
        fine = np.asarray(maximal_payments(TypeSpace(range(9), MarketGrowth(-0.9, 2), "linear")))
        coarse = np.asarray(maximal_payments(TypeSpace(range(0, 9, 2), MarketGrowth(-0.9, 2), "linear")))
        assert np.all(coarse >= fine[:, ::2, ::2] - 1e-14)

    def test_derivatives_in_forward_mode_are_finite_differences(self):
        """Payments are smooth in the growth rate where the binding chain does not change."""

        def payments(growth):
            return existence(TypeSpace(jnp.arange(6.0), MarketGrowth(growth, 2), "linear")).value.payment

        _, slope = jax.jvp(payments, (jnp.array(-0.8),), (jnp.array(1.0),))
        step = 1e-6
        expected = (payments(-0.8 + step) - payments(-0.8 - step)) / (2 * step)
        np.testing.assert_allclose(slope, expected, atol=1e-8)

    @pytest.mark.long
    @pytest.mark.parametrize("name", ["growth, three", "linear, mixed"])
    def test_derivatives_in_reverse_mode_are_those_in_forward_mode(self, name):
        """And finite differences, of a random combination of payments, in types and in every number of a valuation."""
        space = CASES[name][2]
        weights = np.random.default_rng(3).normal(size=(len(space.shape), *space.shape))

        def combined(levels, valuation):
            return jnp.sum(weights * maximal_payments(TypeSpace(levels, valuation, space.quality)))

        def along(step):
            return combined(levels + step * change[0], jax.tree.map(lambda x, dx: x + step * dx, valuation, change[1]))

        levels, valuation = space.levels[0] + 0.1, space.valuation
        generator = np.random.default_rng(4)
        change = jax.tree.map(lambda leaf: jnp.asarray(generator.normal(size=leaf.shape)), (levels, valuation))
        slopes = jax.grad(combined, argnums=(0, 1))(levels, valuation)
        reverse = sum(float(jnp.sum(a * b)) for a, b in zip(*map(jax.tree.leaves, (slopes, change)), strict=True))
        _, forward = jax.jvp(combined, (levels, valuation), change)
        assert reverse == pytest.approx(float(forward), rel=1e-11)
        assert reverse == pytest.approx(float(along(1e-6) - along(-1e-6)) / 2e-6, rel=1e-6)

    @pytest.mark.long
    def test_functions_of_ones_own_may_hold_what_is_traced(self):
        """A valuation built inside jit, vmap and grad, its functions closing over a number that is being traced."""

        def revenue(scale):
            own = QuasiMonotone(lambda q: scale * jnp.sqrt(q + 0.1), lambda q: -0.1 * scale * (jnp.sum(q) - q), 2)
            return jnp.sum(maximal_payments(TypeSpace([0.0, 0.5, 1.0], own)))

        scales = jnp.array([0.5, 1.0, 2.0])
        # Earnings are in proportion to the scale, and so is revenue.
        together = jax.jit(jax.vmap(revenue))(scales)
        np.testing.assert_allclose(together, scales * revenue(1.0), rtol=1e-12)
        slopes = jax.jit(jax.vmap(jax.grad(revenue)))(scales)
        np.testing.assert_allclose(slopes, float(revenue(1.0)), rtol=1e-12)

    @pytest.mark.long
    def test_memory_is_linear_in_what_is_returned(self):
        """No table of constraints: twice as many levels, four times as many payments, four times as much memory."""
        sizes = []
        for levels in (60, 120):
            compiled = jax.jit(existence).lower(TypeSpace(jnp.arange(float(levels)), MarketGrowth(-0.7, 2), "linear"))
            sizes.append(compiled.compile().memory_analysis().temp_size_in_bytes)
            assert sizes[-1] < 16 * 8 * levels**2
        assert sizes[1] < 4.5 * sizes[0]

    def test_float32(self):
        space = TypeSpace(jnp.arange(10, dtype=jnp.float32), MarketGrowth(jnp.float32(-0.8), 2), "linear")
        found = existence(space).value
        assert found.payment.dtype == jnp.float32
        assert not bool(found.exists)
        np.testing.assert_allclose(found.payment, maximal_payments(market_growth(-0.8, 2, 9)), atol=2e-6)


@pytest.mark.long
def test_the_residual_sees_wrong_utilities():
    """Utilities at the highest level are compared with every report, so that one wrong anywhere near shows."""
    space = market_growth(-0.8, 2, 12)
    found = existence(space).value
    value = np.stack([_table(12, -0.8), _table(12, -0.8).T])
    utility, stake = jnp.asarray(value - np.asarray(found.payment)), jnp.sum(jnp.abs(jnp.asarray(value)), axis=0)
    assert float(top_residual(space, utility, stake)) < 1e-14
    for wrong in (utility.at[0, 12, 3].add(-0.01), utility.at[1, 5, 12].add(0.01), utility.at[0, 7, 0].add(0.01)):
        assert float(top_residual(space, wrong, stake)) > 1e-4


def _table(disparity, growth):
    """What agent 1 earns in every profile when all use the best model."""
    total = np.add.outer(np.arange(disparity + 1.0), np.arange(disparity + 1.0))
    return np.where(total > 0, (2 * np.where(total > 0, total, 1.0)) ** growth * total, 0.0)


def test_numbers_that_are_not_finite_fail_alone():
    def broken(q):
        return jnp.where(q > 3, jnp.nan, q)

    solution = existence(TypeSpace([0.0, 1.0, 2.0], General(broken, 2), "linear"))
    assert int(solution.status) == Status.NONFINITE
    assert not bool(solution.value.exists)
    assert np.all(np.isnan(solution.value.payment))


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (lambda: TypeSpace([0.0, -1.0], MarketGrowth(-0.5, 2)), ("levels[1] = -1.0", "not negative")),
        (lambda: TypeSpace([0.0, 1.0, 1.0], MarketGrowth(-0.5, 2)), ("levels[2] = 1.0", "above the level before")),
        (lambda: TypeSpace([[0.0, 1.0]], MarketGrowth(-0.5, 2)), ("levels = (1, 2)", "each of 2 agents")),
        (lambda: TypeSpace([[0.0], [0.0, 1.0]], MarketGrowth(-0.5, 2)), ("levels", "equal lengths")),
        (lambda: market_growth(-1.01, 2, 5), ("growth = -1.01", "at least -1")),
        (lambda: market_growth("fast", 2, 5), ("growth = 'fast'", "one number")),
        (lambda: market_growth(-0.5, 1, 5), ("agents = 1", "at least 2")),
        (lambda: market_growth(-0.5, 2, 0), ("disparity = 0", "at least 1")),
        (lambda: market_growth(-0.5, 2, 20_000), ("disparity = 20000", "6.0 GB", "solve --boundary")),
        (lambda: market_growth(-0.5, 40, 9999), ("disparity = 9999", "10^163 bytes", "solve --boundary")),
        (lambda: market_growth(-0.5, 10_000, 9999), ("disparity = 9999", "10^40005 bytes")),
        (lambda: market_growth(-0.5, 3_000_000_000, 1), ("agents = 3000000000", "at most 10,000")),
        (lambda: TypeSpace(range(100), General(lambda q: q, 5)), ("levels = 99", "372.5 GB")),
        (lambda: TypeSpace([0.0, 1.0], General(lambda q: q, 2), lambda t: 1 - t), ("quality(0) = 1.0", "must be 0")),
        (
            lambda: TypeSpace([0.0, 1.0], General(lambda q: q, 2), lambda t: t * (1 - t)),
            ("quality(0.5", "must not be below quality(0.5"),
        ),
    ],
)
def test_bad_input_is_one_clear_line(make, parts):
    with pytest.raises(ProblemError) as caught:
        make()
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.long
def test_two_hundred_random_spaces_have_what_one_linear_program_says():
    """All payments of all profiles in one program, which shares no code with the package: largest least revenue."""
    generator, verdicts = np.random.default_rng(11), []
    for k in range(200):
        if k % 2:
            rate, levels = generator.uniform(-1, -0.5), np.append(0.0, np.cumsum(generator.exponential(2.0, 4) + 0.1))
            market, space = growing(rate, 2), TypeSpace(levels, MarketGrowth(rate, 2), "linear")
        else:
            table = generator.uniform(-1, 1, (3, 3))
            levels = np.sort(generator.uniform(0.1, 2, 2))
            market, space = linear(table.tolist()), TypeSpace(levels, Linear(table))
        found, least = existence(space).value, oracle.exists(market, levels.tolist())
        assert bool(found.exists) == (least >= -1e-9) or abs(least) < 1e-7
        verdicts.append(bool(found.exists))
    assert 20 < sum(verdicts) < 180
