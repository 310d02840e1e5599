"""The largest payments of any allocation against linear programs, and the certificates that rest on them."""

import dataclasses
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import multiparty
from jaxmech.multiparty import (
    General,
    Linear,
    Problem,
    TypeSpace,
    audit_table,
    certify,
    exploitation_of,
    largest_payments,
    largest_revenue,
    solve,
    table_of,
)
from tests.oracles import multiparty as oracle

LEVELS = [0.0, 0.4, 0.7, 1.0]
RULES = np.random.default_rng(8).uniform(0.5, 3.0, (8, 4))


def earn(q, m):
    """Firms crowd each other, and profit from each other's quality a little: monotone in nothing."""
    total = q[0] + q[1]
    return [q[0] * (2.0 - total) + 0.3 * q[1] ** 2, q[1] / (0.2 + total) - 0.4 * m.sin(3.0 * q[0])]


def extra(reports, numbers, m):
    """By how much models handed out exceed what reports can train: it jumps about, and is not efficient."""
    a, b, c, d = numbers
    total = reports[0] + reports[1]
    return [a * (1.0 + m.sin(7 * b * total)) * reports[1], d * (1.0 + m.cos(5 * c * total)) * reports[0]]


@pytest.fixture(scope="module", params=range(len(RULES)), ids=str)
def case(request):
    numbers = RULES[request.param].tolist()

    def allocate(reports, present):
        shown = jnp.where(present, reports, 0.0)
        return jnp.where(present, shown + jnp.stack(extra(shown, numbers, jnp)), 0.0)

    def hand_out(reports, present):
        shown = [r if here else 0.0 for r, here in zip(reports, present, strict=True)]
        more = extra(shown, numbers, math)
        return [r + x if here else 0.0 for r, x, here in zip(shown, more, present, strict=True)]

    space = TypeSpace(LEVELS, General(lambda q: jnp.stack(earn(q, jnp)), 2), "linear")
    table = table_of(space, exploitation_of(space, allocate))
    return table, oracle.Market(2, lambda q: earn(q, math), lambda size: size, hand_out)


def test_a_linear_program_collects_no_more(case):
    table, market = case
    found = np.asarray(largest_payments(table))
    for i, k in itertools.product((0, 1), range(len(LEVELS))):
        others = [LEVELS[k]] * 2
        others.pop(i)
        best = oracle.by_linear_program(market, i, others, LEVELS)
        np.testing.assert_allclose(np.take(found[i], k, axis=1 - i), best, atol=1e-8)


def test_one_cent_less_of_anybody_is_seen(case):
    table, _ = case
    most = dataclasses.replace(table, payment=largest_payments(table))
    assert largest_revenue(most).holds
    audits = {audit.claim: audit for audit in audit_table(most)}
    assert audits["individually rational"].holds
    less = dataclasses.replace(most, payment=most.payment.at[1, 2, 3].add(-0.01))
    audit = largest_revenue(less)
    assert not audit.holds
    assert "at types (0.7, 1), agent 2 pays" in audit.witness


def test_exploitation_collects_most_where_own_and_others_parts_are_apart():
    """Theorem 1: of quasi-monotone valuations the rational limit is truthful too, so that incentives cost nothing."""
    space = TypeSpace(LEVELS, Linear([[1.0, -0.6], [-0.3, 0.8]]), "linear")
    own = exploitation_of(space, lambda reports, here: jnp.where(here, reports + jnp.sin(reports.sum()) ** 2, 0.0))
    assert largest_revenue(table_of(space, own)).holds


@pytest.mark.parametrize("harm", [0.4, -0.4])
def test_a_plan_certifies_that_nobody_pays_less_than_she_could(harm):
    problem = Problem([0.3, 0.8], Linear([[1.0, harm], [0.1, 1.0]]))
    plan = solve(problem).value
    claims = {audit.claim: audit for audit in certify(problem, plan)}
    assert claims["largest revenue"].holds
    assert claims["largest revenue"].claimed
    cheaper = dataclasses.replace(plan, payment=plan.payment.at[0].add(-0.05))
    found = {audit.claim: audit for audit in certify(problem, cheaper)}["largest revenue"]
    assert not found.holds
    assert "agent 1 could be charged 0.05 more" in found.witness
    free = certify(problem, solve(problem, mechanism="free").value)
    assert "largest revenue" not in {audit.claim for audit in free}


def test_the_largest_payments_of_the_package_are_those_of_its_own_table():
    space = multiparty.market_growth(-0.7, 3, 3)
    table = multiparty.report_table(space)
    np.testing.assert_allclose(largest_payments(table), multiparty.maximal_payments(space), atol=1e-12)


@pytest.mark.long
def test_slopes_in_growing_markets_are_finite_in_batches():
    """The slope of a maximum that is computed once more with another rounding was 0/0."""

    def charged(growth):
        return jnp.sum(largest_payments(multiparty.report_table(multiparty.market_growth(growth, 2, 6))))

    rates, step = jnp.linspace(-0.95, 0.9, 6), 1e-5
    slopes = jax.vmap(jax.grad(charged))(rates)
    between = (jax.vmap(charged)(rates + step) - jax.vmap(charged)(rates - step)) / (2 * step)
    np.testing.assert_allclose(slopes, between, rtol=1e-6)
    forward = jax.vmap(lambda rate: jax.jvp(charged, (rate,), (1.0,))[1])(rates)
    np.testing.assert_allclose(forward, slopes, rtol=1e-12)
