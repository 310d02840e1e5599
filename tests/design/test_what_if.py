"""Designs under another σ, with half of somebody's points or made-up ones: against exchanges drawn at random."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech.collaboration import Problem, Role
from jaxmech.design import Design, account, harm_of_design, otherwise, threshold_rule

RUNS = 40_000
SIGMA, PRICE = np.array([2.0, 5.0]), np.array([3.0, 1.0])
COSTS = np.array([[0.5, 2.0], [0.7, 1.5], [0.6, 1.0]])
N = np.array([[6.0, 2.0], [2.0, 5.0], [3.0, 0.0]])
Z = np.array([[0.0, 3.0], [2.0, 0.0], [4.0, 2.0]])
REST = np.array([[0.0, 2.0], [5.0, 0.0], [3.0, 5.0]])
LIMIT = np.array([[np.inf, 6.0], [2.5, np.inf], [2.0, np.inf]])


def made(cap, linked):
    """Agents who work alone, are checked, and receive; nothing of it is optimal."""
    alone, checked, receives = Role.ALONE, Role.CHECKED, Role.RECEIVES
    role = np.array([[alone, checked], [checked, alone], [checked, receives]], int)
    tables = [jnp.asarray(part) for part in (N, Z, REST, LIMIT, role)]
    one = jnp.ones(())
    numbers = jnp.zeros((3, 2)), jnp.zeros(3), one, one, one
    code = jnp.asarray(0)
    design = Design(*tables, threshold_rule(cap), *numbers, jnp.asarray(linked), code, code)
    return Problem(costs=COSTS, sigma=SIGMA, price=PRICE), design


def penalties(design, cap, linked, rng, spread=1.0, half=None, off=None):
    """What each pays in every run, (RUNS, 3), if one hands in half of a distribution, or numbers off by σ."""
    counts = N.astype(int)
    if half is not None:
        counts[half] //= 2
    paid = np.zeros((RUNS, 3))
    data = [[spread * SIGMA[k] * rng.standard_normal((RUNS, counts[i, k])) for k in range(2)] for i in range(3)]
    if off is not None:
        data[off[0]][off[1]] += SIGMA[off[1]]
    for j in range(3):
        got, fails = [], []
        for k in range(2):
            theirs = np.concatenate([data[i][k] for i in range(3) if i != j], axis=1)
            theirs = np.take_along_axis(theirs, np.argsort(rng.random(theirs.shape), axis=1), axis=1)
            z = min(int(Z[j, k]), theirs.shape[1])
            clean, rest = theirs[:, :z], theirs[:, z : z + int(REST[j, k])]
            apart = np.abs(data[j][k].mean(axis=1) - clean.mean(axis=1)) if np.isfinite(LIMIT[j, k]) else 0.0
            got.append((clean, rest))
            fails.append(apart > LIMIT[j, k] if np.isfinite(LIMIT[j, k]) else np.zeros(RUNS, bool))
        for k, (clean, rest) in enumerate(got):
            missed = fails[0] | fails[1] if linked else fails[k]
            noisy = rest + np.sqrt(cap) * SIGMA[k] * rng.standard_normal(rest.shape) if np.isfinite(cap) else rest
            weight = np.where(missed, 1 / (1 + cap), 1.0)
            sure = counts[j, k] + clean.shape[1]
            total = data[j][k].sum(axis=1) + clean.sum(axis=1)
            total = total + weight * np.where(missed[:, None], noisy, rest).sum(axis=1)
            estimate = total / (sure + weight * rest.shape[1])
            paid[:, j] += PRICE[k] * estimate**2 + COSTS[j, k] * counts[j, k]
    return paid


CASES = [(np.inf, True), (np.inf, False), (4.0, True)]


@pytest.mark.parametrize(("cap", "linked"), CASES)
@pytest.mark.parametrize("spread", [0.8, 1.2])
def test_another_spread_costs_what_exchanges_cost(cap, linked, spread):
    problem, design = made(cap, linked)
    paid = penalties(design, cap, linked, np.random.default_rng(1), spread)
    found = otherwise(problem, design, spread)
    error = paid.std(axis=0) / RUNS**0.5
    assert (np.abs(paid.mean(axis=0) - found.penalty) < 4 * error).all()
    assert (found.saving >= 0).all()


@pytest.mark.parametrize(("cap", "linked"), CASES)
def test_what_the_others_lose_is_what_they_lose_in_exchanges(cap, linked):
    problem, design = made(cap, linked)
    found = harm_of_design(problem, design)
    honest = penalties(design, cap, linked, np.random.default_rng(2))
    for place, change in (((0, 0), "half"), ((0, 0), "off"), ((1, 1), "off"), ((2, 0), "off")):
        told = penalties(design, cap, linked, np.random.default_rng(3), **{change: place})
        lost = np.delete(told, place[0], axis=1).sum(axis=1), np.delete(honest, place[0], axis=1).sum(axis=1)
        error = (lost[0].var() + lost[1].var()) ** 0.5 / RUNS**0.5
        part = found.fewer if change == "half" else found.invented
        assert abs(lost[0].mean() - lost[1].mean() - float(part[place])) < 4 * error


def test_at_the_agreed_spread_it_is_the_account_and_elsewhere_nothing_is_said():
    problem, design = made(np.inf, True)
    told = otherwise(problem, design, 1.0)
    told_failing = dataclasses.replace(design, failure=jnp.asarray(told.failure))
    books = account(problem, told_failing)
    penalty = np.asarray(books.bill + books.error).sum(axis=1)
    np.testing.assert_allclose(told.penalty, penalty, rtol=1e-12)
    assert harm_of_design(problem, dataclasses.replace(design, rest=jnp.asarray(REST + 0.5))) is None
    assert otherwise(problem, dataclasses.replace(design, precision=jnp.ones((3, 2))), 1.0) is None
    inside = dataclasses.replace(design, ellipsoid=jnp.asarray(True))  # whose chances are no products
    assert otherwise(problem, inside, 1.0) is None
    assert harm_of_design(problem, inside) is None
