"""Money apart from error: bills by hand, standard errors by drawing the data."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from jaxmech import collaboration, design
from tests.oracles import account as oracle

DRAWS = 200_000


@pytest.fixture(scope="module")
def equals():
    problem = collaboration.Problem([[0.02]] * 10, sigma=1.5, price=4.0)
    return problem, collaboration.solve(problem, mechanism="c3d").value


def test_the_standard_error_of_a_checked_agent_is_that_of_drawn_data(equals):
    problem, plan = equals
    whole = collaboration.integer_plan(problem, plan)
    n, total, alpha = (float(np.ravel(part)[0]) for part in (whole.samples, whole.plan.total, whole.alpha))
    # Z and Z' as the agreement has them: as many clean points as her own, the rest noisy
    mean, error = oracle.checked_error(n, n, total - 2 * n, alpha, 1.5, DRAWS, seed=1)
    found = collaboration.account(problem, whole.plan)
    assert float(found.standard_error[0, 0]) ** 2 == pytest.approx(mean, abs=4 * error)
    assert float(found.bill[0, 0]) == pytest.approx(0.02 * n)


def test_bill_and_error_add_up_to_the_penalty(equals):
    problem, plan = equals
    found = collaboration.account(problem, plan)
    np.testing.assert_allclose(np.sum(found.bill + found.error, axis=1), plan.penalty, rtol=1e-12)
    np.testing.assert_allclose(found.error, 4.0 * np.square(found.standard_error), rtol=1e-12)


def test_pool_and_roles_by_hand():
    """The cheap one works alone under cbl, and the other receives: σ²/n and σ²/(points of the others)."""
    problem = collaboration.Problem([[0.04], [np.inf]], sigma=2.0, price=9.0)
    plan = collaboration.solve(problem, division="social").value
    found = collaboration.account(problem, plan)
    n = 2.0 * 3.0 / 0.2
    np.testing.assert_allclose(found.standard_error.ravel(), [2.0 / np.sqrt(n)] * 2)
    np.testing.assert_allclose(found.bill.ravel(), [0.04 * n, 0.0])
    pooled = collaboration.solve(problem, division="social", mechanism="pool").value
    total = float(pooled.samples.sum())
    found = collaboration.account(problem, pooled)
    np.testing.assert_allclose(found.standard_error.ravel(), [2.0 / np.sqrt(total)] * 2)
    alone = collaboration.account_alone(problem, jnp.array([[25.0], [0.0]]))
    np.testing.assert_allclose(alone.standard_error.ravel(), [0.4, np.inf])


def _made(*, linked, cap):
    """A design that nobody has optimised: levels of the two checked distributions by hand."""
    n, z, rest = np.array([[4.0, 0.0, 9.0]]), np.array([[6.0, 5.0, 3.0]]), np.array([[40.0, 30.0, 20.0]])
    limit = np.array([[1.0, np.inf, 1.2]])
    sigma = np.array([1.0, 2.0, 1.5])
    spread = sigma * np.sqrt(1 / np.where(n > 0, n, np.inf) + 1 / z)
    passes = np.where(n > 0, 2 * norm.cdf(limit / spread) - 1, 1.0)
    failure = np.broadcast_to(1 - passes.prod(axis=1, keepdims=True), n.shape) if linked else 1 - passes
    problem = collaboration.Problem([[0.1, 0.1, 0.2]], sigma=sigma, price=[1.0, 2.0, 3.0])
    rule = design.Rule(jnp.array([0.0, 1.0, 1.0]), jnp.array([0.0, 0.0, cap]))
    n, z, rest, limit, failure = jax.tree.map(jnp.asarray, (n, z, rest, limit, failure))
    none = jnp.zeros(())
    made = design.Design(
        samples=n, comparison=z, rest=rest, limit=limit, role=jnp.zeros((1, 3), int), rule=rule, failure=failure,
        penalty=jnp.zeros(1), social_penalty=none, published=none, family=none, linked=jnp.asarray(linked),
        origin_code=jnp.zeros((), jnp.int32), rival_code=jnp.zeros((), jnp.int32),
    )  # fmt: skip
    return problem, made


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("cap", [np.inf, 5.0])
def test_the_standard_errors_of_a_design_are_those_of_drawn_data(linked, cap):
    problem, made = _made(linked=linked, cap=cap)
    sigma = np.asarray(problem.sigma)
    mean, error = oracle.threshold_errors(
        made.samples[0], made.comparison[0], made.rest[0], made.limit[0], cap, sigma, DRAWS, seed=2, linked=linked
    )
    found = design.account(problem, made)
    assert np.all(np.abs(np.square(found.standard_error[0]) - mean) < 4 * error)
    np.testing.assert_allclose(found.error[0], np.asarray(problem.price) * np.square(found.standard_error[0]))
