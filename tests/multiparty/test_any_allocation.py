"""Exploitation payments for allocations of one's own: by brute force in NumPy and by linear programs."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

from jaxmech import multiparty
from jaxmech.multiparty import General, Linear, TypeSpace, audit_table, check_assumptions, exploitation_of, table_of

LEVELS = np.array([0.0, 0.4, 1.0])
EFFECTS = np.array([[1.0, -0.6], [-0.3, 0.8]])


def odd_rule(seed):
    """An allocation that jumps about, but hands nobody less than what her report can train: (JAX, NumPy)."""
    a, b, c = np.random.default_rng(seed).uniform(0.5, 3.0, 3)

    def extra(reports, module):
        return a * (1 + module.sin(7 * b * reports.sum() + c * module.arange(2))) * reports.sum()

    def allocate(reports, present):
        return jnp.where(present, reports + extra(reports, jnp), 0.0)

    return allocate, lambda reports, present: np.where(present, reports + extra(reports, np), 0.0)


def earned(handed, types):
    return EFFECTS @ np.maximum(handed, types)


@pytest.mark.parametrize("seed", range(12))
def test_payments_are_the_largest_rational_ones_and_truthful(seed):
    space = TypeSpace(LEVELS, Linear(EFFECTS), "linear")
    traced, plain = odd_rule(seed)
    table = table_of(space, exploitation_of(space, traced))
    everybody = np.ones(2, bool)
    paid = {}
    for at in itertools.product(range(3), repeat=2):
        types = LEVELS[list(at)]
        stay = [earned(plain(np.where(np.arange(2) != i, types, 0.0), np.arange(2) != i), types)[i] for i in (0, 1)]
        value = earned(plain(types, everybody), types)
        best = linprog([-1, -1], A_ub=np.eye(2), b_ub=value - stay, bounds=[(None, None)] * 2)
        np.testing.assert_allclose(np.asarray(table.payment)[:, at[0], at[1]], best.x, atol=1e-9)
        paid[at] = best.x
    for at in itertools.product(range(3), repeat=2):
        types = LEVELS[list(at)]
        for i, report in itertools.product((0, 1), range(3)):
            if report >= at[i]:
                continue
            told = tuple(report if j == i else at[j] for j in (0, 1))
            handed = plain(LEVELS[list(told)], everybody)
            honest = earned(plain(types, everybody), types)[i] - paid[at][i]
            for own in (handed[i], types[i]):  # either of her two models
                used = np.maximum(handed, types)
                used[i] = own
                assert (EFFECTS @ used)[i] - paid[told][i] <= honest + 1e-9
    audits = {audit.claim: audit for audit in audit_table(table)}
    assert audits["incentive compatible"].holds
    assert audits["individually rational"].holds


def test_of_the_efficient_allocation_they_are_those_of_the_package():
    space = TypeSpace(LEVELS, Linear(EFFECTS), "logistic")
    own = multiparty.exploitation_mechanism(space)
    table = table_of(space, exploitation_of(space, own.allocate))
    np.testing.assert_allclose(table.payment, table_of(space, own).payment, atol=1e-12)
    np.testing.assert_allclose(table.allocation, multiparty.report_table(space).allocation, atol=1e-12)


@pytest.mark.parametrize(
    ("function", "facts"),
    [
        (lambda q: EFFECTS @ q, [True, True, False]),
        (lambda q: q + 0.1 * q.sum(), [True, True, True]),
        (lambda q: q * (1 - 1.2 * q.sum()), [False, False, False]),
        (lambda q: q / (0.1 + q.sum()), [True, True, False]),
    ],
    ids=["rivals", "friends", "crowded", "shares"],
)
def test_assumptions_are_those_that_differences_show(function, facts):
    space = TypeSpace(LEVELS, General(function, 2), "linear")
    found = check_assumptions(space)
    assert [audit.holds for audit in found] == facts
    axis = np.linspace(0.0, 2.0, 9)
    effects = np.array(
        [
            [(np.asarray(function(q + 1e-6 * e)) - np.asarray(function(q))) / 1e-6 for e in np.eye(2)]
            for q in (np.array(pair) for pair in itertools.product(axis, repeat=2))
        ]
    )  # [point, whose model, whose earnings]
    least = [effects[:, [0, 1], [0, 1]].min(), effects.sum(axis=2).min(), effects.min()]
    assert [bool(value > -1e-4) for value in least] == facts


def test_slopes_that_are_infinite_at_nothing_are_left_out():
    audits = check_assumptions(multiparty.market_growth(-0.7, 2, 5))
    assert all(np.isfinite(audit.margin) for audit in audits)
    assert audits[1].holds
    assert not audits[2].holds
