"""Any of a problem's numbers may be traced while the others are known: every function traces, and answers alike."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmech
from jaxmech import collaboration
from jaxmech._errors import ProblemError
from tests.slopes import directions, linearized

COSTS = np.array([[0.03, 0.5], [0.07, 0.2], [0.1, 0.4]])
WORTH = np.array([[1.0, 2.0], [0.6, 1.3], [1.2, 1.5]])
NUMBERS = {
    "rows": {"costs": COSTS, "sigma": np.array([10.0, 8.0]), "price": np.array([1.0, 2.0])},
    "tables": {"costs": COSTS, "sigma": np.array([10.0, 8.0]) * np.array([[1.0], [0.9], [1.1]]), "price": WORTH},
    "limits": {
        "costs": COSTS,
        "sigma": np.array([10.0, 8.0]),
        "price": WORTH,
        "most": np.full((3, 2), 60.0),
        "least": np.full((3, 2), 0.5),
        "budget": np.full(3, 9.0),
    },
}


def _solved(division, mechanism):
    return lambda problem: collaboration.solve(problem, division=division, mechanism=mechanism).value.samples


FUNCTIONS = {
    f"{division} by {mechanism}": _solved(division, mechanism)
    for division in ("social", "rational", "egalitarian", "nash")
    for mechanism in ("pool", "cbl")
}
FUNCTIONS["whole plans"] = lambda problem: collaboration.integer_plan(problem, collaboration.solve(problem).value)
FUNCTIONS["accounts"] = lambda problem: collaboration.account(problem, collaboration.solve(problem).value)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("kind", NUMBERS)
def test_every_number_may_be_traced_alone_and_all_others_and_none(kind, name):
    numbers, function = NUMBERS[kind], FUNCTIONS[name]
    known = collaboration.Problem(**numbers)
    expected = jax.tree.map(jnp.shape, jax.eval_shape(function, known))
    for one in numbers:
        for some in ({one}, numbers.keys() - {one}):
            traced = jax.eval_shape(
                lambda values: function(collaboration.Problem(**numbers | values)), {key: numbers[key] for key in some}
            )
            assert jax.tree.leaves(jax.tree.map(jnp.shape, traced)) == jax.tree.leaves(expected), some
    inside = jax.eval_shape(lambda _: function(known), 0.0)
    assert jax.tree.leaves(jax.tree.map(jnp.shape, inside)) == jax.tree.leaves(expected)


@pytest.mark.parametrize("division", ["social", "nash"])
def test_costs_in_batches_and_a_table_of_prices_that_is_known(division):
    def solved(costs):
        return collaboration.solve(collaboration.Problem(costs, 10.0, WORTH), division=division, mechanism="pool")

    costs = COSTS * np.array([1.0, 1.1, 0.8])[:, None, None]
    batch = jaxmech.batch(solved, costs)
    assert np.all(batch.status == 0)
    for row, alone in zip(batch.value.samples, map(solved, costs), strict=True):
        np.testing.assert_allclose(row, alone.value.samples, rtol=1e-7)


def test_slopes_in_a_table_of_prices_are_differences():
    solved = _solved("nash", "pool")

    def amounts(price):
        return solved(collaboration.Problem(COSTS, 10.0, price))

    @jax.jit
    def slopes(price):
        value, push, pull = linearized(amounts, price)
        units = directions(price)
        return value, jax.vmap(push, out_axes=-1)(units), jax.vmap(lambda unit: pull(unit)[0])(units)

    found, step = [np.reshape(part, (*WORTH.shape, *WORTH.shape)) for part in slopes(WORTH)[1:]], 1e-6
    np.testing.assert_allclose(*found, rtol=1e-7, atol=1e-7)
    for index in np.ndindex(WORTH.shape):
        moved = np.zeros(WORTH.shape)
        moved[index] = step
        difference = (slopes(WORTH + moved)[0] - slopes(WORTH - moved)[0]) / (2 * step)
        np.testing.assert_allclose(found[0][..., *index], difference, rtol=1e-5, atol=1e-5)


def test_what_is_known_is_refused_inside_a_transformation_too():
    costs = np.array([[0.03, np.inf], [0.07, 0.2], [0.1, 0.4]])
    with pytest.raises(ProblemError, match=r"costs\[0\]\[1\].*nash"):
        jax.jit(lambda price: _solved("nash", "pool")(collaboration.Problem(costs, 10.0, price)))(jnp.ones(2))
    # A whole number of points between 1.2 and 1.8.
    most, least = np.where(COSTS == 0.03, 1.8, 60.0), np.where(COSTS == 0.03, 1.2, 0.0)
    known = collaboration.Problem(COSTS, 10.0, most=most, least=least)
    with pytest.raises(ProblemError, match=r"most\[0\]\[0\].*whole number"):
        jax.jit(lambda factor: factor * FUNCTIONS["whole plans"](known).plan.samples)(1.0)
