"""What a strategy costs, as a pure function: closed forms, differences, batches."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import ProblemError, collaboration
from jaxmech.deviation import Deviation, SearchSettings, best_responses, penalty
from jaxmech.deviation._draws import directions
from jaxmech.deviation._spread import spread_draws
from tests.deviation.mechanisms import Hidden, Naive, different, equal
from tests.oracles import deviation as oracle

KEYS = jax.random.split(jax.random.key(7), 16)
PLANS = {
    "pool": lambda: equal(5, "pool"),
    "counted-pool": lambda: different(4, "counted-pool"),
    "c3d": lambda: equal(10, "c3d"),
    "cbl": lambda: different(10, spread=0.3),
}


def scaled(samples, factor):
    return dataclasses.replace(Deviation.truth(samples), log_samples=jnp.log(factor) * jnp.ones_like(samples))


def under(keys, mechanism, problem, agent, strategy, **options):
    """Average over independent draws, and its standard error."""
    paid = np.asarray(jax.vmap(lambda key: penalty(mechanism, problem, agent, strategy, key, **options))(keys))
    return paid.mean(), paid.std(ddof=1) / np.sqrt(len(paid))


@pytest.mark.parametrize("name", PLANS)
def test_compliance_costs_what_is_promised(name):
    problem, plan, machine = PLANS[name]()
    for agent in {0, len(plan.penalty) - 1}:
        unit = jnp.where(plan.samples[agent] > 0, plan.samples[agent], 1.0)
        does = (plan.samples[agent] > 0).astype(unit.dtype)
        strategy = dataclasses.replace(Deviation.truth(unit), collects=does, submits=does)
        paid, error = under(KEYS, machine, problem, agent, strategy, draws=1024)
        assert error < 5e-4 * paid
        assert abs(paid - float(plan.penalty[agent])) < 5 * error + 1e-12


def test_other_amounts_cost_what_the_formula_says():
    problem, plan, machine = equal(10, "c3d")
    star, total, alpha = (float(x) for x in (plan.samples[0, 0], plan.total[0], plan.alpha[0, 0]))
    for factor in (0.5, 2.0):
        paid, error = under(KEYS, machine, problem, 0, scaled(plan.samples[0], factor), draws=1024)
        exact = oracle.checked_penalty(factor * star, star, total, alpha, 0.01, 1.0)
        assert error < 1e-3 * exact
        assert abs(paid - exact) < 5 * error
    problem, plan, machine = equal(5, "pool")
    n = float(plan.samples[0, 0])
    paid, error = under(KEYS, machine, problem, 0, scaled(plan.samples[0], 0.1), draws=1024)
    assert paid == pytest.approx(1 / (4.1 * n) + 0.01 * 0.1 * n, abs=5 * error + 1e-12)


@pytest.mark.long
def test_without_an_answer_for_one_agent_the_penalty_is_the_same():
    problem, plan, machine = equal(4, "c3d")
    for strategy in (Deviation.truth(plan.samples[0]), scaled(plan.samples[0], 0.5)):
        exact, _ = under(KEYS, machine, problem, 0, strategy)
        paid, error = under(KEYS, Hidden(machine), problem, 0, strategy)
        assert error < 0.01 * exact
        assert abs(paid - exact) < 5 * error


@pytest.mark.long
def test_who_invents_pays_by_how_far_off_she_is():
    """She submits 0 where the mean is 3σ; half of the points are hers, so the pooled mean is off by 1.5σ."""
    problem, plan, machine = equal(2, "pool")
    invented = dataclasses.replace(Deviation.truth(plan.samples[0]), gain=jnp.zeros(1), collects=jnp.zeros(1))
    invented = dataclasses.replace(invented, invents=jnp.ones(1))
    n = float(plan.samples[0, 0])
    for mean in (0.0, 3.0, jnp.array([3.0])):
        paid, error = under(KEYS, machine, problem, 0, invented, mean=mean)
        assert paid == pytest.approx(0.25 / n + 0.25 * float(jnp.max(jnp.asarray(mean))) ** 2, abs=5 * error + 1e-12)


def parameters():
    problem, plan, machine = equal(6, "c3d")
    strategy = dataclasses.replace(
        scaled(plan.samples[0], 0.8), offset=jnp.array([0.3]), gain=jnp.array([0.9]), log_report=jnp.array([0.2])
    )
    moved = ("log_samples", "offset", "gain", "log_report", "log_weights", "jitter", "discards", "keeps")
    return {
        **{name: getattr(strategy, name) for name in moved},
        "alpha": machine.alpha,
        "costs": problem.costs,
        "sigma": problem.sigma,
        "price": problem.price,
    }, (problem, machine, strategy)


def paid_for(values, given, key):
    _, machine, strategy = given
    numbers = {name: value for name, value in values.items() if hasattr(strategy, name)}
    there = collaboration.Problem(values["costs"], values["sigma"], values["price"])
    machine = dataclasses.replace(machine, alpha=values["alpha"], variance=values["sigma"] ** 2)
    return penalty(machine, there, 0, dataclasses.replace(strategy, **numbers), key, draws=256, mean=0.5)


@pytest.mark.long
def test_derivatives_are_those_of_differences_under_the_same_draws():
    values, given = parameters()
    run = jax.jit(lambda values, key: paid_for(values, given, key))
    slopes = jax.jit(jax.grad(lambda values, key: paid_for(values, given, key)))(values, KEYS[0])
    generator = np.random.default_rng(1)
    for name, value in values.items():
        way = jnp.asarray(generator.normal(size=value.shape)) * jnp.maximum(jnp.abs(value), 0.1)
        step = 1e-5
        ahead, behind = (run({**values, name: value + sign * step * way}, KEYS[0]) for sign in (1, -1))
        there = float(jnp.sum(slopes[name] * way))
        assert there == pytest.approx(float(ahead - behind) / (2 * step), rel=1e-5, abs=1e-9), name


@pytest.mark.long
def test_it_compiles_batches_and_both_at_once():
    values, given = parameters()
    one = lambda scale, key: paid_for({**values, "costs": scale * values["costs"]}, given, key)  # noqa: E731
    scales = jnp.array([0.5, 1.0, 2.0])
    loop = [float(one(scale, key)) for scale, key in zip(scales, KEYS, strict=False)]
    np.testing.assert_allclose(jax.jit(jax.vmap(one))(scales, KEYS[:3]), loop, rtol=1e-12)
    slopes = jax.jit(jax.vmap(jax.grad(one)))(scales, KEYS[:3])
    np.testing.assert_allclose(slopes, [jax.grad(one)(s, k) for s, k in zip(scales, KEYS, strict=False)], rtol=1e-10)
    by_agent = jax.vmap(lambda agent: penalty(given[1], given[0], agent, given[2], KEYS[0]))(jnp.arange(6))
    np.testing.assert_allclose(by_agent, np.full(6, float(by_agent[0])), rtol=1e-12)


@pytest.mark.long
def test_plain_mechanisms_and_several_distributions():
    problem = collaboration.Problem([[0.01, 0.02]] * 3, 1.0)
    naive, strategy = Naive(jnp.full((3, 2), 5.0), 0.0), Deviation.truth(jnp.array([5.0, 5.0]))
    paid, error = under(KEYS, naive, problem, 1, strategy)
    assert paid == pytest.approx(2 / 15 + 0.05 + 0.1, abs=5 * error + 1e-12)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"agent": 6}, "number of agents"),
        ({"draws": 0}, "whole number"),
        ({"two": 1}, "1 d"),
    ],
)
def test_what_makes_no_sense_is_refused(changed, words):
    problem, plan, machine = equal(6, "c3d")
    strategy = Deviation.truth(jnp.ones(2) if changed.pop("two", 0) else plan.samples[0])
    with pytest.raises(ProblemError, match=words):
        penalty(machine, problem, changed.pop("agent", 0), strategy, KEYS[0], **changed)


@pytest.mark.long
def test_draws_are_spread_evenly_and_finite():
    for dtype in (jnp.float64, jnp.float32):
        with jax.enable_x64(dtype == jnp.float64):
            draws = spread_draws(KEYS[0], 4096, 1, 3)
            assert draws.own.dtype == dtype
            numbers = np.concatenate([draws.own, draws.private, draws.others[:, 0]], axis=1)
            assert np.all(np.isfinite(numbers))
            np.testing.assert_allclose(numbers.mean(axis=0), 0, atol=2e-3)
            np.testing.assert_allclose(np.cov(numbers.T), np.eye(9), atol=0.02)
    assert len(np.unique(directions(9, 12), axis=0)) == 12


def test_beyond_what_sobol_spreads_draws_are_independent():
    draws = spread_draws(KEYS[0], 64, 600, 1)
    assert draws.others.shape == (64, 600, 1)
    assert abs(float(jnp.mean(draws.others))) < 5 / np.sqrt(64 * 600)


@pytest.mark.parametrize("name", ["pool", "c3d", "cbl"])
def test_numbers_of_numpy_are_indexed_by_agents_that_are_traced(name):
    """As they come out of a batch: everything in NumPy, the agent alone traced."""
    problem, plan, machine = equal(4, name)
    known, host = jax.tree.map(np.asarray, (machine, problem))
    shirks, key = Deviation.truth(0.5 * plan.samples[0]), jax.random.key(3)
    found = jax.jit(lambda agent: penalty(known, host, agent, shirks, key, 64))(1)
    assert float(found) == pytest.approx(float(penalty(machine, problem, 1, shirks, key, 64)), rel=1e-12)


@pytest.mark.long
def test_a_search_takes_numbers_of_numpy_and_a_key_that_is_traced():
    problem, _, machine = equal(4, "pool")
    known, host = jax.tree.map(np.asarray, (machine, problem))
    quick = SearchSettings(draws=16, steps=2, polish_draws=16, polish_steps=2, batches=4, batch=64)
    found = jax.jit(lambda key: best_responses(known, host, key, [0], quick))(jax.random.key(0))
    # who collects nothing where all is pooled has the points of the other three, 5 each, for nothing
    assert 0 < float(found.standard_error[0]) < 0.003
    assert abs(float(found.gain[0]) - (1 / 20 + 0.05 - 1 / 15)) < 5 * float(found.standard_error[0])
