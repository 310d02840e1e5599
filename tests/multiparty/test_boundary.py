"""The largest disparity: against enumeration of every profile, and the theory that says where it becomes infinite."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import ProblemError, Status
from jaxmech.multiparty import (
    boundary,
    critical_growth,
    largest_disparity,
    never_fails,
)
from jaxmech.multiparty._growth import concentration_holds, market_share
from tests.oracles import multiparty as oracle

GROWTHS = (-1.0, -0.95, -0.9, -0.85, -0.8, -0.75, -0.72, -0.7)


def market(growth, agents, total):
    return np.longdouble(agents * total) ** (1 + np.longdouble(growth))


def every_revenue(growth, agents, largest):
    """Revenue r(t, s) where one agent has t and another s ≤ t, by enumeration: nan where s > t."""
    table = np.full((largest + 1, largest + 1), np.nan, dtype=np.longdouble)
    for s in range(largest + 1):
        left = oracle.left_with_others(growth, agents, s, largest)
        for t in range(max(s, 1), largest + 1):
            other = np.longdouble((agents - 1) * t + s) ** np.longdouble(growth) * s
            table[t, s] = market(growth, agents, t + s) - left[t] - other
    return table


@pytest.mark.parametrize("agents", [2, 3, 5])
@pytest.mark.parametrize("growth", [-1.0, -0.9, -0.8, -0.75, -0.7, -0.62, -0.5, -0.3, -0.1])
def test_one_agent_with_all_data_fails_first(growth, agents):
    """The lemma behind the search, checked in every profile of two agents with data: r(t, s) ≥ r(t, 0)."""
    revenue = every_revenue(growth, agents, 45)
    least = revenue[:, :1]
    assert np.nanmin(revenue - least) >= -1e-13
    fails = np.flatnonzero(np.nanmin(revenue[1:], axis=1) < -1e-13) + 1
    found = largest_disparity(growth, agents, 45).value
    assert int(found.largest) == (fails[0] - 1 if len(fails) else -1)


@pytest.mark.parametrize("agents", [3, 4])
def test_no_profile_of_more_agents_fails_before(agents):
    """Every profile, not only those with two agents who have data, at growth rates that fail within reach."""
    for growth in (-0.95, -0.9, -0.84):
        largest = 7
        rows = [oracle.left_with_others(growth, agents, s, largest) for s in range(largest * (agents - 1) + 1)]
        profiles = np.stack(np.meshgrid(*[np.arange(largest + 1)] * agents, indexing="ij"), axis=-1).reshape(-1, agents)
        left = sum(np.array([rows[sum(p) - p[i]][p[i]] for p in profiles]) for i in range(agents))
        total = profiles.sum(axis=1)
        earned = np.where(total > 0, market(growth, agents, np.maximum(total, 1)), 0)
        fails = left - earned > 1e-12
        first = profiles[fails].max(axis=1).min() if fails.any() else None
        found = int(largest_disparity(growth, agents, largest).value.largest)
        assert found == (first - 1 if first is not None else -1)


@pytest.mark.parametrize(("growth", "agents"), [(g, 2) for g in GROWTHS] + [(-0.78, 3), (-0.74, 3)])
def test_what_must_be_left_is_that_of_the_definition(growth, agents):
    """In long double, by looking at every misreport, over several blocks of sizes."""
    up_to = 700
    solution = largest_disparity(growth, agents, up_to)
    assert float(solution.residual) < 1e-14
    found = solution.value
    end = int(found.searched_to)
    left = oracle.left_with_all(growth, agents, end)
    expected = 1 - left[1:] / market(growth, agents, np.arange(1, end + 1))
    np.testing.assert_allclose(found.revenue[1 : end + 1], expected.astype(float), atol=2e-14)
    assert np.all(np.isnan(found.revenue[end + 1 :]))
    if int(found.largest) >= 0:
        assert expected[-1] < 0
        assert expected[:-1].min() > -1e-15
        np.testing.assert_allclose(found.margin, expected[-2:].astype(float), atol=2e-14)
    else:
        assert end == up_to
        assert math.isnan(found.margin[1])


@pytest.mark.long
@pytest.mark.parametrize(("growth", "agents", "largest"), [(-0.67, 2, 1512), (-0.668, 2, 2974), (-0.735, 3, 696)])
def test_skipped_blocks_hold_nothing_better(growth, agents, largest):
    """Several thousand sizes, where most blocks of reports are skipped."""
    found = largest_disparity(growth, agents, 4000).value
    left = oracle.left_with_all(growth, agents, largest + 1)
    slack = 1 - left[1:] / market(growth, agents, np.arange(1, largest + 2))
    assert slack[-1] < -1e-9
    assert slack[:-1].min() > 1e-9
    assert int(found.largest) == largest
    np.testing.assert_allclose(found.revenue[1 : largest + 2], slack.astype(float), atol=5e-14)


def test_search_is_incremental():
    """Larger sizes do not change what smaller ones must be left."""
    near, far = (largest_disparity(-0.69, 2, up_to).value for up_to in (50, 600))
    np.testing.assert_array_equal(near.revenue[:51], far.revenue[:51])


def test_batch_equals_loop():
    growths = jnp.array([-0.9, -0.75, -0.7])
    together = jax.vmap(lambda growth: largest_disparity(growth, 2, 60).value.largest)(growths)
    assert together.tolist() == [1, 6, 38]
    assert together.tolist() == [int(largest_disparity(g, 2, 60).value.largest) for g in growths]


@pytest.mark.long
def test_where_mechanisms_end_is_a_pure_function():
    """Verdicts, critical growth rates and their premises, under jit and vmap, as one by one."""
    growths = jnp.array([-1.0, -0.9, -0.7, -0.5, 0.2])
    together = jax.jit(jax.vmap(lambda growth: boundary(growth, 2, 60)))(growths)
    for k, growth in enumerate(growths.tolist()):
        alone, one = boundary(growth, 2, 60), jax.tree.map(lambda leaf, k=k: leaf[k], together)
        assert (one.largest, one.unbounded, one.chain) == (alone.largest, alone.unbounded, alone.chain)
        assert (one.status, one.argument) == (alone.status, alone.argument)
    agents = jnp.array([2, 3, 7])
    expected = [float(critical_growth(n)) for n in agents.tolist()]
    np.testing.assert_allclose(jax.jit(jax.vmap(critical_growth))(agents), expected, rtol=1e-14)
    kept = jax.vmap(lambda n: never_fails(-0.7, n))(agents)
    assert kept.tolist() == [bool(never_fails(-0.7, n)) for n in agents.tolist()]


@pytest.mark.long
@pytest.mark.parametrize("growth", [-0.9, -0.7, -0.55])
def test_revenue_at_the_boundary_differentiates_forward_and_reverse(growth):
    """Against finite differences; the largest size is a whole number and does not move."""

    def margins(rate):
        return largest_disparity(rate, 2, 60).value.margin[0]

    step = 1e-6
    expected = (margins(growth + step) - margins(growth - step)) / (2 * step)
    slopes = jax.grad(margins)(growth), jax.jit(jax.vmap(jax.grad(margins)))(jnp.array([growth]))[0]
    along = jax.jvp(margins, (growth,), (2.0,))[1] / 2
    np.testing.assert_allclose([*slopes, along], expected, rtol=1e-7)


def test_float32_says_where_rounding_could_decide():
    """Revenue at the boundary is a ten-thousandth of the market at growth −0.7, and a millionth at −0.67."""
    solution = largest_disparity(jnp.float32(-0.8), 2, 100)
    assert solution.value.revenue.dtype == jnp.float32
    assert int(solution.value.largest) == 3
    assert int(solution.status) == Status.OK
    assert int(largest_disparity(jnp.float32(-0.7), 2, 100).status) == Status.ALMOST
    assert boundary(np.float32(-0.67), up_to=2000).status is Status.ALMOST
    for growth in (-1.0, -0.7, -0.67):
        assert boundary(growth, up_to=2000).status is Status.OK


class TestTheory:
    @pytest.mark.long
    @pytest.mark.parametrize("agents", [2, 3, 4, 7])
    def test_critical_growth_is_where_the_constant_share_is_affordable(self, agents):
        """φ from a dense grid of factors by which agents lie, in long double."""
        u = np.linspace(0, 1, 200_001, dtype=np.longdouble)[1:-1]

        def room(growth):
            a = 1 + np.longdouble(growth)
            share = ((1 + (agents - 1) * u) ** growth - np.longdouble(agents) ** growth * u**a) / (1 - u**a)
            return np.longdouble(agents) ** a - share.max()

        critical = float(critical_growth(agents))
        assert abs(float(room(critical))) < 1e-8
        assert room(critical - 1e-4) < 0 < room(critical + 1e-4)
        assert critical >= -agents / (agents + 1)

    @pytest.mark.parametrize("agents", [2, 3])
    def test_above_the_critical_growth_nothing_fails(self, agents):
        critical = critical_growth(agents)
        for growth in (critical + 1e-3, -0.5, -0.1):
            assert never_fails(growth, agents)
            found = largest_disparity(growth, agents, 3000).value
            assert int(found.largest) == -1
            assert float(found.margin[0]) > 0

    @pytest.mark.parametrize("agents", [2, 3])
    def test_below_the_critical_growth_something_fails(self, agents):
        growth = critical_growth(agents) - 0.02
        assert not never_fails(growth, agents)
        assert int(largest_disparity(growth, agents, 5000).value.largest) > 0

    def test_no_competition_never_fails(self):
        assert never_fails(0.0)
        assert never_fails(1.5, 4)
        assert not never_fails(-1.0)

    @pytest.mark.parametrize("agents", [2, 3, 6, 20, 50])
    def test_the_premise_of_the_search_holds_wherever_something_can_fail(self, agents):
        for growth in np.linspace(-0.9999, critical_growth(agents), 25):
            assert concentration_holds(jnp.asarray(growth), jnp.asarray(float(agents)))

    def test_market_share_of_nothing_is_nothing(self):
        assert float(market_share(jnp.array(0.0), jnp.array(0.0), jnp.array(-1.0), 2)) == 0.0
        assert float(market_share(jnp.array(0.0), jnp.array(5.0), jnp.array(-1.0), 2)) == pytest.approx(1.0)


def test_a_premise_that_fails_lowers_the_status(monkeypatch):
    monkeypatch.setattr("jaxmech.multiparty._boundary.concentration_holds", lambda growth, agents: jnp.array(False))
    found = boundary(-0.7, up_to=50)
    assert found.status is Status.ALMOST
    assert found.argument.startswith("not proven")
    assert boundary(-0.5, up_to=5).status is Status.OK


def test_boundary_says_what_is_known():
    found = boundary(-0.7)
    assert (found.largest, found.unbounded, found.searched_to) == (38, False, 39)
    assert found.chain == (1, 2, 3, 5, 8, 14, 23, 39)
    assert "convexity" in found.argument
    never = boundary(-0.6, up_to=50)
    assert (never.largest, never.unbounded, never.searched_to, never.chain) == (None, True, 50, ())
    unknown = boundary(-0.663, up_to=50)
    assert (unknown.largest, unknown.unbounded) == (None, False)
    assert "nobody is harmed" in boundary(0.0, up_to=5).argument
    assert "constant" in boundary(-0.5, up_to=5).argument


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ((-1.5,), ("growth = -1.5", "at least -1")),
        ((float("nan"),), ("growth = nan", "at least -1")),
        ((-0.7, 1), ("agents = 1", "at least 2")),
        ((-0.7, 2, 0), ("up_to = 0", "whole number from 1")),
        ((-0.7, 2, 10**9), ("up_to = 1000000000", "10,000,000")),
    ],
)
def test_bad_input_is_one_clear_line(arguments, parts):
    with pytest.raises(ProblemError) as caught:
        boundary(*arguments)
    assert all(part in str(caught.value) for part in parts)
