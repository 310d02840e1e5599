"""Families of random problems, from the ordinary to the absurd: where a division of work can go wrong.

``draw(family, rng, count, m, d)`` returns costs (count, m, d), inf where an agent cannot sample, and sigma and price
(count, d). Nothing here imports jaxmech.
"""

import numpy as np


def _decades(width):
    return lambda rng, count, m, d: 10 ** rng.uniform(-width, 0, (count, m, d))


def _whole_agents(rng, count, m, d):
    """Agents differ by up to six decades, the same agent's costs by half a decade."""
    return 10 ** (rng.uniform(-6, 0, (count, m, 1)) + rng.uniform(-0.5, 0, (count, m, d)))


def _one_cheaper(factor):
    """An automated laboratory among clinics."""

    def costs(rng, count, m, d):
        table = rng.uniform(0.5, 1.5, (count, m, d))
        table[np.arange(count), rng.integers(m, size=count)] /= factor
        return table

    return costs


def _binding(rng, count, m, d):
    """Costs of agents who differ little: being no worse off than alone binds for most."""
    agent, distribution, pair = (rng.standard_normal((count, *shape)) for shape in ((m, 1), (1, d), (m, d)))
    return np.exp(0.3 * agent + 0.5 * distribution + 0.05 * pair)


def _easy(rng, count, m, d):
    """Every distribution has a cheap agent of its own, where there are enough: the social optimum binds nobody."""
    table = rng.uniform(0.5, 1.5, (count, m, d))
    table[:, np.arange(d) % m, np.arange(d)] *= 0.2
    return table


def _nearly_tied(rng, count, m, d):
    """Each agent repeats one of two rows, but for the last digit or two."""
    return _equal_rows(rng, count, m, d) * (1 + 1e-15 * rng.uniform(-1, 1, (count, m, d)))


def _equal_rows(rng, count, m, d):
    rows = _binding(rng, count, 2, d)
    return np.take_along_axis(rows, rng.integers(2, size=(count, m, 1)), axis=1)


def _missing(share):
    """Many cannot sample; every distribution keeps one agent who can."""

    def costs(rng, count, m, d):
        table = 10 ** rng.uniform(-1, 0, (count, m, d))
        lost = rng.uniform(size=table.shape) < share
        keeper = rng.integers(m, size=(count, 1, d))
        np.put_along_axis(lost, keeper, False, axis=1)
        return np.where(lost, np.inf, table)

    return costs


def _one_able(rng, count, m, d):
    table = 10 ** rng.uniform(-1, 0, (count, m, d))
    able = np.arange(m)[:, None] == rng.integers(m, size=(count, 1, 1))
    return np.where(able, table, np.inf)


_COSTS = {
    "costs over 0.1 decades": _decades(0.1),
    "costs over 1 decade": _decades(1),
    "costs over 3 decades": _decades(3),
    "costs over 6 decades": _decades(6),
    "costs over 12 decades": _decades(12),
    "costs over 20 decades": _decades(20),
    "agents over 6 decades": _whole_agents,
    "one agent 1e3 cheaper": _one_cheaper(1e3),
    "one agent 1e6 cheaper": _one_cheaper(1e6),
    "sigma over 12 decades": _decades(1),
    "price over 12 decades": _decades(1),
    "sigma and price over 12 decades": _decades(1),
    "ties to 1e-15": _nearly_tied,
    "equal rows": _equal_rows,
    "30 % cannot sample": _missing(0.3),
    "90 % cannot sample": _missing(0.9),
    "one able agent": _one_able,
    "binding": _binding,
    "not binding": _easy,
}
FAMILIES = tuple(_COSTS)
WITH_GAPS = ("30 % cannot sample", "90 % cannot sample", "one able agent")
"""Families with infinite costs, where some agents have no penalty of working alone."""


def draw(family, rng, count, m, d):
    costs = _COSTS[family](rng, count, m, d)
    sigma, price = 10 ** rng.uniform(-1, 1, (count, 1)), np.ones((count, 1))
    sigma, price = sigma * np.ones((count, d)), price * np.ones((count, d))
    if "sigma" in family:
        sigma = 10 ** rng.uniform(-6, 6, (count, d))
    if "price" in family:
        price = 10 ** rng.uniform(-6, 6, (count, d))
    return costs, sigma, price
