"""Markets as pure functions: the search on a stack, plans under jit and vmap, derivatives, other platforms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

import jaxmech
from jaxmech import ProblemError, Status, market
from jaxmech.market._search import Menu, search
from jaxmech.market._stack import best_allocation
from tests.market.problems import lab_market, rough, smooth, with_tables
from tests.oracles import market as oracle

SIZES = np.arange(65)
MENU = np.arange(500)


many = jax.jit(jax.vmap(best_allocation))


def _markets(count, types, largest):
    """Values with jumps and of closed forms in turn, counts, and charges per point."""
    rng = np.random.default_rng([count, types, largest])
    values = np.stack([(rough, smooth)[j % 2](j, types, largest) for j in range(count)])
    return values, rng.integers(1, 20, (count, types)).astype(float), 10 ** rng.uniform(-2.5, -1, count)


@pytest.mark.long
@pytest.mark.parametrize(("types", "largest"), [(2, 12), (3, 6)])
def test_search_against_all_allocations(types, largest):
    values, counts, costs = _markets(12, types, largest)
    found = jax.vmap(best_allocation)(values, counts, costs[:, None] * np.arange(largest + 1))
    assert found.finished.all()
    for j in range(12):
        profit, _ = oracle.best_allocation(values[j], counts[j], costs[j])
        assert float(found.profit[j]) == pytest.approx(profit, rel=1e-12, abs=1e-12)
        assert float(found.bound[j]) == pytest.approx(profit, rel=1e-10, abs=1e-10)


@pytest.mark.long
def test_search_against_the_tree_on_the_host_and_alone():
    values, counts, costs = _markets(40, 3, 64)
    charges = costs[:, None] * SIZES
    found = many(values, counts, charges)
    assert found.finished.all()
    for j in range(0, 40, 3):
        known = search(Menu(SIZES, values[j], counts[j], costs[j]))
        assert float(found.profit[j]) == pytest.approx(known.profit, rel=1e-11, abs=1e-12)
    alone = best_allocation(*(jnp.asarray(table[7]) for table in (values, counts, charges)))
    assert alone.places.tolist() == found.places[7].tolist()
    assert float(alone.profit) == float(found.profit[7])


@pytest.mark.long
def test_search_that_is_given_up_has_a_bound_that_holds():
    values, counts, costs = _markets(40, 3, 64)
    charges = costs[:, None] * SIZES
    whole = many(values, counts, charges)
    few = jax.vmap(lambda *data: best_allocation(*data, limit=5))(values, counts, charges)
    given_up = ~np.asarray(few.finished)
    assert given_up.sum() > 20
    assert np.all(np.asarray(few.steps) <= 5)
    assert np.all(np.asarray(few.bound) >= np.asarray(whole.profit))
    assert np.all(np.asarray(few.profit) <= np.asarray(whole.profit) * (1 + 1e-12))


@pytest.mark.long
@pytest.mark.parametrize("costs", [(0.03, 0.04), (0.03, 0.03, 0.05), (0.5, 0.9), (0.03,)])
def test_plan_is_that_of_the_search_on_the_host(costs):
    """Every size that could pay is on the menu, so that both are exact."""
    problem = lab_market(costs)
    host = market.solve(problem)
    traced = market.solve(problem, sizes=MENU)
    assert int(traced.status) == int(host.status) == Status.OK
    for name in ("samples", "sizes", "prices", "total", "profit", "optimum", "profit_bound", "optimum_bound"):
        ours, theirs = (np.asarray(getattr(one.value, name)) for one in (traced, host))
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11, err_msg=name)
    assert all(audit.holds for audit in market.certify(problem, traced.value) if audit.claimed)


@pytest.mark.long
def test_many_markets_in_one_call():
    """Costs and values drawn; each as by itself, and a broken one fails alone."""
    rng = np.random.default_rng(3)
    costs = 10 ** rng.uniform(-1.8, -1.0, (60, 2))
    tops = rng.uniform(0.3, 1.0, (60, 2))
    costs[17, 0] = np.nan

    def make(cost, top):
        buyers = [
            market.Buyer(market.exponential(0.3, top[0]), 5),
            market.Buyer(market.linear(0.5, top[1]), 3),
        ]
        return market.Problem(cost, 1.0, buyers)

    problems = jax.vmap(make)(costs, tops)
    found = jaxmech.batch(market.solve, problems)
    assert found.status[17] == Status.NONFINITE
    assert np.isnan(found.value.profit[17])
    good = found.status == Status.OK
    assert good.sum() >= 40
    assert set(found.status[~good].tolist()) <= {int(Status.MAX_STEPS), int(Status.NONFINITE)}
    for j in np.flatnonzero(good)[:12]:
        alone = market.solve(make(costs[j], tops[j])).value
        assert float(found.value.profit[j]) == pytest.approx(float(alone.profit), rel=1e-10, abs=1e-12)
    for j in np.flatnonzero(found.status == Status.MAX_STEPS)[:3]:
        alone = market.solve(make(costs[j], tops[j])).value
        assert float(found.value.optimum_bound[j]) >= float(alone.optimum) - 1e-12


@pytest.mark.long
def test_derivatives_are_those_of_the_largest_profit():
    problem = lab_market((0.03, 0.04))
    plan = market.solve(problem).value
    slopes = jax.grad(lambda one: market.solve(one, sizes=MENU).value.profit)(problem)
    known = market.sensitivity(problem, plan).profit
    for ours, theirs in zip(jax.tree.leaves(slopes), jax.tree.leaves(known), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)

    def profit(sigma):
        moved = market.Problem([0.03, 0.04], sigma, [market.Buyer(v) for v in problem.valuations])
        return market.solve(moved, sizes=MENU).value.profit

    step = 1e-6
    around = jnp.array([1.0, 1 + step, 1 - step])
    profits, slopes = jax.jit(jax.vmap(jax.value_and_grad(profit)))(around)
    assert float(slopes[0]) == pytest.approx(float(profits[1] - profits[2]) / (2 * step), rel=1e-6)
    assert float(jax.jvp(profit, (1.0,), (1.0,))[1]) == pytest.approx(float(slopes[0]), rel=1e-12)


@pytest.mark.long
def test_a_menu_too_short_says_what_it_may_miss():
    problem = lab_market()
    plan = market.solve(problem).value
    short = market.solve(problem, sizes=np.arange(101))
    assert int(short.status) == Status.MAX_STEPS
    assert float(short.value.optimum) < float(plan.optimum) <= float(short.value.optimum_bound)


@pytest.mark.long
def test_a_second_sample_that_is_too_large():
    problem = with_tables(np.array([[0.0, 0.5, 0.8, 0.9]]), [3], [0.1, 0.15])
    assert int(market.solve(problem, sizes=range(20)).status) == Status.OK
    refused = market.solve(problem, sizes=range(20), second=3)
    assert int(refused.status) == Status.INFEASIBLE
    assert np.isnan(refused.value.profit)


@pytest.mark.parametrize(
    ("sizes", "rule"),
    [
        ([1, 2, 3], "increase from 0"),
        ([0, 2, 1], "increase from 0"),
        ([0, 1.5, 3], "increase from 0"),
        ([0], "increase from 0"),
        ([0, 1], "must reach 2"),
        ([[0, 1, 2]], "increase from 0"),
    ],
)
def test_menus_that_are_none(sizes, rule):
    with pytest.raises(ProblemError, match=rule):
        market.solve(lab_market(), sizes=sizes)


def test_who_has_values_that_may_fall_is_named():
    falls = market.Buyer(market.table([0.0, 0.5, 0.3], monotone=False), 1, "office")
    problem = market.Problem([0.1, 0.2], 1.0, [market.Buyer(market.table([0.0, 0.5]), 1, "lab"), falls])
    with pytest.raises(ProblemError, match="value of office"):
        market.solve(problem, sizes=range(5))
    with pytest.raises(ProblemError, match="value of buyer 2"):  # tracing knows no names
        jax.jit(lambda problem: market.solve(problem, sizes=range(5)).value.profit)(problem)


def test_other_methods_have_no_menu():
    with pytest.raises(ProblemError, match="must be exact, or a rule of your own, on a menu"):
        market.solve(lab_market(), method="heuristic", sizes=range(9))


def test_the_program_compiles_for_accelerators_without_calls_of_libraries():
    problem = lab_market((0.012, 0.02))
    one = export.export(jax.jit(lambda p: market.solve(p, sizes=SIZES)), platforms=["cuda", "tpu"])(problem)
    assert "custom_call" not in one.mlir_module()
