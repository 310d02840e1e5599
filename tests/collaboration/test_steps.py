"""How many steps a solve takes: the same on every machine, unlike the time that they take."""

import jax
import numpy as np
import pytest

from jaxmech import Status, collaboration


def _binding(seed, *shape):
    """Costs (instances, agents, distributions) that differ by a factor of the agent more than else: rows bind."""
    rng = np.random.default_rng(seed)
    count, m, d = shape
    agent, distribution, pair = (
        rng.standard_normal(part) for part in ((count, m, 1), (count, 1, d), (count, m, d))
    )  # fmt: skip
    return np.exp(0.3 * agent + 0.5 * distribution + 0.05 * pair)


@pytest.mark.long
@pytest.mark.parametrize(
    ("division", "shape", "most"),
    [
        ("rational_optimum", (400, 3, 2), 6.6),
        ("rational_optimum", (400, 10, 5), 8.8),
        ("rational_optimum", (3, 300, 100), 21.0),
        ("nash_bargaining", (400, 3, 2), 8.8),
    ],
)
def test_steps_on_average(division, shape, most):
    """8.0, 9.8, 27.3 and 9.4 where complementarity had to stay above a tenth of the residuals."""

    def solve(costs):
        return getattr(collaboration, division)(collaboration.Problem(costs, 1.0))

    found = jax.jit(jax.vmap(solve))(_binding(0, *shape))
    assert (np.asarray(found.status) == Status.OK).all()
    assert np.mean(found.steps) <= most
