"""Weighted contributions: the model of all is Q of a weighted sum, an agent's own is Q of what she has."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import ProblemError
from jaxmech.multiparty import (
    Linear,
    Problem,
    TypeSpace,
    certify,
    coalitions,
    existence,
    market_growth,
    solve,
    weighted,
)
from tests.oracles import multiparty as oracle

WEIGHTS = [0.3, 1.0, 1.7]
EFFECTS = np.array([[1.0, -0.2, 0.3], [0.1, 0.9, -0.5], [-0.4, 0.2, 0.8]])


def hand_out(table, weights):
    """The best model for whose model does no harm to all together; it may be worse than her own."""

    def give(reports, present):
        shown = [w * r for w, r, here in zip(weights, reports, present, strict=True) if here]
        best, effects = oracle.logistic(sum(shown)), table.sum(axis=0)
        return [best if here and effect >= 0 else 0.0 for here, effect in zip(present, effects, strict=True)]

    return give


def market(table, weights):
    return oracle.Market(len(table), oracle.linear_market(table.tolist()), oracle.logistic, hand_out(table, weights))


@pytest.mark.parametrize("types", [[0.5, 0.2, 0.9], [3.0, 0.0, 0.1]], ids=["alike", "one has better alone"])
def test_plans_are_those_of_the_definition(types):
    problem = Problem(types, Linear(EFFECTS), weighted("logistic", WEIGHTS))
    plan = solve(problem).raise_for_status().value
    reference = market(EFFECTS, WEIGHTS)
    assert float(plan.best) == pytest.approx(oracle.logistic(float(np.dot(WEIGHTS, types))), abs=1e-12)
    for i in range(3):
        assert float(plan.value[i]) == pytest.approx(reference.value(i, types, types), abs=1e-12)
        assert float(plan.payment[i]) == pytest.approx(reference.exploitation(i, types), abs=1e-12)
    assert all(audit.holds for audit in certify(problem, plan) if audit.claimed)


def test_the_largest_payments_are_those_of_linear_programs():
    levels = [0.0, 0.5, 2.0]
    space = TypeSpace(levels, Linear(EFFECTS), weighted("logistic", WEIGHTS))
    paid = np.asarray(existence(space).value.payment)
    reference = market(EFFECTS, WEIGHTS)
    for i, (a, b) in itertools.product(range(3), itertools.product(range(3), repeat=2)):
        types = [levels[a], levels[b]]
        others = [*types[:i], None, *types[i:]]
        best = oracle.by_linear_program(reference, i, others[:i] + others[i + 1 :], levels)
        np.testing.assert_allclose(np.moveaxis(paid[i], i, 0)[:, a, b], best, atol=1e-8)


@pytest.mark.long
def test_coalitions_keep_the_weights_of_their_members():
    space = TypeSpace([0.5, 2.0], Linear(EFFECTS), weighted("logistic", WEIGHTS))
    assert [part.space.quality.weights for part in coalitions(space)] == [
        (0.3, 1.0, 1.7),
        (0.3, 1.0),
        (0.3, 1.7),
        (1.0, 1.7),
    ]


def test_agents_of_different_weight_are_not_alike():
    valuation = market_growth(-0.7, 2, 3).valuation
    space = TypeSpace([0.0, 1.0, 2.0], valuation, weighted("linear", [0.5, 2.0]))
    swapped = TypeSpace([0.0, 1.0, 2.0], valuation, weighted("linear", [2.0, 0.5]))
    paid, other = existence(space).value.payment, existence(swapped).value.payment
    np.testing.assert_allclose(paid, jnp.stack([other[1].T, other[0].T]), atol=1e-12)
    assert not np.allclose(paid[0], paid[1].T)


def test_weights_of_one_change_nothing():
    plain = solve(Problem([0.5, 0.2, 0.9], Linear(EFFECTS))).value
    ones = solve(Problem([0.5, 0.2, 0.9], Linear(EFFECTS), weighted("logistic", [1, 1, 1]))).value
    np.testing.assert_allclose(ones.payment, plain.payment, atol=1e-15)


@pytest.mark.parametrize(
    ("weights", "parts"),
    [
        ([1.0, 0.0, 1.0], ("weights[1] = 0.0", "positive")),
        ([1.0, 2.0], ("weights = 2", "must be 3 numbers")),
        ([1.0, float("nan"), 1.0], ("weights[1] = nan",)),
    ],
)
def test_bad_weights_are_one_clear_line(weights, parts):
    with pytest.raises(ProblemError) as caught:
        Problem([0.5, 0.2, 0.9], Linear(EFFECTS), weighted("logistic", weights))
    assert all(part in str(caught.value) for part in parts)
