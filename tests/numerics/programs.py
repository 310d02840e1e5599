"""Small programs and points inside them, for the tests of the program, of Newton's step and of the interior point."""

import jax.numpy as jnp
import numpy as np

from jaxmech.numerics._program import Iterate, Kind, Program


def program(kind, agents, distributions, seed=0):
    """A program of a kind with costs and errors of order one, all rows bounded."""
    rng = np.random.default_rng([agents, distributions, seed])
    costs = np.exp(rng.normal(0, 0.7, (agents, distributions)))
    error = np.exp(rng.normal(0, 0.5, distributions))
    alone = 2 * np.sqrt(costs * error).sum(1)
    ones = np.ones(agents)
    return Program(
        costs=jnp.asarray(costs),
        error=jnp.asarray(error),
        weights=jnp.asarray(ones if kind.weighted else 0 * ones),
        bounds=jnp.asarray(alone * rng.uniform(0.7, 1.0, agents)),
        direction=jnp.asarray(ones if kind is Kind.MINIMAX else 0 * ones),
        able=jnp.ones((agents, distributions), bool),
        bounded=jnp.ones(agents, bool),
    )


def inside(data, seed=1):
    """A point with all variables positive, whose reduced costs are what its other variables say."""
    rng = np.random.default_rng([*data.costs.shape, seed])
    agents, distributions = data.costs.shape
    multiplier = rng.uniform(0.2, 1.0, agents)
    weights = np.asarray(data.weights) + multiplier
    reduced = weights[:, None] * np.asarray(data.costs)
    value = reduced.min(0) * rng.uniform(0.3, 0.9, distributions)
    return Iterate(
        amount=jnp.asarray(rng.uniform(0.1, 1.0, (agents, distributions))),
        gap=jnp.asarray(reduced - value),
        multiplier=jnp.asarray(multiplier),
        slack=jnp.asarray(rng.uniform(0.1, 1.0, agents)),
        value=jnp.asarray(value),
        level=jnp.asarray(1.0 if data.weights[0] > 0 else 0.7),
    )
