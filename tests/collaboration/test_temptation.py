"""What agents are tempted to do, against plans, an oracle's quadrature and a search."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import collaboration, files
from jaxmech.collaboration import Problem, Role, free_riding, temptation, truthful_penalty
from tests.oracles import deviation as oracle

PLANS = [
    ("clinics", "leverage", "cbl"), ("clinics", "rational", "cbl"), ("three-agents", "nash", "cbl"),
    ("three-agents", "nash", "pool"), ("equal-agents", "social", "c3d"), ("hard-instance", "rational", "cbl"),
]  # fmt: skip


def solved(name, division, mechanism):
    problem = files.read(name).problem
    return problem, collaboration.solve(problem, division=division, mechanism=mechanism).raise_for_status().value


@pytest.mark.parametrize(("name", "division", "mechanism"), PLANS)
def test_penalties_by_distribution_add_up_and_temptations_do_not_pay(name, division, mechanism):
    problem, plan = solved(name, division, mechanism)
    pays, instead, _ = temptation(problem, plan)
    np.testing.assert_allclose(np.sum(pays, axis=1), plan.penalty, rtol=1e-10)
    if mechanism != "pool":
        assert (np.asarray(instead) >= np.asarray(pays) * (1 - 1e-12)).all()


def test_the_temptation_is_half_the_work_or_one_sample():
    problem, plan = solved("clinics", "leverage", "cbl")
    _, instead, _ = (np.asarray(part) for part in temptation(problem, plan))
    samples, costs = np.asarray(plan.samples), np.asarray(problem.costs)
    error = np.asarray(problem.sigma**2 * problem.price)
    seen = set()
    for (i, k), role in np.ndenumerate(np.asarray(plan.role)):
        others, half = samples[:, k].sum() - samples[i, k], samples[i, k] / 2
        if role == Role.RECEIVES:
            expected = error[k] / (others + 1) + costs[i, k]
        elif role == Role.ALONE:
            expected = error[k] / half + costs[i, k] * half
        else:
            if Role.CHECKED in seen:
                continue  # quadrature takes a second
            scale = float(np.sqrt(error[k]))
            total, alpha = float(plan.total[k]), float(plan.alpha[i, k])
            expected = oracle.checked_penalty(half, samples[i, k], total, alpha, costs[i, k], scale)
        assert instead[i, k] == pytest.approx(expected, rel=1e-8)
        seen.add(role)
    assert seen == set(Role)


@pytest.mark.parametrize("mechanism", ["pool", "counted-pool"])
def test_nobody_rides_more_freely_than_told(mechanism):
    costs = np.array([[1.0, 3.0], [2.0, np.inf], [4.0, 0.5]])
    problem = Problem(costs, sigma=[10.0, 3.0], price=[1.0, 2.0])
    plan = collaboration.solve(problem, mechanism=mechanism).value
    free = free_riding(problem, plan)
    np.testing.assert_allclose(free.pays, plan.penalty, rtol=1e-12)
    grid = np.concatenate([[0.0], np.geomspace(1e-3, 1e3, 4001)])
    for i in range(3):
        for k in range(2):
            amounts = grid if np.isfinite(costs[i, k]) else grid[:1]
            others = float(plan.samples[:, k].sum() - plan.samples[i, k])
            spent = np.where(amounts > 0, costs[i, k] * np.where(amounts > 0, amounts, 0), 0) if len(amounts) > 1 else 0
            with np.errstate(divide="ignore"):
                searched = float(problem.price[k] * problem.sigma[k] ** 2) / (others + amounts) + spent
            told = truthful_penalty(problem, plan, free.samples)[i, k]
            assert float(told) <= searched.min() * (1 + 1e-12)
            assert float(told) == pytest.approx(searched.min(), rel=1e-5)


def test_temptations_are_pure_functions():
    """One compiled call for many problems, and a slope that agrees with a difference."""
    costs = jnp.array([[0.033], [0.066], [0.1]])
    plan = collaboration.solve(Problem(costs, 10.0)).value

    def lost(costs):
        pays, instead, _ = temptation(Problem(costs, 10.0), plan)
        return jnp.sum(instead - pays)

    many = jax.jit(jax.vmap(jax.grad(lost)))(costs * jnp.linspace(0.9, 1.1, 3)[:, None, None])
    step = 1e-6
    ahead, behind = (lost(costs.at[1, 0].add(way * step)) for way in (1, -1))
    assert many[1, 1, 0] == pytest.approx(float(ahead - behind) / (2 * step), rel=1e-6)


def test_half_of_the_work_under_no_noise_is_what_a_longer_mean_leaves():
    """With α = 0 a checked agent's estimate is the mean of n + T − n* points, whatever she collects."""
    problem, plan = solved("equal-agents", "social", "c3d")
    silent = dataclasses.replace(plan, alpha=jnp.zeros_like(plan.alpha))
    half = plan.samples / 2
    expected = problem.scale**2 / (half + plan.total - plan.samples) + problem.costs * half
    np.testing.assert_allclose(truthful_penalty(problem, silent, half), expected, rtol=1e-9)


@pytest.mark.long
def test_limits_keep_the_temptation_near():
    """Who must collect 50 and is asked for 55 is not tempted by half of that; what is told is the amount."""
    problem = Problem([[0.033], [0.067], [1.0]], 10.0, least=[[50.0], [0.0], [0.0]])
    plan = collaboration.solve(problem, division="rational").raise_for_status().value
    pays, instead, samples = temptation(problem, plan)
    assert samples[0, 0] == 50
    assert samples[1, 0] == pytest.approx(float(plan.samples[1, 0]) / 2)
    assert instead[0, 0] == pytest.approx(10.0**2 / 50 + 0.033 * 50)
    assert pays[0, 0] < instead[0, 0]
