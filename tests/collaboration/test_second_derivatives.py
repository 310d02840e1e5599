"""Values of divisions: two derivatives in the costs against the envelope theorem, which asks for amounts alone.

In the logarithm of c_ik the least common penalty of the egalitarian division rises by w_k n_ik/S_k² (Σu = 1 and
u_i c_ik = w_k/S_k² on the support), and Nash's Σ log(p_IND[i] − p_i) by (σ_k √c_ik − c_ik n_ik)/(p_IND[i] − p_i).
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import Status, collaboration
from jaxmech.collaboration import Problem, alone_penalty, penalty
from tests.collaboration.families import draw
from tests.slopes import directions, linearized

pytestmark = pytest.mark.usefixtures("compile_quickly")

SIGMA = jnp.array([1.3, 0.8])
SHAPE = (4, 2)
STEP = 2e-3
SOLVERS = {"egalitarian": collaboration.egalitarian_bargaining, "nash": collaboration.nash_bargaining}


def amounts(division, logs):
    return SOLVERS[division](Problem(jnp.exp(logs), SIGMA))


def value(division, logs):
    problem = Problem(jnp.exp(logs), SIGMA)
    paid = penalty(problem, amounts(division, logs).value)
    return jnp.mean(paid) if division == "egalitarian" else jnp.sum(jnp.log(alone_penalty(problem) - paid))


def envelope(division, logs, samples):
    problem = Problem(jnp.exp(logs), SIGMA)
    if division == "egalitarian":
        return SIGMA**2 * samples / jnp.sum(samples, axis=0) ** 2
    gain = alone_penalty(problem) - penalty(problem, samples)
    return (SIGMA * jnp.exp(logs / 2) - jnp.exp(logs) * samples) / gain[:, None]


@pytest.mark.slow
@pytest.mark.parametrize("division", SOLVERS)
def test_values_have_two_derivatives(division):
    """Differences of fourth order of the envelope's gradient, where no agent enters or leaves on the way."""
    size = SHAPE[0] * SHAPE[1]
    solve = jax.jit(jax.vmap(lambda logs: amounts(division, logs)))
    slopes = jax.jit(jax.vmap(lambda logs, samples: envelope(division, logs, samples)))

    @jax.jit
    def forward(logs):
        gradient, push, _ = linearized(jax.grad(lambda logs: value(division, logs)), logs)
        return gradient, jax.vmap(push)(directions(logs))

    reverse = jax.jit(jax.jacrev(jax.jacfwd(lambda logs: value(division, logs))))
    steps = STEP * np.array([1.0, -1.0, 2.0, -2.0])[:, None, None, None] * np.eye(size).reshape(size, *SHAPE)
    tested = 0
    for seed in range(20):
        logs = jnp.log(jnp.asarray(draw("binding", np.random.default_rng(seed), 1, *SHAPE)[0][0]))
        points = logs + jnp.asarray(np.concatenate([np.zeros((1, *SHAPE)), steps.reshape(-1, *SHAPE)]))
        found = solve(points)
        assert (np.asarray(found.status) == Status.OK).all()
        support = np.asarray(found.value) > 0
        if not (support == support[0]).all():
            continue
        tested += 1
        here, *around = np.asarray(slopes(points, found.value)).reshape(-1, size)
        ahead, behind, two_ahead, two_behind = np.array(around).reshape(4, size, size)
        expected = (8 * (ahead - behind) - (two_ahead - two_behind)) / (12 * STEP)
        gradient, pushed = forward(logs)
        np.testing.assert_allclose(np.asarray(gradient).ravel(), here, rtol=1e-7, atol=1e-8)
        for hessian in (pushed, reverse(logs)):
            bends = np.asarray(hessian).reshape(size, size)
            np.testing.assert_allclose(bends, expected, rtol=0, atol=2e-6 * np.abs(expected).max())
    assert tested >= 5
